package search

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
	"fusegrid/search/runner"
)

// statusOf reads the status of a folder.
func statusOf(dir string) (*progress.Status, error) {
	f, err := os.Open(filepath.Join(dir, folder.StatusName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return progress.ReadStatus(f)
}

// holding returns a runner whose first block waits after an iteration until a status says that it was done.
func holding(t *testing.T, r runner.Runner, dir string, after int, then func(*progress.Status)) runner.Runner {
	return searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		stepped, n := h.Stepped, 0
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			stepped(nets, flops)
			if n++; n != after {
				return
			}
			for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
				if s, err := statusOf(dir); err == nil && len(s.Blocks) == 1 && s.Blocks[0].Done == after {
					then(s)
					return
				}
			}
			t.Errorf("a minute later, there is no status after iteration %d", after)
		})
		return r.Run(ctx, b, h)
	})
}

const statusGrid = "-lr 1e-4,1e-3 -reg 0 -hidden 3 -iters 9 -batch 10 -std 1e-2 -workers 1"

func TestStatus(t *testing.T) {
	isolate(t)
	s, r, _ := tinyJob(t, "o", statusGrid)
	s.StatusEvery, s.Command = time.Millisecond, "sweep again"
	var got *progress.Status
	if err := runWith(t.Context(), s, holding(t, r, "o", 7, func(s *progress.Status) { got = s })); err != nil || got == nil {
		t.Fatal(err)
	}
	here, _ := os.Getwd()
	if got.State != progress.Running || got.Command != "sweep again" || got.PID != os.Getpid() || got.Dir != here ||
		got.Size != 2 || got.Trials != 2 || got.Ended != 0 || got.Iterations != 14 || got.Left < 0 || got.Share < 0.7 || got.Share > 0.8 {
		t.Errorf("%+v", got)
	}
	// The accuracy was measured after the last epoch of three iterations.
	records := searchtest.Recorded(t, "o")
	i := slices.IndexFunc(records, func(r results.Record) bool { return got.Best != nil && r.Key == got.Best.Key })
	if i < 0 || got.Best.Ended || !slices.Equal(got.Axes, []string{"lr"}) || !got.Best.Config.Equal(&records[i].Config) {
		t.Errorf("best %+v, axes %q", got.Best, got.Axes)
	}
	last, err := statusOf("o")
	if err != nil || last.State != progress.Finished || last.Ended != 2 || len(last.Blocks) != 0 || !last.Best.Ended {
		t.Errorf("at the end: %v, %+v", err, last)
	}
	// A short sweep writes none, and removes that of the earlier one.
	s, r, _ = tinyJob(t, "o", statusGrid+" -seed 1")
	s.StatusEvery = time.Hour
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	if _, err := statusOf("o"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a short sweep: %v", err)
	}
}

// TestStatusOfInterrupted interrupts a sweep.
func TestStatusOfInterrupted(t *testing.T) {
	isolate(t)
	s, r, _ := tinyJob(t, "o", statusGrid)
	s.StatusEvery = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	if err := runWith(ctx, s, holding(t, r, "o", 4, func(*progress.Status) { cancel() })); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if last, err := statusOf("o"); err != nil || last.State != progress.Interrupted || last.Iterations != 8 {
		t.Errorf("%v, %+v", err, last)
	}
}

// A statusDisk fails when it writes or removes a status.
type statusDisk struct {
	searchtest.Unsynced
	failed *bool
}

func (d statusDisk) Swap(name string, write func(io.Writer) error) error {
	if filepath.Base(name) == folder.StatusName {
		*d.failed = true
		return syscall.ENOSPC
	}
	return d.Unsynced.Swap(name, write)
}

func (d statusDisk) Remove(name string) error {
	if filepath.Base(name) == folder.StatusName {
		return syscall.EROFS
	}
	return d.Unsynced.Remove(name)
}

// TestStatusFails checks that a sweep ends well if its status cannot be written or removed.
func TestStatusFails(t *testing.T) {
	isolate(t)
	s, r, stderr := tinyJob(t, "o", statusGrid)
	if err := os.MkdirAll("o", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("o", folder.StatusName), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	failed := false
	s.Disk, s.StatusEvery = statusDisk{failed: &failed}, time.Millisecond
	wait := searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		h.Observer = searchtest.Watch(h.Observer, func(int, float64) { time.Sleep(5 * time.Millisecond) })
		return r.Run(ctx, b, h)
	})
	if err := runWith(t.Context(), s, wait); err != nil || !failed || strings.Contains(stderr.String(), "status") {
		t.Errorf("%v, tried %t, %s", err, failed, stderr)
	}
	if n := len(searchtest.Recorded(t, "o")); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

func TestStateOf(t *testing.T) {
	for err, want := range map[error]progress.State{
		nil: progress.Finished, context.Canceled: progress.Interrupted, context.DeadlineExceeded: progress.Interrupted, syscall.EIO: progress.Failed,
	} {
		if got := stateOf(err); got != want {
			t.Errorf("%v: state %s, want %s", err, got, want)
		}
	}
}
