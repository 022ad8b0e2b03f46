package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"fusegrid/results"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
	"fusegrid/search/runner"
)

// A keeper stores the outcomes of a sweep.
type keeper interface {
	keep(records []results.Record) error            // returns when the records are on the disk
	checkpointer(b plan.Block) runner.Checkpointer  // takes the files that a runner saves; nil if there are none
	brackets() *halving.Brackets                    // nil if all trials train to the end
	reserve(b plan.Block) (ok bool, release func()) // reserves memory for a block that waits
	rejected(why error)                             // is called if a checkpoint cannot be used
	done(b plan.Block) error                        // is called if all trials of a block are on record
}

// An observer passes the progress of a worker's block to the status lines, and its records to the schedule.
type observer struct {
	*progress.Block
	keeper
	events chan<- event
}

func (o observer) Rejected(why error) { o.rejected(why) }

func (o observer) Ended(records []results.Record, wait bool) (onDisk bool) {
	o.brackets().Leave(records)
	if !wait {
		o.events <- event{records: records}
		return false
	}
	kept := make(chan bool, 1)
	o.events <- event{records: records, kept: kept}
	return <-kept
}

// A referee judges the block of a worker.
type referee struct {
	keeper
	block plan.Block
	pause func(wait func())
}

func (r referee) Brackets() *halving.Brackets        { return r.brackets() }
func (r referee) Pause(wait func())                  { r.pause(wait) }
func (r referee) Reserve() (ok bool, release func()) { return r.reserve(r.block) }

// An event is a message of a worker.
type event struct {
	records []results.Record
	kept    chan<- bool // if not nil, takes whether the records are on the disk
	done    *plan.Block // a block that ended
	err     error       // the reason why the worker stopped
}

// A schedule runs blocks on a number of goroutines, the workers.
type schedule struct {
	ctx    context.Context
	blocks []plan.Block
	runner runner.Runner
	live   *progress.Sweep
	keeper keeper

	events  chan event
	next    atomic.Int64  // the next block
	room    chan struct{} // has one element for each worker that computes
	workers sync.WaitGroup
}

// run runs the blocks on a number of workers. It hands their records to the keeper in the order in which they end,
// from the calling goroutine. It returns when all workers have ended: after the last block, after the keeper has
// failed, or after ctx is done. Records that ended before are kept. A block that waits at a rung makes room for
// another worker.
func (s *schedule) run(ctx context.Context, workers int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.ctx, s.events, s.room = ctx, make(chan event, 64), make(chan struct{}, workers)
	for range workers {
		s.workers.Go(s.work)
	}
	go func() {
		s.workers.Wait()
		close(s.events)
	}()
	return s.collect(cancel)
}

// work is one worker. It runs blocks until there are no more.
func (s *schedule) work() {
	s.room <- struct{}{}
	defer func() { <-s.room }()
	for s.ctx.Err() == nil {
		i := int(s.next.Add(1)) - 1
		if i >= len(s.blocks) {
			return
		}
		b := &s.blocks[i]
		track := s.live.Begin(i+1, *b)
		h := runner.Hooks{Observer: observer{track, s.keeper, s.events}, Checkpointer: s.keeper.checkpointer(*b)}
		if s.keeper.brackets() != nil {
			h.Referee = referee{s.keeper, *b, func(wait func()) {
				<-s.room
				s.workers.Go(s.work)
				wait()
				s.room <- struct{}{}
			}}
		}
		err := s.runner.Run(s.ctx, *b, h)
		track.End()
		if err != nil {
			s.events <- event{err: err}
			return
		}
		s.events <- event{done: b}
	}
}

// collect takes the events of the workers until all have ended. It cancels the context after an error.
func (s *schedule) collect(cancel context.CancelCauseFunc) error {
	var failed, lost, stray error // lost: records could not be kept; stray: a runner was cancelled although ctx is not done
	for e := range s.events {
		batch := []event{e}
		for more := true; more && len(s.events) > 0; { // events that are waiting are written together
			if e, more = <-s.events; more {
				batch = append(batch, e)
			}
		}
		for _, e := range batch {
			if errors.Is(e.err, context.Canceled) {
				if s.ctx.Err() == nil {
					stray = cmp.Or(stray, e.err)
				}
			} else if e.err != nil {
				failed = cmp.Or(failed, e.err)
				cancel(e.err)
			}
		}
		// After a record is lost, no block may count as done, because its checkpoint has the only copy of its nets.
		if lost == nil {
			if lost = s.take(batch); lost != nil {
				cancel(lost)
			}
		}
		for _, e := range batch {
			if e.kept != nil {
				e.kept <- lost == nil
			}
		}
	}
	if lost != nil || failed != nil {
		return cmp.Or(lost, failed)
	}
	return cmp.Or(causeOf(s.ctx), stray)
}

// take keeps the records of events. Only then it reports the blocks that are done.
func (s *schedule) take(batch []event) error {
	var records []results.Record
	for _, e := range batch {
		if records == nil {
			records = e.records // no copy is made, because most batches have one event
		} else {
			records = append(records, e.records...)
		}
	}
	if len(records) > 0 {
		if err := s.keeper.keep(records); err != nil {
			return err
		}
		s.live.Ended(records)
	}
	for _, e := range batch {
		if e.done != nil {
			if err := s.keeper.done(*e.done); err != nil {
				return err
			}
		}
	}
	return nil
}

// causeOf returns an error that wraps the cause and the error of ctx, or nil if ctx is not done.
func causeOf(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause != nil && !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w (%w)", cause, ctx.Err())
	}
	return cause
}
