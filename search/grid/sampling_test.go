package grid

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fusegrid/results"
	"fusegrid/search/sample"
)

// parsed returns the grid of lists such as "lr=1e-4..1e-2".
func parsed(t *testing.T, s Setting, lists string) (*Grid, error) {
	t.Helper()
	s.Given = map[string]string{}
	for _, list := range strings.Fields(lists) {
		name, values, _ := strings.Cut(list, "=")
		s.Given[name] = values
	}
	return Standard().Parse(s)
}

func TestParseSampling(t *testing.T) {
	for text, want := range map[string]Sampling{"grid": {}, "lhs:64": {Method: "lhs", N: 64}, "random:1": {Method: "random", N: 1}, "halton:1000000": {Method: "halton", N: 1000000}} {
		if got, err := ParseSampling(text); err != nil || got != want {
			t.Errorf("%q is %v, error %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":          `no sampler ""`,
		"lsh:64":    `no sampler "lsh" (did you mean "lhs"?)`,
		"lhs":       "the number of points must be from 1 to 1000000; write for example lhs:64",
		"lhs:0":     "must be from 1",
		"lhs:1e3":   "must be from 1",
		"random:-1": "must be from 1",
		"grid:5":    "a grid has no number of points",
	} {
		if _, err := ParseSampling(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

// TestSampled draws points of all kinds of axes, with two seeds each.
func TestSampled(t *testing.T) {
	for _, m := range Methods() {
		s := Setting{Sample: Sampling{Method: m, N: 50, Seed: 3}}
		g, err := parsed(t, s, "lr=log:1e-4..1e-2 reg=0..1 hidden=10..200 batch=100,200 epochs=2..9 seed=4,5 decay=0.9,0.95 std=1e-3")
		if err != nil {
			t.Fatal(err)
		}
		p := allRounds(t, g).Over(results.Config{Split: [3]int{1000, 10, 10}})
		if want := 100; p.Len() != want || p.Total() != want || !strings.HasPrefix(p.Shape(), "50 "+m+" of hidden, batch, epochs, decay, lr, reg") {
			t.Fatalf("%s: %d points, %s", m, p.Len(), p.Shape())
		}
		seen, batches := map[string]bool{}, map[int]int{}
		for i := range p.Len() {
			c := p.At(i)
			epochs := c.Iters / c.PerEpoch()
			if c.LR < 1e-4 || c.LR > 1e-2 || c.Reg < 0 || c.Reg > 1 || c.Hidden[0] < 10 || c.Hidden[0] > 200 || c.Std != 1e-3 ||
				epochs < 2 || epochs > 9 || epochs*c.PerEpoch() != c.Iters || c.Seed != uint32(4+i%2) || c.Decay != 0.9 && c.Decay != 0.95 {
				t.Fatalf("%s: point %d is %+v", m, i, c)
			}
			seen[c.Key()] = true
			batches[c.Batch]++
			if pair := p.At(i ^ 1); pair.LR != c.LR || pair.Hidden[0] != c.Hidden[0] || pair.Seed == c.Seed {
				t.Fatalf("%s: points %d and %d are no pair of seeds", m, i, i^1)
			}
		}
		if len(seen) != 100 || batches[100]+batches[200] != 100 || batches[100] < 20 || batches[200] < 20 {
			t.Errorf("%s: %d different points, batches %v", m, len(seen), batches)
		}
		again, err := parsed(t, s, "lr=log:1e-4..1e-2 reg=0..1 hidden=10..200 batch=100,200 epochs=2..9 seed=4,5 decay=0.9,0.95 std=1e-3")
		if err != nil || allRounds(t, again).Over(p.Base).At(37).Key() != p.At(37).Key() {
			t.Errorf("%s: other points the second time, error %v", m, err)
		}
		s.Sample.Seed++
		other, err := parsed(t, s, "lr=log:1e-4..1e-2 reg=0..1 hidden=10..200 batch=100,200 epochs=2..9 seed=4,5 decay=0.9,0.95 std=1e-3")
		if err != nil || allRounds(t, other).Over(p.Base).At(37).Key() == p.At(37).Key() {
			t.Errorf("%s: the same points with another seed, error %v", m, err)
		}
	}
}

// allRounds draws all rounds of a grid. The value of a point is minus its learning rate.
func allRounds(t *testing.T, g *Grid) *Grid {
	t.Helper()
	base := results.Config{Split: [3]int{1000, 10, 10}}
	records := map[string]results.Record{}
	var grids []*Grid
	var earlier []sample.Result
	for r := range g.Rounds() {
		round, err := g.Round(r, earlier)
		if err != nil {
			t.Fatal(err)
		}
		for c := range round.Over(base).All() {
			r := results.Record{Config: c, State: results.Done}
			r.Accuracy.FinalVal = new(-c.LR)
			records[c.Key()] = r
		}
		earlier = append(earlier, round.Over(base).Results(len(earlier), records)...)
		grids = append(grids, round)
	}
	return g.Join(grids)
}

// TestLearns checks that TPE finds small learning rates, which allRounds prefers, and that other samplers do not
// search them.
func TestLearns(t *testing.T) {
	for _, m := range Methods() {
		g, err := parsed(t, Setting{Sample: Sampling{Method: m, N: 80, Round: 5}}, "lr=log:1e-4..1 reg=0..1")
		if err != nil {
			t.Fatal(err)
		}
		small := 0
		all := allRounds(t, g)
		if all.Len() != 80 || all.Total() != 80 || g.Total() != 80 || (g.Rounds() == 16) != (m == "tpe") {
			t.Errorf("%s: %d points in %d rounds", m, all.Len(), g.Rounds())
		}
		for c := range all.Over(results.Config{}).All() {
			if c.LR < 1e-3 {
				small++
			}
		}
		if (small > 40) != (m == "tpe") || small < 15 {
			t.Errorf("%s: %d of 80 points have lr below 1e-3; a fourth of the range is there", m, small)
		}
	}
}

// TestFewPoints draws from a list, which has fewer points than were asked for.
func TestFewPoints(t *testing.T) {
	g, err := parsed(t, Setting{Sample: Sampling{Method: "lhs", N: 64}}, "lr=1e-4,1e-3 reg=0,1,2")
	if err != nil {
		t.Fatal(err)
	}
	if g.Len() != 6 {
		t.Errorf("%d points, want the 6 combinations", g.Len())
	}
}

func TestSampledRejects(t *testing.T) {
	lhs := Setting{Prefix: "-", Sample: Sampling{Method: "lhs", N: 64}}
	for _, c := range []struct {
		s           Setting
		lists, want string
	}{
		{lhs, "lr=1e-3 reg=0", "-sample lhs:64 has nothing to draw from; give an axis a range, such as -lr log:1e-4..1e-2"},
		{lhs, "lr=1e-2..1e-4", "the range must begin below its end"},
		{lhs, "lr=1e-3..1e-3", "the range must begin below its end"},
		{lhs, "reg=log:0..1", "a log range must begin above 0"},
		{lhs, "reg=0,log:1e-3..1", "the range needs a number of values"},
		{lhs, "lr=a..1", `"a" is not a number`},
		{lhs, "decay=0.5..1.5", "the learning rate would grow"},
		{lhs, "hidden=0..5", `"0" is less than 1`},
		{lhs, "hidden=5..99999999", "more than 65536"},
		{lhs, "batch=10..1000000", "more than 100000"},
		{Setting{Prefix: "-", Sample: Sampling{Method: "lhs", N: 64}, Zip: []string{"lr", "reg"}}, "lr=1e-4..1", "omit -zip or -sample"},
		{Setting{Prefix: "-", Sample: Sampling{Seed: 3}}, "", "add -sample, such as -sample lhs:64"},
		{Setting{Prefix: "-"}, "lr=1e-4..1e-3", "the range needs a number of values"},
	} {
		if _, err := parsed(t, c.s, c.lists); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.lists, err, c.want)
		}
	}
}

func TestZip(t *testing.T) {
	for _, c := range []struct {
		zip, lists, shape string
		want              []string
	}{
		{"lr,reg", "lr=1,2,3 reg=4,5,6 decay=0.5,0.7", "2 decay × 3 lr+reg", []string{"0.5 1 4", "0.5 2 5", "0.5 3 6", "0.7 1 4", "0.7 2 5", "0.7 3 6"}},
		{"decay,lr", "lr=1,2 reg=4,5 decay=0.5,0.7", "2 decay+lr × 2 reg", []string{"0.5 1 4", "0.5 1 5", "0.7 2 4", "0.7 2 5"}},
		{"reg,lr,decay", "lr=1,2 reg=4,5 decay=0.5,0.7", "2 reg+lr+decay", []string{"0.5 1 4", "0.7 2 5"}},
		{"lr,reg", "lr=1,1,2,2 reg=4,5,5,4 decay=0.5", "4 lr+reg", []string{"0.5 1 4", "0.5 1 5", "0.5 2 5", "0.5 2 4"}}, // pairs differ
	} {
		g, err := parsed(t, Setting{Zip: strings.Split(c.zip, ",")}, c.lists)
		if err != nil {
			t.Errorf("%s: %v", c.zip, err)
			continue
		}
		var got []string
		for p := range g.Over(results.Config{}).All() {
			got = append(got, fmt.Sprint(p.Decay, p.LR, p.Reg))
		}
		if g.Shape() != c.shape || !slices.Equal(got, c.want) {
			t.Errorf("%s: %s, points %q, want %s, %q", c.zip, g.Shape(), got, c.shape, c.want)
		}
	}
	// Epochs count iterations of the batch size, which is set in an inner loop.
	g, err := parsed(t, Setting{Net: "fc", Zip: []string{"batch", "lr"}}, "batch=10,100 lr=1,2 epochs=3")
	if err != nil {
		t.Fatal(err)
	}
	p := g.Over(results.Config{Split: [3]int{1000, 10, 10}})
	if a, b := p.At(0), p.At(1); a.Iters != 300 || b.Iters != 30 {
		t.Errorf("%d and %d iterations, want 300 and 30", a.Iters, b.Iters)
	}
	for lists, want := range map[string]string{
		"lr=1,2,1 reg=4,5,4":           "zip lr,reg: the values with number 3 are those with number 1; omit them",
		"lr=1,1 reg=4,5 decay=0.5,0.5": `item 2 "0.5": 0.5 is already item 1`, // not paired
	} {
		if _, err := parsed(t, Setting{Zip: []string{"lr", "reg"}}, lists); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", lists, err, want)
		}
	}
	for zip, want := range map[string]string{
		"lr":        "zip lr: give two or more different axes",
		"lr,lr":     "give two or more different axes",
		"lr,rate":   `no axis "rate"`,
		"lr,hidden": "zip lr,hidden: hidden has 3 values and lr has 2; give lists of one length",
	} {
		if _, err := parsed(t, Setting{Zip: strings.Split(zip, ",")}, "lr=1,2 hidden=1,2,3"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", zip, err, want)
		}
	}
}

// TestValuesOfPoints checks what a sampler that learns is told about points with several seeds.
func TestValuesOfPoints(t *testing.T) {
	g, err := parsed(t, Setting{Sample: Sampling{Method: "random", N: 4}}, "lr=log:1e-4..1 seed=1,2")
	if err != nil {
		t.Fatal(err)
	}
	p := g.Over(results.Config{})
	records := map[string]results.Record{}
	for i, val := range []float64{0.25, 0.75, 0.5, -1, 0.5, -2, 0.5, 0.5} {
		r := results.Record{Config: p.At(i), State: results.Done}
		r.Accuracy.FinalVal = &val
		if val == -1 {
			r.State = results.Diverged
		}
		if val != -2 {
			records[r.Config.Key()] = r
		}
	}
	want := []float64{0.5, math.NaN(), math.NaN(), 0.5}
	for i, r := range p.Results(10, records) {
		if r.Index != 10+i || r.Point[0] != p.At(2*i).LR || r.Value != want[i] && !(math.IsNaN(r.Value) && math.IsNaN(want[i])) {
			t.Errorf("point %d: %+v, want value %v", i, r, want[i])
		}
	}
}
