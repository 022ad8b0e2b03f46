package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
	"fusegrid/search/runner"
)

// A Scheduler has blocks trained: by this process, which is the default, or by other processes.
type Scheduler interface {
	// Train takes the blocks of a round and has them trained. It keeps their records with Round.Keep as they end, and
	// shows the progress in Round.Live. It returns when all trials of the blocks are on record, after an error, or when
	// ctx is done. The outcome of a trial must not depend on the scheduler, unless the kernel set is not stable or the
	// stop rule is asynchronous.
	Train(ctx context.Context, r *Round) error
}

// A Round has the blocks that a [Scheduler] trains together. Only a sampler that learns has several rounds.
type Round struct {
	Number int             // from 0
	Blocks []plan.Block    // each has a trial that is not on record
	Live   *progress.Sweep // counts the work for the status lines
	keeper keeper
}

// Kinds of files of a trial, for [Round.File] and [Outcome.Files].
const (
	WeightsFile = folder.WeightsDir
	StateFile   = folder.StatesDir
)

// Keep returns when records, and chunks with their curves, are on the disk. The records are complete. They may have
// come from another machine.
func (r *Round) Keep(records []results.Record, curves []byte) error {
	if len(records) == 0 {
		return nil
	}
	if err := r.keeper.copied(records, curves); err != nil {
		return err
	}
	r.Live.Ended(records)
	return nil
}

// Records returns the records of this round and of the rounds before that need not be trained again.
func (r *Round) Records() []results.Record { return r.keeper.earlier() }

// File offers the weights or the state of a trial that Keep has taken. They are kept if the trial is among the best.
func (r *Round) File(kind string, of results.Record, data []byte) { r.keeper.file(kind, of, data) }

// Here is the scheduler that trains blocks in this process.
type here struct{ *job }

func (h here) Train(ctx context.Context, r *Round) error {
	run := schedule{blocks: r.Blocks, runner: h.Runner, live: r.Live, keeper: r.keeper}
	return run.run(ctx, min(h.Workers, len(r.Blocks)))
}

// scheduler returns the scheduler of the study.
func (s *job) scheduler() Scheduler {
	if s.Scheduler != nil {
		return s.Scheduler
	}
	return here{s}
}

// A keeper stores the outcomes of a sweep.
type keeper interface {
	// keep returns when the records, and the curves that the method curve has made, are on the disk.
	keep(records []results.Record, curves []byte) error
	copied(records []results.Record, curves []byte) error // is like keep, for records that are complete
	earlier() []results.Record                            // records of this round and of those before
	file(kind string, r results.Record, data []byte)      // keeps the weights or the state of a trial on record
	// curve appends the learning curve of a trial to b. It may be called by several goroutines.
	curve(b []byte, key string, h curve.History) []byte

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
	curves []byte // of the trials whose records follow
}

func (o *observer) Rejected(why error) { o.rejected(why) }

// learned takes the learning curve of a trial.
func (o *observer) learned(key string, h curve.History) { o.curves = o.curve(o.curves, key, h) }

func (o *observer) Ended(records []results.Record, wait bool) (onDisk bool) {
	o.brackets().Leave(records)
	e := event{records: records, curves: o.curves}
	o.curves = nil
	if !wait {
		o.events <- e
		return false
	}
	kept := make(chan bool, 1)
	e.kept = kept
	o.events <- e
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
	curves  []byte      // of the records
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
		o := &observer{Block: track, keeper: s.keeper, events: s.events}
		h := runner.Hooks{Observer: o, Checkpointer: s.keeper.checkpointer(*b), Curve: o.learned}
		h.Measured = track.Measured
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
			if errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded) {
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
	records, curves := batch[0].records, batch[0].curves // no copy is made, because most batches have one event
	if len(batch) > 1 {
		records, curves = joined(batch)
	}
	if len(records) > 0 {
		if err := s.keeper.keep(records, curves); err != nil {
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

// joined returns the records and the curves of all events.
func joined(batch []event) (records []results.Record, curves []byte) {
	n, bytes := 0, 0
	for _, e := range batch {
		n, bytes = n+len(e.records), bytes+len(e.curves)
	}
	records, curves = make([]results.Record, 0, n), make([]byte, 0, bytes)
	for _, e := range batch {
		records, curves = append(records, e.records...), append(curves, e.curves...)
	}
	return records, curves
}

// causeOf returns an error that wraps the cause and the error of ctx, or nil if ctx is not done.
func causeOf(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause != nil && !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w (%w)", cause, ctx.Err())
	}
	return cause
}
