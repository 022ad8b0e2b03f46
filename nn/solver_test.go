package nn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

// A trial is a Solver with its net, log and random stream, on small data.
type trial[T kernels.Float] struct {
	*Solver[T]
	net *Net[T]
	log *bytes.Buffer
	rng *nprand.State
}

func solverConfig(rule Rule) SolverConfig {
	cfg := DefaultSolver()
	cfg.Optim = DefaultOptim(rule)
	cfg.Optim.LearningRate = 0.05
	cfg.LRDecay, cfg.Epochs, cfg.BatchSize, cfg.TrainSamples, cfg.PrintEvery = 0.9, 4, 8, 20, 3
	return cfg
}

func newTrial[T kernels.Float](t *testing.T, cfg SolverConfig) trial[T] {
	t.Helper()
	set := reference.New()
	rng := nprand.New(5)
	net := NewFullyConnected[T](set, 6, []int{7}, 4, 0.3, rng)
	net.Reg = 0.01
	log := new(bytes.Buffer)
	cfg.Log = log
	s, err := NewSolver(set, net, blobs[T](43, 6, 4, 7), blobs[T](20, 6, 4, 7), cfg, rng)
	if err != nil {
		t.Fatal(err)
	}
	return trial[T]{s, net, log, rng}
}

// TestSolverProtocol compares the Solver with the course's loop, in float64 and with sgd.
func TestSolverProtocol(t *testing.T) {
	s := newTrial[float64](t, solverConfig(SGD))
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}

	rng := nprand.New(5)
	net := NewFullyConnected[float64](reference.New(), 6, []int{7}, 4, 0.3, rng)
	net.Reg = 0.01
	train, val := blobs[float64](43, 6, 4, 7), blobs[float64](20, 6, 4, 7)
	var log strings.Builder
	var losses, trainAcc, valAcc, best []float64
	bestVal, lr := -1.0, 0.05
	b, sample := newBatch[float64](8, 6), newBatch[float64](20, 6)
	for it := range 20 {
		rng.Choice(b.idx, 43)
		train.Gather(b.x, b.y, b.idx)
		losses = append(losses, net.Loss(b.x, b.y))
		for _, p := range net.Params() {
			for i, g := range p.Grad.Data {
				p.Value.Data[i] += float64(-lr * g)
			}
		}
		if it%3 == 0 {
			fmt.Fprintf(&log, "(Iteration %d / 20) loss: %f\n", it+1, losses[it])
		}
		end := it%5 == 4 // 43 div 8 is 5
		if end {
			lr *= 0.9
		}
		if end || it == 0 {
			rng.Choice(sample.idx, 43)
			train.Gather(sample.x, sample.y, sample.idx)
			trainAcc = append(trainAcc, Accuracy(net, Floats[float64]{sample.x, sample.y}))
			valAcc = append(valAcc, Accuracy(net, val))
			fmt.Fprintf(&log, "(Epoch %d / 4) train acc: %f; val_acc: %f\n", (it+1)/5, trainAcc[len(trainAcc)-1], valAcc[len(valAcc)-1])
			if v := valAcc[len(valAcc)-1]; v > bestVal {
				bestVal, best = v, weights(net)
			}
		}
	}
	h := s.History()
	sameBits(t, "losses", h.Loss, losses)
	sameBits(t, "training accuracies", h.TrainAcc, trainAcc)
	sameBits(t, "validation accuracies", h.ValAcc, valAcc)
	sameBits(t, "best weights, restored", weights(s.net), best)
	if h.BestValAcc != bestVal {
		t.Errorf("best validation accuracy %v, want %v", h.BestValAcc, bestVal)
	}
	if got, want := s.log.String(), log.String(); got != want {
		t.Errorf("log:\n%s\nwant:\n%s", got, want)
	}
}

