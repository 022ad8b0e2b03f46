package search

import (
	"fmt"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/nprand"
	"fusegrid/results"
)

// featureSet returns a split of made-up samples of five features in four classes.
func featureSet(t *testing.T, norm dataset.Norm) *dataset.Split {
	t.Helper()
	d := &dataset.Dataset{Name: "made-up", Shape: dataset.Shape{Channels: 5}, Classes: []string{"a", "b", "c", "d"}}
	rng := nprand.New(7)
	for i := range 60 {
		d.Train.Y = append(d.Train.Y, uint16(i%4))
		for j := range 5 {
			d.Train.F64 = append(d.Train.F64, float64(10*j)+float64(1+j)*(float64((i%4+j)%4)+0.3*rng.Randn()))
		}
	}
	s, err := d.SplitWith(dataset.SplitOptions{Norm: norm, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFeatures trains features in blocks and alone, and compares a trial with a net that trains on numbers that
// the test has normalized.
func TestFeatures(t *testing.T) {
	isolate(t)
	for _, norm := range []dataset.Norm{dataset.Mean, dataset.Standard, dataset.NoNorm} {
		name := "norm" + string(norm)
		data := featureSet(t, norm)
		for _, how := range []string{"", " -fuse off", " -workers 3 -block 2"} {
			c := config(t, "-dtype f64 -lr 0.1,0.3 -reg 0,1e-3 -hidden 8 -std 0.1 -batch 10 -iters 30 -seed 1,2"+how)
			c.Data, c.Dir = data, name+how
			if _, err := Run(t.Context(), c.study()); err != nil {
				t.Fatal(err)
			}
			searchtest.SameFigures(t, name+how, name+how, name, 30)
		}
		for _, r := range searchtest.Recorded(t, name) {
			if r.Config.Partition != "stratified:3" || r.Config.Norm != string(norm) || r.Config.Pixels != "" || r.DataName != "made-up" {
				t.Fatalf("a record of %s has the configuration %+v", r.DataName, r.Config)
			}
			if verdict, same, err := Verify(t.Context(), r, reference.New(), data, 1); err != nil || !same {
				t.Errorf("%s: %s, error %v", name, verdict, err)
			}
			if hash := lossesByHand(t, r.Config, data); hash != r.Losses {
				t.Errorf("%s: the losses of lr %v, reg %v, seed %d differ from those of nn.Net.Train", name, r.Config.LR, r.Config.Reg, r.Config.Seed)
			}
			if val := r.Val(); val == nil || norm == dataset.Standard && *val < 0.75 {
				t.Errorf("%s: validation accuracy %v", name, val)
			}
		}
	}
	other := featureSet(t, dataset.Mean)
	r := searchtest.Recorded(t, "normstandard")[0]
	if _, _, err := Verify(t.Context(), r, reference.New(), other, 1); err == nil ||
		err.Error() != fmt.Sprintf("search: trial %.12s was trained on a split of [48 6 6] samples, drawn stratified:3, normalization standard, this is a split of [48 6 6] samples, drawn stratified:3", r.Key) {
		t.Errorf("verified with another normalization: %v", err)
	}
}

// lossesByHand returns the hash of the losses of a trial that [nn.Net.Train] trains.
func lossesByHand(t *testing.T, c results.Config, data *dataset.Split) string {
	t.Helper()
	normalized := func(x []float64, y []uint16) nn.Floats[float64] {
		f := nn.Floats[float64]{X: kernels.NewMat[float64](len(y), 5), Y: make([]int, len(y))}
		for i := range x {
			f.X.Data[i] = x[i] - data.Mean[i%5]
			if data.Norm == dataset.Standard {
				f.X.Data[i] *= data.Scale[i%5]
			}
		}
		for i := range y {
			f.Y[i] = int(y[i])
		}
		return f
	}
	rng := nprand.New(c.Seed)
	net := nn.NewTwoLayer[float64](reference.New(), 5, c.Hidden[0], 4, c.Std, rng)
	net.Reg = c.Reg
	h, err := net.Train(t.Context(), normalized(data.Train.F64, data.Train.Y), normalized(data.Val.F64, data.Val.Y),
		nn.TrainConfig{LearningRate: c.LR, Decay: c.Decay, Iterations: c.Iters, BatchSize: c.Batch}, rng)
	if err != nil {
		t.Fatal(err)
	}
	return results.Hash(h.Loss)
}

// TestFeaturesInIntegers checks the error for features with first layers in integers.
func TestFeaturesInIntegers(t *testing.T) {
	isolate(t)
	c := config(t, "-dtype bfp16 -lr 0.1 -iters 3 -batch 4 -out o")
	c.Data = featureSet(t, dataset.Mean)
	if _, err := Run(t.Context(), c.study()); err == nil ||
		err.Error() != "type bfp16 computes first layers in integers, which take images of bytes; these samples are features in floats" {
		t.Errorf("error %v", err)
	}
}
