package search

import (
	"bytes"
	"context"
	"errors"
	"log"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// TestBadConfig checks that Run and DryRun refuse the same configurations, each in one line, and make no folder.
func TestBadConfig(t *testing.T) {
	isolate(t)
	good := config(t, "-lr 1e-4,1e-3 -hidden 2 -iters 4 -batch 10 -out o")
	fc, err := grid.Standard().Parse(grid.Setting{Net: "fc"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("odd/"+folder.JournalName, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(c *testStudy)
		want   string
	}{
		"no grid":       {func(c *testStudy) { c.Grid = nil }, "search: Nets.Grid is nil; grid.Standard().Parse makes one"},
		"no data":       {func(c *testStudy) { c.Data = nil }, "search: Nets.Data is nil; the DefaultSplit of a data set is one"},
		"no folder":     {func(c *testStudy) { c.Dir = "" }, "search: Study.Dir is empty; name the output folder"},
		"type":          {func(c *testStudy) { c.DType = "f16" }, `search: Nets.DType is "f16"; the choices are f32, f64, bfp16, bfp16d8`},
		"division":      {func(c *testStudy) { c.Division = "half" }, `search: Nets.Division is "half"; the choices are floor and true`},
		"Solver":        {func(c *testStudy) { c.Division, c.Grid = "true", fc }, "search: Nets.Division is true, which is for the two-layer net; leave it empty for the net fc"},
		"rank":          {func(c *testStudy) { c.Rank = "worst" }, `search: Study.Rank is "worst"; the choices are mean, best and lower`},
		"workers":       {func(c *testStudy) { c.Workers = -1 }, "search: Study.Workers is -1; give 0 or more"},
		"block":         {func(c *testStudy) { c.Block = -2 }, "search: Nets.Block is -2; give 0 or more"},
		"waiting":       {func(c *testStudy) { c.Waiting = -3 }, "search: Study.Waiting is -3; give 0 or more"},
		"checkpoint":    {func(c *testStudy) { c.Checkpoint = -time.Second }, "search: Study.Checkpoint is -1s; give 0 or more"},
		"weights":       {func(c *testStudy) { c.Weights = -1 }, "search: Study.Weights is -1; give 0 or more"},
		"states":        {func(c *testStudy) { c.States = -2 }, "search: Study.States is -2; give a number of trials, or folder.EveryTrial"},
		"rung":          {func(c *testStudy) { c.Halving = &halving.Rule{Eta: 3, Min: 4} }, "halving 3:4: the first comparison is after 4 iterations, but training ends after 4; give a lower MIN"},
		"hash":          {func(c *testStudy) { c.Data.Hash = "" }, "search: Nets.Data has no Hash, which tells its records from those of other data; the DefaultSplit of a data set has one"},
		"bytes missing": {func(c *testStudy) { c.Data.Val.X = c.Data.Val.X[1:] }, "tiny: the validation samples: 639 bytes for 20 images of 32 pixels, want 640 bytes"},
		"mean":          {func(c *testStudy) { c.Data.Mean = c.Data.Mean[:16] }, "tiny: the training samples: 960 bytes for 30 images of 16 pixels, want 480 bytes"},
		"classes":       {func(c *testStudy) { c.Data.Classes = c.Data.Classes[:9] }, "tiny: training sample 9 has label 9, but there are 9 classes"},
		"no classes":    {func(c *testStudy) { c.Data.Classes = nil }, "tiny: training sample 0 has label 0, but there are 0 classes"},
		"label":         {func(c *testStudy) { c.Data.Test.Y[3] = 200 }, "tiny: test sample 3 has label 200, but there are 10 classes"},
		"below a file":  {func(c *testStudy) { c.Dir = "file/o" }, "mkdir file: not a directory; name a folder that you can write to"},
		"a file":        {func(c *testStudy) { c.Dir = "file" }, "mkdir file: not a directory; name a folder that you can write to"},
		"journal":       {func(c *testStudy) { c.Dir = "odd" }, "open odd/trials.jsonl: is a directory; name a folder that you can write to"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			bad.Data = searchtest.Tiny()
			bad.Runner = searchtest.RunnerFunc(nil) // input is refused before any runner is called
			c.change(&bad)
			_, err := Run(t.Context(), bad.study())
			_, dry := DryRun(t.Context(), bad.study())
			for _, err := range []error{err, dry} {
				if !isInput(err) || err.Error() != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
			}
		})
	}
	if got, err := folder.Peek("o", nil); err != nil || got.Records != nil {
		t.Errorf("there is a folder: %v, %+v", err, got)
	}
}

// TestDefaults runs a Config that has only a grid, data and a folder.
func TestDefaults(t *testing.T) {
	isolate(t)
	points, err := grid.Standard().Parse(grid.Setting{Given: map[string]string{"lr": "1e-4,1e-3", "reg": "0", "hidden": "2", "iters": "4", "batch": "10"}})
	if err != nil {
		t.Fatal(err)
	}
	c := testStudy{Study{Dir: "o"}, Nets{Grid: points, Data: searchtest.Tiny()}}
	s, err := newJob(c.study())
	if err != nil {
		t.Fatal(err)
	}
	if s.DType != "f32" || s.Kernels == nil || s.Workers != runtime.GOMAXPROCS(0) || s.Waiting != 240<<20 || s.Runner == nil {
		t.Errorf("defaults %+v", s.Study)
	}
	result, err := Run(t.Context(), c.study())
	if err != nil || result.Trials != 2 || len(result.Records) != 2 || result.Table.Len() != 2 || !result.Written {
		t.Errorf("error %v, %+v", err, result)
	}
	if b := result.Records[0].Config; b.Rule != "" || b.Division != "" || b.DType != "f32" || b.Net != "two-layer" {
		t.Errorf("configuration on record %+v", b)
	}
}

// TestDryRunThenRun uses one Config several times. A DryRun must not change the outcome of Run. A second Run, which
// trains nothing, must return the result of the first one.
func TestDryRunThenRun(t *testing.T) {
	isolate(t)
	c := config(t, "-lr log:1e-4..1e-2:4 -reg 0 -hidden 2 -iters 8 -batch 10 -std 1e-2 -halving 2:2 -out o")
	c.Runner = hasty(t, c)
	before, err := DryRun(t.Context(), c.study())
	if err != nil || before.Trials != 4 || len(before.Blocks) == 0 || before.Prediction.Seconds <= 0 || before.Halving == "" {
		t.Fatalf("error %v, %+v", err, before)
	}
	if _, err := folder.Peek("o", nil); err != nil {
		t.Error(err)
	}
	first, err := Run(t.Context(), c.study())
	if err != nil {
		t.Fatal(err)
	}
	between, err := DryRun(t.Context(), c.study())
	if err != nil || len(between.Blocks) != 0 || between.FLOPs != 0 || between.Prediction != (Prediction{}) {
		t.Errorf("error %v, %+v; want nothing to train", err, between)
	}
	for i, r := range between.Points {
		if r.State != first.Records[i].State || r.Config.Key() != first.Records[i].Key {
			t.Errorf("point %d is %s, on record %s", i, r.State, first.Records[i].State)
		}
	}
	second, err := Run(t.Context(), c.study())
	if err != nil || second.Table.Digest() != first.Table.Digest() || second.Trials != 4 {
		t.Errorf("error %v, %+v; want %+v", err, second, first)
	}
}

// TestPreviewNotes checks that the notes of a DryRun are the messages that Run logs before it trains.
func TestPreviewNotes(t *testing.T) {
	isolate(t)
	const rest = " -reg 0 -hidden 2 -batch 20 -states 2 -out o -iters "
	if _, err := Run(t.Context(), config(t, "-lr 1e-3,1e-2"+rest+"4").study()); err != nil {
		t.Fatal(err)
	}
	c := config(t, "-lr 0.0010000001,1e-2"+rest+"4,6")
	c.Runner = hasty(t, c)
	p, err := DryRun(t.Context(), c.study())
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	c.Log = log.New(&said, "", 0)
	if _, err := Run(t.Context(), c.study()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Notes, "\n") + "\n"; got != said.String() {
		t.Errorf("notes\n%swant\n%s", got, &said)
	}
	for _, want := range []string{
		"batch 20 does not divide 30 samples: an epoch is 1 iteration (Python 2); with division true: 1.5 (Python 3)",
		"1 of 4 trials are on record in o; 3 to train",
		"to have those instead, give -lr",
		"2 states will take up to",
		"1 trial resumes from kept states after 4 iterations",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("notes\n%swant %q in them", &said, want)
		}
	}
}

// TestDryRunInterrupted ends the context of a DryRun before its start, and while it measures.
func TestDryRunInterrupted(t *testing.T) {
	isolate(t)
	for name, before := range map[string]bool{"before": true, "while it measures": false} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("enough")
			c := config(t, "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 8 -batch 10 -out o")
			r := hasty(t, c)
			c.Runner = measureFunc(func(ctx context.Context, b plan.Block, _ time.Duration, ready func()) (runner.Costs, error) {
				if before {
					t.Error("a block was measured")
				}
				return r.(searchtest.Hasty).Runner.Measure(ctx, b, time.Hour, func() {
					ready()
					cancel(cause)
				})
			})
			if before {
				cancel(cause)
			}
			if p, err := DryRun(ctx, c.study()); p != nil || !errors.Is(err, cause) || !errors.Is(err, context.Canceled) || isInput(err) {
				t.Errorf("%+v, error %v; want the cause and context.Canceled", p, err)
			}
		})
	}
}

