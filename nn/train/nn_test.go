package train_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
)

// TestSameBitsAsNet trains nets one by one with package nn, on rows of numbers, and together in a
// block, on images. Losses, accuracies and weights must have the same bits.
func TestSameBitsAsNet(t *testing.T) {
	for _, set := range sets() {
		t.Run(fmt.Sprintf("impl=%s/dtype=f32", set.Name), func(t *testing.T) { testAsNet[float32](t, set, 20, nn.FloorDivision) })
		t.Run(fmt.Sprintf("impl=%s/dtype=f64", set.Name), func(t *testing.T) { testAsNet[float64](t, set, 20, nn.FloorDivision) })
	}
}

// TestSameBitsAsNetWhereBatchesDoNotDivide does the same with 120 images in batches of 32 and 36.
// With true division, an epoch has 3.75 and 3.33… iterations.
func TestSameBitsAsNetWhereBatchesDoNotDivide(t *testing.T) {
	for _, division := range []nn.Division{nn.FloorDivision, nn.TrueDivision} {
		for _, batch := range []int{32, 36} {
			t.Run(fmt.Sprintf("%v/batch=%d", division, batch), func(t *testing.T) {
				testAsNet[float64](t, reference.New(), batch, division)
			})
		}
	}
}

func testAsNet[T kernels.Float](t *testing.T, set *kernels.Set, batch int, division nn.Division) {
	const seed, iterations, hidden = 5, 50, 11
	data, val := images(1, 120, pixels), images(2, 30, pixels)
	mean := meanOf[float64](data, pixels)
	lrs, regs := []float64{1e-3, 3e-3, 1e-2}, []float64{0, 0.3, 0.85}

	var nets []train.Net
	for i := range lrs {
		nets = append(nets, train.Net{Hidden: []int{hidden}, LR: lrs[i], Reg: regs[i], Decay: 0.95, Scale: 1e-2})
	}
	block, err := train.New(set, train.Shape{Inputs: pixels, Classes: 10, Batch: batch}, nets, meanOf[T](data, pixels), 1)
	if err != nil {
		t.Fatal(err)
	}
	var stream *nprand.State
	for k := range nets {
		stream = nprand.New(seed) // weights and batches come from one stream
		block.Init(k, stream)
	}
	schedule := train.Schedule{Iterations: iterations, Batch: batch, Train: data, Val: val, Division: division}
	together, err := train.NewTrainer(block, schedule, stream)
	if err != nil {
		t.Fatal(err)
	}
	for !together.Finished() {
		together.Step()
	}

	for k := range nets {
		rng := nprand.New(seed)
		net := nn.NewTwoLayer[T](set, pixels, hidden, 10, 1e-2, rng)
		net.Reg = regs[k]
		h, err := net.Train(context.Background(), pixelsOf[T](t, set, data, mean), pixelsOf[T](t, set, val, mean), nn.TrainConfig{
			LearningRate: lrs[k], Decay: 0.95, Iterations: iterations, BatchSize: batch, Division: division,
		}, rng)
		if err != nil {
			t.Fatal(err)
		}
		curve := together.Curve(k)
		if n := (iterations-1)/division.Period(120, batch) + 1; len(curve.ValAcc) != n {
			t.Errorf("net %d: %d measurements, want %d", k, len(curve.ValAcc), n)
		}
		if !slices.Equal(h.Loss, curve.Loss) {
			t.Errorf("net %d: losses differ: %v, alone %v", k, curve.Loss, h.Loss)
		}
		if !slices.Equal(h.TrainAcc, curve.TrainAcc) || !slices.Equal(h.ValAcc, curve.ValAcc) {
			t.Errorf("net %d: accuracies differ", k)
		}
		var weights [][]T
		for _, p := range net.Params() {
			weights = append(weights, p.Value.Data)
		}
		if !sameBits(weights, block.Weights(k)) {
			t.Errorf("net %d: weights differ", k)
		}
	}
}

