package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/fused"
	"fusegrid/nn/nprand"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
)

// A runner trains the trials of a block. A trial that goes wrong is an outcome like
// another; an error is a context that ended or a state that could not be saved, and
// then the outcomes so far stand. Any number of goroutines may call.
type runner interface {
	run(ctx context.Context, b plan.Block, h hooks) error

	// measure trains the block for a short time and says what its parts take. It calls ready once, when
	// it has made the block: that returns when others who measure are as far.
	measure(b plan.Block, d time.Duration, ready func()) (costs, error)
}

// hooks is what a runner tells while it trains. All are called from its goroutine.
type hooks struct {
	stepped func(nets int, flops float64) // after each iteration of so many nets
	ended   func([]results.Record)        // trials, as soon as their outcome is known
	// recorded takes the place of ended for trials whose weights or states may be kept: it returns when their
	// records are on the disk, or says that they are not.
	recorded func([]results.Record) bool
	// keep and keepState, where not nil, are offered the weights and the states of nets that trained to
	// the end, after recorded.
	keep, keepState func(r results.Record, write func(io.Writer) error)
	// due says when to save the state of the block, and save does it; also when ctx is done.
	// Where they are nil nothing is saved. For a block that was saved, load returns the state, resumed
	// learns how far it is, and begunAnew why it is no good.
	due       func() bool
	save      func(safetensors.File) error
	load      func() (*safetensors.File, error)
	resumed   func(iterations int)
	begunAnew func(why error)
	// races says which nets are stopped on the way; nil if none is. pause lends the cores of the
	// runner to others while it waits for them. hold asks for memory to wait in, until release; where
	// there is none the block waits on the disk.
	races *halving.Brackets
	pause func(wait func())
	hold  func() (ok bool, release func())
	// stopAt, where not 0, is the iterations after which all nets are stopped, as a race would.
	stopAt int
}

// A trainer is the runner that trains the nets of a block as one.
type trainer[T kernels.Float] struct {
	set              *kernels.Set
	train, val, test fused.Images
	valAll, testAll  []int // indices of all images
	trainSample      []int // of the training images that final accuracies are measured on
	mean             []T
	classes          int
}

// newRunner returns the runner of a type, f32 or f64. It shares the bytes of data.
func newRunner(dtype string, set *kernels.Set, data *dataset.Split) (runner, error) {
	if dtype == "f32" {
		return newTrainer[float32](set, data)
	}
	return newTrainer[float64](set, data)
}

func newTrainer[T kernels.Float](set *kernels.Set, data *dataset.Split) (*trainer[T], error) {
	t := &trainer[T]{set: set, classes: len(data.Classes), mean: make([]T, len(data.Mean))}
	for _, part := range []struct {
		name   string
		dst    *fused.Images
		images dataset.Subset
	}{{"training", &t.train, data.Train}, {"validation", &t.val, data.Val}, {"test", &t.test, data.Test}} {
		if n := part.images.Len(); n == 0 || len(part.images.X) != n*len(data.Mean) {
			return nil, fmt.Errorf("%s: %d bytes for %d %s images of %d pixels", data.Name, len(part.images.X), n, part.name, len(data.Mean))
		}
		*part.dst = fused.Images(part.images)
	}
	for i, v := range data.Mean {
		t.mean[i] = T(v)
	}
	t.valAll, t.testAll = count(t.val.Len()), count(t.test.Len())
	t.trainSample = spread(t.train.Len(), trainImages)
	return t, nil
}

