package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fusegrid/kernels/reference"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
	"fusegrid/search/runner"
)

// tiny returns a data set of 30 images whose class can be seen in their brightness.
func tiny() *dataset.Split {
	subset := func(n int) labelled.Images {
		s := labelled.Images{X: make([]uint8, n*dataset.Dim), Y: make([]uint8, n)}
		for i := range n {
			s.Y[i] = uint8(i % 10)
			for j := range dataset.Dim {
				s.X[i*dataset.Dim+j] = uint8(20*(i%10) + (i+j)%17)
			}
		}
		return s
	}
	mean := make([]float64, dataset.Dim)
	for i := range mean {
		mean[i] = 98
	}
	return &dataset.Split{
		Name: "tiny", Hash: "71", Order: dataset.HWC, Classes: strings.Fields("a b c d e f g h i j"),
		Train: subset(30), Val: subset(20), Test: subset(10), Mean: mean,
	}
}

// newJob returns a job on tiny data, and the runner it trains with.
func newJob(t *testing.T, out string, args string) (*job, runner.Runner, *bytes.Buffer) {
	t.Helper()
	o, err := parseOptions(append(strings.Fields(args), "-impl", "reference", "-out", out, "-quiet"))
	if err != nil {
		t.Fatal(err)
	}
	data := tiny()
	r, err := runner.New(o.dtype, o.set, data)
	if err != nil {
		t.Fatal(err)
	}
	stderr := new(bytes.Buffer)
	s := &job{disk: folder.OS{}, options: o, data: data, base: base(o, data), stdout: io.Discard, stderr: stderr}
	if s.races, err = halving.New(o.race, s.points()); err != nil {
		t.Fatal(err)
	}
	return s, r, stderr
}

const tinyGrid = "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3,4 -iters 3 -batch 20 -std 1e-2 -seed 1,2"

// A runnerFunc is a runner.
type runnerFunc func(ctx context.Context, b plan.Block, h runner.Hooks) error

func (f runnerFunc) Run(ctx context.Context, b plan.Block, h runner.Hooks) error {
	return f(ctx, b, h)
}

func (f runnerFunc) Measure(plan.Block, time.Duration, func()) (runner.Costs, error) {
	return runner.Costs{}, nil
}

// A stepping is an observer whose Stepped is another function.
type stepping struct {
	runner.Observer
	stepped func(nets int, flops float64)
}

func (s stepping) Stepped(nets int, flops float64) { s.stepped(nets, flops) }

// An ending is an observer that sees records before they are taken.
type ending struct {
	runner.Observer
	see func([]results.Record)
}

func (e ending) Ended(records []results.Record, wait bool) bool {
	e.see(records)
	return e.Observer.Ended(records, wait)
}

// TestInterruptedAndResumed stops a sweep after each number of trials and goes
// on: nothing is lost, nothing trained twice, and the tables are those of a sweep
// without a break.
func TestInterruptedAndResumed(t *testing.T) {
	isolate(t)
	s, r, _ := newJob(t, "whole", tinyGrid)
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	whole := recorded(t, "whole")
	want := results.NewTable(whole).Digest()
	if len(whole) != 16 {
		t.Fatalf("%d trials, want 16", len(whole))
	}
	for _, stop := range []int64{0, 1, 7, 15} {
		out := fmt.Sprintf("stop%d", stop)
		s, r, stderr := newJob(t, out, tinyGrid+" -workers 3 -fuse off")
		ctx, cancel := context.WithCancel(t.Context())
		var ran atomic.Int64
		err := s.run(ctx, runnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
			if ran.Add(1) > stop {
				cancel()
			}
			return r.Run(ctx, b, h)
		}), []string{"-lr", "1e-4,1e-3", "-out", "a b"})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stop after %d: %v, want a cancelled context", stop, err)
		}
		if text := stderr.String(); !strings.Contains(text, "interrupted") || !strings.Contains(text, "-lr 1e-4,1e-3 -out 'a b'") {
			t.Errorf("stop after %d: no word on how to go on: %s", stop, text)
		}
		before := recorded(t, out)
		if int64(len(before)) > stop+2 {
			t.Errorf("stop after %d: %d trials are on record", stop, len(before))
		}

		s, r, _ = newJob(t, out, tinyGrid+" -workers 2 -fuse off")
		var again []string
		var mu sync.Mutex
		if err := s.run(t.Context(), runnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
			mu.Lock()
			again = append(again, b.Trials[0].Key)
			mu.Unlock()
			return r.Run(ctx, b, h)
		}), nil); err != nil {
			t.Fatal(err)
		}
		for _, r := range before {
			if slices.Contains(again, r.Key) {
				t.Errorf("stop after %d: a trial on record was trained again", stop)
			}
		}
		after := recorded(t, out)
		if len(after) != 16 || results.NewTable(after).Digest() != want {
			t.Errorf("stop after %d, then resumed: %d trials, or other figures than without a break", stop, len(after))
		}
	}
}

