package nn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

func trainConfig() TrainConfig {
	return TrainConfig{LearningRate: 0.2, Decay: 0.9, Iterations: 25, BatchSize: 8}
}

// TestTrainProtocol compares Train with the assignment's loop, which is written out here with the
// gradients of Loss. The loop defines the correct results.
//
// The trainer multiplies the deltas by −η before it sums them over the minibatch. It multiplies a
// weight by 1−ηλ instead of adding λW to its gradient, and so does the loop. In a stable set, both
// add the terms of an element in the same order. The product of a number with a power of two is
// exact. Therefore, if η is a power of two, both have the same bits.
//
// Other rates round each term, and a set that is not stable may add in another order. Sums of n products then differ by at most
// γₙ = n·u/(1−n·u) of the sum of their magnitudes. An element passes four products in a step: of D
// inputs, of H units, of C classes and of N samples. The bound allows these roundings in every step, and
// magnitudes of 8 times the largest weight or loss.
func TestTrainProtocol(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		for _, c := range []protocolCase{
			{rate: 0.25, decay: 0.5, exact: set.Stable},
			{rate: 0.25, decay: 0.5, reg: 0.01, exact: set.Stable},
			{rate: 0.2, decay: 0.9, reg: 0.01},
			{rate: 0.25, decay: 0.5, layers: []int{}, exact: set.Stable},
			{rate: 0.25, decay: 0.5, layers: []int{7, 5}, exact: set.Stable},
			{rate: 0.2, decay: 0.9, reg: 0.01, layers: []int{}},
		} {
			name := fmt.Sprintf("layers=%v/lr=%v/reg=%v", c.layers, c.rate, c.reg)
			if c.layers == nil {
				name = fmt.Sprintf("two-layer/lr=%v/reg=%v", c.rate, c.reg)
			}
			t.Run(name+"/dtype=f32", func(t *testing.T) { testTrainProtocol[float32](t, set, c, 0x1p-24) })
			t.Run(name+"/dtype=f64", func(t *testing.T) { testTrainProtocol[float64](t, set, c, 0x1p-53) })
		}
	})
}

type protocolCase struct {
	rate, decay, reg float64
	layers           []int // hidden layers of a fully connected net; nil for the two-layer net
	exact            bool  // losses and weights must have the same bits
}

func testTrainProtocol[T kernels.Float](t *testing.T, set *kernels.Set, c protocolCase, u float64) {
	const samples, inputs, hidden, classes, size, iterations = 33, 6, 8, 4, 8, 25
	train, val := blobs[T](samples, inputs, classes, 7), blobs[T](20, inputs, classes, 7)

	newNet := func(rng *nprand.State) *Net[T] {
		if c.layers != nil {
			return NewFullyConnected[T](set, inputs, c.layers, classes, 0.5, rng)
		}
		return NewTwoLayer[T](set, inputs, hidden, classes, 0.1, rng)
	}

	rng := nprand.New(5)
	net := newNet(rng)
	net.Reg = c.reg
	hist, err := net.Train(t.Context(), train, val, TrainConfig{LearningRate: c.rate, Decay: c.decay, Iterations: iterations, BatchSize: size}, rng)
	if err != nil {
		t.Fatal(err)
	}

	rng = nprand.New(5)
	other := newNet(rng)
	var want History
	lr := c.rate
	b := newBatch[T](size, inputs)
	for it := range iterations {
		rng.Choice(b.idx, samples)
		train.Gather(b.x, b.y, b.idx)
		other.Reg = c.reg
		want.Loss = append(want.Loss, other.Loss(b.x, b.y))
		other.Reg = 0
		other.Loss(b.x, b.y) // the gradients without λW
		for _, p := range other.Params() {
			keep := T(1)
			if p.Name[0] == 'W' {
				keep = T(1 - float64(lr*c.reg))
			}
			// W ← (1−ηλ)·W − η·g by the rounding of the set, which may fuse the first product with the sum.
			kernels.Of[T](set).Axpby(keep, p.Value.Data, T(-lr), p.Grad.Data)
			copy(p.Value.Data, p.Grad.Data)
		}
		if it%(samples/size) == 0 {
			want.TrainAcc = append(want.TrainAcc, Accuracy(other, Floats[T](b.floats())))
			want.ValAcc = append(want.ValAcc, Accuracy(other, val))
			lr *= c.decay
		}
	}
	sameBits(t, "training accuracies", hist.TrainAcc, want.TrainAcc)
	sameBits(t, "validation accuracies", hist.ValAcc, want.ValAcc)
	if c.exact {
		sameBits(t, "losses", hist.Loss, want.Loss)
		sameBits(t, "weights", weights(net), weights(other))
	} else {
		bound := 8 * iterations * (inputs + hidden + classes + size) * u
		near(t, "losses", hist.Loss, want.Loss, bound)
		near(t, "weights", weights(net), weights(other), bound)
	}
	if hist.Diverged {
		t.Error("diverged")
	}
	if guess := math.Log(classes); !(hist.Loss[iterations-1] < guess*0.9) {
		t.Errorf("the last loss is %v, that of a guess is %v", hist.Loss[iterations-1], guess)
	}
}

