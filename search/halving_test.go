package search

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// raced is a grid of 30 trials in three groups that do not fuse. Some trials diverge, and most accuracies differ.
const raced = "-lr log:1e-5..1e-2:4,1e30 -reg 0,0.5 -hidden 3,4,6 -iters 40 -batch 10 -std 1e-2"

// runRaced runs a grid for at most a minute and returns its records by key.
func runRaced(t *testing.T, out, args string) map[string]results.Record {
	t.Helper()
	s, r, _ := tinyJob(t, out, args)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := runWith(ctx, s, r); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return searchtest.ByKey(t, searchtest.Recorded(t, out))
}

// cancelAfter runs a sweep, and cancels it after a number of iterations of its blocks.
func cancelAfter(t *testing.T, s *job, r runner.Runner, iterations int64) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var steps atomic.Int64
	return runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		stepped := h.Stepped
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			stepped(nets, flops)
			if steps.Add(1) == iterations {
				cancel()
			}
		})
		return r.Run(ctx, b, h)
	}))
}

// digest returns the digest of the table of the records.
func digest(all map[string]results.Record) string {
	var records []results.Record
	for _, r := range all {
		records = append(records, r)
	}
	return results.NewTable(records).Digest()
}

// sameTraining returns an error if two trainings differ in a bit.
func sameTraining(a, b results.Record) error {
	if a.State != b.State || a.Steps != b.Steps || a.Weights != b.Weights || a.Losses != b.Losses {
		return fmt.Errorf("%s after %d steps, weights %.8s, losses %.8s; and %s after %d, %.8s, %.8s",
			a.State, a.Steps, a.Weights, a.Losses, b.State, b.Steps, b.Weights, b.Losses)
	}
	return nil
}

// TestSurvivorsAreUntouched compares sweeps that stop trials early with one that trains all to the end. Survivors
// must have the same bits. A stopped trial must have the bits of a training that is only as long.
func TestSurvivorsAreUntouched(t *testing.T) {
	isolate(t)
	whole := runRaced(t, "whole", raced)
	for i, c := range []struct{ flags, race string }{
		{"-halving 3:5", "halving 3:5"},
		{"-halving 2", "halving 2:10"},
		{"-halving async:2:5 -workers 1", "halving async:2:5"},
		{"-stop median:8", "median:8"},
	} {
		t.Run(c.flags, func(t *testing.T) {
			out := fmt.Sprint(i)
			race := runRaced(t, out, raced+" "+c.flags)
			counts := map[results.State]int{}
			short := map[int]map[string]results.Record{}
			for key, r := range race {
				counts[r.State]++
				if r.Race != c.race {
					t.Fatalf("%s: the record says %q", c.flags, r.Race)
				}
				if r.State != results.Stopped {
					if err := sameTraining(r, whole[key]); err != nil {
						t.Errorf("%s: survivor with lr %g, reg %g: %v", c.flags, r.Config.LR, r.Config.Reg, err)
					}
					continue
				}
				if last := r.Rungs[len(r.Rungs)-1]; last.Step != r.Steps || r.Weights == "" {
					t.Errorf("%s: stopped after %d steps, rungs %v, weights %q", c.flags, r.Steps, r.Rungs, r.Weights)
				}
				if short[r.Steps] == nil {
					short[r.Steps] = runRaced(t, fmt.Sprint(out, "-", r.Steps), strings.Replace(raced, "-iters 40", fmt.Sprint("-iters ", r.Steps), 1))
				}
				config := r.Config
				config.Iters = r.Steps
				like := short[r.Steps][config.Key()]
				if r.Weights != like.Weights || r.Losses != like.Losses {
					t.Errorf("%s: stopped after %d steps with lr %g, reg %g: not the bits of a training of that length", c.flags, r.Steps, r.Config.LR, r.Config.Reg)
				}
				if last := r.Rungs[len(r.Rungs)-1]; last.Val != *like.Accuracy.FinalVal {
					t.Errorf("%s: accuracy %g at the last rung; %g after a training of that length", c.flags, last.Val, *like.Accuracy.FinalVal)
				}
			}
			if len(race) != 30 || counts[results.Diverged] != 6 || counts[results.Done] == 0 || counts[results.Stopped] < 8 {
				t.Errorf("%s: %d records, %v", c.flags, len(race), counts)
			}
		})
	}
}

