package grid

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// points returns n numbers from a to b with equal differences or equal ratios. They follow the
// formulas of NumPy's linspace and geomspace step by step. A number that differs only by rounding
// errors from a number with at most six digits is replaced: 7.999999999999999 becomes 8.
func points(a, b float64, n int, ratios bool) []float64 {
	from, to := a, b
	if ratios {
		from, to = log10(a), log10(b)
	}
	step := (to - from) / float64(n-1)
	vs := make([]float64, n)
	for i := range vs {
		v := float64(float64(i)*step) + from // not fused: keys must not depend on the machine
		if ratios {
			v = exp10(v)
		}
		vs[i] = unstray(v)
	}
	vs[0], vs[n-1] = a, b
	return vs
}

// unstray returns the nearest number of six digits if v differs from it by a few roundings at most,
// and v otherwise.
func unstray(v float64) float64 {
	const few = 4
	w, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err == nil && math.Abs(w-v) <= few*(math.Nextafter(v, math.Inf(1))-v) {
		return w
	}
	return v
}

// Package math rounds logarithms and powers differently on different machines, but keys depend on
// them. Therefore log10 and exp10 compute with more digits and round once.

// precision is the precision of intermediate results, in bits.
const precision = 128

func precise(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }

func constant(s string) *big.Float {
	x, _, _ := big.ParseFloat(s, 10, precision, big.ToNearestEven)
	return x
}

var (
	ln2  = constant("0.693147180559945309417232121458176568075500134360255254120680009")
	ln10 = constant("2.30258509299404568401799145468436420760110148862877297603332790")
)

// exp10 returns 10 to the power of x, correctly rounded.
func exp10(x float64) float64 {
	if x == math.Trunc(x) { // some of these results lie in the middle between two floats
		v, _ := strconv.ParseFloat(fmt.Sprintf("1e%.0f", x), 64)
		return v
	}
	v, _ := power(precise(x)).Float64()
	return v
}

// power returns 10 to the power of x. It computes 2ᵏ·eʳ with a small r, so the series for eʳ needs
// few terms.
func power(x *big.Float) *big.Float {
	const halvings, terms = 8, 11 // |r| < 0.35/2⁸, and r¹²/12! < 2⁻¹⁴²
	y := new(big.Float).Mul(x, ln10)
	quotient, _ := new(big.Float).Quo(y, ln2).Float64()
	k := math.Round(quotient)
	r := y.Sub(y, new(big.Float).Mul(precise(k), ln2))
	r.SetMantExp(r, -halvings)
	sum := precise(1)
	for i := terms; i > 0; i-- {
		sum.Mul(sum, r)
		sum.Quo(sum, precise(float64(i)))
		sum.Add(sum, precise(1))
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(k))
}

// log10 returns the logarithm of a positive x, correctly rounded. It starts from the result of
// package math, and each step of Newton's method squares the error.
func log10(x float64) float64 {
	y := precise(math.Log10(x))
	for range 2 {
		rest := new(big.Float).Quo(precise(x), power(y))
		rest.Sub(rest, precise(1)) // ln(1+d) ≈ d − d²/2
		square := new(big.Float).Mul(rest, rest)
		rest.Sub(rest, square.SetMantExp(square, -1))
		y.Add(y, rest.Quo(rest, ln10))
	}
	v, _ := y.Float64()
	return v
}
