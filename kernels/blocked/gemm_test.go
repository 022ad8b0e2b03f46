package blocked_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/blocked"
	"fusegrid/kernels/reference"
)

// naive computes a product directly from its definition, in class MulAdd.
func naive[T kernels.Float](p kernels.Product[T]) {
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
					sum += T(at(p.A, p.TransA, i, l) * at(p.B, p.TransB, l, j))
				}
				t += sum // t = +0 changes no first sum but −0, which is no sum of these operands
			}
			c := &p.C.Data[i*p.C.Stride+j]
			if beta := p.BetaAt(i, j); beta == 0 {
				*c = T(p.Alpha * t)
			} else {
				*c = T(beta**c) + T(p.Alpha*t)
			}
		}
	}
}

func TestReferenceGemm(t *testing.T) {
	t.Run("dtype=f32", testReferenceGemm[float32])
	t.Run("dtype=f64", testReferenceGemm[float64])
}

func testReferenceGemm[T kernels.Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ops := kernels.Of[T](reference.New())
	for _, d := range [][3]int{
		{1, 1, 1}, {2, 3, 4}, {3, 4, 5}, {5, 0, 7}, {7, 9, 2}, {1, 30, 9}, {17, 11, 13},
		{4, 2100, 6}, {300, 3, 5}, {5, 3, 300}, {3, 600, 270}, {270, 600, 3},
	} {
		for variant := range 32 {
			p := randomProduct[T](rng, d[0], d[2], d[1], variant)
			want := p
			want.C.Data = append([]T(nil), p.C.Data...)
			naive(want)
			ops.Gemm(p)
			if msg := differ(p.C.Data, want.C.Data); msg != "" {
				t.Fatalf("m×k×n %v variant %d: %s", d, variant, msg)
			}
		}
	}
}

// TestReferenceGemmOfFarRows compares products whose scalars have a large stride, so the driver
// packs them.
func TestReferenceGemmOfFarRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := kernels.Product[float32]{
		Alpha: 1, TransA: true,
		A: kernels.Mat[float32]{Rows: 3200, Cols: 41, Stride: 1024, Data: vec[float32](rng, 3200*1024)},
		B: kernels.MatOf(3200, 100, vec[float32](rng, 3200*100)),
		C: kernels.NewMat[float32](41, 100),
	}
	want := p
	want.C = kernels.NewMat[float32](41, 100)
	naive(want)
	kernels.Of[float32](reference.New()).Gemm(p)
	if msg := differ(p.C.Data, want.C.Data); msg != "" {
		t.Error(msg)
	}
}

// TestReferenceGemmOfManyRows compares a product with too many rows to keep all partial sums at a
// time.
func TestReferenceGemmOfManyRows(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: the product is large")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	const m, k, n = 4200, 260, 1024
	p := kernels.Product[float32]{
		Alpha: 2, A: kernels.MatOf(m, k, vec[float32](rng, m*k)), B: kernels.MatOf(k, n, vec[float32](rng, k*n)),
		C: kernels.NewMat[float32](m, n),
	}
	if mc, kc, rows := blocked.Blocking(reference.Micro[float32](), &p); rows >= m || rows%mc != 0 || kc >= k {
		t.Fatalf("blocks of %d rows and %d terms, %d rows in a pass: the shape does not test this", mc, kc, rows)
	}
	kernels.Of[float32](reference.New()).Gemm(p)
	for _, i := range []int{0, 1000, 4094, 4095, 4096, 4097, m - 1} {
		part := p.Rows(i, i+1)
		part.C = kernels.NewMat[float32](1, n)
		naive(part)
		if msg := differ(p.C.Row(i), part.C.Data); msg != "" {
			t.Errorf("row %d: %s", i, msg)
		}
	}
}

// TestGemmForgetsItsOperands checks that a workspace in the pool holds no reference to operands.
func TestGemmForgetsItsOperands(t *testing.T) {
	// The vectors are read in place, and the last block has fewer panels than the previous one.
	p := kernels.Product[float32]{Alpha: 1, A: kernels.NewMat[float32](3, 600), B: kernels.NewMat[float32](600, 402), C: kernels.NewMat[float32](3, 402)}
	used, held := blocked.PanelsHeld(reference.Micro[float32](), p)
	if used == 0 || used == len(held) {
		t.Fatalf("%d panels of room for %d: the shape does not test this", used, len(held))
	}
	for i, n := range held {
		if n != 0 {
			t.Errorf("panel %d still holds %d elements of the caller's", i, n)
		}
	}
}

// randomProduct draws a product. The bits of variant choose the two transposes, the kind of β, and
// whether some β are 0.
func randomProduct[T kernels.Float](rng *rand.Rand, m, n, k, variant int) kernels.Product[T] {
	mat := func(r, c int) kernels.Mat[T] {
		x := kernels.Mat[T]{Rows: r, Cols: c, Stride: c + rng.IntN(3)}
		if x.Stride == 0 {
			x.Stride = 1
		}
		x.Data = vec[T](rng, r*x.Stride)
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
		b := vec[T](rng, n)
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
		p.A.Data, p.B.Data = nanLike(p.A.Data), nanLike(p.B.Data)
	case 6:
		p.Alpha = -1
		p.C.Data = nanLike(p.C.Data)
	case 7:
		p.Alpha, p.Beta = -0.5, -0.25
	}
	return p
}

func vec[T kernels.Float](rng *rand.Rand, n int) []T {
	v := make([]T, n)
	for i := range v {
		v[i] = T(rng.NormFloat64())
	}
	return v
}

func nanLike[T kernels.Float](v []T) []T {
	for i := range v {
		v[i] = T(math.NaN())
	}
	return v
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

func BenchmarkReferenceGemm(b *testing.B) {
	b.Run("dtype=f32", benchmarkReference[float32])
	b.Run("dtype=f64", benchmarkReference[float64])
}

func benchmarkReference[T kernels.Float](b *testing.B) {
	ops := kernels.Of[T](reference.New())
	p := randomProduct[T](rand.New(rand.NewPCG(1, 2)), 200, 50, 3072, 0)
	for b.Loop() {
		ops.Gemm(p)
	}
	b.ReportMetric(2*200*50*3072*float64(b.N)/b.Elapsed().Seconds(), "FLOP/s")
}
