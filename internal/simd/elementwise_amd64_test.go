//go:build !purego

package simd

import (
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// The conformance suite tests the results of each kernel. This file tests exp, on which
// softmax is based, and the promise that both instruction sets return the same bits.

var exhaustive = flag.Bool("exhaustive", false, "test exp on every float32 of its range")

func needAVX512(tb testing.TB) {
	if !cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ) {
		tb.Skip("needs a CPU with AVX-512 F and DQ")
	}
}

func needAVX2(tb testing.TB) {
	if !cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		tb.Skip("needs a CPU with AVX2 and FMA3")
	}
}

// exps runs test for each exp stub of one type.
func exps[T kernels.Float](t *testing.T, avx2, avx512 func(dst, x *T, n int), test func(*testing.T, func(T) T, func(dst, x []T))) {
	for name, stub := range map[string]func(dst, x *T, n int){"avx2": avx2, "avx512": avx512} {
		t.Run(name, func(t *testing.T) {
			needAVX2(t)
			if name == "avx512" {
				needAVX512(t)
			}
			one := func(x T) T { stub(&x, &x, 1); return x }
			test(t, one, func(dst, x []T) { stub(&dst[0], &x[0], len(x)) })
		})
	}
}

// ulps32 returns |got − truth| in units of the last place of float32 at truth.
func ulps32(got float32, truth float64) float64 {
	_, e := math.Frexp(truth)
	return math.Abs(float64(got)-truth) / math.Ldexp(1, max(e-24, -149))
}

// expBound is the largest error of exp that its comment permits, in ulp of the true value.
const expBound = 0.9

func TestExpF32(t *testing.T) {
	exps(t, expAVX2F32, expAVX512F32, func(t *testing.T, one func(float32) float32, exp func(dst, x []float32)) {
		step := uint32(251)
		if *exhaustive {
			step = 1
		}
		worst, where := 0.0, float32(0)
		x, y := make([]float32, 0, 4096), make([]float32, 4096)
		flush := func() {
			exp(y[:len(x)], x)
			for i, v := range x {
				// math.Exp is accurate to 2⁻⁵² here, which is 2⁻²⁹ of a float32 ulp.
				if u := ulps32(y[i], math.Exp(float64(v))); !(u <= worst) {
					worst, where = u, v
				}
			}
			x = x[:0]
		}
		end := math.Float32bits(-104)
		for b := math.Float32bits(float32(math.Copysign(0, -1))); b <= end; b += step {
			if x = append(x, math.Float32frombits(b)); len(x) == cap(x) {
				flush()
			}
		}
		x = append(x, -104)
		flush()
		t.Logf("worst error %.4f ulp, at %v", worst, where)
		if !(worst <= expBound) {
			t.Errorf("exp(%v) is off by %.4f ulp, want at most %v", where, worst, expBound)
		}
		inf := float32(math.Inf(1))
		for _, c := range [][2]float32{
			{0, 1}, {float32(math.Copysign(0, -1)), 1}, {-1e-30, 1}, {-1e-45, 1},
			{-103.97, 1e-45}, {-103.98, 0}, {-104, 0}, {-105, 0}, {-1e4, 0}, {-math.MaxFloat32, 0}, {-inf, 0},
		} {
			if got := one(c[0]); math.Float32bits(got) != math.Float32bits(c[1]) {
				t.Errorf("exp(%v) = %v, want %v", c[0], got, c[1])
			}
		}
		for _, bits := range []uint32{0x7fc00000, 0xffc00000, 0x7fffffff, 0x7fc12345, 0xffc00001} {
			if got := one(math.Float32frombits(bits)); got == got {
				t.Errorf("exp(NaN %08x) = %v", bits, got)
			}
		}
	})
}

