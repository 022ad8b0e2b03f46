package kernels

import (
	"fmt"
	"unsafe"
)

// Ops are the operations of a set for one type. Every method checks shapes and overlap before it
// writes anything. If a check fails, it panics with a message that names the operand. Elementwise
// operations may work in place, with dst and source in the same memory. Operands must not overlap
// in part; different columns of one matrix do not overlap. The elements between the rows of a
// matrix are never written.
type Ops[T Float] struct{ s *Slots[T] }

// A Product is C ← β∘C + α·op(A)·op(B), where op(X) is X or its transpose.
//
// In a stable set, the terms a(i,p)·b(p,j) are summed in pieces of [Piece] terms. A piece is summed
// from +0 in ascending p. The sum t of an element is that of the first piece, to which the sums of
// the other pieces are added in ascending order. Then c ← β·c + α·t. The terms of a piece and this
// last step round as the [Class] of the set says, and each addition of a piece rounds once.
//
//   - If β is 0, C is never read, so NaN in fresh memory does not spread: c ← α·t.
//   - If α or the inner dimension is 0, A and B are never read: t = +0.
//   - BetaRow has a β for each row of C, and BetaCol one for each column. At most one of them may
//     be set. The one that is set replaces Beta. With it, one product computes the update W ←
//     (1−λη)·W − η·(dH)ᵀX of many nets.
type Product[T Float] struct {
	Alpha   T
	A       Mat[T]
	TransA  bool
	B       Mat[T]
	TransB  bool
	Beta    T
	BetaRow []T
	BetaCol []T
	C       Mat[T]
}

// Piece is the number of terms that a stable set sums in one chain. The terms [512·i, 512·(i+1)) of an
// element are piece i, whatever the shape of the product. So the error of a sum grows with the number
// of pieces and not with that of terms.
const Piece = 512

// Dims returns the shape of the product: C is m×n, and k is summed over.
func (p *Product[T]) Dims() (m, n, k int) {
	k = p.A.Cols
	if p.TransA {
		k = p.A.Rows
	}
	return p.C.Rows, p.C.Cols, k
}

// BetaAt returns the β of element (i, j).
func (p *Product[T]) BetaAt(i, j int) T {
	switch {
	case p.BetaRow != nil:
		return p.BetaRow[i]
	case p.BetaCol != nil:
		return p.BetaCol[j]
	}
	return p.Beta
}

// Gemm computes a [Product]. C may not overlap A or B.
func (o Ops[T]) Gemm(p Product[T]) {
	p.check()
	if p.C.Rows > 0 && p.C.Cols > 0 {
		o.s.Gemm(p)
	}
}

func (p *Product[T]) check() {
	checkMat("Gemm", "A", p.A)
	checkMat("Gemm", "B", p.B)
	checkMat("Gemm", "C", p.C)
	m, k := p.A.Rows, p.A.Cols
	if p.TransA {
		m, k = k, m
	}
	kb, n := p.B.Rows, p.B.Cols
	if p.TransB {
		kb, n = n, kb
	}
	if kb != k {
		panic(fmt.Sprintf("kernels: Gemm: op(B) has %d rows, op(A) has %d columns", kb, k))
	}
	if p.C.Rows != m || p.C.Cols != n {
		panic(fmt.Sprintf("kernels: Gemm: C is %d×%d, op(A)·op(B) is %d×%d", p.C.Rows, p.C.Cols, m, n))
	}
	if p.BetaRow != nil && p.BetaCol != nil {
		panic("kernels: Gemm: BetaRow and BetaCol are both set")
	}
	if p.BetaRow != nil {
		checkLen("Gemm", "BetaRow", len(p.BetaRow), m)
		checkApart("Gemm", "C", "BetaRow", p.C.span(), p.BetaRow)
	}
	if p.BetaCol != nil {
		checkLen("Gemm", "BetaCol", len(p.BetaCol), n)
		checkApart("Gemm", "C", "BetaCol", p.C.span(), p.BetaCol)
	}
	checkMatApart("Gemm", "C", "A", p.C, p.A)
	checkMatApart("Gemm", "C", "B", p.C, p.B)
}

// ReLU sets dst = +0 if x < 0, else x. NaN stays NaN and −0 stays −0.
func (o Ops[T]) ReLU(dst, x []T) {
	checkLen("ReLU", "x", len(x), len(dst))
	checkSameOrApart("ReLU", "dst", "x", dst, x)
	o.s.ReLU(dst, x)
}

// ReLUGrad sets dx = dy if x > 0, else +0. dx is also +0 if x is NaN, for any dy. x may be the
// input or the output of [Ops.ReLU], because x > 0 is the same for both.
func (o Ops[T]) ReLUGrad(dx, dy, x []T) {
	checkLen("ReLUGrad", "dy", len(dy), len(dx))
	checkLen("ReLUGrad", "x", len(x), len(dx))
	checkSameOrApart("ReLUGrad", "dx", "dy", dx, dy)
	checkSameOrApart("ReLUGrad", "dx", "x", dx, x)
	if len(x) > 0 {
		o.s.ReLUGrad(rowOf(dx), rowOf(dy), rowOf(x))
	}
}

func rowOf[T Float](x []T) Mat[T] { return Mat[T]{Rows: 1, Cols: len(x), Stride: len(x), Data: x} }

