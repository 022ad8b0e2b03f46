//go:build !purego

package fusegrid

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"fusegrid/kernels"
	"fusegrid/kernels/blocked"
)

// fma returns a·b + c with one rounding.
func fma[T kernels.Float](a, b, c T) T {
	var zero T
	if _, ok := any(zero).(float64); ok {
		return T(math.FMA(float64(a), float64(b), float64(c)))
	}
	// The product is exact in float64. The sum is rounded to odd, so rounding it again to float32
	// is correct.
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return T(s)
	}
	v := s - p
	if e := (p - (s - v)) + (q - v); e != 0 && math.Float64bits(s)&1 == 0 {
		s = math.Nextafter(s, math.Inf(int(math.Copysign(1, e))))
	}
	return T(float32(s))
}

// model computes a product directly from its definition, in class FMA.
func model[T kernels.Float](p kernels.Product[T]) {
	m, n, k := p.Dims()
	if p.Alpha == 0 {
		k = 0
	}
	at := func(x kernels.Mat[T], trans bool, i, j int) T {
		if trans {
			i, j = j, i
		}
		return x.Data[i*x.Stride+j]
	}
	for i := range m {
		for j := range n {
			var t T
			for from := 0; from < k; from += 512 {
				var sum T
				for l := from; l < min(from+512, k); l++ {
					sum = fma(at(p.A, p.TransA, i, l), at(p.B, p.TransB, l, j), sum)
				}
				t += sum // t = +0 changes no first sum but −0, which is no sum of these operands
			}
			c := &p.C.Data[i*p.C.Stride+j]
			if beta := p.BetaAt(i, j); beta == 0 {
				*c = p.Alpha * t
			} else {
				*c = fma(beta, *c, p.Alpha*t)
			}
		}
	}
}

// TestGemmBits compares every assembly set with the model, bit for bit, on shapes that take each
// path of the driver. The paths are both orientations, whole and narrow panels, every height of a
// micro-tile, partial sums, and packed and unpacked sides.
func TestGemmBits(t *testing.T) {
	shapes := [][3]int{
		{4, 258, 129}, {600, 300, 4}, {3, 300, 600}, {1, 1, 1}, {5, 0, 7}, {2, 700, 3}, {30, 1100, 49}, {200, 10, 50}, {10, 50, 200},
		{70, 3, 600}, {600, 3, 70}, {131, 40, 50}, {50, 40, 131}, {400, 40, 100}, {33, 1500, 20},
	}
	for m := 1; m <= 30; m++ {
		shapes = append(shapes, [3]int{m, 5, 50}, [3]int{50, 6, m}, [3]int{m, 3, 2 * m})
	}
	for n := 1; n <= 17; n++ { // strays beside the tiles of 48 and 24 columns, and rows beside those of 8
		shapes = append(shapes, [3]int{n, 2 + n, 48 + n}, [3]int{8 + n, 12 + n, 24 + n}, [3]int{n, 510 + n, 96})
	}
	for _, set := range native() {
		t.Run("impl="+set.Name, func(t *testing.T) {
			t.Run("dtype=f32", func(t *testing.T) { testGemmBits[float32](t, set, shapes) })
			t.Run("dtype=f64", func(t *testing.T) { testGemmBits[float64](t, set, shapes) })
		})
	}
}

func testGemmBits[T kernels.Float](t *testing.T, set *kernels.Set, shapes [][3]int) {
	rng := rand.New(rand.NewPCG(3, 4))
	ops := kernels.Of[T](set)
	for i, d := range shapes {
		for variant := range 32 {
			if testing.Short() && (i+variant)%16 != 0 { // the model is slow
				continue
			}
			p := randomProduct[T](rng, d[0], d[2], d[1], variant)
			want := p
			want.C.Data = append([]T(nil), p.C.Data...)
			model(want)
			ops.Gemm(p)
			if msg := differ(p.C.Data, want.C.Data); msg != "" {
				t.Fatalf("m×k×n %v variant %d: %s", d, variant, msg)
			}
		}
	}
}

// TestGemmBitsOfFarRows compares products with the model whose operands have such a large stride
// that the driver packs them. It packs scalars row by row or in micro-panels, for the whole product
// or block by block, and whole panels of vectors.
func TestGemmBitsOfFarRows(t *testing.T) {
	for _, set := range native() {
		t.Run("impl="+set.Name, func(t *testing.T) {
			t.Run("dtype=f32", func(t *testing.T) { testFarRows[float32](t, set) })
			t.Run("dtype=f64", func(t *testing.T) { testFarRows[float64](t, set) })
		})
	}
}

