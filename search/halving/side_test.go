package halving

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"fusegrid/results"
	"fusegrid/search/grid"
)

// A team is a setting in a test: the keys of its seeds.
type team []string

// teams returns n settings with 1 to 4 seeds, whose keys are in a random order.
func teams(rng *rand.Rand, n int) (all []team) {
	keys := rng.Perm(4 * n)
	for range n {
		var t team
		for range 1 + rng.IntN(4) {
			t = append(t, fmt.Sprintf("%03d", keys[0]))
			keys = keys[1:]
		}
		all = append(all, t)
	}
	return all
}

// enterTeams returns a bracket of settings.
func enterTeams(r Rule, iters int, all []team) (*bracket, []string) {
	b := r.brackets(iters)[0]
	var keys []string
	for n, t := range all {
		for _, key := range t {
			b.enter(key, fmt.Sprint(n), contender{})
			keys = append(keys, key)
		}
	}
	return b, keys
}

// A runner is the standing of a trial in the reference of these tests.
type runner struct {
	fate
	reached, passed          int
	running, diverged, bored bool
}

// at returns the accuracy at a rung that the trial has reached, or the last one before it was stopped by patience.
func (r *runner) at(i int) (v float64, ok bool) {
	switch {
	case r.reached > i:
		return r.vals[i], true
	case r.bored:
		return r.vals[r.reached-1], true
	}
	return 0, false
}

// expected returns the rung at which each trial is stopped, by the definition of the rules. A trial without a gain at as
// many of its own rungs is stopped. Where settings are compared, they are ranked by the share of their seeds that diverged,
// and then by the mean of the others.
func expected(b *bracket, patience int, all []team, fates map[string]fate) map[string]int {
	at, runners := map[string]int{}, map[string]*runner{}
	for key, f := range fates {
		runners[key] = &runner{fate: f, running: true}
	}
	stop := func(key string, i int) {
		at[key] = i
		runners[key].running = false
	}
	for i := range b.rungs {
		var arrived []string
		for key, r := range runners {
			if r.running && r.last <= i {
				r.running, r.diverged = false, true
			}
			if r.running {
				r.reached++
				arrived = append(arrived, key)
			}
		}
		var tired []string
		for _, key := range arrived {
			var own []float64
			for j, v := range runners[key].vals[:i+1] {
				if b.alone[j] {
					own = append(own, v)
				}
			}
			if b.alone[i] && len(own) > patience && slices.Max(own[len(own)-patience:]) <= slices.Max(own[:len(own)-patience]) {
				tired = append(tired, key)
			}
		}
		if b.compared[i] {
			for _, t := range losers(b, i, all, runners) {
				for _, key := range t {
					if runners[key].running {
						stop(key, i)
					}
				}
			}
		}
		for _, key := range tired {
			stop(key, i)
			runners[key].bored = true
		}
		for _, key := range arrived {
			if runners[key].running {
				runners[key].passed = i + 1
			}
		}
	}
	return at
}

// losers returns the settings that do not survive a rung.
func losers(b *bracket, i int, all []team, runners map[string]*runner) (out []team) {
	type standing struct {
		team
		lost, mean, avg, best float64
	}
	var here []standing
	field := 0
	for _, t := range all {
		s := standing{team: slices.Sorted(slices.Values(t)), best: math.Inf(-1), avg: math.Inf(-1)}
		arrived, survived := false, false
		for _, key := range t {
			r := runners[key]
			arrived = arrived || r.reached > i
			survived = survived || r.passed >= i
			if r.diverged {
				s.lost += 1 / float64(len(t))
			}
		}
		if survived {
			field++
		}
		if !arrived {
			continue
		}
		rungs, total := 0, 0.0
		for j := range i + 1 {
			var vals []float64
			for _, key := range t {
				if v, ok := runners[key].at(j); ok {
					vals = append(vals, v)
				}
			}
			slices.Sort(vals)
			s.mean = 0
			for _, v := range vals {
				s.mean += v
			}
			if s.mean /= float64(len(vals)); b.compared[j] && s.lost == 0 {
				rungs++
				total += s.mean
				s.best = max(s.best, s.mean)
				s.avg = total / float64(rungs)
			}
		}
		here = append(here, s)
	}
	slices.SortFunc(here, func(a, b standing) int {
		return cmp.Or(cmp.Compare(a.lost, b.lost), cmp.Compare(b.mean, a.mean), strings.Compare(a.team[0], b.team[0]))
	})
	for n, s := range here {
		if b.rule.Eta > 0 {
			if n >= int(math.Ceil(float64(field)/float64(b.rule.Eta))) {
				out = append(out, s.team)
			}
			continue
		}
		var others []float64
		for m, o := range here {
			if m != n {
				others = append(others, o.avg)
			}
		}
		slices.Sort(others)
		if k := len(others); k > 0 && s.best < (others[(k-1)/2]+others[k/2])/2-1e-12 {
			out = append(out, s.team)
		}
	}
	return out
}

