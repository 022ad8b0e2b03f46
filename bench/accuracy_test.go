package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	const worse = `the interval of "bad" is wholly below -0.005`
	for _, c := range []struct {
		name string
		all  []comparison
		want string
	}{
		{"equal", []comparison{around("a", 0, 0.003), around("b", 0.001, 0.002)}, ""},
		{"worse by less than the bound", []comparison{around("a", -0.003, 0.001)}, ""},
		{"worse", []comparison{around("a", -0.0045, 0.001)}, "the mean of all pairs is not within ±0.004"},
		{"better", []comparison{around("a", 0.0045, 0.001)}, "the mean of all pairs is not within ±0.004"},
		{"too wide", []comparison{around("a", 0, 0.02)}, "the interval of all pairs is not within ±0.004; more -seeds narrow it"},
		{"too low", []comparison{around("a", -0.003, 0.0025)}, "the interval of all pairs is not within ±0.004; more -seeds narrow it"},
		{"too high", []comparison{around("a", 0.003, 0.0025)}, "the interval of all pairs is not within ±0.004; more -seeds narrow it"},
		{"one configuration is worse", []comparison{around("a", 0.004, 0.001), around("bad", -0.008, 0.001), around("c", 0.004, 0.001)}, worse},
		{"one configuration may be worse", []comparison{around("a", 0.003, 0.001), around("bad", -0.006, 0.003), around("c", 0.003, 0.001)}, ""},
		// The 95% interval of this configuration would be below the bound.
		{"one configuration is hardly worse", []comparison{around("a", 0.003, 0.001), around("bad", -0.0066, 0.0027), around("c", 0.003, 0.001)}, ""},
		{"both", []comparison{around("bad", -0.008, 0.001)}, worse + "; the mean of all pairs is not within ±0.004"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := accuracyTable(c.all, "bfp16")
			fits(t, string(text))
			golden.Check(t, "testdata/accuracy.txt", string(text))
			if got := fmt.Sprint(err); got != cmp.Or(c.want, "<nil>") {
				t.Errorf("%s, want %q", got, c.want)
			}
		})
	}
}

// TestAccuracyTitles checks that the longest title fits the table, and the line about it.
func TestAccuracyTitles(t *testing.T) {
	var all []comparison
	for _, c := range accuracyConfigs {
		all = append(all, around(c.title, -0.02, 0.001))
	}
	text, err := accuracyTable(all, "bfp16d8")
	fits(t, string(text))
	if err == nil || strings.Count(string(text), "\nfails: the interval of ") != len(all) {
		t.Errorf("%v\n%s", err, text)
	}
}

// tinyAccuracy returns settings for a few small pairs on few images.
func tinyAccuracy(t *testing.T) accuracy {
	dir := t.TempDir()
	datasettest.WriteBinary(t, filepath.Join(dir, "images"), 40)
	data, err := dataset.Load(filepath.Join(dir, "images"))
	if err != nil {
		t.Fatal(err)
	}
	return accuracy{
		configs: []accuracyConfig{
			{"small", "two-layer", "sgd", map[string]string{"lr": "1e-3", "reg": "0", "hidden": "2", "batch": "10"}},
			{"deep", "fc", "momentum", map[string]string{"lr": "1e-3", "reg": "0", "hidden": "2x2", "batch": "50", "epochs": "1"}},
		},
		data: data, splits: map[dataset.Order]*dataset.Split{}, set: reference.New(), dtype: "bfp16", dir: filepath.Join(dir, "records"),
		seeds: 2, iters: 5, workers: 1,
	}
}