// TestRaceOfBlocks checks that the stopped trials do not depend on workers and blocks.
func TestRaceOfBlocks(t *testing.T) {
	isolate(t)
	for i, rule := range []string{"-halving 3:5", "-stop median:8"} {
		t.Run(rule, func(t *testing.T) {
			want := ""
			for j, how := range []string{"-fuse off -workers 1", "-workers 1", "-workers 2 -block 3", "-workers 8 -block 1", "-workers 3 -block 64"} {
				got := digest(runRaced(t, fmt.Sprint(i, j), raced+" "+rule+" "+how))
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s %s: other figures than each net alone", rule, how)
				}
			}
		})
	}
}

// TestStoppedCostNothing checks that a stopped trial trains no more iterations than its record has.
func TestStoppedCostNothing(t *testing.T) {
	isolate(t)
	s, r, _ := tinyJob(t, "o", raced+" -halving 3:5")
	var nets atomic.Int64
	var flops atomic.Int64
	err := runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		stepped := h.Stepped
		h.Observer = searchtest.Watch(h.Observer, func(n int, f float64) {
			nets.Add(int64(n))
			flops.Add(int64(f))
			stepped(n, f)
		})
		return r.Run(ctx, b, h)
	}))
	if err != nil {
		t.Fatal(err)
	}
	var wantNets, wantFlops int64
	for _, r := range searchtest.Recorded(t, "o") {
		steps := int64(r.Steps)
		if r.State == results.Diverged {
			steps++ // the iteration that found that it diverged
		}
		wantNets += steps
		wantFlops += steps * int64(s.flops(r.Config))
	}
	if nets.Load() != wantNets || flops.Load() != wantFlops {
		t.Errorf("%d model-iterations, %d flops; the records say %d, %d", nets.Load(), flops.Load(), wantNets, wantFlops)
	}
	if whole := int64(s.Grid.Len()) * 40; wantNets > whole/2 {
		t.Errorf("%d of %d model-iterations: too little is stopped for a test", wantNets, whole)
	}
}

// TestRaceInterruptedAndResumed interrupts sweeps at rungs and between them, and resumes them. The outcome must be
// that of an unbroken sweep.
func TestRaceInterruptedAndResumed(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	for i, rule := range []string{"-halving 3:5", "-stop median:8"} {
		want := digest(runRaced(t, fmt.Sprint("whole", i), raced+" "+rule))
		for _, stop := range []int64{1, 4, 5, 6, 14, 15, 16, 29, 31, 44, 45, 46, 60, 75, 90} {
			for _, how := range []string{" -workers 1", " -workers 3 -block 4"} {
				t.Run(fmt.Sprintf("%s stopped after %d%s", rule, stop, how), func(t *testing.T) {
					out := fmt.Sprint(i, stop, how)
					s, r, _ := tinyJob(t, out, raced+" "+rule+how)
					if err := cancelAfter(t, s, r, stop); err != nil && !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
					s, r, _ = tinyJob(t, out, raced+" "+rule+" -workers 2")
					if err := runWith(t.Context(), s, r); err != nil {
						t.Fatal(err)
					}
					if got := digest(searchtest.ByKey(t, searchtest.Recorded(t, out))); got != want {
						t.Errorf("%s%s, stopped after %d iterations and resumed: other figures than without a break", rule, how, stop)
					}
				})
			}
		}
	}
}

