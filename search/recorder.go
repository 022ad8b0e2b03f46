package search

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"fusegrid/internal/say"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A recorder is the keeper of trials that are not on record. It writes records, checkpoints, weights and states.
type recorder struct {
	*job
	output  *folder.Folder
	store   *folder.Store
	weights *folder.TopFiles // nil if no weights are kept
	states  *folder.TopFiles // nil if no states are kept
	machine results.Machine
	peak    float64
	waiting atomic.Int64 // bytes of blocks that wait in memory
	mishaps mishaps
}

// unrecorded returns the number of trials of the blocks that are not on record.
func (k *recorder) unrecorded(blocks []plan.Block) (n int) {
	for _, b := range blocks {
		for _, t := range b.Trials {
			if _, ok := k.output.Records[t.Key]; !ok {
				n++
			}
		}
	}
	return n
}

// Mishaps are failures to write weights, states and checkpoints. They do not affect the records. The first failure is
// logged at once. The methods are safe for concurrent use.
type mishaps struct {
	log   *log.Logger
	mu    sync.Mutex
	first error
	n     int
}

func (m *mishaps) note(err error) {
	if err == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n++; m.n == 1 {
		m.first = err
		m.log.Printf("%v; the trials do not depend on it", err)
	}
}

// err returns an error if a file could not be written. It does not name the file, because the log does.
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

// offer returns a function that offers a trial to g. It returns nil if g is nil.
func (m *mishaps) offer(g *folder.TopFiles) runner.Offer {
	if g == nil {
		return nil
	}
	return func(r results.Record, write func(io.Writer) error) { m.note(g.Offer(r, write)) }
}

func (k *recorder) keep(records []results.Record) error {
	for i := range records {
		r := &records[i]
		r.DataName, r.Impl, r.Machine = k.Data.Name, k.Kernels.Name, k.machine
		r.Ended = time.Now().UTC().Truncate(time.Millisecond)
		r.Speed.Block, r.Speed.Workers, r.Speed.Peak = max(r.Speed.Block, 1), k.Workers, k.peak
		if r.Speed.Seconds > 0 {
			r.Speed.Iters = float64(r.Steps) / r.Speed.Seconds
			r.Speed.Samples = r.Speed.Iters * float64(r.Config.Batch)
			r.Speed.FLOPs = r.Speed.Iters * k.flops(r.Config)
		}
	}
	return k.output.Append(records)
}

func (k *recorder) brackets() *halving.Brackets { return k.races }

func (k *recorder) rejected(why error) {
	k.Log.Printf("a checkpoint cannot be used: %v; its trials start again", why)
}

func (k *recorder) checkpointer(b plan.Block) runner.Checkpointer {
	return &checkpointer{k, b, time.Now()}
}

// A checkpointer saves the state of one block, and the weights and states of its trials.
type checkpointer struct {
	*recorder
	block plan.Block
	last  time.Time // when the state was last due
}

func (c *checkpointer) Due() bool {
	if c.store.Every <= 0 || time.Since(c.last) < c.store.Every {
		return false
	}
	c.last = time.Now()
	return true
}

func (c *checkpointer) Save(f safetensors.File) error {
	err := c.store.Save(c.block, f)
	c.mishaps.note(err)
	return err
}

func (c *checkpointer) Load() (*safetensors.File, error) {
	if c.block.From != nil {
		return folder.Gather(c.block)
	}
	return c.store.Load(c.block.ID)
}

func (c *checkpointer) Weights() runner.Offer { return c.mishaps.offer(c.weights) }
func (c *checkpointer) State() runner.Offer   { return c.mishaps.offer(c.states) }

// reserve reserves memory for a block that waits. All waiting blocks together get at most
// Config.Waiting bytes.
func (k *recorder) reserve(b plan.Block) (ok bool, release func()) {
	size := int64(0)
	for _, t := range b.Trials {
		size += k.stateSize(t.Config)
	}
	if k.waiting.Add(size) > k.Waiting {
		k.waiting.Add(-size)
		return false, func() {}
	}
	return true, func() { k.waiting.Add(-size) }
}

func (k *recorder) done(b plan.Block) error { return k.store.Remove(b.ID) }
