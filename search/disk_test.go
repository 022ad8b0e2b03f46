package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// brittleGrid has two blocks, one trial that diverges, and a checkpoint after each iteration.
const brittleGrid = "-lr 1e-4,1e-3,1e30 -reg 0 -hidden 3 -iters 3 -batch 10 -std 1e-2 -seed 1,2 -workers 1 -checkpoint 1e-9 -keep 1"

// TestEveryFailure lets each operation on the disk fail in turn, alone or with all operations after it. The sweep
// must report the failure and return an error. On a good disk, the same sweep must then have the outcome of an
// unbroken one.
func TestEveryFailure(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	d := &searchtest.Disk{}
	s, r, _ := tinyJob(t, "whole", brittleGrid)
	s.Disk = d
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	searchtest.Complete(t, "unbroken", "whole", 6, want)
	whole, err := filepath.Abs("whole")
	if err != nil {
		t.Fatal(err)
	}
	if d.Ops < 44 {
		t.Fatalf("%d operations are fewer than there must be", d.Ops)
	}
	for i, f := range []struct {
		err  error
		once bool
	}{
		{syscall.ENOSPC, false},
		{syscall.EIO, true},
		{syscall.EIO, false},
		{io.ErrShortWrite, true}, // the error of a file that has written a part
		{syscall.EROFS, false},
	} {
		first, stride := 1, 1
		if i > 0 {
			first, stride = searchtest.Torture(i, 1), searchtest.Torture(5, 1)
		}
		t.Run(fmt.Sprintf("%v,once=%t", f.err, f.once), func(t *testing.T) { testEveryFailure(t, d.Ops, whole, want, f.err, f.once, first, stride) })
	}
}

func testEveryFailure(t *testing.T, ops int, whole, want string, failure error, once bool, first, stride int) {
	for at := first; ; at += stride {
		what := fmt.Sprintf("failure of operation %d of about %d", at, ops)
		out := filepath.Join(t.TempDir(), "o")
		s, r, _ := tinyJob(t, out, brittleGrid)
		failing := &searchtest.Disk{At: at, Err: failure, Once: once}
		s.Disk = failing
		err := runWith(t.Context(), s, r)
		// Records that end at nearly the same time share a write, so the number of operations
		// varies.
		if err == nil && failing.Ops < at {
			searchtest.Complete(t, what, out, 6, want)
			searchtest.SameCurves(t, what, out, whole, false)
			if at < ops-10 {
				t.Errorf("a run with only %d operations", failing.Ops)
			}
			return
		}
		if !errors.Is(err, failure) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), failure.Error()) {
			t.Errorf("%s: %v, want one line with the disk's error", what, err)
		}
		wholeHeader(t, what, out)
		s, r, stderr := tinyJob(t, out, brittleGrid)
		if err := runWith(t.Context(), s, r); err != nil {
			t.Errorf("%s: resumed: %v", what, err)
			continue
		}
		if strings.Contains(stderr.String(), "damaged") {
			t.Errorf("%s: resumed: %s", what, stderr)
		}
		searchtest.Complete(t, what, out, 6, want)
		kept, _ := filepath.Glob(filepath.Join(out, folder.WeightsDir, "*.safetensors"))
		if len(kept) != 2 && !failing.LeftBehind {
			t.Errorf("%s: weights of %d trials, want those of the 2 seeds of the best setting", what, len(kept))
		}
		weightsOfBest(t, what, out, 1)
		searchtest.SameCurves(t, what, out, whole, true)
	}
}

// TestFolderGone removes the output folder during different steps of a sweep. The sweep must report that in one line,
// return an error without a number of trials on record, and must not make the folder again.
func TestFolderGone(t *testing.T) {
	isolate(t)
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove a folder with a file that is open")
	}
	for _, args := range []string{"", " -checkpoint 1e-9", " -keep 1", " -states 1"} {
		for after := 1; after <= 6; after++ {
			s, r, stderr := tinyJob(t, "o", "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 3 -batch 10 -workers 1 -fuse off"+args)
			s.Disk = folder.OS{} // only an fsync finds that the journal is gone
			steps := 0
			err := runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
				stepped := h.Stepped
				h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
					if steps++; steps == after {
						os.RemoveAll("o")
					}
					stepped(nets, flops)
				})
				return r.Run(ctx, b, h)
			}))
			what := fmt.Sprintf("removed after step %d%s", after, args)
			if !errors.Is(err, results.ErrGone) || isInput(err) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "o/trials.jsonl: ") {
				t.Errorf("%s: error %v", what, err)
			}
			if strings.Contains(stderr.String()+err.Error(), "record") {
				t.Errorf("%s: %v; %s", what, err, stderr)
			}
			if _, err := os.Stat("o"); err == nil {
				t.Errorf("%s: there is a folder again", what)
			}
			os.RemoveAll("o")
		}
	}
}