func (b batch[T]) floats() Floats[T] { return Floats[T]{X: b.x, Y: b.y} }

// TestTrainFloat32 compares the losses in float32 with those in float64.
func TestTrainFloat32(t *testing.T) {
	set := reference.New()
	run := func() ([]float32, History) {
		rng := nprand.New(5)
		net := NewFullyConnected[float32](set, 6, []int{9, 7}, 4, 0.3, rng)
		h, err := net.Train(t.Context(), blobs[float32](33, 6, 4, 7), blobs[float32](20, 6, 4, 7), trainConfig(), rng)
		if err != nil {
			t.Fatal(err)
		}
		return weights(net), h
	}
	w, h := run()
	again, _ := run()
	sameBits(t, "weights of a second run", again, w)

	rng := nprand.New(5)
	net := NewFullyConnected[float64](set, 6, []int{9, 7}, 4, 0.3, rng)
	h64, err := net.Train(t.Context(), blobs[float64](33, 6, 4, 7), blobs[float64](20, 6, 4, 7), trainConfig(), rng)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "losses", h.Loss, h64.Loss, 1e-4)
}

func TestTrainBatchLargerThanData(t *testing.T) {
	rng := nprand.New(5)
	data := blobs[float64](5, 6, 4, 7)
	net := NewTwoLayer[float64](reference.New(), 6, 8, 4, 0.1, rng)
	cfg := trainConfig()
	cfg.BatchSize, cfg.Iterations = 50, 3
	h, err := net.Train(t.Context(), data, data, cfg, rng)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.TrainAcc) != 3 { // an epoch is one iteration
		t.Errorf("%d accuracies, want 3", len(h.TrainAcc))
	}
}

func TestTrainDiverges(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		testDivergence[float32](t, set)
		testDivergence[float64](t, set)
	})
}

func testDivergence[T kernels.Float](t *testing.T, set *kernels.Set) {
	rng := nprand.New(5)
	data := blobs[T](33, 6, 4, 7)
	net := NewTwoLayer[T](set, 6, 8, 4, 0.1, rng)
	net.Reg = 1
	cfg := trainConfig()
	cfg.LearningRate, cfg.Iterations, cfg.Decay = 1e5, 1000, 1
	steps := 0
	cfg.OnStep = func(s Step) { steps++ }
	h, err := net.Train(t.Context(), data, data, cfg, rng)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Diverged || h.DivergedAt != len(h.Loss)-1 || h.DivergedAt == 999 || steps != len(h.Loss) {
		t.Fatalf("diverged %v at %d after %d losses and %d steps", h.Diverged, h.DivergedAt, len(h.Loss), steps)
	}
	for i, l := range h.Loss {
		if isFinite(l) != (i < h.DivergedAt) {
			t.Errorf("loss %d of %d is %v", i, h.DivergedAt, l)
		}
	}
}

