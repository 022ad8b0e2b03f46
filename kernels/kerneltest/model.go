package kerneltest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"unsafe"

	"fusegrid/kernels"
)

func sizeOf[T kernels.Float]() uintptr {
	var v T
	return unsafe.Sizeof(v)
}

// bitsOf returns the bits of v.
func bitsOf[T kernels.Float](v T) uint64 {
	if unsafe.Sizeof(v) == 4 {
		return uint64(math.Float32bits(float32(v)))
	}
	return math.Float64bits(float64(v))
}

// same reports whether two values have the same bits. All NaNs count as the same.
func same[T kernels.Float](a, b T) bool {
	return bitsOf(a) == bitsOf(b) || a != a && b != b
}

// show formats a value with its bits.
func show[T kernels.Float](v T) string {
	return fmt.Sprintf("%v (%#x)", v, bitsOf(v))
}

// compare returns an error for the first element in which got and want differ.
func compare[T kernels.Float](what string, got, want []T) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s has %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !same(got[i], want[i]) {
			return fmt.Errorf("%s[%d] = %s, want %s", what, i, show(got[i]), show(want[i]))
		}
	}
	return nil
}

// fma returns x·y + z with one rounding.
func fma[T kernels.Float](x, y, z T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(fma32(float32(x), float32(y), float32(z)))
	}
	return T(math.FMA(float64(x), float64(y), float64(z)))
}

// fma32 returns x·y + z with one rounding. The product of two float32 is exact in float64. The sum
// is rounded to odd in float64, so rounding it again to float32 is correct. See Boldo and
// Melquiond, "Emulation of a FMA and correctly rounded sums", 2008.
func fma32(x, y, z float32) float32 {
	p, c := float64(float64(x)*float64(y)), float64(z)
	s, e := twoSum(p, c)
	if e != 0 && math.Float64bits(s)&1 == 0 && !math.IsInf(s, 0) && s == s {
		// The exact sum lies between s and its neighbour towards e, which is odd.
		s = math.Nextafter(s, math.Copysign(math.Inf(1), e))
	}
	return float32(s)
}

// twoSum returns s, the rounded sum a+b, and e such that s+e = a+b exactly (Knuth).
func twoSum(a, b float64) (s, e float64) {
	s = a + b
	t := s - a
	e = (a - (s - t)) + (b - t)
	return s, e
}

// multiplyAdd returns t + a·b, rounded as the class does for a term of a sum.
func multiplyAdd[T kernels.Float](class kernels.Class, a, b, t T) T {
	if class == kernels.FMA {
		return fma(a, b, t)
	}
	return t + T(a*b)
}

// storeModel returns β·c + α·t, rounded as the class does at the end of a product.
func storeModel[T kernels.Float](class kernels.Class, alpha, t, beta, c T) T {
	switch {
	case beta == 0:
		return T(alpha * t)
	case class == kernels.FMA:
		return fma(beta, c, T(alpha*t))
	}
	return T(beta*c) + T(alpha*t)
}

// axpbyModel returns α·x + β·y, rounded as the class does.
func axpbyModel[T kernels.Float](class kernels.Class, alpha, x, beta, y T) T {
	switch {
	case beta == 0:
		return T(alpha * x)
	case class == kernels.FMA:
		return fma(alpha, x, T(beta*y))
	}
	return T(alpha*x) + T(beta*y)
}

func reluModel[T kernels.Float](x T) T {
	if x < 0 {
		return 0
	}
	return x
}

// byType returns the value for float32 or for float64.
func byType[T kernels.Float](single, double float64) T {
	if sizeOf[T]() == 4 {
		return T(single)
	}
	return T(double)
}

// Limits of a type.

// unitRoundoff returns the largest relative error of one rounding.
func unitRoundoff[T kernels.Float]() float64 { return float64(byType[T](0x1p-24, 0x1p-53)) }

// smallest returns the smallest denormal.
func smallest[T kernels.Float]() T {
	return byType[T](math.SmallestNonzeroFloat32, math.SmallestNonzeroFloat64)
}

func smallestNormal[T kernels.Float]() T { return byType[T](0x1p-126, 0x1p-1022) }

func largest[T kernels.Float]() T { return byType[T](math.MaxFloat32, math.MaxFloat64) }

// specials returns values that a formula may treat wrongly.
func specials[T kernels.Float]() []T {
	inf, nan, zero := T(math.Inf(1)), T(math.NaN()), T(0)
	tiny, normal := smallest[T](), smallestNormal[T]()
	return []T{
		zero, T(math.Copysign(0, -1)), nan, -nan, inf, -inf,
		tiny, -tiny, 3 * tiny, normal - tiny, tiny - normal, normal, -normal, 1, -1,
	}
}

// randomize fills x with numbers of a few magnitudes. Each is a special value with probability p.
func randomize[T kernels.Float](rng *rand.Rand, x []T, p float64) {
	table := specials[T]()
	for i := range x {
		x[i] = T(rng.NormFloat64())
		if p > 0 && rng.Float64() < p {
			x[i] = table[rng.IntN(len(table))]
		}
	}
}
