package dropin_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/blas/testblas"
	"gonum.org/v1/gonum/mat"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/kernels/dropin"
	"fusegrid/kernels/reference"
)

// eachSet runs f on the drop-in of every set of this machine.
func eachSet(t *testing.T, f func(t *testing.T, impl dropin.Implementation)) {
	for _, set := range fusegrid.All() {
		t.Run("impl="+set.Name, func(t *testing.T) { f(t, dropin.New(set)) })
	}
}

// TestLevel3 runs gonum's tests on every level-3 routine, whether it is replaced or inherited.
func TestLevel3(t *testing.T) {
	eachSet(t, func(t *testing.T, impl dropin.Implementation) {
		t.Run("Dgemm", func(t *testing.T) { testblas.TestDgemm(t, impl) })
		t.Run("Sgemm", func(t *testing.T) { testblas.TestDgemm(t, single{impl}) })
		t.Run("Dsymm", func(t *testing.T) { testblas.DsymmTest(t, impl) })
		t.Run("Dsyrk", func(t *testing.T) { testblas.DsyrkTest(t, impl) })
		t.Run("Dsyr2k", func(t *testing.T) { testblas.Dsyr2kTest(t, impl) })
		t.Run("Dtrmm", func(t *testing.T) { testblas.DtrmmTest(t, impl) })
		t.Run("Dtrsm", func(t *testing.T) { testblas.DtrsmTest(t, impl) })
	})
}

// A single offers Sgemm as Dgemm, because gonum has no separate test of Sgemm. The cases of
// Dgemm are small integers and halves, which float32 represents exactly.
type single struct{ impl blas.Float32Level3 }

func (s single) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	c32 := convert[float32](c)
	s.impl.Sgemm(tA, tB, m, n, k, float32(alpha), convert[float32](a), lda, convert[float32](b), ldb, float32(beta), c32, ldc)
	copy(c, convert[float64](c32))
}

func convert[To, From kernels.Float](x []From) []To {
	y := make([]To, len(x))
	for i, v := range x {
		y[i] = To(v)
	}
	return y
}

// An arguments value holds the arguments of one call of Dgemm.
type arguments struct {
	tA, tB  blas.Transpose
	m, n, k int
	alpha   float64
	a       []float64
	lda     int
	b       []float64
	ldb     int
	beta    float64
	c       []float64
	ldc     int
}

func (x arguments) String() string {
	return fmt.Sprintf("tA=%c tB=%c m=%d n=%d k=%d alpha=%v len(a)=%d lda=%d len(b)=%d ldb=%d beta=%v len(c)=%d ldc=%d",
		x.tA, x.tB, x.m, x.n, x.k, x.alpha, len(x.a), x.lda, len(x.b), x.ldb, x.beta, len(x.c), x.ldc)
}

// f64 and f32 call impl on a copy of x and return C and the value of a panic.
func (x arguments) f64(impl blas.Float64Level3) (c []float64, panicked any) {
	defer func() { panicked = recover() }()
	c = slices.Clone(x.c)
	impl.Dgemm(x.tA, x.tB, x.m, x.n, x.k, x.alpha, x.a, x.lda, x.b, x.ldb, x.beta, c, x.ldc)
	return c, nil
}

func (x arguments) f32(impl blas.Float32Level3) (c []float64, panicked any) {
	defer func() { panicked = recover() }()
	c32 := convert[float32](x.c)
	impl.Sgemm(x.tA, x.tB, x.m, x.n, x.k, float32(x.alpha), convert[float32](x.a), x.lda, convert[float32](x.b), x.ldb, float32(x.beta), c32, x.ldc)
	return convert[float64](c32), nil
}

// TestAgainstGonum draws valid and invalid arguments, and checks that the results and the panics
// are those of gonum. Operands are small integers, so every order of summation gives the same
// bits.
func TestAgainstGonum(t *testing.T) {
	eachSet(t, func(t *testing.T, impl dropin.Implementation) {
		rng := rand.New(rand.NewPCG(1, 1))
		panics := map[any]int{}
		good := 0
		for range 20000 {
			x := draw(rng)
			want, wantPanic := x.f64(gonum.Implementation{})
			got, gotPanic := x.f64(impl)
			if fmt.Sprint(gotPanic) != fmt.Sprint(wantPanic) {
				t.Fatalf("Dgemm %v: panics with %v, gonum with %v", x, gotPanic, wantPanic)
			}
			if gotPanic == nil && !slices.Equal(got, want) {
				t.Fatalf("Dgemm %v: differs from gonum", x)
			}
			got, gotPanic = x.f32(impl)
			if fmt.Sprint(gotPanic) != fmt.Sprint(wantPanic) {
				t.Fatalf("Sgemm %v: panics with %v, gonum with %v", x, gotPanic, wantPanic)
			}
			if gotPanic == nil && !slices.Equal(got, want) {
				t.Fatalf("Sgemm %v: differs from gonum", x)
			}
			if gotPanic == nil {
				good++
			} else {
				panics[gotPanic]++
			}
		}
		// There are three panics each for signs, strides and lengths, and one for both transposes.
		if len(panics) != 10 || good < 5000 {
			t.Errorf("only %d good calls and these panics were drawn: %v", good, panics)
		}
	})
}

