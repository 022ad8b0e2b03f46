package halving

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"fusegrid/results"
	"fusegrid/search/grid"
)

func TestParseRule(t *testing.T) {
	largest := strconv.Itoa(math.MaxInt)
	for _, c := range []struct {
		text  string
		iters int
		name  string // name of the rule in records
		rungs []int
	}{
		{"halving 3:100", 1000, "halving 3:100", []int{100, 300, 900}},
		{"halving 3:100", 900, "halving 3:100", []int{100, 300}},
		{"halving 3:100", 101, "halving 3:100", []int{100}},
		{"halving 3", 1000, "halving 3:112", []int{112, 336}},
		{"halving 2", 7, "halving 2:2", []int{2, 4}},
		{"halving 2:1", math.MaxInt, "halving 2:1", powers(bits.UintSize - 2)},
		{"halving 1000000", 2, "halving 1000000:1", []int{1}},
		{"halving " + largest, 100, "halving " + largest + ":1", []int{1}},
		{"halving " + largest + ":2", 100, "halving " + largest + ":2", []int{2}},
		{"halving async:4:10", 500, "halving async:4:10", []int{10, 40, 160}},
		{"halving async:2", 100, "halving async:2:25", []int{25, 50}},
		{"halving hyperband:3:100", 1000, "halving hyperband:3:100", []int{100, 300, 900}},
		{"halving hyperband:3", 1000, "halving hyperband:3:112", []int{112, 336}},
		{"halving hyperband:" + largest, 100, "halving hyperband:" + largest + ":1", []int{1}},
		{"stop median", 1000, "median:100", []int{100, 200, 300, 400, 500, 600, 700, 800, 900}},
		{"stop median", 5, "median:1", []int{1, 2, 3, 4}},
		{"stop median:400", 1000, "median:400", []int{400, 800}},
		{"patience 3", 1000, "patience 3:100", []int{100, 200, 300, 400, 500, 600, 700, 800, 900}},
		{"patience 1:300", 1000, "patience 1:300", []int{300, 600, 900}},
		{"patience 2:300", 901, "patience 2:300", []int{300, 600, 900}},
	} {
		t.Run(fmt.Sprint(c.text, " of ", c.iters), func(t *testing.T) {
			r, err := parseRule(c.text)
			if err != nil {
				t.Errorf("%s: %v", c.text, err)
				return
			}
			if got := r.String(); got != c.text {
				t.Errorf("%s: printed as %s", c.text, got)
			}
			if got := r.Name(c.iters); got != c.name {
				t.Errorf("%s of %d iterations: name %q, want %q", c.text, c.iters, got, c.name)
			}
			if got := r.Rungs(c.iters); !slices.Equal(got, c.rungs) {
				t.Errorf("%s of %d iterations: rungs %v, want %v", c.text, c.iters, got, c.rungs)
			}
			if err := r.Check(c.iters); err != nil {
				t.Errorf("%s of %d iterations: %v", c.text, c.iters, err)
			}
		})
	}
}

// parseRule parses the text of a rule after its name.
func parseRule(text string) (*Rule, error) {
	name, value, _ := strings.Cut(text, " ")
	switch name {
	case "stop":
		return ParseStop(value)
	case "patience":
		return ParsePatience(value)
	}
	return ParseHalving(value)
}

// powers returns the n+1 numbers 1, 2, 4, …
func powers(n int) []int {
	p := []int{1}
	for range n {
		p = append(p, 2*p[len(p)-1])
	}
	return p
}

func TestParseRuleRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"halving 1", `ETA must be a whole number, 2 or more, not "1"`},
		{"halving 0:5", `ETA must be a whole number, 2 or more, not "0"`},
		{"halving -3", `ETA must be a whole number, 2 or more, not "-3"`},
		{"halving 2.5", `ETA must be a whole number, 2 or more, not "2.5"`},
		{"halving ", `ETA must be a whole number, 2 or more, not ""`},
		{"halving 99999999999999999999", `ETA must be a whole number, 2 or more, not "99999999999999999999"`},
		{"halving async", `ETA must be a whole number, 2 or more, not "async"`},
		{"halving async:", `ETA must be a whole number, 2 or more, not ""`},
		{"halving 3:", `the number of iterations must be 1 or more, not ""`},
		{"halving 3:0", `the number of iterations must be 1 or more, not "0"`},
		{"halving 3:1:2", `the number of iterations must be 1 or more, not "1:2"`},
		{"halving hyperband:", `ETA must be a whole number, 2 or more, not ""`},
		{"halving hyperband:1", `ETA must be a whole number, 2 or more, not "1"`},
		{"halving async:hyperband:3", `ETA must be a whole number, 2 or more, not "hyperband"`},
		{"halving hyperband:3:0", `the number of iterations must be 1 or more, not "0"`},
		{"halving async:3:-1", `the number of iterations must be 1 or more, not "-1"`},
		{"stop mean", "no such rule"},
		{"stop ", "no such rule"},
		{"stop median:", `the number of iterations must be 1 or more, not ""`},
		{"stop median:0", `the number of iterations must be 1 or more, not "0"`},
		{"patience 0", `the number of measurements must be 1 or more, not "0"`},
		{"patience ", `the number of measurements must be 1 or more, not ""`},
		{"patience 1.5", `the number of measurements must be 1 or more, not "1.5"`},
		{"patience 3:", `the number of iterations must be 1 or more, not ""`},
		{"patience 3:0", `the number of iterations must be 1 or more, not "0"`},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := parseRule(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "write ") {
				t.Errorf("%s: %v; want an error with %q and an example", c.text, err, c.want)
			}
		})
	}
	for _, c := range []struct {
		rule  Rule
		iters int
		want  string
	}{
		{Rule{Eta: 3, Min: 100}, 100, "halving 3:100: the first comparison is after 100 iterations, but training ends after 100"},
		{Rule{Eta: 3, Hyperband: true, Min: 100}, 100, "halving hyperband:3:100: the first comparison is after 100"},
		{Rule{Eta: 3}, 1, "halving 3: the first comparison is after 1 iteration, but training ends after 1"},
		{Rule{}, 1, "stop median: the first comparison"},
		{Rule{Min: 1}, maxRungs + 2, "stop median:1: more than 1000 checks"},
		{Rule{Patience: 1}, 1, "patience 1: the first comparison"},
		{Rule{Patience: 9}, 1000, "patience 9: no trial could be stopped with 9 checks in 1000 iterations; give a lower N or MIN"},
		{Rule{Patience: 1, Min: 500}, 1000, "patience 1:500: no trial could be stopped with 1 check in 1000"},
		{Rule{Patience: 1, Min: 1}, maxRungs + 2, "patience 1:1: more than 1000 checks"},
	} {
		t.Run(c.rule.String(), func(t *testing.T) {
			if err := c.rule.Check(c.iters); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v of %d iterations: %v; want %q", c.rule, c.iters, err, c.want)
			}
		})
	}
	if err := (Rule{Min: 1}).Check(maxRungs + 1); err != nil {
		t.Errorf("%d checks: %v", maxRungs, err)
	}
}

// TestCombine combines patience with other rules.
func TestCombine(t *testing.T) {
	patience, halving, hyperband, median := &Rule{Patience: 2, Min: 30}, &Rule{Eta: 3, Min: 10}, &Rule{Eta: 3, Min: 10, Hyperband: true}, &Rule{}
	for _, c := range []struct {
		a, b  *Rule
		name  string // of the first bracket; "" if the rules cannot be combined
		rungs []int
	}{
		{halving, patience, "halving 3:10, patience 2:30", []int{10, 30, 60, 90}},
		{patience, halving, "halving 3:10, patience 2:30", []int{10, 30, 60, 90}},
		{median, patience, "median:12, patience 2:30", []int{12, 24, 30, 36, 48, 60, 72, 84, 90, 96, 108}},
		{hyperband, &Rule{Patience: 3}, "halving hyperband:3:10 bracket 3, patience 3:12", []int{10, 12, 24, 30, 36, 48, 60, 72, 84, 90, 96, 108}},
		{halving, median, "", nil}, {patience, patience, "", nil},
		{&Rule{Eta: 3, And: patience}, patience, "", nil}, {patience, &Rule{Eta: 3, And: patience}, "", nil}, {&Rule{Eta: 3, And: patience}, halving, "", nil},
	} {
		both, err := Combine(c.a, c.b)
		if (err == nil) != (c.name != "") {
			t.Errorf("%s and %s: %v", c.a.String(), c.b.String(), err)
		}
		if err != nil {
			continue
		}
		if err := both.Check(120); err != nil {
			t.Error(err)
		}
		b := both.brackets(120)[0]
		if b.name != c.name || !slices.Equal(b.rungs, c.rungs) {
			t.Errorf("%s: bracket %q with the rungs %v, want %q with %v", both.String(), b.name, b.rungs, c.name, c.rungs)
		}
		for i, at := range b.rungs {
			if b.compared[i] != slices.Contains(b.rule.Rungs(120), at) || b.alone[i] != (at%both.And.minOf(120) == 0) {
				t.Errorf("%s: rung %d: compared %t, alone %t", b.name, at, b.compared[i], b.alone[i])
			}
		}
		if halving.And != nil || patience.And != nil {
			t.Error("a rule has changed")
		}
	}
	both := Rule{Eta: 3, Min: 10, And: &Rule{Patience: 12, Min: 10}}
	if err := both.Check(100); err == nil || !strings.HasPrefix(err.Error(), "patience 12:10: no trial could be stopped") {
		t.Errorf("%v", err)
	}
	// The last bracket of Hyperband has only the rungs of patience.
	hyper := (Rule{Eta: 3, Min: 10, Hyperband: true, And: patience}).brackets(40)
	if b := hyper[len(hyper)-1]; b.name != "halving hyperband:3:10 bracket 0, patience 2:30" || !slices.Equal(b.rungs, []int{30}) || b.waits(0) {
		t.Errorf("bracket %q with the rungs %v", b.name, b.rungs)
	}
}