func TestExpF64(t *testing.T) {
	exps(t, expAVX2F64, expAVX512F64, func(t *testing.T, one func(float64) float64, exp func(dst, x []float64)) {
		n := 20_000
		if *exhaustive {
			n = 5_000_000
		}
		rng := rand.New(rand.NewPCG(1, 2))
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			switch i % 4 {
			case 0:
				x[i] = -rng.ExpFloat64() // distributed like scores
			case 1:
				x[i] = -746 * rng.Float64()
			case 2:
				x[i] = -708 - 38*rng.Float64() // denormal results
			case 3:
				x[i] = -math.Exp2(-50 * rng.Float64())
			}
		}
		// At the ends of the reduced range, the polynomial is least accurate.
		for i := range 2000 {
			x[i] = -(float64(i%1000) + 0.5) * math.Ln2
			if i >= 1000 {
				x[i] = math.Nextafter(x[i], 0)
			}
		}
		exp(y, x)
		worst, where := 0.0, 0.0
		for i, v := range x {
			if u := expUlps64(y[i], v); !(u <= worst) {
				worst, where = u, v
			}
		}
		t.Logf("worst error %.4f ulp, at %v", worst, where)
		if !(worst <= expBound) {
			t.Errorf("exp(%v) is off by %.4f ulp, want at most %v", where, worst, expBound)
		}
		for _, c := range [][2]float64{
			{0, 1}, {math.Copysign(0, -1), 1}, {-1e-300, 1}, {-5e-324, 1},
			{-745.13, 5e-324}, {-745.14, 0}, {-746, 0}, {-1e6, 0}, {-math.MaxFloat64, 0}, {math.Inf(-1), 0},
		} {
			if got := one(c[0]); math.Float64bits(got) != math.Float64bits(c[1]) {
				t.Errorf("exp(%v) = %v, want %v", c[0], got, c[1])
			}
		}
		for _, bits := range []uint64{0x7ff8000000000000, 0xfff8000000000000, 0x7fffffffffffffff, 0x7ff8000000012345} {
			if got := one(math.Float64frombits(bits)); got == got {
				t.Errorf("exp(NaN %016x) = %v", bits, got)
			}
		}
	})
}

// TestUlps checks that the measures of error detect errors: half an ulp if the true value
// lies between two numbers, and one ulp or more if a result is moved.
func TestUlps(t *testing.T) {
	for _, x := range []float64{-0.1, -1, -20.5, -87.5, -95, -300, -700, -720, -744} {
		near := math.Exp(x)
		for _, k := range []float64{1, 2} {
			far := near
			for range int(k) {
				far = math.Nextafter(far, 2)
			}
			if u := expUlps64(far, x); !(u > k-1 && u < k+1) {
				t.Errorf("%v ulp above exp(%v) is seen as %.3f", k, x, u)
			}
		}
		if u := expUlps64(0, x); !(u > 1) {
			t.Errorf("0 for exp(%v) is seen as %.3f ulp", x, u)
		}
		if x < -104 {
			continue
		}
		up := math.Nextafter32(float32(near), 2)
		if u := ulps32(math.Nextafter32(up, 2), near); !(u > 1.4 && u < 2.6) {
			t.Errorf("2 ulp above exp(%v) in float32 is seen as %.3f", x, u)
		}
	}
	if u := expUlps64(math.NaN(), -1); u <= 1 {
		t.Errorf("NaN is seen as %v ulp", u)
	}
}

