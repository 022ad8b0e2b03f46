package nn

import (
	"fusegrid/kernels"
)

// Predict writes for each row of scores (N, C) the class with the highest score into
// dst (N), the first of equals. As in NumPy a NaN counts as highest.
func Predict[T kernels.Float](dst []int, scores kernels.Mat[T]) {
	for i := range dst {
		best := 0
		row := scores.Row(i)
		for j, v := range row {
			if v > row[best] || (v != v && row[best] == row[best]) {
				best = j
			}
		}
		dst[i] = best
	}
}

// Accuracy returns the share of samples that the model classifies correctly. It is
// NaN if there are none.
func Accuracy[T kernels.Float](m Model[T], d Data[T]) float64 {
	panic("not yet")
}