func TestForecast(t *testing.T) {
	counts, ok := Rule{Eta: 3, Min: 100}.brackets(1000)[0].forecast(32)
	if want := []int{32, 11, 4, 2}; !ok || !slices.Equal(counts, want) {
		t.Errorf("forecast %v, want %v", counts, want)
	}
	for _, r := range []Rule{{}, {Patience: 2}} {
		if _, ok := r.brackets(1000)[0].forecast(32); ok {
			t.Errorf("%s has a forecast", r.String())
		}
	}

	rule := Rule{Eta: 3, Min: 100}
	r, _ := enterAll(rule, 1000, 32)
	bs := &Brackets{rule: rule, byIters: map[int][]*bracket{1000: {r}}}
	if got, want := bs.Share(1000), (32*100+11*200+4*600+2*100)/32e3; got != want {
		t.Errorf("a share of %g is trained, want %g", got, want)
	}
	if got := bs.Share(500); got != 1 {
		t.Errorf("without a bracket a share of %g is trained, want 1", got)
	}
	r.rule = Rule{Min: 100}
	if got := bs.Share(1000); got != 1 {
		t.Errorf("under the median rule a share of %g is trained, want 1", got)
	}
}

// enterAll returns a bracket of trials a0, b0, c0, … without accuracies.
func enterAll(r Rule, iters, n int) (*bracket, []string) {
	bracket := r.brackets(iters)[0]
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%c%d", 'a'+i%26, i/26)
		bracket.enter(keys[i], keys[i], contender{})
	}
	return bracket, keys
}

// report passes the accuracies of trials at rung i to a bracket, and returns which of them survive.
func report(ctx context.Context, r *bracket, i int, keys []string, vals []float64) (survive []bool) {
	r.arrive(i, keys, vals)
	r.wait(ctx, i)
	for _, key := range keys {
		survive = append(survive, r.trainsOn(key))
	}
	return survive
}

// reach adds accuracies without judging them.
func reach(r *bracket, i int, keys []string, vals []float64) {
	for n, key := range keys {
		e := r.contenders[key]
		e.vals = append(e.vals[:i:i], vals[n])
	}
}

func TestHalving(t *testing.T) {
	r, keys := enterAll(Rule{Eta: 3, Min: 100}, 1000, 10)
	vals := []float64{.1, .9, .5, .5, .5, .2, .3, .8, .5, .5}
	reach(r, 0, keys, vals)
	// ⌈10/3⌉ = 4 survive: b, h, and the first two keys of the five with 0.5.
	if got, want := r.decide(0), []string{"a0", "e0", "f0", "g0", "i0", "j0"}; !slices.Equal(got, want) {
		t.Fatalf("rung 0 stops %v, want %v", got, want)
	}
	if got := r.decide(0); len(got) > 0 {
		t.Errorf("judged again, rung 0 stops %v", got)
	}
	// h diverges. Of the four that passed rung 0, ⌈4/3⌉ = 2 survive.
	reach(r, 1, []string{"b0", "c0", "d0"}, []float64{.1, .2, .3})
	if got, want := r.decide(1), []string{"b0"}; !slices.Equal(got, want) {
		t.Fatalf("rung 1 stops %v, want %v", got, want)
	}
	// Both survivors diverge. No trial reaches rung 2, so none is stopped.
	if got := r.decide(2); len(got) > 0 {
		t.Errorf("rung 2 stops %v", got)
	}
}