// TestStoppedIsNotSettled checks that a sweep without the stop rule trains stopped trials to the end.
func TestStoppedIsNotSettled(t *testing.T) {
	isolate(t)
	whole := runRaced(t, "whole", raced)
	runRaced(t, "o", raced+" -halving 3:5")
	s, r, said := tinyJob(t, "o", raced+" -halving 3:5")
	if err := runWith(t.Context(), s, r); err != nil || !strings.Contains(said.String(), "30 of 30 trials are on record in o; 0 to train") {
		t.Errorf("the same command again: %v, %s", err, said)
	}
	s, r, _ = tinyJob(t, "o", raced)
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	if got := digest(folder.Latest(searchtest.Recorded(t, "o"))); got != digest(whole) {
		t.Error("trained to the end after a race: other figures than without the race")
	}
}

// TestRaceAfterALargerGrid adds trials to a grid. They compete with the trials on record, whose outcome must not
// change.
func TestRaceAfterALargerGrid(t *testing.T) {
	isolate(t)
	small := strings.Replace(raced, "-hidden 3,4,6", "-hidden 3,4", 1) + " -halving 3:5"
	before := runRaced(t, "o", small)
	after := runRaced(t, "o", raced+" -halving 3:5")
	for key, r := range before {
		if err := sameTraining(r, after[key]); err != nil {
			t.Error(err)
		}
	}
	added := 0
	for key, r := range after {
		if _, ok := before[key]; !ok && r.Race == "halving 3:5" {
			added++
		}
	}
	if len(before) != 20 || added != 10 {
		t.Errorf("%d trials before, %d added", len(before), added)
	}
}

// TestFailureInARace panics in one block. Its trials must fail, and the other blocks must not wait for them.
func TestFailureInARace(t *testing.T) {
	isolate(t)
	s, r, _ := tinyJob(t, "o", raced+" -halving 3:5 -workers 2 -block 4")
	var panicked atomic.Bool
	faulty := searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		n := 0
		stepped := h.Stepped
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			stepped(nets, flops)
			if n++; n == 7 && len(b.Trials) == 4 && panicked.CompareAndSwap(false, true) {
				panic("a fault")
			}
		})
		return r.Run(ctx, b, h)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := runWith(ctx, s, faulty); err != nil {
		t.Fatal(err)
	}
	states := map[results.State]int{}
	for _, r := range searchtest.Recorded(t, "o") {
		states[r.State]++
	}
	if states[results.Failed] == 0 || states[results.Failed] > 4 || states[results.Done] == 0 {
		t.Errorf("states %v", states)
	}
	// The next run trains them again.
	s, r, _ = tinyJob(t, "o", raced+" -halving 3:5")
	if err := runWith(ctx, s, r); err != nil {
		t.Error(err)
	}
}

// TestOtherRuleAfterAnInterruption resumes sweeps under another stop rule. Checkpoints of trials that were not judged
// at the rungs of the new rule are rejected. Without a rule, trials resume, and stopped ones train to the end.
func TestOtherRuleAfterAnInterruption(t *testing.T) {
	isolate(t)
	for i, c := range []struct {
		before, after string
		rejected      bool
	}{
		{"", "-halving 3:5", true},
		{"-stop median:8", "-halving 3:5", true},
		{"-halving 3:5", "", false},
	} {
		t.Run("from "+c.before+" to "+c.after, func(t *testing.T) {
			want := digest(runRaced(t, fmt.Sprint("whole", i), raced+" "+c.after))
			out := fmt.Sprint(i)
			s, r, _ := tinyJob(t, out, raced+" -workers 1 "+c.before)
			if err := cancelAfter(t, s, r, 33); !errors.Is(err, context.Canceled) {
				t.Fatalf("%q: %v, want a cancelled context", c.before, err)
			}
			s, r, said := tinyJob(t, out, raced+" "+c.after)
			if err := runWith(t.Context(), s, r); err != nil {
				t.Fatal(err)
			}
			text := said.String()
			if !strings.Contains(text, "resume from checkpoints") || strings.Contains(text, "it was not made under the rule") != c.rejected {
				t.Errorf("%q, then %q: %s", c.before, c.after, text)
			}
			if got := digest(folder.Latest(searchtest.Recorded(t, s.Dir))); got != want {
				t.Errorf("%q, then %q: other figures than under the second rule from the start", c.before, c.after)
			}
		})
	}
}