// A measureFunc is a runner that only measures.
type measureFunc func(ctx context.Context, b plan.Block, d time.Duration, ready func()) (runner.Costs, error)

func (f measureFunc) Run(context.Context, plan.Block, runner.Hooks) error { return nil }
func (f measureFunc) Measure(ctx context.Context, b plan.Block, d time.Duration, ready func()) (runner.Costs, error) {
	return f(ctx, b, d, ready)
}

// TestFailed checks that the result of a sweep has the failed trials, although Run returns no error
// for them.
func TestFailed(t *testing.T) {
	isolate(t)
	c := config(t, "-lr 1e-4,1e-3,1e-2 -reg 0 -hidden 2 -iters 4 -batch 10 -block 1 -out o")
	r := hasty(t, c)
	c.Runner = searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		if trial := b.Trials[0]; trial.Config.LR == 1e-3 {
			h.Ended([]results.Record{{Key: trial.Key, Config: trial.Config, State: results.Failed, Error: "out of luck"}}, false)
			return nil
		}
		return r.Run(ctx, b, h)
	})
	result, err := Run(t.Context(), c.study())
	if failed := result.Failed(); err != nil || len(failed) != 1 || failed[0].Config.LR != 1e-3 || failed[0].Error != "out of luck" {
		t.Errorf("error %v, failed %+v", err, failed)
	}
	byKey := searchtest.ByKey(t, result.Records)
	failed, done := byKey[result.Records[1].Key], byKey[result.Records[0].Key]
	if len(byKey) != 3 || failed.Val() != nil || done.Val() == nil {
		t.Errorf("records %+v", result.Records)
	}
	c.Runner = nil
	if result, err := Run(t.Context(), c.study()); err != nil || len(result.Failed()) != 0 {
		t.Errorf("again: error %v, failed %+v", err, result.Failed())
	}
}

