package halving

import "slices"

// belowMedian is the median rule. It reports which of the trials with these keys have a best
// accuracy below the median of the other trials' running averages.
func (r *Bracket) belowMedian(i int, keys []string) []bool {
	out := make([]bool, len(keys))
	if len(keys) < 2 {
		return out
	}
	averages := make([]float64, len(keys))
	for n, key := range keys {
		vals := r.contenders[key].vals[:i+1]
		for _, v := range vals {
			averages[n] += v
		}
		// Rounding must not raise the average of equal accuracies above their value.
		averages[n] = min(averages[n]/float64(i+1), slices.Max(vals))
	}
	sorted := slices.Clone(averages)
	slices.Sort(sorted)
	for n, key := range keys {
		out[n] = slices.Max(r.contenders[key].vals[:i+1]) < medianWithout(sorted, averages[n])
	}
	return out
}

// medianWithout returns the median of at least two sorted numbers, after removal of one that is
// equal to v. The median of an even number of values is the mean of the middle two.
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
