package nn

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
)

// netsOf returns nets of every kind for 6 inputs and 4 classes. Their biases are not 0, because
// units after a dead layer would otherwise be at the kink of the ReLU.
func netsOf[T kernels.Float](set *kernels.Set) map[string]*Net[T] {
	nets := map[string]*Net[T]{
		"two-layer":  NewTwoLayer[T](set, 6, 8, 4, 0.5, nprand.New(1)),
		"linear":     NewFullyConnected[T](set, 6, nil, 4, 0.5, nprand.New(2)),
		"one hidden": NewFullyConnected[T](set, 6, []int{8}, 4, 0.5, nprand.New(3)),
		"deep":       NewFullyConnected[T](set, 6, []int{7, 1, 5}, 4, 0.8, nprand.New(4)),
	}
	rng := nprand.New(5)
	for _, name := range slices.Sorted(maps.Keys(nets)) {
		for _, l := range nets[name].layers {
			for i := range l.B {
				l.B[i] = T(0.1 * rng.Randn())
			}
		}
	}
	return nets
}

func TestNetGradients(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		data := blobs[float64](9, 6, 4, 7)
		for name, net := range netsOf[float64](set) {
			for _, net.Reg = range []float64{0, 0.7} {
				for _, p := range net.Params() {
					num := NumericGradient(func() float64 { return net.Loss(data.X, data.Y) }, p.Value.Data, GradStep)
					net.Loss(data.X, data.Y)
					if e := RelError(num, p.Grad.Data); !(e < 1e-6) {
						t.Errorf("%s, reg %v: %s: relative error %g", name, net.Reg, p.Name, e)
					}
				}
			}
		}
	})
}

// TestNetLoss compares the loss with its formula, computed layer by layer without the net.
func TestNetLoss(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		data := blobs[float64](9, 6, 4, 7)
		for name, net := range netsOf[float64](set) {
			net.Reg = 0.3
			h, squares := data.X, 0.0
			for i, l := range net.layers {
				y := refAffine(l, h)
				if i < len(net.layers)-1 {
					for j, v := range y {
						y[j] = max(v, 0)
					}
				}
				h = kernels.MatOf(h.Rows, len(l.B), y)
				for _, v := range l.W.Data {
					squares += float64(v * v)
				}
			}
			want := 0.5 * net.Reg * squares
			for i, c := range data.Y {
				sum := 0.0
				for _, v := range h.Row(i) {
					sum += math.Exp(v)
				}
				want -= math.Log(math.Exp(h.Row(i)[c])/sum) / 9
			}
			near(t, name+": scores", net.Scores(data.X).Data, h.Data, 1e-13)
			near(t, name+": loss", []float64{net.Loss(data.X, data.Y)}, []float64{want}, 1e-13)
		}
	})
}

func TestNetDraws(t *testing.T) {
	set := reference.New()
	draws := make([]float64, 50)
	nprand.New(9).FillRandn(draws)
	two := NewTwoLayer[float64](set, 3, 4, 2, 0.5, nprand.New(9))
	fc := NewFullyConnected[float64](set, 3, []int{4}, 2, 0.5, nprand.New(9))
	for _, net := range []*Net[float64]{two, fc} {
		p := net.Params()
		for i, v := range append(append([]float64(nil), p[0].Value.Data...), p[2].Value.Data...) {
			if v != 0.5*draws[i] {
				t.Fatalf("weight %d is %v, want %v", i, v, 0.5*draws[i])
			}
		}
		if net.Inputs() != 3 || net.Classes() != 2 {
			t.Errorf("%d inputs, %d classes, want 3 and 2", net.Inputs(), net.Classes())
		}
	}
	shapes := func(n *Net[float64]) (s string) {
		for _, p := range n.Params() {
			s += fmt.Sprintf("%s %d×%d, ", p.Name, p.Value.Rows, p.Value.Cols)
		}
		return s
	}
	if got, want := shapes(two), "W1 4×3, b1 1×4, W2 2×4, b2 1×2, "; got != want {
		t.Errorf("two-layer: %s, want %s", got, want)
	}
	if got, want := shapes(fc), "W1 3×4, b1 1×4, W2 4×2, b2 1×2, "; got != want {
		t.Errorf("fully connected: %s, want %s", got, want)
	}
	wantPanic(t, "layer sizes [3 0 2]", func() { NewTwoLayer[float64](set, 3, 0, 2, 1, nprand.New(0)) })
	wantPanic(t, "layer sizes [3 4 -1]", func() { NewFullyConnected[float64](set, 3, []int{4}, -1, 1, nprand.New(0)) })
}

// TestLossShowsInfiniteWeights checks that the loss is not finite if a weight is not, even after a
// dead unit and without regularization.
func TestLossShowsInfiniteWeights(t *testing.T) {
	data := blobs[float32](9, 6, 4, 7)
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		for _, reg := range []float64{0, 0.5} {
			for i := range netsOf[float32](reference.New())["two-layer"].Params() {
				net := netsOf[float32](reference.New())["two-layer"]
				net.Reg = reg
				if _, finite := net.sumSquares(); !finite || !isFinite(net.Loss(data.X, data.Y)) {
					t.Fatal("the net is not finite to begin with")
				}
				p := net.Params()[i]
				p.Value.Data[len(p.Value.Data)-1] = bad
				if loss := net.Loss(data.X, data.Y); isFinite(loss) {
					t.Errorf("%s has %v, reg %v: loss %v", p.Name, bad, reg, loss)
				}
				if _, finite := net.sumSquares(); finite {
					t.Errorf("%s has %v: Finite is true", p.Name, bad)
				}
			}
		}
	}
}

// TestScoresAlone checks that the scores of a sample do not depend on other samples or on the size
// of earlier batches.
func TestScoresAlone(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		if !set.Stable {
			t.Skipf("%s does not promise it", set.Name)
		}
		data := blobs[float32](33, 6, 4, 7)
		net := netsOf[float32](set)["deep"]
		for i := range data.Y {
			alone := append([]float32(nil), net.Scores(data.X.Slice(i, i+1, 0, 6)).Data...)
			sameBits(t, "scores", alone, net.Scores(data.X).Row(i))
		}
	})
}

func TestLossDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		if !set.Stable {
			t.Skipf("%s allocates by itself", set.Name)
		}
		var data Data[float32] = blobs[float32](50, 6, 4, 7)
		net := netsOf[float32](set)["deep"]
		b, rng := newBatch[float32](20, 6), nprand.New(0)
		step := func() {
			rng.Choice(b.idx, data.Len())
			if err := b.gather(data, 4); err != nil {
				t.Fatal(err)
			}
			net.Loss(b.x, b.y)
		}
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%v allocations per step", n)
		}
	})
}
