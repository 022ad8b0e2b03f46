package reference

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"fusegrid/kernels"
)

// Gonum returns the plain-Go set with the matrix product of gonum's BLAS. Its other kernels come
// from [New].
//
// The set is not stable because gonum groups the terms of a sum by the shape and the transposition
// of the operands. The product runs on the caller's goroutine, as in every set.
func Gonum() *kernels.Set {
	s := New()
	s.Name = "gonum"
	s.Class = "gonum"
	s.Stable = false
	useGonum(&s.F32, gonum.Implementation{}.Sgemm)
	useGonum(&s.F64, gonum.Implementation{}.Dgemm)
	return s
}

// gonumBlock is the side of gonum's blocks. Gonum starts goroutines for products of more than three
// blocks, so it gets one block at a time.
const gonumBlock = 64

// A gonumGemm is the signature of Sgemm and Dgemm: C ← α·op(A)·op(B) + β·C.
type gonumGemm[T kernels.Float] func(tA, tB blas.Transpose, m, n, k int,
	alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)

func useGonum[T kernels.Float](s *kernels.Slots[T], gemm gonumGemm[T]) {
	reference := s.Gemm
	s.Tile = kernels.Tile{MR: gonumBlock, NR: gonumBlock, Lanes: 1}
	s.Gemm = func(p kernels.Product[T]) {
		m, n, k := p.Dims()
		// Gonum skips a row of op(B) if α·a is 0, and so loses 0·NaN and 0·Inf. If k is 0, it does
		// not compute α·0.
		if p.Alpha == 0 || k == 0 || !finite(p.B) {
			reference(p)
			return
		}
		scale(p)
		tA, tB := flag(p.TransA), flag(p.TransB)
		for i := 0; i < m; i += gonumBlock {
			rows := p.Rows(i, min(i+gonumBlock, m))
			for j := 0; j < n; j += gonumBlock {
				q := rows.Cols(j, min(j+gonumBlock, n))
				for l := 0; l < k; l += gonumBlock {
					b := inner(q, l, min(l+gonumBlock, k))
					bm, bn, bk := b.Dims()
					gemm(tA, tB, bm, bn, bk, b.Alpha, b.A.Data, b.A.Stride,
						b.B.Data, b.B.Stride, 1, b.C.Data, b.C.Stride)
				}
			}
		}
	}
}

// inner returns the part of p that sums over [l0, l1).
func inner[T kernels.Float](p kernels.Product[T], l0, l1 int) kernels.Product[T] {
	if p.TransA {
		p.A = p.A.Slice(l0, l1, 0, p.A.Cols)
	} else {
		p.A = p.A.Slice(0, p.A.Rows, l0, l1)
	}
	if p.TransB {
		p.B = p.B.Slice(0, p.B.Rows, l0, l1)
	} else {
		p.B = p.B.Slice(l0, l1, 0, p.B.Cols)
	}
	return p
}

// scale sets C ← β∘C.
func scale[T kernels.Float](p kernels.Product[T]) {
	for i := range p.C.Rows {
		row := p.C.Row(i)
		for j := range row {
			if beta := p.BetaAt(i, j); beta == 0 {
				row[j] = 0
			} else {
				row[j] *= beta
			}
		}
	}
}

// finite reports whether x holds no NaN and no ±Inf.
func finite[T kernels.Float](x kernels.Mat[T]) bool {
	for i := range x.Rows {
		for _, v := range x.Row(i) {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}

func flag(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}
