package kernels

import (
	"fmt"
	"math"
)

// A Mat is a matrix in row-major order: element (i, j) is Data[i*Stride+j].
type Mat[T Float] struct {
	Rows, Cols int
	Stride     int // ≥ Cols
	Data       []T
}

// NewMat returns a zero matrix of the given shape.
func NewMat[T Float](rows, cols int) Mat[T] {
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/cols {
		panic(fmt.Sprintf("kernels: a matrix of %d×%d is too large", rows, cols))
	}
	return MatOf(rows, cols, make([]T, rows*cols))
}

// MatOf returns a matrix over data, which must hold rows·cols elements row by row.
func MatOf[T Float](rows, cols int, data []T) Mat[T] {
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/cols || len(data) != rows*cols {
		panic(fmt.Sprintf("kernels: %d elements for a %d×%d matrix", len(data), rows, cols))
	}
	return Mat[T]{Rows: rows, Cols: cols, Stride: max(cols, 1), Data: data}
}

// Row returns row i.
func (m Mat[T]) Row(i int) []T { return m.Data[i*m.Stride : i*m.Stride+m.Cols] }

// Slice returns the view of rows [i0, i1) and columns [j0, j1), which must lie in m.
func (m Mat[T]) Slice(i0, i1, j0, j1 int) Mat[T] {
	if i0 < 0 || i1 < i0 || m.Rows < i1 || j0 < 0 || j1 < j0 || m.Cols < j1 {
		panic(fmt.Sprintf("kernels: slice of rows [%d, %d) and columns [%d, %d) of a %d×%d matrix", i0, i1, j0, j1, m.Rows, m.Cols))
	}
	v := Mat[T]{Rows: i1 - i0, Cols: j1 - j0, Stride: m.Stride}
	if v.Rows > 0 && v.Cols > 0 {
		v.Data = m.Data[i0*m.Stride+j0 : (i1-1)*m.Stride+j1]
	}
	return v
}

// extent returns the number of elements from the first to the last of m, padding included.
func (m Mat[T]) extent() int {
	if m.Rows == 0 || m.Cols == 0 {
		return 0
	}
	return (m.Rows-1)*m.Stride + m.Cols
}

// span returns the elements from the first to the last of m, padding included.
func (m Mat[T]) span() []T { return m.Data[:m.extent()] }