func testFarRows[T kernels.Float](t *testing.T, set *kernels.Set) {
	const far = 8192 // bytes
	rng := rand.New(rand.NewPCG(5, 6))
	ops := kernels.Of[T](set)
	mat := func(rows, cols int, farApart bool) kernels.Mat[T] {
		x := kernels.Mat[T]{Rows: rows, Cols: cols, Stride: cols}
		if farApart {
			x.Stride = far / int(unsafe.Sizeof(T(0)))
		}
		x.Data = random[T](rng, rows*x.Stride)
		return x
	}
	for number, c := range []struct {
		m, k, n            int
		transA, farA, farB bool
	}{
		{m: 41, k: 600, n: 96, farA: true},                // scalars row by row, vectors in place
		{m: 141, k: 600, n: 32, farA: true},               // scalars in place
		{m: 41, k: 3200, n: 64, transA: true, farA: true}, // scalars in micro-panels, the last one partial
		{m: 43, k: 3200, n: 64, transA: true, farA: true}, // micro-panels, the last two partial
		{m: 300, k: 700, n: 32, transA: true, farA: true}, // block by block
		{m: 610, k: 220, n: 600, farB: true},              // micro-panels for a strip of Cᵀ, which is cut
		{m: 130, k: 700, n: 100, farB: true},              // panels of vectors
		{m: 130, k: 300, n: 203, farB: true},              // vectors in place
	} {
		for beta := range 4 {
			if testing.Short() && beta != number%4 {
				continue
			}
			p := kernels.Product[T]{Alpha: -0.5, TransA: c.transA, B: mat(c.k, c.n, c.farB), C: mat(c.m, c.n, false)}
			if p.A = mat(c.m, c.k, c.farA); c.transA {
				p.A = mat(c.k, c.m, c.farA)
			}
			switch beta {
			case 0:
				p.Alpha = 1
			case 1:
				p.Beta = 0.25
			case 2:
				p.BetaRow = random[T](rng, c.m)
			case 3:
				p.BetaCol = random[T](rng, c.n)
			}
			before := append([]T(nil), p.C.Data...)
			ops.Gemm(p)
			// The model is slow, so only some elements are checked, at least one of each row and of
			// each column.
			for x := range max(c.m, c.n) {
				i, j := x%c.m, x%c.n
				want := p
				want.C = kernels.MatOf(1, 1, []T{before[i*c.n+j]})
				want.B = p.B.Slice(0, c.k, j, j+1)
				if want.A = p.A.Slice(i, min(i+1, p.A.Rows), 0, p.A.Cols); c.transA {
					want.A = p.A.Slice(0, c.k, i, i+1)
				}
				if p.BetaRow != nil {
					want.BetaRow = p.BetaRow[i : i+1]
				}
				if p.BetaCol != nil {
					want.BetaCol = p.BetaCol[j : j+1]
				}
				model(want)
				if msg := differ(p.C.Data[i*c.n+j:i*c.n+j+1], want.C.Data); msg != "" {
					t.Fatalf("%+v β kind %d, (%d, %d): %s", c, beta, i, j, msg)
				}
			}
		}
	}
}

// randomProduct draws a product. The bits of variant choose the two transposes, the kind of β, and
// whether some β are 0.
func randomProduct[T kernels.Float](rng *rand.Rand, m, n, k, variant int) kernels.Product[T] {
	mat := func(r, c int) kernels.Mat[T] {
		x := kernels.Mat[T]{Rows: r, Cols: c, Stride: max(c+rng.IntN(3), 1)}
		x.Data = random[T](rng, r*x.Stride)
		return x
	}
	p := kernels.Product[T]{Alpha: T(rng.NormFloat64()), C: mat(m, n)}
	p.TransA, p.TransB = variant&1 != 0, variant&2 != 0
	if p.A = mat(m, k); p.TransA {
		p.A = mat(k, m)
	}
	if p.B = mat(k, n); p.TransB {
		p.B = mat(n, k)
	}
	spotted := func(n int) []T {
		b := random[T](rng, n)
		for i := range b {
			if rng.IntN(3) == 0 {
				b[i] = 0
			}
		}
		return b
	}
	switch variant >> 2 {
	case 0:
		p.Alpha = 1
	case 1:
		p.Beta = 1
	case 2:
		p.Beta = T(rng.NormFloat64())
	case 3:
		p.BetaRow = spotted(m)
	case 4:
		p.BetaCol = spotted(n)
	case 5:
		p.Alpha, p.Beta = 0, 2
		nan(p.A.Data)
		nan(p.B.Data)
	case 6:
		p.Alpha = -1
		nan(p.C.Data)
	case 7:
		p.Alpha, p.Beta = -0.5, -0.25
	}
	return p
}

