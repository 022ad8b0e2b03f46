package main

import (
	"fmt"
	"math"

	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchunit"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// confidence is the level of the confidence intervals of medians.
const confidence = 0.95

// leastRounds is the smallest number of values that give such an interval. All n values lie on one
// side of the true median with probability 2·½ⁿ, which must be at most 1 − confidence.
const leastRounds = 6

// leastTest is the smallest sample size with which the Mann-Whitney U test can find a
// significant difference. Two of the (2n choose n) orders of two samples of n are extreme.
const leastTest = 4

// median returns the median of values with its confidence interval. It assumes nothing
// about the distribution of the values.
func median(values []float64) benchmath.Summary {
	return benchmath.AssumeNothing.Summary(sample(values), confidence)
}

func sample(values []float64) *benchmath.Sample {
	return benchmath.NewSample(append([]float64(nil), values...), &benchmath.DefaultThresholds)
}

// summary formats the median of values and half the width of its confidence interval:
// "95.3G ±1%".
func summary(values []float64, class benchunit.Class) string {
	m := median(values)
	return fmt.Sprintf("%s ±%s", benchunit.Scale(m.Center, class), m.PctRangeString())
}

// An interval is a mean difference with its confidence interval.
type interval struct {
	n                         int
	mean, deviation, lo, high float64
}

// intervalOf returns the interval of Student's t for differences.
func intervalOf(differences []float64, level float64) interval {
	n := float64(len(differences))
	mean, deviation := stat.MeanStdDev(differences, nil)
	half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1+level)/2) * deviation / math.Sqrt(n)
	return interval{len(differences), mean, deviation, mean - half, mean + half}
}

func (i interval) String() string { return fmt.Sprintf("%+.4f…%+.4f", i.lo, i.high) }
