package results

import (
	"math"
	"strconv"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// level is the confidence level of all intervals in tables.
const level = 0.95

// An Interval is a mean of N values with its 95 % confidence interval, from Mean − Half to Mean + Half. Deviation is the
// standard deviation of the sample. Mean is NaN if N is 0. Half and Deviation are NaN if N is less than 2, because one
// value does not show its spread.
type Interval struct {
	N                     int
	Mean, Half, Deviation float64
}

// IntervalOf returns the mean of values with the confidence interval of Student's t: Half is
// t·s/√n with 12 digits, where s is Deviation, and t is the 97.5 % quantile of Student's distribution with n−1 degrees
// of freedom.
func IntervalOf(values []float64) Interval {
	i := Interval{len(values), math.NaN(), math.NaN(), math.NaN()}
	switch i.N {
	case 0:
	case 1:
		i.Mean = values[0]
	default:
		mean, deviation := stat.MeanStdDev(values, nil)
		n := float64(i.N)
		quantile := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1 + level) / 2)
		i.Mean, i.Half, i.Deviation = mean, rounded(quantile*deviation/math.Sqrt(n)), deviation
	}
	return i
}

// rounded returns x with 12 significant digits, because the last digits of a quantile depend on the machine.
func rounded(x float64) float64 {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64) // the text of a float64 is valid
	return x
}

// Low returns the lower end of the interval, or NaN if there is none.
func (i Interval) Low() float64 { return i.Mean - i.Half }

// High returns the upper end of the interval, or NaN if there is none.
func (i Interval) High() float64 { return i.Mean + i.Half }

// Holds reports whether x lies in the interval.
func (i Interval) Holds(x float64) bool { return math.Abs(x-i.Mean) <= i.Half }

// Wilson returns the ends of the 95 % confidence interval of a share that was measured as p on n images:
// Wilson's score interval (E. B. Wilson, Journal of the American Statistical Association 22, 1927).
// It is a binomial interval, so it covers the choice of the images, and not the seed.
func Wilson(p float64, n int) (low, high float64) {
	z := distuv.UnitNormal.Quantile((1 + level) / 2)
	m := float64(n)
	scale := 1 + z*z/m
	middle := (p + z*z/(2*m)) / scale
	half := z / scale * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(middle-half, 0), min(middle+half, 1)
}
