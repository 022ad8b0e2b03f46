package search

import (
	"bytes"
	"context"
	"errors"
	"log"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
)

// TestBadConfig: what no sweep can be made of is refused in one line, by Run and DryRun, and no folder is made.
func TestBadConfig(t *testing.T) {
	isolate(t)
	good := config(t, "-lr 1e-4,1e-3 -hidden 2 -iters 4 -batch 10 -out o")
	fc, err := grid.Standard().Parse(grid.Setting{Net: "fc"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"no grid":       {func(c *Config) { c.Grid = nil }, "search: Config.Grid is nil; grid.Standard().Parse makes one"},
		"no data":       {func(c *Config) { c.Data = nil }, "search: Config.Data is nil; the DefaultSplit of a data set is one"},
		"no folder":     {func(c *Config) { c.Dir = "" }, "search: Config.Dir is empty; name the output folder"},
		"type":          {func(c *Config) { c.DType = "f16" }, `search: Config.DType is "f16"; there are f32 and f64`},
		"division":      {func(c *Config) { c.Division = "half" }, `search: Config.Division is "half"; there are floor and true`},
		"Solver":        {func(c *Config) { c.Division, c.Grid = "true", fc }, "search: Config.Division is true, which is for the two-layer net; leave it empty for the net fc"},
		"workers":       {func(c *Config) { c.Workers = -1 }, "search: Config.Workers is -1; give 0 or more"},
		"block":         {func(c *Config) { c.Block = -2 }, "search: Config.Block is -2; give 0 or more"},
		"waiting":       {func(c *Config) { c.Waiting = -3 }, "search: Config.Waiting is -3; give 0 or more"},
		"checkpoint":    {func(c *Config) { c.Checkpoint = -time.Second }, "search: Config.Checkpoint is -1s; give 0 or more"},
		"weights":       {func(c *Config) { c.Weights = -1 }, "search: Config.Weights is -1; give 0 or more"},
		"states":        {func(c *Config) { c.States = -2 }, "search: Config.States is -2; give a number of trials, or folder.EveryTrial"},
		"rung":          {func(c *Config) { c.Halving = &halving.Rule{Eta: 3, Min: 4} }, "-halving 3:4: the first rung, 4, is not before the end, 4 iterations; give a lower MIN"},
		"bytes missing": {func(c *Config) { c.Data.Val.X = c.Data.Val.X[1:] }, "tiny: 61439 bytes for 20 validation images of 3072 pixels"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			bad.Data = searchtest.Tiny()
			c.change(&bad)
			_, err := Run(t.Context(), bad)
			_, dry := DryRun(bad)
			for _, err := range []error{err, dry} {
				if !isInput(err) || err.Error() != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
			}
		})
	}
	if got, err := folder.Peek("o", log.Default()); err != nil || got.Records != nil {
		t.Errorf("there is a folder: %v, %+v", err, got)
	}
}

// TestDefaults runs a Config of nothing but its grid, data and folder.
func TestDefaults(t *testing.T) {
	isolate(t)
	points, err := grid.Standard().Parse(grid.Setting{Given: map[string]string{"lr": "1e-4,1e-3", "reg": "0", "hidden": "2", "iters": "4", "batch": "10"}})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Grid: points, Data: searchtest.Tiny(), Dir: "o"}
	s, err := newJob(c)
	if err != nil {
		t.Fatal(err)
	}
	if s.DType != "f32" || s.Kernels == nil || s.Workers != runtime.GOMAXPROCS(0) || s.Waiting != 240<<20 || s.Runner == nil {
		t.Errorf("defaults %+v", s.Config)
	}
	result, err := Run(t.Context(), c)
	if err != nil || result.Trials != 2 || len(result.Records) != 2 || result.Table.Len() != 2 || !result.Written {
		t.Errorf("error %v, %+v", err, result)
	}
	if b := result.Records[0].Config; b.Rule != "" || b.Division != "" || b.DType != "f32" || b.Net != "two-layer" {
		t.Errorf("configuration on record %+v", b)
	}
}

// TestDryRunThenRun uses one Config several times: a DryRun does not change what Run does, and a second Run, which
// has nothing to train, returns what the first one did.
func TestDryRunThenRun(t *testing.T) {
	isolate(t)
	c := config(t, "-lr log:1e-4..1e-2:4 -reg 0 -hidden 2 -iters 8 -batch 10 -std 1e-2 -halving 2:2 -out o")
	before, err := DryRun(c)
	if err != nil || before.Trials != 4 || len(before.Blocks) == 0 || before.Prediction.Seconds <= 0 || before.Halving == "" {
		t.Fatalf("error %v, %+v", err, before)
	}
	if _, err := folder.Peek("o", log.Default()); err != nil {
		t.Error(err)
	}
	first, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	between, err := DryRun(c)
	if err != nil || len(between.Blocks) != 0 || between.FLOPs != 0 || between.Prediction != (Prediction{}) {
		t.Errorf("error %v, %+v; want nothing to train", err, between)
	}
	for i, r := range between.Points {
		if r.State != first.Records[i].State || r.Config.Key() != first.Records[i].Key {
			t.Errorf("point %d is %s, on record %s", i, r.State, first.Records[i].State)
		}
	}
	second, err := Run(t.Context(), c)
	if err != nil || second.Table.Digest() != first.Table.Digest() || second.Trials != 4 {
		t.Errorf("error %v, %+v; want %+v", err, second, first)
	}
}

// TestOnlyItsGrid: the result holds the trials of the grid, though there are others in the folder, and no more.
func TestOnlyItsGrid(t *testing.T) {
	isolate(t)
	const rest = " -reg 0 -hidden 2 -iters 4 -batch 10 -out o"
	if _, err := Run(t.Context(), config(t, "-lr 1e-4,1e-3"+rest)); err != nil {
		t.Fatal(err)
	}
	result, err := Run(t.Context(), config(t, "-lr 1e-2,1e-3"+rest))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Records) != 2 || result.Records[0].Config.LR != 1e-2 || result.Records[1].Config.LR != 1e-3 || result.Table.Len() != 2 {
		t.Errorf("%+v", result)
	}
}

// TestMessages: the messages go to the logger, the status lines to their writer, and nothing is mixed.
func TestMessages(t *testing.T) {
	isolate(t)
	c := config(t, "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 4 -batch 10 -out o")
	var said, status bytes.Buffer
	c.Log, c.Progress = log.New(&said, "a program: ", 0), &status
	for range 2 {
		if _, err := Run(t.Context(), c); err != nil {
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

// TestTrainError: an interruption says how many trials are on record, and comes with them.
func TestTrainError(t *testing.T) {
	isolate(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := Run(ctx, config(t, "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 4 -batch 10 -out o"))
	var train *TrainError
	if !errors.As(err, &train) || !errors.Is(err, context.Canceled) || isInput(err) || err.Error() != "context canceled; 0 of 2 trials are on record" {
		t.Errorf("error %v", err)
	}
	if result.Trials != 2 || len(result.Records) != 0 || !result.Written {
		t.Errorf("%+v", result)
	}
}

// TestAllWeights: math.MaxInt keeps the weights of all trials.
func TestAllWeights(t *testing.T) {
	isolate(t)
	c := config(t, "-lr log:1e-4..1e-3:3 -reg 0 -hidden 2 -iters 4 -batch 10 -out o")
	c.Weights = math.MaxInt
	if _, err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if names := filesIn("o", folder.WeightsDir); len(names) != 3 {
		t.Errorf("kept %v, want those of 3 trials", names)
	}
}
