package train

import (
	"math"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
)

// trainerOfTwo returns a trainer of two nets of 5 units on twelve pixels, ready to step.
func trainerOfTwo(t *testing.T, set *kernels.Set, reg float64) *Trainer[float32] {
	t.Helper()
	const pixels, n = 12, 40
	s := labelled.Samples{X: make([]uint8, n*pixels), Y: make([]uint16, n)}
	for i := range s.X {
		s.X[i] = uint8(i * 37)
	}
	for i := range s.Y {
		s.Y[i] = uint16(i % 10)
	}
	net := Net{Hidden: []int{5}, LR: 1e-3, Reg: reg, Decay: 1, Scale: 0.01}
	b, err := New(set, Shape{Inputs: pixels, Classes: 10, Batch: 20}, []Net{net, net}, make([]float32, pixels), 1)
	if err != nil {
		t.Fatal(err)
	}
	b.Init(0, nprand.New(0))
	b.Init(1, nprand.New(1))
	trainer, err := NewTrainer(b, Schedule{Iterations: 5, Batch: 20, Train: s, Val: s}, nprand.New(2))
	if err != nil {
		t.Fatal(err)
	}
	return trainer
}

// TestNotFiniteShows sets a weight or bias to a number that is not finite. The loss and the
// validation accuracy of that net must not be finite. This must hold without regularization, and if
// a dead unit hides the number from the scores. The values of the other net must be finite.
func TestNotFiniteShows(t *testing.T) {
	for _, set := range []*kernels.Set{reference.New(), bfp.New(reference.Fused(), kernels.BFP16, nil)} {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			for _, reg := range []float64{0, 0.5} {
				for i, p := range trainerOfTwo(t, set, reg).block.weights(1) {
					tr := trainerOfTwo(t, set, reg)
					w := tr.block.Weights(1)
					w[i][len(w[i])-1] = bad
					tr.block.SetWeights(1, w)
					if acc := tr.Validate(); math.IsNaN(acc[0]) || !math.IsNaN(acc[1]) {
						t.Errorf("class %s: %s has %v, reg %v: accuracies %v", set.Class, p.name, bad, reg, acc)
					}
					if left := tr.Step(); len(left) != 1 || left[0].ID != 1 || isFinite(left[0].Loss) {
						t.Errorf("class %s: %s has %v, reg %v: %+v left", set.Class, p.name, bad, reg, left)
					}
				}
			}
		}
	}
}

func TestArgmax(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		x    []float64
		want int
	}{
		{[]float64{1, 3, 2}, 1}, {[]float64{3, 1, 3}, 0}, {[]float64{1, nan, 3}, 1}, {[]float64{nan, nan, 3}, 0},
		{[]float64{math.Inf(-1), math.Inf(-1)}, 0}, {[]float64{2, 3, nan}, 2},
	} {
		if got := Argmax(c.x); got != c.want {
			t.Errorf("Argmax(%v) is %d, want %d", c.x, got, c.want)
		}
	}
}