func pixelsOf[T kernels.Float](t *testing.T, set *kernels.Set, s labelled.Samples, mean []float64) *nn.Pixels[T] {
	t.Helper()
	p, err := nn.NewPixels[T](set, s, mean)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// solverRules are the names of the update rules in package nn.
var solverRules = map[train.Rule]nn.Rule{
	train.SGD: nn.SGD, train.Momentum: nn.Momentum, train.Nesterov: nn.Nesterov, train.RMSProp: nn.RMSProp, train.Adam: nn.Adam,
}

// TestAgreesWithSolver trains deep nets with the Solver of package nn and in a block. Accuracies
// must agree exactly.
//
// Rules that need the gradient itself do the same operations in both, so their weights have the
// same bits in a stable set. Only Σ‖W‖² of the loss is summed in another order. The relative error
// of a sum of n squares is at most γₙ = n·u/(1−n·u), in any order. Therefore the relative
// difference of two losses is at most 2γₙ and two roundings. The other rules fold their update into
// the product of the gradient. They round differently in each step, and their losses agree closely.
func TestAgreesWithSolver(t *testing.T) {
	if len(solverRules) != len(train.Rules()) {
		t.Fatalf("%d of %d rules are compared", len(solverRules), len(train.Rules()))
	}
	for rule := range solverRules {
		for _, set := range sets() {
			t.Run(fmt.Sprintf("impl=%s/rule=%s/dtype=f64", set.Name, rule), func(t *testing.T) { testAsSolver[float64](t, set, rule, 1e-11, 0x1p-53) })
			if rule.WorkArrays() > 0 {
				t.Run(fmt.Sprintf("impl=%s/rule=%s/dtype=f32", set.Name, rule), func(t *testing.T) { testAsSolver[float32](t, set, rule, 0, 0x1p-24) })
			}
		}
	}
}

func testAsSolver[T kernels.Float](t *testing.T, set *kernels.Set, rule train.Rule, tol, u float64) {
	const seed, epochs, batch = 5, 4, 30
	cases := []struct {
		hidden []int
		size   int
	}{{[]int{12, 9}, 120}, {nil, 120}, {[]int{12, 9}, 1010}} // 1,010 images are more than the Solver measures
	if testing.Short() {
		cases = cases[:2]
	}
	for _, c := range cases {
		hidden, size := c.hidden, c.size
		images := struct{ data, val labelled.Samples }{images(1, size, pixels), images(2, 30, pixels)}
		mean := meanOf[float64](images.data, pixels)
		rng := nprand.New(seed)
		net := nn.NewFullyConnected[T](set, pixels, hidden, 10, 0.05, rng)
		net.Reg = 0.2
		cfg := nn.DefaultSolver()
		cfg.Optim = nn.DefaultOptim(solverRules[rule])
		cfg.Optim.LearningRate = 1e-3
		cfg.LRDecay, cfg.Epochs, cfg.BatchSize = 0.9, epochs, batch
		solver, err := nn.NewSolver(set, net, pixelsOf[T](t, set, images.data, mean), pixelsOf[T](t, set, images.val, mean), cfg, rng)
		if err != nil {
			t.Fatal(err)
		}
		if err := solver.Train(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := solver.History()

		stream := nprand.New(seed)
		block, err := train.New(set, train.Shape{Inputs: pixels, Classes: 10, Batch: batch, Rule: rule, InOut: true},
			[]train.Net{{Hidden: hidden, LR: 1e-3, Reg: 0.2, Decay: 0.9, Scale: 0.05, Mu: 0.9}}, meanOf[T](images.data, pixels), 1)
		if err != nil {
			t.Fatal(err)
		}
		block.Init(0, stream)
		tr, err := train.NewTrainer(block, train.Schedule{
			Protocol: train.Solver, Iterations: epochs * (images.data.Len() / batch), Batch: batch, Train: images.data, Val: images.val,
		}, stream)
		if err != nil {
			t.Fatal(err)
		}
		for !tr.Finished() {
			tr.Step()
		}
		tr.RestoreBest()
		got := tr.Curve(0)
		if len(got.Loss) != len(want.Loss) || !slices.Equal(got.TrainAcc, want.TrainAcc) || !slices.Equal(got.ValAcc, want.ValAcc) || got.BestVal != want.BestValAcc {
			t.Fatalf("accuracies %v %v, the Solver has %v %v", got.TrainAcc, got.ValAcc, want.TrainAcc, want.ValAcc)
		}
		var weights [][]T
		n := 0.0
		for _, p := range net.Params() {
			m := p.Value
			n += float64(len(m.Data))
			if p.Name[0] == 'b' {
				weights = append(weights, m.Data)
				continue
			}
			turned := make([]T, 0, len(m.Data)) // (out, in)
			for j := range m.Cols {
				for i := range m.Rows {
					turned = append(turned, m.Data[i*m.Stride+j])
				}
			}
			weights = append(weights, turned)
		}
		if rule.WorkArrays() > 0 {
			tol = 2*n*u/(1-n*u) + 2*0x1p-53
			if !sameBits(weights, block.Weights(0)) {
				t.Errorf("the weights differ from the Solver's")
			}
		}
		for i := range got.Loss {
			if diff := math.Abs(got.Loss[i] - want.Loss[i]); !(diff <= tol*want.Loss[i]) {
				t.Fatalf("loss %d is %v, the Solver has %v", i, got.Loss[i], want.Loss[i])
			}
		}
	}
}
