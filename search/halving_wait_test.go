package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A countingDisk counts the states that are saved.
type countingDisk struct {
	folder.OS
	states atomic.Int64
}

func (d *countingDisk) Swap(name string, write func(io.Writer) error) error {
	if filepath.Base(filepath.Dir(name)) == folder.CheckpointsDir {
		d.states.Add(1)
	}
	return d.OS.Swap(name, write)
}

// TestWaitingOnTheDisk gives waiting blocks little or no memory, so that they wait on the disk. The
// outcome must be the same.
func TestWaitingOnTheDisk(t *testing.T) {
	isolate(t)
	for i, c := range []struct {
		args  string
		waits bool
	}{
		{raced + " -halving 3:5", true},
		{raced + " -rule momentum -halving 2", true},
		{raced + " -stop median:8", true},
		{strings.Replace(raced, "-iters 40", "-net fc -epochs 13", 1) + " -halving 2:4", true},
		{raced + " -halving async:2:5 -workers 1", false},
	} {
		want := digest(runRaced(t, fmt.Sprint("whole", i), c.args))
		for _, how := range []string{"", " -workers 3 -block 4", " -block 1"} {
			for _, room := range []int64{1, 5000} {
				if !c.waits && how != "" {
					continue // the decisions of an asynchronous rule depend on the blocks
				}
				if testing.Short() && (i%2 == 1 || (room == 1) != (how == "")) {
					continue
				}
				d := new(countingDisk)
				s, r, _ := tinyJob(t, "o", c.args+how+" -checkpoint 0")
				s.Dir, s.Waiting, s.Disk = fmt.Sprint(i, how, room), room, d
				if err := runWith(t.Context(), s, r); err != nil {
					t.Fatal(err)
				}
				if n := d.states.Load(); (n > 0) != c.waits {
					t.Errorf("%s%s: %d states of blocks that wait", c.args, how, n)
				}
				if got := digest(searchtest.ByKey(t, searchtest.Recorded(t, s.Dir))); got != want {
					t.Errorf("%s%s, room for %d bytes: other figures", c.args, how, room)
				}
				if left, _ := filepath.Glob(filepath.Join(s.Dir, folder.CheckpointsDir, "*.safetensors")); len(left) > 0 {
					t.Errorf("%s%s: checkpoints are left: %v", c.args, how, left)
				}
			}
		}
	}
	// There is memory for these blocks.
	d := new(countingDisk)
	s, r, _ := tinyJob(t, "o", raced+" -halving 3:5 -checkpoint 0")
	s.Disk = d
	if err := runWith(t.Context(), s, r); err != nil || d.states.Load() > 0 {
		t.Errorf("%v, %d states of blocks that wait", err, d.states.Load())
	}
}

// TestWaitingInterrupted interrupts a race whose blocks wait on the disk, and resumes it.
func TestWaitingInterrupted(t *testing.T) {
	isolate(t)
	const args = raced + " -halving 3:5 -block 4"
	want := digest(runRaced(t, "whole", args))
	for _, stop := range []int64{6, 16, 31, 36, 60, 90} {
		ctx, cancel := context.WithCancel(t.Context())
		s, r, _ := tinyJob(t, "o", args+" -workers 2")
		s.Dir, s.Waiting = fmt.Sprint("o", stop), 1
		var steps atomic.Int64
		err := runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
			stepped := h.Stepped
			h.Observer = searchtest.Watch(h.Observer, func(n int, f float64) {
				stepped(n, f)
				if steps.Add(1) == stop {
					cancel()
				}
			})
			return r.Run(ctx, b, h)
		}))
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		s, r, _ = tinyJob(t, fmt.Sprint("o", stop), args)
		s.Waiting = 1
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		if got := digest(searchtest.ByKey(t, searchtest.Recorded(t, s.Dir))); got != want {
			t.Errorf("stopped after %d iterations and resumed: other figures than without a break", stop)
		}
	}
}

// TestWaitingStateDamaged changes the state of a block while it waits. The sweep must return an
// error. The same command must then give the result of a sweep without damage.
func TestWaitingStateDamaged(t *testing.T) {
	isolate(t)
	const args = raced + " -halving 3:5 -block 4 -checkpoint 0 -workers 1"
	want := digest(runRaced(t, "whole", args))
	s, r, _ := tinyJob(t, "o", args)
	s.Waiting, s.Disk = 1, damagingDisk{}
	err := runWith(t.Context(), s, r)
	if err == nil || !strings.Contains(err.Error(), "a block that waited on the disk: ") || !strings.HasSuffix(err.Error(), " of 30 trials are on record") {
		t.Errorf("error %v", err)
	}
	if got := digest(runRaced(t, "o", args)); got != want {
		t.Error("then other figures than without damage")
	}
}

// A damagingDisk flips a bit of each state.
type damagingDisk struct{ folder.OS }

func (d damagingDisk) Swap(name string, write func(io.Writer) error) error {
	if err := d.OS.Swap(name, write); err != nil || filepath.Base(filepath.Dir(name)) != folder.CheckpointsDir {
		return err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	b[len(b)-1] ^= 1
	return os.WriteFile(name, b, 0o600)
}