// distinct returns fates without ties.
func distinct(rng *rand.Rand, keys []string, rungs int) map[string]fate {
	all := fates(rng, keys, rungs)
	for key, f := range all {
		for i := range f.vals {
			f.vals[i] = rng.Float64()
		}
		all[key] = f
	}
	return all
}

// TestSettings compares brackets of settings with the definition, with patience and without. Trials arrive in random
// order, in blocks on goroutines, and with interruptions.
func TestSettings(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	soon, slow := &Rule{Patience: 2, Min: 1}, &Rule{Patience: 1, Min: 4}
	for _, rl := range []Rule{
		{Eta: 2, Min: 1}, {Eta: 3, Min: 2}, {Min: 3}, {Patience: 2, Min: 2},
		{Eta: 2, Min: 1, And: slow}, {Eta: 3, Min: 2, And: soon}, {Eta: 2, Min: 3, And: soon}, {Min: 3, And: soon}, {Min: 2, And: slow}, {Eta: 2, Min: 2, Hyperband: true, And: slow},
	} {
		t.Run(rl.String(), func(t *testing.T) {
			if err := rl.valid(); err != nil {
				t.Fatal(err)
			}
			counts := map[string]int{}
			for range 60 {
				all := teams(rng, 1+rng.IntN(20))
				r, keys := enterTeams(rl, 16, all)
				fates := distinct(rng, keys, len(r.rungs))
				patience := rl.Patience
				if rl.And != nil {
					patience = rl.And.Patience
				}
				want := expected(r, patience, all, fates)
				if got := play(rng, r, keys, fates); !equalMaps(got, want) {
					t.Fatalf("%v\nstops %v, want %v", all, got, want)
				}
				for key := range want {
					if r.contenders[key].bored {
						counts["alone"]++
					} else {
						counts["compared"]++
					}
				}
				counts["ended"] += len(keys) - len(want)

				r, _ = enterTeams(rl, 16, all)
				var wg sync.WaitGroup
				shuffled := slices.Clone(keys)
				rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				for block := range slices.Chunk(shuffled, 1+rng.IntN(len(keys))) {
					wg.Go(func() { runBlock(t.Context(), r, block, fates) })
				}
				wg.Wait()
				got := map[string]int{}
				for key, e := range r.contenders {
					if e.stopped {
						got[key] = len(e.vals) - 1
					}
				}
				if !equalMaps(got, want) {
					t.Fatalf("%v\nblocks stop %v, want %v", all, got, want)
				}
				for stop := range r.rungs {
					if got := brokenTeams(rng, rl, all, fates, stop); !equalMaps(got, want) {
						t.Fatalf("%v\nbroken off at rung %d stops %v, want %v", all, stop, got, want)
					}
				}
			}
			if alone := rl.Patience > 0 || rl.And != nil; (counts["alone"] > 100) != alone || (counts["compared"] > 100) != (rl.Patience == 0) || counts["ended"] < 50 {
				t.Errorf("too few trials for a test: %v", counts)
			}
		})
	}
}

// brokenTeams runs a bracket of settings up to a rung and judges it there. Only some trials are then on record, and only
// some others have a checkpoint. The bracket resumes from these, and the remaining trials start again.
func brokenTeams(rng *rand.Rand, rl Rule, all []team, fates map[string]fate, stop int) map[string]int {
	r, keys := enterTeams(rl, 16, all)
	for i := range stop + 1 {
		leave(r, i, keys, fates)
		arrive(rng, r, i, keys, fates)
		judgeAll(r, i)
	}
	next := rl.brackets(16)[0]
	for n, t := range all {
		for _, key := range t {
			e := *r.contenders[key]
			switch {
			case rng.IntN(2) == 0: // neither a record nor a checkpoint
				e = contender{}
			case !e.stopped && !e.gone: // a checkpoint, perhaps of an earlier time
				e.vals = e.vals[:rng.IntN(len(e.vals)+1)]
				e.passed = min(e.passed, len(e.vals))
			}
			next.enter(key, fmt.Sprint(n), e)
		}
	}
	for i := range next.rungs {
		leave(next, i, keys, fates)
		arrive(rng, next, i, keys, fates)
		judgeAll(next, i)
	}
	at := map[string]int{}
	for key, e := range next.contenders {
		if e.stopped {
			at[key] = len(e.vals) - 1
		}
	}
	return at
}