// expUlps64 returns |got − eˣ| in units of the last place of float64 at eˣ. It sums the
// Taylor series of e^(x/2¹²) in 160 bits and squares the sum 12 times.
func expUlps64(got, x float64) float64 {
	const prec, halvings = 160, 12
	bigOf := func(v float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(v) }
	r := bigOf(x)
	n := int(math.Round(x * math.Log2E))
	r.Sub(r, new(big.Float).Mul(bigOf(float64(n)), bigLn2))
	r.SetMantExp(r, -halvings)
	sum, term := bigOf(1), bigOf(1)
	for k := 1.0; k <= 11; k++ { // |r| < 2⁻¹³, so the remainder is below 2⁻¹⁸⁰
		term.Mul(term, r)
		term.Quo(term, bigOf(k))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	sum.SetMantExp(sum, n)
	e := sum.MantExp(nil)
	if math.IsNaN(got) {
		return math.Inf(1)
	}
	sum.Sub(sum, bigOf(got))
	off, _ := sum.SetMantExp(sum, -max(e-53, -1074)).Float64()
	return math.Abs(off)
}

// bigLn2 is ln 2 to 60 digits.
var bigLn2, _ = new(big.Float).SetPrec(200).SetString("0.693147180559945309417232121458176568075500134360255254120680")

// vectorSets returns the reference with the elementwise kernels of both
// instruction sets.
func vectorSets(tb testing.TB) (avx2, avx512 *kernels.Set) {
	needAVX2(tb)
	needAVX512(tb)
	avx2, avx512 = reference.New(), reference.New()
	AVX2F32().Override(&avx2.F32)
	AVX2F64().Override(&avx2.F64)
	AVX512F32().Override(&avx512.F32)
	AVX512F64().Override(&avx512.F64)
	return avx2, avx512
}

func TestVectorsAgree(t *testing.T) {
	avx2, avx512 := vectorSets(t)
	t.Run("f32", func(t *testing.T) { testVectorsAgree[float32](t, avx2, avx512) })
	t.Run("f64", func(t *testing.T) { testVectorsAgree[float64](t, avx2, avx512) })
}

func testVectorsAgree[T kernels.Float](t *testing.T, s1, s2 *kernels.Set) {
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 400 {
		rows, cols := 1+rng.IntN(70), 1+rng.IntN(140)
		if trial%4 == 0 {
			rows, cols = 200, 1+rng.IntN(12)
		}
		n := rows * cols
		x := make([]T, n)
		for i := range x {
			x[i] = T(math.Exp(6*rng.Float64()-2) * rng.NormFloat64())
			if trial%3 == 0 && rng.IntN(8*cols) == 0 {
				x[i] = []T{T(math.NaN()), T(math.Inf(1)), T(math.Inf(-1)), 0, T(math.Copysign(0, -1))}[rng.IntN(5)]
			}
		}
		y := make([]int, rows)
		for i := range y {
			y[i] = rng.IntN(cols)
		}
		bytes := make([]uint8, n)
		for i := range bytes {
			bytes[i] = uint8(rng.IntN(256))
		}
		// results returns the results of all operations, one after the other.
		results := func(s *kernels.Set) []T {
			ops := kernels.Of[T](s)
			var out []T
			with := func(f func(dst []T)) {
				dst := append([]T(nil), x...)
				f(dst)
				out = append(out, dst...)
			}
			in := kernels.MatOf(rows, cols, x)
			with(func(d []T) { ops.ReLU(d, x) })
			with(func(d []T) { ops.ReLUGrad(d, d, x) })
			with(func(d []T) { ops.AddBias(kernels.MatOf(rows, cols, d), in, x[:cols:cols]) })
			with(func(d []T) { ops.BiasReLU(kernels.MatOf(rows, cols, d), in, x[:cols:cols]) })
			with(func(d []T) { ops.Axpby(0.37, x, 0.61, d) })
			with(func(d []T) { ops.Axpby(0.37, x, 1, d) })
			with(func(d []T) { ops.Axpby(0.37, x, 0, d) })
			with(func(d []T) { ops.ColSums(d[:cols], in) })
			with(func(d []T) { ops.SubMean(d, bytes, x) })
			with(func(d []T) { d[0] = ops.SumSquares(x) })
			with(func(d []T) { out = append(out, T(ops.SoftmaxLoss(kernels.MatOf(rows, cols, d), in, y))) })
			return out
		}
		if err := sameBits(results(s1), results(s2)); err != nil {
			t.Fatalf("%d×%d: %v", rows, cols, err)
		}
	}
}

// sameBits compares a and b bit for bit, except that any two NaNs are equal.
func sameBits[T kernels.Float](a, b []T) error {
	if len(a) != len(b) {
		return fmt.Errorf("AVX2 has %d results, AVX-512 %d", len(a), len(b))
	}
	for i, v := range a {
		w := b[i]
		if v != v && w != w {
			continue
		}
		if v != w || math.Signbit(float64(v)) != math.Signbit(float64(w)) {
			return fmt.Errorf("result %d is %v with AVX2 and %v with AVX-512", i, v, w)
		}
	}
	return nil
}

func TestSameBitsRejects(t *testing.T) {
	zero, nan := 0.0, math.NaN()
	for _, c := range [][2][]float64{{{1}, {1, 2}}, {{zero}, {-1 * math.Copysign(0, 1)}}, {{1}, {math.Nextafter(1, 2)}}, {{nan}, {1}}, {{1}, {nan}}} {
		if c[0][0] == 0 {
			c[1][0] = math.Copysign(0, -1)
		}
		if sameBits(c[0], c[1]) == nil {
			t.Errorf("sameBits accepts %v and %v", c[0], c[1])
		}
	}
	if err := sameBits([]float64{nan, 1, zero}, []float64{-nan, 1, zero}); err != nil {
		t.Error(err)
	}
}

// TestExpAgrees checks that exp returns the same bits on both instruction sets, on a dense
// grid that includes denormal results.
func TestExpAgrees(t *testing.T) {
	needAVX2(t)
	needAVX512(t)
	const n = 1 << 20
	x, a, b := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = -105 * float32(i) / n
	}
	expAVX2F32(&a[0], &x[0], n)
	expAVX512F32(&b[0], &x[0], n)
	if err := sameBits(a, b); err != nil {
		t.Error(err)
	}
	x64, a64, b64 := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x64 {
		x64[i] = -747 * float64(i) / n
	}
	expAVX2F64(&a64[0], &x64[0], n)
	expAVX512F64(&b64[0], &x64[0], n)
	if err := sameBits(a64, b64); err != nil {
		t.Error(err)
	}
}
