package nn

import (
	"fmt"

	"fusegrid/kernels"
)

// SoftmaxLoss returns the cross-entropy loss of scores x (N, C) with labels y. It writes the gradient to
// dx (N, C), which may be x:
//
//	L = −1/N Σ log softmax(x(i,·))[y(i)]
//
// It panics if a label is not one of 0…C−1.
func SoftmaxLoss[T kernels.Float](ops kernels.Ops[T], dx, x kernels.Mat[T], y []int) float64 {
	return ops.SoftmaxLoss(dx, x, y)
}

// SVMLoss returns the multiclass hinge loss (Weston and Watkins) of scores x (N, C) with labels y. It
// writes the gradient to dx (N, C), which may be x:
//
//	L = 1/N Σ Σ_{j≠y(i)} max(0, x(i,j) − x(i,y(i)) + 1)
//
// It panics if a label is not one of 0…C−1.
func SVMLoss[T kernels.Float](dx, x kernels.Mat[T], y []int) float64 {
	if dx.Rows != x.Rows || dx.Cols != x.Cols || len(y) != x.Rows || x.Rows == 0 {
		panic(fmt.Sprintf("nn: SVMLoss: dx is %d×%d, x is %d×%d, y has %d labels", dx.Rows, dx.Cols, x.Rows, x.Cols, len(y)))
	}
	const margin = 1
	n := T(x.Rows)
	loss := 0.0
	for i, c := range y {
		if c < 0 || c >= x.Cols {
			panic(fmt.Sprintf("nn: SVMLoss: y[%d] is %d, want 0…%d", i, c, x.Cols-1))
		}
		row, d := x.Row(i), dx.Row(i)
		right := row[c]
		over := 0 // classes inside the margin
		for j, v := range row {
			d[j] = 0
			if j == c {
				continue
			}
			// The comparison is true for NaN, so that the loss becomes NaN and not zero.
			if m := v - right + margin; !(m <= 0) {
				loss += float64(m)
				d[j] = 1 / n
				over++
			}
		}
		d[c] = -T(over) / n
	}
	return loss / float64(x.Rows)
}
