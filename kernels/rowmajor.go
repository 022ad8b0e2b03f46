package kernels

import (
	"fmt"
	"math"

	"fusegrid/internal/pages"
)

// rowMajor is the layout of sets without a Layout function: a plain matrix, whose products are
// computed by Gemm. The stride stays the same when lanes become padding.
type rowMajor[T Float] struct {
	slots  *Slots[T]
	stride int
}

func (r rowMajor[T]) String() string { return fmt.Sprintf("rows of %d", r.stride) }

func (r rowMajor[T]) Size(rows, lanes int) int {
	switch {
	case lanes > r.stride:
		return math.MaxInt
	case lanes == 0:
		return 0
	}
	return rows * r.stride
}

func (r rowMajor[T]) Runs(rows, l int) (first, length, stride int) { return l, 1, r.stride }

func (r rowMajor[T]) Squares(dst []T, w Panels[T]) {
	r.squares(dst, w, make([]T, SumLanes[T]()*r.stride))
}

// squares is Squares with memory for the sums, which have [SumLanes] rows.
func (r rowMajor[T]) squares(dst []T, w Panels[T], sums []T) {
	clear(sums)
	r.slots.AddSquares(sums, w.Data[:w.Rows*r.stride])
	r.slots.FoldSquares(dst, sums)
}

func (r rowMajor[T]) Span(rows, lanes, l0, l1 int) Span {
	if l0 == 0 && l1 == lanes { // one run of all rows, padding included
		return Span{Length: rows * r.stride, Count: 1, End: l1}
	}
	return Span{First: l0, Length: l1 - l0, Stride: r.stride, Count: rows, End: l1}
}

func (r rowMajor[T]) NewImages(images, pixels int) Images[T] {
	return &matrixImages[T]{
		layout: r,
		x:      NewMat[T](images, pixels),
		sums:   pages.Make[T](SumLanes[T]() * r.stride),
	}
}

// matrixImages is a minibatch as a matrix, (N, D).
type matrixImages[T Float] struct {
	layout rowMajor[T]
	x      Mat[T]
	n      int
	sums   []T
}

func (m *matrixImages[T]) Load(x []uint8, idx []int, mean []T) {
	d := m.x.Cols
	m.n = len(idx)
	for i, j := range idx {
		m.layout.slots.SubMean(m.x.Row(i), x[j*d:(j+1)*d], mean)
	}
}

func (m *matrixImages[T]) ops() Ops[T] { return Ops[T]{m.layout.slots} }

// Parts returns the numbers of units into which [Ops.GemmParallel] splits the products.
func (m *matrixImages[T]) Parts(w Panels[T]) (forward, update int) {
	return m.ops().units(max(m.n, w.Lanes)), m.ops().units(max(w.Rows, w.Lanes))
}

func (m *matrixImages[T]) Forward(z Mat[T], w Panels[T], squares []T, lo, hi int) {
	p := Product[T]{Alpha: 1, A: m.loaded(), B: m.weights(w), C: z}
	m.layout.slots.Gemm(m.ops().part(p, lo, hi))
	if squares != nil && lo == 0 { // the first part computes the squares of all lanes
		m.layout.squares(squares, w, m.sums)
	}
}

func (m *matrixImages[T]) Update(w Panels[T], beta []T, d Mat[T], lo, hi int) {
	p := Product[T]{Alpha: 1, A: m.loaded(), TransA: true, B: d, BetaCol: beta, C: m.weights(w)}
	m.layout.slots.Gemm(m.ops().part(p, lo, hi))
}

func (m *matrixImages[T]) loaded() Mat[T] { return m.x.Slice(0, m.n, 0, m.x.Cols) }

func (m *matrixImages[T]) weights(w Panels[T]) Mat[T] {
	return Mat[T]{Rows: w.Rows, Cols: w.Lanes, Stride: m.layout.stride, Data: w.Data}
}