// TestHalvingWhereMostDiverge checks that all remaining trials survive if they are fewer than may
// survive.
func TestHalvingWhereMostDiverge(t *testing.T) {
	r, keys := enterAll(Rule{Eta: 2, Min: 1}, 3, 10)
	reach(r, 0, keys[:4], []float64{0, 0, 0, 0})
	if got := r.decide(0); len(got) > 0 {
		t.Errorf("stopped %v, though 5 of 10 may survive", got)
	}
}

func TestAsync(t *testing.T) {
	r, _ := enterAll(Rule{Eta: 2, Async: true, Min: 1}, 4, 8)
	for _, step := range []struct {
		keys []string
		vals []float64
		want []string
	}{
		{[]string{"a0"}, []float64{.1}, nil},                        // one of one may survive
		{[]string{"b0"}, []float64{.05}, []string{"b0"}},            // one of two: a
		{[]string{"c0"}, []float64{.2}, nil},                        // two of three: c, a
		{[]string{"d0", "e0"}, []float64{.05, .16}, []string{"d0"}}, // three of five: c, e, a
		{[]string{"f0"}, []float64{.1}, []string{"f0"}},             // three of six: f ties with a, whose key is first
		{[]string{"g0", "h0"}, []float64{.11, .12}, nil},            // four of eight: c, e, h, g; a has survived before
	} {
		var got []string
		for n, survives := range report(t.Context(), r, 0, step.keys, step.vals) {
			if !survives {
				got = append(got, step.keys[n])
			}
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%v stops %v, want %v", step.keys, got, step.want)
		}
	}
}

// TestMedian compares with results computed by hand. At the second check, the running averages are
// a .25, b .45, c .35, d .30. The best accuracies so far are a .30, b .50, c .40, d .40. The
// medians of the others are a .35, b .30, c .30, d .35, so only a is below.
func TestMedian(t *testing.T) {
	r, keys := enterAll(Rule{Min: 1}, 3, 4)
	reach(r, 0, keys, []float64{.2, .4, .3, .4})
	// At the first check, the averages are the accuracies. The medians of the others are a .4, b
	// .3, c .4, d .3.
	if got, want := r.decide(0), []string{"a0", "c0"}; !slices.Equal(got, want) {
		t.Fatalf("check 0 stops %v, want %v", got, want)
	}

	r, keys = enterAll(Rule{Min: 1}, 3, 4)
	for i, vals := range [][]float64{{.2, .4, .3, .2}, {.3, .5, .4, .4}} {
		for k, key := range keys {
			r.contenders[key].vals = append(r.contenders[key].vals, vals[k])
			r.contenders[key].passed = i
		}
	}
	if got, want := r.decide(1), []string{"a0"}; !slices.Equal(got, want) {
		t.Errorf("check 1 stops %v, want %v", got, want)
	}
}

// TestMedianAlone checks that a single trial survives, and that trials with equal accuracies all
// survive.
func TestMedianAlone(t *testing.T) {
	r, keys := enterAll(Rule{Min: 1}, 3, 3)
	reach(r, 0, keys[:1], []float64{0})
	if got := r.decide(0); len(got) > 0 {
		t.Errorf("alone: stopped %v", got)
	}
	r, keys = enterAll(Rule{Min: 1}, 3, 3)
	reach(r, 0, keys, []float64{.3, .3, .3})
	if got := r.decide(0); len(got) > 0 {
		t.Errorf("equals: stopped %v", got)
	}
	r, keys = enterAll(Rule{Min: 1}, 4, 3)
	for i := range 3 {
		reach(r, i, keys, []float64{.15, .15, .15}) // (.15+.15+.15)/3 > .15
		if got := r.decide(i); len(got) > 0 {
			t.Errorf("equals at check %d: stopped %v", i, got)
		}
	}
}

