package halving

import (
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

// TestHyperbandTable compares with the example of the paper, R = 81 and η = 3: the numbers of trials
// by its algorithm 1, ⌈5·3^s/(s+1)⌉, and the first rungs 81/3^s.
func TestHyperbandTable(t *testing.T) {
	r := Rule{Eta: 3, Hyperband: true, Min: 1}
	brackets := r.brackets(81)
	if got, want := shares(3, len(brackets)), []int64{81, 34, 15, 8, 5}; !slices.Equal(got, want) {
		t.Errorf("the brackets have %v trials, want %v", got, want)
	}
	for i, want := range []struct {
		name   string
		rungs  []int
		counts []int // survivors are rounded up, as in successive halving
	}{
		{"halving hyperband:3:1 bracket 4", []int{1, 3, 9, 27}, []int{81, 27, 9, 3, 1}},
		{"halving hyperband:3:1 bracket 3", []int{3, 9, 27}, []int{34, 12, 4, 2}},
		{"halving hyperband:3:1 bracket 2", []int{9, 27}, []int{15, 5, 2}},
		{"halving hyperband:3:1 bracket 1", []int{27}, []int{8, 3}},
		{"halving hyperband:3:1 bracket 0", nil, []int{5}},
	} {
		b := brackets[i]
		counts, ok := b.forecast(want.counts[0])
		if b.name != want.name || !slices.Equal(b.rungs, want.rungs) || !ok || !slices.Equal(counts, want.counts) {
			t.Errorf("%q with rungs %v and %v trials, want %+v", b.name, b.rungs, counts, want)
		}
	}
	// R = 8 and η = 2: ⌈4·2^s/(s+1)⌉.
	if got, want := shares(2, 4), []int64{8, 6, 4, 4}; !slices.Equal(got, want) {
		t.Errorf("the brackets have %v trials, want %v", got, want)
	}
	for _, eta := range []int{2, 1e6, math.MaxInt} { // powers of these do not overflow
		if got := shares(eta, 63); slices.Min(got) <= 0 {
			t.Errorf("η %d: shares %v", eta, got)
		}
	}
}

// TestTurns compares the first turns with a calculation by hand, for the shares 9, 5 and 3. It also
// checks that every beginning of the turns has nearly the proportions of the shares.
func TestTurns(t *testing.T) {
	turns, got := newTurns(3, 3), []int(nil)
	for range 9 {
		got = append(got, turns.next())
	}
	if want := []int{0, 1, 0, 2, 0, 1, 0, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("turns %v, want %v", got, want)
	}
	for _, c := range []struct{ eta, n int }{{2, 1}, {2, 2}, {2, 4}, {2, 8}, {3, 5}, {4, 3}, {10, 4}} {
		turns := newTurns(c.eta, c.n)
		counts := make([]int64, c.n)
		for i := range 2 * turns.sum {
			counts[turns.next()]++
			for s, count := range counts {
				if want := float64(turns.shares[s]) * float64(i+1) / float64(turns.sum); math.Abs(float64(count)-want) > 2 {
					t.Fatalf("η %d, %d brackets: bracket %d has %d of the first %d trials, want about %.1f", c.eta, c.n, s, count, i+1, want)
				}
			}
			if i+1 == turns.sum && !slices.Equal(counts, turns.shares) {
				t.Errorf("η %d, %d brackets: counts %v, want %v", c.eta, c.n, counts, turns.shares)
			}
		}
	}
}

// points returns the points of a grid of two-layer nets.
func points(t *testing.T, s grid.Setting) grid.Points {
	t.Helper()
	s.Net, s.Rule = "two-layer", "sgd"
	g, err := grid.Standard().Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return g.Over(results.Config{Net: "two-layer", Split: [3]int{1000, 100, 100}})
}

// entered returns the brackets of points without records.
func entered(t *testing.T, r Rule, p grid.Points) *Brackets {
	t.Helper()
	all, err := New(&r, p)
	if err != nil {
		t.Fatal(err)
	}
	all.Enter(p, nil)
	return all
}

// TestAssign checks that the bracket of a trial depends only on its position among the settings with
// its number of iterations.
func TestAssign(t *testing.T) {
	sample := func(n int, seeds, iters string) grid.Points {
		given := map[string]string{"lr": "log:1e-4..1e-2", "reg": "0..1", "seed": seeds, "iters": iters}
		return points(t, grid.Setting{Given: given, Sample: grid.Sampling{Method: "random", N: n}})
	}
	rule := Rule{Eta: 3, Hyperband: true, Min: 10} // rungs 10, 30 of 40
	names := func(p grid.Points) map[string]string {
		all, byKey := entered(t, rule, p), map[string]string{}
		for c := range p.All() {
			byKey[c.Key()] = all.of(c.Key(), c.Iters).name
		}
		return byKey
	}
	small, large := sample(9, "1", "40"), sample(30, "1..3", "40")
	of := names(large)
	for key, name := range names(small) {
		if of[key] != name {
			t.Errorf("%s in the small sample, %q in the large one", name, of[key])
		}
	}
	var turn []string
	for c := range small.All() {
		turn = append(turn, strings.TrimPrefix(of[c.Key()], "halving hyperband:3:10 bracket "))
		for seed := range uint32(3) {
			other := c
			other.Seed = seed + 1
			if of[other.Key()] != of[c.Key()] {
				t.Errorf("seed %d is in %q, seed %d in %q", c.Seed, of[c.Key()], other.Seed, of[other.Key()])
			}
		}
	}
	if got, want := strings.Join(turn, ""), "212021202"; got != want {
		t.Errorf("the first trials are in the brackets %s, want %s", got, want)
	}

	// A grid with two numbers of iterations counts each by itself.
	mixed := points(t, grid.Setting{Given: map[string]string{"lr": "log:1e-4..1e-2:17", "reg": "0", "iters": "40,100"}})
	counts := map[string]int{}
	for c := range mixed.All() {
		counts[fmt.Sprint(c.Iters, names(mixed)[c.Key()])]++
	}
	// 100 iterations have the rungs 10, 30 and 90. Four brackets with the shares 27, 12, 6 and 4 have
	// 9, 4, 2 and 2 of the first 17 trials.
	want := map[string]int{
		"40halving hyperband:3:10 bracket 2": 9, "40halving hyperband:3:10 bracket 1": 5, "40halving hyperband:3:10 bracket 0": 3,
		"100halving hyperband:3:10 bracket 3": 9, "100halving hyperband:3:10 bracket 2": 4, "100halving hyperband:3:10 bracket 1": 2, "100halving hyperband:3:10 bracket 0": 2,
	}
	if !maps.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

// TestHyperbandCompetes trains blocks with trials of all brackets on goroutines. Each bracket must
// stop the trials that it stops alone.
func TestHyperbandCompetes(t *testing.T) {
	rule := Rule{Eta: 2, Hyperband: true, Min: 2} // rungs 2, 4, 8 of 16
	p := points(t, grid.Setting{Given: map[string]string{"lr": "log:1e-4..1e-2:11", "reg": "0,0.5,1", "iters": "16"}})
	trials := p.Pending(func(results.Config) float64 { return 1 }, func(string) bool { return false })
	rng := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		all, want := map[string]fate{}, map[string]int{}
		for _, b := range entered(t, rule, p).byIters[16] {
			keys := slices.Sorted(maps.Keys(b.contenders))
			if len(keys) == 0 {
				t.Fatal("a bracket has no trials")
			}
			fates := fates(rng, keys, len(b.rungs))
			maps.Copy(all, fates)
			maps.Copy(want, play(rng, b, keys, fates))
		}
		for _, width := range []int{1, 3, 8, 33} {
			bs := entered(t, rule, p)
			var wg sync.WaitGroup
			shuffled := slices.Clone(trials)
			rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for block := range slices.Chunk(shuffled, width) {
				wg.Go(func() { trainBlock(t.Context(), bs, block, all) })
			}
			wg.Wait()
			got := map[string]int{}
			for _, b := range bs.byIters[16] {
				for key, e := range b.contenders {
					if e.stopped {
						got[key] = len(e.vals) - 1
					}
				}
			}
			if !equalMaps(got, want) {
				t.Fatalf("blocks of %d stop %v, want %v", width, got, want)
			}
		}
	}
}

// trainBlock reports trials of several brackets to these, as a runner does.
func trainBlock(ctx context.Context, bs *Brackets, block []grid.Trial, all map[string]fate) {
	alive := slices.Clone(block)
	for done := 1; done < 16; done++ {
		if !bs.HasRung(16, done) {
			continue
		}
		var judged []grid.Trial
		var vals []float64
		rest := alive[:0:0]
		for _, trial := range alive {
			passed, _ := bs.Before(trial, done)
			switch f := all[trial.Key]; {
			case !bs.Judges(trial, done):
				rest = append(rest, trial)
			case f.last <= len(passed):
				bs.Withdraw(trial)
			default:
				judged, vals = append(judged, trial), append(vals, f.vals[len(passed)])
			}
		}
		for n, survives := range bs.Report(ctx, done, judged, vals) {
			if survives {
				rest = append(rest, judged[n])
			}
		}
		alive = rest
	}
	for _, trial := range alive {
		bs.Withdraw(trial)
	}
}

// TestHyperbandDescribe compares with a calculation by hand.
func TestHyperbandDescribe(t *testing.T) {
	p := points(t, grid.Setting{Given: map[string]string{"lr": "log:1e-4..1e-2:17", "reg": "0", "iters": "90"}})
	bs := entered(t, Rule{Eta: 3, Hyperband: true}, p)
	// Bracket 2: 9·10 + 3·20 + 1·60 = 210 of 810. Bracket 1: 5·30 + 2·60 = 270 of 450.
	want := "halving hyperband:3:10 bracket 2: 9 to 10, 3 to 30, 1 to 90 iterations: saves about 600 GFLOP of 810 GFLOP (74%)\n" +
		"halving hyperband:3:10 bracket 1: 5 to 30, 2 to 90 iterations: saves about 180 GFLOP of 450 GFLOP (40%)\n" +
		"halving hyperband:3:10 bracket 0: 3 to 90 iterations\n" +
		"halving hyperband:3:10, all brackets: saves about 780 GFLOP of 1.53 TFLOP (51%)\n"
	if got := bs.Describe(p, func(results.Config) float64 { return 1e9 }); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := bs.Share(90), (210.0+270+270)/1530; got != want {
		t.Errorf("a share of %g is trained, want %g", got, want)
	}
	// Brackets without trials have no line.
	p = points(t, grid.Setting{Given: map[string]string{"lr": "1,2", "reg": "0", "iters": "90"}})
	if got := entered(t, Rule{Eta: 3, Hyperband: true}, p).Describe(p, func(results.Config) float64 { return 1e9 }); strings.Count(got, "\n") != 3 || strings.Contains(got, "bracket 0") {
		t.Errorf("two trials:\n%s", got)
	}
}
