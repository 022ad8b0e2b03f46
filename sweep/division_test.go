package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// only returns the one record of an output folder.
func only(t *testing.T, dir string) results.Record {
	t.Helper()
	records := searchtest.Recorded(t, dir)
	if len(records) != 1 {
		t.Fatalf("%d records in %s, want 1", len(records), dir)
	}
	return records[0]
}

// TestDivisionKeys checks that trials by floor division, and trials that are the same by both divisions, are found
// again with any -division.
func TestDivisionKeys(t *testing.T) {
	searchtest.Long(t)
	useWhole(t)
	isolate(t)
	const rest = "-data synthetic -impl reference -quiet -hidden 3 -iters 4 -lr 1e-3 -reg 0 -out o "
	for _, c := range []struct {
		args string
		say  string
		key  string // the line of the key, if it has one
		all  int    // trials on record then
	}{
		{"-batch 64", "sweep: batch 64 does not divide 10000 samples: an epoch is 156 iterations (Python 2); with division true: 156.25 (Python 3)\n", "", 1},
		{"-batch 64 -division floor", "0 to train", "", 1},
		{"-batch 64 -division true", "sweep: batch 64 does not divide 10000 samples: an epoch is 156.25 iterations (Python 3); with division floor: 156 (Python 2)\n", "true", 2},
		{"-batch 64 -division true", "0 to train", "", 2},
		{"-batch 50 -division true", "", "", 3},
		{"-batch 50", "0 to train", "", 3},
	} {
		t.Run(c.args, func(t *testing.T) {
			_, stderr, code := call(t, strings.Fields(rest+c.args)...)
			if code != exitOK || !strings.Contains(stderr, c.say) {
				t.Fatalf("%q: exit code %d, stderr %q, want %q", c.args, code, stderr, c.say)
			}
			if c.say == "" && strings.Contains(stderr, "divide") {
				t.Errorf("%q: stderr %q", c.args, stderr)
			}
			records := searchtest.Recorded(t, "o")
			if len(records) != c.all {
				t.Errorf("%q: %d trials on record, want %d", c.args, len(records), c.all)
			}
			if r := records[len(records)-1]; c.key != "" && r.Config.Division != c.key {
				t.Errorf("%q: division %q on record, want %q", c.args, r.Config.Division, c.key)
			}
		})
	}
	if stdout, stderr, code := call(t, "verify", "-all", "-out", "o"); code != exitOK || strings.Count(stdout, "the same bits") != 3 {
		t.Errorf("verify: exit code %d, %s%s", code, stdout, stderr)
	}
	if csv, err := os.ReadFile(filepath.Join("o", folder.CSVName)); err != nil || strings.Count(string(csv), ",true,") != 1 {
		t.Errorf("%v, table:\n%s", err, csv)
	}
}

// TestDivisionOnImages compares with figures of the course's loop in NumPy, in Python 2 and in Python 3.
func TestDivisionOnImages(t *testing.T) {
	data := os.Getenv("FUSEGRID_DATA")
	switch best, _ := fusegrid.Best(); {
	case data == "":
		t.Skip("FUSEGRID_DATA is not set: it names the folder with the CIFAR-10 batches")
	case testing.Short():
		t.Skip("takes half a minute")
	case best.Class != "fma-512":
		t.Skipf("%s is too slow for this", best.Name)
	}
	isolate(t)
	for _, c := range []struct {
		batch, iters     int
		division         string
		loss             float64
		val, test        float64 // after the training
		trainAcc, valAcc float64 // at the last multiple of an epoch, if they are known
	}{
		{128, 1000, "true", 1.5762292908596967, .459, .463, .140625, .113},
		{128, 1000, "floor", 1.5871052022157282, .46, .456, 0, 0},
		{64, 1600, "true", 1.5747172467125967, .467, .442, 0, 0},
		{64, 1600, "floor", 1.52126984509938, .463, .444, 0, 0},
		{450, 300, "true", 1.6639393247309489, .407, .395, 46.0 / 450, .076},
		{450, 300, "floor", 1.6731904368088575, .408, .392, 169.0 / 450, .371},
	} {
		t.Run(fmt.Sprintf("%d iterations of %d by %s", c.iters, c.batch, c.division), func(t *testing.T) {
			out := fmt.Sprintf("%d-%s", c.batch, c.division)
			_, stderr, code := call(t, "-dtype", "f64", "-data", data, "-lr", "1e-3", "-reg", "0.25", "-quiet", "-out", out,
				"-batch", fmt.Sprint(c.batch), "-iters", fmt.Sprint(c.iters), "-division", c.division)
			if code != exitOK {
				t.Fatalf("%s: exit code %d: %s", out, code, stderr)
			}
			r := only(t, out)
			if got, want := fmt.Sprintf("%.9e", *r.Loss.Last), fmt.Sprintf("%.9e", c.loss); got != want {
				t.Errorf("%s: last loss %v, want %v to 10 digits", out, *r.Loss.Last, c.loss)
			}
			if *r.Accuracy.FinalVal != c.val || *r.Accuracy.Test != c.test {
				t.Errorf("%s: accuracy at the end %v, test %v; want %v, %v", out, *r.Accuracy.FinalVal, *r.Accuracy.Test, c.val, c.test)
			}
			if c.valAcc > 0 && (*r.Accuracy.EpochTrain != c.trainAcc || *r.Accuracy.EpochVal != c.valAcc) {
				t.Errorf("%s: last accuracies %v, %v; want %v, %v", out, *r.Accuracy.EpochTrain, *r.Accuracy.EpochVal, c.trainAcc, c.valAcc)
			}
		})
	}
}