// draw returns random arguments. About half are invalid in one or two ways.
func draw(rng *rand.Rand) arguments {
	side := func() int { return rng.IntN(12) }
	ints := func(n int) []float64 {
		x := make([]float64, max(n, 0))
		for i := range x {
			x[i] = float64(rng.IntN(9) - 4)
		}
		return x
	}
	trans := []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}
	x := arguments{
		tA: trans[rng.IntN(3)], tB: trans[rng.IntN(3)],
		m: side(), n: side(), k: side(),
		alpha: float64(rng.IntN(3)) / 2, beta: float64(rng.IntN(3)) / 2,
	}
	stored := func(t blas.Transpose, rows, cols int) (int, int) {
		if t != blas.NoTrans {
			return cols, rows
		}
		return rows, cols
	}
	matrix := func(rows, cols int) ([]float64, int) {
		ld := max(1, cols) + rng.IntN(3)
		return ints((rows-1)*ld + cols), ld
	}
	x.a, x.lda = matrix(stored(x.tA, x.m, x.k))
	x.b, x.ldb = matrix(stored(x.tB, x.k, x.n))
	x.c, x.ldc = matrix(x.m, x.n)
	shorten := func(s []float64) []float64 { return s[:max(0, len(s)-1)] }
	for range rng.IntN(3) {
		switch rng.IntN(16) {
		case 0:
			x.tA = 'X'
		case 1:
			x.tB = 0
		case 2:
			x.m = -1
		case 3:
			x.n = -1
		case 4:
			x.k = -1
		case 5:
			x.lda -= 1 + rng.IntN(4)
		case 6:
			x.ldb -= 1 + rng.IntN(4)
		case 7:
			x.ldc -= 1 + rng.IntN(4)
		case 8:
			x.a = shorten(x.a)
		case 9:
			x.b = shorten(x.b)
		case 10:
			x.c = shorten(x.c)
		}
	}
	return x
}

// TestHuge checks that sizes beyond any memory cause gonum's panic and no overflow.
func TestHuge(t *testing.T) {
	impl := dropin.New(reference.New())
	good := arguments{tA: blas.NoTrans, tB: blas.NoTrans, m: 2, n: 2, k: 2,
		alpha: 1, a: make([]float64, 4), lda: 2, b: make([]float64, 4), ldb: 2, c: make([]float64, 4), ldc: 2}
	for _, huge := range []int{math.MaxInt32, math.MaxInt, math.MaxInt/2 + 2} {
		for _, test := range []struct {
			name   string
			change func(x *arguments)
			want   string
		}{
			{"rows of A and C", func(x *arguments) { x.m, x.lda = huge, huge }, "a"},
			{"rows of C alone", func(x *arguments) { x.m, x.k, x.ldc = huge, 0, huge }, "a"},
			{"rows of A, transposed", func(x *arguments) { x.tA, x.k, x.lda = blas.Trans, huge, huge }, "a"},
			{"stride of B", func(x *arguments) { x.ldb = huge }, "b"},
			{"columns of B, transposed", func(x *arguments) { x.tB, x.n, x.ldb, x.ldc = blas.Trans, huge, huge, huge }, "b"},
			{"stride of C", func(x *arguments) { x.ldc = huge }, "c"},
			{"stride of C, α = 0, β = 1", func(x *arguments) { x.ldc, x.alpha, x.beta = huge, 0, 1 }, "c"},
		} {
			t.Run(test.name, func(t *testing.T) {
				x := good
				test.change(&x)
				if _, p := x.f64(impl); p != "blas: insufficient length of "+test.want {
					t.Errorf("%s %d: panicked with %v", test.name, huge, p)
				}
			})
		}
	}
	x := good
	x.m, x.lda = 1, math.MaxInt // a matrix with one row may have any stride
	if _, p := x.f64(impl); p != nil {
		t.Errorf("one row: panicked with %v", p)
	}
}

