// Package runner trains the trials of a block together, and makes a record of each.
//
// A [Runner] calls three small interfaces while it trains. An [Observer] receives the progress and
// the records, a [Checkpointer] saves states and weights, and a [Referee] stops nets early.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
	"fusegrid/nn/safetensors"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
)

// A Runner trains the trials of a block. A trial that fails is an outcome, not an error. An error
// means that the context ended or that a state could not be restored. The records so far are valid.
// The methods are safe for concurrent use.
type Runner interface {
	// Run trains a block.
	Run(ctx context.Context, b plan.Block, h Hooks) error

	// Measure trains the block for about the time d, or until ctx is done, and returns the time
	// that each part takes. It calls ready once, after it has made the block. The function ready
	// must not return until all runners that measure at the same time have called it.
	Measure(ctx context.Context, b plan.Block, d time.Duration, ready func()) (Costs, error)
}

// Hooks are the interfaces that a runner calls while it trains a block. It calls them from the
// goroutine of Run.
type Hooks struct {
	Observer
	Checkpointer // nil is [NoFiles]
	Referee      // nil if all trials train to the end

	// StopAt is the number of iterations after which all nets are stopped, or 0.
	StopAt int

	// Measured takes the validation accuracies of the nets that train, whenever they are measured, or a
	// value that a function reports: ids has their numbers among the trials of the block. It must not keep the slices. It may be nil.
	Measured func(ids []int, vals []float64)
	// Curve takes the learning curve of each trial that was trained, before Ended takes its record. It must not keep the
	// slices of the history. It is nil if curves are not wanted.
	Curve func(key string, h curve.History)
}

// An Observer receives the progress and the records of a block.
type Observer interface {
	// Stepped is called after each iteration of a number of nets.
	Stepped(nets int, flops float64)
	// Resumed is called if the block resumes after a number of iterations.
	Resumed(iterations int)
	// Rejected is called if a saved state cannot be used. The block then starts again from the first iteration.
	Rejected(why error)
	// Ended takes the records of trials as soon as their outcomes are known. If wait is true, it
	// returns after the records were written to the disk, and reports whether that succeeded.
	Ended(records []results.Record, wait bool) (onDisk bool)
}

// A Checkpointer saves the states and the weights of a block.
type Checkpointer interface {
	// Due reports whether to save the state of the block now.
	Due() bool
	// Save saves the state of the block. It is also called when the context is done.
	Save(f safetensors.File) error
	// Load returns the saved state of the block.
	Load() (*safetensors.File, error)
	// Weights and State return the functions to which the weights and the state of a net are
	// offered. The net must have trained to the end and be on record. They return nil if these
	// files are not wanted.
	Weights() Offer
	State() Offer
}

// An Offer is called for each trial that ends. It decides whether to keep a file of the trial. If
// so, it calls write with a writer to that file.
type Offer func(r results.Record, write func(io.Writer) error)

// A Referee stops nets before the end.
type Referee interface {
	// Brackets returns the brackets in which the trials compete.
	Brackets() *halving.Brackets
	// Pause calls wait, and lets other runners use the cores until wait returns.
	Pause(wait func())
	// Reserve reserves memory for a waiting block until release is called. If ok is false, the
	// block waits on the disk.
	Reserve() (ok bool, release func())
}

// brackets returns the brackets of the referee, or nil if all trials train to the end.
func (h Hooks) brackets() *halving.Brackets {
	if h.Referee == nil {
		return nil
	}
	return h.Referee.Brackets()
}

// NoFiles is a [Checkpointer] that saves nothing.
type NoFiles struct{}

var errNoFiles = errors.New("states are not saved")

func (NoFiles) Due() bool                        { return false }
func (NoFiles) Save(safetensors.File) error      { return errNoFiles }
func (NoFiles) Load() (*safetensors.File, error) { return nil, errNoFiles }
func (NoFiles) Weights() Offer                   { return nil }
func (NoFiles) State() Offer                     { return nil }