func count(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// trainImages is the number of training images that final accuracies are measured on.
const trainImages = 1000

// spread returns at most most of n indices, evenly spread: a set may be sorted by class.
func spread(n, most int) []int {
	m := min(n, most)
	some := make([]int, m)
	for i := range some {
		some[i] = i * n / m
	}
	return some
}

// run trains the block. What it cannot do for a block, it tries with each trial alone: one bad
// trial must not take the others along. In a race it does, since these wait for each other.
func (t *trainer[T]) run(ctx context.Context, b plan.Block, h hooks) error {
	f := &fit[T]{trainer: t, block: b, hooks: h}
	err := f.train(ctx)
	var failed trialError
	if !errors.As(err, &failed) {
		return err
	}
	h.save, h.due, h.load, h.hold = nil, nil, nil, nil // states are those of whole blocks
	open := f.open()
	if h.races != nil || len(b.Trials) == 1 {
		var records []results.Record
		for _, id := range open {
			r := f.record(id)
			r.State, r.Error = results.Failed, failed.Error()
			records = append(records, r)
		}
		h.ended(records)
		return nil
	}
	for _, id := range open {
		if err := t.run(ctx, plan.Block{Trials: b.Trials[id : id+1], Cores: b.Cores}, h); err != nil {
			return err
		}
	}
	return nil
}

// A trialError is the fault of what was to be trained.
type trialError struct{ error }

// A fit is one training of a block.
type fit[T kernels.Float] struct {
	*trainer[T]
	block plan.Block
	hooks hooks
	fused *fused.Trainer[T]
	ended []bool // by trial
	time  shares
}

func (f *fit[T]) train(ctx context.Context) (err error) {
	f.ended = make([]bool, len(f.block.Trials))
	defer func() {
		if p := recover(); p != nil {
			err = trialError{fmt.Errorf("panic: %v", p)}
		}
	}()
	f.time = newShares(f.block)
	if err := f.start(); err != nil {
		return trialError{err}
	}
	for !f.fused.Finished() {
		if at := f.hooks.stopAt; at > 0 && f.fused.Done() == at {
			f.stopAll()
			return nil
		}
		if err := f.judge(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			_ = f.save() // who saves has said what went wrong
			return err
		}
		f.step()
		if f.hooks.due != nil && f.hooks.due() {
			_ = f.save() // without it, training goes on
		}
	}
	return f.finish()
}

// start makes the block and brings it into its saved state, if it has one.
func (f *fit[T]) start() (err error) {
	if f.fused, err = f.begin(f.block); err != nil {
		return err
	}
	if f.hooks.load != nil && f.block.Resumed {
		if err := f.restore(); err != nil {
			f.hooks.begunAnew(err)
			if f.fused, err = f.begin(f.block); err != nil {
				return err
			}
		} else {
			f.hooks.resumed(f.fused.Done())
		}
	}
	if f.block.Skip != nil {
		copy(f.ended, f.block.Skip)
		keep := make([]bool, 0, len(f.block.Trials))
		for _, id := range f.fused.IDs() {
			keep = append(keep, !f.block.Skip[id])
		}
		f.fused.Keep(keep)
	}
	return nil
}

func (f *fit[T]) restore() error {
	file, err := f.hooks.load()
	if err != nil {
		return err
	}
	if err := f.fused.Restore(file, f.block.ID); err != nil {
		return err
	}
	if err := f.takeUp(file.Meta[raceName]); err != nil {
		return err
	}
	return f.time.restore(file)
}

// save hands out the state of the block.
func (f *fit[T]) save() error {
	if f.hooks.save == nil || f.fused.Done() == 0 {
		return nil
	}
	file, err := f.fused.Checkpoint(f.block.ID)
	if err != nil {
		return err
	}
	f.time.save(&file)
	if text := f.standings(); text != "" {
		file.Meta[raceName] = text
	}
	return f.hooks.save(file)
}

// begin makes the block as the assignment makes its nets, with drawn weights. Weights and
// minibatches come from one stream, unless the minibatches have an order of their own.
func (t *trainer[T]) begin(b plan.Block) (*fused.Trainer[T], error) {
	c := b.Trials[0].Config
	shape := fused.Shape{
		Inputs: len(t.mean), Classes: t.classes, Batch: c.Batch,
		InOut: c.Net == "fc",
	}
	var err error
	if shape.Rule, err = plan.RuleOf(c); err != nil {
		return nil, err
	}
	var nets []fused.Net
	for _, trial := range b.Trials {
		c := trial.Config
		nets = append(nets, fused.Net{Hidden: c.Hidden, LR: c.LR, Reg: c.Reg, Decay: c.Decay, Scale: c.Std, Mu: c.Mu})
	}
	block, err := fused.New(t.set, shape, nets, t.mean, max(b.Cores, 1))
	if err != nil {
		return nil, err
	}
	stream := new(nprand.State)
	for k, tr := range b.Trials {
		same := func(other grid.Trial) bool { return grid.Standard().SameStart(&tr.Config, &other.Config) }
		if from := slices.IndexFunc(b.Trials[:k], same); from >= 0 {
			block.Copy(k, from) // drawing as many numbers takes as long as several iterations
			continue
		}
		stream.Seed(tr.Config.Seed)
		block.Init(k, stream)
	}
	if c.Order != nil {
		stream.Seed(*c.Order)
	}
	schedule := fused.Schedule{Iterations: c.Iters, Batch: c.Batch, Train: t.train, Val: t.val}
	if c.Net == "fc" {
		schedule.Protocol = fused.Solver
	}
	if schedule.Division, err = division(c); err != nil {
		return nil, err
	}
	return fused.NewTrainer(block, schedule, stream)
}

// division returns how a training divides its images into epochs.
func division(c results.Config) (nn.Division, error) {
	switch c.Division {
	case "":
		return nn.FloorDivision, nil
	case "true":
		return nn.TrueDivision, nil
	}
	return 0, fmt.Errorf("division %q is not known here; there are floor and true", c.Division)
}

// ruleNames returns the names of the update rules that are in, or of all if in is nil.
func ruleNames(in func(fused.Rule) bool) []string {
	var names []string
	for _, r := range fused.Rules() {
		if in == nil || in(r) {
			names = append(names, r.String())
		}
	}
	return names
}

// step does one iteration and records the nets that leave in it.
func (f *fit[T]) step() {
	ids := append([]int(nil), f.fused.IDs()...)
	left := f.fused.Step()
	f.time.lap(ids)
	flops := 0.0
	for _, id := range ids {
		flops += f.block.Trials[id].FLOPs
	}
	f.hooks.stepped(len(ids), flops)
	var records []results.Record
	for _, l := range left {
		records = append(records, f.diverged(l.ID, l.Iteration))
	}
	if len(records) > 0 {
		f.hooks.ended(records)
	}
}

// stopAll records the nets as stopped here.
func (f *fit[T]) stopAll() {
	vals := f.fused.Validate()
	all := make([]bool, len(vals))
	for k := range all {
		all[k] = true
	}
	records := f.stopped(all, vals)
	for i := range records {
		records[i].Rungs = []results.Rung{{Step: f.fused.Done(), Val: vals[i]}}
	}
	f.hooks.ended(records)
}

// stopped returns the records of the nets of the block that are stopped here, with their validation accuracies.
func (f *fit[T]) stopped(stop []bool, vals []float64) []results.Record {
	b := f.fused.Block()
	train := b.Hits(f.trainer.train, f.trainSample)
	f.time.lap(f.fused.IDs())
	var records []results.Record
	for k, id := range f.fused.IDs() {
		if !stop[k] {
			continue
		}
		r := f.record(id)
		r.State, r.Weights = results.Stopped, hashNumbers(b.Weights(k)...)
		r.Accuracy.FinalVal, r.Accuracy.FinalStep = ptr(vals[k]), f.fused.Done()
		r.Accuracy.FinalTrain = portion(train[k], f.trainSample)
		records = append(records, r)
	}
	return records
}

// portion returns the share of the images that are hits.
func portion(hits int, images []int) *float64 { return ptr(float64(hits) / float64(len(images))) }

// finish offers what may be kept of the nets that trained to the end, and records them.
func (f *fit[T]) finish() error {
	b, ids := f.fused.Block(), f.fused.IDs()
	if len(ids) == 0 {
		return nil
	}
	states, err := f.states()
	if err != nil {
		return err
	}
	if f.block.Trials[0].Config.Net == "fc" {
		f.fused.RestoreBest()
	}
	train, val, test := b.Hits(f.trainer.train, f.trainSample), b.Hits(f.val, f.valAll), b.Hits(f.test, f.testAll)
	f.time.lap(ids)
	records := make([]results.Record, 0, len(ids))
	for k, id := range ids {
		r := f.record(id)
		r.State, r.Weights = results.Done, hashNumbers(b.Weights(k)...)
		r.Accuracy.FinalTrain, r.Accuracy.FinalVal = portion(train[k], f.trainSample), portion(val[k], f.valAll)
		r.Accuracy.Test, r.Accuracy.FinalStep = portion(test[k], f.testAll), f.fused.BestStep(id)
		records = append(records, r)
	}
	// First the records, then what may be too much for the disk.
	if f.hooks.keep == nil && f.hooks.keepState == nil {
		f.hooks.ended(records)
		return nil
	}
	if !f.hooks.recorded(records) {
		return nil // the sweep ends
	}
	for k, r := range records {
		if f.hooks.keep != nil {
			f.hooks.keep(r, func(w io.Writer) error {
				return safetensors.Write(w, folder.WeightsFile(r, len(f.mean), b.Weights(k)))
			})
		}
		if f.hooks.keepState != nil {
			f.hooks.keepState(r, func(w io.Writer) error {
				if err := folder.Seal(&states[k], []grid.Trial{f.block.Trials[ids[k]]}); err != nil {
					return err
				}
				return safetensors.Write(w, states[k])
			})
		}
	}
	return nil
}

// states returns the state of each net of the block as that of a block of its own, if states are kept. It
// comes before the Solver puts its best weights in the place of the last ones.
func (f *fit[T]) states() ([]safetensors.File, error) {
	if f.hooks.keepState == nil {
		return nil, nil
	}
	file, err := f.fused.Checkpoint(f.block.ID)
	if err != nil {
		return nil, err
	}
	var states []safetensors.File
	for _, id := range f.fused.IDs() {
		t := f.block.Trials[id]
		state, err := fused.Gather(t.Key, []fused.Part{{File: &file, ID: id}})
		if err != nil {
			return nil, err
		}
		share, whole := f.time.of(id)
		state.Tensors = append(state.Tensors, safetensors.Of(folder.TimeName, []float64{share, whole}, 2))
		states = append(states, detached(state))
	}
	f.time.skip()
	return states, nil
}

// detached returns f with copies of its tensors, which may alias weights that are about to change.
func detached(f safetensors.File) safetensors.File {
	f.Tensors = slices.Clone(f.Tensors)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		t.F32, t.F64 = slices.Clone(t.F32), slices.Clone(t.F64)
	}
	return f
}

