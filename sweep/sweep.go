package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fusegrid"
	"fusegrid/nn/dataset"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
)

// sweep trains the grid of the flags, or what of it is not on record, and shows
// the table.
func sweep(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args)
	if errors.Is(err, errHelp) {
		_, err := io.WriteString(stdout, helpText)
		return err
	}
	if err != nil {
		return err
	}
	data, err := load(ctx, o.data, o.net, stderr)
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = defaultOut(data.Name, o.net, o.dtype)
	}
	if o.fresh {
		o.out = unusedName(o.out)
	}
	s := &job{disk: files{}, options: o, data: data, base: base(o, data), stdout: stdout, stderr: stderr}
	if s.races, err = newRaces(o.race, o.grid, s.base); err != nil {
		return err
	}
	r, err := newRunner(o.dtype, o.set, data)
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
	return results.Config{
		Order: o.order, Rule: rule,
		Data: data.Hash, Split: [3]int{data.Train.Len(), data.Val.Len(), data.Test.Len()},
		Pixels: strings.ToLower(data.Order.String()),
		Net:    o.net, DType: o.dtype, Class: string(o.set.Class),
	}
}

// A job is one run of a grid.
type job struct {
	*options
	disk           disk
	data           *dataset.Split
	base           results.Config
	races          *races // nil if all train to the end
	stdout, stderr io.Writer
	room           int64 // bytes of blocks that wait in memory at a rung; 0 for waitingRoom
}

// waitingRoom is room for 20 blocks of the largest size.
const waitingRoom = 20 * blockBytes

