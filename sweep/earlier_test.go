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
// Nesterov, f32 and f64, some with halving. The sweep of resumable was killed. The folders whose names end in -512 have
// the same trials, trained in the classes of the same names.

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
	useWhole(t) // on which the trials were trained
	return to
}

// TestEarlierBits trains the recorded trials again. Their weights and losses must have the bits on record.
func TestEarlierBits(t *testing.T) {
	for name, class := range map[string]kernels.Class{"muladd-512": kernels.MulAdd, "fma-512": kernels.FMA} {
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
			same := strings.Count(stdout, ": the same bits\n")
			if runtime.GOARCH == "amd64" {
				if code != exitOK || stderr != "" || same == 0 {
					t.Errorf("%d trials have the same bits; exit code %d, stderr %q\n%s", same, code, stderr, stdout)
				}
				return
			}
			// The reference takes exponentials and logarithms from package math, whose last bits differ on other
			// processors. In weights of float32 they are rounded away, but losses are float64.
			checked := 0
			for _, r := range searchtest.Recorded(t, out) {
				_, line, ok := strings.Cut(stdout, r.Key[:12])
				if line, _, _ = strings.Cut(line, "\n"); !ok || r.Config.DType != "f32" {
					continue
				}
				checked++
				if strings.Contains(line, ": weights ") || !strings.Contains(line, ": the same bits") && !strings.Contains(line, "DIFFERS: losses ") {
					t.Errorf("a trial of float32 has other weights: %s", line)
				}
			}
			if checked == 0 {
				t.Errorf("no trial of float32 was verified:\n%s", stdout)
			}
		})
	}
}

// TestEarlierClasses checks that trials of earlier classes are shown after all others, that verify refuses them, and
// that a sweep does not resume them.
func TestEarlierClasses(t *testing.T) {
	out := copyEarlier(t, "resumable")
	stdout, stderr, code := call(t, strings.Fields("verify -all -out "+out)...)
	want := "was trained by an earlier version, whose kernels of class muladd summed all terms of a product in one chain; train it again\n"
	if code != exitBadInput || !strings.HasSuffix(stderr, want) || strings.Count(stderr, "\n") != 1 || !strings.Contains(stdout, "not verified: an earlier version trained it, with class muladd\n") {
		t.Errorf("verify: exit code %d, %q\n%s", code, stderr, stdout)
	}
	_, stderr, code = call(t, strings.Fields("-data synthetic -impl reference -hidden 2 -std 1e-2 -lr 2e-3 -reg 0 -batch 20 -iters 10 -workers 1 -out "+out)...)
	if code != exitOK || !strings.Contains(stderr, "of an earlier version (class muladd), shown last, not resumed or verified\n") || strings.Contains(stderr, "after ") {
		t.Errorf("sweep: exit code %d, %q", code, stderr)
	}
	stdout, stderr, code = call(t, "show", out)
	if last := strings.LastIndex(stdout, " muladd "); code != exitOK || last < strings.LastIndex(stdout, " muladd-512 ") {
		t.Errorf("show: exit code %d, %q\n%s", code, stderr, stdout)
	}
}

// TestEarlierRecords runs a grid whose trials are all in an earlier folder. It must train nothing and show all
// trials.
func TestEarlierRecords(t *testing.T) {
	out := copyEarlier(t, "muladd-512")
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
		if r.State == results.Done && r.Val() == nil {
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
	out := copyEarlier(t, "resumable-512")
	const args = "-data synthetic -impl reference -hidden 2 -std 1e-2 -workers 1 -out "
	cases := []struct{ name, args, weights, losses string }{
		{"checkpoint", " -lr 3e-3 -reg 0.5 -batch 50 -iters 2000",
			"a2cd9eb79f0012f595cf3ddef6000aea140a11bcab922ee11b491d77fed91090", "8e16cf30e08140273670db7735a9acde38e6e9d8cc85da762ec5e2691970dd61"},
		{"state", " -lr 2e-3 -reg 0 -batch 20 -iters 25",
			"cc38a7017bff753802475c9c9c34749cf830e9b10f788bda0272e95b26715afc", "0ce7408c48e00d0da322c16a92286787b88a41bdc6bef6820a8b17e03ed4cd7b"},
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

// TestEarlierMerge checks that trials of an earlier version of the kernels are not merged.
func TestEarlierMerge(t *testing.T) {
	from := copyEarlier(t, "muladd")
	stdout, stderr, code := call(t, "merge", "all", from)
	want := filepath.Join(from, folder.JournalName) + " has trials of an earlier version (class muladd), which cannot be computed again; train them again before you merge\n"
	if _, err := os.Stat("all"); code != exitBadInput || stdout != "" || !strings.HasSuffix(stderr, want) || err == nil {
		t.Errorf("exit code %d, stdout %q, stderr %q, the folder: %v", code, stdout, stderr, err)
	}
}