// A filesOnly saves only the files of trials that trained to the end. It is the checkpointer of
// trials that train alone after their block has failed, because a saved state always holds a whole
// block.
type filesOnly struct {
	NoFiles
	all Checkpointer
}

func (f filesOnly) Weights() Offer { return f.all.Weights() }
func (f filesOnly) State() Offer   { return f.all.State() }

// A trainer is the runner for one element type.
type trainer[T kernels.Float] struct {
	set              *kernels.Set
	train, val, test train.Source
	valAll, testAll  []int // indices of all samples
	trainSample      []int // indices of the training samples on which final accuracies are measured
	data             *dataset.Split
	inputs           int // numbers of a sample
	mean             []T // mean image; nil for features, from which the mean is already subtracted
	classes          int
}

// Types returns the names of the types, as in -dtype.
func Types() []string {
	return []string{"f32", "f64", "bfp16", "bfp16d8"}
}

// New returns the runner for a type, one of [Types]. It refers to the bytes of data without a copy.
// The set must be the one that fusegrid.ForType returns for the type.
func New(dtype string, set *kernels.Set, data *dataset.Split) (Runner, error) {
	if !slices.Contains(Types(), dtype) {
		return nil, fmt.Errorf("runner: type %q is unknown; the choices are %s", dtype, strings.Join(Types(), ", "))
	}
	if class := kernels.ClassOf(dtype); class != set.Class && (class != "" || set.Class.Integers()) {
		return nil, fmt.Errorf("runner: kernel set %s rounds as class %s, which is not for the type %s", set.Name, set.Class, dtype)
	}
	if dtype == "f64" {
		return newTrainer[float64](set, data)
	}
	return newTrainer[float32](set, data)
}

func newTrainer[T kernels.Float](set *kernels.Set, data *dataset.Split) (*trainer[T], error) {
	t := &trainer[T]{set: set, data: data, classes: len(data.Classes), inputs: len(data.Mean)}
	for _, part := range []struct {
		name    string
		samples labelled.Samples
		source  *train.Source
	}{{"training", data.Train, &t.train}, {"validation", data.Val, &t.val}, {"test", data.Test, &t.test}} {
		s := part.samples
		if s.Len() == 0 || len(data.Mean) == 0 {
			return nil, fmt.Errorf("%s: %d %s samples, and a mean of %d numbers; want 1 or more", data.Name, s.Len(), part.name, len(data.Mean))
		}
		if err := s.Check(len(data.Mean)); err != nil {
			return nil, fmt.Errorf("%s: the %s samples: %w", data.Name, part.name, err)
		}
		wrong := func(label uint16) bool { return int(label) >= t.classes }
		if i := slices.IndexFunc(s.Y, wrong); i >= 0 {
			return nil, fmt.Errorf("%s: %s sample %d has label %d, but there are %d classes", data.Name, part.name, i, s.Y[i], t.classes)
		}
		*part.source = s
		if s.Floats() {
			*part.source = normalized[T](s, data.Mean, data.Scale)
		}
	}
	if !data.Train.Floats() {
		t.mean = rounded[T](data.Mean)
	}
	t.valAll, t.testAll = spread(t.val.Len(), math.MaxInt), spread(t.test.Len(), math.MaxInt)
	t.trainSample = spread(t.train.Len(), trainImages)
	return t, nil
}

// normalized returns features as a net sees them; see [dataset.Split.Norm]. Each is computed in
// float64 and rounded once.
func normalized[T kernels.Float](s labelled.Samples, mean, scale []float64) nn.Floats[T] {
	f := nn.Floats[T]{X: kernels.NewMat[T](s.Len(), len(mean)), Y: make([]int, s.Len())}
	for i, label := range s.Y {
		f.Y[i] = int(label)
	}
	normal := func(x float64, j int) T {
		x -= mean[j]
		if scale != nil {
			x *= scale[j]
		}
		return T(x)
	}
	for i := range s.F32 {
		f.X.Data[i] = normal(float64(s.F32[i]), i%len(mean))
	}
	for i := range s.F64 {
		f.X.Data[i] = normal(s.F64[i], i%len(mean))
	}
	return f
}