// table runs a comparison, and returns its table and the number of records.
func (a accuracy) table(t *testing.T, page string) (text string, records int) {
	t.Helper()
	var out bytes.Buffer
	if err := a.run(t.Context(), page, &out, io.Discard); err != nil && !strings.Contains(err.Error(), "interval") {
		t.Fatal(err)
	}
	for net, pixels := range map[string]string{"two-layer": "hwc", "fc": "chw"} {
		for _, dtype := range []string{"f32", a.dtype} {
			journal, err := os.ReadFile(filepath.Join(a.dir, net+"-"+dtype, "trials.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			n := bytes.Count(journal, []byte(`"state"`))
			for _, field := range []string{`"net":"` + net + `"`, `"dtype":"` + dtype + `"`, `"pixels":"` + pixels + `"`} {
				if bytes.Count(journal, []byte(field)) != n {
					t.Errorf("not all records have %s:\n%s", field, journal)
				}
			}
			records += n
		}
	}
	return out.String(), records
}

// TestAccuracy trains a few pairs, finds them on record, and adds seeds.
func TestAccuracy(t *testing.T) {
	if code, _, errs := bench("accuracy", "-impl", "gonum"); code != 2 || !strings.Contains(errs, "gonum has no first layers of type bfp16") {
		t.Errorf("a set without the type: exit %d, %s", code, errs)
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", os.Getenv("HOME"))
	t.Setenv("FUSEGRID_DATA", "")
	if code, _, errs := bench("accuracy"); code != 2 || !strings.Contains(errs, "no CIFAR-10 here; sweep fetch gets it, and -data synthetic") {
		t.Errorf("no data: exit %d, %s", code, errs)
	}
	a := tinyAccuracy(t)
	page := filepath.Join(t.TempDir(), "page.md")
	first, n := a.table(t, page)
	if n != 2*2*2 {
		t.Errorf("%d records of 2 seeds, 2 configurations and 2 types", n)
	}
	written, err := os.ReadFile(page)
	for _, part := range []string{"bench accuracy -dtype bfp16 -seeds 2 -iters 5`", "# Accuracy of bfp16\n", "from custom (", "f32 is muladd", "```text\n" + first + "```\n"} {
		if !strings.Contains(string(written), part) {
			t.Errorf("%v: the page lacks %q:\n%s", err, part, written)
		}
	}
	if again, n := a.table(t, page); n != 8 || again != first {
		t.Errorf("%d records after a second run, which printed\n%s, and the first\n%s", n, again, first)
	}
	a.seeds = 3
	if _, n := a.table(t, ""); n != 3*2*2 {
		t.Errorf("%d records of 3 seeds, want 12", n)
	}
	a.dtype, a.configs = "f64", a.configs[:1]
	var out bytes.Buffer
	noted := false
	if err := a.run(t.Context(), "", &out, watcher{"custom", func() { noted = true }}); err != nil || !strings.Contains(out.String(), "f64 minus f32") {
		t.Errorf("%v\n%s", err, &out)
	}
	if !noted {
		t.Error("no note says that the data are custom")
	}
}

// A watcher is a writer that calls a function when a text is written.
type watcher struct {
	text string
	seen func()
}

func (w watcher) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(w.text)) {
		w.seen()
	}
	return len(b), nil
}

// TestAccuracyInterrupted interrupts a comparison, and resumes it.
func TestAccuracyInterrupted(t *testing.T) {
	a := tinyAccuracy(t)
	want, _ := a.table(t, "")
	a.dir = filepath.Join(t.TempDir(), "interrupted")
	ctx, cancel := context.WithCancel(t.Context())
	err := a.run(ctx, "", io.Discard, watcher{"deep, f32", cancel})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "; 0 of 2 trials are on record; the same command resumes") {
		t.Errorf("interrupted: %v", err)
	}
	if got, n := a.table(t, ""); n != 8 || got != want {
		t.Errorf("%d records after an interruption, which printed\n%s, want\n%s", n, got, want)
	}
}

// TestAccuracyFailures checks that errors after the start name their cause.
func TestAccuracyFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		change     func(*accuracy)
		usage      bool
	}{
		{"a file as a folder", "name a folder", func(a *accuracy) { a.dir = file }, true},
		{"a diverged net", "small with f32 and seed 0 has no accuracy: diverged", func(a *accuracy) { a.configs[0].values["lr"] = "1e30" }, false},
		{"too many iterations", "100000000", func(a *accuracy) { a.iters = 100_000_001 }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := tinyAccuracy(t)
			c.change(&a)
			err := a.run(t.Context(), "", io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, new(usageError)) != c.usage {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
