package runner

import (
	"context"
	"fmt"
	"runtime"

	"fusegrid/internal/portable"
	"fusegrid/kernels"
	"fusegrid/nn/labelled"
	"fusegrid/nn/train"
	"fusegrid/search/folder"
)

// A Prediction is the class that a net finds for a sample. Probability is its share in the softmax of the scores. It is
// NaN if the scores overflow, and then the class has no meaning.
type Prediction struct {
	Class       int
	Probability float64
}

// Predict classifies samples as the sweep does that trained the net. With the set that fusegrid.ForType returns for the
// type of the net, of the class of its Config, the scores have the bits that the sweep computes. The samples must have
// the shape of those of the net, and the same order of pixels. Their labels are not used. Samples must be floats if and
// only if the net was trained on floats.
func Predict(ctx context.Context, w *folder.Weights, set *kernels.Set, s labelled.Samples) ([]Prediction, error) {
	if s.Floats() != w.Floats && s.Len() > 0 {
		return nil, fmt.Errorf("runner: the samples are floats: %t, and those of the net: %t", s.Floats(), w.Floats)
	}
	if err := s.Check(w.Shape.Dim()); err != nil {
		return nil, fmt.Errorf("runner: %w", err)
	}
	if w.Config.DType == "f64" {
		return predict[float64](ctx, w, set, s)
	}
	return predict[float32](ctx, w, set, s)
}

func predict[T kernels.Float](ctx context.Context, w *folder.Weights, set *kernels.Set, s labelled.Samples) ([]Prediction, error) {
	// Products of a set that is not stable depend on the size of the batch.
	shape := train.Shape{Inputs: w.Shape.Dim(), Classes: len(w.Classes), Batch: max(1, min(w.Config.Batch, s.Len())), Floats: w.Floats}
	var source train.Source = s
	var mean []T
	if w.Floats {
		source = normalized[T](s, w.Mean, w.Scale)
	} else {
		mean = rounded[T](w.Mean)
	}
	block, err := train.New(set, shape, []train.Net{{Hidden: w.Config.Hidden}}, mean, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	block.SetWeights(0, folder.Layers[T](w))
	found := make([]Prediction, 0, s.Len())
	idx := spread(s.Len(), s.Len())
	for len(idx) > 0 && ctx.Err() == nil {
		n := min(shape.Batch, len(idx))
		block.Scores(source, idx[:n], func(_, _ int, scores kernels.Mat[T]) {
			for i := range scores.Rows {
				found = append(found, prediction(scores.Row(i)))
			}
		})
		idx = idx[n:]
	}
	return found, ctx.Err()
}

// prediction returns the class with the largest score. The probability is NaN if no class is known, because a score
// is NaN or the largest one is infinite.
func prediction[T kernels.Float](scores []T) Prediction {
	best := train.Argmax(scores)
	sum := 0.0
	for _, v := range scores {
		sum += portable.Exp(float64(v) - float64(scores[best]))
	}
	return Prediction{best, 1 / sum}
}
