package halving

import "slices"

// belowMedian is the median rule. It reports which of the trials here have a best accuracy below the
// median of the other trials' running averages.
func (r *Bracket) belowMedian(i int, here []string) []bool {
	out := make([]bool, len(here))
	if len(here) < 2 {
		return out
	}
	averages := make([]float64, len(here))
	for n, key := range here {
		vals := r.contenders[key].vals[:i+1]
		for _, v := range vals {
			averages[n] += v
		}
		// Rounding must not raise the average of equal accuracies above their value.
		averages[n] = min(averages[n]/float64(i+1), slices.Max(vals))
	}
	sorted := slices.Clone(averages)
	slices.Sort(sorted)
	for n, key := range here {
		out[n] = slices.Max(r.contenders[key].vals[:i+1]) < medianWithout(sorted, averages[n])
	}
	return out
}

// medianWithout returns the median of at least two sorted numbers without one that equals v. The
// median of an even number of values is the mean of the middle two.
func medianWithout(sorted []float64, v float64) float64 {
	at, _ := slices.BinarySearch(sorted, v)
	rest := func(n int) float64 {
		if n >= at {
			n++
		}
		return sorted[n]
	}
	n := len(sorted) - 1
	return (rest((n-1)/2) + rest(n/2)) / 2
}
