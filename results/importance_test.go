package results

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// factorial returns the records of a full grid over lr, reg and, if it has several values, decay. The function val
// gives the accuracy of each point and seed.
func factorial(lr, reg, decay, seeds int, val func(a, b, c, seed int) float64) []Record {
	var records []Record
	for a := range lr {
		for b := range reg {
			for c := range decay {
				for seed := range seeds {
					r := point(float64(a+1), float64(b+1), Done, val(a, b, c, seed))
					r.Config.Decay = 1 / float64(c+1)
					records = append(records, withSeed(r, uint32(seed)))
				}
			}
		}
	}
	return records
}

// lookup returns a function that looks up accuracies of lr and reg.
func lookup(rows ...[]float64) func(a, b, c, seed int) float64 {
	return func(a, b, _, _ int) float64 { return rows[a][b] }
}

// shares returns the shares as a map. The names of those that are not axes are pairs, rest and seeds.
func shares(im Importance) map[string]float64 {
	all := map[string]float64{"pairs": im.Pairs, "rest": im.Rest, "seeds": im.Seeds}
	for _, s := range im.Axes {
		all[s.Axis] = s.Share
	}
	return all
}

// TestImportance compares shares with hand-computed ones and with a published analysis: the life of batteries in D. C.
// Montgomery, Design and Analysis of Experiments, table 5.5, whose sums of squares are 10683.72 for the material,
// 39118.72 for the temperature, 9613.78 for their interaction and 18230.75 for the error, 77646.97 in all.
func TestImportance(t *testing.T) {
	batteries := [][][]float64{
		{{130, 155, 74, 180}, {34, 40, 80, 75}, {20, 70, 82, 58}},
		{{150, 188, 159, 126}, {136, 122, 106, 115}, {25, 70, 58, 45}},
		{{138, 110, 168, 160}, {174, 120, 150, 139}, {96, 104, 82, 60}},
	}
	const total = 77646.97
	for _, c := range []struct {
		name      string
		records   []Record
		want      map[string]float64
		tolerance float64
	}{
		// The mean is 3. Rows have means 1.5 and 4.5, columns 2 and 4; the sums of squares are 9, 4 and 1 of 14.
		{"2 × 2", factorial(2, 2, 1, 1, lookup([]float64{1, 2}, []float64{3, 6})), map[string]float64{"lr": 9. / 14, "reg": 4. / 14, "pairs": 1. / 14}, 1e-12},
		// The mean is 3. Rows have means 2, 2 and 5, columns 3 and 3; the sums of squares are 12, 0 and 4 of 16.
		{"3 × 2", factorial(3, 2, 1, 1, lookup([]float64{1, 3}, []float64{2, 2}, []float64{6, 4})), map[string]float64{"lr": 0.75, "reg": 0, "pairs": 0.25}, 1e-12},
		{"one axis only", factorial(3, 2, 1, 1, lookup([]float64{1, 1}, []float64{2, 2}, []float64{6, 6})), map[string]float64{"lr": 1, "reg": 0}, 1e-12},
		// The effects have the variances 2/3, 25/4 and 200/3.
		{"additive", factorial(3, 2, 3, 1, func(a, b, c, _ int) float64 { return float64(a + 5*b + 10*c) }),
			map[string]float64{"lr": 8. / 883, "reg": 75. / 883, "decay": 800. / 883}, 1e-12},
		{"interaction of two axes", factorial(2, 2, 2, 1, func(a, b, _, _ int) float64 { return float64(a ^ b) }), map[string]float64{"pairs": 1}, 1e-12},
		{"interaction of three axes", factorial(2, 2, 2, 1, func(a, b, c, _ int) float64 { return float64(a ^ b ^ c) }), map[string]float64{"rest": 1}, 1e-12},
		{"seeds only", factorial(2, 2, 1, 2, func(_, _, _, seed int) float64 { return float64(seed) }), map[string]float64{"seeds": 1}, 1e-12},
		{"batteries", factorial(3, 3, 1, 4, func(a, b, _, seed int) float64 { return batteries[a][b][seed] }),
			map[string]float64{"lr": 10683.72 / total, "reg": 39118.72 / total, "pairs": 9613.78 / total, "seeds": 18230.75 / total}, 1e-6},
	} {
		t.Run(c.name, func(t *testing.T) {
			im, err := NewTable(c.records).Importance()
			if err != nil || !im.Exact {
				t.Fatalf("%+v, %v", im, err)
			}
			var sum float64
			for name, share := range shares(im) {
				sum += share
				if want := c.want[name]; !near(share, want, c.tolerance) || want == 0 && share != 0 {
					t.Errorf("%s: %.9f, want %.9f", name, share, want)
				}
			}
			if !near(sum, 1, 1e-12) {
				t.Errorf("the shares add up to %g", sum)
			}
			for i, s := range im.Axes[1:] {
				if s.Share > im.Axes[i].Share {
					t.Errorf("axes out of order: %v", im.Axes)
				}
			}
		})
	}
}