// TestOnlyItsGrid checks that a result has only the trials of its grid, although the folder has others.
func TestOnlyItsGrid(t *testing.T) {
	isolate(t)
	const rest = " -reg 0 -hidden 2 -iters 4 -batch 10 -out o"
	if _, err := Run(t.Context(), config(t, "-lr 1e-4,1e-3"+rest).study()); err != nil {
		t.Fatal(err)
	}
	result, err := Run(t.Context(), config(t, "-lr 1e-2,1e-3"+rest).study())
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Records) != 2 || result.Records[0].Config.LR != 1e-2 || result.Records[1].Config.LR != 1e-3 || result.Table.Len() != 2 {
		t.Errorf("%+v", result)
	}
}

// TestMessages checks that messages go to the logger, and status lines to their writer.
func TestMessages(t *testing.T) {
	isolate(t)
	c := config(t, "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 4 -batch 10 -out o")
	var said, status bytes.Buffer
	c.Log, c.Progress = log.New(&said, "a program: ", 0), &status
	for range 2 {
		if _, err := Run(t.Context(), c.study()); err != nil {
			t.Fatal(err)
		}
	}
	if want := "a program: 2 of 2 trials are on record in o; 0 to train\n"; said.String() != want {
		t.Errorf("said %q, want %q", &said, want)
	}
	if strings.Contains(status.String(), "on record") {
		t.Errorf("status lines %q", &status)
	}
}

// TestTrainError checks that the error of an interruption has the number of trials on record, and comes with a
// result.
func TestTrainError(t *testing.T) {
	isolate(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := Run(ctx, config(t, "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 4 -batch 10 -out o").study())
	var train *TrainError
	if !errors.As(err, &train) || !errors.Is(err, context.Canceled) || isInput(err) || err.Error() != "context canceled; 0 of 2 trials are on record" {
		t.Errorf("error %v", err)
	}
	if result.Trials != 2 || len(result.Records) != 0 || !result.Written {
		t.Errorf("%+v", result)
	}
}

// TestAllWeights checks that math.MaxInt keeps the weights of all trials.
func TestAllWeights(t *testing.T) {
	isolate(t)
	c := config(t, "-lr log:1e-4..1e-3:3 -reg 0 -hidden 2 -iters 4 -batch 10 -out o")
	c.Weights = math.MaxInt
	if _, err := Run(t.Context(), c.study()); err != nil {
		t.Fatal(err)
	}
	if names := filesIn("o", folder.WeightsDir); len(names) != 3 {
		t.Errorf("kept %v, want those of 3 trials", names)
	}
}