// TestSettingByHand compares with results computed by hand. The means are a .5, b .45, c .6 and d .9, but a seed of d
// has diverged. Halving lets two settings survive.
func TestSettingByHand(t *testing.T) {
	vals := map[string]float64{"a1": .9, "a2": .1, "b1": .45, "b2": .45, "c1": .6, "c2": .6, "d1": .9}
	run := func(rule Rule, without ...string) map[string]bool {
		r := rule.brackets(10)[0]
		for _, key := range []string{"a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"} {
			if !slices.Contains(without, key[:1]) {
				r.enter(key, key[:1], contender{})
			}
		}
		if r.contenders["d2"] != nil {
			r.leave("d2", true)
		}
		for key, v := range vals {
			if r.contenders[key] != nil {
				r.arrive(0, []string{key}, []float64{v})
			}
		}
		left := map[string]bool{}
		for key, e := range r.contenders {
			if !e.stopped && !e.gone {
				left[key] = true
			}
		}
		return left
	}
	for _, c := range []struct {
		rule    Rule
		without []string
		want    string
	}{
		{Rule{Eta: 2, Min: 5}, nil, "a1 a2 c1 c2"},
		{Rule{Eta: 4, Min: 5}, nil, "c1 c2"},
		{Rule{Eta: 2, Min: 5}, []string{"c", "b"}, "a1 a2"},
		{Rule{Eta: 2, Min: 5}, []string{"a", "b", "c"}, "d1"}, // the only setting survives
		// The medians of the others are a .45, b .5, c .45 and d .5.
		{Rule{Min: 5}, nil, "a1 a2 c1 c2"},
		{Rule{Min: 5}, []string{"a", "b", "c"}, "d1"},
		// Async judges each trial by itself. The order of arrival decides; nobody leaves as a setting.
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(run(c.rule, c.without...))), " "); got != c.want {
			t.Errorf("%s without %v: %s survive, want %s", c.rule.String(), c.without, got, c.want)
		}
	}
}

// seeded returns a grid of 4 learning rates with seeds.
func seeded(t *testing.T, seeds string) grid.Points {
	t.Helper()
	return points(t, grid.Setting{Given: map[string]string{"lr": "1,2,3,4", "reg": "0", "seed": seeds, "iters": "20"}})
}

// recordsOf runs brackets with a value for each trial and returns the records. Records that are given count.
func recordsOf(t *testing.T, r Rule, p grid.Points, given map[string]results.Record, val func(c results.Config, rung int) float64) map[string]results.Record {
	t.Helper()
	bs, err := New(&r, p)
	if err != nil {
		t.Fatal(err)
	}
	bs.Enter(p, given)
	todo := p.Pending(func(results.Config) float64 { return 1 }, func(key string) bool {
		rec, ok := given[key]
		return ok && bs.Settled(&rec)
	})
	all := maps.Clone(given)
	if all == nil {
		all = map[string]results.Record{}
	}
	keep := func(trial grid.Trial, state results.State, steps int) {
		rec := results.Record{Key: trial.Key, Config: trial.Config, State: state, Steps: steps}
		rec.Race, rec.Rungs = bs.Reached(trial)
		all[trial.Key] = rec
		bs.Leave([]results.Record{rec})
	}
	for done := 1; done < 20; done++ {
		if !bs.HasRung(20, done) {
			continue
		}
		var here []grid.Trial
		var vals []float64
		for _, trial := range todo {
			if bs.Judges(trial, done) {
				here, vals = append(here, trial), append(vals, val(trial.Config, done))
			}
		}
		var left []grid.Trial
		for n, survives := range bs.Report(context.Background(), done, here, vals) {
			if survives {
				left = append(left, here[n])
			} else {
				keep(here[n], results.Stopped, done)
			}
		}
		todo = left
	}
	for _, trial := range todo {
		keep(trial, results.Done, 20)
	}
	return all
}

