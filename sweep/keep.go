package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"fusegrid/internal/say"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
)

// A keeping is the keeper of a job.
type keeping struct {
	*job
	output  *folder.Folder
	store   *folder.Store
	gallery *folder.TopFiles // nil if no weights are kept
	states  *folder.TopFiles // nil if no states are kept
	machine results.Machine
	peak    float64
	waiting atomic.Int64 // bytes of blocks that wait in memory
	mishaps mishaps
}

// Mishaps are what could not be written of weights, states and checkpoints: trials are on record without. The
// first is said at once. Any number of goroutines may call.
type mishaps struct {
	stderr io.Writer
	mu     sync.Mutex
	first  error
	n      int
}

func (m *mishaps) note(err error) {
	if err == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n++; m.n == 1 {
		m.first = err
		fmt.Fprintf(m.stderr, "sweep: %v; the trials do not depend on it\n", err)
	}
}

// err returns an error if anything could not be written. The names of files have been said.
func (m *mishaps) err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first == nil {
		return nil
	}
	cause := m.first
	if p := new(fs.PathError); errors.As(cause, &p) {
		cause = p.Err
	}
	return fmt.Errorf("%s to write weights, states or checkpoints: %w", say.Plural(m.n, "failure"), cause)
}

// offer returns what offers a trial to a gallery.
func (m *mishaps) offer(g *folder.TopFiles) func(results.Record, func(io.Writer) error) {
	return func(r results.Record, write func(io.Writer) error) { m.note(g.Offer(r, write)) }
}

func (k *keeping) keep(records []results.Record) error {
	for i := range records {
		r := &records[i]
		r.DataName, r.Impl, r.Machine = k.data.Name, k.set.Name, k.machine
		r.Ended = time.Now().UTC().Truncate(time.Millisecond)
		r.Speed.Block, r.Speed.Workers, r.Speed.Peak = max(r.Speed.Block, 1), k.workers, k.peak
		if r.Speed.Seconds > 0 {
			r.Speed.Iters = float64(r.Steps) / r.Speed.Seconds
			r.Speed.Samples = r.Speed.Iters * float64(r.Config.Batch)
			r.Speed.FLOPs = r.Speed.Iters * k.flops(r.Config)
		}
	}
	return k.output.Append(records)
}

func (k *keeping) hooks(b plan.Block, t *progress.Block) hooks {
	h := hooks{
		races:   k.races,
		resumed: t.Resumed,
		load: func() (*safetensors.File, error) {
			if b.From != nil {
				return folder.Gather(b)
			}
			return k.store.Load(b.ID)
		},
		save: func(f safetensors.File) error {
			err := k.store.Save(b, f)
			k.mishaps.note(err)
			return err
		},
		begunAnew: func(why error) {
			fmt.Fprintf(k.stderr, "sweep: a checkpoint cannot be used: %v; its trials start anew\n", why)
		},
	}
	if k.races != nil {
		h.hold = func() (bool, func()) { return k.hold(b) }
	}
	if k.store.Every > 0 {
		last := time.Now()
		h.due = func() bool {
			due := time.Since(last) >= k.store.Every
			if due {
				last = time.Now()
			}
			return due
		}
	}
	if k.gallery != nil {
		h.keep = k.mishaps.offer(k.gallery)
	}
	if k.states != nil {
		h.keepState = k.mishaps.offer(k.states)
	}
	return h
}

// hold finds memory for a block to wait in.
func (k *keeping) hold(b plan.Block) (ok bool, release func()) {
	size := int64(0)
	for _, t := range b.Trials {
		size += k.stateSize(t.Config)
	}
	if k.waiting.Add(size) > cmp.Or(k.room, waitingRoom) {
		k.waiting.Add(-size)
		return false, func() {}
	}
	return true, func() { k.waiting.Add(-size) }
}

func (k *keeping) done(b plan.Block) error { return k.store.Remove(b.ID) }
