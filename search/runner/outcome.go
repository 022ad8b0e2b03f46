package runner

import (
	"math"
	"slices"

	"fusegrid/results"
)

// lastAndBest returns the last and the largest of some accuracies, or nil if there are none.
func lastAndBest(x []float64) (last, best *float64) {
	if len(x) == 0 {
		return nil, nil
	}
	return new(x[len(x)-1]), new(slices.Max(x))
}

// lossOf summarizes the finite losses.
func lossOf(losses []float64) (l results.Loss) {
	for _, v := range losses {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if l.First == nil {
			l = results.Loss{First: new(v), Last: new(v), Min: new(v)}
		}
		*l.Last, *l.Min = v, min(v, *l.Min)
	}
	return l
}
