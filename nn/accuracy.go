package nn

import (
	"fusegrid/kernels"
	"fusegrid/nn/train"
)

// Predict sets dst (N) to the class with the highest score in each row of scores (N, C). Of equal scores,
// the first counts. As in NumPy, a NaN counts as highest.
func Predict[T kernels.Float](dst []int, scores kernels.Mat[T]) {
	for i := range dst {
		dst[i] = train.Argmax(scores.Row(i))
	}
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

// accuracy returns the share of correctly classified samples among those at the indices idx. If
// idx is nil, all samples count.
func (e *evaluator[T]) accuracy(d Data[T], idx []int) float64 {
	right, total := 0, 0
	eachBatch(d, idx, e.room, func(b batch[T]) {
		right += train.CountHits(e.model.Scores(b.x), b.y)
		total += len(b.y)
	})
	return float64(right) / float64(total)
}
