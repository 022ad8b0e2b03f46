package nn

import (
	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// GradStep is the usual h of the numeric gradients in float64.
const GradStep = 1e-5

// NumericGradient returns the gradient of f at x by central differences,
// (f(x+h) − f(x−h)) / 2h for each element. f reads x, whose elements are changed in turn
// and put back.
func NumericGradient[T kernels.Float](f func() float64, x []T, h float64) []float64 {
	panic("not yet")
}

// NumericGradientArray returns the gradient of Σ df·f at x by central differences, for
// an f with an array as its value and the gradient df that comes from above.
func NumericGradientArray[T kernels.Float](f func() []T, x, df []T, h float64) []float64 {
	panic("not yet")
}

// A GradSample compares one element of a gradient.
type GradSample struct {
	Index    int
	Numeric  float64
	Analytic float64
	RelError float64
}

// SampleGradient compares n randomly drawn elements of the gradient grad of f at x with
// central differences: the check for arrays too large for [NumericGradient].
func SampleGradient[T kernels.Float](f func() float64, x, grad []T, n int, h float64, rng *nprand.State) []GradSample {
	panic("not yet")
}

// RelError returns the course's relative error, the maximum over all elements of
// |x−y| / max(1e-8, |x|+|y|). It is +Inf if an element is NaN or infinite. It panics if
// the lengths differ.
func RelError[S, T kernels.Float](x []S, y []T) float64 {
	panic("not yet")
}
