// Package searchtest has helpers for the tests of sweeps: a small data set, a disk that fails, runners that watch, and
// checks of output folders.
package searchtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
)

// Tiny returns a data set of 30 training, 20 validation and 10 test images with 32 pixels each.
func Tiny() *dataset.Split { return Images(32) }

// Images is like Tiny for images with the given number of pixels. The brightness of an image shows its class.
func Images(pixels int) *dataset.Split {
	subset := func(n int) labelled.Samples {
		s := labelled.Samples{X: make([]uint8, n*pixels), Y: make([]uint16, n)}
		for i := range n {
			s.Y[i] = uint16(i % 10)
			for j := range pixels {
				s.X[i*pixels+j] = uint8(20*(i%10) + (i+j)%17)
			}
		}
		return s
	}
	mean := make([]float64, pixels)
	for i := range mean {
		mean[i] = 98
	}
	return &dataset.Split{
		Name: "tiny", Hash: "71", Shape: dataset.Shape{Height: 1, Width: pixels, Channels: 1}, Order: dataset.HWC, Classes: strings.Fields("a b c d e f g h i j"),
		Train: subset(30), Val: subset(20), Test: subset(10), Mean: mean,
	}
}

// Recorded returns the records of an output folder.
func Recorded(t *testing.T, dir string) []results.Record {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, folder.JournalName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, recovery, err := results.ReadJournal(f, "journal")
	if err != nil || recovery.Cut != 0 || recovery.Damage != nil {
		t.Fatalf("journal: %v, %+v", err, recovery)
	}
	return records
}

// Complete fails unless the folder holds each trial once, has the given digest, and no checkpoint.
func Complete(t *testing.T, what, out string, trials int, digest string) {
	t.Helper()
	records := Recorded(t, out)
	keys := map[string]bool{}
	for _, r := range records {
		keys[r.Key] = true
	}
	if len(records) != trials || len(keys) != trials {
		t.Errorf("%s: %d records of %d trials, want %d", what, len(records), len(keys), trials)
	}
	if got := results.NewTable(records).Digest(); got != digest {
		t.Errorf("%s: other figures than those of an unbroken run", what)
	}
	if left, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*.safetensors")); len(left) > 0 {
		t.Errorf("%s: checkpoints are left: %v", what, left)
	}
}

// ByKey returns records by key. It fails if a key occurs twice.
func ByKey(t *testing.T, records []results.Record) map[string]results.Record {
	t.Helper()
	all := map[string]results.Record{}
	for _, r := range records {
		if _, ok := all[r.Key]; ok {
			t.Errorf("trial %.8s is twice on record", r.Key)
		}
		all[r.Key] = r
	}
	return all
}

// OfLength returns the records of the trials with iters iterations. It fails the test if a key
// occurs twice.
func OfLength(t *testing.T, out string, iters int) []results.Record {
	t.Helper()
	all := slices.DeleteFunc(Recorded(t, out), func(r results.Record) bool { return r.Config.Iters != iters })
	ByKey(t, all)
	return all
}

// SameFigures fails the test unless the folder out has the same trials with iters iterations as the
// folder want, each once, with the same bits.
func SameFigures(t *testing.T, what, out, want string, iters int) {
	t.Helper()
	got, all := OfLength(t, out, iters), OfLength(t, want, iters)
	if len(got) != len(all) || len(all) == 0 {
		t.Errorf("%s: %d trials of %d iterations, want %d", what, len(got), iters, len(all))
	}
	if results.NewTable(got).Digest() != results.NewTable(all).Digest() {
		t.Errorf("%s: other figures than those of trainings of %d iterations at once", what, iters)
	}
	SameCurves(t, what, out, want, false)
}

// Curves returns the learning curves of the records of an output folder, by key. It fails the test if the file of
// curves is damaged.
func Curves(t *testing.T, what, out string) map[string]curve.Curve {
	t.Helper()
	c, err := (&folder.Folder{Dir: out}).Curves()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer c.Close()
	if c.Recovery.Damage != nil {
		t.Errorf("%s: damaged curves: %+v", what, c.Recovery)
	}
	all := map[string]curve.Curve{}
	for _, r := range Recorded(t, out) {
		found, ok, err := c.Of(r.Key)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if ok {
			all[r.Key] = found
		}
	}
	return all
}

// SameCurves fails the test unless the trials that are on record in both folders have the same curves. If some is
// true, trials of the first folder may lack their curves.
func SameCurves(t *testing.T, what, out, want string, some bool) {
	t.Helper()
	got, all := Curves(t, what, out), Curves(t, what, want)
	for _, r := range Recorded(t, out) {
		g, ok := got[r.Key]
		w, known := all[r.Key]
		if !known || !ok && some {
			continue
		}
		if !ok || fmt.Sprint(g) != fmt.Sprint(w) { // as text, because NaN is not equal to itself
			t.Errorf("%s: trial %.8s, there is a curve: %t; got\n%+v, want\n%+v", what, r.Key, ok, g, w)
		}
	}
}

// Long skips a test with -short. Such a test takes seconds, and does not depend on the kernels of a build.
func Long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: it takes seconds")
	}
}

// Torture returns large if FUSEGRID_TORTURE is set, and small otherwise.
func Torture(small, large int) int {
	if os.Getenv("FUSEGRID_TORTURE") != "" {
		return large
	}
	return small
}
