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

// racedSeeds is a grid of 10 settings with 3 seeds, which do not fuse. Some settings diverge.
const racedSeeds = "-lr log:1e-5..1e-2:4,1e30 -reg 0 -hidden 3,4 -seed 1..3 -iters 40 -batch 10 -std 1e-2"

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
		{"-halving hyperband:2:5", "halving hyperband:2:5 bracket "},
		{"-stop median:8", "median:8"},
		{"-patience 4:4", "patience 4:4"},
		{"-halving 2:5 -patience 12:3", "halving 2:5, patience 12:3"},
		{"-patience 8:4 -stop median:8", "median:8, patience 8:4"},
	} {
		t.Run(c.flags, func(t *testing.T) {
			out := fmt.Sprint(i)
			race := runRaced(t, out, raced+" "+c.flags)
			counts := map[results.State]int{}
			short := map[int]map[string]results.Record{}
			for key, r := range race {
				counts[r.State]++
				if !strings.HasPrefix(r.Race, c.race) {
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

// races are grids with stop rules whose outcome does not depend on time.
var races = []string{
	raced + " -halving 3:5", raced + " -halving hyperband:2:5", raced + " -stop median:8", raced + " -patience 4:4",
	racedSeeds + " -halving 3:5", racedSeeds + " -halving hyperband:2:5", racedSeeds + " -stop median:8",
	raced + " -halving 2:5 -patience 3:4", racedSeeds + " -halving hyperband:2:5 -patience 3:4", racedSeeds + " -stop median:8 -patience 3:4",
}

// TestRaceOfBlocks checks that the stopped trials do not depend on workers and blocks. All seeds of a setting must end
// after the same step, except with patience.
func TestRaceOfBlocks(t *testing.T) {
	isolate(t)
	for i, race := range races {
		t.Run(race, func(t *testing.T) {
			want := ""
			for j, how := range []string{"-fuse off -workers 1", "-workers 1", "-workers 2 -block 3", "-workers 8 -block 1", "-workers 3 -block 64"} {
				all := runRaced(t, fmt.Sprint(i, j), race+" "+how)
				got := digest(all)
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s %s: other figures than each net alone", race, how)
				}
				stopped := 0
				for _, r := range all {
					first := r.Config
					first.Seed = 1
					if f, ok := all[first.Key()]; ok && !strings.Contains(race, "patience") && (f.State != r.State || f.Steps != r.Steps && r.State != results.Diverged) {
						t.Errorf("%s: seed %d is %s after %d steps, seed 1 is %s after %d", race, r.Config.Seed, r.State, r.Steps, f.State, f.Steps)
					}
					if r.State == results.Stopped {
						stopped++
					}
				}
				if stopped < 8 {
					t.Errorf("%s: only %d trials were stopped", race, stopped)
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
	for i, race := range races {
		want := digest(runRaced(t, fmt.Sprint("whole", i), race))
		for _, stop := range []int64{1, 4, 5, 6, 14, 15, 16, 29, 31, 44, 45, 46, 60, 75, 90} {
			for _, how := range []string{" -workers 1", " -workers 3 -block 4"} {
				t.Run(fmt.Sprintf("%s stopped after %d%s", race, stop, how), func(t *testing.T) {
					out := fmt.Sprint(i, stop, how)
					s, r, _ := tinyJob(t, out, race+how)
					if err := cancelAfter(t, s, r, stop); err != nil && !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
					s, r, _ = tinyJob(t, out, race+" -workers 2")
					if err := runWith(t.Context(), s, r); err != nil {
						t.Fatal(err)
					}
					if got := digest(searchtest.ByKey(t, searchtest.Recorded(t, out))); got != want {
						t.Errorf("%s%s, stopped after %d iterations and resumed: other figures than without a break", race, how, stop)
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
	for i, rule := range []string{"halving 3:5", "patience 4:4"} {
		t.Run(rule, func(t *testing.T) {
			out := fmt.Sprint(i)
			before := runRaced(t, out, strings.Replace(raced, "-hidden 3,4,6", "-hidden 3,4", 1)+" -"+rule)
			after := runRaced(t, out, raced+" -"+rule)
			for key, r := range before {
				if err := sameTraining(r, after[key]); err != nil {
					t.Error(err)
				}
			}
			added := 0
			for key, r := range after {
				if _, ok := before[key]; !ok && r.Race == rule {
					added++
				}
			}
			if len(before) != 20 || added != 10 {
				t.Errorf("%d trials before, %d added", len(before), added)
			}
			if rule[0] == 'p' && digest(after) != digest(runRaced(t, "whole", raced+" -"+rule)) {
				t.Error("a trial that competes with no other depends on a smaller grid before")
			}
		})
	}
}

// TestHyperbandInALargerSample adds points to a sample, and reduces it. Trials must keep their brackets, and the
// outcome must not depend on interruptions. Each round of a sampler that learns has its own brackets.
func TestHyperbandInALargerSample(t *testing.T) {
	isolate(t)
	const drawn = "-lr log:1e-4..1e-1 -reg 0..1 -hidden 2..5 -seed 1,2 -iters 40 -batch 10 -std 1e-2 -halving hyperband:2:5 -sample "
	before := runRaced(t, "o", drawn+"random:12")
	after := runRaced(t, "o", drawn+"random:20")
	brackets := map[string]int{}
	for key, r := range before {
		if after[key].Race != r.Race {
			t.Errorf("%q before, %q in the larger sample", r.Race, after[key].Race)
		}
		if err := sameTraining(r, after[key]); err != nil {
			t.Error(err)
		}
		brackets[r.Race]++
	}
	if len(before) != 24 || len(after) != 40 || len(brackets) != 4 {
		t.Errorf("%d trials before, %d after, brackets %v", len(before), len(after), brackets)
	}
	s, r, said := tinyJob(t, "o", drawn+"random:15")
	if err := runWith(t.Context(), s, r); err != nil || !strings.Contains(said.String(), "30 of 30 trials are on record in o; 0 to train") {
		t.Errorf("a smaller sample: %v, %s", err, said)
	}
	for _, sample := range []string{"halton:12", "tpe:24"} {
		want := digest(runRaced(t, "whole-"+sample, drawn+sample))
		s, r, _ := tinyJob(t, sample, drawn+sample+" -workers 2 -block 3")
		if err := cancelAfter(t, s, r, 100); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got := digest(runRaced(t, sample, drawn+sample+" -workers 3 -block 5")); got != want {
			t.Errorf("%s interrupted: other figures than without a break", sample)
		}
	}
}

// TestHyperbandOfAGrid checks that a trial that one bracket has stopped is trained again if it belongs to another
// bracket, because values were added in front of it.
func TestHyperbandOfAGrid(t *testing.T) {
	isolate(t)
	more := strings.Replace(raced, "-hidden 3,4,6", "-hidden 2,3,4,6", 1)
	runRaced(t, "o", raced+" -halving hyperband:3:5")
	s, r, _ := tinyJob(t, "o", more+" -halving hyperband:3:5")
	if err := runWith(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
	records := searchtest.Recorded(t, "o")
	grown := folder.Latest(records)
	if len(grown) != 40 || len(records) == 40 {
		t.Errorf("%d records of %d trials; want some trials twice on record", len(records), len(grown))
	}
	for c := range s.points().All() {
		r := grown[c.Key()]
		if !s.races.Settled(&r) {
			t.Errorf("lr %g, reg %g, hidden %v: %s in %q", c.LR, c.Reg, c.Hidden, r.State, r.Race)
		}
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
		{"-stop median:8", "-halving hyperband:2:5", true},
		{"-halving 2:5", "-halving hyperband:2:5", true},
		{"-halving hyperband:2:5", "", false},
		{"-stop median:8", "-patience 4:4", true},
		{"-patience 1:4", "-stop median:4", true},
		{"-halving 3:5", "-halving 3:5 -patience 3:4", true},
		{"-halving 3:5 -patience 3:4", "-patience 3:4", true},
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
