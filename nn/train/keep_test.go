package train_test

import (
	"slices"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
)

// counting returns the reference set with products that add their multiplications and additions to
// flops.
func counting(flops *int) *kernels.Set {
	set := reference.New()
	gemm := set.F64.Gemm
	set.F64.Gemm = func(p kernels.Product[float64]) {
		k := p.A.Cols
		if p.TransA {
			k = p.A.Rows
		}
		*flops += 2 * p.C.Rows * k * p.C.Cols
		gemm(p)
	}
	return set
}

// widthsTrainer returns a trainer of nets that differ in rate and width, with fewer images than
// the Solver samples, or more.
func widthsTrainer(t *testing.T, set *kernels.Set, rule train.Rule, protocol train.Protocol, widths []int) *train.Trainer[float64] {
	t.Helper()
	const pixels = 48
	data, val := images(1, 1100, pixels), images(2, 30, pixels)
	var nets []train.Net
	for k, width := range widths {
		nets = append(nets, train.Net{Hidden: []int{width}, LR: 1e-4 * float64(k+1), Reg: 0.1, Decay: 0.9, Scale: 1e-2, Mu: 0.5})
	}
	b, err := train.New(set, train.Shape{Inputs: pixels, Classes: 10, Batch: 20, Rule: rule}, nets, meanOf[float64](data, pixels), 1)
	if err != nil {
		t.Fatal(err)
	}
	for k := range nets {
		b.Init(k, nprand.New(uint32(k)))
	}
	tr, err := train.NewTrainer(b, train.Schedule{Protocol: protocol, Iterations: 60, Batch: 20, Train: data, Val: val}, nprand.New(9))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestKeepSparesFlops counts operations. After Keep, a step of the block must have only the
// operations of the remaining nets.
func TestKeepSparesFlops(t *testing.T) {
	widths := []int{9, 5, 16, 1, 7}
	for _, rule := range train.Rules() {
		flops := 0
		tr := widthsTrainer(t, counting(&flops), rule, train.Course, widths)
		tr.Step() // the first step also measures accuracies
		left := slices.Clone(widths)
		for _, keep := range [][]bool{{true, true, true, true, true}, {true, false, true, false, true}, {false, true, true}, {false, true}} {
			tr.Keep(keep)
			var next []int
			want := 0
			for k, width := range left {
				if keep[k] {
					next = append(next, width)
					want += 2 * 20 * (2*48*width + 3*width*10)
				}
			}
			left, flops = next, 0
			tr.Step()
			if flops != want {
				t.Errorf("%s: a step of nets %v costs %d flops, want %d", rule, left, flops, want)
			}
		}
	}
}

// TestValidateLeavesNoTrace trains with and without a call of Validate after every step. Weights
// and curves must have the same bits.
func TestValidateLeavesNoTrace(t *testing.T) {
	for _, protocol := range []train.Protocol{train.Course, train.Solver} {
		for _, rule := range train.Rules() {
			plain := widthsTrainer(t, reference.New(), rule, protocol, []int{9, 5})
			watched := widthsTrainer(t, reference.New(), rule, protocol, []int{9, 5})
			for !plain.Finished() {
				plain.Step()
				watched.Step()
				acc := watched.Validate()
				if val := watched.Curve(1).ValAcc; watched.Done() == 1 && (len(acc) != 2 || val[0] != acc[1]) {
					t.Fatalf("accuracies %v, the curve of the second begins with %v", acc, val)
				}
			}
			plain.RestoreBest()
			watched.RestoreBest()
			for k := range 2 {
				if !sameBits(plain.Block().Weights(k), watched.Block().Weights(k)) {
					t.Errorf("protocol %d, rule %s: net %d has other weights", protocol, rule, k)
				}
				a, b := plain.Curve(k), watched.Curve(k)
				if !slices.Equal(a.Loss, b.Loss) || !slices.Equal(a.TrainAcc, b.TrainAcc) || !slices.Equal(a.ValAcc, b.ValAcc) || a.BestVal != b.BestVal {
					t.Errorf("protocol %d, rule %s: net %d has another history", protocol, rule, k)
				}
			}
		}
	}
}

// TestValidateAfterAllHaveLeft calls Validate on a block without nets.
func TestValidateAfterAllHaveLeft(t *testing.T) {
	tr := widthsTrainer(t, reference.New(), train.SGD, train.Course, []int{3})
	tr.Keep([]bool{false})
	if acc := tr.Validate(); len(acc) != 0 || !tr.Finished() {
		t.Errorf("accuracies %v, finished %t", acc, tr.Finished())
	}
}
