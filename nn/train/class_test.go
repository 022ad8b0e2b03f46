package train_test

import (
	"fmt"
	"slices"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/train"
)

// TestSetsOfOneClassTrainAlike trains a block on every stable set and on the plain-Go set of class FMA:
// weights and histories are functions of the class.
func TestSetsOfOneClassTrainAlike(t *testing.T) {
	all := append(sets(), reference.Fused())
	for _, rule := range train.Rules() {
		t.Run(fmt.Sprintf("rule=%s/dtype=f32", rule), func(t *testing.T) { trainAlike[float32](t, all, rule) })
		t.Run(fmt.Sprintf("rule=%s/dtype=f64", rule), func(t *testing.T) { trainAlike[float64](t, all, rule) })
	}
}

func trainAlike[T kernels.Float](t *testing.T, all []*kernels.Set, rule train.Rule) {
	type outcome struct {
		set     string
		weights [][][]T
		curves  []*train.Curve
	}
	var nets []train.Net
	for i := range 3 {
		nets = append(nets, train.Net{Hidden: []int{11 + i, 7}, LR: 1e-3 * float64(i+1), Reg: 0.1 * float64(i), Decay: 0.9, Scale: 1e-2, Mu: 0.5})
	}
	first := map[kernels.Class]outcome{}
	for _, set := range all {
		weights, curves := trained[T](t, set, train.Shape{Batch: 20, Rule: rule}, nets, 30, 1)
		got := outcome{set.Name, weights, curves}
		want, ok := first[set.Class]
		if !ok {
			first[set.Class] = got
			continue
		}
		for k := range nets {
			if !sameBits(got.weights[k], want.weights[k]) {
				t.Errorf("net %d: %s and %s lead to different weights", k, got.set, want.set)
			}
			if !slices.Equal(got.curves[k].Loss, want.curves[k].Loss) || !slices.Equal(got.curves[k].ValAcc, want.curves[k].ValAcc) {
				t.Errorf("net %d: %s and %s lead to different histories", k, got.set, want.set)
			}
		}
	}
}
