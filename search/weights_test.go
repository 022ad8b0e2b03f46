package search

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/runner"
)

// TestPredict reads the weights that sweeps keep, and classifies the samples of each part. The accuracies must be those
// on record.
func TestPredict(t *testing.T) {
	isolate(t)
	images, features := searchtest.Images(48), featureSet(t, dataset.Standard)
	for i, c := range []struct {
		data  *dataset.Split
		args  string
		dtype []string
	}{
		{images, "-lr log:1e-4..1e-2:3 -reg 0,0.5 -hidden 4,21 -iters 23 -batch 10", runner.Types()},
		{images, "-net fc -lr log:1e-3..1e-1:3 -hidden 7x5 -epochs 4 -batch 7", []string{"f32", "f64", "bfp16"}},
		{features, "-lr log:1e-2..1e-1:3 -hidden 4,21 -iters 23 -batch 10", []string{"f32", "f64"}},
		{features, "-net fc -lr log:1e-2..1e-1:3 -hidden 7x5x3 -epochs 4 -batch 7 -rule adam", []string{"f32", "f64"}},
	} {
		for _, dtype := range c.dtype {
			for _, set := range fusegrid.All() {
				if _, err := fusegrid.ForType(set, dtype); err != nil || !set.Stable {
					continue
				}
				t.Run(fmt.Sprintf("%d/%s/%s", i, dtype, set.Name), func(t *testing.T) {
					s := config(t, c.args+" -std 1e-1 -keep 2 -dtype "+dtype)
					s.Data, s.Dir, s.Kernels = c.data, strings.ReplaceAll(t.Name(), "/", "-"), set
					if _, err := Run(t.Context(), s.study()); err != nil {
						t.Fatal(err)
					}
					records := searchtest.Recorded(t, s.Dir)
					results.Rank(records)
					for _, r := range records[:2] {
						checkPredictions(t, s, r)
					}
				})
			}
		}
	}
}

// checkPredictions compares the accuracies of the weights of a trial with those on record.
func checkPredictions(t *testing.T, s testStudy, r results.Record) {
	t.Helper()
	w, err := folder.ReadWeights(filepath.Join(s.Dir, folder.WeightsDir, r.Key+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := fusegrid.ForType(s.Kernels, r.Config.DType)
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]struct {
		samples labelled.Samples
		want    *float64
	}{"training": {s.Data.Train, r.Train()}, "validation": {s.Data.Val, r.Val()}, "test": {s.Data.Test, r.Accuracy.Test}} {
		found, err := runner.Predict(t.Context(), w, set, part.samples)
		if err != nil {
			t.Fatal(err)
		}
		hits := 0
		for i, p := range found {
			if p.Class == int(part.samples.Y[i]) {
				hits++
			}
			if !(p.Probability > 0 && p.Probability <= 1) {
				t.Errorf("%s sample %d has the probability %g", name, i, p.Probability)
			}
		}
		if got := float64(hits) / float64(part.samples.Len()); len(found) != part.samples.Len() || got != *part.want {
			t.Errorf("the %s accuracy is %g of %d samples, on record %g of %d", name, got, len(found), *part.want, part.samples.Len())
		}
	}
}

// TestPredictRefuses checks that samples of another shape or type are refused.
func TestPredictRefuses(t *testing.T) {
	w := &folder.Weights{Shape: dataset.Shape{Channels: 3}, Floats: true}
	for _, s := range []labelled.Samples{{X: []uint8{1, 2, 3}, Y: []uint16{0}}, {F32: []float32{1, 2}, Y: []uint16{0}}} {
		if found, err := runner.Predict(t.Context(), w, fusegrid.All()[0], s); err == nil {
			t.Errorf("%+v: found %v", s, found)
		}
	}
}
