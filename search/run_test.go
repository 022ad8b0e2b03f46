package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/kernels/reference"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
	"fusegrid/search/runner"
)

const tinyGrid = "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3,4 -iters 3 -batch 20 -std 1e-2 -seed 1,2"

// TestInterruptedAndResumed stops sweeps after some trials and resumes them. No trial may be lost or trained twice,
// and the tables must be those of an unbroken sweep.
func TestInterruptedAndResumed(t *testing.T) {
	isolate(t)
	s, r, _ := tinyJob(t, "whole", tinyGrid)
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	whole := searchtest.Recorded(t, "whole")
	want := results.NewTable(whole).Digest()
	if len(whole) != 16 {
		t.Fatalf("%d trials, want 16", len(whole))
	}
	for _, stop := range []int64{0, 1, 7, 15} {
		t.Run(fmt.Sprint("after ", stop), func(t *testing.T) {
			var train *TrainError
			out := fmt.Sprintf("stop%d", stop)
			s, r, stderr := tinyJob(t, out, tinyGrid+" -workers 3 -fuse off")
			ctx, cancel := context.WithCancel(t.Context())
			var ran atomic.Int64
			err := runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
				if ran.Add(1) > stop {
					cancel()
				}
				return r.Run(ctx, b, h)
			}))
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("stop after %d: %v, want a cancelled context", stop, err)
			}
			before := searchtest.Recorded(t, out)
			if want := (TrainError{context.Canceled, len(before), 16}); !errors.As(err, &train) || *train != want {
				t.Errorf("stop after %d: error %v, want %v; %s", stop, err, &want, stderr)
			}
			if int64(len(before)) > stop+2 {
				t.Errorf("stop after %d: %d trials are on record", stop, len(before))
			}

			s, r, _ = tinyJob(t, out, tinyGrid+" -workers 2 -fuse off")
			var again []string
			var mu sync.Mutex
			if err := runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
				mu.Lock()
				again = append(again, b.Trials[0].Key)
				mu.Unlock()
				return r.Run(ctx, b, h)
			})); err != nil {
				t.Fatal(err)
			}
			for _, r := range before {
				if slices.Contains(again, r.Key) {
					t.Errorf("stop after %d: a trial on record was trained again", stop)
				}
			}
			after := searchtest.Recorded(t, out)
			if len(after) != 16 || results.NewTable(after).Digest() != want {
				t.Errorf("stop after %d, then resumed: %d trials, or other figures than without a break", stop, len(after))
			}
		})
	}
}

// TestBlocksDoNotMatter checks that figures do not depend on workers and on the width of blocks. Some nets diverge.
func TestBlocksDoNotMatter(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	const workers, widths = 8, 64
	rng := rand.New(rand.NewPCG(1, 2))
	for i, args := range []string{
		"-lr log:1e-4..1e-2:6,1e30 -reg 0,0.5 -hidden 3,4 -iters 5 -batch 40 -std 1e-2 -seed 1,2",
		"-lr 1e-4,1e-3 -hidden 3,5 -iters 5 -batch 10 -std 1e-2,1e-3 -seed 1..4 -order 7 -dtype f64",
		"-net fc -lr 1e-4,1e-3 -decay 0.5,1 -hidden 3,4x5 -batch 7 -epochs 2 -std 1e-2 -seed 1..3 -rule nesterov -mu 0,0.9",
		"-lr 1e-4,1e-3,1e30,1e-2,1 -reg 0,0.5 -hidden 2,5 -iters 4 -batch 5 -std 1e-2 -seed 1..4 -order 7",
	} {
		t.Run(fmt.Sprintf("grid=%d", i), func(t *testing.T) {
			ways := []string{"-fuse off -workers 1", "-fuse off -workers 8", "-block 64 -workers 1"}
			for _, way := range rng.Perm(workers * widths)[:searchtest.Torture(4, 60)] {
				ways = append(ways, fmt.Sprintf("-workers %d -block %d", 1+way%workers, 1+way/workers))
			}
			want := ""
			for n, how := range ways {
				s, r, _ := tinyJob(t, fmt.Sprint(i, "-", n), args+" "+how)
				if err := runWith(t.Context(), s, r); err != nil {
					t.Fatal(err)
				}
				records := searchtest.Recorded(t, s.Dir)
				if len(records) != s.Grid.Len() {
					t.Errorf("%s: %d records of %d trials", how, len(records), s.Grid.Len())
				}
				got := results.NewTable(records).Digest()
				if n == 0 {
					want = got
				}
				if got != want {
					t.Errorf("%s gives other figures than each net alone", how)
				}
			}
		})
	}
}