// TestPatience compares with results computed by hand: a trial is stopped at the second rung in a
// row that is no better than its best one before.
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		vals []float64
		want int // rung at which the trial is stopped, or −1
	}{
		{[]float64{.1, .2, .3, .4, .5, .6}, -1},
		{[]float64{.3, .2, .1, .9, .9, .9}, 2},
		{[]float64{.3, .3, .3, .3, .3, .3}, 2}, // an equal accuracy is no gain
		{[]float64{.3, .2, .4, .3, .5, .4}, -1},
		{[]float64{.3, .2, .4, .3, .4, .6}, 4},
		{[]float64{.1, .2, .3, .4, .3, .4}, 5},
		{[]float64{0, 0, .1, .1, .1, .1}, 4},
	} {
		r, keys := enterAll(Rule{Patience: 2, Min: 1}, 7, 3)
		got := -1
		for i, v := range c.vals {
			if r.blocks(i, keys[1:2]) {
				t.Fatalf("%v: waits at rung %d", c.vals, i)
			}
			if survive := report(t.Context(), r, i, keys[1:2], []float64{v}); !survive[0] {
				got = i
				break
			}
		}
		if got != c.want {
			t.Errorf("%v: stopped at rung %d, want %d", c.vals, got, c.want)
		}
	}
}

func TestMedianWithout(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		x := make([]float64, 2+rng.IntN(9))
		for i := range x {
			x[i] = float64(rng.IntN(6)) // many equal
		}
		slices.Sort(x)
		out := rng.IntN(len(x))
		rest := slices.Delete(slices.Clone(x), out, out+1)
		want := rest[len(rest)/2]
		if len(rest)%2 == 0 {
			want = (want + rest[len(rest)/2-1]) / 2
		}
		if got := medianWithout(x, x[out]); got != want {
			t.Fatalf("median of %v without %g is %g, want %g", x, x[out], got, want)
		}
	}
}

// A fate holds the accuracies of a trial, and the number of rungs that it reaches before it
// diverges.
type fate struct {
	vals []float64
	last int
}

func fates(rng *rand.Rand, keys []string, rungs int) map[string]fate {
	all := map[string]fate{}
	for _, key := range keys {
		f := fate{last: rungs}
		for range rungs {
			f.vals = append(f.vals, float64(rng.IntN(8))/8) // many ties
		}
		if rng.IntN(4) == 0 {
			f.last = rng.IntN(rungs + 1)
		}
		all[key] = f
	}
	return all
}

// play runs a bracket to its end and returns the rung at which each trial is stopped. Trials arrive
// in random order and in random groups.
func play(rng *rand.Rand, r *bracket, keys []string, all map[string]fate) map[string]int {
	at := map[string]int{}
	for i := range r.rungs {
		leave(r, i, keys, all)
		arrive(rng, r, i, keys, all)
		for _, key := range judgeAll(r, i) {
			at[key] = i
		}
	}
	return at
}

// judgeAll judges all trials that have reached rung i, and returns the sorted keys of those that it stops.
func judgeAll(r *bracket, i int) []string {
	stopped := r.judgeAlone(i, slices.Collect(maps.Keys(r.contenders)))
	if r.compared[i] {
		stopped = append(stopped, r.decide(i)...)
	}
	slices.Sort(stopped)
	return stopped
}

// leave removes the trials that diverge before rung i.
func leave(r *bracket, i int, keys []string, all map[string]fate) {
	for _, key := range keys {
		if e := r.contenders[key]; !e.gone && !e.stopped && all[key].last <= i {
			r.leave(key, true)
		}
	}
}

func arrive(rng *rand.Rand, r *bracket, i int, keys []string, all map[string]fate) {
	for _, n := range rng.Perm(len(keys)) {
		key := keys[n]
		if e := r.contenders[key]; !e.stopped && e.passed == i && len(e.vals) == i && all[key].last > i {
			reach(r, i, []string{key}, []float64{all[key].vals[i]})
		}
	}
}

