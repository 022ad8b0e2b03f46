package folder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/results/curve"
)

// copyCurves adds the curves of trials that have none in the folder, or whose records are new.
func (m *merger) copyCurves(out *Folder) (err error) {
	own, err := out.Curves()
	if err != nil {
		return badCurves(err)
	}
	err = own.Close()
	wanted := map[string]bool{} // those that no source so far has
	for _, key := range m.order {
		wanted[key] = !own.Has(key) || !m.trials[key].known // the curve there may be of a shorter training
	}
	type part struct {
		name string
		keys map[string]bool
	}
	var parts []part
	replaced := map[string]bool{}
	for _, s := range m.sources {
		if s.dir == "" || err != nil {
			continue
		}
		of := &Folder{Dir: s.dir}
		var c *Curves
		if c, err = of.Curves(); err != nil {
			return badCurves(err)
		}
		p := part{of.curvesFile(), map[string]bool{}}
		for _, r := range s.records {
			if wanted[r.Key] && slices.Contains(m.trials[r.Key].from, s) && c.Has(r.Key) {
				p.keys[r.Key], replaced[r.Key], wanted[r.Key] = true, true, false
			}
		}
		if err = c.Close(); len(p.keys) > 0 {
			parts = append(parts, p)
		}
	}
	if err != nil || parts == nil {
		return err
	}
	name := out.curvesFile()
	err = out.disk.Swap(name, func(w io.Writer) error {
		was, err := readIfExists(name, func(r io.Reader) error {
			return curve.Mend(w, r, name, m.curvesVersion(), func(key string) bool { return !replaced[key] })
		})
		if err == nil && !was {
			err = curve.Create(w, m.curvesVersion())
		}
		for _, p := range parts {
			if err == nil {
				_, err = readIfExists(p.name, func(r io.Reader) error {
					return curve.Copy(w, r, p.name, func(key string) bool { return p.keys[key] })
				})
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("merging curves: %w", err)
	}
	return nil
}

// curvesVersion returns the version that a file with the curves of all trials needs.
func (m *merger) curvesVersion() int {
	for _, t := range m.trials {
		if t.record.Config.Objective != "" {
			return curve.Functions
		}
	}
	return curve.Nets
}

// readIfExists reads a file. It reports whether the file exists.
func readIfExists(name string, read func(io.Reader) error) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	defer f.Close()
	return true, read(f)
}

// copyBest adds the weights and states of the trials whose files a sweep of the whole study would keep. If there are
// sources other than shards, it is not known how many these are, so that all files are copied. copyBest returns messages
// about missing files.
func (m *merger) copyBest(out *Folder) (lacking []string, err error) {
	all := make(map[string]results.Record, len(m.trials))
	for key, t := range m.trials {
		all[key] = t.record
	}
	for _, kind := range []struct {
		dir, name string
		n         func(results.Shard) int
		best      func(n int) []results.Record
	}{
		{WeightsDir, "weights", func(s results.Shard) int { return s.Weights }, func(n int) []results.Record { return OfBest(all, n, m.rank()) }},
		{StatesDir, "state", func(s results.Shard) int { return s.States }, func(n int) []results.Record {
			done := Done(all)
			results.Rank(done)
			return done[:min(n, len(done))]
		}},
	} {
		n, known := m.asked(kind.n)
		wanted := Done(all)
		if n != results.AllFiles {
			wanted = kind.best(n)
		}
		g := &TopFiles{Dir: filepath.Join(m.dir, kind.dir), Kind: kind.name, disk: out.disk}
		missing, err := m.copyFiles(g, wanted)
		if err != nil {
			return nil, err
		}
		if known && missing > 0 {
			lacking = append(lacking, fmt.Sprintf("the %s of %s to be kept and missing; the same sweep into %s, without -shard, makes them",
				strings.TrimSuffix(kind.name, "s")+"s", say.Are(missing), m.dir))
		}
	}
	return lacking, nil
}

// asked returns the number of best trials or settings whose files the shards keep. It also reports whether there are
// only shards; if not, all files are wanted.
func (m *merger) asked(n func(results.Shard) int) (most int, known bool) {
	for _, s := range m.sources {
		if len(s.shards) == 0 && len(s.records) > 0 {
			return results.AllFiles, false
		}
		for _, shard := range s.shards {
			switch k := n(shard); {
			case k == results.AllFiles:
				return k, true
			default:
				most = max(most, k)
			}
		}
	}
	return most, true
}

// copyFiles copies the files of trials. It returns the number of trials whose files no source has.
func (m *merger) copyFiles(g *TopFiles, wanted []results.Record) (missing int, err error) {
	results.Rank(wanted)
	for _, r := range wanted {
		if _, err := g.load(r); err == nil {
			continue
		}
		missing++
		for _, s := range m.trials[r.Key].from {
			if s.dir == "" {
				continue
			}
			theirs := &TopFiles{Dir: filepath.Join(s.dir, filepath.Base(g.Dir))}
			if data, err := theirs.load(r); err == nil {
				if err := g.Put(r.Key, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
					return missing, err
				}
				missing--
				break
			}
		}
	}
	return missing, nil
}
