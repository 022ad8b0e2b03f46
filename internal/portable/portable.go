// Package portable has functions of package math with the same bits on every machine.
//
// Package math has assembly for some architectures, and Go's compiler fuses products with sums on
// some. Its results may therefore differ in the last bit. The functions here use only operations that
// IEEE 754 defines exactly, and no product is fused with a sum.
package portable

import "math"

// Exp returns eˣ with an error of less than 2 units in the last place. It is 0 below x = −745.2 and
// +Inf above x = 709.8.
//
// With k = x/ln 2, rounded, and r = x − k·ln 2, eˣ = 2ᵏ·(1 + r + r²/2! + …).
func Exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > 710:
		return math.Inf(1)
	case x < -746:
		return 0
	}
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo) // k·ln2Hi is exact
	sum := 1.0
	for i := 14; i > 0; i-- { // |r| < 0.35, and r¹⁵/15! < 2⁻⁶²
		sum = 1 + float64(sum*r)/float64(i)
	}
	return math.Ldexp(sum, int(k))
}

// NormalCDF returns the probability that a standard normal deviate is below x. Its absolute error is
// less than 1e-15.
//
// It sums the series Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/(3·5) + …) of Marsaglia (Evaluating the Normal
// Distribution, Journal of Statistical Software 11(4), 2004).
func NormalCDF(x float64) float64 {
	switch {
	case x < -8: // Φ(−8) < 7e-16
		return 0
	case x > 8:
		return 1
	}
	const invSqrt2Pi = 0.398942280401432677939946059934
	square := float64(x * x)
	sum, term := x, x
	for i := 3; ; i += 2 {
		term = float64(term*square) / float64(i)
		next := sum + term
		if next == sum {
			break
		}
		sum = next
	}
	return min(max(0.5+float64(sum*float64(invSqrt2Pi*Exp(-square/2))), 0), 1)
}
