package kernels

import "fmt"

// A Mat is a matrix in row-major order: element (i, j) is Data[i*Stride+j].
type Mat[T Float] struct {
	Rows, Cols int
	Stride     int // ≥ Cols
	Data       []T
}

// NewMat returns a zero matrix of the given shape.
func NewMat[T Float](rows, cols int) Mat[T] {
	return MatOf(rows, cols, make([]T, rows*cols))
}

// MatOf returns a matrix over data, which holds rows·cols elements row by row.
func MatOf[T Float](rows, cols int, data []T) Mat[T] {
	if len(data) != rows*cols {
		panic(fmt.Sprintf("kernels: %d elements for a %d×%d matrix", len(data), rows, cols))
	}
	return Mat[T]{Rows: rows, Cols: cols, Stride: max(cols, 1), Data: data}
}

// Row returns row i.
func (m Mat[T]) Row(i int) []T { return m.Data[i*m.Stride : i*m.Stride+m.Cols] }

// Slice returns the view of rows [i0, i1) and columns [j0, j1).
func (m Mat[T]) Slice(i0, i1, j0, j1 int) Mat[T] {
	v := Mat[T]{Rows: i1 - i0, Cols: j1 - j0, Stride: m.Stride}
	if v.Rows > 0 && v.Cols > 0 {
		v.Data = m.Data[i0*m.Stride+j0 : (i1-1)*m.Stride+j1]
	}
	return v
}

// extent is the number of elements that m spans.
func (m Mat[T]) extent() int {
	if m.Rows == 0 || m.Cols == 0 {
		return 0
	}
	return (m.Rows-1)*m.Stride + m.Cols
}

// span returns the elements from the first to the last of m, padding included.
func (m Mat[T]) span() []T { return m.Data[:m.extent()] }
