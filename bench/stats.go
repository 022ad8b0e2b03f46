package main

import (
	"fmt"
	"math"

	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchunit"
)

const confidence = 0.95

// median returns the median of values with its confidence interval. Nothing is
// assumed about their distribution.
func median(values []float64) benchmath.Summary {
	return benchmath.AssumeNothing.Summary(sample(values), confidence)
}

func sample(values []float64) *benchmath.Sample {
	return benchmath.NewSample(append([]float64(nil), values...), &benchmath.DefaultThresholds)
}

// summary formats the median of values and half of its interval: "95.3G ±1%".
func summary(values []float64) string {
	m := median(values)
	return fmt.Sprintf("%s ±%s", benchunit.Scale(m.Center, benchunit.Decimal), m.PctRangeString())
}

func geomean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}