// TestRaceDependsOnAccuraciesAlone runs brackets in many orders of arrival. It also interrupts them
// at each rung, before and after the rung is judged, and resumes them from the records that are
// then on disk.
func TestRaceDependsOnAccuraciesAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, rl := range []Rule{{Eta: 2, Min: 1}, {Eta: 3, Min: 2}, {Min: 3}, {Patience: 2, Min: 3}} {
		t.Run(rl.String(), func(t *testing.T) {
			for range 50 {
				first, keys := enterAll(rl, 16, 1+rng.IntN(40))
				all := fates(rng, keys, len(first.rungs))
				want := play(rng, first, keys, all)
				again, _ := enterAll(rl, 16, len(keys))
				if got := play(rng, again, keys, all); !equalMaps(got, want) {
					t.Fatalf("%s: another order stops %v, want %v", rl.String(), got, want)
				}
				for stop := range first.rungs {
					for _, part := range []float64{0, .5, 1} {
						got := playBroken(rng, rl, keys, all, stop, part)
						if !equalMaps(got, want) {
							t.Fatalf("%s: broken off at rung %d stops %v, want %v", rl.String(), stop, got, want)
						}
					}
				}
			}
		})
	}
}

// playBroken runs a bracket up to a rung, judges it there, and interrupts it. Only a part of the
// stopped trials are then on record. The others and the survivors resume without a judgement.
func playBroken(rng *rand.Rand, rl Rule, keys []string, all map[string]fate, stop int, part float64) map[string]int {
	r, _ := enterAll(rl, 16, len(keys))
	at := map[string]int{}
	for i := range stop {
		arrive(rng, r, i, keys, all)
		for _, key := range judgeAll(r, i) {
			at[key] = i
		}
	}
	arrive(rng, r, stop, keys, all)
	judged := judgeAll(r, stop)
	kept := judged[:int(part*float64(len(judged)))]
	for _, key := range kept {
		at[key] = stop
	}
	next := rl.brackets(16)[0]
	for key, e := range r.contenders {
		back := *e
		if len(e.vals) == stop+1 && !slices.Contains(kept, key) {
			back.stopped, back.passed = false, stop
		}
		next.enter(key, key, back)
	}
	for i := stop; i < len(next.rungs); i++ {
		arrive(rng, next, i, keys, all)
		for _, key := range judgeAll(next, i) {
			at[key] = i
		}
	}
	return at
}

func equalMaps(a, b map[string]int) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// TestHalvingAgainstSorting compares brackets in which no trial diverges with the definition of
// successive halving.
func TestHalvingAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		r, keys := enterAll(Rule{Eta: 2 + rng.IntN(3), Min: 1}, 30, 1+rng.IntN(60))
		all := fates(rng, keys, len(r.rungs))
		for key, f := range all {
			f.last = len(r.rungs)
			all[key] = f
		}
		want := map[string]int{}
		left := slices.Clone(keys)
		for i := range r.rungs {
			slices.SortFunc(left, func(a, b string) int {
				if va, vb := all[a].vals[i], all[b].vals[i]; va != vb {
					if va > vb {
						return -1
					}
					return 1
				}
				return strings.Compare(a, b)
			})
			best := int(math.Ceil(float64(len(left)) / float64(r.rule.Eta)))
			for _, key := range left[best:] {
				want[key] = i
			}
			left = left[:best]
		}
		if got := play(rng, r, keys, all); !equalMaps(got, want) {
			t.Fatalf("%s of %d: stops %v, want %v", r.rule.String(), len(keys), got, want)
		}
	}
}

// raceGrid returns a grid of 9 trials of 100 iterations and 9 of 40.
func raceGrid(t *testing.T) grid.Points {
	t.Helper()
	g, err := grid.Standard().Parse(grid.Setting{Net: "two-layer", Rule: "sgd", Given: map[string]string{"lr": "1,2,3", "reg": "0,1,2", "iters": "100,40"}})
	if err != nil {
		t.Fatal(err)
	}
	return g.Over(results.Config{Net: "two-layer", Split: [3]int{1000, 100, 100}})
}

