package nn

import (
	"fmt"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

// refAffine returns y = x·W + b in float64, from the definition.
func refAffine[T kernels.Float](l Affine[T], x kernels.Mat[T]) []float64 {
	var y []float64
	for i := range x.Rows {
		for j := range l.B {
			sum := 0.0
			for k, v := range x.Row(i) {
				w := l.W
				if l.Layout == InOut {
					sum += float64(float64(v) * float64(w.Row(k)[j]))
				} else {
					sum += float64(float64(v) * float64(w.Row(j)[k]))
				}
			}
			y = append(y, sum+float64(l.B[j]))
		}
	}
	return y
}

func newAffine[T kernels.Float](set *kernels.Set, layout Layout, d, m int, rng *nprand.State) Affine[T] {
	w := randMat[T](d, m, rng)
	if layout == OutIn {
		w = randMat[T](m, d, rng)
	}
	return Affine[T]{Ops: kernels.Of[T](set), Layout: layout, W: w, B: randMat[T](1, m, rng).Data}
}

func TestLayersForward(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		testLayersForward[float32](t, set, 1e-5)
		testLayersForward[float64](t, set, 1e-13)
	})
}

func testLayersForward[T kernels.Float](t *testing.T, set *kernels.Set, tol float64) {
	rng := nprand.New(3)
	for _, layout := range []Layout{InOut, OutIn} {
		for _, n := range []int{1, 2, 19} {
			l := newAffine[T](set, layout, 13, 7, rng)
			x, y := randMat[T](n, 13, rng), kernels.NewMat[T](n, 7)
			l.Forward(y, x)
			want := refAffine(l, x)
			near(t, "affine", y.Data, want, tol)

			AffineReLU[T]{l}.Forward(y, x)
			for i, v := range want {
				want[i] = max(v, 0)
			}
			near(t, "affine-ReLU", y.Data, want, tol)
		}
	}
}

func TestLayersBackward(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		for _, layout := range []Layout{InOut, OutIn} {
			for _, relu := range []bool{false, true} {
				rng := nprand.New(11)
				l := newAffine[float64](set, layout, 5, 4, rng)
				x, dy := randMat[float64](6, 5, rng), randMat[float64](6, 4, rng)
				y := kernels.NewMat[float64](6, 4)
				dx, dw, db := kernels.NewMat[float64](6, 5), kernels.NewMat[float64](l.W.Rows, l.W.Cols), make([]float64, 4)

				forward := func() []float64 { l.Forward(y, x); return y.Data }
				if relu {
					forward = func() []float64 { AffineReLU[float64]{l}.Forward(y, x); return y.Data }
				}
				up := append([]float64(nil), dy.Data...)
				if relu {
					AffineReLU[float64]{l}.Forward(y, x).Backward(dx, dw, db, dy)
				} else {
					l.Forward(y, x).Backward(dx, dw, db, dy)
				}
				for _, v := range []struct {
					name    string
					x, grad []float64
				}{{"dx", x.Data, dx.Data}, {"dw", l.W.Data, dw.Data}, {"db", l.B, db}} {
					num := NumericGradientArray(forward, v.x, up, GradStep)
					if e := RelError(num, v.grad); !(e < 1e-8) {
						t.Errorf("layout %d, ReLU %v: %s: relative error %g", layout, relu, v.name, e)
					}
				}
			}
		}
	})
}

// TestBackwardWithoutInputGradient checks Backward without dx, which the first layer of a net does
// not need.
func TestBackwardWithoutInputGradient(t *testing.T) {
	rng := nprand.New(2)
	l := newAffine[float64](reference.New(), InOut, 5, 4, rng)
	x, dy, y := randMat[float64](3, 5, rng), randMat[float64](3, 4, rng), kernels.NewMat[float64](3, 4)
	dw, want, db := kernels.NewMat[float64](5, 4), kernels.NewMat[float64](5, 4), make([]float64, 4)
	c := l.Forward(y, x)
	c.Backward(kernels.NewMat[float64](3, 5), want, db, dy)
	c.Backward(kernels.Mat[float64]{}, dw, db, dy)
	sameBits(t, "dw", dw.Data, want.Data)
}

func ExampleAffineReLU() {
	ops := kernels.Of[float64](reference.New())
	layer := AffineReLU[float64]{Affine[float64]{
		Ops: ops,
		W:   kernels.MatOf(2, 2, []float64{1, -1, 1, 1}),
		B:   []float64{0, 0.5},
	}}
	x := kernels.MatOf(1, 2, []float64{3, 1})
	y := kernels.NewMat[float64](1, 2)
	cache := layer.Forward(y, x)

	dx, dw, db := kernels.NewMat[float64](1, 2), kernels.NewMat[float64](2, 2), make([]float64, 2)
	cache.Backward(dx, dw, db, kernels.MatOf(1, 2, []float64{1, 1}))
	fmt.Println(y.Data, dx.Data, dw.Data, db)
	// Output: [4 0] [1 1] [3 0 1 0] [1 0]
}
