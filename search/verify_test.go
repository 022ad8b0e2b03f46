package search

import (
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
)

// TestVerify checks that a record agrees with its trial, that a forged one differs, and that other data and kernels
// are refused.
func TestVerify(t *testing.T) {
	for _, rule := range []string{"-halving 2:2", "-halving hyperband:2:2", "-patience 1:3"} {
		t.Run(rule, func(t *testing.T) { testVerify(t, rule) })
	}
}

func testVerify(t *testing.T, rule string) {
	isolate(t)
	c := config(t, "-lr 1e-3,3e-2,1e30,1e-2,1e-1 -reg 0 -hidden 3 -iters 8 -batch 10 -std 1e-2 -out o "+rule)
	result, err := Run(t.Context(), c.study())
	if err != nil {
		t.Fatal(err)
	}
	states := map[results.State]bool{}
	for _, r := range result.Records {
		states[r.State] = true
		for _, cores := range []int{1, 3} {
			if verdict, same, err := Verify(t.Context(), r, c.Kernels, c.Data, cores); err != nil || !same || verdict != "the same bits" {
				t.Errorf("lr %g: error %v, %s", r.Config.LR, err, verdict)
			}
		}
		forged := r
		forged.Losses = strings.Repeat("0", 64)
		if verdict, same, err := Verify(t.Context(), forged, c.Kernels, c.Data, 1); err != nil || same || !strings.HasPrefix(verdict, "DIFFERS: losses ") {
			t.Errorf("lr %g, forged: error %v, %s", r.Config.LR, err, verdict)
		}
	}
	if len(states) != 3 {
		t.Errorf("states %v, want a trial that is done, one that diverged and one that was stopped", states)
	}
	r, other := result.Records[0], searchtest.Tiny()
	other.Hash = "72"
	if _, _, err := Verify(t.Context(), r, c.Kernels, other, 1); !isInput(err) || !strings.HasSuffix(err.Error(), " was trained on data 71, this is 72") {
		t.Errorf("other data: error %v", err)
	}
	set := *c.Kernels
	set.Class = "fma"
	if _, _, err := Verify(t.Context(), r, &set, c.Data, 1); !isInput(err) || !strings.HasSuffix(err.Error(), " by kernels of class muladd-512, reference has class fma") {
		t.Errorf("other kernels: error %v", err)
	}
}

func TestCompareUnstable(t *testing.T) {
	want := results.Record{State: results.Done, Weights: "a", Losses: "b", Accuracy: results.Accuracy{FinalVal: ptr(0.5)}, Loss: results.Loss{Last: ptr(2.0)}}
	got := want
	got.Weights, got.Losses, got.Accuracy.FinalVal, got.Loss.Last = "c", "d", ptr(0.505), ptr(2.0001)
	if verdict, ok := compare(false, want, got); !ok || !strings.Contains(verdict, "bits were not compared") {
		t.Errorf("%s", verdict)
	}
	got.Loss.Last = ptr(2.1)
	if verdict, ok := compare(false, want, got); ok {
		t.Errorf("%s", verdict)
	}
}

func ptr[T any](v T) *T { return &v }
