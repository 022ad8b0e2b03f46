package nn

import (
	"fmt"
	"math"
	"testing"

	"fusegrid/nn/nprand"
)

// cubes returns f(x) = Σ i·x(i)³ and its gradient 3·i·x(i)².
func cubes(x []float64) (f func() float64, grad []float64) {
	for i, v := range x {
		grad = append(grad, 3*float64(i)*v*v)
	}
	return func() float64 {
		sum := 0.0
		for i, v := range x {
			sum += float64(i) * v * v * v
		}
		return sum
	}, grad
}

// wrong returns gradients that a check must reject.
func wrong(grad []float64) map[string][]float64 {
	change := func(f func(g []float64)) []float64 {
		g := append([]float64(nil), grad...)
		f(g)
		return g
	}
	return map[string][]float64{
		"zero":            make([]float64, len(grad)),
		"sign":            change(func(g []float64) { g[3] = -g[3] }),
		"0.1 % too large": change(func(g []float64) { g[5] *= 1.001 }),
		"two swapped":     change(func(g []float64) { g[4], g[5] = g[5], g[4] }),
		"NaN":             change(func(g []float64) { g[2] = math.NaN() }),
		"Inf":             change(func(g []float64) { g[2] = math.Inf(1) }),
		"a constant off":  change(func(g []float64) { g[0] = 1e-3 }),
	}
}

func TestNumericGradient(t *testing.T) {
	x := randMat[float64](1, 8, nprand.New(1)).Data
	before := append([]float64(nil), x...)
	f, grad := cubes(x)
	num := NumericGradient(f, x, GradStep)
	sameBits(t, "x afterwards", x, before)
	if e := RelError(num, grad); !(e < 1e-8) {
		t.Errorf("right gradient: relative error %g", e)
	}
	for name, g := range wrong(grad) {
		if e := RelError(num, g); !(e > 1e-4) {
			t.Errorf("wrong gradient, %s: relative error %g", name, e)
		}
	}
}

// TestNumericGradientFloat32 checks a gradient whose steps differ from h, because float32 rounds
// them.
func TestNumericGradientFloat32(t *testing.T) {
	x := []float32{1, -2, 1000}
	f := func() float64 { return float64(x[0]) + 2*float64(x[1]) + 3*float64(x[2]) }
	near(t, "gradient", NumericGradient(f, x, 1e-3), []float64{1, 2, 3}, 1e-6)
}

func TestNumericGradientArray(t *testing.T) {
	// f(x) = (x0·x1, x1², sin x0), always in the same memory.
	x, df := []float64{0.7, -1.3}, []float64{2, -1, 0.5}
	y := make([]float64, 3)
	f := func() []float64 {
		y[0], y[1], y[2] = x[0]*x[1], x[1]*x[1], math.Sin(x[0])
		return y
	}
	grad := []float64{2*x[1] + 0.5*math.Cos(x[0]), 2*x[0] - 2*x[1]}
	num := NumericGradientArray(f, x, df, GradStep)
	if e := RelError(num, grad); !(e < 1e-9) {
		t.Errorf("relative error %g: %v, want %v", e, num, grad)
	}
	if e := RelError(num, []float64{grad[0], -grad[1]}); !(e > 0.1) {
		t.Errorf("wrong gradient: relative error %g", e)
	}
	wantPanic(t, "3 and 2 elements", func() { NumericGradientArray(f, x, df[:2], GradStep) })
}

func TestSampleGradient(t *testing.T) {
	x := randMat[float64](1, 8, nprand.New(1)).Data
	f, grad := cubes(x)
	worst := func(g []float64) float64 {
		w := 0.0
		seen := map[int]bool{}
		for _, s := range SampleGradient(f, x, g, 60, GradStep, nprand.New(2)) {
			w = max(w, s.RelError)
			seen[s.Index] = true
			if s.Analytic != g[s.Index] && !math.IsNaN(g[s.Index]) {
				t.Errorf("sample of element %d has %v, want %v", s.Index, s.Analytic, g[s.Index])
			}
		}
		if len(seen) != 8 {
			t.Errorf("60 draws of 8 elements hit %d", len(seen))
		}
		return w
	}
	if w := worst(grad); !(w < 1e-8) {
		t.Errorf("right gradient: relative error %g", w)
	}
	for name, g := range wrong(grad) {
		if w := worst(g); !(w > 1e-4) {
			t.Errorf("wrong gradient, %s: relative error %g", name, w)
		}
	}
	wantPanic(t, "8 and 7 elements", func() { SampleGradient(f, x, grad[:7], 1, GradStep, nprand.New(0)) })
}

func TestRelError(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{nil, nil, 0},
		{[]float64{1, 2}, []float64{1, 2}, 0},
		{[]float64{1, 2}, []float64{1, 6}, 0.5},
		{[]float64{0}, []float64{1e-9}, 0.1}, // if the sum is below 1e-8, the error is absolute
		{[]float64{1}, []float64{-1}, 1},
		{[]float64{math.NaN()}, []float64{math.NaN()}, math.Inf(1)},
		{[]float64{math.Inf(1)}, []float64{math.Inf(1)}, math.Inf(1)},
	} {
		if got := RelError(c.x, c.y); got != c.want && !(math.Abs(got-c.want) <= 1e-15) {
			t.Errorf("RelError(%v, %v) = %v, want %v", c.x, c.y, got, c.want)
		}
	}
	wantPanic(t, "2 and 1 elements", func() { RelError([]float64{1, 2}, []float64{1}) })
}

func ExampleNumericGradient() {
	x := []float64{1, 2, 3}
	f := func() float64 { return x[0]*x[0] + x[1]*x[2] }
	numeric := NumericGradient(f, x, GradStep)
	fmt.Println(RelError(numeric, []float64{2, 3, 2}) < 1e-9)
	fmt.Println(RelError(numeric, []float64{2, 3, -2}) < 1e-9)
	// Output:
	// true
	// false
}