// ends describes which trials trained to the end, as learning rate and seed.
func ends(all map[string]results.Record) string {
	var texts []string
	for _, r := range all {
		if r.State == results.Done {
			texts = append(texts, fmt.Sprint(r.Config.LR, ":", r.Config.Seed))
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// TestMoreSeeds adds seeds to settings on record. They get the judgement of their setting. It also continues records of
// earlier versions, which judged each trial by itself.
func TestMoreSeeds(t *testing.T) {
	val := func(c results.Config, rung int) float64 { // lr 3 is the best with seeds 1 and 2, lr 1 with all
		return map[float64][]float64{1: {.4, .4, .99}, 2: {.3, .3, .98}, 3: {.6, .5, .1}, 4: {.2, .7, .2}}[c.LR][c.Seed-1] + float64(rung)/1000
	}
	halving := Rule{Eta: 2, Min: 5} // rungs 5 and 10
	for _, rule := range []Rule{halving, {Eta: 4, Min: 5}} {
		two := recordsOf(t, rule, seeded(t, "1,2"), nil, val)
		if got := ends(two); got != "3:1 3:2" {
			t.Fatalf("%s: two seeds: %s", rule.String(), got)
		}
		three := recordsOf(t, rule, seeded(t, "1..3"), two, val)
		if got := ends(three); got != "3:1 3:2 3:3" {
			t.Errorf("%s: a third seed: %s", rule.String(), got)
		}
		for key, rec := range two {
			if fmt.Sprint(three[key]) != fmt.Sprint(rec) {
				t.Errorf("%s: another record of lr %g, seed %d", rule.String(), rec.Config.LR, rec.Config.Seed)
			}
		}
		for _, rec := range three {
			if first := three[settingKey(rec.Config, 1)]; rec.Steps != first.Steps {
				t.Errorf("%s: lr %g ends after %d steps with seed %d, after %d with seed 1", rule.String(), rec.Config.LR, rec.Steps, rec.Config.Seed, first.Steps)
			}
		}
		if got := ends(recordsOf(t, rule, seeded(t, "1..3"), nil, val)); got != "1:1 1:2 1:3" {
			t.Errorf("%s: three seeds from the start: %s", rule.String(), got)
		}
	}

	// An earlier version stopped seed 1 of lr 4, and seed 2 of lr 1 and lr 2, after 5 steps, and lr 2 with seed 1 as well.
	old := map[string]results.Record{}
	for c := range seeded(t, "1,2").All() {
		rec := results.Record{Key: c.Key(), Config: c, State: results.Stopped, Steps: 5, Race: "halving 2:5", Rungs: []results.Rung{{Step: 5, Val: val(c, 5)}}}
		if c.LR == 3 || c.LR == 1 && c.Seed == 1 || c.LR == 4 && c.Seed == 2 {
			rec.Rungs = append(rec.Rungs, results.Rung{Step: 10, Val: val(c, 10)})
			if rec.Steps = 10; c.LR == 3 {
				rec.State, rec.Steps = results.Done, 20
			}
		}
		old[c.Key()] = rec
	}
	grown := recordsOf(t, halving, seeded(t, "1..3"), old, val)
	steps := map[float64]int{}
	for key, rec := range grown {
		if before, ok := old[key]; ok {
			if fmt.Sprint(before) != fmt.Sprint(rec) {
				t.Errorf("lr %g, seed %d: another record", rec.Config.LR, rec.Config.Seed)
			}
		} else {
			steps[rec.Config.LR] = rec.Steps
		}
	}
	if want := map[float64]int{1: 10, 2: 5, 3: 20, 4: 10}; !maps.Equal(steps, want) {
		t.Errorf("third seeds of settings of an earlier version end after %v, want %v", steps, want)
	}
}

// settingKey returns the key of a trial with another seed.
func settingKey(c results.Config, seed uint32) string {
	c.Seed = seed
	return c.Key()
}

// TestSettingsOfAGrid checks which rules compare settings, and the description of their rungs.
func TestSettingsOfAGrid(t *testing.T) {
	for _, c := range []struct {
		rule  Rule
		seeds string
		sides int
	}{
		{Rule{Eta: 2}, "1..3", 4}, {Rule{Eta: 2}, "7", 4}, {Rule{}, "1..3", 4}, {Rule{Eta: 2, Async: true}, "1..3", 12}, {Rule{Patience: 1}, "1..3", 12},
	} {
		bs := entered(t, c.rule, seeded(t, c.seeds))
		if b := bs.byIters[20][0]; len(b.sides) != c.sides {
			t.Errorf("%s, seeds %s: %d sides of %d trials, want %d", c.rule.String(), c.seeds, len(b.sides), len(b.contenders), c.sides)
		}
	}
	p := seeded(t, "1..3")
	bs := entered(t, Rule{Eta: 3, Min: 5}, p)
	// Of 4 settings, ⌈4/3⌉ survive: 12·5 + 6·10 + 3·5 = 135 of 240.
	want := "halving 3:5: 12 to 5, 6 to 15, 3 to 20 iterations: saves about 105 GFLOP of 240 GFLOP (44%)\n"
	if got := bs.Describe(p, func(results.Config) float64 { return 1e9 }); got != want || bs.Share(20) != 135./240 {
		t.Errorf("got %s, a share of %g; want %s", got, bs.Share(20), want)
	}
}