// TestDivergedAmongGood trains 200 nets that diverge, at different iterations, among 200 that do not. The latter must
// have the bits that each has alone.
func TestDivergedAmongGood(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	const count, iters = 200, 24
	var good, both []string
	for i := range count {
		lr := fmt.Sprint(1e-6 * float64(i+1))
		good = append(good, lr)
		both = append(both, lr, fmt.Sprint(0.1*math.Pow(1.5, float64(i))))
		if i%3 == 0 { // so that not every second one diverges, because blocks are dealt in turn
			n := len(both)
			both[n-2], both[n-1] = both[n-1], both[n-2]
		}
	}
	const args = " -reg 0.1 -hidden 2 -batch 5 -std 1e-2 -rule momentum -iters "
	train := func(out string, lrs []string, how string) map[string]results.Record {
		s, r, _ := tinyJob(t, out, "-lr "+strings.Join(lrs, ",")+args+fmt.Sprint(iters)+" "+how)
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		return searchtest.ByKey(t, searchtest.Recorded(t, out))
	}
	alone := train("alone", good, "-fuse off")
	for i, how := range []string{"-block 400 -workers 1", "-workers 3 -block 60"} {
		t.Run(how, func(t *testing.T) {
			together := train(fmt.Sprint("both", i), both, how)
			left := map[int]int{} // nets that diverged, by iteration
			for key, r := range together {
				want, ok := alone[key]
				switch {
				case ok && (r.State != results.Done || r.Weights != want.Weights || r.Losses != want.Losses || r.Weights == "" || r.Losses == ""):
					t.Errorf("%s: lr %g: %s, weights %.8s, losses %.8s; alone %.8s, %.8s", how, r.Config.LR, r.State, r.Weights, r.Losses, want.Weights, want.Losses)
				case !ok && (r.State != results.Diverged || r.Steps >= iters || r.Losses == "" || r.Weights != ""):
					t.Errorf("%s: lr %g: %s at %d, hashes %q %q, want it diverged", how, r.Config.LR, r.State, r.Steps, r.Losses, r.Weights)
				case !ok:
					left[r.Steps]++
					delete(together, key)
				}
			}
			if digest(together) != digest(alone) {
				t.Errorf("%s: the good nets have other figures than alone", how)
			}
			if len(alone) != count || len(together) != count || len(left) < 4 {
				t.Errorf("%s: %d nets alone, %d together; the others left at %v", how, len(alone), len(together), left)
			}
		})
	}
}

func TestDiverged(t *testing.T) {
	isolate(t)
	const args = "-hidden 5 -iters 20 -batch 50 -std 1e-2 -lr 1e30,1e-3 -reg 0"
	s, r, _ := tinyJob(t, "o", args)
	s.Runner = r
	result, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(text(result.Table), "\n")
	if len(rows) < 3 || !strings.Contains(rows[1], "0.001") || !strings.Contains(rows[2], "1e+30") || !strings.Contains(rows[2], "diverged at") {
		t.Errorf("want the diverged trial last:\n%s", text(result.Table))
	}
	s, r, stderr := tinyJob(t, "o", args)
	if err := runWith(t.Context(), s, r); err != nil || !strings.Contains(stderr.String(), "2 of 2 trials are on record") {
		t.Errorf("a diverged trial was trained again: %v, %s", err, stderr)
	}
}

