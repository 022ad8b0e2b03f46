package main

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
	"sync"
	"syscall"
	"testing"

	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A brittleDisk counts what may fail on a disk, every write, fsync, rename and removal, and
// lets one of them fail: by an error with half of a write done, and for all that come after.
type brittleDisk struct {
	mu    sync.Mutex
	ops   int
	at    int // the operation that fails, from 1; 0 for none
	err   error
	once  bool   // whether those after it succeed
	crash func() // called in place of the failing operation, if set

	leftBehind bool // whether a removal has failed
}

// op counts and says whether the operation fails.
func (d *brittleDisk) op() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	if d.at == 0 || d.ops < d.at || d.once && d.ops > d.at {
		return nil
	}
	if d.crash != nil {
		d.crash()
	}
	return d.err
}

type brittleFile struct {
	results.File
	d *brittleDisk
}

func (f brittleFile) Write(p []byte) (int, error) {
	if err := f.d.op(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f brittleFile) Sync() error {
	if err := f.d.op(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (d *brittleDisk) Open(name string) (results.File, error) {
	f, err := folder.OS{}.Open(name)
	if err != nil {
		return nil, err
	}
	return brittleFile{f, d}, nil
}

func (d *brittleDisk) Swap(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".tmp")
	if err := d.op(); err != nil { // write
		os.WriteFile(temp, b.Bytes()[:b.Len()/2], 0o600)
		return err
	}
	if err := os.WriteFile(temp, b.Bytes(), 0o600); err != nil {
		return err
	}
	if err := d.op(); err != nil { // fsync
		return err
	}
	if err := d.op(); err != nil { // rename
		return err
	}
	return os.Rename(temp, name)
}

func (d *brittleDisk) Remove(name string) error {
	if _, err := os.Lstat(name); err != nil {
		return err
	}
	if err := d.op(); err != nil {
		d.leftBehind = true
		return err
	}
	return os.Remove(name)
}

// brittleGrid has two blocks, one trial that diverges, and a checkpoint after each iteration.
const brittleGrid = "-lr 1e-4,1e-3,1e30 -reg 0 -hidden 3 -iters 3 -batch 10 -std 1e-2 -seed 1,2 -workers 1 -checkpoint 1e-9 -keep 2"

// complete fails unless the folder holds each trial once, the figures want, the weights of the
// best, and no checkpoint.
func complete(t *testing.T, what, out string, trials int, want string) {
	t.Helper()
	records := recorded(t, out)
	keys := map[string]bool{}
	for _, r := range records {
		keys[r.Key] = true
	}
	if len(records) != trials || len(keys) != trials {
		t.Errorf("%s: %d records of %d trials, want %d", what, len(records), len(keys), trials)
	}
	if got := results.NewTable(records).Digest(); got != want {
		t.Errorf("%s: other figures than those of an unbroken run", what)
	}
	if left, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*.safetensors")); len(left) > 0 {
		t.Errorf("%s: checkpoints are left: %v", what, left)
	}
}

// TestEveryFailure lets each operation on the disk fail in turn, with all after it or alone: the
// sweep says so and does not end well; on a good disk, the same command ends as if nothing had been.
func TestEveryFailure(t *testing.T) {
	long(t)
	isolate(t)
	d := &brittleDisk{}
	s, r, _ := newJob(t, "whole", brittleGrid)
	s.disk = d
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(recorded(t, "whole")).Digest()
	complete(t, "unbroken", "whole", 6, want)
	if d.ops < 40 {
		t.Fatalf("%d operations are fewer than there must be", d.ops)
	}
	for i, f := range []struct {
		err  error
		once bool
	}{
		{syscall.ENOSPC, false},
		{syscall.EIO, true},
		{syscall.EIO, false},
		{io.ErrShortWrite, true}, // what a file says that took a part
		{syscall.EROFS, false},
	} {
		first, stride := 1, 1
		if i > 0 {
			first, stride = torture(i, 1), torture(5, 1)
		}
		t.Run(fmt.Sprintf("%v,once=%t", f.err, f.once), func(t *testing.T) { testEveryFailure(t, d.ops, want, f.err, f.once, first, stride) })
	}
}

func testEveryFailure(t *testing.T, ops int, want string, failure error, once bool, first, stride int) {
	for at := first; ; at += stride {
		what := fmt.Sprintf("failure of operation %d of about %d", at, ops)
		out := filepath.Join(t.TempDir(), "o")
		s, r, _ := newJob(t, out, brittleGrid)
		failing := &brittleDisk{at: at, err: failure, once: once}
		s.disk = failing
		err := s.run(t.Context(), r, nil)
		// Records that end close together go to the journal in one write, so the number
		// of operations is not the same in every run.
		if err == nil && failing.ops < at {
			complete(t, what, out, 6, want)
			if at < ops-10 {
				t.Errorf("a run with only %d operations", failing.ops)
			}
			return
		}
		if !errors.Is(err, failure) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), failure.Error()) {
			t.Errorf("%s: %v, want one line with the disk's error", what, err)
		}
		if code := exitCode(err); code == exitOK {
			t.Errorf("%s: exit code 0", what)
		}
		s, r, stderr := newJob(t, out, brittleGrid)
		if err := s.run(t.Context(), r, nil); err != nil {
			t.Errorf("%s: resumed: %v", what, err)
			continue
		}
		if strings.Contains(stderr.String(), "damaged") {
			t.Errorf("%s: resumed: %s", what, stderr)
		}
		complete(t, what, out, 6, want)
		kept, _ := filepath.Glob(filepath.Join(out, folder.WeightsDir, "*.safetensors"))
		if len(kept) != 2 && !failing.leftBehind {
			t.Errorf("%s: weights of %d trials, want those of the best 2", what, len(kept))
		}
		keptWeightsOfBest(t, what, out, 2)
	}
}

