package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	best []results.Record // ranked, at most n; not ranked where all are kept
	held map[string]bool  // trials whose files may not be removed yet
}

const everyTrial = -1

func newGallery(dir, what string, d disk, n int, records map[string]results.Record) *gallery {
	g := &gallery{dir: dir, what: what, disk: d, n: n, held: map[string]bool{}}
	for _, r := range records {
		g.enter(r)
	}
	return g
}

// enter ranks a record and returns what no longer is among the best, which may be r itself.
func (g *gallery) enter(r results.Record) (out *results.Record) {
	if r.State != results.Done || g.n == 0 {
		return &r
	}
	if g.n == everyTrial {
		g.best = append(g.best, r)
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

// offer writes what is kept of a trial if that is among the best so far. It is called before
// the trial is on record, so that no such trial can be without.
func (g *gallery) offer(r results.Record, write func(io.Writer) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := g.enter(r)
	if out != nil && out.Key == r.Key {
		// A run that ended before the trial was on record may have left them here.
		return g.remove(r.Key)
	}
	err := makeFolder(g.dir)
	if err == nil {
		err = g.disk.swap(g.name(r.Key), write)
	}
	if err == nil && out != nil {
		return g.remove(out.Key)
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

// release removes what was held and is not among the best.
func (g *gallery) release() error {
	if g.n == everyTrial {
		return nil
	}
	for _, r := range g.best {
		delete(g.held, r.Key)
	}
	held := slices.Sorted(maps.Keys(g.held))
	clear(g.held)
	for _, key := range held {
		if err := g.remove(key); err != nil {
			return err
		}
	}
	return nil
}

// missing counts the best trials that were trained before anyone asked to keep this of them.
func (g *gallery) missing() int {
	n := 0
	for _, r := range g.best {
		if _, err := os.Stat(g.name(r.Key)); err != nil {
			n++
		}
	}
	return n
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