// record returns what is known of a trial.
func (f *fit[T]) record(id int) results.Record {
	f.ended[id] = true
	t := f.block.Trials[id]
	r := results.Record{Key: t.Key, Config: t.Config}
	r.Speed.Seconds, r.Speed.BlockSeconds = f.time.of(id)
	r.Speed.Block, r.Speed.Cores = len(f.block.Trials), max(f.block.Cores, 1)
	r.Race, r.Rungs = f.hooks.races.Reached(t)
	if f.fused == nil {
		return r
	}
	c := f.fused.Curve(id)
	r.Steps = len(c.Loss)
	r.Loss, r.Losses = lossOf(c.Loss), hashNumbers(c.Loss)
	r.Accuracy.EpochTrain, r.Accuracy.EpochVal, r.Accuracy.BestVal = last(c.TrainAcc), last(c.ValAcc), best(c.ValAcc)
	return r
}

// diverged returns the record of a net that was no longer finite at an iteration.
func (f *fit[T]) diverged(id, iteration int) results.Record {
	r := f.record(id)
	r.State, r.Steps = results.Diverged, iteration
	return r
}

// open returns the positions of the trials without an outcome.
func (f *fit[T]) open() []int {
	var open []int
	for id := range f.block.Trials {
		if !f.ended[id] {
			open = append(open, id)
		}
	}
	return open
}