// TestFolderGone takes the output folder away while a sweep runs, after different steps of it: it says
// so in one line, claims nothing, does not end well, and leaves nothing in the place of the folder.
func TestFolderGone(t *testing.T) {
	isolate(t)
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove a folder with a file that is open")
	}
	for _, args := range []string{"", " -checkpoint 1e-9", " -keep 1", " -states 1"} {
		for after := 1; after <= 6; after++ {
			s, r, stderr := newJob(t, "o", "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 3 -batch 10 -workers 1 -fuse off"+args)
			steps := 0
			err := s.run(t.Context(), runnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
				stepped := h.Stepped
				h.Observer = stepping{h.Observer, func(nets int, flops float64) {
					if steps++; steps == after {
						os.RemoveAll("o")
					}
					stepped(nets, flops)
				}}
				return r.Run(ctx, b, h)
			}), nil)
			what := fmt.Sprintf("removed after step %d%s", after, args)
			if !errors.Is(err, results.ErrGone) || exitCode(err) != exitFailed || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "o/trials.jsonl: ") {
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

// TestHalvesGo: what a sweep was writing when it was killed is gone after the next one, and nothing else is.
func TestHalvesGo(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4 -reg 0 -hidden 2 -iters 3 -batch 10 -keep 1 -states 1"
	train(t, "o", args)
	before, _ := filepath.Glob("o/*/*")
	tables, _ := filepath.Glob("o/*")
	key := filepath.Base(before[0])
	for _, name := range []string{".table.csv12345678901", ".heatmap.png123456789", ".probe-123456789", "weights/." + key + "4242424242", "states/." + key + "4242424242", "checkpoints/." + key + "4242424242"} {
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
	train(t, "o", args)
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

// TestWeightsOfAnEarlierRun are there though their trial is not on record, and it is not among the best
// when it is trained again: they go.
func TestWeightsOfAnEarlierRun(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3,1e-2 -reg 0 -hidden 3 -iters 5 -batch 10 -std 1e-2 -workers 1 -fuse off -keep 3"
	s, r, _ := newJob(t, "o", args)
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("o/" + folder.JournalName); err != nil {
		t.Fatal(err)
	}
	s, r, _ = newJob(t, "o", args)
	s.keep = 1
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	records := recorded(t, "o")
	results.Rank(records)
	kept, _ := filepath.Glob("o/" + folder.WeightsDir + "/*")
	if len(kept) != 1 || filepath.Base(kept[0]) != records[0].Key+".safetensors" {
		t.Errorf("weights %v, want those of %s alone", kept, records[0].Key)
	}
}

// TestGoesOnFromCheckpoints stops in the midst of blocks.
func TestGoesOnFromCheckpoints(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3,1e30,1e29 -reg 0,0.5 -hidden 3 -iters 9 -batch 10 -std 1e-2"
	s, r, _ := newJob(t, "whole", args)
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(recorded(t, "whole")).Digest()
	for stop := 1; stop < 9; stop += 2 {
		out := fmt.Sprint("o", stop)
		s, r, stderr := newJob(t, out, args+" -workers 2")
		ctx, cancel := context.WithCancel(t.Context())
		err := s.run(ctx, runnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
			stepped, n := h.Stepped, 0
			h.Observer = stepping{h.Observer, func(nets int, flops float64) {
				stepped(nets, flops)
				if n++; n == stop {
					cancel()
				}
			}}
			return r.Run(ctx, b, h)
		}), nil)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, want a cancelled context; %s", err, stderr)
		}
		states, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*"))
		if len(states) == 0 {
			t.Fatalf("stopped after %d iterations: no checkpoint", stop)
		}
		// Other workers and widths make the blocks anew as they were.
		steps := 0
		s, r, stderr = newJob(t, out, args+" -workers 1 -block 1")
		if err := s.run(t.Context(), runnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
			stepped := h.Stepped
			h.Observer = stepping{h.Observer, func(nets int, flops float64) { steps++; stepped(nets, flops) }}
			return r.Run(ctx, b, h)
		}), nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stderr.String(), "resume from checkpoints") {
			t.Errorf("stopped after %d: no word of checkpoints: %s", stop, stderr)
		}
		// Without the checkpoints each block of one would have taken all its iterations again.
		if most := 9*4 - stop; steps > most {
			t.Errorf("stopped after %d: %d iterations to the end, want at most %d", stop, steps, most)
		}
		complete(t, fmt.Sprintf("stopped after %d", stop), out, 8, want)
	}
}

// TestDamagedCheckpoint flips bits of a checkpoint: it is reported, and its trials start anew.
func TestDamagedCheckpoint(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0 -hidden 2 -iters 4 -batch 10 -std 1e-2 -workers 1"
	s, r, _ := newJob(t, "whole", args)
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(recorded(t, "whole")).Digest()
	s, r, _ = newJob(t, "o", args)
	ctx, cancel := context.WithCancel(t.Context())
	s.run(ctx, runnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		h.Observer = stepping{h.Observer, func(int, float64) { cancel() }}
		return r.Run(ctx, b, h)
	}), nil)
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
		s, r, stderr := newJob(t, "o", args)
		if err := s.run(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stderr.String(), states[0]+" is damaged") || strings.Contains(stderr.String(), "resume from") {
			t.Errorf("damage %d: %s", i, stderr)
		}
		complete(t, fmt.Sprint("damage ", i), "o", 2, want)
	}
}
