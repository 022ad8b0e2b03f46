package train_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
)

// TestRowsHaveTheBitsOfImages trains nets on images and on rows of the same numbers, with every
// rule. Weights and histories must have the same bits, even if the inputs do not fill whole
// vectors.
func TestRowsHaveTheBitsOfImages(t *testing.T) {
	for _, set := range sets() {
		for _, rule := range train.Rules() {
			t.Run(fmt.Sprintf("impl=%s/rule=%s/dtype=f32", set.Name, rule), func(t *testing.T) { testRows[float32](t, set, rule) })
			t.Run(fmt.Sprintf("impl=%s/rule=%s/dtype=f64", set.Name, rule), func(t *testing.T) { testRows[float64](t, set, rule) })
		}
	}
}

func testRows[T kernels.Float](t *testing.T, set *kernels.Set, rule train.Rule) {
	for _, d := range []int{1, 3, 17, 64} {
		for _, count := range []int{1, 4} {
			data, val := images(1, 60, d), images(2, 30, d)
			mean := meanOf[T](data, d)
			rows := func(s labelled.Samples) nn.Floats[T] {
				f := nn.Floats[T]{X: kernels.NewMat[T](s.Len(), d), Y: make([]int, s.Len())}
				for i, v := range s.X {
					f.X.Data[i] = T(v) - mean[i%d]
				}
				for i, y := range s.Y {
					f.Y[i] = int(y)
				}
				return f
			}
			var nets []train.Net
			for i := range count {
				nets = append(nets, train.Net{Hidden: []int{9 + i, 5}, LR: 1e-3 * float64(i+1), Reg: 0.1, Decay: 0.9, Scale: 0.05, Mu: 0.5})
			}
			nets[count-1].LR = 1e30 // a net that leaves
			run := func(shape train.Shape, mean []T, data, val train.Source) *train.Trainer[T] {
				b, err := train.New(set, shape, nets, mean, 2)
				if err != nil {
					t.Fatal(err)
				}
				for k := range nets {
					b.Init(k, nprand.New(uint32(k)))
				}
				tr, err := train.NewTrainer(b, train.Schedule{Iterations: 12, Batch: 20, Train: data, Val: val}, nprand.New(9))
				if err != nil {
					t.Fatal(err)
				}
				for !tr.Finished() {
					tr.Step()
				}
				return tr
			}
			shape := train.Shape{Inputs: d, Classes: 10, Batch: 20, Rule: rule}
			bytes := run(shape, mean, data, val)
			shape.Floats = true
			floats := run(shape, nil, rows(data), rows(val))
			if !slices.Equal(bytes.IDs(), floats.IDs()) {
				t.Fatalf("%d inputs: nets %v are left with images, %v with rows", d, bytes.IDs(), floats.IDs())
			}
			for k := range bytes.Block().Len() {
				if !sameBits(bytes.Block().Weights(k), floats.Block().Weights(k)) {
					t.Errorf("%d inputs: net %d has other weights with rows", d, k)
				}
			}
			for id := range nets {
				a, b := bytes.Curve(id), floats.Curve(id)
				if !sameBits([][]float64{a.Loss}, [][]float64{b.Loss}) || !slices.Equal(a.TrainAcc, b.TrainAcc) || !slices.Equal(a.ValAcc, b.ValAcc) {
					t.Errorf("%d inputs: net %d has another history with rows", d, id)
				}
			}
		}
	}
}

// TestWrongSources offers samples that do not fit.
func TestWrongSources(t *testing.T) {
	rows := func(n, d int) nn.Floats[float32] {
		return nn.Floats[float32]{X: kernels.NewMat[float32](n, d), Y: make([]int, n)}
	}
	for _, c := range []struct {
		floats    bool
		data, val train.Source
		want      string
	}{
		{false, rows(30, 12), images(1, 30, 12), "the block takes labelled.Samples"},
		{true, images(1, 30, 12), rows(30, 12), "the block takes Rows of float32"},
		{true, rows(30, 12), nn.Floats[float64]{}, "the block takes Rows of float32, the samples are nn.Floats[float64]"},
		{true, rows(30, 11), rows(30, 12), "30 samples of 11 inputs"},
		{true, rows(30, 12), rows(0, 12), "0 samples of 12 inputs"},
	} {
		shape := train.Shape{Inputs: 12, Classes: 10, Batch: 20, Floats: c.floats}
		mean := make([]float32, 12)
		if c.floats {
			mean = nil
		}
		b, err := train.New(reference.New(), shape, []train.Net{{Hidden: []int{5}}}, mean, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := train.NewTrainer(b, train.Schedule{Iterations: 1, Batch: 20, Train: c.data, Val: c.val}, nprand.New(0)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one about %q", err, c.want)
		}
	}
	if _, err := train.New(reference.New(), train.Shape{Inputs: 12, Classes: 10, Batch: 20, Floats: true}, []train.Net{{Hidden: []int{5}}}, make([]float32, 12), 1); err == nil {
		t.Error("a block of rows takes a mean image")
	}
}

// TestWrongLabel trains on rows with one label that is not a class. The training must end at that
// row.
func TestWrongLabel(t *testing.T) {
	for _, wrong := range []int{-1, 10} {
		data := nn.Floats[float32]{X: kernels.NewMat[float32](30, 12), Y: make([]int, 30)}
		b, err := train.New[float32](reference.New(), train.Shape{Inputs: 12, Classes: 10, Batch: 30, Floats: true}, []train.Net{{Hidden: []int{5}, LR: 1}}, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := train.NewTrainer(b, train.Schedule{Iterations: 10, Batch: 30, Train: data, Val: data}, nprand.New(0))
		if err != nil {
			t.Fatal(err)
		}
		tr.Step()
		before := b.Weights(0)
		for i := range data.Y {
			data.Y[i] = wrong
		}
		for !tr.Finished() {
			tr.Step()
		}
		err = tr.Err()
		if want := fmt.Sprintf("has label %d, want 0…9", wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
		if len(tr.Curve(0).Loss) != 1 || !sameBits(before, b.Weights(0)) {
			t.Errorf("label %d: the net has seen the sample", wrong)
		}
	}
}
