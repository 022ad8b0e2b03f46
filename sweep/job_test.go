package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/results"
)

// tiny returns a data set of 30 images whose class can be seen in their brightness.
func tiny() *dataset.Split {
	subset := func(n int) dataset.Subset {
		s := dataset.Subset{X: make([]uint8, n*dataset.Dim), Y: make([]uint8, n)}
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
func newJob(t *testing.T, out string, args string) (*job, runner, *bytes.Buffer) {
	t.Helper()
	o, err := parseOptions(append(strings.Fields(args), "-impl", "reference", "-out", out, "-quiet"))
	if err != nil {
		t.Fatal(err)
	}
	data := tiny()
	r, err := newRunner(o.dtype, o.set, data)
	if err != nil {
		t.Fatal(err)
	}
	stderr := new(bytes.Buffer)
	s := &job{disk: files{}, options: o, data: data, base: base(o, data), stdout: io.Discard, stderr: stderr}
	if s.races, err = newRaces(o.race, o.grid, s.base); err != nil {
		t.Fatal(err)
	}
	return s, r, stderr
}

const tinyGrid = "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3,4 -iters 3 -batch 20 -std 1e-2 -seed 1,2"

// A runnerFunc is a runner.
type runnerFunc func(ctx context.Context, b block, h hooks) error

func (f runnerFunc) run(ctx context.Context, b block, h hooks) error {
	return f(ctx, b, h)
}

func (f runnerFunc) measure(block, time.Duration, func()) (costs, error) { return costs{}, nil }

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
		err := s.run(ctx, runnerFunc(func(ctx context.Context, b block, h hooks) error {
			if ran.Add(1) > stop {
				cancel()
			}
			return r.run(ctx, b, h)
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
		if err := s.run(t.Context(), runnerFunc(func(ctx context.Context, b block, h hooks) error {
			mu.Lock()
			again = append(again, b.trials[0].key)
			mu.Unlock()
			return r.run(ctx, b, h)
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
				if len(records) != s.grid.size() {
					t.Errorf("%s: %d records of %d trials", how, len(records), s.grid.size())
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

// TestPlan: no worker idles, and no block is wider than it may be.
func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"-lr log:1e-5..1e-3:32 -reg 0 -workers 2 -hidden 50", "2 blocks: 2 of 16 nets"},
		{"-lr log:1e-5..1e-3:32 -reg 0 -workers 2 -hidden 50 -dtype f64", "4 blocks: 4 of 8 nets"},
		{"-lr log:1e-5..1e-3:33 -reg 0 -workers 2 -hidden 50", "2 blocks: 1 of 17 nets, 1 of 16 nets"},
		{"-lr 1e-4,1e-3 -reg 0 -workers 2 -hidden 50", "2 blocks: 2 of 1 net"},
		{"-lr 1e-4,1e-3 -reg 0 -workers 5 -hidden 50", "2 blocks: 1 of 1 net on 3 cores, 1 of 1 net on 2 cores"},
		{"-lr 1e-4 -reg 0 -workers 2", "1 block: 1 of 1 net on 2 cores"},
		{"-lr 1e-4 -reg 0 -workers 2 -seed 1..6 -hidden 5,10", "12 blocks: 12 of 1 net"},
		{"-lr 1e-4 -reg 0 -workers 2 -seed 1..6 -hidden 5,10 -order 0", "2 blocks: 2 of 6 nets"},
		{"-lr log:1e-5..1e-3:8 -reg 0 -workers 1 -block 3", "3 blocks: 2 of 3 nets, 1 of 2 nets"},
		{"-lr log:1e-5..1e-3:8 -reg 0 -workers 1 -fuse off", "8 blocks: 8 of 1 net"},
	} {
		s, _, _ := newJob(t, "o", tt.args)
		todo := pending(s.grid, s.base, s.flops, func(string) bool { return false })
		blocks := s.planner().plan(todo)
		if got := describe(blocks); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.args, got, tt.want)
		}
		seen := map[string]bool{}
		for _, b := range blocks {
			for _, trial := range b.trials {
				seen[trial.key] = true
			}
		}
		if len(seen) != len(todo) || trialsIn(blocks) != len(todo) {
			t.Errorf("%s: %d trials in the blocks, %d different, want %d", tt.args, trialsIn(blocks), len(seen), len(todo))
		}
	}
}

func TestBadOut(t *testing.T) {
	isolate(t)
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("alien", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("alien/"+journalName, []byte("my notes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	locked, err := openOutput(files{}, "locked", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer locked.close()
	for _, tt := range []struct{ out, want string }{
		{"file/o", "-out: mkdir file: not a directory; name a folder that you can write to"},
		{"file", "-out: mkdir file: not a directory; name a folder that you can write to"},
		{"alien", "-out: alien/trials.jsonl: not a journal of trials; name another output folder"},
		{"locked", "another sweep is writing to locked; wait for it, or give another -out"},
	} {
		s, _, stderr := newJob(t, tt.out, tinyGrid)
		err := s.run(t.Context(), runnerFunc(func(context.Context, block, hooks) error {
			t.Errorf("-out %s: training began", tt.out)
			return nil
		}), nil)
		var bad badInput
		if !errors.As(err, &bad) || err.Error() != tt.want || stderr.Len() > 0 {
			t.Errorf("-out %s: error %v, want %s; stderr %s", tt.out, err, tt.want, stderr)
		}
	}
	if left, _ := os.ReadFile("alien/" + journalName); string(left) != "my notes\n" {
		t.Errorf("the file of someone else now holds %q", left)
	}
	_, stderr, code := call(t, "reproduce", "-out", "file/report.md")
	if code != exitBadInput || !strings.Contains(stderr, "-out: mkdir file: not a directory") {
		t.Errorf("reproduce: exit code %d, stderr %q", code, stderr)
	}
}

func TestDamagedJournalIsReported(t *testing.T) {
	isolate(t)
	train := func() (table, stderr string) {
		s, r, said := newJob(t, "o", "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -iters 5 -batch 10")
		var stdout bytes.Buffer
		s.stdout = &stdout
		if err := s.run(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
		return timeless(stdout.String()), said.String()
	}
	want, _ := train()
	name := filepath.Join("o", journalName)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.IndexByte(data, '\n')+100] ^= 4 // line 2
	data = data[:len(data)-10]                 // line 5
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got, stderr := train()
	for _, part := range []string{"cut off a torn last line of", "line 2 is damaged: its checksum does not agree", "2 of 4 trials are on record"} {
		if !strings.Contains(stderr, part) {
			t.Errorf("stderr does not say %q:\n%s", part, stderr)
		}
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDamageIsSetAside damages journals: one sweep says so, keeps the journal as it was, and trains again
// what is missing; then nothing is wrong any more, and no line that could be read has changed. So it is
// where the disk fails on the way.
func TestDamageIsSetAside(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -iters 5 -batch 10"
	train(t, "whole", args)
	whole, err := os.ReadFile("whole/" + journalName)
	if err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(recorded(t, "whole")).Digest()
	lines := bytes.SplitAfter(whole, []byte("\n"))
	damage := func(n int) []byte {
		l := slices.Clone(lines)
		l[n] = bytes.Replace(l[n], []byte("0"), []byte("1"), 1)
		return bytes.Join(l, nil)
	}
	without := func(n int) []byte {
		l := slices.Clone(lines)
		if n > 0 { // the first one is made anew
			l[n] = nil
		}
		return bytes.Join(l, nil)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		return b
	}
	put := func(out string, journal []byte) string {
		if err := errors.Join(os.MkdirAll(out, 0o700), os.WriteFile(filepath.Join(out, journalName), journal, 0o600)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(out, journalName)
	}
	settled := func(what, out string) {
		if said, steps := train(t, out, args); strings.Contains(said, "damage") || steps > 0 {
			t.Errorf("%s: once more: %d iterations; %s", what, steps, said)
		}
		complete(t, what, out, 4, want)
	}
	for n := range 5 {
		out := fmt.Sprint("o", n)
		name := put(out, damage(n))
		said, steps := train(t, out, args)
		if !strings.Contains(said, fmt.Sprintf("sweep: %s: line %d is damaged", name, n+1)) || !strings.Contains(said, "it is kept in "+name+".damaged;") || steps != 5*min(n, 1) {
			t.Errorf("line %d: %d iterations; %s", n+1, steps, said)
		}
		if !bytes.Equal(read(name+".damaged"), damage(n)) {
			t.Errorf("line %d: what was set aside is not the journal as it was", n+1)
		}
		if !bytes.HasPrefix(read(name), without(n)) {
			t.Errorf("line %d: other lines than those that were not damaged", n+1)
		}
		settled(fmt.Sprint("line ", n+1), out)
	}
	// With a torn last line as well, all of it is kept.
	torn := damage(2)[:len(whole)-7]
	name := put("torn", torn)
	if said, _ := train(t, "torn", args); !strings.Contains(said, "cut off a torn last line") || !bytes.Equal(read(name+".damaged"), torn) {
		t.Errorf("damaged and torn: what was set aside is not the journal as it was; %s", said)
	}
	settled("torn", "torn")
	// Another time, another name.
	name = put("o1", damage(2))
	if said, _ := train(t, "o1", args); !strings.Contains(said, "it is kept in "+name+".damaged-2;") || !bytes.Equal(read(name+".damaged"), damage(1)) {
		t.Errorf("damaged again: %s", said)
	}
	settled("again", "o1")
	// The disk fails.
	for at := 1; ; at++ {
		out := fmt.Sprint("p", at)
		name := put(out, damage(3))
		s, r, _ := newJob(t, out, args)
		d := &brittleDisk{at: at, err: syscall.EIO}
		s.disk = d
		err := s.run(t.Context(), r, nil)
		if err == nil {
			break
		}
		got := read(name)
		if !errors.Is(err, syscall.EIO) || !bytes.Equal(got, damage(3)) && !bytes.HasPrefix(got, without(3)) {
			t.Errorf("failure of operation %d: %v; the journal is\n%s", at, err, got)
		}
		if !bytes.Equal(got, damage(3)) && !bytes.Equal(read(name+".damaged"), damage(3)) {
			t.Errorf("failure of operation %d: the journal as it was is not there", at)
		}
		train(t, out, args)
		settled(fmt.Sprintf("failure of operation %d", at), out)
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

func TestDryRun(t *testing.T) {
	isolate(t)
	s, r, _ := newJob(t, "o", "-lr 1e-4,1e-3 -reg 0,0.5 -seed 1..3 -hidden 5 -iters 60 -batch 50 -top 2 -workers 2")
	var stdout bytes.Buffer
	s.stdout = &stdout
	want := `12 trials (2 lr × 2 reg × 3 seed), 0 on record in o, 12 to train: 2.223 GFLOP
4 blocks: 2 of 4 nets, 2 of 2 nets
about
3 seeds do not fuse: another seed draws other minibatches; -order SEED gives all nets the same

    lr  reg  seed  state
0.0001    0     1  to train
0.0001    0     2  to train
and 10 more
`
	err := s.dryRun(r)
	got := regexp.MustCompile(`(?m)^about \d+s on this machine, at [\d.]+ GFLOP/s$`).ReplaceAllString(stdout.String(), "about")
	if err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, stdout.String(), want)
	}
	nothingWritten(t)
}

// TestPredictFails where one of two blocks cannot be made: the other does not wait for it.
func TestPredictFails(t *testing.T) {
	s, r, _ := newJob(t, "o", "-lr 1e-4,1e-3 -reg 0 -hidden 5 -iters 5 -batch 10 -workers 2")
	blocks := s.planner().plan(pending(s.grid, s.base, s.flops, func(string) bool { return false }))
	blocks[1].trials[0].config.Hidden = []int{0}
	if _, err := s.predict(blocks, r); err == nil || !strings.Contains(err.Error(), "hidden layers [0]") {
		t.Errorf("error %v, want one about the hidden layers", err)
	}
}

func TestTimed(t *testing.T) {
	for _, tt := range []struct {
		x    []float64
		want float64
	}{{[]float64{7}, 7}, {[]float64{4, 1}, 2.5}, {[]float64{90, 1, 3}, 3}, {[]float64{5, 90, 1, 3}, 4}} {
		if got := median(tt.x); got != tt.want {
			t.Errorf("%v: %g, want %g", tt.x, got, tt.want)
		}
	}
	n := 0
	if s := timed(func() { n++ }, 0); n == 0 || s < 0 {
		t.Errorf("%d calls in no time, %g seconds each", n, s)
	}
}

func TestFailedTrial(t *testing.T) {
	isolate(t)
	s, r, stderr := newJob(t, "o", tinyGrid+" -fuse off")
	err := s.run(t.Context(), runnerFunc(func(ctx context.Context, b block, h hooks) error {
		if trial := b.trials[0]; trial.config.LR == 1e-3 && trial.config.Reg == 0 {
			h.ended([]results.Record{{Key: trial.key, Config: trial.config, State: results.Failed, Error: "the roof is on fire"}})
			return nil
		}
		return r.run(ctx, b, h)
	}), nil)
	if err == nil || !strings.Contains(err.Error(), "4 of 16 trials failed") || !strings.Contains(stderr.String(), "lr 0.001, reg 0 failed: the roof is on fire") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
	var bad badInput
	if errors.As(err, &bad) {
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
	b := s.planner().plan(pending(s.grid, s.base, s.flops, func(string) bool { return false }))[0]
	b.trials[2].config.Hidden = []int{0}
	b.trials[1].flops = -1
	records := map[string]results.Record{}
	err := r.run(t.Context(), b, hooks{
		ended: func(rs []results.Record) {
			for _, r := range rs {
				records[r.Key] = r
			}
		},
		stepped: func(nets int, flops float64) {
			if flops < 0 {
				panic("negative work")
			}
		},
	})
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, want := range []string{"", "panic: negative work", "fused: net 0 has hidden layers [0]", ""} {
		got := records[b.trials[i].key]
		if !strings.HasPrefix(got.Error, want) || (want == "") != (got.State == results.Done) {
			t.Errorf("trial %d: %s, error %q, want %q", i, got.State, got.Error, want)
		}
	}
}

// A keepFunc is a keeper of records alone.
type keepFunc func([]results.Record) error

func (f keepFunc) keep(rs []results.Record) error { return f(rs) }
func (f keepFunc) hooks(block, *track) hooks      { return hooks{} }
func (f keepFunc) done(block) error               { return nil }

func TestScheduleStopsWhenRecordsCannotBeKept(t *testing.T) {
	s, r, _ := newJob(t, "o", tinyGrid)
	s.block = 1
	blocks := s.planner().plan(pending(s.grid, s.base, s.flops, func(string) bool { return false }))
	kept := 0
	err := schedule(t.Context(), blocks, 3, r, newLive(blocks, s.flops), keepFunc(func(rs []results.Record) error {
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
	if _, err := newRunner("f32", kernels.Reference(), data); err == nil {
		t.Error("a data set with a byte too few was taken")
	}
}

func TestAxes(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []float64
	}{
		{"1e-4,1e-3", []float64{1e-4, 1e-3}},
		{" 1 , 2 ", []float64{1, 2}},
		{"0.1..0.7:4", []float64{0.1, 0.3, 0.5, 0.7}},
		{"log:1e-4..1e-1:4", []float64{1e-4, 1e-3, 1e-2, 1e-1}},
		{"log:1e-4..1e-3:3", []float64{1e-4, 0.000316228, 1e-3}},
		{"0,log:1..16:5", []float64{0, 1, 2, 4, 8, 16}},
	} {
		got, err := floatAxis{flag: "reg", zero: true}.parse(tt.list)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.list, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		list string
		want []int64
	}{
		{"1..5", []int64{1, 2, 3, 4, 5}},
		{"0..10:3", []int64{0, 5, 10}},
		{"7,log:16..256:5", []int64{7, 16, 32, 64, 128, 256}},
		{"4294967290..4294967295", []int64{4294967290, 4294967291, 4294967292, 4294967293, 4294967294, 4294967295}},
	} {
		got, err := intAxis{flag: "seed", max: 1 << 32}.parse(tt.list)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.list, got, err, tt.want)
		}
	}
	nets, err := parseHidden("50,100x100,10..30:3", "fc")
	if want := [][]int{{50}, {100, 100}, {10}, {20}, {30}}; err != nil || !reflect.DeepEqual(nets, want) {
		t.Errorf("hidden: %v, %v; want %v", nets, err, want)
	}
}

func FuzzAxes(f *testing.F) {
	for _, s := range []string{"1e-4,1e-3", "0,log:1e-3..1:4", "1..5", "", "..:", "log:..", "1..2:x", "5x5,x", "-0", "9223372036854775807..1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if len(list) > 40 {
			return // ranges of a million values take their time
		}
		for _, parse := range []func() (int, error){
			func() (int, error) { v, err := floatAxis{"lr", false, "1"}.parse(list); return len(v), err },
			func() (int, error) { v, err := intAxis{"seed", 0, 1 << 32, "1"}.parse(list); return len(v), err },
			func() (int, error) { v, err := parseHidden(list, "fc"); return len(v), err },
		} {
			n, err := parse()
			var bad badInput
			switch {
			case err == nil && (n < 1 || n > maxPoints):
				t.Errorf("%q: %d values", list, n)
			case err != nil && (!errors.As(err, &bad) || strings.Contains(err.Error(), "\n")):
				t.Errorf("%q: %v", list, err)
			}
		}
	})
}

func TestGridPoints(t *testing.T) {
	g, err := newGrid("fc", "sgd", map[string]string{"lr": "1,2", "seed": "3,4", "epochs": "2", "batch": "10,1000", "hidden": "5x6"})
	if err != nil {
		t.Fatal(err)
	}
	base := results.Config{Net: "fc", Split: [3]int{100, 10, 10}}
	var got []string
	keys := map[string]bool{}
	for i := range g.size() {
		c := g.at(i, base)
		got = append(got, fmt.Sprintf("%s %d %d %g %d", c.HiddenString(), c.Batch, c.Iters, c.LR, c.Seed))
		keys[c.Key()] = true
	}
	want := []string{
		"5x6 10 20 1 3", "5x6 10 20 1 4", "5x6 10 20 2 3", "5x6 10 20 2 4",
		"5x6 1000 2 1 3", "5x6 1000 2 1 4", "5x6 1000 2 2 3", "5x6 1000 2 2 4",
	}
	if !slices.Equal(got, want) || len(keys) != len(want) {
		t.Errorf("points\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLiveLine(t *testing.T) {
	c := results.Config{Net: "two-layer", Batch: 1, Iters: 10, LR: 0.1, Reg: 0.5}
	b := block{trials: []trial{{"", c, 1e9}}}
	l := newLive([]block{b, b, b, b}, func(results.Config) float64 { return 1e9 })
	if got := l.line(0, 80); got != "0/4 trials    0%" {
		t.Errorf("at first: %q", got)
	}
	track := l.begin(1, b)
	for range 15 {
		track.stepped(1, 1e9)
	}
	l.ended([]results.Record{
		{Config: c, State: results.Done, Steps: 10, Accuracy: results.Accuracy{Val: ptr(0.25)}},
		{Config: c, State: results.Diverged, Steps: 5},
	})
	want := "2/4 trials   43%  ETA 20s  best 0.2500 (lr 0.1, reg 0.5)  1 model-it/s  1.0 GFLOP/s  1 diverged or failed"
	if got := l.line(15*time.Second, 200); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := l.line(15*time.Second, 30); got != "2/4 trials   43%  ETA 20s" {
		t.Errorf("narrow: %q", got)
	}
}

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := newScreen(&b)
	if s.terminal {
		t.Fatal("a buffer is a terminal")
	}
	s.every = time.Microsecond
	shown := make(chan bool)
	var once sync.Once
	stop := s.follow(t.Context(), func(time.Duration, int) string {
		once.Do(func() { close(shown) })
		return "line"
	})
	<-shown
	stop()
	if got := b.String(); strings.ReplaceAll(got, "line\n", "") != "" || got == "" {
		t.Errorf("shown: %q", got)
	}
	b.Reset()
	s.terminal = true
	s.show("abc")
	s.clear()
	if got := b.String(); got != "\r\x1b[Jabc\r\x1b[J" {
		t.Errorf("terminal: %q", got)
	}
}

func TestDumbTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to open here: %v", err)
	}
	defer f.Close()
	for name, want := range map[string]bool{"xterm": true, "dumb": false} {
		t.Setenv("TERM", name)
		if s := newScreen(f); s.terminal != want {
			t.Errorf("TERM=%s: lines are redrawn: %t, want %t", name, s.terminal, want)
		}
	}
}

func TestSmallTexts(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{clock(42 * time.Second), "42s"},
		{clock(185 * time.Second), "3m05s"},
		{clock(2*time.Hour + 7*time.Minute), "2h07m"},
		{bar(0, 4), "[>   ]"},
		{bar(0.5, 4), "[==> ]"},
		{bar(1, 4), "[====]"},
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

func TestFetch(t *testing.T) {
	isolate(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wrong" {
			io.WriteString(w, "this is no archive")
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	for path, want := range map[string]string{"/missing": "404", "/wrong": "c32a1d4ab5d03f1284b67883e8d87530"} {
		stdout, stderr, code := call(t, "fetch", "-quiet", "-url", server.URL+path)
		if code != exitBadInput || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want a word of %s", path, code, stdout, stderr, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, stderr, code := callContext(t, ctx, "fetch", "-quiet", "-url", server.URL+"/wrong")
	if code != exitInterrupted || !strings.Contains(stderr, "fetch -quiet -url "+server.URL+"/wrong") {
		t.Errorf("interrupted: exit code %d, stderr %q", code, stderr)
	}
}

func TestDownloadLine(t *testing.T) {
	var d download
	if got := d.line(time.Second, 79); got != "connecting" {
		t.Errorf("at first: %q", got)
	}
	d.progress(20e6, 170e6)
	d.progress(60e6, 170e6)
	if got, want := d.line(10*time.Second, 79), "[==========>                   ]  35%  60.0 of 170.0 MB  4.0 MB/s  ETA 28s"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	d.progress(60e6, -1)
	if got, want := d.line(10*time.Second, 79), "60.0 MB  4.0 MB/s"; got != want {
		t.Errorf("size unknown: got %q, want %q", got, want)
	}
}
