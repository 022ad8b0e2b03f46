package sample

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestParzen compares densities with those of testdata/parzen.py.
func TestParzen(t *testing.T) {
	text, err := os.ReadFile("testdata/parzen.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Points  []Point
		At      Point
		Density float64
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 20 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, c := range cases {
		got := newParzen(mixed.axes(), c.Points).density(c.At)
		if math.Abs(got-c.Density) > 1e-8*c.Density {
			t.Errorf("%d points: density %v at %v, want %v", len(c.Points), got, c.At, c.Density)
		}
	}
}

// TestIntegral checks that densities have the integral 1, and that points are drawn from them.
func TestIntegral(t *testing.T) {
	for _, p := range []Param{Float{1e-4, 1e-2, true}, Int{1, 50, true}, Int{-100, 1000, false}, Category{7}} {
		a := p.axis()
		var points []Point
		for _, u := range []float64{0.05, 0.3, 0.31, 0.97} {
			points = append(points, Point{a.value(u)})
		}
		density := newParzen([]axis{a}, points)
		const cells = 20_000
		cdf := make([]float64, cells+1) // at the ends of cells of the unit interval
		for i := range cells {
			cdf[i+1] = cdf[i] + density.density(Point{exactly(a, (float64(i)+0.5)/cells)})/cells
		}
		if got := cdf[cells]; math.Abs(got-1) > 2e-4 {
			t.Errorf("%v: integral %v", p, got)
		}
		s := newStream(1, "test", 0)
		const n = 20_000
		below := make([]float64, 11)
		for range n {
			v := density.draw(s)[0]
			for k := range below {
				if v < a.value(min(float64(k)/10, below1)) {
					below[k]++
				}
			}
		}
		for k := range below {
			edge := a.value(min(float64(k)/10, below1))
			i := 0
			for i < cells && exactly(a, (float64(i)+0.5)/cells) < edge {
				i++
			}
			if got := below[k] / n; math.Abs(got-cdf[i]) > 0.012 {
				t.Errorf("%v: %.4f of the points are below %v, want %.4f", p, got, edge, cdf[i])
			}
		}
	}
}

// exactly returns the value at u without the rounding of a Float to few digits.
func exactly(a axis, u float64) float64 {
	a.digits = 17
	return a.value(u)
}
