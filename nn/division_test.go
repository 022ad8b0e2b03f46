package nn

import (
	"fmt"
	"math"
	"testing"

	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

// TestDivisionPeriod checks periods that a loop in Python has counted with it % max(n / batch, 1)
// == 0.
func TestDivisionPeriod(t *testing.T) {
	for _, c := range []struct{ n, batch, floor, exact int }{
		{49000, 200, 245, 245},
		{49000, 128, 382, 6125}, // 382.8125
		{49000, 64, 765, 6125},  // 765.625
		{49000, 450, 108, math.MaxInt},
		{33, 8, 4, 33},
		{30, 20, 1, 3},
		{20, 16, 1, 5},
		{30, 9, 3, math.MaxInt},
		{50, 50, 1, 1},
		{5, 50, 1, 1},
		{7, 1, 7, 7},
	} {
		if got := FloorDivision.Period(c.n, c.batch); got != c.floor {
			t.Errorf("%d by %d, floor: %d, want %d", c.n, c.batch, got, c.floor)
		}
		if got := TrueDivision.Period(c.n, c.batch); got != c.exact {
			t.Errorf("%d by %d, true: %d, want %d", c.n, c.batch, got, c.exact)
		}
	}
}

// pythonEpoch reports whether it % iterations_per_epoch is 0. The % of Python's floats is the exact
// remainder, as math.Mod is.
func pythonEpoch(d Division, it, n, batch int) bool {
	if d == TrueDivision {
		return math.Mod(float64(it), max(float64(n)/float64(batch), 1)) == 0
	}
	return it%max(n/batch, 1) == 0
}

func TestDivisionPeriodAsPython(t *testing.T) {
	for _, d := range []Division{FloorDivision, TrueDivision} {
		for n := 1; n <= 70; n++ {
			for batch := 1; batch <= 75; batch++ {
				for it := range 300 {
					if got, want := it%d.Period(n, batch) == 0, pythonEpoch(d, it, n, batch); got != want {
						t.Fatalf("%v, %d samples, batch %d, iteration %d: %v, want %v", d, n, batch, it, got, want)
					}
				}
			}
		}
	}
}

// TestTrainDivision compares Train with the loop of the notebook, for batch sizes that divide the
// number of samples and others.
func TestTrainDivision(t *testing.T) {
	set := reference.New()
	const n, iterations = 36, 30
	train, val := blobs[float64](n, 6, 4, 7), blobs[float64](20, 6, 4, 7)
	for _, c := range []struct {
		division Division
		batch    int
		measured int
	}{
		{FloorDivision, 9, 8}, {TrueDivision, 9, 8}, // divides
		{FloorDivision, 24, 30}, {TrueDivision, 24, 10}, // 1.5
		{FloorDivision, 28, 30}, {TrueDivision, 28, 1}, // 9/7
		{FloorDivision, 8, 8}, {TrueDivision, 8, 4}, // 4.5
		{FloorDivision, 11, 10}, {TrueDivision, 11, 1}, // 36/11
		{FloorDivision, 50, 30}, {TrueDivision, 50, 30}, // below 1
	} {
		t.Run(fmt.Sprintf("%v/batch=%d", c.division, c.batch), func(t *testing.T) {
			cfg := TrainConfig{LearningRate: 0.1, Decay: 0.8, Iterations: iterations, BatchSize: c.batch, Division: c.division}
			rng := nprand.New(5)
			net := NewTwoLayer[float64](set, 6, 8, 4, 0.1, rng)
			net.Reg = 0.01
			hist, err := net.Train(t.Context(), train, val, cfg, rng)
			if err != nil {
				t.Fatal(err)
			}

			rng = nprand.New(5)
			other := NewTwoLayer[float64](set, 6, 8, 4, 0.1, rng)
			other.Reg = 0.01
			lr := cfg.LearningRate
			var losses, trainAcc, valAcc []float64
			b := newBatch[float64](c.batch, 6)
			for it := range iterations {
				rng.Choice(b.idx, n)
				train.Gather(b.x, b.y, b.idx)
				losses = append(losses, other.Loss(b.x, b.y))
				for _, p := range other.Params() {
					for i, g := range p.Grad.Data {
						p.Value.Data[i] -= lr * g
					}
				}
				if pythonEpoch(c.division, it, n, c.batch) {
					trainAcc = append(trainAcc, Accuracy(other, b.floats()))
					valAcc = append(valAcc, Accuracy(other, val))
					lr *= cfg.Decay
				}
			}
			near(t, "losses", hist.Loss, losses, 1e-12)
			near(t, "training accuracies", hist.TrainAcc, trainAcc, 0)
			near(t, "validation accuracies", hist.ValAcc, valAcc, 0)
			near(t, "weights", weights(net), weights(other), 1e-12)
			if len(valAcc) != c.measured {
				t.Errorf("%d measurements, want %d", len(valAcc), c.measured)
			}
		})
	}
}