func random[T kernels.Float](rng *rand.Rand, n int) []T {
	v := make([]T, n)
	for i := range v {
		v[i] = T(rng.NormFloat64())
	}
	return v
}

func nan[T kernels.Float](v []T) {
	for i := range v {
		v[i] = T(math.NaN())
	}
}

// differ describes the first element with different bits. All NaNs are equal.
func differ[T kernels.Float](got, want []T) string {
	for i, g := range got {
		if w := want[i]; (g != w || math.Signbit(float64(g)) != math.Signbit(float64(w))) && (g == g || w == w) {
			return fmt.Sprintf("element %d is %v, want %v", i, g, w)
		}
	}
	return ""
}

// TestPacking checks that both ways to pack vectors give the same bits, that the first large product chooses one, and
// that it does so once if several goroutines need it.
func TestPacking(t *testing.T) {
	for _, r := range rows() {
		if r.sharedF32 == nil || !cpuid.CPU.Supports(r.features...) {
			continue
		}
		testPacking(t, func(when *blocked.Packing) func(kernels.Product[float32]) {
			return blocked.Gemm(grouped(r.f32, r.sharedF32, avx2PackSharedF32, when))
		})
		testPacking(t, func(when *blocked.Packing) func(kernels.Product[float64]) {
			return blocked.Gemm(grouped(r.f64, r.sharedF64, avx2PackSharedF64, when))
		})
		return
	}
	t.Skip("no set of this machine chooses how it packs")
}

func testPacking[T kernels.Float](t *testing.T, gemm func(*blocked.Packing) func(kernels.Product[T])) {
	rnd := rand.New(rand.NewPCG(1, 2))
	matrix := func(rows, cols int) kernels.Mat[T] {
		m := kernels.Mat[T]{Rows: rows, Cols: cols, Stride: cols, Data: make([]T, rows*cols)}
		for i := range m.Data {
			m.Data[i] = T(rnd.NormFloat64())
		}
		return m
	}
	a, b := matrix(203, 1100), matrix(1100, 198)
	compute := func(when *blocked.Packing) []T {
		c := kernels.Mat[T]{Rows: 203, Cols: 198, Stride: 198, Data: make([]T, 203*198)}
		gemm(when)(kernels.Product[T]{Alpha: 1, A: a, B: b, C: c})
		return c.Data
	}
	want := compute(nil)
	for _, value := range []string{blocked.PackFirst, blocked.PackBefore} {
		var when blocked.Packing
		if err := when.Fix(value); err != nil || when.String() != value {
			t.Errorf("%v after Fix(%q): %v", &when, value, err)
		}
		if !slices.Equal(compute(&when), want) || when.String() != value {
			t.Errorf("%s: other bits", value)
		}
		fixed, plain := gemm(&when), gemm(nil)
		for _, m := range []int{1, 6, 13, 200} {
			for n := 1; n <= 70; n++ {
				a, b := matrix(m, 130), matrix(130, n)
				got := kernels.Product[T]{Alpha: 1, A: a, B: b, C: matrix(m, n)}
				fixed(got)
				want := kernels.Product[T]{Alpha: 1, A: a, B: b, C: matrix(m, n)}
				plain(want)
				if !slices.Equal(got.C.Data, want.C.Data) {
					t.Errorf("%s: other bits of %d×130×%d", value, m, n)
				}
			}
		}
	}
	var open blocked.Packing
	small := matrix(4, 4)
	gemm(&open)(kernels.Product[T]{Alpha: 1, A: small, B: small, C: matrix(4, 4)})
	if open.String() != "" {
		t.Errorf("a small product chose %q", &open)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if got := compute(&open); !slices.Equal(got, want) {
				t.Error("undecided: other bits")
			}
		})
	}
	wg.Wait()
	if open.String() == "" {
		t.Error("a large product chose nothing")
	}
	if err := open.Fix("never"); err == nil {
		t.Error("a wrong value was taken")
	}
}