func TestRacesOfAGrid(t *testing.T) {
	points := raceGrid(t)
	r := Rule{Eta: 3, Min: 10}
	all, err := New(&r, points)
	if err != nil {
		t.Fatal(err)
	}
	all.Enter(points, nil)
	if long, short := all.byIters[100][0], all.byIters[40][0]; len(all.byIters) != 2 || len(long.contenders) != 9 || len(short.contenders) != 9 ||
		!slices.Equal(long.rungs, []int{10, 30, 90}) || !slices.Equal(short.rungs, []int{10, 30}) {
		t.Errorf("brackets %+v", all.byIters)
	}
	b := all.Describe(points, func(results.Config) float64 { return 1e9 })
	// 40 iterations: 9·10 + 3·20 + 1·10 = 160 of 360; 100: 9·10 + 3·20 + 1·60 + 1·10 = 220 of 900.
	want := "halving 3:10: 9 to 10, 3 to 30, 1 to 40 iterations: saves about 200 GFLOP of 360 GFLOP (56%)\n" +
		"halving 3:10: 9 to 10, 3 to 30, 1 to 90, 1 to 100 iterations: saves about 680 GFLOP of 900 GFLOP (76%)\n"
	if b != want {
		t.Errorf("got\n%swant\n%s", b, want)
	}
	all, err = New(&Rule{}, points)
	if err != nil {
		t.Fatal(err)
	}
	all.Enter(points, nil)
	b = all.Describe(points, func(results.Config) float64 { return 1e9 })
	for _, rule := range []Rule{{Eta: 3, Min: 10, And: &Rule{Patience: 1, Min: 4}}} {
		both, err := New(&rule, points)
		if err != nil {
			t.Fatal(err)
		}
		both.Enter(points, nil)
		combined := strings.ReplaceAll(strings.ReplaceAll(want, "halving 3:10", "halving 3:10, patience 1:4"), "%)\n", "%); patience may save more\n")
		if got := both.Describe(points, func(results.Config) float64 { return 1e9 }); got != combined {
			t.Errorf("got\n%swant\n%s", got, combined)
		}
	}
	if want := "median:10: 9 trials, checked after 10, 20, 30, …, 90 of 100 iterations; the saving is not known in advance\n"; !strings.HasSuffix(b, want) {
		t.Errorf("got\n%swant\n%s", b, want)
	}
	if _, err := New(&Rule{Eta: 3, Min: 40}, points); err == nil || !strings.Contains(err.Error(), "but training ends after 40") {
		t.Errorf("a first rung at the end: %v", err)
	}
}

// TestContenderOf checks the standing that a bracket derives from a record.
func TestContenderOf(t *testing.T) {
	points := raceGrid(t)
	config := points.At(0)
	key, r := config.Key(), Rule{Eta: 3, Min: 10}
	name := r.Name(config.Iters)
	rungs := func(n int) []results.Rung {
		return []results.Rung{{Step: 10, Val: .1}, {Step: 30, Val: .2}, {Step: 90, Val: .3}}[:n]
	}
	vals := []float64{.1, .2, .3}
	for _, c := range []struct {
		what      string
		rec       results.Record
		want      contender
		takesPart bool
		settled   bool
	}{
		{"done in the race", results.Record{State: results.Done, Race: name, Rungs: rungs(3), Steps: 100}, contender{vals: vals, passed: 3, gone: true}, true, true},
		{"done alone", results.Record{State: results.Done, Steps: 100}, contender{}, false, true},
		{"stopped here", results.Record{State: results.Stopped, Race: name, Rungs: rungs(2), Steps: 30}, contender{vals: vals[:2], passed: 1, stopped: true}, true, true},
		{"stopped by another rule", results.Record{State: results.Stopped, Race: "median:10", Rungs: rungs(2), Steps: 30}, contender{}, true, false},
		{"diverged in the race", results.Record{State: results.Diverged, Race: name, Rungs: rungs(1), Steps: 20}, contender{vals: vals[:1], passed: 1, gone: true}, true, true},
		{"diverged at once", results.Record{State: results.Diverged, Race: name, Steps: 2}, contender{gone: true}, true, true},
		{"diverged at once, alone", results.Record{State: results.Diverged, Steps: 2}, contender{gone: true}, true, true},
		{"diverged late, alone", results.Record{State: results.Diverged, Steps: 12}, contender{}, false, true},
		{"failed", results.Record{State: results.Failed, Race: name, Rungs: rungs(1)}, contender{}, true, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.rec.Config, c.rec.Key = config, key
			all, err := New(&r, points)
			if err != nil {
				t.Fatal(err)
			}
			all.Enter(points, map[string]results.Record{key: c.rec})
			e, takesPart := all.byIters[config.Iters][0].contenders[key]
			if takesPart != c.takesPart {
				t.Errorf("%s: takes part %t, want %t", c.what, takesPart, c.takesPart)
			} else if takesPart && (!slices.Equal(e.vals, c.want.vals) || e.passed != c.want.passed || e.stopped != c.want.stopped || e.gone != c.want.gone) {
				t.Errorf("%s: stands %+v, want %+v", c.what, *e, c.want)
			}
			if got := all.Settled(&c.rec); got != c.settled {
				t.Errorf("%s: settled %t, want %t", c.what, got, c.settled)
			}
		})
	}
}