// TestNoImportance checks the reasons why there are no shares.
func TestNoImportance(t *testing.T) {
	full := func() []Record { return factorial(3, 2, 1, 1, func(a, b, _, _ int) float64 { return float64(a) }) }
	with := func(change func(r *Record)) []Record {
		records := full()
		change(&records[2])
		return records
	}
	for _, c := range []struct {
		name, why string
		records   []Record
	}{
		{"a point is missing", "5 settings are no full grid, and an estimate needs 30", full()[1:]},
		{"uneven seeds", "6 settings are no full grid, and an estimate needs 30", append(full(), withSeed(full()[0], 9))},
		{"one of 2 × 2 diverged", "too many trials did not train to the end: at most 4 values of axes, and less than half of the trials, can be left out", with(func(r *Record) { *r = ended(*r, Diverged) })[:4]},
		{"all diverged", "too many trials did not train to the end: at most 4 values of axes, and less than half of the trials, can be left out", func() []Record {
			records := full()
			for i := range records {
				records[i] = ended(records[i], Diverged)
			}
			return records
		}()},
		{"equal", "val is equal in all trials", factorial(3, 2, 1, 1, func(_, _, _, _ int) float64 { return 0.1 })},
		{"one axis", "fewer than two axes vary", factorial(3, 1, 1, 2, func(a, _, _, _ int) float64 { return float64(a) })},
		{"nothing", "fewer than two axes vary", nil},
	} {
		if im, err := NewTable(c.records).Importance(); err == nil || err.Error() != c.why {
			t.Errorf("%s: %+v, error %v, want %s", c.name, im, err, c.why)
		}
	}
}

// TestImportanceWithout checks that a value at which trials did not train to the end is left out. The rest is the case
// 3 × 2 of TestImportance.
func TestImportanceWithout(t *testing.T) {
	for name, end := range map[string]func(r Record) Record{
		"diverged": func(r Record) Record { return ended(r, Diverged) },
		"failed":   func(r Record) Record { return ended(r, Failed) },
		"stopped":  func(r Record) Record { return stoppedAt(r, 0.5) },
	} {
		records := factorial(4, 2, 1, 1, lookup([]float64{1, 3}, []float64{2, 2}, []float64{6, 4}, []float64{9, 9}))
		for i := range records[6:] { // a value with many digits
			r := &records[6+i]
			r.Config.LR = 4.000000000000001
			r.Key = r.Config.Key()
		}
		records[7] = end(records[7])
		im, err := NewTable(records).Importance()
		if err != nil || !im.Exact || !slices.Equal(im.Without, []string{"lr 4"}) || !near(shares(im)["lr"], 0.75, 1e-12) || !near(im.Pairs, 0.25, 1e-12) {
			t.Errorf("%s: %+v, %v", name, im, err)
		}
		if want := "Shares of the variance of val (exact, by analysis of variance, without lr 4): lr 75%, reg 0%, pairs of axes 25%."; im.String() != want {
			t.Errorf("%s, want %s", im, want)
		}
	}
}

// TestImportanceOfSamples estimates the shares of samples. Of 3·x + 2·y + noise with uniform x and y, the variances are
// 9/12, 4/12 and 1/12. An axis without an effect must have almost no share, in spite of its many values.
func TestImportanceOfSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var records []Record
	for range 2000 {
		x, y, z := rng.Float64(), rng.Float64(), rng.Float64()
		r := point(x+0.1, y, Done, 3*x+2*y+rng.Float64())
		r.Config.Decay, r.Config.Hidden = z, [][]int{{50}, {50, 50}, {100}}[rng.IntN(3)]
		r.Key = r.Config.Key()
		records = append(records, r)
	}
	im, err := NewTable(records).Importance()
	if err != nil || im.Exact || im.Pairs != 0 || im.Rest != 0 || im.Seeds != 0 {
		t.Fatalf("%+v, %v", im, err)
	}
	// Ten bins leave 1/100 of the variance of an axis within the bins.
	for name, want := range map[string]float64{"lr": 0.99 * 9. / 14, "reg": 0.99 * 4. / 14, "decay": 0, "hidden": 0} {
		if got := shares(im)[name]; !near(got, want, 0.03) {
			t.Errorf("%s: %.3f, want %.3f", name, got, want)
		}
	}
	if text := im.String(); !strings.HasPrefix(text, "Shares of the variance of val (an estimate, because the trials are no full grid): lr ") {
		t.Errorf("%s", text)
	}
}

// TestImportanceOfSeeds checks that more seeds of the same settings do not change an estimate.
func TestImportanceOfSeeds(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	var records []Record
	for range 60 {
		records = append(records, point(rng.Float64()+0.1, rng.Float64(), Done, rng.Float64()))
	}
	want, err := NewTable(records).Importance()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records[:60:60] {
		for seed := range uint32(2) {
			r := r
			r.Config.Seed = 5 + seed
			r.Accuracy.FinalVal = new(*r.Accuracy.FinalVal)
			r.Key = r.Config.Key()
			records = append(records, r)
		}
	}
	if got, err := NewTable(records).Importance(); err != nil || !maps.EqualFunc(shares(got), shares(want), func(a, b float64) bool { return near(a, b, 1e-12) }) {
		t.Errorf("%v, error %v, want %v", got, err, want)
	}
}

// TestImportanceOrder checks that the shares do not depend on the order of the records, nor on the scale of val.
func TestImportanceOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	records := factorial(4, 3, 2, 3, func(_, _, _, _ int) float64 { return rng.Float64() })
	im, err := NewTable(records).Importance()
	if err != nil {
		t.Fatal(err)
	}
	want, figures := im.String(), shares(im)
	for range 20 {
		rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		if im, _ := NewTable(records).Importance(); im.String() != want || !maps.Equal(shares(im), figures) {
			t.Fatalf("%v, want %s", im, want)
		}
	}
	for i := range records {
		*records[i].Accuracy.FinalVal = 0.5 + *records[i].Accuracy.FinalVal/1000
	}
	if im, _ := NewTable(records).Importance(); im.String() != want {
		t.Errorf("on another scale: %v, want %s", im, want)
	}
}
