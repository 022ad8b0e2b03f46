package results

import (
	"math"
	"testing"
)

// near reports whether a and b differ by at most tolerance.
func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// TestIntervalOf compares intervals with published ones. The values of sleep are the differences of two drugs in
// Student, The probable error of a mean, Biometrika 6, 1908; the interval is that of R's t.test. The quantiles are
// those of the NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2.
func TestIntervalOf(t *testing.T) {
	sleep := IntervalOf([]float64{1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4})
	if sleep.N != 10 || !near(sleep.Mean, 1.58, 1e-12) || !near(sleep.Low(), 0.7001142, 5e-8) || !near(sleep.High(), 2.4598858, 5e-8) {
		t.Errorf("%+v from %.7f to %.7f", sleep, sleep.Low(), sleep.High())
	}
	for _, c := range []struct {
		n        int
		quantile float64
	}{{2, 12.706}, {3, 4.303}, {4, 3.182}, {5, 2.776}, {6, 2.571}, {11, 2.228}, {31, 2.042}, {101, 1.984}} {
		// Values whose mean is 0 and whose standard deviation is √n, so that Half is the quantile.
		values := make([]float64, c.n)
		for i := range c.n / 2 {
			values[2*i], values[2*i+1] = 1, -1
		}
		scale := math.Sqrt(float64(c.n) * float64(c.n-1) / float64(c.n/2*2))
		for i := range values {
			values[i] *= scale
		}
		if got := IntervalOf(values); !near(got.Half, c.quantile, 5e-4) || !near(got.Mean, 0, 1e-12) || !near(got.Deviation, math.Sqrt(float64(c.n)), 1e-9) {
			t.Errorf("%d values: %+v, want a half of %g", c.n, got, c.quantile)
		}
	}
}

// TestSmallIntervals checks that no interval is made up of one value or none.
func TestSmallIntervals(t *testing.T) {
	if i := IntervalOf(nil); i.N != 0 || !math.IsNaN(i.Mean) || !math.IsNaN(i.Half) || i.Holds(0) {
		t.Errorf("no values: %+v", i)
	}
	if i := IntervalOf([]float64{0.5}); i.N != 1 || i.Mean != 0.5 || !math.IsNaN(i.Half) || !math.IsNaN(i.Deviation) || i.Holds(0.5) {
		t.Errorf("one value: %+v", i)
	}
	if i := IntervalOf([]float64{0.5, 0.5, 0.5}); i.Mean != 0.5 || i.Half != 0 || !i.Holds(0.5) || i.Holds(0.4) {
		t.Errorf("equal values: %+v", i)
	}
}

// TestWilson compares intervals with those in table I of R. G. Newcombe, Statistics in Medicine 17, 1998, method 3.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, n   int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}, {20, 20, 1 - 0.1611, 1}} {
		low, high := Wilson(float64(c.hits)/float64(c.n), c.n)
		if !near(low, c.low, 5e-5) || !near(high, c.high, 5e-5) {
			t.Errorf("%d of %d: from %.5f to %.5f, want %g to %g", c.hits, c.n, low, high, c.low, c.high)
		}
	}
}