// TestFailuresStayApart panics if one trial of a block of four trains. The other three must train alone.
func TestFailuresStayApart(t *testing.T) {
	s, r, _ := tinyJob(t, "o", "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -iters 3 -batch 10 -workers 1")
	b := s.planner.Plan(s.todo())[0]
	b.Trials[2].Config.Hidden = []int{0}
	b.Trials[1].FLOPs = -1
	records := map[string]results.Record{}
	collect := func(rs []results.Record) {
		for _, r := range rs {
			records[r.Key] = r
		}
	}
	err := r.Run(t.Context(), b, runner.Hooks{Observer: searchtest.Watch(ending{nobody{}, collect}, func(nets int, flops float64) {
		if flops < 0 {
			panic("negative work")
		}
	})})
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, want := range []string{"", "panic: negative work", "train: net 0 has hidden layers [0]", ""} {
		got := records[b.Trials[i].Key]
		if !strings.HasPrefix(got.Error, want) || (want == "") != (got.State == results.Done) {
			t.Errorf("trial %d: %s, error %q, want %q", i, got.State, got.Error, want)
		}
	}
}

// A keepFunc is a keeper that only takes records.
type keepFunc func([]results.Record) error

func (f keepFunc) keep(rs []results.Record, _ []byte) error         { return f(rs) }
func (f keepFunc) copied(rs []results.Record, _ []byte) error       { return f(rs) }
func (f keepFunc) earlier() []results.Record                        { return nil }
func (f keepFunc) file(string, results.Record, []byte)              {}
func (f keepFunc) curve(b []byte, _ string, _ curve.History) []byte { return b }
func (f keepFunc) checkpointer(plan.Block) runner.Checkpointer      { return nil }
func (f keepFunc) brackets() *halving.Brackets                      { return nil }
func (f keepFunc) reserve(plan.Block) (bool, func())                { return false, func() {} }
func (f keepFunc) rejected(error)                                   {}
func (f keepFunc) done(plan.Block) error                            { return nil }

// nobody is an observer that does nothing.
type nobody struct{}

func (nobody) Stepped(int, float64)              {}
func (nobody) Resumed(int)                       {}
func (nobody) Rejected(error)                    {}
func (nobody) Ended([]results.Record, bool) bool { return false }

func TestScheduleStopsWhenRecordsCannotBeKept(t *testing.T) {
	s, r, _ := fullJob(t, "o", tinyGrid)
	s.planner.Width = 1
	blocks := s.planner.Plan(s.todo())
	kept := 0
	run := schedule{blocks: blocks, runner: r, live: progress.New(blocks, s.flops, func(int) float64 { return 1 })}
	run.keeper = keepFunc(func(rs []results.Record) error {
		if kept += len(rs); kept >= 4 {
			return syscall.ENOSPC
		}
		return nil
	})
	err := run.run(t.Context(), 3)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want the one of the disk", err)
	}
	if kept == len(blocks) {
		t.Error("training went on to the end though nothing could be kept")
	}
}

func TestTrainerErrors(t *testing.T) {
	data := searchtest.Tiny()
	data.Val.X = data.Val.X[1:]
	if _, err := runner.New("f32", reference.New(), data); err == nil {
		t.Error("a data set with a byte too few was taken")
	}
}

// TestOtherCore checks the message about records by another core of a library, whose speeds differ.
func TestOtherCore(t *testing.T) {
	isolate(t)
	run := func(detail, args string) string {
		s, r, said := tinyJob(t, "o", args)
		set := *reference.New()
		set.Detail = detail
		s.Kernels = &set
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		return said.String()
	}
	const grid = "-lr 1e-4,1e-3 -hidden 3 -iters 3 -batch 20 -reg "
	if text := run("0.3.21 SkylakeX threads=1", grid+"0"); strings.Contains(text, "trained on") {
		t.Errorf("the first run: %s", text)
	}
	if text := run("0.3.21 SkylakeX threads=1", grid+"0,1"); strings.Contains(text, "trained on") {
		t.Errorf("the same core: %s", text)
	}
	const want = "4 trials were trained on reference 0.3.21 SkylakeX; in a new folder, all are trained on reference 0.3.21 Haswell\n"
	if text := run("0.3.21 Haswell threads=1", grid+"0,1"); !strings.Contains(text, want) {
		t.Errorf("another core: %q, want %q in it", text, want)
	}
}