// TestTrainDivergesWithoutLosingTheStream checks the random stream after a net has diverged. NumPy's loop
// then still draws minibatches.
func TestTrainDivergesWithoutLosingTheStream(t *testing.T) {
	const want = 0.40498789866906104 // np.random.random_sample() after 40 × np.random.choice(50, 25)
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		for _, c := range []struct {
			lr       float64
			diverges bool
		}{{1e-3, false}, {1e200, true}} {
			rng := nprand.New(1)
			net := NewFullyConnected[float64](set, 8, []int{5}, 3, 1e-2, rng)
			data := blobs[float64](50, 8, 3, 7)
			h, err := net.Train(t.Context(), data, data, TrainConfig{LearningRate: c.lr, Decay: 1, Iterations: 40, BatchSize: 25}, rng)
			if err != nil || h.Diverged != c.diverges {
				t.Fatalf("learning rate %g: diverged %v, %v", c.lr, h.Diverged, err)
			}
			if got := rng.RandomSample(); got != want {
				t.Errorf("learning rate %g: the next random number is %v, want %v", c.lr, got, want)
			}
		}
	})
}

// TestTrainDivergedAndCancelled cancels the context after the net has diverged. Train must return
// its error.
func TestTrainDivergedAndCancelled(t *testing.T) {
	rng := nprand.New(5)
	data := blobs[float64](33, 6, 4, 7)
	net := NewTwoLayer[float64](reference.New(), 6, 8, 4, 0.1, rng)
	net.Reg = 1
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := trainConfig()
	cfg.LearningRate, cfg.Iterations = 1e200, 1<<30 // drawing all of them would take minutes
	cfg.OnStep = func(s Step) {
		if _, finite := net.sumSquares(); !finite || !isFinite(s.Loss) {
			cancel()
		}
	}
	h, err := net.Train(ctx, data, data, cfg, rng)
	if !errors.Is(err, context.Canceled) || !h.Diverged {
		t.Errorf("diverged %v, error %v, want context.Canceled", h.Diverged, err)
	}
}

// TestTrainDivergesAtTheEnd checks that infinite weights are found even if the last step has made
// them.
func TestTrainDivergesAtTheEnd(t *testing.T) {
	rng := nprand.New(5)
	data := blobs[float32](33, 6, 4, 7)
	net := NewTwoLayer[float32](reference.New(), 6, 8, 4, 0.1, rng)
	cfg := trainConfig()
	cfg.LearningRate, cfg.Iterations = 1e38, 1
	h, err := net.Train(t.Context(), data, data, cfg, rng)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Diverged || h.DivergedAt != 0 || !isFinite(h.Loss[0]) || len(h.ValAcc) != 0 {
		t.Errorf("history %+v", h)
	}
}

func TestTrainCancelled(t *testing.T) {
	rng := nprand.New(5)
	data := blobs[float64](33, 6, 4, 7)
	net := NewTwoLayer[float64](reference.New(), 6, 8, 4, 0.1, rng)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := trainConfig()
	cfg.OnStep = func(s Step) {
		if s.Iteration == 6 {
			cancel()
		}
	}
	h, err := net.Train(ctx, data, data, cfg, rng)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	wantError(t, err, "before iteration 7 of 25")
	if len(h.Loss) != 7 || len(h.ValAcc) != 2 {
		t.Errorf("%d losses and %d accuracies, want 7 and 2", len(h.Loss), len(h.ValAcc))
	}
}