// rounded returns the mean image in the type of the nets.
func rounded[T kernels.Float](mean []float64) []T {
	m := make([]T, len(mean))
	for i, v := range mean {
		m[i] = T(v)
	}
	return m
}

// trainImages is the number of training images on which final accuracies are measured.
const trainImages = 1000

// spread returns evenly spaced indices from 0 to n−1, at most limit of them. They are spaced
// because a set may be sorted by class.
func spread(n, limit int) []int {
	m := min(n, limit)
	idx := make([]int, m)
	for i := range idx {
		idx[i] = i * n / m
	}
	return idx
}

// Run trains the block. If the block fails, Run trains each trial alone, so one bad trial does not
// fail the others. In a bracket, all of them fail, because they wait for each other.
func (t *trainer[T]) Run(ctx context.Context, b plan.Block, h Hooks) error {
	if h.Checkpointer == nil {
		h.Checkpointer = NoFiles{}
	}
	f := &fit[T]{trainer: t, block: b, hooks: h}
	err := f.train(ctx)
	var failed trialError
	if !errors.As(err, &failed) {
		return err
	}
	h.Checkpointer = filesOnly{all: h.Checkpointer}
	open := f.open()
	if h.brackets() != nil || len(b.Trials) == 1 {
		var records []results.Record
		for _, id := range open {
			records = append(records, f.record(outcome{id: id, state: results.Failed, err: failed}))
		}
		h.Ended(records, false)
		return nil
	}
	for _, id := range open {
		if err := t.Run(ctx, plan.Block{Trials: b.Trials[id : id+1], Cores: b.Cores}, h); err != nil {
			return err
		}
	}
	return nil
}

// A trialError is an error that a trial of the block caused.
type trialError struct{ error }

// A fit is one training of a block.
type fit[T kernels.Float] struct {
	*trainer[T]
	block plan.Block
	hooks Hooks
	fused *train.Trainer[T]
	ended []bool // by trial
	time  shares

	measured int // number of measurements during the training that Measured has taken
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
		if at := f.hooks.StopAt; at > 0 && f.fused.Done() == at {
			vals := f.fused.Validate()
			f.hooks.Ended(f.stopped(make([]bool, len(vals)), vals), false)
			return nil
		}
		if err := f.judge(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			_ = f.save() // the checkpointer has reported the error
			return err
		}
		f.step()
		if f.hooks.Due() {
			_ = f.save() // training continues without the checkpoint
		}
	}
	return f.finish()
}

