package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/internal/searchtest"
	"fusegrid/kernels"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// The folders in testdata/earlier were written before records had final_train and final_step, and before the last
// version of the kernels. The reference wrote muladd, and AVX2 wrote fma. Both hold two-layer and fc nets, momentum and
// Nesterov, f32 and f64, some with halving. The sweep of resumable was killed.

// copyEarlier copies a folder of testdata/earlier to the test's folder and returns its absolute name.
func copyEarlier(t *testing.T, name string) string {
	t.Helper()
	from, err := filepath.Abs(filepath.Join("testdata", "earlier", name))
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	to, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	before := synthetic
	synthetic = wholeSynthetic // on which the trials were trained
	t.Cleanup(func() { synthetic = before })
	return to
}

// TestEarlierBits trains the recorded trials again. Their weights and losses must have the bits on record.
func TestEarlierBits(t *testing.T) {
	for name, class := range map[string]kernels.Class{"muladd": kernels.MulAdd, "fma": kernels.FMA} {
		t.Run(name, func(t *testing.T) {
			if !slices.ContainsFunc(fusegrid.All(), func(s *kernels.Set) bool { return s.Class == class }) {
				t.Skipf("no kernel set of class %s on this machine", class)
			}
			out := copyEarlier(t, name)
			number := "-all"
			if testing.Short() && class == kernels.MulAdd {
				number = "-n 4" // the reference is slow
			}
			stdout, stderr, code := call(t, strings.Fields("verify "+number+" -out "+out)...)
			want := 0
			for _, r := range searchtest.Recorded(t, out) {
				// The reference takes exponentials and logarithms from package math, whose last bits
				// differ on other processors. In float32 they are rounded away.
				if strings.Contains(stdout, r.Key[:12]) && (r.Config.DType == "f32" || runtime.GOARCH == "amd64") {
					want++
				}
			}
			same := strings.Count(stdout, ": the same bits\n")
			if runtime.GOARCH == "amd64" && (code != exitOK || stderr != "") || same < max(1, want) {
				t.Errorf("%d trials have the same bits, want %d; exit code %d, stderr %q\n%s", same, want, code, stderr, stdout)
			}
		})
	}
}

// TestEarlierRecords runs a grid whose trials are all in an earlier folder. It must train nothing and show all
// trials.
func TestEarlierRecords(t *testing.T) {
	out := copyEarlier(t, "muladd")
	before, err := os.ReadFile(filepath.Join(out, folder.JournalName))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := call(t, strings.Fields("-data synthetic -impl reference -lr 1e-4,1e-3,1e30 -reg 0,0.5 -hidden 4 -batch 50 -iters 45 -std 1e-2 -quiet -out "+out)...)
	if code != exitOK || !strings.Contains(stderr, "6 of 6 trials are on record") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	records := searchtest.Recorded(t, out)
	for _, r := range records {
		if r.State == results.Done && (r.Val() == nil || r.Train() != nil) {
			t.Errorf("lr %g, reg %g: val %v, train %v", r.Config.LR, r.Config.Reg, r.Val(), r.Train())
		}
	}
	if rows := strings.Count(stdout, "\n 0.001 ") + strings.Count(stdout, "\n0.0001 ") + strings.Count(stdout, "diverged at"); rows != 6 {
		t.Errorf("%d rows of 6:\n%s", rows, stdout)
	}
	if after, err := os.ReadFile(filepath.Join(out, folder.JournalName)); err != nil || string(after) != string(before) {
		t.Errorf("the journal changed, or %v", err)
	}
}

// TestEarlierStates resumes from a checkpoint and from a state of an earlier version. The weights must be those of
// that version's unbroken runs.
func TestEarlierStates(t *testing.T) {
	out := copyEarlier(t, "resumable")
	const args = "-data synthetic -impl reference -hidden 2 -std 1e-2 -workers 1 -out "
	cases := []struct{ name, args, weights, losses string }{
		{"checkpoint", " -lr 3e-3 -reg 0.5 -batch 50 -iters 2000",
			"d3f763516bafd9b3f48af3aef8c4f3bfd0f4198fc7bd89dda13e148d22ed8b1c", "f34ce6a93185fe59cf897b8a1af3fee7dcd2a4d12101c92f7e33ce62319db1a7"},
		{"state", " -lr 2e-3 -reg 0 -batch 20 -iters 25",
			"2b9ed96e30f062129d827aaffbc6b250cec8372996e177d25a5f060aa5abe06b", "054f231d3091b7a59a09887adb7608445bc446412e0c1011458d6b53c828d335"},
	}
	if testing.Short() {
		cases = cases[1:] // the reference is slow
	}
	for _, c := range cases {
		_, stderr, code := call(t, strings.Fields(args+out+c.args+" -quiet")...)
		if code != exitOK || strings.Contains(stderr, "cannot be used") {
			t.Errorf("%s: exit code %d, stderr %q", c.name, code, stderr)
		}
		records := searchtest.Recorded(t, out)
		last := records[len(records)-1]
		if last.Weights != c.weights || last.Losses != c.losses {
			t.Errorf("%s: weights %.12s…, losses %.12s…; want %.12s…, %.12s…", c.name, last.Weights, last.Losses, c.weights, c.losses)
		}
		if !strings.Contains(stderr, "after ") {
			t.Errorf("%s: nothing was resumed: %q", c.name, stderr)
		}
	}
}