// TestSolverSamples checks that all samples are measured, without a draw, if the data have no more
// than the configured number.
func TestSolverSamples(t *testing.T) {
	cfg := solverConfig(SGD)
	for _, n := range []int{0, 43, math.MaxInt} {
		cfg.TrainSamples, cfg.ValSamples, cfg.Epochs = n, n, 1
		s := newTrial[float64](t, cfg)
		if err := s.Train(t.Context()); err != nil {
			t.Fatal(err)
		}
		rng := nprand.New(5)
		NewFullyConnected[float64](reference.New(), 6, []int{7}, 4, 0.3, rng)
		rng.Choice(make([]int, 5*8), 43)
		if got, want := s.rng.Uint32(), rng.Uint32(); got != want {
			t.Errorf("TrainSamples %d: the stream is elsewhere after the training", n)
		}
	}
}

func TestSolverBestIsRestored(t *testing.T) {
	cfg := solverConfig(Adam)
	cfg.Optim.LearningRate = 8 // so high that the last weights are not the best
	cfg.Epochs = 8
	s := newTrial[float64](t, cfg)
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := s.History()
	if h.BestValAcc != slices.Max(h.ValAcc) {
		t.Errorf("best %v of %v", h.BestValAcc, h.ValAcc)
	}
	if h.BestValAcc == h.ValAcc[len(h.ValAcc)-1] {
		t.Fatalf("the last is the best, so this tests nothing: %v", h.ValAcc)
	}
	if got := Accuracy(s.net, s.val); got != h.BestValAcc {
		t.Errorf("the restored weights reach %v, want %v", got, h.BestValAcc)
	}
}

// TestSolverKeepsTheFirstBest checks that the first of equal accuracies counts as the best.
func TestSolverKeepsTheFirstBest(t *testing.T) {
	s := newTrial[float64](t, solverConfig(SGD))
	s.measure(new(Step))
	first := weights(s.model)
	for _, p := range s.params { // the scores change, the predicted classes do not
		for i := range p.Value.Data {
			p.Value.Data[i] *= 1.5
		}
	}
	s.measure(new(Step))
	if v := s.hist.ValAcc; v[0] != v[1] {
		t.Fatalf("accuracies %v, want equal ones", v)
	}
	s.restoreBest()
	sameBits(t, "weights", weights(s.model), first)
}

func TestSolverPerParam(t *testing.T) {
	cfg := solverConfig(SGD)
	still := DefaultOptim(Momentum)
	still.LearningRate = math.SmallestNonzeroFloat64
	cfg.PerParam = map[string]OptimConfig{"W1": still}
	s := newTrial[float64](t, cfg)
	p := s.net.Params()
	w1 := append([]float64(nil), p[0].Value.Data...)
	w2 := append([]float64(nil), p[2].Value.Data...)
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	near(t, "W1", p[0].Value.Data, w1, 0)
	if slices.Equal(p[2].Value.Data, w2) {
		t.Error("W2 did not move")
	}
}

func TestSolverDiverges(t *testing.T) {
	cfg := solverConfig(SGD)
	cfg.Optim.LearningRate, cfg.Epochs = 1e6, 50
	s := newTrial[float32](t, cfg)
	s.net.Reg = 1
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := s.History()
	if !h.Diverged || h.DivergedAt != len(h.Loss)-1 || isFinite(h.Loss[h.DivergedAt]) {
		t.Errorf("diverged %v at %d of %d losses", h.Diverged, h.DivergedAt, len(h.Loss))
	}
	before := len(h.Loss)
	if err := s.Train(t.Context()); err != nil || len(s.History().Loss) != before {
		t.Errorf("training again: %v, %d more losses", err, len(s.History().Loss)-before)
	}
}

