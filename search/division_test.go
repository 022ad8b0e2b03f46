package search

import (
	"bytes"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/nn"
	"fusegrid/nn/nprand"
	"fusegrid/results"
	"fusegrid/search/plan"
)

// TestDivision trains on 30 images in minibatches of 20, which are 1.5 iterations an epoch. It compares the losses
// with those of package nn.
func TestDivision(t *testing.T) {
	isolate(t)
	const args = "-dtype f64 -lr 1e-2 -reg 0.1 -hidden 3 -batch 20 -decay 0.5 -std 1e-2 -iters 5"
	data := searchtest.Tiny()
	last := map[nn.Division]float64{}
	for _, d := range []nn.Division{nn.FloorDivision, nn.TrueDivision} {
		t.Run(d.String(), func(t *testing.T) {
			out := d.String()
			s, r, _ := tinyJob(t, out, args+" -division "+out)
			if err := runWith(t.Context(), s, r); err != nil {
				t.Fatal(err)
			}

			rng := nprand.New(0)
			net := nn.NewTwoLayer[float64](s.Kernels, len(data.Mean), 3, 10, 1e-2, rng)
			net.Reg = 0.1
			train, err := nn.NewPixels[float64](s.Kernels, data.Train, data.Mean)
			if err != nil {
				t.Fatal(err)
			}
			val, err := nn.NewPixels[float64](s.Kernels, data.Val, data.Mean)
			if err != nil {
				t.Fatal(err)
			}
			hist, err := net.Train(t.Context(), train, val, nn.TrainConfig{LearningRate: 1e-2, Decay: 0.5, Iterations: 5, BatchSize: 20, Division: d}, rng)
			if err != nil {
				t.Fatal(err)
			}
			got := only(t, out)
			if got.Losses != results.Hash(hist.Loss) {
				t.Errorf("%v: the last loss is %v, package nn has %v", d, *got.Loss.Last, hist.Loss[4])
			}
			if n := map[nn.Division]int{nn.FloorDivision: 5, nn.TrueDivision: 2}[d]; len(hist.ValAcc) != n {
				t.Errorf("%v: %d measurements, want %d", d, len(hist.ValAcc), n)
			}
			last[d] = *got.Loss.Last
		})
	}
	if last[nn.FloorDivision] == last[nn.TrueDivision] {
		t.Error("both divisions give the same losses")
	}
}

// TestDivisionResumes checks that longer trials resume only from states of the same division.
func TestDivisionResumes(t *testing.T) {
	isolate(t)
	const args = "-dtype f64 -lr 1e-2 -reg 0.1 -hidden 3 -batch 20 -decay 0.5 -std 1e-2"
	train := func(out, more string) *bytes.Buffer {
		s, r, said := tinyJob(t, out, args+more)
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		return said
	}
	train("o", " -iters 4 -states all -division true")
	train("o", " -iters 7 -division floor")
	said := train("o", " -iters 7 -division true")
	if !strings.Contains(said.String(), "after 4") {
		t.Errorf("it does not resume from the state of 4 iterations: %q", said)
	}
	train("floor", " -iters 7")
	train("true", " -iters 7 -division true")
	want := map[string]results.Record{"": only(t, "floor"), "true": only(t, "true")}
	for _, r := range searchtest.Recorded(t, "o") {
		if w := want[r.Config.Division]; r.Config.Iters == 7 && (r.Losses != w.Losses || r.Weights != w.Weights || r.Key != w.Key) {
			t.Errorf("division %q: other bits than without a break", r.Config.Division)
		}
	}
}

// TestPredictDivision counts the images that are measured with 30 images in minibatches of 20. Floor division
// measures at each iteration, and true division at every third.
func TestPredictDivision(t *testing.T) {
	for division, images := range map[string]float64{"floor": 30*40 + 30, "true": 10*40 + 30} {
		t.Run(division, func(t *testing.T) {
			s, _, _ := tinyJob(t, "o", "-batch 20 -iters 30 -lr 1e-3 -reg 0 -division "+division)
			b := plan.Block{Trials: s.todo()}
			if got := s.measured(b); got != images {
				t.Errorf("%s: %g images, want %g", division, got, images)
			}
		})
	}
}

// only returns the single record in an output folder.
func only(t *testing.T, dir string) results.Record {
	t.Helper()
	records := searchtest.Recorded(t, dir)
	if len(records) != 1 {
		t.Fatalf("%d records in %s, want 1", len(records), dir)
	}
	return records[0]
}
