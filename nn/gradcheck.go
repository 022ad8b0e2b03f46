package nn

import (
	"fmt"
	"math"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// GradStep is the usual h of the numeric gradients in float64.
const GradStep = 1e-5

// NumericGradient returns the gradient of f at x by central differences, (f(x+h) − f(x−h)) / 2h for each
// element. The function f must read x. NumericGradient changes the elements of x in turn and restores
// them.
func NumericGradient[T kernels.Float](f func() float64, x []T, h float64) []float64 {
	g := make([]float64, len(x))
	for i := range x {
		g[i] = slope(f, x, i, h)
	}
	return g
}

// slope returns the central difference of f along x[i]. It divides by the distance that x[i] really
// moved, because rounding can make this distance differ from 2h.
func slope[T kernels.Float](f func() float64, x []T, i int, h float64) float64 {
	old := x[i]
	above, below := T(float64(old)+h), T(float64(old)-h)
	x[i] = above
	fAbove := f()
	x[i] = below
	fBelow := f()
	x[i] = old
	return (fAbove - fBelow) / (float64(above) - float64(below))
}

// NumericGradientArray returns the gradient of Σ df·f at x by central differences. The value of f is an
// array, and df is the gradient from the layer above. NumericGradientArray panics if the value of f does
// not have the length of df.
func NumericGradientArray[T kernels.Float](f func() []T, x, df []T, h float64) []float64 {
	g := make([]float64, len(x))
	above := make([]T, len(df))
	for i := range x {
		old := x[i]
		xAbove, xBelow := T(float64(old)+h), T(float64(old)-h)
		x[i] = xAbove
		fAbove := f()
		checkLengths("NumericGradientArray: f and df", len(fAbove), len(df))
		copy(above, fAbove) // f may return the same memory each time
		x[i] = xBelow
		below := f()
		checkLengths("NumericGradientArray: f and df", len(below), len(df))
		x[i] = old
		// The differences are summed, because two separate sums would round away the difference.
		sum := 0.0
		for j, d := range df {
			sum += float64((float64(above[j]) - float64(below[j])) * float64(d))
		}
		g[i] = sum / (float64(xAbove) - float64(xBelow))
	}
	return g
}

// A GradSample compares one element of a gradient.
type GradSample struct {
	Index    int
	Numeric  float64
	Analytic float64
	RelError float64
}

// SampleGradient compares n randomly drawn elements of the gradient grad of f at x with central
// differences. It is the check for arrays that are too large for [NumericGradient]. It panics if grad does
// not have the length of x.
func SampleGradient[T kernels.Float](f func() float64, x, grad []T, n int, h float64, rng *nprand.State) []GradSample {
	checkLengths("SampleGradient", len(x), len(grad))
	samples := make([]GradSample, n)
	for k := range samples {
		i := rng.Intn(len(x))
		num, ana := slope(f, x, i, h), float64(grad[i])
		samples[k] = GradSample{i, num, ana, relError(num, ana)}
	}
	return samples
}

// RelError returns the course's relative error, the maximum over all elements of
// |x−y| / max(1e-8, |x|+|y|). It is +Inf if an element is NaN or infinite. It panics if
// the lengths differ.
func RelError[S, T kernels.Float](x []S, y []T) float64 {
	checkLengths("RelError", len(x), len(y))
	worst := 0.0
	for i, v := range x {
		worst = max(worst, relError(float64(v), float64(y[i])))
	}
	return worst
}

func relError(x, y float64) float64 {
	if !isFinite(x) || !isFinite(y) {
		return math.Inf(1)
	}
	return math.Abs(x-y) / max(1e-8, math.Abs(x)+math.Abs(y))
}

func checkLengths(op string, x, y int) {
	if x != y {
		panic(fmt.Sprintf("nn: %s: %d and %d elements", op, x, y))
	}
}
