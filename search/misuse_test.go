package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/kernels/reference"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// twoTrials returns a Config of two small trials.
func twoTrials(t *testing.T) testStudy {
	t.Helper()
	points, err := grid.Standard().Parse(grid.Setting{Given: map[string]string{
		"lr": "1e-4,1e-3", "reg": "0", "hidden": "3", "iters": "3", "batch": "20", "std": "1e-2",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return testStudy{Study{Disk: searchtest.Unsynced{}, Dir: t.TempDir()}, Nets{Grid: points, Data: searchtest.Tiny(), Kernels: reference.New()}}
}

// TestOrderIsCopied changes the variable that Nets.Order points to after a run. The records must not change.
func TestOrderIsCopied(t *testing.T) {
	c, order := twoTrials(t), uint32(1)
	c.Order = &order
	r, err := Run(t.Context(), c.study())
	if err != nil {
		t.Fatal(err)
	}
	order = 7
	for _, r := range r.Records {
		if *r.Config.Order != 1 || r.Config.Key() != r.Key {
			t.Errorf("trial %.12s has order %d and key %.12s", r.Key, *r.Config.Order, r.Config.Key())
		}
	}
}

// TestRunnersThatGiveNoRecord checks that Run returns an error if a runner gives no records.
func TestRunnersThatGiveNoRecord(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no error":                       {nil, "the runner gave no record of 2 trials"},
		"cancelled, but ctx is not done": {fmt.Errorf("rpc: %w", context.Canceled), "rpc: context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := twoTrials(t)
			conf.Runner = searchtest.RunnerFunc(func(context.Context, plan.Block, runner.Hooks) error { return c.err })
			_, err := Run(t.Context(), conf.study())
			if train := new(TrainError); !errors.As(err, &train) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a TrainError with %q", err, c.want)
			}
		})
	}
}

// TestCause checks that the error of a cancelled sweep wraps both the cause and the error of the context.
func TestCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := Run(ctx, twoTrials(t).study()); !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the cause and context.Canceled", err)
	}
}

// TestPanicWhileMeasuring checks that a panic of a kernel is an error of DryRun.
func TestPanicWhileMeasuring(t *testing.T) {
	c := twoTrials(t)
	set := *reference.New()
	set.F32.SoftmaxLoss = nil
	c.Kernels = &set
	if _, err := DryRun(t.Context(), c.study()); err == nil || !strings.Contains(err.Error(), "a trial panicked") {
		t.Errorf("error %v", err)
	}
}

// TestGridsThatWereNotParsed checks the errors for grids that were not parsed.
func TestGridsThatWereNotParsed(t *testing.T) {
	bare, err := grid.Axes{}.Parse(grid.Setting{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []*grid.Grid{new(grid.Grid), bare} {
		c := twoTrials(t)
		c.Grid = g
		if _, err := DryRun(t.Context(), c.study()); !errors.As(err, new(folder.InputError)) || !strings.Contains(err.Error(), "Nets.Grid has") {
			t.Errorf("error %v, want an InputError about Nets.Grid", err)
		}
	}
}

// TestRulesThatWereNotParsed checks the errors for stop rules without a meaning.
func TestRulesThatWereNotParsed(t *testing.T) {
	for _, r := range []halving.Rule{{Eta: -2}, {Eta: 1}, {Async: true}, {Eta: 2, Min: -1}, {Hyperband: true}, {Eta: 2, Hyperband: true, Async: true}, {Patience: -1}, {Patience: 2, Eta: 2}, {Patience: 2, Async: true},
		{And: &halving.Rule{}}, {Eta: 2, And: &halving.Rule{Eta: 2}}, {Eta: 2, And: &halving.Rule{Patience: -1}}, {Eta: 2, And: &halving.Rule{Patience: 1, Min: -1}},
		{Patience: 1, And: &halving.Rule{Patience: 2}}, {Eta: 2, And: &halving.Rule{Patience: 1, And: &halving.Rule{Patience: 1}}}} {
		t.Run(r.String(), func(t *testing.T) {
			c := twoTrials(t)
			c.Halving = &r
			if _, err := DryRun(t.Context(), c.study()); !errors.As(err, new(folder.InputError)) || !strings.Contains(err.Error(), "halving: ") {
				t.Errorf("%+v: error %v, want an InputError", r, err)
			}
		})
	}
}

// TestHugeNumbers checks that limits may be as large as an int.
func TestHugeNumbers(t *testing.T) {
	c := twoTrials(t)
	c.Block, c.Workers = math.MaxInt, math.MaxInt
	c.Runner = hasty(t, c)
	p, err := DryRun(t.Context(), c.study())
	if err != nil || p.Trials != 2 {
		t.Fatalf("%+v, error %v", p, err)
	}
	if _, err := Run(t.Context(), c.study()); err != nil {
		t.Fatal(err)
	}
	if p, err = DryRun(t.Context(), c.study()); err != nil || p.Prediction.String() != "nothing is left to train" {
		t.Errorf("afterwards: prediction %q, error %v", p.Prediction, err)
	}
}

// TestVerifyRefuses checks that Verify rejects changed configurations, records of failed trials,
// and other splits of the data.
func TestVerifyRefuses(t *testing.T) {
	c := twoTrials(t)
	r, err := Run(t.Context(), c.study())
	if err != nil {
		t.Fatal(err)
	}
	set, good := reference.New(), r.Records[0]
	if verdict, same, err := Verify(t.Context(), good, set, c.Data, 1); err != nil || !same {
		t.Fatalf("%s, error %v", verdict, err)
	}
	edited, failed := good, good
	edited.Config.Reg = 0.5
	failed.State, failed.Error = results.Failed, "a panic"
	fewer, turned := *c.Data, *c.Data
	fewer.Test = fewer.Test.Slice(0, 1)
	turned.Order = dataset.CHW + dataset.HWC - turned.Order
	for name, v := range map[string]struct {
		record results.Record
		data   *dataset.Split
		want   string
	}{
		"an edited record": {edited, c.Data, "has another key"},
		"a zero record":    {results.Record{}, c.Data, "has another key"},
		"a failed record":  {failed, c.Data, "failed, so there is nothing to compare with: a panic"},
		"no data":          {good, nil, "needs a kernel set and data"},
		"another split":    {good, &fewer, "was trained on a split of"},
		"another order":    {good, &turned, "in order "},
	} {
		t.Run(name, func(t *testing.T) {
			if verdict, _, err := Verify(t.Context(), v.record, set, v.data, 1); !errors.As(err, new(folder.InputError)) || !strings.Contains(err.Error(), v.want) {
				t.Errorf("%q, error %v, want an InputError with %q", verdict, err, v.want)
			}
		})
	}
}
