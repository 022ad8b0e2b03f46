package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"fusegrid"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
	"fusegrid/search/runner"
)

// sweep trains the grid of the flags, or what of it is not on record, and shows
// the table.
func sweep(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	for _, note := range o.notes {
		fmt.Fprintf(stderr, "sweep: %s\n", note)
	}
	data, err := load(ctx, o.data, o.net, stderr)
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = folder.Default(data, o.net, o.dtype)
	}
	if o.fresh {
		o.out = folder.Unused(o.out)
	}
	s := &job{disk: folder.OS{}, options: o, data: data, base: base(o, data), stdout: stdout, stderr: stderr}
	if s.races, err = halving.New(o.race, s.points()); err != nil {
		return badInput{err}
	}
	if note := s.points().DivisionNote(); note != "" {
		fmt.Fprintf(stderr, "sweep: %s\n", note)
	}
	r, err := runner.New(o.dtype, o.set, data)
	if err != nil {
		return badInput{err}
	}
	if o.dryRun {
		return s.dryRun(r)
	}
	return s.run(ctx, r, args)
}

// base returns what all points of a grid have in common.
func base(o *options, data *dataset.Split) results.Config {
	rule := o.rule
	if rule == "sgd" {
		rule = "" // absent, so that keys made before there were rules remain valid
	}
	division := o.division
	if division != "true" {
		division = "" // absent, so that keys made before there was a choice remain valid
	}
	return results.Config{
		Order: o.order, Rule: rule, Division: division,
		Data: data.Hash, Split: [3]int{data.Train.Len(), data.Val.Len(), data.Test.Len()},
		Pixels: strings.ToLower(data.Order.String()),
		Net:    o.net, DType: o.dtype, Class: string(o.set.Class),
	}
}

// A job is one run of a grid.
type job struct {
	*options
	disk           folder.Disk
	data           *dataset.Split
	base           results.Config
	races          *halving.Brackets // nil if all train to the end
	stdout, stderr io.Writer
	room           int64 // bytes of blocks that wait in memory at a rung; 0 for waitingRoom
}

// points returns the configurations of the grid.
func (s *job) points() grid.Points { return s.grid.Over(s.base) }

// waitingRoom is room for 20 blocks of the largest size.
const waitingRoom = 20 * plan.BlockBytes

// run trains and shows. args are for the command that goes on where this ends.
func (s *job) run(ctx context.Context, r runner.Runner, args []string) (err error) {
	out, err := folder.Open(s.disk, s.out, logger(s.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	store := s.store()
	blocks, spent, err := s.plan(out, store)
	if err != nil {
		return err
	}
	todo, size := plan.Trials(blocks), s.grid.Len()
	if todo < size {
		fmt.Fprintf(s.stderr, "sweep: %d of %d trials are on record in %s; %d to train\n", size-todo, size, s.out, todo)
	}
	for _, text := range []string{s.otherSets(out), s.points().Nearby(out.Records, folder.CSVName), plan.Resuming(blocks, store.Kind)} {
		if text != "" {
			fmt.Fprintf(s.stderr, "sweep: %s\n", text)
		}
	}
	if s.states != 0 && todo > 0 {
		fmt.Fprintf(s.stderr, "sweep: %s\n", s.stateSpace())
	}
	trained := s.train(ctx, blocks, r, out, store)
	for _, v := range spent {
		if trained == nil {
			trained = store.Remove(v.ID)
		}
	}

	// Whatever happened: what is on record is in the tables.
	table, err := out.WriteTables()
	records := out.Of(s.points())
	if table != nil { // also if the disk is full: what was trained is shown
		if len(records) < len(out.Records) { // others are in the folder, too
			table = results.NewTable(records)
		}
		if shown := s.show(table); err == nil {
			err = shown
		}
		if err == nil && table.Len() > 0 {
			fmt.Fprintf(s.stderr, "sweep: all trials and tables are in %s\n", s.out)
		}
	}
	again := commandLine(goOn(args, s.fresh, s.out))
	switch {
	case errors.Is(err, results.ErrGone): // nothing may be said of what is on record
		return err
	case errors.Is(trained, context.Canceled):
		fmt.Fprintf(s.stderr, "sweep: interrupted; %d of %d trials are on record. To go on:\n  %s\n", len(records), size, again)
		return errors.Join(errShown, trained)
	case trained != nil:
		return fmt.Errorf("%w; %d of %d trials are on record; to go on: %s", trained, len(records), size, again)
	case err != nil:
		return err
	}
	return s.failures(records, again)
}

// train runs the blocks, puts their records into the journal, and keeps what is asked for of the best.
func (s *job) train(ctx context.Context, blocks []plan.Block, r runner.Runner, out *folder.Folder, store *folder.Store) (err error) {
	best, states := s.galleries(out)
	if best != nil {
		if err := best.Tidy(out.Lacks); err != nil {
			return err
		}
	}
	if states != nil {
		for _, b := range blocks {
			for _, o := range b.From {
				if filepath.Dir(o.File) == states.Dir {
					states.Retain(o.ID)
				}
			}
		}
		if err := states.Tidy(s.uselessState(out)); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = states.Release(s.uselessState(out))
			}
		}()
	}
	k := &recorder{job: s, output: out, store: store, gallery: best, states: states, machine: results.ThisMachine()}
	k.machine.Detail, k.mishaps.stderr = s.set.Detail, s.stderr
	if len(blocks) > 0 {
		k.peak = s.peak()
		if err := s.watch(ctx, blocks, r, k, s.races, k.peak); err != nil {
			return err
		}
	}
	if err := k.mishaps.err(); err != nil {
		return err // to write more would fail as well
	}
	if text := s.fewKept(out.Records); text != "" {
		fmt.Fprintf(s.stderr, "sweep: %s\n", text)
	}
	return k.trainAgain(ctx, r)
}