// ReLUGradMat is [Ops.ReLUGrad] of matrices.
func (o Ops[T]) ReLUGradMat(dx, dy, x Mat[T]) {
	checkMat("ReLUGradMat", "dx", dx)
	checkMat("ReLUGradMat", "dy", dy)
	checkMat("ReLUGradMat", "x", x)
	checkShape("ReLUGradMat", "dy", dy, dx)
	checkShape("ReLUGradMat", "x", x, dx)
	checkSameMat("ReLUGradMat", "dx", "dy", dx, dy)
	checkSameMat("ReLUGradMat", "dx", "x", dx, x)
	if x.Rows > 0 && x.Cols > 0 {
		o.s.ReLUGrad(dx, dy, x)
	}
}

// AddBias sets dst(i,j) = x(i,j) + bias(j).
func (o Ops[T]) AddBias(dst, x Mat[T], bias []T) {
	checkBias("AddBias", dst, x, bias)
	if x.Rows > 0 && x.Cols > 0 {
		o.s.AddBias(dst, x, bias)
	}
}

// BiasReLU sets dst(i,j) = ReLU(x(i,j) + bias(j)).
func (o Ops[T]) BiasReLU(dst, x Mat[T], bias []T) {
	checkBias("BiasReLU", dst, x, bias)
	if x.Rows > 0 && x.Cols > 0 {
		o.s.BiasReLU(dst, x, bias)
	}
}

// SoftmaxLoss returns the cross-entropy loss of scores x (N, C) with labels y and
// writes its gradient:
//
//	p(i,·) = exp(x(i,·) − max x(i,·)) / Σ,  L = −1/N Σ log p(i, y(i)),
//	dx = (p − onehot(y)) / N
//
// The loss is summed over rows in float64, in ascending order. The gradient of a row and the loss
// are NaN if the row has a NaN or +Inf, or if all its scores are −Inf.
func (o Ops[T]) SoftmaxLoss(dx, x Mat[T], y []int) float64 {
	checkMat("SoftmaxLoss", "dx", dx)
	checkMat("SoftmaxLoss", "x", x)
	checkShape("SoftmaxLoss", "dx", dx, x)
	checkLen("SoftmaxLoss", "y", len(y), x.Rows)
	if x.Rows == 0 || x.Cols == 0 {
		panic(fmt.Sprintf("kernels: SoftmaxLoss: x is %d×%d, want at least one row and column", x.Rows, x.Cols))
	}
	for i, c := range y {
		if c < 0 || c >= x.Cols {
			panic(fmt.Sprintf("kernels: SoftmaxLoss: y[%d] is %d, want 0…%d", i, c, x.Cols-1))
		}
	}
	checkSameMat("SoftmaxLoss", "dx", "x", dx, x)
	return o.s.SoftmaxLoss(dx, x, y)
}

// Axpby sets y ← α·x + β·y, in class FMA y ← fma(α, x, β·y). If β is 0, y is never read: y ← α·x.
func (o Ops[T]) Axpby(alpha T, x []T, beta T, y []T) {
	checkLen("Axpby", "x", len(x), len(y))
	checkSameOrApart("Axpby", "y", "x", y, x)
	o.s.Axpby(alpha, x, beta, y)
}

// SumLanes returns the number of partial sums of [Ops.SumSquares]: 64 for float32 and 32 for
// float64, which are four vectors of 64 bytes.
func SumLanes[T Float]() int {
	var zero T
	return 256 / int(unsafe.Sizeof(zero))
}

// SumSquares returns Σ x². With L = [SumLanes], lane l sums the squares of x[l], x[l+L], x[l+2L], …
// in that order from +0. In class FMA a term is lane ← fma(x, x, lane). Then the upper half of the
// lanes is added to the lower half until one lane is left.
func (o Ops[T]) SumSquares(x []T) T { return o.s.SumSquares(x) }

// AddSquares adds the squares of x to dst in turn: dst(i mod n) ← dst(i mod n) + x(i)² in ascending
// i, where n = len(dst). In class FMA a term is fma(x, x, dst).
func (o Ops[T]) AddSquares(dst, x []T) {
	if len(x) == 0 {
		return
	}
	if len(dst) == 0 {
		panic(fmt.Sprintf("kernels: AddSquares: dst has no elements, x has %d", len(x)))
	}
	checkApart("AddSquares", "dst", "x", dst, x)
	o.s.AddSquares(dst, x)
}

// ColSums sets dst(j) = Σ x(i,j), summed in ascending i from +0.
func (o Ops[T]) ColSums(dst []T, x Mat[T]) {
	checkMat("ColSums", "x", x)
	checkLen("ColSums", "dst", len(dst), x.Cols)
	checkApart("ColSums", "dst", "x", dst, x.span())
	if x.Cols > 0 {
		o.s.ColSums(dst, x)
	}
}

// SubMean converts 8-bit pixels: dst(j) = float(src(j)) − mean(j), exactly rounded.
func (o Ops[T]) SubMean(dst []T, src []uint8, mean []T) {
	checkLen("SubMean", "src", len(src), len(dst))
	checkLen("SubMean", "mean", len(mean), len(dst))
	checkApart("SubMean", "dst", "mean", dst, mean)
	o.s.SubMean(dst, src, mean)
}
