package train_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
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

// TestIntegersTrainAlike trains a block on every set with first layers in integers. The weights have known
// bits, on every machine, because keys of records promise them.
func TestIntegersTrainAlike(t *testing.T) {
	for _, c := range []struct {
		class kernels.Class
		rule  train.Rule
		want  string
	}{
		{kernels.BFP16, train.SGD, "c4d1280a2acbe61a15089acd88b228251111d34efbcfdfa2cd977861cd48cf49"},
		{kernels.BFP16, train.Momentum, "5d0972f82ee41a925de04c07bc1481f217788fc1d6280f693ad2782e57b245e6"},
		{kernels.BFP16, train.Nesterov, "092821b8ad1745e599db76f7ff78edb0983202a2a6536e64cd7497ec5c538a09"},
		{kernels.BFP16D8, train.SGD, "406a8ddf2c78258379f94dce3c9f7b2ed808dafa68779b653fcda159eea28555"},
		{kernels.BFP16D8, train.Momentum, "1354e45a1aaad1ed790b693f7ec48928243a5705362d739b36c387eeee94f4ea"},
		{kernels.BFP16D8, train.Nesterov, "e8886a444d6b4096c3278c9a8025972a19a053ffdd45ede4a7446e05f8720b87"},
	} {
		t.Run(fmt.Sprintf("dtype=%s/rule=%s", c.class, c.rule), func(t *testing.T) {
			weights := trainAlike[float32](t, integerSets(c.class), c.rule)
			h := sha256.New()
			for _, net := range weights {
				for _, array := range net {
					for _, v := range array {
						binary.Write(h, binary.LittleEndian, v)
					}
				}
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != c.want {
				t.Errorf("the weights have hash %s, want %s", got, c.want)
			}
		})
	}
}

// TestBFP16Refuses checks which blocks first layers in exact integers cannot have.
func TestBFP16Refuses(t *testing.T) {
	shape := train.Shape{Inputs: 2, Classes: 10, Batch: 1024}
	nets := []train.Net{{Hidden: []int{3}}}
	if _, err := train.New(bfp16(), shape, nets, []float32{0, 255}, 1); err != nil {
		t.Errorf("the largest minibatch is refused: %v", err)
	}
	for want, edit := range map[string]func(s *train.Shape, mean []float32){
		"at most 1024 images in a minibatch; the batch has 1025":      func(s *train.Shape, _ []float32) { s.Batch = 1025 },
		"are for sgd, momentum and nesterov; the update rule is adam": func(s *train.Shape, _ []float32) { s.Rule = train.Adam },
		"the update rule is rmsprop":                                  func(s *train.Shape, _ []float32) { s.Rule = train.RMSProp },
		"pixel 1 of the mean image is 256, want 0…255":                func(_ *train.Shape, mean []float32) { mean[1] = 256 },
	} {
		s, mean := shape, []float32{0, 255}
		edit(&s, mean)
		if _, err := train.New(bfp16(), s, nets, mean, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
	want := "images of at most 16777216 bytes and weights of float32"
	floats := shape
	floats.Floats = true
	_, rows := train.New[float32](bfp16(), floats, nets, nil, 1)
	_, f64 := train.New(bfp16(), shape, nets, []float64{0, 0}, 1)
	for _, err := range []error{rows, f64} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}

// trainAlike returns the weights that the last set leads to.
func trainAlike[T kernels.Float](t *testing.T, all []*kernels.Set, rule train.Rule) (weights [][][]T) {
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
		var curves []*train.Curve
		weights, curves = trained[T](t, set, train.Shape{Batch: 20, Rule: rule}, nets, 30, 1)
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
	return weights
}
