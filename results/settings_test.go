package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// seeds returns the records of one learning rate, with seeds 1, 2, …, that trained to the end.
func seeds(lr float64, vals ...float64) []Record {
	var records []Record
	for i, val := range vals {
		records = append(records, withSeed(point(lr, 0.25, Done, val), uint32(i+1)))
	}
	return records
}

func withSeed(r Record, seed uint32) Record {
	r.Config.Seed = seed
	r.Key = r.Config.Key()
	return r
}

// stoppedAt returns r as a stopped trial with the accuracies at rungs 100, 200, …, the last of which stopped it.
func stoppedAt(r Record, vals ...float64) Record {
	r.State, r.Race, r.Rungs = Stopped, "halving 2:100", rungs(vals)
	r.Steps = 100 * len(vals)
	r.Accuracy.FinalVal, r.Accuracy.FinalStep = ptr(vals[len(vals)-1]), r.Steps
	return r
}

func rungs(vals []float64) (all []Rung) {
	for i, val := range vals {
		all = append(all, Rung{100 * (i + 1), val})
	}
	return all
}

func ended(r Record, state State) Record {
	r.State, r.Accuracy.FinalVal = state, nil
	return r
}

// lrs returns the learning rates of settings.
func lrs(settings []*Setting) (all []float64) {
	for _, s := range settings {
		all = append(all, s.Trials[0].Config.LR)
	}
	return all
}

// TestRankSettings checks the order of settings by each figure. With seeds 1 to 3, the means are 0.4, 0.5 and 0.45.
func TestRankSettings(t *testing.T) {
	var records []Record
	records = append(records, seeds(1, 0.39, 0.40, 0.41)...)
	records = append(records, seeds(2, 0.30, 0.50, 0.70)...)
	records = append(records, seeds(3, 0.44, 0.45, 0.46)...)
	records = append(records, seeds(4, 0.47)...) // without an interval
	records = append(records, seeds(5, 0.48)...)
	for _, c := range []struct {
		by   Order
		want []float64
	}{{ByMean, []float64{2, 5, 4, 3, 1}}, {"", []float64{2, 5, 4, 3, 1}}, {ByBest, []float64{2, 5, 4, 3, 1}}, {ByLower, []float64{3, 1, 2, 5, 4}}} {
		if got := lrs(RankSettings(records, c.by)); !slices.Equal(got, c.want) {
			t.Errorf("by %q: learning rates %v, want %v", c.by, got, c.want)
		}
	}
	s := RankSettings(records, ByMean)[0]
	if !near(s.Val.Mean, 0.5, 1e-12) || s.Val.N != 3 || s.Best() != 0.7 || s.Worst() != 0.3 || !near(s.Val.Half, 4.302653*0.2/math.Sqrt(3), 1e-6) {
		t.Errorf("%+v, best %g, worst %g", s.Val, s.Best(), s.Worst())
	}
}

// TestRankSettingsByBest needs another order than that by mean.
func TestRankSettingsByBest(t *testing.T) {
	records := append(seeds(1, 0.1, 0.6), seeds(2, 0.5, 0.5)...)
	if got := lrs(RankSettings(records, ByBest)); !slices.Equal(got, []float64{1, 2}) {
		t.Errorf("by best: %v", got)
	}
	if got := lrs(RankSettings(records, ByMean)); !slices.Equal(got, []float64{2, 1}) {
		t.Errorf("by mean: %v", got)
	}
}

// TestUnevenSettings checks settings whose trials ended in different ways.
func TestUnevenSettings(t *testing.T) {
	all := func(lr float64, trials ...Record) (records []Record) {
		for i, r := range trials {
			r.Config.LR = lr
			records = append(records, withSeed(r, uint32(i+1)))
		}
		return records
	}
	done := func(val float64, at ...float64) Record {
		r := point(1, 0.25, Done, val)
		r.Rungs = rungs(at)
		return r
	}
	blank := point(1, 0.25, Done, 0)
	for _, c := range []struct {
		name    string
		trials  []Record
		mean    float64 // NaN if there is none
		n, step int
	}{
		{"all trained to the end", all(1, done(0.3), done(0.5)), 0.4, 2, 0},
		{"one stopped: at the rung that both reached", all(2, done(0.9, 0.3, 0.4, 0.5), stoppedAt(blank, 0.1, 0.2)), 0.3, 2, 200},
		{"stopped at different rungs", all(3, stoppedAt(blank, 0.2, 0.8), stoppedAt(blank, 0.1)), 0.15, 2, 100},
		{"one has no accuracy at the rung", all(4, done(0.9), stoppedAt(blank, 0.1, 0.2)), 0.2, 1, 200},
		{"one diverged", all(5, done(0.9), ended(blank, Diverged), done(0.8)), math.NaN(), 0, 0},
		{"two diverged", all(6, done(0.9), ended(blank, Diverged), ended(blank, Diverged)), math.NaN(), 0, 0},
		{"one failed", all(7, done(0.3), ended(blank, Failed)), 0.3, 1, 0},
		{"all failed", all(8, ended(blank, Failed), ended(blank, Failed)), math.NaN(), 0, 0},
	} {
		s := RankSettings(c.trials, ByMean)
		if len(s) != 1 {
			t.Fatalf("%s: %d settings", c.name, len(s))
		}
		if v := s[0].Val; v.N != c.n || s[0].Step != c.step || !(near(v.Mean, c.mean, 1e-12) || math.IsNaN(v.Mean) && math.IsNaN(c.mean)) {
			t.Errorf("%s: %+v at step %d, want mean %g of %d at %d", c.name, v, s[0].Step, c.mean, c.n, c.step)
		}
	}
	var records []Record
	for _, trials := range [][]Record{
		all(8, ended(blank, Failed)), all(6, done(0.9), ended(blank, Diverged), ended(blank, Diverged)), all(3, stoppedAt(blank, 0.2, 0.8), stoppedAt(blank, 0.1)),
		all(5, done(0.9), ended(blank, Diverged), done(0.8)), all(1, done(0.3), done(0.5)), all(2, done(0.9, 0.3, 0.01, 0.5), stoppedAt(blank, 0.1, 0.02)),
	} {
		records = append(records, trials...)
	}
	if got, want := lrs(RankSettings(records, ByMean)), []float64{1, 2, 3, 5, 6, 8}; !slices.Equal(got, want) {
		t.Errorf("learning rates %v, want %v", got, want)
	}
}

