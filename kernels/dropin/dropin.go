// Package dropin lets gonum programs use a kernel set as their BLAS:
//
//	set, err := fusegrid.Best()
//	…
//	blas32.Use(dropin.New(set))
//	blas64.Use(dropin.New(set))
//
// After these calls, gonum's packages mat, lapack and stat multiply matrices with the kernels of
// the set, on up to GOMAXPROCS goroutines. gonum computes all other BLAS routines.
//
// Builds and machines without assembly have only sets in plain Go, whose products are slower than
// gonum's. With such a set, products are gonum's, too.
//
// A product of a set in assembly sums its terms in pieces of [kernels.Piece], so a sum of many
// float32 is more exact than gonum's in A·B and Aᵀ·B. With k = 49,000 uniform numbers from 0 to 1, the
// root mean square error is 2.5 in units of 2⁻²⁴·Σ|a·b|, and gonum's over all transpositions is 48. The
// page docs/kernels.md has a table. The bits do not depend on GOMAXPROCS.
//
// BenchmarkMatMul in the root package measures the speedup.
package dropin

import (
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"fusegrid/kernels"
)

var (
	_ blas.Float32 = Implementation{}
	_ blas.Float64 = Implementation{}
)

// An Implementation is gonum's BLAS, including the complex routines, except that Sgemm and Dgemm
// use a kernel set. It must be made by [New].
type Implementation struct {
	gonum.Implementation
	f32 *gemm[float32]
	f64 *gemm[float64]
}

// New returns a BLAS whose matrix products use the kernels of set.
func New(set *kernels.Set) Implementation {
	plain := len(set.Features) == 0 && set.Detail == "" // neither assembly nor a library
	return Implementation{
		f32: &gemm[float32]{ops: kernels.Of[float32](set), plain: plain, gonum: gonum.Implementation{}.Sgemm},
		f64: &gemm[float64]{ops: kernels.Of[float64](set), plain: plain, gonum: gonum.Implementation{}.Dgemm},
	}
}

// Sgemm computes C ← α·op(A)·op(B) + β·C, where op(A) is m×k and op(B) is k×n. Invalid
// arguments cause the same panics as in gonum.
//
// Gonum skips zeros of op(A). Sgemm does not, unless the set is in plain Go, so 0·NaN and 0·Inf give NaN. If C shares elements
// with A or B, which BLAS leaves undefined, Sgemm uses the values that A and B had before the
// call.
func (i Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	i.f32.run(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Dgemm is [Implementation.Sgemm] for float64.
func (i Implementation) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	i.f64.run(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// A gemm is the matrix product for one type.
type gemm[T kernels.Float] struct {
	ops     kernels.Ops[T]
	plain   bool // products are gonum's
	gonum   func(tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)
	scratch sync.Pool // of *[]T
}

func (g *gemm[T]) run(tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	A, stateA := operand(tA, m, k, a, lda)
	B, stateB := operand(tB, k, n, b, ldb)
	C, stateC := operand(blas.NoTrans, m, n, c, ldc)
	states := []state{stateA, stateB, stateC}
	if i := slices.Index(states, short); i >= 0 && m > 0 && n > 0 && k >= 0 && !slices.Contains(states, invalid) {
		// Gonum's own check may fail to panic, because it multiplies sizes and the product may overflow.
		panic("blas: insufficient length of " + "abc"[i:i+1])
	}
	if slices.Max(states) != usable || alpha == 0 {
		// Gonum handles empty products and the panics for other invalid arguments.
		g.gonum(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	// A blocked factorization multiplies parts of one matrix, so A and B may lie between the
	// first and the last element of C. In that case A and B are small and are copied.
	if overlap(C.Data, A.Data) {
		buf := g.clone(&A)
		defer g.scratch.Put(buf)
	}
	if overlap(C.Data, B.Data) {
		buf := g.clone(&B)
		defer g.scratch.Put(buf)
	}
	if g.plain {
		g.gonum(tA, tB, m, n, k, alpha, A.Data, A.Stride, B.Data, B.Stride, beta, c, ldc)
		return
	}
	g.ops.GemmParallel(kernels.Product[T]{
		Alpha: alpha, A: A, TransA: tA != blas.NoTrans, B: B, TransB: tB != blas.NoTrans,
		Beta: beta, C: C,
	}, runtime.GOMAXPROCS(0))
}

// A state says whether the arguments for a matrix are valid.
type state int

const (
	usable  state = iota
	empty         // no rows or no columns
	short         // too few elements
	invalid       // an unknown transpose, or a stride below the number of columns
)

// operand returns x as a matrix such that op(x) is rows×cols, if it is usable.
func operand[T kernels.Float](t blas.Transpose, rows, cols int, x []T, ld int) (kernels.Mat[T], state) {
	switch t {
	case blas.NoTrans:
	case blas.Trans, blas.ConjTrans:
		rows, cols = cols, rows
	default:
		return kernels.Mat[T]{}, invalid
	}
	switch {
	case ld < max(1, cols):
		return kernels.Mat[T]{}, invalid
	case rows > 0 && (len(x) < cols || (len(x)-cols)/ld < rows-1):
		return kernels.Mat[T]{}, short
	case rows <= 0 || cols <= 0:
		return kernels.Mat[T]{}, empty
	}
	return kernels.Mat[T]{Rows: rows, Cols: cols, Stride: ld, Data: x[:(rows-1)*ld+cols]}, usable
}

// clone copies x to a scratch buffer and makes x refer to the copy. The caller must return the
// buffer to g.scratch.
func (g *gemm[T]) clone(x *kernels.Mat[T]) *[]T {
	buf, _ := g.scratch.Get().(*[]T)
	if buf == nil {
		buf = new([]T)
	}
	if cap(*buf) < x.Rows*x.Cols {
		*buf = make([]T, x.Rows*x.Cols)
	}
	y := kernels.MatOf(x.Rows, x.Cols, (*buf)[:x.Rows*x.Cols])
	for i := range x.Rows {
		copy(y.Row(i), x.Row(i))
	}
	*x = y
	return buf
}

// overlap reports whether x and y share memory. Both must not be empty.
func overlap[T kernels.Float](x, y []T) bool {
	first := func(s []T) uintptr { return uintptr(unsafe.Pointer(&s[0])) }
	last := func(s []T) uintptr { return uintptr(unsafe.Pointer(&s[len(s)-1])) }
	return first(x) <= last(y) && first(y) <= last(x)
}
