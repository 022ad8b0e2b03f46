package nn_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
	"fusegrid/nn"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
)

// TestTrainBFP16 checks that images are trained as bytes in class BFP16, with losses close to those of
// class FMA, and that rows of numbers are refused.
func TestTrainBFP16(t *testing.T) {
	const n, d = 60, 48
	im := labelled.Samples{X: make([]uint8, n*d), Y: make([]uint16, n)}
	mean := make([]float64, d)
	for i := range im.X {
		im.X[i] = uint8(i * i)
		mean[i%d] = 120.5
	}
	for i := range im.Y {
		im.Y[i] = uint16(i % 3)
	}
	losses := func(set *kernels.Set, rows bool) ([]float64, error) {
		pixels, err := nn.NewPixels[float32](set, im, mean)
		if err != nil {
			t.Fatal(err)
		}
		var data nn.Data[float32] = pixels
		if rows {
			data = nn.Floats[float32]{X: kernels.NewMat[float32](n, d), Y: make([]int, n)}
		}
		rng := nprand.New(0)
		hist, err := nn.NewTwoLayer[float32](set, d, 5, 3, 1e-2, rng).Train(t.Context(), data, data, nn.TrainConfig{
			LearningRate: 1e-3, Decay: 0.95, Iterations: 20, BatchSize: 10,
		}, rng)
		return hist.Loss, err
	}
	want, err := losses(reference.Fused(), false)
	if err != nil {
		t.Fatal(err)
	}
	set := bfp.New(reference.Fused(), kernels.BFP16, nil)
	got, err := losses(set, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) < 1e-3*want[i]) {
			t.Errorf("loss %d is %v, want about %v", i, got[i], want[i])
		}
	}
	if slices.Equal(got, want) {
		t.Error("all losses are those of class FMA")
	}
	if _, err := losses(set, true); err == nil || !strings.Contains(err.Error(), "in integers take images") {
		t.Errorf("rows of numbers: %v", err)
	}
}
