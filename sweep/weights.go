package main

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"fusegrid/kernels"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
)

// A gallery keeps the weights, or the states, of the best trials of a folder: WEIGHTS/KEY.safetensors.
type gallery struct {
	dir  string
	what string // it keeps of each
	disk disk
	n    int // trials to keep, or everyTrial

	mu   sync.Mutex
	best []results.Record // ranked, at most n; none where all are kept
	held map[string]bool  // trials whose files may not be removed yet
}

const everyTrial = -1

func newGallery(dir, what string, d disk, n int, records map[string]results.Record) *gallery {
	g := &gallery{dir: dir, what: what, disk: d, n: n, held: map[string]bool{}}
	if n != everyTrial {
		done := doneOf(records)
		results.Rank(done)
		g.best = slices.Clone(done[:min(n, len(done))])
	}
	return g
}

// doneOf returns the records of trials that trained to the end.
func doneOf(records map[string]results.Record) []results.Record {
	var done []results.Record
	for _, r := range records {
		if r.State == results.Done {
			done = append(done, r)
		}
	}
	return done
}

// enter ranks a record and returns what no longer is among the best, which may be r itself.
func (g *gallery) enter(r results.Record) (out *results.Record) {
	if g.n == everyTrial {
		return nil
	}
	g.best = slices.DeleteFunc(g.best, func(o results.Record) bool { return o.Key == r.Key })
	g.best = append(g.best, r)
	results.Rank(g.best)
	if len(g.best) > g.n {
		out = &g.best[g.n]
		g.best = g.best[:g.n]
	}
	return out
}

func (g *gallery) name(key string) string { return filepath.Join(g.dir, key+".safetensors") }

// offer writes what is kept of a trial on record if that is among the best so far. Should the process be killed
// on the way, or the write fail, the next sweep finds that it is missing.
func (g *gallery) offer(r results.Record, write func(io.Writer) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := g.enter(r)
	if out != nil && out.Key == r.Key {
		// A run that ended before the trial was on record may have left them here.
		return g.remove(r.Key)
	}
	var removed error
	if out != nil {
		removed = g.remove(out.Key)
	}
	return cmp.Or(g.put(r.Key, write), removed)
}

// put writes what is kept of a trial.
func (g *gallery) put(key string, write func(io.Writer) error) error {
	err := makeFolder(g.dir)
	if err == nil {
		err = g.disk.swap(g.name(key), write)
	}
	if err != nil {
		return fmt.Errorf("keeping the %s of a trial: %w", g.what, err)
	}
	return nil
}

// remove drops the file of a trial, if there is one that is not held.
func (g *gallery) remove(key string) error {
	if g.held[key] {
		return nil
	}
	err := g.disk.remove(g.name(key))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the %s of a trial: %w", g.what, err)
	}
	return nil
}

// hold keeps the file of a trial, whatever its rank, until release.
func (g *gallery) hold(key string) { g.held[key] = true }

// release removes what was held and is not among the best, and tidies.
func (g *gallery) release(useless func(key string) bool) error {
	held := g.held
	g.held = nil
	return g.tidy(func(key string) bool { return held[key] && g.n != everyTrial || useless(key) })
}

// tidy removes the files of trials that are of no use, but for the best and those that are held. Such
// are left where a sweep ended before its time.
func (g *gallery) tidy(useless func(key string) bool) error {
	entries, err := os.ReadDir(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for the %s of trials: %w", g.what, err)
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

// missing returns the trials to keep whose files are not there: they were trained before anyone asked to keep
// this of them, or it could not be written.
func (g *gallery) missing(records map[string]results.Record) (missing []results.Record) {
	kept := g.best
	if g.n == everyTrial {
		kept = doneOf(records)
	}
	for _, r := range kept {
		if _, err := os.Stat(g.name(r.Key)); err != nil {
			missing = append(missing, r)
		}
	}
	return missing
}

// weightsFile names the weights and biases of a net, layer by layer: w1 (out, in), b1, ….
func weightsFile[T kernels.Float](r results.Record, inputs int, weights [][]T) safetensors.File {
	f := safetensors.File{Meta: map[string]string{"key": r.Key, "config": r.Config.Canonical(), "weights": r.Weights}}
	for i := 0; i < len(weights); i += 2 {
		out := len(weights[i+1])
		f.Tensors = append(f.Tensors,
			safetensors.Of(fmt.Sprintf("w%d", i/2+1), weights[i], out, inputs),
			safetensors.Of(fmt.Sprintf("b%d", i/2+1), weights[i+1], out))
		inputs = out
	}
	return f
}
