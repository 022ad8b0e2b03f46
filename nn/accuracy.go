package nn

import "fusegrid/kernels"

// Predict writes for each row of scores (N, C) the class with the highest score into
// dst (N), the first of equals. As in NumPy a NaN counts as highest.
func Predict[T kernels.Float](dst []int, scores kernels.Mat[T]) {
	for i := range dst {
		dst[i] = argmax(scores.Row(i))
	}
}

func argmax[T kernels.Float](row []T) int {
	best := 0
	for j, v := range row {
		if v != v {
			return j
		}
		if v > row[best] {
			best = j
		}
	}
	return best
}

// Accuracy returns the share of samples that the model classifies correctly. It is
// NaN if there are none.
func Accuracy[T kernels.Float](m Model[T], d Data[T]) float64 {
	return newEvaluator(m, d.Dim()).accuracy(d, nil)
}

// evalRows is how many samples are scored at a time. It changes no result.
const evalRows = 256

// An evaluator measures accuracies in buffers of its own.
type evaluator[T kernels.Float] struct {
	model Model[T]
	room  batch[T]
}

func newEvaluator[T kernels.Float](m Model[T], dim int) *evaluator[T] {
	return &evaluator[T]{model: m, room: newBatch[T](evalRows, dim)}
}

// accuracy returns the share of the samples idx, or where nil of all, that are
// classified correctly.
func (e *evaluator[T]) accuracy(d Data[T], idx []int) float64 {
	total := len(idx)
	if idx == nil {
		total = d.Len()
	}
	right := 0
	for start := 0; start < total; start += evalRows {
		b := e.room.first(min(evalRows, total-start))
		for i := range b.idx {
			if idx != nil {
				b.idx[i] = idx[start+i]
			} else {
				b.idx[i] = start + i
			}
		}
		d.Gather(b.x, b.y, b.idx)
		right += hits(e.model.Scores(b.x), b.y)
	}
	return float64(right) / float64(total)
}

// hits counts the rows of scores whose highest is at the label.
func hits[T kernels.Float](scores kernels.Mat[T], y []int) int {
	right := 0
	for i, c := range y {
		if argmax(scores.Row(i)) == c {
			right++
		}
	}
	return right
}