func TestTrainRefuses(t *testing.T) {
	type setup struct {
		cfg        TrainConfig
		net        *Net[float64]
		train, val Floats[float64]
	}
	good := blobs[float64](10, 6, 4, 7)
	for _, c := range []struct {
		name  string
		parts []string
		spoil func(s *setup)
	}{
		{"lr 0", []string{"learning rate 0"}, func(s *setup) { s.cfg.LearningRate = 0 }},
		{"lr NaN", []string{"learning rate NaN"}, func(s *setup) { s.cfg.LearningRate = math.NaN() }},
		{"lr Inf", []string{"learning rate +Inf"}, func(s *setup) { s.cfg.LearningRate = math.Inf(1) }},
		{"decay", []string{"decay -1"}, func(s *setup) { s.cfg.Decay = -1 }},
		{"iterations", []string{"-1 iterations"}, func(s *setup) { s.cfg.Iterations = -1 }},
		{"batch", []string{"batch size 0", "1 or more"}, func(s *setup) { s.cfg.BatchSize = 0 }},
		{"division", []string{"Division(7)", "FloorDivision or TrueDivision"}, func(s *setup) { s.cfg.Division = 7 }},
		{"reg", []string{"regularization -0.5"}, func(s *setup) { s.net.Reg = -0.5 }},
		{"reg NaN", []string{"regularization NaN"}, func(s *setup) { s.net.Reg = math.NaN() }},
		{"no data", []string{"training data have no samples"}, func(s *setup) { s.train = blobs[float64](0, 6, 4, 7) }},
		{"no validation", []string{"validation data have no samples"}, func(s *setup) { s.val = blobs[float64](0, 6, 4, 7) }},
		{"width", []string{"validation data have 5 inputs", "net has 6"}, func(s *setup) { s.val = blobs[float64](9, 5, 4, 7) }},
		{"label", []string{"has label 4, want 0…3"}, func(s *setup) {
			s.train = blobs[float64](10, 6, 4, 7)
			for i := range s.train.Y {
				s.train.Y[i] = 4
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := NewTwoLayer[float64](reference.New(), 6, 8, 4, 0.1, nprand.New(1))
			s := setup{trainConfig(), net, good, good}
			before := weights(net)
			c.spoil(&s)
			_, err := net.Train(t.Context(), s.train, s.val, s.cfg, nprand.New(0))
			wantError(t, err, c.parts...)
			sameBits(t, "weights after the error", weights(net), before)
		})
	}
}

// TestTrainDoesNotAllocatePerStep checks that the number of allocations does not depend on the length of a
// training.
func TestTrainDoesNotAllocatePerStep(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	set := reference.New()
	var data Data[float32] = blobs[float32](33, 6, 4, 7)
	allocs := func(iterations int) float64 {
		net := NewTwoLayer[float32](set, 6, 8, 4, 0.1, nprand.New(1))
		cfg := trainConfig()
		cfg.Iterations = iterations
		rng, ctx := nprand.New(2), t.Context()
		return testing.AllocsPerRun(5, func() {
			if _, err := net.Train(ctx, data, data, cfg, rng); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(5), allocs(105); few != many {
		t.Errorf("%v allocations for 5 iterations, %v for 105", few, many)
	}
}

// TestTrainCancelledLeavesItsWeights checks, for both layouts, that the net has the latest weights
// if a training is cancelled.
func TestTrainCancelledLeavesItsWeights(t *testing.T) {
	data := blobs[float32](33, 6, 4, 7)
	for _, c := range []struct {
		name string
		make func(*nprand.State) *Net[float32]
	}{
		{"(out, in)", func(rng *nprand.State) *Net[float32] { return NewTwoLayer[float32](reference.New(), 6, 8, 4, 0.1, rng) }},
		{"(in, out)", func(rng *nprand.State) *Net[float32] {
			return NewFullyConnected[float32](reference.New(), 6, []int{8, 5}, 4, 0.1, rng)
		}},
		{"no hidden layer", func(rng *nprand.State) *Net[float32] {
			return NewFullyConnected[float32](reference.New(), 6, nil, 4, 0.1, rng)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := nprand.New(5)
			whole := c.make(rng)
			cfg := trainConfig()
			cfg.Iterations = 7
			if _, err := whole.Train(t.Context(), data, data, cfg, rng); err != nil {
				t.Fatal(err)
			}
			rng = nprand.New(5)
			net := c.make(rng)
			ctx, cancel := context.WithCancel(t.Context())
			cfg.Iterations = 25
			cfg.OnStep = func(s Step) {
				if s.Iteration == 6 {
					cancel()
				}
			}
			if _, err := net.Train(ctx, data, data, cfg, rng); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want context.Canceled", err)
			}
			sameBits(t, c.name, weights(net), weights(whole))
		})
	}
}