// TestSolverDivergesWithoutLosingTheStream checks the random stream after a net has diverged.
// NumPy's loop then still draws minibatches and samples for accuracies.
func TestSolverDivergesWithoutLosingTheStream(t *testing.T) {
	// np.random.random_sample() after 10 × choice(50, 25), with choice(50, 20) and choice(30, 7) after the
	// first and every second.
	const want = 0.5103609870712871
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		for _, c := range []struct {
			lr   float64
			loss int // iterations that have a loss
		}{
			{1e-3, 10},
			{1e100, 2}, // the second loss is not finite
			{1e200, 1}, // the weights are not finite before the first measurement
		} {
			rng := nprand.New(1)
			net := NewFullyConnected[float64](set, 8, []int{5}, 3, 1e-2, rng)
			cfg := DefaultSolver()
			cfg.Optim.LearningRate, cfg.Epochs, cfg.BatchSize, cfg.TrainSamples, cfg.ValSamples = c.lr, 5, 25, 20, 7
			s, err := NewSolver(set, net, blobs[float64](50, 8, 3, 7), blobs[float64](30, 8, 3, 7), cfg, rng)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Train(t.Context()); err != nil {
				t.Fatal(err)
			}
			if h := s.History(); len(h.Loss) != c.loss || h.Diverged != (c.loss < 10) {
				t.Errorf("learning rate %g: %d losses, diverged %v", c.lr, len(h.Loss), h.Diverged)
			}
			if err := s.Train(t.Context()); err != nil { // the training is over, so this draws nothing
				t.Fatal(err)
			}
			if got := rng.RandomSample(); got != want {
				t.Errorf("learning rate %g: the next random number is %v, want %v", c.lr, got, want)
			}
		}
	})
}

