package assignment

import (
	"math"
	"testing"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		printed string
		ours    float64
		ok      bool
		digits  int
	}{
		{"2.30275751861", 2.302757518613176, true, 12},
		{"2.30275751861", 2.302757518616, false, 11},
		{"0.5400", 0.54, true, 4},
		{"0.5400", 0.541, false, 2},
		{"-1.07260209", -1.0726020891815589, true, 9},
		{"-1.07260209", 1.0726020891815589, false, 0},
		{"9.0", 8.97, true, 2},
		{"9.0", math.NaN(), false, 0},
		{"9.0", math.Inf(1), false, 0},
	} {
		f := number("x", c.printed, c.ours)
		if f.OK != c.ok || f.Digits != c.digits || !f.Must {
			t.Errorf("%s and %v: OK %v, %d digits; want %v, %d", c.printed, c.ours, f.OK, f.Digits, c.ok, c.digits)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		ours []float64
		ok   bool
	}{
		{[]float64{0.095, 0.15}, true},
		{[]float64{0.095, 0.16}, false},
		{[]float64{0.15, 0.095}, false},
		{[]float64{0.095}, false},
		{[]float64{0.095, 0.15, 0.2}, false},
		{nil, false},
	} {
		if f := numbers("x", "0.095 0.150", c.ours); f.OK != c.ok {
			t.Errorf("%v: OK %v, want %v", c.ours, f.OK, c.ok)
		}
	}
}

func TestExactAndBelow(t *testing.T) {
	for _, c := range []struct {
		f  Figure
		ok bool
	}{
		{exact("x", 2, 2, 0), true},
		{exact("x", 2, 2+1e-14, 1e-15), false},
		{exact("x", 2, 2+1e-15, 1e-15), true},
		{exact("x", 2, math.NaN(), 1), false},
		{below("x", 1e-8, 9e-9), true},
		{below("x", 1e-8, 1e-8), false},
		{below("x", 1e-8, math.NaN()), false},
		{below("x", 1e-8, maxRelError([]float64{1, 2}, []float64{1, 2})), true},
		{below("x", 1e-8, maxRelError([]float64{1, 2}, []float64{1, 3})), false},
		{below("x", 1e-8, maxRelError([]float64{1}, []float64{1, 2})), false},
		{below("x", 1e-8, maxRelError([]float64{math.NaN()}, []float64{1})), false},
		{below("x", 1e-8, maxRelError([]float64{1}, []float64{0})), false},
		{below("x", 1e-8, maxRelError([]float64{0}, []float64{0})), true},
		{below("x", 1e-8, maxError([]float64{1, 2}, []float64{1, 2})), true},
		{below("x", 1e-8, maxError([]float64{1, 2}, []float64{1, 2.1})), false},
		{below("x", 1e-8, maxError(nil, []float64{1})), false},
		{below("x", 1e-8, maxError([]float64{math.NaN()}, []float64{1})), false},
	} {
		if c.f.OK != c.ok {
			t.Errorf("%+v: want OK %v", c.f, c.ok)
		}
	}
}

func TestLogFigures(t *testing.T) {
	const want = "a\nb\nc\n"
	for ours, agree := range map[string]int{
		"a\nb\nc\n": 4, "a\nB\nc\n": 2, "a\nb\n": 2, "a\nb\nc\nd\n": 3, "": 0, "a\nb\nc": 3,
	} {
		n := 0
		for _, f := range logFigures(ours, want) {
			if f.OK {
				n++
			}
		}
		if n != agree {
			t.Errorf("%q: %d figures agree, want %d", ours, n, agree)
		}
	}
}

func TestReportOK(t *testing.T) {
	good, bad, shown := Figure{Must: true, OK: true}, Figure{Must: true}, Figure{}
	if !(Report{Figures: []Figure{good, shown}}).OK() || (Report{Figures: []Figure{good, bad}}).OK() {
		t.Error("OK does not follow the figures that must agree")
	}
}