// TestReport runs blocks on goroutines, with trials that leave, and checks that they stop the same
// trials as one goroutine does.
func TestReport(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, rl := range []Rule{{Eta: 2, Min: 1}, {Eta: 3, Min: 2}, {Min: 3}, {Patience: 2, Min: 3}} {
		t.Run(rl.String(), func(t *testing.T) {
			for range 20 {
				alone, keys := enterAll(rl, 16, 1+rng.IntN(40))
				all := fates(rng, keys, len(alone.rungs))
				want := play(rng, alone, keys, all)
				for range 5 {
					r, _ := enterAll(rl, 16, len(keys))
					var wg sync.WaitGroup
					for rest := slices.Clone(keys); len(rest) > 0; {
						n := 1 + rng.IntN(len(rest))
						block := rest[:n]
						rest = rest[n:]
						wg.Go(func() { runBlock(t.Context(), r, block, all) })
					}
					wg.Wait()
					got := map[string]int{}
					for key, e := range r.contenders {
						if e.stopped {
							got[key] = len(e.vals) - 1
						}
					}
					if !equalMaps(got, want) {
						t.Fatalf("%s: blocks stop %v, want %v", rl.String(), got, want)
					}
				}
			}
		})
	}
}

// runBlock reports trials to a bracket, as a block does.
func runBlock(ctx context.Context, r *bracket, keys []string, all map[string]fate) {
	for i := range r.rungs {
		var there []string
		var vals []float64
		for _, key := range keys {
			if all[key].last > i {
				there, vals = append(there, key), append(vals, all[key].vals[i])
			} else {
				r.leave(key, true)
			}
		}
		keys = nil
		for n, survives := range report(ctx, r, i, there, vals) {
			if survives {
				keys = append(keys, there[n])
			}
		}
		if len(keys) == 0 || ctx.Err() != nil {
			return
		}
	}
	for _, key := range keys {
		r.leave(key, true)
	}
}

// TestReportInterrupted ends the context while one block waits for another, and checks that no
// trial is stopped.
func TestReportInterrupted(t *testing.T) {
	r, keys := enterAll(Rule{Eta: 2, Min: 1}, 4, 4)
	ctx, cancel := context.WithCancel(t.Context())
	met := make(chan []bool)
	go func() { met <- report(ctx, r, 0, keys[:3], []float64{.1, .2, .3}) }()
	cancel()
	if got := <-met; !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("survives: %v, want all", got)
	}
	// The block resumes: the same trials report again, and then the fourth.
	go func() { met <- report(t.Context(), r, 0, keys[:3], []float64{.1, .2, .3}) }()
	report(t.Context(), r, 0, keys[3:], []float64{.25})
	if got := <-met; !slices.Equal(got, []bool{false, false, true}) {
		t.Errorf("survives: %v, want the third alone", got)
	}
}

// TestResume restores the standing of trials while another trial waits for them.
func TestResume(t *testing.T) {
	r, keys := enterAll(Rule{Eta: 2, Min: 1}, 4, 4)
	met := make(chan []bool)
	go func() { met <- report(t.Context(), r, 0, keys[:1], []float64{.2}) }()
	r.resume(keys[1], []float64{.3, .1}, 1) // survived rung 0 and waits at rung 1
	r.resume(keys[2], []float64{.25}, 1)
	r.resume(keys[3], []float64{.1}, 0) // waits at rung 0
	if got := <-met; !slices.Equal(got, []bool{false}) || !r.contenders[keys[3]].stopped {
		t.Errorf("survives: %v; want the first and the last stopped", got)
	}
	r.resume(keys[1], nil, 0) // Resume never moves a trial back
	if got := report(t.Context(), r, 1, keys[2:3], []float64{.4}); !slices.Equal(got, []bool{true}) || !r.contenders[keys[1]].stopped {
		t.Errorf("survives: %v; want the third, and the second stopped", got)
	}
	if got, want := r.reached(keys[2]), []float64{.25, .4}; !slices.Equal(got, want) {
		t.Errorf("course %v, want %v", got, want)
	}
}