// TestPartialFilesAreRemoved checks that a sweep removes the partial files of a killed one, and no other files.
func TestPartialFilesAreRemoved(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4 -reg 0 -hidden 2 -iters 3 -batch 10 -keep 1 -states 1"
	trainGrid(t, "o", args)
	before, _ := filepath.Glob("o/*/*")
	tables, _ := filepath.Glob("o/*")
	key := filepath.Base(before[0])
	for _, name := range []string{".table.csv12345678901", ".heatmap.png123456789", ".status.json123456789", ".probe-123456789", "weights/." + key + "4242424242", "states/." + key + "4242424242", "checkpoints/." + key + "4242424242"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir("o/"+name), 0o700), os.WriteFile("o/"+name, []byte("half"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	mine := []string{"o/.notes123456789", "o/weights/.notes123456789"}
	for _, name := range mine {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trainGrid(t, "o", args)
	after, _ := filepath.Glob("o/*/*")
	all, _ := filepath.Glob("o/*")
	want := append(append(slices.Clone(before), mine...), tables...)
	got := slices.DeleteFunc(append(after, all...), func(name string) bool { return name == "o/"+folder.CheckpointsDir })
	slices.Sort(got)
	slices.Sort(want)
	want = slices.DeleteFunc(want, func(name string) bool { return name == "o/"+folder.CheckpointsDir })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// TestWeightsOfAnEarlierRun checks that weights without a record are removed if the trial, trained again, is not
// among the best.
func TestWeightsOfAnEarlierRun(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3,1e-2 -reg 0 -hidden 3 -iters 5 -batch 10 -std 1e-2 -workers 1 -fuse off -keep 3"
	s, r, _ := tinyJob(t, "o", args)
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("o/" + folder.JournalName); err != nil {
		t.Fatal(err)
	}
	s, r, _ = tinyJob(t, "o", args)
	s.Weights = 1
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	records := searchtest.Recorded(t, "o")
	results.Rank(records)
	kept, _ := filepath.Glob("o/" + folder.WeightsDir + "/*")
	if len(kept) != 1 || filepath.Base(kept[0]) != records[0].Key+".safetensors" {
		t.Errorf("weights %v, want those of %s alone", kept, records[0].Key)
	}
}

// TestResumesFromCheckpoints stops sweeps while their blocks train, and resumes them.
func TestResumesFromCheckpoints(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3,1e30,1e29 -reg 0,0.5 -hidden 3 -iters 9 -batch 10 -std 1e-2"
	s, r, _ := tinyJob(t, "whole", args)
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	for stop := 1; stop < 9; stop += 2 {
		out := fmt.Sprint("o", stop)
		s, r, stderr := tinyJob(t, out, args+" -workers 2")
		ctx, cancel := context.WithCancel(t.Context())
		err := runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
			stepped, n := h.Stepped, 0
			h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
				stepped(nets, flops)
				if n++; n == stop {
					cancel()
				}
			})
			return r.Run(ctx, b, h)
		}))
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, want a cancelled context; %s", err, stderr)
		}
		states, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*"))
		if len(states) == 0 {
			t.Fatalf("stopped after %d iterations: no checkpoint", stop)
		}
		// Blocks are restored unchanged, although workers and widths differ.
		steps := 0
		s, r, stderr = tinyJob(t, out, args+" -workers 1 -block 1")
		if err := runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
			stepped := h.Stepped
			h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) { steps++; stepped(nets, flops) })
			return r.Run(ctx, b, h)
		})); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stderr.String(), "resume from checkpoints") {
			t.Errorf("stopped after %d: no word of checkpoints: %s", stop, stderr)
		}
		// Without checkpoints, each block of one net would repeat all its iterations.
		if most := 9*4 - stop; steps > most {
			t.Errorf("stopped after %d: %d iterations to the end, want at most %d", stop, steps, most)
		}
		searchtest.Complete(t, fmt.Sprintf("stopped after %d", stop), out, 8, want)
		searchtest.SameCurves(t, fmt.Sprintf("stopped after %d", stop), out, "whole", false)
	}
}

// TestDamagedCheckpoint flips bits of a checkpoint. The sweep must report it and start its trials again.
func TestDamagedCheckpoint(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 4 -batch 10 -std 1e-2 -workers 1"
	s, r, _ := tinyJob(t, "whole", args)
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	s, r, _ = tinyJob(t, "o", args)
	ctx, cancel := context.WithCancel(t.Context())
	runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		h.Observer = searchtest.Watch(h.Observer, func(int, float64) { cancel() })
		return r.Run(ctx, b, h)
	}))
	states, _ := filepath.Glob("o/checkpoints/*")
	if len(states) != 1 {
		t.Fatalf("checkpoints: %v", states)
	}
	whole, err := os.ReadFile(states[0])
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.ReadFile("o/" + folder.JournalName)
	if err != nil {
		t.Fatal(err)
	}
	for i, damage := range []func(b []byte) []byte{
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { b[0] ^= 1; return b },
		func(b []byte) []byte { b[bytes.Index(b, []byte(`"done":"1"`))+8] = '2'; return b },
		func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	} {
		if err := errors.Join(os.WriteFile(states[0], damage(slices.Clone(whole)), 0o600), os.WriteFile("o/"+folder.JournalName, journal, 0o600)); err != nil {
			t.Fatal(err)
		}
		s, r, stderr := tinyJob(t, "o", args)
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stderr.String(), states[0]+" is damaged") || strings.Contains(stderr.String(), "resume from") {
			t.Errorf("damage %d: %s", i, stderr)
		}
		searchtest.Complete(t, fmt.Sprint("damage ", i), "o", 2, want)
	}
}