// TestBlocksDoNotMatter: the table without timings has one hash for any workers and any width of a
// block, and without blocks, with nets among them that diverge.
func TestBlocksDoNotMatter(t *testing.T) {
	long(t)
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
			for _, way := range rng.Perm(workers * widths)[:torture(4, 60)] {
				ways = append(ways, fmt.Sprintf("-workers %d -block %d", 1+way%workers, 1+way/workers))
			}
			want := ""
			for n, how := range ways {
				s, r, _ := newJob(t, fmt.Sprint(i, "-", n), args+" "+how)
				if err := s.run(t.Context(), r, nil); err != nil {
					t.Fatal(err)
				}
				records := recorded(t, s.out)
				if len(records) != s.grid.Len() {
					t.Errorf("%s: %d records of %d trials", how, len(records), s.grid.Len())
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

// TestDivergedAmongGood trains 200 nets that diverge, at different iterations, among 200 that do not:
// these have the bits that each has alone.
func TestDivergedAmongGood(t *testing.T) {
	long(t)
	isolate(t)
	const count, iters = 200, 24
	var good, both []string
	for i := range count {
		lr := fmt.Sprint(1e-6 * float64(i+1))
		good = append(good, lr)
		both = append(both, lr, fmt.Sprint(0.1*math.Pow(1.5, float64(i))))
		if i%3 == 0 { // so that they do not take turns: blocks are dealt like cards
			n := len(both)
			both[n-2], both[n-1] = both[n-1], both[n-2]
		}
	}
	const args = " -reg 0.1 -hidden 2 -batch 5 -std 1e-2 -rule momentum -iters "
	train := func(out string, lrs []string, how string) map[string]results.Record {
		s, r, _ := newJob(t, out, "-lr "+strings.Join(lrs, ",")+args+fmt.Sprint(iters)+" "+how)
		if err := s.run(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
		return byKey(t, recorded(t, out))
	}
	alone := train("alone", good, "-fuse off")
	for i, how := range []string{"-block 400 -workers 1", "-workers 3 -block 60"} {
		together := train(fmt.Sprint("both", i), both, how)
		left := map[int]int{} // how many diverged at an iteration
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
	}
}

func TestDiverged(t *testing.T) {
	isolate(t)
	const args = "-hidden 5 -iters 20 -batch 50 -std 1e-2 -lr 1e30,1e-3 -reg 0"
	s, r, _ := newJob(t, "o", args)
	var stdout bytes.Buffer
	s.stdout = &stdout
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(stdout.String(), "\n")
	if len(rows) < 6 || !strings.Contains(rows[4], "0.001") || !strings.Contains(rows[5], "1e+30") || !strings.Contains(rows[5], "diverged at") {
		t.Errorf("want the diverged trial last:\n%s", stdout.String())
	}
	s, r, stderr := newJob(t, "o", args)
	if err := s.run(t.Context(), r, nil); err != nil || !strings.Contains(stderr.String(), "2 of 2 trials are on record") {
		t.Errorf("a diverged trial was trained again: %v, %s", err, stderr)
	}
}

func TestFailedTrial(t *testing.T) {
	isolate(t)
	s, r, stderr := newJob(t, "o", tinyGrid+" -fuse off")
	err := s.run(t.Context(), runnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		if trial := b.Trials[0]; trial.Config.LR == 1e-3 && trial.Config.Reg == 0 {
			h.Ended([]results.Record{{Key: trial.Key, Config: trial.Config, State: results.Failed, Error: "the roof is on fire"}}, false)
			return nil
		}
		return r.Run(ctx, b, h)
	}), nil)
	if err == nil || !strings.Contains(err.Error(), "4 of 16 trials failed") || !strings.Contains(stderr.String(), "lr 0.001, reg 0 failed: the roof is on fire") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
	if exitCode(err) == exitBadInput {
		t.Error("a failed trial counts as bad input")
	}
	// They are tried again, and the later record counts.
	s, r, stderr = newJob(t, "o", tinyGrid)
	if err := s.run(t.Context(), r, nil); err != nil || !strings.Contains(stderr.String(), "12 of 16 trials are on record in o; 4 to train") {
		t.Errorf("again: error %v, stderr %s", err, stderr)
	}
}

// TestFailuresStayApart panics in a block of four whenever one of its trials is in it: the
// others train alone.
func TestFailuresStayApart(t *testing.T) {
	s, r, _ := newJob(t, "o", "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -iters 3 -batch 10 -workers 1")
	b := s.planner().Plan(s.points().Pending(s.flops, func(string) bool { return false }))[0]
	b.Trials[2].Config.Hidden = []int{0}
	b.Trials[1].FLOPs = -1
	records := map[string]results.Record{}
	collect := func(rs []results.Record) {
		for _, r := range rs {
			records[r.Key] = r
		}
	}
	err := r.Run(t.Context(), b, runner.Hooks{Observer: stepping{ending{nobody{}, collect}, func(nets int, flops float64) {
		if flops < 0 {
			panic("negative work")
		}
	}}})
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, want := range []string{"", "panic: negative work", "fused: net 0 has hidden layers [0]", ""} {
		got := records[b.Trials[i].Key]
		if !strings.HasPrefix(got.Error, want) || (want == "") != (got.State == results.Done) {
			t.Errorf("trial %d: %s, error %q, want %q", i, got.State, got.Error, want)
		}
	}
}

// A keepFunc is a keeper of records alone.
type keepFunc func([]results.Record) error

func (f keepFunc) keep(rs []results.Record) error              { return f(rs) }
func (f keepFunc) checkpointer(plan.Block) runner.Checkpointer { return nil }
func (f keepFunc) brackets() *halving.Brackets                 { return nil }
func (f keepFunc) reserve(plan.Block) (bool, func())           { return false, func() {} }
func (f keepFunc) rejected(error)                              {}
func (f keepFunc) done(plan.Block) error                       { return nil }

// nobody is an observer that does nothing.
type nobody struct{}

func (nobody) Stepped(int, float64)              {}
func (nobody) Resumed(int)                       {}
func (nobody) Rejected(error)                    {}
func (nobody) Ended([]results.Record, bool) bool { return false }

func TestScheduleStopsWhenRecordsCannotBeKept(t *testing.T) {
	s, r, _ := newJob(t, "o", tinyGrid)
	s.block = 1
	blocks := s.planner().Plan(s.points().Pending(s.flops, func(string) bool { return false }))
	kept := 0
	err := schedule(t.Context(), blocks, 3, r, progress.New(blocks, s.flops, func(int) float64 { return 1 }), keepFunc(func(rs []results.Record) error {
		if kept += len(rs); kept >= 4 {
			return syscall.ENOSPC
		}
		return nil
	}))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want the one of the disk", err)
	}
	if kept == len(blocks) {
		t.Error("training went on to the end though nothing could be kept")
	}
}

func TestTrainerErrors(t *testing.T) {
	data := tiny()
	data.Val.X = data.Val.X[1:]
	if _, err := runner.New("f32", reference.New(), data); err == nil {
		t.Error("a data set with a byte too few was taken")
	}
}

func TestSmallTexts(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{progress.Bar(0, 4), "[>   ]"},
		{progress.Bar(0.5, 4), "[==> ]"},
		{progress.Bar(1, 4), "[====]"},
		{quote([]string{"-lr", "1e-4,1e-3", "a b", "it's", ""}), `-lr 1e-4,1e-3 'a b' 'it'\''s' ''`},
		{wrap("aaa 1, bbb 2, ccc 3", 14), "aaa 1, bbb 2,\nccc 3"},
		{clip("abcdefghijklmnop", 9), "abcdef … "},
		{clip("short", 9), "short"},
		{quote(goOn(strings.Fields("-lr 1 -out a"), false, "a")), "-lr 1 -out a"},
		{quote(goOn(strings.Fields("-fresh -lr 1 -out a -reg 0 --fresh=true"), true, "a-2")), "-lr 1 -reg 0 -out a-2"},
		{quote(goOn(strings.Fields("-lr 1 -out=a --fresh"), true, "a-2")), "-lr 1 -out a-2"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
