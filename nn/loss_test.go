package nn

import (
	"math"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

func TestSVMLossByHand(t *testing.T) {
	// Row 0: margins −1 and 0.5 for the wrong classes; row 1: 3 and 2.
	x := kernels.MatOf(2, 3, []float64{2, 0, 1.5, 1, -1, 0})
	dx := kernels.NewMat[float64](2, 3)
	loss := SVMLoss(dx, x, []int{0, 1})
	near(t, "loss", []float64{loss}, []float64{(0.5 + 3 + 2) / 2}, 1e-15)
	near(t, "dx", dx.Data, []float64{-0.5, 0, 0.5, 0.5, -1, 0.5}, 1e-15)
}

// TestSVMLossAtTheHinge checks that a margin of exactly 0 has no loss and, by convention, no
// gradient.
func TestSVMLossAtTheHinge(t *testing.T) {
	x := kernels.MatOf(1, 2, []float64{1, 0})
	dx := kernels.NewMat[float64](1, 2)
	if loss := SVMLoss(dx, x, []int{0}); loss != 0 || dx.Data[0] != 0 || dx.Data[1] != 0 {
		t.Errorf("loss %v, gradient %v, want zeros", loss, dx.Data)
	}
}

func TestLossGradients(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		ops := kernels.Of[float64](set)
		rng := nprand.New(5)
		x := randMat[float64](9, 6, rng)
		y := make([]int, 9)
		rng.RandintSlice(y, 0, 6)
		for _, c := range []struct {
			name string
			loss func(dx kernels.Mat[float64]) float64
		}{
			{"softmax", func(dx kernels.Mat[float64]) float64 { return SoftmaxLoss(ops, dx, x, y) }},
			{"SVM", func(dx kernels.Mat[float64]) float64 { return SVMLoss(dx, x, y) }},
		} {
			t.Run(c.name, func(t *testing.T) {
				dx, scratch := kernels.NewMat[float64](9, 6), kernels.NewMat[float64](9, 6)
				c.loss(dx)
				num := NumericGradient(func() float64 { return c.loss(scratch) }, x.Data, GradStep)
				if e := RelError(num, dx.Data); !(e < 1e-7) {
					t.Errorf("relative error %g", e)
				}
			})
		}
	})
}

// TestLossOfEqualScores checks the losses of untrained nets: log C, and C−1 margins of 1.
func TestLossOfEqualScores(t *testing.T) {
	ops := kernels.Of[float64](reference.New())
	x, dx := kernels.NewMat[float64](4, 10), kernels.NewMat[float64](4, 10)
	y := []int{0, 3, 9, 5}
	near(t, "softmax", []float64{SoftmaxLoss(ops, dx, x, y)}, []float64{math.Log(10)}, 1e-15)
	near(t, "SVM", []float64{SVMLoss(dx, x, y)}, []float64{9}, 1e-15)
}

func TestSVMLossInPlace(t *testing.T) {
	rng := nprand.New(8)
	x := randMat[float64](5, 4, rng)
	y := []int{3, 0, 2, 1, 3}
	dx := kernels.NewMat[float64](5, 4)
	want := SVMLoss(dx, x, y)
	if got := SVMLoss(x, x, y); got != want {
		t.Errorf("loss in place %v, want %v", got, want)
	}
	sameBits(t, "dx", x.Data, dx.Data)
}

func TestSVMLossKeepsNaN(t *testing.T) {
	for i := range 3 {
		x := kernels.NewMat[float64](1, 3)
		x.Data[i] = math.NaN()
		if loss := SVMLoss(kernels.NewMat[float64](1, 3), x, []int{1}); !math.IsNaN(loss) {
			t.Errorf("loss %v with NaN at score %d, want NaN", loss, i)
		}
	}
}

func TestSVMLossRefuses(t *testing.T) {
	x := kernels.NewMat[float64](2, 3)
	wantPanic(t, "y[1] is 3, want 0…2", func() { SVMLoss(kernels.NewMat[float64](2, 3), x, []int{0, 3}) })
	wantPanic(t, "y[0] is -1", func() { SVMLoss(kernels.NewMat[float64](2, 3), x, []int{-1, 0}) })
	wantPanic(t, "dx is 2×2", func() { SVMLoss(kernels.NewMat[float64](2, 2), x, []int{0, 0}) })
	wantPanic(t, "y has 1 labels", func() { SVMLoss(kernels.NewMat[float64](2, 3), x, []int{0}) })
}
