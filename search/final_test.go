package search

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/nn/labelled"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// keptWeights reads the weights and biases of a trial, layer by layer.
func keptWeights(t *testing.T, out, key string) [][]float64 {
	t.Helper()
	w, err := folder.ReadWeights(filepath.Join(out, folder.WeightsDir, key+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return folder.Layers[float64](w)
}

// accuracyOf classifies images with plain loops in float64.
func accuracyOf(weights [][]float64, mean []float64, images labelled.Samples, indices []int) float64 {
	hits := 0
	for _, n := range indices {
		x := make([]float64, len(mean))
		for i := range x {
			x[i] = float64(images.X[n*len(mean)+i]) - mean[i]
		}
		for l := 0; l < len(weights); l += 2 {
			w, b := weights[l], weights[l+1]
			y := slices.Clone(b)
			for o := range y {
				for i, v := range x {
					y[o] += w[o*len(x)+i] * v
				}
				if l+2 < len(weights) {
					y[o] = max(y[o], 0)
				}
			}
			x = y
		}
		if slices.Index(x, slices.Max(x)) == int(images.Y[n]) {
			hits++
		}
	}
	return float64(hits) / float64(len(indices))
}

// TestShownIsKept computes the accuracies of the nets that a sweep keeps, in plain loops. They must be those on
// record and in the table, and no other net may have a higher one.
func TestShownIsKept(t *testing.T) {
	isolate(t)
	for name, args := range map[string]string{
		"two-layer":       "-lr log:1e-4..3e-2:6 -reg 0,0.5 -iters 23",
		"one epoch":       "-lr log:1e-4..3e-2:6 -reg 0,0.5 -iters 2",
		"Solver":          "-net fc -lr log:1e-3..1e-1:6 -reg 0 -epochs 8",
		"race":            "-lr log:1e-4..3e-2:6 -reg 0,0.5 -iters 23 -halving 3:5",
		"momentum, alone": "-lr log:1e-5..3e-3:6 -reg 0 -iters 23 -rule momentum -block 1",
	} {
		t.Run(name, func(t *testing.T) {
			s, r, _ := tinyJob(t, strings.ReplaceAll(name, " ", "-"), args+" -dtype f64 -hidden 4 -batch 10 -std 1e-2 -keep 2")
			if err := runWith(t.Context(), s, r); err != nil {
				t.Fatal(err)
			}
			records := searchtest.Recorded(t, s.Dir)
			results.Rank(records)
			for rank, r := range records {
				a := r.Accuracy
				if val := r.Val(); val != nil {
					if r.State == results.Done && *val > *records[0].Val() {
						t.Errorf("rank %d has val %g, the first %g", rank+1, *val, *records[0].Val())
					}
					if r.State == results.Stopped && (*val != r.Rungs[len(r.Rungs)-1].Val || r.Step() != r.Steps) {
						t.Errorf("stopped after %d steps: val %g after %d, rungs %v", r.Steps, *val, r.Step(), r.Rungs)
					}
				}
				if rank >= 2 {
					continue
				}
				weights := keptWeights(t, s.Dir, r.Key)
				if got := accuracyOf(weights, s.Data.Mean, s.Data.Val, indices(s.Data.Val.Len())); got != *r.Val() || got != *a.FinalVal {
					t.Errorf("rank %d: the kept net has val %g, shown is %g", rank+1, got, *r.Val())
				}
				if got := accuracyOf(weights, s.Data.Mean, s.Data.Train, indices(s.Data.Train.Len())); got != *r.Train() {
					t.Errorf("rank %d: the kept net has train %g, shown is %g", rank+1, got, *r.Train())
				}
				if got := accuracyOf(weights, s.Data.Mean, s.Data.Test, indices(s.Data.Test.Len())); got != *a.Test {
					t.Errorf("rank %d: the kept net has test %g, shown is %g", rank+1, got, *a.Test)
				}
				if r.Config.Net == "fc" && *a.BestVal != *a.FinalVal {
					t.Errorf("rank %d: best %g, kept %g", rank+1, *a.BestVal, *a.FinalVal)
				}
			}
		})
	}
}

// indices returns the numbers below n.
func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
