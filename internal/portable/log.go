package portable

import "math"

// ln 2 is the sum of ln2Hi, which has 32 bits, and ln2Lo.
const (
	ln2Hi = 0x1.62e42feep-1
	ln2Lo = math.Ln2 - ln2Hi
)

// Log returns ln x for a positive, finite x. The result is correctly rounded unless ln x is extremely
// close to the midpoint between two floating-point numbers. math.Log is not good enough: for some
// arguments it is off by one unit in the last place, and its assembly and Go versions may differ.
// C libraries, on which NumPy relies, round better.
//
// With x = 2^k·m and s = (m−1)/(m+1), ln x = k·ln 2 + 2·(s + s³/3 + s⁵/5 + …).
// A pair of variables with the suffixes Hi and Lo holds one value as an unevaluated sum.
func Log(x float64) float64 {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		k--
	}

	// s = (m−1)/(m+1); m−1 is exact.
	num := m - 1
	denHi, denLo := twoSum(m, 1)
	sHi := num / denHi
	sLo := (math.FMA(-sHi, denHi, num) - float64(sHi*denLo)) / denHi

	// z = s², at most 0.0295.
	zHi, zLo := mul(sHi, sLo, sHi, sLo)

	// The series in z is summed from its last term. Its first terms need the low parts too.
	tail := 0.0
	for d := 25; d >= 9; d -= 2 {
		tail = math.FMA(tail, zHi, 1/float64(d))
	}
	pHi, pLo := tail, 0.0
	for _, d := range [...]float64{7, 5, 3, 1} {
		pHi, pLo = mul(pHi, pLo, zHi, zLo)
		c := 1 / d
		cLo := math.FMA(-c, d, 1) / d
		hi, lo := twoSum(c, pHi)
		pHi, pLo = twoSum(hi, lo+(pLo+cLo))
	}
	pHi, pLo = mul(pHi, pLo, 2*sHi, 2*sLo)

	// k·ln 2 is exact in its high part, because ln2Hi has only 32 bits.
	n := float64(k)
	hi, lo := twoSum(float64(n*ln2Hi), pHi)
	loHi := float64(n * ln2Lo)
	loLo := math.FMA(n, ln2Lo, -loHi)
	hi2, lo2 := twoSum(hi, loHi)
	return hi2 + (lo2 + (lo + (pLo + loLo)))
}

// twoSum returns a + b exactly, as the rounded sum and its error (Knuth).
func twoSum(a, b float64) (hi, lo float64) {
	hi = a + b
	t := hi - a
	return hi, (a - (hi - t)) + (b - t)
}

// mul returns the product of two double-length numbers, with a relative error of about 2⁻¹⁰⁴.
func mul(aHi, aLo, bHi, bLo float64) (hi, lo float64) {
	p := float64(aHi * bHi)
	e := math.FMA(aHi, bHi, -p)
	e = math.FMA(aHi, bLo, math.FMA(aLo, bHi, e))
	return twoSum(p, e)
}
