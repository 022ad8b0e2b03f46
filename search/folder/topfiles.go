package folder

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"fusegrid/nn/safetensors"
	"fusegrid/results"
)

// TopFiles keeps a file DIR/KEY.safetensors for each of the best trials of a folder. The file has
// the weights or the state of the trial.
type TopFiles struct {
	Dir  string
	Kind string // weights or state, for messages
	disk Disk
	N    int // number of trials, or EveryTrial

	mu       sync.Mutex
	best     []results.Record // ranked, at most N; empty if all are kept
	retained map[string]bool  // trials whose files may not be removed yet
}

// EveryTrial is the number N that keeps the files of all trials.
const EveryTrial = -1

// NewTopFiles returns the files of the best n of the records, or of all trials if n is [EveryTrial].
func NewTopFiles(dir, kind string, d Disk, n int, records map[string]results.Record) *TopFiles {
	g := &TopFiles{Dir: dir, Kind: kind, disk: d, N: n, retained: map[string]bool{}}
	if n != EveryTrial {
		done := Done(records)
		results.Rank(done)
		g.best = slices.Clone(done[:min(n, len(done))])
	}
	return g
}

// Done returns the records of trials that trained to the end.
func Done(records map[string]results.Record) []results.Record {
	var done []results.Record
	for _, r := range records {
		if r.State == results.Done {
			done = append(done, r)
		}
	}
	return done
}

// OfBest returns the trials of the best n settings, without those that did not train to the end.
// Settings without such a trial do not count.
func OfBest(records map[string]results.Record, n int, by results.Order) []results.Record {
	var best []results.Record
	for _, s := range results.RankSettings(slices.Collect(maps.Values(records)), by) {
		if n == 0 {
			break
		}
		before := len(best)
		for _, r := range s.Trials {
			if r.State == results.Done {
				best = append(best, *r)
			}
		}
		if len(best) > before {
			n--
		}
	}
	return best
}

// Settle replaces the best trials so far by those that remain the best, and removes the files of the others.
func (g *TopFiles) Settle(best []results.Record) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	remain := make(map[string]bool, len(best))
	for _, r := range best {
		remain[r.Key] = true
	}
	var failed error
	for _, r := range g.best {
		if !remain[r.Key] {
			failed = cmp.Or(failed, g.remove(r.Key))
		}
	}
	g.best = best
	return failed
}

// enter ranks r and returns the record that is no longer among the best, which may be r.
func (g *TopFiles) enter(r results.Record) (out *results.Record) {
	if g.N == EveryTrial {
		return nil
	}
	g.best = slices.DeleteFunc(g.best, func(o results.Record) bool { return o.Key == r.Key })
	g.best = append(g.best, r)
	results.Rank(g.best)
	if len(g.best) > g.N {
		out = &g.best[g.N]
		g.best = g.best[:g.N]
	}
	return out
}

// Name returns the name of the file of a trial.
func (g *TopFiles) Name(key string) string { return filepath.Join(g.Dir, key+".safetensors") }

// Offer writes the file of a trial on record if the trial is among the best so far. If the process is killed meanwhile,
// or if the write fails, the next sweep finds that the file is missing.
func (g *TopFiles) Offer(r results.Record, write func(io.Writer) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := g.enter(r)
	if out != nil && out.Key == r.Key {
		// A run that was killed before the trial was on record may have left the file.
		return g.remove(r.Key)
	}
	var removed error
	if out != nil {
		removed = g.remove(out.Key)
	}
	return cmp.Or(g.Put(r.Key, write), removed)
}

// Put writes the file of a trial.
func (g *TopFiles) Put(key string, write func(io.Writer) error) error {
	err := makeFolder(g.Dir)
	if err == nil {
		err = g.disk.Swap(g.Name(key), write)
	}
	if err != nil {
		return fmt.Errorf("keeping the %s of a trial: %w", g.Kind, err)
	}
	return nil
}

// remove removes the file of a trial, unless it is retained.
func (g *TopFiles) remove(key string) error {
	if g.retained[key] {
		return nil
	}
	err := g.disk.Remove(g.Name(key))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the %s of a trial: %w", g.Kind, err)
	}
	return nil
}

// Retain keeps the file of a trial until Release, independent of its rank.
func (g *TopFiles) Retain(key string) { g.retained[key] = true }

// Release removes the retained files of trials that are not among the best, and then does what Tidy
// does.
func (g *TopFiles) Release(useless func(key string) bool) error {
	held := g.retained
	g.retained = nil
	return g.Tidy(func(key string) bool { return held[key] && g.N != EveryTrial || useless(key) })
}

// Tidy removes the files of trials for which useless returns true, except retained files and the
// files of the best trials. A sweep that was killed leaves such files.
func (g *TopFiles) Tidy(useless func(key string) bool) error {
	entries, err := os.ReadDir(g.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for the %s of trials: %w", g.Kind, err)
	}
	best := make(map[string]bool, len(g.best))
	for _, r := range g.best {
		best[r.Key] = true
	}
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), ".safetensors")
		if !ok || len(key) != 2*sha256.Size || best[key] || !useless(key) {
			continue
		}
		if err := g.remove(key); err != nil {
			return err
		}
	}
	return nil
}

// Missing returns the best trials whose files are missing or damaged. Earlier sweeps may not have asked for the files,
// or may have failed to write them.
func (g *TopFiles) Missing(records map[string]results.Record) (missing []results.Record) {
	kept := g.best
	if g.N == EveryTrial {
		kept = Done(records)
	}
	for _, r := range kept {
		if g.check(r) != nil {
			missing = append(missing, r)
		}
	}
	return missing
}

// check returns an error if the file of a trial is missing or damaged.
func (g *TopFiles) check(r results.Record) error {
	_, err := g.load(r)
	return err
}

// load returns the file of a trial. It returns an error if the file is missing or damaged.
func (g *TopFiles) load(r results.Record) ([]byte, error) {
	data, err := os.ReadFile(g.Name(r.Key))
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Read(data)
	switch {
	case err != nil:
	case !f.HasSeal():
		err = checkWeights(f, r.Key, r.Config.DType)
	case !f.Sealed(): // it is a state
		err = errChecksum
	}
	return data, err
}

var errChecksum = errors.New("its checksum does not agree")
