package search

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"fusegrid/internal/say"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/results/curve"
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

// Mishaps are failures to write weights, states, checkpoints and curves. They do not affect the records. The first failure is
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
	return fmt.Errorf("%s to write weights, states, checkpoints or curves: %w", say.Plural(m.n, "failure"), cause)
}

// offer returns a function that offers a trial to g. It returns nil if g is nil.
func (m *mishaps) offer(g *folder.TopFiles) runner.Offer {
	if g == nil {
		return nil
	}
	return func(r results.Record, write func(io.Writer) error) { m.note(g.Offer(r, write)) }
}

// curve appends the curve of a trial to b.
func (k *recorder) curve(b []byte, key string, h curve.History) []byte {
	if k.NoCurves {
		return b
	}
	b, err := curve.AppendChunk(b, key, h)
	k.mishaps.note(err)
	return b
}

// keep writes curves before the records, so that each trial on record has its curve after a crash.
func (k *recorder) keep(records []results.Record, curves []byte) error {
	for i := range records {
		k.complete(&records[i], k.machine, k.peak)
	}
	return k.copied(records, curves)
}

// copied is like keep, for records that are complete.
func (k *recorder) copied(records []results.Record, curves []byte) error {
	k.mishaps.note(k.output.AppendCurves(curves))
	return k.output.Append(records)
}

// complete adds the fields of a record that do not come from the training: the data, the machine with its peak, and
// the speed.
func (s *job) complete(r *results.Record, machine results.Machine, peak float64) {
	r.DataName, r.Machine = s.name, machine
	if s.trainsNets() {
		r.Impl = s.Kernels.Name
		if s.Kernels.Choices != nil {
			r.Machine.Choices = s.Kernels.Choices()
		}
	}
	r.Error = line(r.Error)
	r.Ended = time.Now().UTC().Truncate(time.Millisecond)
	r.Speed.Block, r.Speed.Workers, r.Speed.Peak = max(r.Speed.Block, 1), s.Workers, peak
	if r.Speed.Seconds > 0 {
		r.Speed.Iters = float64(r.Steps) / r.Speed.Seconds
		r.Speed.Samples = r.Speed.Iters * float64(r.Config.Batch)
		if s.trainsNets() {
			r.Speed.FLOPs = r.Speed.Iters * s.flops(r.Config)
		}
	}
}

// line returns a text in one line of printable characters, for tables.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
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
// Study.Waiting bytes.
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

// earlier returns the records of the points of this round and of those before that need not be trained again.
func (k *recorder) earlier() (records []results.Record) {
	settled := k.settled(k.output)
	for _, r := range k.output.Of(k.soFar.Over(k.base)) {
		if settled(r.Key) {
			records = append(records, r)
		}
	}
	return records
}

// file keeps the weights or the state of a trial on record.
func (k *recorder) file(kind string, r results.Record, data []byte) {
	g := k.weights
	if kind == StateFile {
		g = k.states
	}
	if offer := k.mishaps.offer(g); offer != nil {
		offer(r, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
}
