package kerneltest

import (
	"math"
	"math/big"
	"sync"
)

// A sum has a precision of about 106 bits, because it is an unevaluated hi + lo of two float64.
// Products of float64 are added exactly (Ogita, Rump and Oishi, "Accurate sum and dot product",
// 2005).
type sum struct{ hi, lo float64 }

func (s *sum) add(x float64) {
	hi, e := twoSum(s.hi, x)
	s.hi, s.lo = hi, s.lo+e
}

func (s *sum) addProduct(a, b float64) {
	p := float64(a * b)
	e := math.FMA(a, b, -p)
	s.add(p)
	s.lo += e
}

// off returns |x − s|.
func (s *sum) off(x float64) float64 { return math.Abs(x - s.hi - s.lo) }

// gamma returns γₙ = n·u/(1−n·u), which bounds the relative error of n roundings (Higham, "Accuracy
// and Stability of Numerical Algorithms", section 3.1).
func gamma(n int, u float64) float64 { return float64(n) * u / (1 - float64(n)*u) }

// prec is the precision, in bits, of the exact results for softmax.
const prec = 128

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }

// inverseFactorials holds 1/n!.
var inverseFactorials = sync.OnceValue(func() []*big.Float {
	f := []*big.Float{bigFloat(1)}
	for n := 1; n <= 13; n++ {
		f = append(f, new(big.Float).Quo(f[n-1], bigFloat(float64(n))))
	}
	return f
})

// bigExp returns exp(x) for finite x. It sums the Taylor series for x/2^h and squares the result h
// times.
func bigExp(x *big.Float) *big.Float {
	if x.Sign() == 0 {
		return bigFloat(1)
	}
	h := max(0, x.MantExp(nil)+8) // |x| / 2^h < 2^-8
	r := new(big.Float).SetPrec(prec).SetMantExp(x, -h)
	f := inverseFactorials()
	total := new(big.Float).SetPrec(prec).Set(f[len(f)-1])
	for n := len(f) - 2; n >= 0; n-- {
		total.Mul(total, r)
		total.Add(total, f[n])
	}
	for range h {
		total.Mul(total, total)
	}
	return total
}

// bigLog returns log(x) for finite x > 0, by one Newton step from the float64 result.
func bigLog(x *big.Float) *big.Float {
	f, _ := x.Float64()
	y := bigFloat(math.Log(f))
	e := bigExp(new(big.Float).Neg(y))
	e.Mul(e, x)
	return y.Add(y, e.Sub(e, bigFloat(1)))
}
