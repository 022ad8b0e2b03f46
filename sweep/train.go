package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/nprand"
	"fusegrid/results"
)

// A runner trains the trials of a block and returns a record of each. A trial
// that goes wrong is a record as well; an error is a context that ended. stepped
// is called after every iteration of the block. Any number of goroutines may call.
type runner interface {
	run(ctx context.Context, b block, stepped func()) ([]results.Record, error)
}

// newRunner returns the runner of a type, f32 or f64. It shares the bytes of data.
func newRunner(dtype string, set *kernels.Set, data *dataset.Split) (runner, error) {
	if dtype == "f32" {
		return newTrainer[float32](set, data)
	}
	return newTrainer[float64](set, data)
}

// A trainer is the runner that trains each trial alone.
type trainer[T kernels.Float] struct {
	set              *kernels.Set
	train, val, test *nn.Pixels[T]
	classes          int
}

func newTrainer[T kernels.Float](set *kernels.Set, data *dataset.Split) (*trainer[T], error) {
	t := &trainer[T]{set: set, classes: len(data.Classes)}
	for _, part := range []struct {
		dst    **nn.Pixels[T]
		images dataset.Subset
	}{{&t.train, data.Train}, {&t.val, data.Val}, {&t.test, data.Test}} {
		p, err := nn.NewPixels[T](set, part.images.X, part.images.Y, data.Mean)
		if err != nil {
			return nil, err
		}
		*part.dst = p
	}
	return t, nil
}

func (t *trainer[T]) run(ctx context.Context, b block, stepped func()) ([]results.Record, error) {
	var records []results.Record
	for _, trial := range b.trials {
		r := results.Record{Key: trial.key, Config: trial.config}
		err := t.fill(ctx, &r, stepped)
		if ctx.Err() != nil {
			return records, ctx.Err()
		}
		if err != nil {
			r.State, r.Error = results.Failed, err.Error()
		}
		records = append(records, r)
	}
	return records, nil
}

// fill trains the net that r describes and enters the outcome.
func (t *trainer[T]) fill(ctx context.Context, r *results.Record, stepped func()) (err error) {
	// One bad trial must not take a night's sweep along.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	start := time.Now()
	net, h, err := t.fit(ctx, r.Config, stepped)
	if err != nil {
		return err
	}
	r.Speed.Seconds = time.Since(start).Seconds()
	r.Steps = len(h.Loss)
	r.State = results.Done
	if h.Diverged {
		r.State, r.Steps = results.Diverged, h.DivergedAt
	}
	r.Loss = lossOf(h.Loss)
	r.Losses = hash(h.Loss)
	r.Weights = hashNet(net)
	r.Accuracy.Train, r.Accuracy.Val, r.Accuracy.BestVal = last(h.TrainAcc), last(h.ValAcc), best(h.ValAcc)
	if r.State == results.Done {
		r.Accuracy.FinalVal = ptr(nn.Accuracy(net, t.val))
		r.Accuracy.Test = ptr(nn.Accuracy(net, t.test))
	}
	return nil
}

// fit trains a net as the assignment does: two-layer nets by train, deeper ones by
// the Solver. Weights and batches come from one stream.
func (t *trainer[T]) fit(ctx context.Context, c results.Config, stepped func()) (*nn.Net[T], nn.History, error) {
	rng := nprand.New(c.Seed)
	onStep := func(nn.Step) { stepped() }
	if c.Net == "two-layer" {
		net := nn.NewTwoLayer[T](t.set, t.train.Dim(), c.Hidden[0], t.classes, c.Std, rng)
		net.Reg = c.Reg
		h, err := net.Train(ctx, t.train, t.val, nn.TrainConfig{
			LearningRate: c.LR, Decay: c.Decay, Iterations: c.Iters, BatchSize: c.Batch, OnStep: onStep,
		}, rng)
		return net, h, err
	}
	net := nn.NewFullyConnected[T](t.set, t.train.Dim(), c.Hidden, t.classes, c.Std, rng)
	net.Reg = c.Reg
	cfg := nn.DefaultSolver()
	cfg.Optim.LearningRate = c.LR
	cfg.LRDecay, cfg.BatchSize, cfg.OnStep = c.Decay, c.Batch, onStep
	cfg.Epochs = c.Iters / perEpoch(c)
	solver, err := nn.NewSolver(t.set, net, t.train, t.val, cfg, rng)
	if err != nil {
		return nil, nn.History{}, err
	}
	err = solver.Train(ctx)
	h := solver.History()
	return net, nn.History{Loss: h.Loss, TrainAcc: h.TrainAcc, ValAcc: h.ValAcc, Diverged: h.Diverged, DivergedAt: h.DivergedAt}, err
}

func ptr[T any](v T) *T { return &v }

func last(x []float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	return &x[len(x)-1]
}

func best(x []float64) *float64 {
	var b *float64
	for i := range x {
		if b == nil || x[i] > *b {
			b = &x[i]
		}
	}
	return b
}

// lossOf sums up the finite losses.
func lossOf(losses []float64) results.Loss {
	var l results.Loss
	for _, v := range losses {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if l.First == nil {
			l.First = ptr(v)
		}
		if l.Min == nil || v < *l.Min {
			l.Min = ptr(v)
		}
		l.Last = ptr(v)
	}
	return l
}

// hashNet returns the SHA-256 of all weights and biases in the order of Params.
func hashNet[T kernels.Float](net *nn.Net[T]) string {
	var all [][]T
	for _, p := range net.Params() {
		all = append(all, p.Value.Data)
	}
	return hash(all...)
}

// hash returns the SHA-256 of numbers as little-endian bytes, in hex.
func hash[T kernels.Float](parts ...[]T) string {
	h := sha256.New()
	var buf []byte
	for _, part := range parts {
		buf = buf[:0]
		for _, v := range part {
			switch v := any(v).(type) {
			case float32:
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			case float64:
				buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
			}
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}