// galleries returns what keeps the weights and the states of the best; nil for what is not asked for.
func (s *job) galleries(out *folder.Folder) (best, states *folder.TopFiles) {
	if s.keep > 0 {
		best = folder.NewTopFiles(filepath.Join(s.out, folder.WeightsDir), "weights", s.disk, s.keep, out.Records)
	}
	if s.states != 0 {
		states = folder.NewTopFiles(s.kept().Dir, "state", s.disk, s.states, out.Records)
	}
	return best, states
}

// watch runs the blocks and shows how far they are.
func (s *job) watch(ctx context.Context, blocks []plan.Block, r runner.Runner, k keeper, races *halving.Brackets, peak float64) (err error) {
	live := progress.New(blocks, s.flops, races.Share)
	live.Cores, live.Peak = s.cores(), peak
	if !s.quiet {
		stop := progress.NewScreen(s.stderr).Follow(ctx, live.Text)
		defer func() {
			stop()
			if text := live.Verdict(time.Since(live.Began)); err == nil && text != "" {
				fmt.Fprintf(s.stderr, "sweep: %s\n", text)
			}
		}()
	}
	return schedule(ctx, blocks, min(s.workers, len(blocks)), r, live, k)
}

// store returns the checkpoints of the output folder.
func (s *job) store() *folder.Store {
	every := time.Duration(s.checkpoint * float64(time.Second))
	return &folder.Store{Dir: filepath.Join(s.out, folder.CheckpointsDir), Kind: "checkpoints", Disk: s.disk, Every: every}
}

// kept returns the states of trials that were done.
func (s *job) kept() *folder.Store {
	return &folder.Store{Dir: filepath.Join(s.out, folder.StatesDir), Kind: "kept states", Disk: s.disk}
}

// plan makes blocks of the trials that are not settled: those with a checkpoint as they were, the
// others as the planner likes. Of these, some may go on from trials of another length, but
// not in a race: nobody has seen them at its rungs. It removes the checkpoints that no trial can ask for
// any more, and returns those that serve these blocks for the last time.
func (s *job) plan(out *folder.Folder, store *folder.Store) (blocks []plan.Block, spent []folder.Checkpoint, err error) {
	s.races.Enter(s.points(), out.Records)
	settled := s.settled(out)
	todo := s.points().Pending(s.flops, settled)
	damaged := func(name string, err error) {
		fmt.Fprintf(s.stderr, "sweep: %s is damaged: %v; its trials start anew\n", name, err)
	}
	blocks, rest, left, spent := store.Resume(store.List(damaged), todo, settled)
	p := s.planner()
	used := map[string]bool{}
	if s.races == nil && len(rest) > 0 {
		var more []plan.Block
		more, rest = p.PlanFrom(rest, folder.Origins(rest, slices.Concat(left, spent, s.kept().List(damaged))))
		for _, b := range more {
			for _, o := range b.From {
				used[o.File] = true
			}
		}
		blocks = append(blocks, more...)
	}
	unused := func(v folder.Checkpoint) bool { return !used[store.File(v.ID)] }
	for _, v := range spent {
		if unused(v) {
			if err := store.Remove(v.ID); err != nil {
				return nil, nil, err
			}
		}
	}
	blocks = append(blocks, p.Plan(rest)...)
	p.ShareCores(blocks)
	if err := s.enoughMemory(blocks); err != nil {
		return nil, nil, err
	}
	return blocks, slices.DeleteFunc(spent, unused), nil
}

// cores returns how many cores the workers can have.
func (s *job) cores() int { return min(s.workers, runtime.GOMAXPROCS(0)) }

// peak measures what one core can do, or returns 0 where the kernel set has no measure.
func (s *job) peak() float64 {
	const short = 20 * time.Millisecond
	measure := fusegrid.Peak[float32]
	if s.dtype == "f64" {
		measure = fusegrid.Peak[float64]
	}
	peak, _ := measure(s.set, short)
	return peak
}

// settled returns what tells whether a trial need not be trained again.
func (s *job) settled(out *folder.Folder) func(key string) bool {
	return func(key string) bool {
		r, ok := out.Records[key]
		return ok && r.Settled(s.races.Name(r.Config.Iters))
	}
}

// planner returns what cuts a job's trials into blocks.
func (s *job) planner() plan.Planner {
	p := plan.Planner{Workers: s.workers, Width: s.block, Inputs: len(s.data.Mean), Classes: len(s.data.Classes), Bytes: 4}
	if s.dtype == "f64" {
		p.Bytes = 8
	}
	return p
}

// flops returns the operations of one iteration.
func (s *job) flops(c results.Config) float64 {
	return c.FLOPs(len(s.data.Mean), len(s.data.Classes))
}
