package sample

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// floats returns n values of a parameter at random places.
func floats(p Param, n int) []float64 {
	s, a := newStream(1, "test", 0), p.axis()
	vs := make([]float64, n)
	for i := range vs {
		vs[i] = a.value(s.float())
	}
	return vs
}

func TestCheck(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		space Space
		want  string // "" for none
	}{
		{Space{Float{1e-4, 1e-2, true}, Int{1, 100, true}, Int{-5, 5, false}, Category{1}}, ""},
		{Space{Float{-math.MaxFloat64 / 2, math.MaxFloat64 / 2, false}, Float{5e-324, 1, true}}, ""},
		{nil, "the space has no parameter"},
		{Space{Category{2}, Float{1, 1, false}}, "parameter 2: the range 1..1 must begin below its end"},
		{Space{Float{2, 1, true}}, "parameter 1: the range 2..1 must begin below its end"},
		{Space{Float{0, 1, true}}, "parameter 1: the log range 0..1 must begin above 0"},
		{Space{Int{0, 1, true}}, "parameter 1: the log range 0..1 must begin above 0"},
		{Space{Float{0, inf, false}}, "parameter 1: the range 0..+Inf must be finite"},
		{Space{Float{math.NaN(), 1, false}}, "parameter 1: the range NaN..1 must be finite"},
		{Space{Float{-math.MaxFloat64, math.MaxFloat64, false}}, "parameter 1: the range -1.7976931348623157e+308..1.7976931348623157e+308 must be finite"},
		{Space{Float{1, 1 + 1e-12, false}}, "parameter 1: the range 1..1.000000000001 has too few numbers; list its values"},
		{Space{Int{3, 2, false}}, "parameter 1: the range 3..2 must begin below its end"},
		{Space{Int{0, 1<<53 + 1, false}}, "parameter 1: whole numbers of a range must be from -9007199254740992 to 9007199254740992"},
		{Space{Category{0}}, "parameter 1: a list needs a value"},
	} {
		got := ""
		if err := c.space.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.space, got, c.want)
		}
	}
}

func TestCountIsChecked(t *testing.T) {
	for _, n := range []int{-1, 0, MaxPoints + 1} {
		_, err := Random(Space{Category{2}}, 0, n)
		if err == nil || !strings.Contains(err.Error(), "must be from 1 to 1000000") {
			t.Errorf("%d points: %v", n, err)
		}
	}
}

// TestUniform holds the values of ranges against their distributions (Kolmogorov and Smirnov).
func TestUniform(t *testing.T) {
	const n = 20_000
	for _, p := range []Float{{0, 1, false}, {-5, 10, false}, {1e-4, 1e-2, true}, {1, 1e9, true}, {0.99, 1, true}} {
		for _, wrong := range []bool{false, true} {
			cdf := func(v float64) float64 {
				if p.Log != wrong {
					return math.Log(v/p.Lo) / math.Log(p.Hi/p.Lo)
				}
				return (v - p.Lo) / (p.Hi - p.Lo)
			}
			if wrong && p.Lo <= 0 || wrong && p.Lo == 0.99 {
				continue
			}
			d := distance(floats(p, n), cdf)
			if ok := d < 1.63/math.Sqrt(n); ok == wrong { // the 1 % level
				t.Errorf("%v: distance %.4f to the distribution; wrong distribution: %v", p, d, wrong)
			}
		}
	}
}

// distance returns the largest distance between the distributions of values and cdf.
func distance(values []float64, cdf func(float64) float64) float64 {
	const cells = 1000
	var below [cells + 1]int // values with cdf < i/cells
	for _, v := range values {
		below[min(int(cdf(v)*cells)+1, cells)]++
	}
	sum, d := 0, 0.0
	for i, n := range below {
		sum += n
		d = max(d, math.Abs(float64(sum)/float64(len(values))-float64(i)/cells))
	}
	return d
}

func TestIntsHaveEqualShares(t *testing.T) {
	const n = 100_000
	for _, p := range []Int{{3, 7, false}, {-2, 2, false}, {1, 5, true}, {10, 13, true}} {
		counts := map[float64]int{}
		for _, v := range floats(p, n) {
			counts[v]++
		}
		for k := p.Lo; k <= p.Hi; k++ {
			v := float64(k)
			share := 1 / float64(p.Hi-p.Lo+1)
			if p.Log {
				share = math.Log((v+0.5)/(v-0.5)) / math.Log((float64(p.Hi)+0.5)/(float64(p.Lo)-0.5))
			}
			got := float64(counts[v]) / n
			if math.Abs(got-share) > 4*math.Sqrt(share/n) {
				t.Errorf("%v: share %.4f of %d, want %.4f", p, got, k, share)
			}
			delete(counts, v)
		}
		if len(counts) > 0 {
			t.Errorf("%v: values outside of the range: %v", p, counts)
		}
	}
}

// TestDigits checks the number of significant digits, and that a range has a million values.
func TestDigits(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   int
	}{
		{0, 1, 6}, {1e-4, 1e-2, 6}, {-5, 10, 6}, {-1, 0, 6}, {-1e-3, 1e-3, 6}, {-10, -0.001, 6},
		{1e-4, 1.1e-4, 8}, {0.25, 0.85, 7}, {-0.85, -0.25, 7}, {1, 2, 7}, {1000, 1001, 10}, {1, 1 + 1e-9, 16},
		{5e-324, 1, 6}, {-math.MaxFloat64 / 2, math.MaxFloat64 / 2, 6},
	} {
		if got := digits(c.lo, c.hi); got != c.want {
			t.Errorf("%g..%g: %d digits, want %d", c.lo, c.hi, got, c.want)
		}
	}
	for _, v := range floats(Float{1e-4, 1e-2, true}, 100) {
		if text := strconv.FormatFloat(v, 'g', 6, 64); text != strconv.FormatFloat(v, 'g', -1, 64) {
			t.Errorf("%v has more than six digits", v)
		}
	}
}

// FuzzAxis checks that values are within the range, and that a value stays near its place.
func FuzzAxis(f *testing.F) {
	f.Add(1e-4, 1e-2, 0.3, true, false)
	f.Add(-5.0, 10.0, 0.999999, false, false)
	f.Add(1.0, 300.0, 0.0, true, true)
	f.Add(-3.0, 3.0, 0.5, false, true)
	f.Add(5e-324, 1e308, 0.5, true, false)
	f.Fuzz(func(t *testing.T, lo, hi, u float64, log, whole bool) {
		var p Param = Float{lo, hi, log}
		if whole {
			if math.Abs(lo) > maxWhole || math.Abs(hi) > maxWhole || lo != lo || hi != hi {
				t.Skip("the range is not valid")
			}
			p = Int{int64(lo), int64(hi), log}
		}
		if p.Check() != nil || !(u >= 0 && u < 1) {
			t.Skip("the range is not valid")
		}
		a := p.axis()
		v := a.value(u)
		if !(v >= a.lo && v <= a.hi) || whole && v != math.Floor(v) {
			t.Errorf("%#v at %v: %v", p, u, v)
		}
		if w := a.unit(v); !(w >= 0 && w <= 1) || !whole && math.Abs(w-u) > 2e-5 {
			t.Errorf("%#v at %v: %v is at %v", p, u, v, w)
		}
	})
}
