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

// A keeper keeps the outcomes of a sweep.
type keeper interface {
	keep(records []results.Record) error            // on the disk when it returns
	checkpointer(b plan.Block) runner.Checkpointer  // for what a runner saves itself; nil for nothing
	brackets() *halving.Brackets                    // nil if all trials train to the end
	reserve(b plan.Block) (ok bool, release func()) // memory for a block that waits
	rejected(why error)                             // a checkpoint cannot be used
	done(b plan.Block) error                        // all trials of the block are on record
}

// An observer tells the schedule how far the block of a worker is.
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

// An event is what a worker has to say.
type event struct {
	records []results.Record
	kept    chan<- bool // if not nil, where to say whether the records are on the disk
	done    *plan.Block // a block that ended
	err     error       // why the worker stopped
}

// schedule runs the blocks on a number of goroutines. It hands their records to the keeper in the order in which they
// end, from the calling goroutine. It returns when all goroutines have ended: after the last block, after the keeper
// has failed, or after ctx is done. What ended before is kept. A block that waits at a rung makes room for others.
func schedule(ctx context.Context, blocks []plan.Block, workers int, r runner.Runner, live *progress.Sweep, k keeper) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var next atomic.Int64
	events := make(chan event, 64)
	var wg sync.WaitGroup
	room := make(chan struct{}, workers)
	var work func()
	work = func() {
		room <- struct{}{}
		defer func() { <-room }()
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(blocks) {
				return
			}
			track := live.Begin(i+1, blocks[i])
			h := runner.Hooks{Observer: observer{track, k, events}, Checkpointer: k.checkpointer(blocks[i])}
			if k.brackets() != nil {
				h.Referee = referee{k, blocks[i], func(wait func()) {
					<-room
					wg.Go(work)
					wait()
					room <- struct{}{}
				}}
			}
			err := r.Run(ctx, blocks[i], h)
			track.End()
			if err != nil {
				events <- event{err: err}
				return
			}
			events <- event{done: &blocks[i]}
		}
	}
	for range workers {
		wg.Go(work)
	}
	go func() {
		wg.Wait()
		close(events)
	}()

	var failed, lost, stray error // lost: records could not be kept; stray: a runner said that it was cancelled
	for e := range events {
		batch := []event{e}
		// What has piled up goes to the disk together.
		for more := true; more && len(events) > 0; {
			if e, more = <-events; more {
				batch = append(batch, e)
			}
		}
		for _, e := range batch {
			if errors.Is(e.err, context.Canceled) {
				if ctx.Err() == nil { // no block is cancelled unless ctx is done
					stray = cmp.Or(stray, e.err)
				}
			} else if e.err != nil {
				failed = cmp.Or(failed, e.err)
				cancel(e.err)
			}
		}
		// After a record is lost no block may count as done: its state is all there is.
		if lost == nil {
			if lost = take(batch, k, live); lost != nil {
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
	return cmp.Or(causeOf(ctx), stray)
}

// causeOf returns an error that wraps the cause and the error of ctx, or nil if ctx is not done.
func causeOf(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause != nil && !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w (%w)", cause, ctx.Err())
	}
	return cause
}

// take keeps the records of events, and only then says which blocks are done.
func take(batch []event, k keeper, live *progress.Sweep) error {
	var records []results.Record
	for _, e := range batch {
		if records == nil {
			records = e.records // mostly it is all there is
		} else {
			records = append(records, e.records...)
		}
	}
	if len(records) > 0 {
		if err := k.keep(records); err != nil {
			return err
		}
		live.Ended(records)
	}
	for _, e := range batch {
		if e.done != nil {
			if err := k.done(*e.done); err != nil {
				return err
			}
		}
	}
	return nil
}
