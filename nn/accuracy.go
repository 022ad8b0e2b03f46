package nn

import "fusegrid/kernels"

// Predict sets dst (N) to the class with the highest score in each row of scores (N, C). Of equal scores,
// the first counts. As in NumPy, a NaN counts as highest.
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

// Accuracy returns the share of samples that the model classifies correctly. It is NaN if there are
// no samples.
func Accuracy[T kernels.Float](m Model[T], d Data[T]) float64 {
	return newEvaluator(m, d.Dim()).accuracy(d, nil)
}

// evalRows is the number of samples that are scored at a time. No result depends on it.
const evalRows = 256

// An evaluator measures accuracies. It keeps its buffers between measurements.
type evaluator[T kernels.Float] struct {
	model Model[T]
	room  batch[T]
}

func newEvaluator[T kernels.Float](m Model[T], dim int) *evaluator[T] {
	return &evaluator[T]{model: m, room: newBatch[T](evalRows, dim)}
}

// accuracy returns the share of the samples idx that are classified correctly. If idx is nil, all
// samples count.
func (e *evaluator[T]) accuracy(d Data[T], idx []int) float64 {
	right, total := 0, 0
	eachBatch(d, idx, e.room, func(b batch[T]) {
		right += hits(e.model.Scores(b.x), b.y)
		total += len(b.y)
	})
	return float64(right) / float64(total)
}

// hits counts the rows of scores whose highest score is that of the label.
func hits[T kernels.Float](scores kernels.Mat[T], y []int) int {
	right := 0
	for i, c := range y {
		if argmax(scores.Row(i)) == c {
			right++
		}
	}
	return right
}