// run trains and shows. args are for the command that goes on where this ends.
func (s *job) run(ctx context.Context, r runner, args []string) (err error) {
	out, err := openOutput(s.disk, s.out, s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()

	store := s.store()
	blocks, spent, err := s.plan(out, store)
	if err != nil {
		return err
	}
	todo, size := trialsIn(blocks), s.grid.size()
	if todo < size {
		fmt.Fprintf(s.stderr, "sweep: %d of %d trials are on record in %s; %d to train\n", size-todo, size, s.out, todo)
	}
	if text := goingOn(blocks, store); text != "" {
		fmt.Fprintf(s.stderr, "sweep: %s\n", text)
	}
	if s.states != 0 && todo > 0 {
		fmt.Fprintf(s.stderr, "sweep: %s\n", s.stateSpace())
	}
	trained := s.train(ctx, blocks, r, out, store)
	for _, v := range spent {
		if trained == nil {
			trained = store.remove(v.id)
		}
	}

	// Whatever happened: what is on record is in the tables.
	table, err := out.writeTables()
	records := out.of(s.grid, s.base)
	if err == nil {
		if len(records) < len(out.records) { // others are in the folder, too
			table = results.NewTable(records)
		}
		err = s.show(table)
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

// train runs the blocks and puts their records into the journal.
func (s *job) train(ctx context.Context, blocks []block, r runner, out *output, store *store) (err error) {
	var best, states *gallery
	if s.keep > 0 {
		best = newGallery(filepath.Join(s.out, weightsName), "weights", s.disk, s.keep, out.records)
		if n := best.missing(out.records); n > 0 {
			fmt.Fprintf(s.stderr, "sweep: %d of the best nets on record were trained without -keep; their weights are not there\n", n)
		}
		if err := best.tidy(out.lacks); err != nil {
			return err
		}
	}
	if s.states != 0 {
		states = newGallery(s.kept().dir, "state", s.disk, s.states, out.records)
		if n := states.missing(out.records); n > 0 {
			fmt.Fprintf(s.stderr, "sweep: %d of the best trials on record were trained without -states; their states are not there, and no lesser one is kept in their place\n", n)
		}
		for _, b := range blocks {
			for _, o := range b.from {
				if o.store.dir == states.dir {
					states.hold(o.id)
				}
			}
		}
		if err := states.tidy(s.uselessState(out)); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = states.release(s.uselessState(out))
			}
		}()
	}
	if len(blocks) == 0 {
		return nil
	}
	workers := min(s.workers, len(blocks))
	machine := results.ThisMachine()
	machine.Detail = s.set.Detail
	live := newLive(blocks, s.flops)
	live.cores, live.peak = s.workers, s.peak()
	if !s.quiet {
		stop := newScreen(s.stderr).follow(ctx, live.text)
		defer func() {
			stop()
			if text := live.verdict(time.Since(live.began)); err == nil && text != "" {
				fmt.Fprintf(s.stderr, "sweep: %s\n", text)
			}
		}()
	}
	k := &keeping{job: s, output: out, store: store, gallery: best, states: states, machine: machine, peak: live.peak}
	return schedule(ctx, blocks, workers, r, live, k)
}

// store returns the checkpoints of the output folder.
func (s *job) store() *store {
	every := time.Duration(s.checkpoint * float64(time.Second))
	return &store{dir: filepath.Join(s.out, statesName), what: "checkpoints", disk: s.disk, every: every}
}

// kept returns the states of trials that were done.
func (s *job) kept() *store {
	return &store{dir: filepath.Join(s.out, keptName), what: "kept states", disk: s.disk}
}

// plan makes blocks of the trials that are not settled: those with a checkpoint as they were, the
// others as the planner likes. Of these, some may go on from trials of another length, but
// not in a race: nobody has seen them at its rungs. It removes the checkpoints that no trial can ask for
// any more, and returns those that serve these blocks for the last time.
func (s *job) plan(out *output, store *store) (blocks []block, spent []saved, err error) {
	s.races.enter(s.grid, s.base, out.records)
	settled := s.settled(out)
	todo := pending(s.grid, s.base, s.flops, settled)
	damaged := func(name string, err error) {
		fmt.Fprintf(s.stderr, "sweep: %s is damaged: %v; its trials start anew\n", name, err)
	}
	blocks, rest, left, spent := store.resume(store.list(damaged), todo, settled)
	p := s.planner()
	used := map[string]bool{}
	if s.races == nil && len(rest) > 0 {
		var more []block
		more, rest = p.planFrom(rest, origins(rest, slices.Concat(left, spent, s.kept().list(damaged))))
		for _, b := range more {
			for _, o := range b.from {
				used[o.store.name(o.id)] = true
			}
		}
		blocks = append(blocks, more...)
	}
	unused := func(v saved) bool { return !used[store.name(v.id)] }
	for _, v := range spent {
		if unused(v) {
			if err := store.remove(v.id); err != nil {
				return nil, nil, err
			}
		}
	}
	blocks = append(blocks, p.plan(rest)...)
	p.share(blocks)
	return blocks, slices.DeleteFunc(spent, unused), nil
}

// A keeping is the keeper of a job.
type keeping struct {
	*job
	output  *output
	store   *store
	gallery *gallery // nil if no weights are kept
	states  *gallery // nil if no states are kept
	machine results.Machine
	peak    float64
	waiting atomic.Int64 // bytes of blocks that wait in memory
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
	return k.output.keep(records)
}

func (k *keeping) hooks(b block, t *track) hooks {
	h := hooks{
		races:   k.races,
		resumed: t.resumed,
		load: func() (*safetensors.File, error) {
			if b.from != nil {
				return gather(b)
			}
			return k.store.load(b.id)
		},
		save: func(f safetensors.File) error { return k.store.save(b, f) },
		begunAnew: func(why error) {
			fmt.Fprintf(k.stderr, "sweep: a checkpoint cannot be used: %v; its trials start anew\n", why)
		},
	}
	if k.races != nil {
		h.hold = func() (bool, func()) { return k.hold(b) }
	}
	if k.store.every > 0 {
		last := time.Now()
		h.due = func() bool {
			due := time.Since(last) >= k.store.every
			if due {
				last = time.Now()
			}
			return due
		}
	}
	if k.gallery != nil {
		h.keep = k.gallery.offer
	}
	if k.states != nil {
		h.keepState = k.states.offer
	}
	return h
}

// hold finds memory for a block to wait in.
func (k *keeping) hold(b block) (ok bool, release func()) {
	size := int64(0)
	for _, t := range b.trials {
		size += int64(k.stateSize(t.config))
	}
	if k.waiting.Add(size) > cmp.Or(k.room, waitingRoom) {
		k.waiting.Add(-size)
		return false, func() {}
	}
	return true, func() { k.waiting.Add(-size) }
}

func (k *keeping) done(b block) error { return k.store.remove(b.id) }

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
func (s *job) settled(out *output) func(key string) bool {
	return func(key string) bool {
		r, ok := out.records[key]
		return ok && r.Settled(s.races.name(r.Config.Iters))
	}
}

// planner returns what cuts a job's trials into blocks.
func (s *job) planner() planner {
	p := planner{workers: s.workers, width: s.block, inputs: len(s.data.Mean), bytes: 4}
	if s.dtype == "f64" {
		p.bytes = 8
	}
	return p
}

// flops returns the operations of one iteration.
func (s *job) flops(c results.Config) float64 {
	return c.FLOPs(len(s.data.Mean), len(s.data.Classes))
}

// show prints the final table.
func (s *job) show(table *results.Table) error {
	if table.Len() == 0 {
		return nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", wrap(table.Caption(), 80))
	table.WriteText(&b, 80, s.top)
	if best, ok := table.Best(); ok && best.Accuracy.Test != nil {
		fmt.Fprintf(&b, "\ntest accuracy of the best net: %.4f\n", *best.Accuracy.Test)
	}
	if _, err := s.stdout.Write(b.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(s.stderr, "sweep: all trials and tables are in %s\n", s.out)
	return nil
}

// failures says which trials failed, and the command that tries them again.
func (s *job) failures(records []results.Record, again string) error {
	const some = 5
	n := 0
	for _, r := range records {
		if r.State != results.Failed {
			continue
		}
		if n++; n <= some {
			fmt.Fprintf(s.stderr, "sweep: lr %g, reg %g failed: %s\n", r.Config.LR, r.Config.Reg, r.Error)
		}
	}
	if n > 0 {
		return fmt.Errorf("%d of %d trials failed; the errors are in %s/%s; to try them again: %s", n, len(records), s.out, jsonlName, again)
	}
	return nil
}

// dryRun prints the grid and what is left of it to train. It makes no file.
func (s *job) dryRun(r runner) error {
	out, err := peekOutput(s.out, s.stderr)
	if err != nil {
		return err
	}
	s.disk = look{}
	store := s.store()
	blocks, _, err := s.plan(out, store)
	if err != nil {
		return err
	}
	work := 0.0
	for _, b := range blocks {
		work += b.left()
	}
	var b bytes.Buffer
	size, todo := s.grid.size(), trialsIn(blocks)
	fmt.Fprintf(&b, "%d trials", size)
	if shape := s.grid.shape(); shape != "" {
		fmt.Fprintf(&b, " (%s)", shape)
	}
	fmt.Fprintf(&b, ", %d on record in %s, %d to train: %.4g GFLOP\n", size-todo, s.out, todo, work/1e9)
	if text := goingOn(blocks, store); text != "" {
		fmt.Fprintf(&b, "%s\n", text)
	}
	if todo > 0 {
		fmt.Fprintf(&b, "%s\n", describe(blocks))
		p, err := s.predict(blocks, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s\n", p)
	}
	for _, why := range reasons(pending(s.grid, s.base, s.flops, s.settled(out))) {
		fmt.Fprintf(&b, "%s\n", why)
	}
	if s.states != 0 {
		fmt.Fprintf(&b, "%s\n", s.stateSpace())
	}
	s.races.describe(&b, s.grid, s.base, s.flops)
	b.WriteString("\n")
	planned := make([]results.Record, size)
	for i := range planned {
		planned[i].Config = s.grid.at(i, s.base)
		planned[i].DataName = s.data.Name
		if r, ok := out.records[planned[i].Config.Key()]; ok {
			planned[i].State = r.State
		}
	}
	if err := results.WritePlan(&b, planned, 80, s.top); err != nil {
		return err
	}
	_, err = s.stdout.Write(b.Bytes())
	return err
}

func trialsIn(blocks []block) int {
	n := 0
	for _, b := range blocks {
		n += len(b.open())
	}
	return n
}

// wrap breaks a list at its commas into lines of at most width columns.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, part := range strings.SplitAfter(text, ", ") {
		if n := len([]rune(strings.TrimSpace(part))); i > 0 && column+n > width {
			b.WriteString("\n")
			column = 0
		}
		b.WriteString(part)
		column += len([]rune(part))
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