// TestMinus checks differences that are paired by seed. The differences are those of Student's sleep, as in
// TestIntervalOf, on top of values that differ much more from seed to seed.
func TestMinus(t *testing.T) {
	sleep := []float64{1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4}
	var a, b []float64
	for i, d := range sleep {
		b = append(b, float64(100*i))
		a = append(a, float64(100*i)+d)
	}
	records := append(seeds(1, a...), seeds(2, b...)...)
	records = append(records, withSeed(point(1, 0.25, Done, 1e6), 11), withSeed(point(2, 0.25, Done, -1e6), 12)) // in one setting only
	records = append(records, withSeed(point(3, 0.25, Done, 7), 40))
	records = append(records, stoppedAt(withSeed(point(4, 0.25, Done, 7), 1), 0.5))
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	of := map[float64]*Setting{}
	for _, s := range RankSettings(records, ByMean) {
		of[s.Trials[0].Config.LR] = s
	}
	d := of[1].Minus(of[2])
	if d.N != 10 || !near(d.Low(), 0.7001142, 5e-8) || !near(d.High(), 2.4598858, 5e-8) || d.Holds(0) {
		t.Errorf("%+v", d)
	}
	if d := of[1].Minus(of[1]); d.Mean != 0 || d.Half != 0 || !d.Holds(0) {
		t.Errorf("a setting and itself: %+v", d)
	}
	if d := of[1].Minus(of[3]); d.N != 0 {
		t.Errorf("no common seed: %+v", d)
	}
	if d := of[1].Minus(of[4]); d.N != 0 {
		t.Errorf("the end and a rung: %+v", d)
	}
}

func TestTests(t *testing.T) {
	records := seeds(1, 0.4, 0.5)
	records[0].Accuracy.Test, records[1].Accuracy.Test = ptr(0.3), ptr(0.4)
	if i := RankSettings(records, ByMean)[0].Tests(); i.N != 2 || !near(i.Mean, 0.35, 1e-12) || !near(i.Half, 12.7062*0.05, 1e-4) {
		t.Errorf("%+v", i)
	}
	for name, change := range map[string]func(r *Record){"stopped": func(r *Record) { *r = stoppedAt(*r, 0.5) }, "not tested": func(r *Record) { r.Accuracy.Test = nil }} {
		records := slices.Clone(records)
		change(&records[1])
		if i := RankSettings(records, ByMean)[0].Tests(); i.N != 0 {
			t.Errorf("%s: %+v", name, i)
		}
	}
}

// TestSettingsOrder checks that neither the rank nor the bits of any figure depend on the order of the records.
func TestSettingsOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var records []Record
	for lr := 1.0; lr <= 12; lr++ {
		for seed := range uint32(1 + rng.IntN(5)) {
			r := withSeed(point(lr, 0.25, Done, rng.Float64()), seed)
			switch rng.IntN(8) {
			case 0:
				r = ended(r, Diverged)
			case 1:
				r = ended(r, Failed)
			case 2, 3:
				r = stoppedAt(r, rng.Float64(), rng.Float64())
			default:
				r.Rungs = rungs([]float64{rng.Float64(), rng.Float64()})
			}
			records = append(records, r)
		}
	}
	for _, by := range Orders() {
		figures := func() string {
			settings := RankSettings(records, by)
			var text string
			for _, s := range settings {
				text += fmt.Sprint(s.Trials[0].Config.LR, s.Val, s.Step, s.Best(), s.Worst(), s.Minus(settings[0]), s.Tests(), "\n")
			}
			return text
		}
		want := figures()
		for range 20 {
			rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			if figures() != want {
				t.Fatalf("by %s: the figures depend on the order of the records", by)
			}
		}
	}
}
