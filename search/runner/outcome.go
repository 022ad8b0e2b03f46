package runner

import (
	"math"

	"fusegrid/results"
)

func ptr[T any](v T) *T { return &v }

func last(x []float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	return &x[len(x)-1]
}

func best(x []float64) *float64 {
	var b *float64
	for i := range x {
		if b == nil || x[i] > *b {
			b = &x[i]
		}
	}
	return b
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// lossOf sums up the finite losses.
func lossOf(losses []float64) results.Loss {
	var l results.Loss
	for _, v := range losses {
		if !isFinite(v) {
			continue
		}
		if l.First == nil {
			l.First = ptr(v)
		}
		if l.Min == nil || v < *l.Min {
			l.Min = ptr(v)
		}
		l.Last = ptr(v)
	}
	return l
}