// start makes the block and restores its saved state, if there is a saved state.
func (f *fit[T]) start() (err error) {
	if f.fused, err = f.newBlock(f.block); err != nil {
		return err
	}
	if f.block.Resumed {
		if err := f.restore(); err != nil {
			f.hooks.Rejected(err)
			if f.fused, err = f.newBlock(f.block); err != nil {
				return err
			}
		} else {
			f.hooks.Resumed(f.fused.Done())
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
	file, err := f.hooks.Load()
	if err != nil {
		return err
	}
	if err := f.fused.Restore(file, f.block.ID); err != nil {
		return err
	}
	if err := f.restoreStandings(file.Meta[raceName]); err != nil {
		return err
	}
	return f.time.restore(file)
}

// save passes the state of the block to the checkpointer.
func (f *fit[T]) save() error {
	if f.fused.Done() == 0 {
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
	return f.hooks.Save(file)
}

// newBlock makes the block with random weights, drawn as in the assignment. Weights and minibatches
// come from one stream, unless the minibatches have a separate seed.
func (t *trainer[T]) newBlock(b plan.Block) (*train.Trainer[T], error) {
	c := &b.Trials[0].Config
	shape := train.Shape{
		Inputs: t.inputs, Classes: t.classes, Batch: c.Batch,
		InOut: c.Net == "fc", Floats: t.mean == nil,
	}
	var err error
	if shape.Rule, err = plan.RuleOf(*c); err != nil {
		return nil, err
	}
	nets := make([]train.Net, len(b.Trials))
	for i := range b.Trials { // by index, because trials are large and may be many
		c := &b.Trials[i].Config
		nets[i] = train.Net{Hidden: c.Hidden, LR: c.LR, Reg: c.Reg, Decay: c.Decay, Scale: c.Std, Mu: c.Mu}
	}
	block, err := train.New(t.set, shape, nets, t.mean, max(b.Cores, 1))
	if err != nil {
		return nil, err
	}
	stream := new(nprand.State)
	for k := range b.Trials {
		from := 0
		for from < k && !grid.Standard().SameStart(&b.Trials[k].Config, &b.Trials[from].Config) {
			from++
		}
		if from < k {
			block.Copy(k, from) // drawing the numbers again takes as long as several iterations
			continue
		}
		stream.Seed(b.Trials[k].Config.Seed)
		block.Init(k, stream)
	}
	if c.Order != nil {
		stream.Seed(*c.Order)
	}
	schedule := train.Schedule{Iterations: c.Iters, Batch: c.Batch, Train: t.train, Val: t.val}
	if c.Net == "fc" {
		schedule.Protocol = train.Solver
	}
	if schedule.Division, err = Division(*c); err != nil {
		return nil, err
	}
	return train.NewTrainer(block, schedule, stream)
}

// Division returns how a configuration divides the images into epochs.
func Division(c results.Config) (nn.Division, error) {
	switch c.Division {
	case "":
		return nn.FloorDivision, nil
	case "true":
		return nn.TrueDivision, nil
	}
	return 0, fmt.Errorf("division %q is unknown; the choices are floor and true", c.Division)
}

// report passes on the accuracies of a new measurement of the training.
func (f *fit[T]) report() {
	ids := f.fused.IDs()
	if f.hooks.Measured == nil || len(ids) == 0 {
		return
	}
	n := len(f.fused.Curve(ids[0]).ValAcc)
	if n == f.measured {
		return
	}
	f.measured = n
	vals := make([]float64, len(ids))
	for k, id := range ids {
		vals[k] = f.fused.Curve(id).ValAcc[n-1]
	}
	f.hooks.Measured(ids, vals)
}

// step does one iteration and records the nets that diverge in it.
func (f *fit[T]) step() {
	ids := append([]int(nil), f.fused.IDs()...)
	left := f.fused.Step()
	f.time.lap(ids)
	flops := 0.0
	for _, id := range ids {
		flops += f.block.Trials[id].FLOPs
	}
	f.hooks.Stepped(len(ids), flops)
	f.report()
	var records []results.Record
	for _, l := range left {
		records = append(records, f.record(outcome{id: l.ID, state: results.Diverged, steps: l.Iteration}))
	}
	if len(records) > 0 {
		f.hooks.Ended(records, false)
	}
}

// stopped returns the records of the nets that are not kept after this iteration, with their validation accuracies.
func (f *fit[T]) stopped(keep []bool, vals []float64) []results.Record {
	b := f.fused.Block()
	train := b.Hits(f.trainer.train, f.trainSample)
	f.time.lap(f.fused.IDs())
	var records []results.Record
	for k, id := range f.fused.IDs() {
		if keep[k] {
			continue
		}
		records = append(records, f.record(outcome{
			id: id, state: results.Stopped, weights: results.Hash(b.Weights(k)...), step: f.fused.Done(),
			train: portion(train[k], f.trainSample), val: new(vals[k]),
		}))
	}
	return records
}

// portion returns the accuracy, which is the fraction of the images that are classified correctly.
func portion(hits int, images []int) *float64 { return new(float64(hits) / float64(len(images))) }

// finish records the nets that trained to the end, and offers their weights and states.
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
		records = append(records, f.record(outcome{
			id: id, state: results.Done, weights: results.Hash(b.Weights(k)...), step: f.fused.BestStep(id),
			train: portion(train[k], f.trainSample), val: portion(val[k], f.valAll), test: portion(test[k], f.testAll),
		}))
	}
	// The records are written first, because the other files may not fit the disk.
	weights, state := f.hooks.Weights(), f.hooks.State()
	wait := weights != nil || state != nil
	if onDisk := f.hooks.Ended(records, wait); !wait || !onDisk {
		return nil // no files are wanted, or the sweep ends
	}
	for k, r := range records {
		if weights != nil {
			weights(r, func(w io.Writer) error {
				file, err := folder.WeightsFile(r, f.data, b.Weights(k))
				if err != nil {
					return err
				}
				return safetensors.Write(w, file)
			})
		}
		if state != nil {
			state(r, func(w io.Writer) error {
				if err := folder.Seal(&states[k], []grid.Trial{f.block.Trials[ids[k]]}); err != nil {
					return err
				}
				return safetensors.Write(w, states[k])
			})
		}
	}
	return nil
}

// states returns the state of each net as a separate block, or nil if no states are wanted. It must
// be called before the Solver replaces the last weights by its best weights.
func (f *fit[T]) states() ([]safetensors.File, error) {
	if f.hooks.State() == nil {
		return nil, nil
	}
	file, err := f.fused.Checkpoint(f.block.ID)
	if err != nil {
		return nil, err
	}
	var states []safetensors.File
	for _, id := range f.fused.IDs() {
		t := f.block.Trials[id]
		state, err := train.Gather(t.Key, []train.Part{{File: &file, ID: id}})
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

// detached returns f with copies of its tensors, because these may share memory with weights that
// change.
func detached(f safetensors.File) safetensors.File {
	f.Tensors = slices.Clone(f.Tensors)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		t.F32, t.F64 = slices.Clone(t.F32), slices.Clone(t.F64)
	}
	return f
}

// An outcome describes how the training of one trial ended.
type outcome struct {
	id    int // position in the block
	state results.State
	err   error // reason of a failure

	// For a net that diverged, steps is the number of its iterations. For other nets, that is the
	// number of losses.
	steps int

	// The fields below are set if the net was stopped or trained to the end. They are the hash of
	// its weights, the number of iterations after which it had these, and its accuracies.
	weights          string
	step             int
	train, val, test *float64
}

// record makes the record of an outcome. The caller adds the fields that are equal in all records
// of a sweep.
func (f *fit[T]) record(o outcome) results.Record {
	f.ended[o.id] = true
	t := f.block.Trials[o.id]
	r := results.Record{Key: t.Key, Config: t.Config, State: o.state, Weights: o.weights}
	if o.err != nil {
		r.Error = o.err.Error()
	}
	r.Speed.Seconds, r.Speed.BlockSeconds = f.time.of(o.id)
	r.Speed.Block, r.Speed.Cores = len(f.block.Trials), max(f.block.Cores, 1)
	r.Race, r.Rungs = f.hooks.brackets().Reached(t)
	if f.hooks.StopAt > 0 && o.state == results.Stopped {
		r.Rungs = []results.Rung{{Step: f.hooks.StopAt, Val: *o.val}}
	}
	if f.fused == nil {
		return r
	}
	c := f.fused.Curve(o.id)
	r.Steps = len(c.Loss)
	if o.state == results.Diverged {
		r.Steps = o.steps
	}
	r.Loss, r.Losses = lossOf(c.Loss), results.Hash(c.Loss)
	r.Accuracy = results.Accuracy{FinalTrain: o.train, FinalVal: o.val, Test: o.test, FinalStep: o.step}
	r.Accuracy.EpochTrain, _ = lastAndBest(c.TrainAcc)
	r.Accuracy.EpochVal, r.Accuracy.BestVal = lastAndBest(c.ValAcc)
	if f.hooks.Curve != nil && len(c.Loss) > 0 {
		f.hooks.Curve(t.Key, curve.History{Loss: c.Loss, Steps: f.fused.MeasuredAfter(len(c.ValAcc)), Train: c.TrainAcc, Val: c.ValAcc})
	}
	return r
}

// open returns the positions of the trials that have no outcome yet.
func (f *fit[T]) open() []int {
	var open []int
	for id := range f.block.Trials {
		if !f.ended[id] {
			open = append(open, id)
		}
	}
	return open
}
