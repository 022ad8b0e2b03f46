package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"sync"

	"fusegrid/results"
)

// A study has the trials on record in the order in which they were recorded. Its methods are safe for concurrent use.
type study struct {
	mu      sync.RWMutex
	tail    results.Tail
	log     []entry
	latest  map[string]int // the entry of each key
	order   []int          // the latest entries in the order of results.Rank
	err     error          // of the last look
	changed chan struct{}  // closed at a change
}

// An entry is a record. Its sum identifies it and all before it, in any process that reads the journal.
type entry struct {
	record *results.Record
	sum    uint64
}

func newStudy(journal string) *study {
	return &study{tail: results.Tail{Name: journal}, latest: map[string]int{}, changed: make(chan struct{})}
}

// look reads what is new in the journal.
func (s *study) look() error {
	records, again, err := s.tail.Read() // by the only goroutine that calls look
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // there will be one
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	if err != nil || len(records) == 0 && !again {
		return err
	}
	if again {
		s.log, s.order, s.latest = nil, nil, map[string]int{}
	}
	s.add(records)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// add adds records. The caller must hold mu.
func (s *study) add(records []results.Record) {
	first := len(s.log)
	replaced := map[int]bool{}
	for i := range records {
		r := &records[i]
		if before, ok := s.latest[r.Key]; ok {
			replaced[before] = true
		}
		s.latest[r.Key] = len(s.log)
		s.log = append(s.log, entry{r, s.sumWith(r)})
	}
	var fresh []int
	for i := first; i < len(s.log); i++ {
		if !replaced[i] {
			fresh = append(fresh, i)
		}
	}
	before := func(i, j int) int {
		switch {
		case i == j:
			return 0
		case s.log[i].record.Before(s.log[j].record):
			return -1
		}
		return 1
	}
	slices.SortFunc(fresh, before)
	merged := make([]int, 0, len(s.order)+len(fresh))
	old := slices.DeleteFunc(s.order, func(i int) bool { return replaced[i] })
	for _, i := range fresh {
		at, _ := slices.BinarySearchFunc(old, i, before)
		merged, old = append(append(merged, old[:at]...), i), old[at:]
	}
	s.order = append(merged, old...)
}

// sumWith returns the sum of the next entry.
func (s *study) sumWith(r *results.Record) uint64 {
	h := fnv.New64a()
	var b []byte
	if n := len(s.log); n > 0 {
		b = binary.LittleEndian.AppendUint64(b, s.log[n-1].sum)
	}
	b = append(append(b, r.Key...), r.State...)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Ended.UnixNano()))
	_, _ = h.Write(b) // returns no error
	return h.Sum64()
}

// id returns the name of the state after n entries. The caller must hold mu.
func (s *study) id(n int) string {
	if n == 0 {
		return nothing
	}
	return fmt.Sprintf("%d-%016x", n, s.log[n-1].sum)
}

// nothing is the name of the state without entries.
const nothing = "0"

// entries returns the number of entries before the state with a name. It reports false if this study has no such state.
// The caller must hold mu.
func (s *study) entries(id string) (n int, ok bool) {
	var sum uint64
	if id == nothing {
		return 0, true
	}
	if k, err := fmt.Sscanf(id, "%d-%016x", &n, &sum); k != 2 || err != nil || n < 1 || n > len(s.log) {
		return 0, false
	}
	return n, s.id(n) == id
}

// table returns the table of all trials, and the name of the state.
func (s *study) table() (*results.Table, string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*results.Record, len(s.order))
	for k, i := range s.order {
		all[k] = s.log[i].record
	}
	return results.NewTableOf(all, results.ByMean), s.id(len(s.log))
}

// A change is the difference between two states.
type change struct {
	after   string            // the first state
	id      string            // the second one
	records []*results.Record // the trials that are new, in the order of their places
	at      []int             // their places in the order of all trials
	again   []bool            // trials that were there before
	total   int               // trials in the new state
}

// since returns what is new after a state, and a channel that is closed when there is more. It reports false if the page
// of that state must be loaded again, because the study has no such state, or the page lacks too much.
func (s *study) since(after string) (c change, more <-chan struct{}, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c = change{after: after, id: s.id(len(s.log)), total: len(s.order)}
	n, ok := s.entries(after)
	if c.id == after || !ok || after == nothing || len(s.log)-n > mostRows {
		return c, s.changed, c.id == after
	}
	before := map[string]bool{}
	fresh := map[string]bool{}
	for i := n; i < len(s.log); i++ {
		fresh[s.log[i].record.Key] = true
	}
	if len(fresh) < len(s.log)-n || len(s.latest) < len(s.log) { // some trial has several entries
		for i := range n {
			if key := s.log[i].record.Key; fresh[key] {
				before[key] = true
			}
		}
	}
	for at, i := range s.order {
		if i >= n {
			r := s.log[i].record
			c.records, c.at, c.again = append(c.records, r), append(c.at, at), append(c.again, before[r.Key])
		}
	}
	return c, s.changed, true
}

// older reports whether a state is before another one, or none of this study.
func (s *study) older(id, other string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ok := s.entries(id)
	m, _ := s.entries(other)
	return !ok || n < m
}
