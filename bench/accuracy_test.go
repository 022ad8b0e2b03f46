package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/kernels/reference"
	"fusegrid/nn/dataset"
	"fusegrid/nn/dataset/datasettest"
)

// TestIntervalOf compares with values from tables of Student's t: 3.18245 for 3 degrees of freedom
// and 95%, 31.5991 for 2 and 99.9%.
func TestIntervalOf(t *testing.T) {
	for _, c := range []struct {
		name        string
		differences []float64
		level       float64
		mean, half  float64
	}{
		{"four", []float64{1, 2, 3, 4}, 0.95, 2.5, 3.18245 * math.Sqrt(5.0/3) / 2},
		{"three", []float64{-1, 0, 1}, 0.999, 0, 31.5991 / math.Sqrt(3)},
		{"equal", []float64{2, 2}, 0.95, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := intervalOf(c.differences, c.level)
			if near := func(x, y float64) bool { return math.Abs(x-y) < 1e-4 }; i.n != len(c.differences) || !near(i.mean, c.mean) ||
				!near(i.lo, c.mean-c.half) || !near(i.high, c.mean+c.half) {
				t.Errorf("%+v, want %v ± %v", i, c.mean, c.half)
			}
		})
	}
}

// around returns a comparison whose differences are the given offset, plus and minus a spread.
func around(title string, offset, spread float64) comparison {
	c := comparison{title: title}
	for i := range 20 {
		val := 0.4 + 0.01*float64(i%5)
		c.vals[0] = append(c.vals[0], val)
		c.vals[1] = append(c.vals[1], val+offset+spread*float64(i%2*2-1))
	}
	return c
}

func TestAccuracyTable(t *testing.T) {
	for _, c := range []struct {
		name string
		all  []comparison
		want string
	}{
		{"equal", []comparison{around("a", 0, 0.003), around("b", 0.001, 0.002)}, ""},
		{"worse by less than the bound", []comparison{around("a", -0.003, 0.001)}, ""},
		{"worse", []comparison{around("a", -0.004, 0.001)}, "all pairs"},
		{"better", []comparison{around("a", 0.004, 0.001)}, "all pairs"},
		{"too wide", []comparison{around("a", 0, 0.02)}, "more -seeds"},
		{"one configuration is worse", []comparison{around("a", 0.004, 0.001), around("bad", -0.008, 0.001), around("c", 0.004, 0.001)}, "bad: "},
		{"one configuration may be worse", []comparison{around("a", 0.003, 0.001), around("bad", -0.006, 0.003), around("c", 0.003, 0.001)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := accuracyTable("bfp16", c.all)
			fits(t, string(text))
			golden.Check(t, "testdata/accuracy.txt", string(text))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestAccuracyTitles checks that the longest title fits the table.
func TestAccuracyTitles(t *testing.T) {
	var all []comparison
	for _, c := range accuracyConfigs {
		all = append(all, around(c.title, 0, 0.001))
	}
	text, _ := accuracyTable("bfp16d8", all)
	fits(t, string(text))
}

// TestAccuracy trains a few small pairs, resumes, and adds seeds.
func TestAccuracy(t *testing.T) {
	if code, _, errs := bench("accuracy", "-impl", "gonum"); code != 2 || !strings.Contains(errs, "gonum has no first layers of type bfp16") {
		t.Errorf("a set without the type: exit %d, %s", code, errs)
	}
	dir := t.TempDir()
	datasettest.WriteBinary(t, filepath.Join(dir, "images"), 40)
	data, err := dataset.Load(filepath.Join(dir, "images"))
	if err != nil {
		t.Fatal(err)
	}
	a := accuracy{
		configs: []accuracyConfig{
			{"small", "two-layer", "sgd", map[string]string{"lr": "1e-3", "reg": "0", "hidden": "2", "batch": "10"}},
			{"deep", "fc", "momentum", map[string]string{"lr": "1e-3", "reg": "0", "hidden": "2x2", "batch": "50", "epochs": "1"}},
		},
		data: data, splits: map[dataset.Order]*dataset.Split{}, set: reference.New(), dtype: "bfp16", dir: filepath.Join(dir, "records"),
		seeds: 2, iters: 5, workers: 1,
	}
	page := filepath.Join(dir, "page.md")
	run := func() (text string, records int) {
		t.Helper()
		var out, progress bytes.Buffer
		err := a.run(t.Context(), page, &out, &progress)
		if err != nil && !strings.Contains(err.Error(), "interval") {
			t.Fatal(err)
		}
		for _, folder := range []string{"two-layer-f32", "two-layer-bfp16", "fc-f32", "fc-bfp16"} {
			journal, err := os.ReadFile(filepath.Join(a.dir, folder, "trials.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			records += bytes.Count(journal, []byte(`"state"`))
		}
		return out.String(), records
	}
	first, n := run()
	if n != 2*2*2 {
		t.Errorf("%d records of 2 seeds, 2 configurations and 2 types", n)
	}
	if written, err := os.ReadFile(page); err != nil || !strings.Contains(string(written), first) {
		t.Errorf("%v: the page lacks the table:\n%s", err, written)
	}
	if again, n := run(); n != 8 || again != first {
		t.Errorf("%d records after a second run, which printed\n%s, and the first\n%s", n, again, first)
	}
	a.seeds = 3
	if _, n := run(); n != 3*2*2 {
		t.Errorf("%d records of 3 seeds, want 12", n)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.dir = filepath.Join(dir, "interrupted")
	if err := a.run(ctx, "", new(bytes.Buffer), new(bytes.Buffer)); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "resumes") {
		t.Errorf("interrupted: %v", err)
	}
}