// TestSolverDivergedAndCancelled cancels a training after the net diverged. The next call of Train must
// continue with the same draws.
func TestSolverDivergedAndCancelled(t *testing.T) {
	cfg := solverConfig(SGD)
	cfg.Optim.LearningRate, cfg.Epochs = 1e200, 50
	want := newTrial[float64](t, cfg)
	if err := want.Train(t.Context()); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cfg.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	cfg.OnStep = func(Step) { cancel() }
	s := newTrial[float64](t, cfg)
	if err := s.Train(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if _, err := os.Stat(cfg.Checkpoint); err == nil {
		t.Error("a checkpoint of spoilt weights")
	}
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !s.History().Diverged || s.rng.Uint32() != want.rng.Uint32() {
		t.Error("the stream is not where it is without the break")
	}
}

// TestSolverDivergesAtTheEnd checks that a training has diverged if the last update makes weights
// infinite. These weights are not the best weights.
func TestSolverDivergesAtTheEnd(t *testing.T) {
	cfg := solverConfig(SGD)
	cfg.Epochs, cfg.BatchSize = 1, 43
	b2 := DefaultOptim(SGD)
	b2.LearningRate = 1e39 // infinite in float32
	cfg.PerParam = map[string]OptimConfig{"b2": b2}
	cfg.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	s := newTrial[float32](t, cfg)
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := s.History()
	if !h.Diverged || h.DivergedAt != 0 || len(h.Loss) != 1 || !isFinite(h.Loss[0]) || len(h.ValAcc) != 0 {
		t.Errorf("history %+v", h)
	}
	if strings.Contains(s.log.String(), "Epoch") {
		t.Errorf("the log tells accuracies: %q", s.log)
	}
	if _, err := os.Stat(cfg.Checkpoint); err == nil {
		t.Error("a checkpoint of spoilt weights")
	}
}

// TestSolverCancelled cancels Train and calls it again. The result must be that of a training
// without interruption.
func TestSolverCancelled(t *testing.T) {
	want := newTrial[float64](t, solverConfig(Adam))
	if err := want.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cfg := solverConfig(Adam)
	cfg.OnStep = func(s Step) {
		if s.Iteration == 6 {
			cancel()
		}
	}
	s := newTrial[float64](t, cfg)
	err := s.Train(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	wantError(t, err, "after iteration 7 of 20")
	if err := s.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "weights", weights(s.net), weights(want.net))
	if got, want := s.log.String(), want.log.String(); got != want {
		t.Errorf("log:\n%s\nwant:\n%s", got, want)
	}
}

func TestNewSolverRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(c *SolverConfig)
	}{
		{"unknown rule", func(c *SolverConfig) { c.Optim.Rule = "sdg" }},
		{"decay 0", func(c *SolverConfig) { c.LRDecay = 0 }},
		{"decay NaN", func(c *SolverConfig) { c.LRDecay = math.NaN() }},
		{"negative epochs", func(c *SolverConfig) { c.Epochs = -1 }},
		{"many epochs", func(c *SolverConfig) { c.Epochs = maxEpochs + 1 }},
		{"batch size 0", func(c *SolverConfig) { c.BatchSize = 0 }},
		{"negative samples", func(c *SolverConfig) { c.TrainSamples = -3 }},
		{"no lines", func(c *SolverConfig) { c.PrintEvery = 0 }},
		{"unknown parameter", func(c *SolverConfig) { c.PerParam = map[string]OptimConfig{"W3": c.Optim} }},
		{"rule of a parameter", func(c *SolverConfig) { c.PerParam = map[string]OptimConfig{"W2": {}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := solverConfig(SGD)
			cfg.Log = new(bytes.Buffer)
			c.spoil(&cfg)
			data := blobs[float64](43, 6, 4, 7)
			net := NewFullyConnected[float64](reference.New(), 6, []int{7}, 4, 0.3, nprand.New(5))
			_, err := NewSolver(reference.New(), net, data, data, cfg, nprand.New(0))
			checkError(t, err)
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("pipe is closed") }

func TestSolverLogFails(t *testing.T) {
	s := newTrial[float64](t, solverConfig(SGD))
	s.cfg.Log = brokenWriter{}
	wantError(t, s.Train(t.Context()), "write the log", "pipe is closed")
}

func TestSolverDoesNotAllocatePerStep(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, rule := range Rules() {
		cfg := solverConfig(rule)
		cfg.BatchSize, cfg.Epochs = 1, 100
		s := newTrial[float32](t, cfg)
		s.cfg.Log = nil
		s.train = blobs[float32](5000, 6, 4, 7) // an epoch is longer than this test
		step := func() {
			if err := s.iterate(1000); err != nil {
				t.Fatal(err)
			}
		}
		step() // the first one measures accuracies
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%s: %v allocations per step", rule, n)
		}
	}
}

// TestParseSolverOptions checks the course's names and their defaults.
func TestParseSolverOptions(t *testing.T) {
	log := new(bytes.Buffer)
	c, err := ParseSolverOptions(nil, log)
	if err != nil {
		t.Fatal(err)
	}
	if c.Optim != DefaultOptim(SGD) || c.LRDecay != 1 || c.Epochs != 10 || c.BatchSize != 100 ||
		c.TrainSamples != 1000 || c.ValSamples != 0 || c.PrintEvery != 10 || c.Log != log {
		t.Errorf("defaults: %+v", c)
	}

	c, err = ParseSolverOptions(map[string]any{
		"update_rule": "adam", "optim_config": map[string]any{"learning_rate": 2e-3, "beta2": 0.99},
		"lr_decay": 0.95, "batch_size": 64, "num_epochs": 3.0, "num_train_samples": nil, "num_val_samples": 50,
		"checkpoint_name": "ck", "print_every": 7, "verbose": false,
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultOptim(Adam)
	want.LearningRate, want.Beta2 = 2e-3, 0.99
	if c.Optim != want || c.LRDecay != 0.95 || c.Epochs != 3 || c.BatchSize != 64 ||
		c.TrainSamples != 0 || c.ValSamples != 50 || c.PrintEvery != 7 || c.Log != nil || c.Checkpoint != "ck" {
		t.Errorf("options: %+v", c)
	}
}

func TestParseSolverOptionsRefuses(t *testing.T) {
	type m = map[string]any
	for _, options := range []m{
		{"batchsize": 10},
		{"update_rule": "sgdm"},
		{"update_rule": 3},
		{"optim_config": m{"momentum": 0.5}},
		{"update_rule": Momentum, "optim_config": m{"beta1": 0.5}},
		{"optim_config": m{"learning_rate": "1e-3"}},
		{"optim_config": m{"learning_rate": -1}},
		{"optim_config": 1e-3},
		{"batch_size": 1.5},
		{"batch_size": nil},
		{"batch_size": math.NaN()},
		{"batch_size": 0},
		{"num_train_samples": "all"},
		{"verbose": 1},
		{"lr_decay": true},
	} {
		t.Run(fmt.Sprint(options), func(t *testing.T) {
			_, err := ParseSolverOptions(options, new(bytes.Buffer))
			checkError(t, err)
		})
	}
}