// TestShared multiplies parts of one matrix. The first parts are from an LU factorization. Then C
// and A are the same memory.
func TestShared(t *testing.T) {
	eachSet(t, func(t *testing.T, impl dropin.Implementation) {
		const n, nb = 40, 7
		rng := rand.New(rand.NewPCG(3, 4))
		x := make([]float64, n*n)
		for i := range x {
			x[i] = float64(rng.IntN(9) - 4)
		}
		want := slices.Clone(x)
		update := func(impl blas.Float64Level3, x []float64) {
			impl.Dgemm(blas.NoTrans, blas.NoTrans, n-nb, n-nb, nb, -1, x[nb*n:], n, x[nb:], n, 1, x[nb*n+nb:], n)
		}
		update(gonum.Implementation{}, want)
		update(impl, x)
		if !slices.Equal(x, want) {
			t.Error("A21·A12 taken from A22 differs from gonum")
		}

		square := []float64{1, 2, 3, 4}
		impl.Dgemm(blas.NoTrans, blas.NoTrans, 2, 2, 2, 1, square, 2, square, 2, 0, square, 2)
		if !slices.Equal(square, []float64{7, 10, 15, 22}) {
			t.Errorf("X ← X·X gives %v", square)
		}
	})
}

// TestFactorizations solves a system by LU and by Cholesky factorization with the products of
// the set.
func TestFactorizations(t *testing.T) {
	const n = 300 // several blocks of lapack
	rng := rand.New(rand.NewPCG(5, 6))
	a, want := mat.NewDense(n, n, nil), mat.NewDense(n, 3, nil)
	for i := range n {
		for j := range n {
			a.Set(i, j, rng.NormFloat64())
		}
		for j := range 3 {
			want.Set(i, j, rng.NormFloat64())
		}
	}
	eachSet(t, func(t *testing.T, impl dropin.Implementation) {
		use(t, impl)
		var b, x mat.Dense
		b.Mul(a, want)
		if err := x.Solve(a, &b); err != nil {
			t.Fatal(err)
		}
		if !mat.EqualApprox(&x, want, 1e-8) {
			t.Error("LU: x is not the solution")
		}
		var spd mat.SymDense
		spd.SymOuterK(1, a)
		var chol mat.Cholesky
		if !chol.Factorize(&spd) {
			t.Fatal("Cholesky failed")
		}
		var back mat.SymDense
		chol.ToSym(&back)
		if !mat.EqualApprox(&back, &spd, 1e-9) {
			t.Error("Cholesky: LLᵀ is not A")
		}
	})
}

// use makes impl the BLAS of blas64 until the test ends.
func use(t *testing.T, impl blas.Float64) {
	before := blas64.Implementation()
	blas64.Use(impl)
	t.Cleanup(func() { blas64.Use(before) })
}

// TestProcs checks that every GOMAXPROCS gives the same bits.
func TestProcs(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rng := rand.New(rand.NewPCG(7, 8))
	const m, n, k = 300, 170, 260
	x := arguments{tA: blas.Trans, tB: blas.NoTrans, m: m, n: n, k: k, alpha: 1.5, beta: 0.5, lda: m, ldb: n, ldc: n}
	fill := func(n int) []float64 {
		s := make([]float64, n)
		for i := range s {
			s[i] = rng.NormFloat64()
		}
		return s
	}
	x.a, x.b, x.c = fill(k*m), fill(k*n), fill(m*n)
	for _, set := range fusegrid.All() {
		if !set.Stable {
			continue
		}
		impl := dropin.New(set)
		var want []float64
		for procs := 1; procs <= 5; procs++ {
			runtime.GOMAXPROCS(procs)
			got, p := x.f64(impl)
			if p != nil {
				t.Fatal(p)
			}
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: the bits differ at GOMAXPROCS=%d", set.Name, procs)
			}
		}
	}
}

// TestPlain checks that the products of sets in plain Go have gonum's bits, and those of other sets do not.
func TestPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const m, n, k = 90, 70, 150
	x := arguments{tA: blas.NoTrans, tB: blas.NoTrans, m: m, n: n, k: k, alpha: 1.5, beta: 0.5, lda: k, ldb: n, ldc: n}
	for _, s := range []struct {
		to *[]float64
		n  int
	}{{&x.a, m * k}, {&x.b, k * n}, {&x.c, m * n}} {
		for range s.n {
			*s.to = append(*s.to, rng.NormFloat64())
		}
	}
	want, _ := x.f64(gonum.Implementation{})
	for _, set := range fusegrid.All() {
		got, p := x.f64(dropin.New(set))
		if plain := set.Name == "reference" || set.Name == "gonum"; p != nil || slices.Equal(got, want) != plain {
			t.Errorf("%s: gonum's bits: %t, want %t; panicked with %v", set.Name, !plain, plain, p)
		}
	}
}
