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
)

// A countingDisk counts the states that are saved.
type countingDisk struct {
	searchtest.Unsynced
	states atomic.Int64
}

func (d *countingDisk) Swap(name string, write func(io.Writer) error) error {
	if filepath.Base(filepath.Dir(name)) == folder.CheckpointsDir {
		d.states.Add(1)
	}
	return d.Unsynced.Swap(name, write)
}

// TestWaitingOnTheDisk gives waiting blocks no memory, or the memory of a few. The others must wait on the disk, with
// the same outcome.
func TestWaitingOnTheDisk(t *testing.T) {
	isolate(t)
	for i, c := range []struct {
		args  string
		waits bool
	}{
		{raced + " -halving 3:5", true},
		{raced + " -rule momentum -halving 2", true},
		{raced + " -stop median:8", true},
		{raced + " -halving hyperband:2:5", true},
		{strings.Replace(raced, "-iters 40", "-net fc -epochs 13", 1) + " -halving 2:4", true},
		{raced + " -halving async:2:5 -workers 1", false},
		{raced + " -patience 2:4", false},
		{racedSeeds + " -halving 2:5 -patience 3:5", true},
	} {
		t.Run(strings.TrimPrefix(strings.TrimPrefix(c.args, racedSeeds), raced), func(t *testing.T) {
			want := digest(runRaced(t, fmt.Sprint("whole", i), c.args))
			for _, how := range []string{"", " -workers 3 -block 4", " -block 1"} {
				for _, room := range []int64{1, 5000} {
					if strings.Contains(c.args, "async") && how != "" {
						continue // the trials that an asynchronous rule stops depend on blocks
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
		})
	}
	// The default memory is enough for all blocks.
	d := new(countingDisk)
	s, r, _ := tinyJob(t, "o", raced+" -halving 3:5 -checkpoint 0")
	s.Disk = d
	if err := runWith(t.Context(), s, r); err != nil || d.states.Load() > 0 {
		t.Errorf("%v, %d states of blocks that wait", err, d.states.Load())
	}
}

// TestWaitingInterrupted interrupts sweeps whose blocks wait on the disk, and resumes them.
func TestWaitingInterrupted(t *testing.T) {
	isolate(t)
	const args = raced + " -halving 3:5 -block 4"
	want := digest(runRaced(t, "whole", args))
	stops := []int64{6, 16, 31, 36, 60, 90}
	if testing.Short() {
		stops = []int64{6, 31, 60}
	}
	for _, stop := range stops {
		out := fmt.Sprint("o", stop)
		s, r, _ := tinyJob(t, out, args+" -workers 2")
		s.Waiting = 1
		if err := cancelAfter(t, s, r, stop); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		s, r, _ = tinyJob(t, out, args)
		s.Waiting = 1
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		if got := digest(searchtest.ByKey(t, searchtest.Recorded(t, s.Dir))); got != want {
			t.Errorf("stopped after %d iterations and resumed: other figures than without a break", stop)
		}
	}
}

// TestWaitingStateDamaged changes the state of a block that waits. The sweep must stop with an error, and the next
// one must have the outcome of an unbroken sweep.
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
type damagingDisk struct{ searchtest.Unsynced }

func (d damagingDisk) Swap(name string, write func(io.Writer) error) error {
	if err := d.Unsynced.Swap(name, write); err != nil || filepath.Base(filepath.Dir(name)) != folder.CheckpointsDir {
		return err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	b[len(b)-1] ^= 1
	return os.WriteFile(name, b, 0o600)
}
