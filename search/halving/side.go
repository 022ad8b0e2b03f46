package halving

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// A side holds contenders that survive or are stopped together at the rungs where contenders are compared: the seeds of
// a setting. Under an asynchronous rule, and under patience alone, each contender is a side.
type side struct {
	key   string // the least key of its trials
	seeds []*contender
}

// passed reports whether a trial of s has survived all rungs before rung i.
func (s *side) passed(i int) bool {
	return slices.ContainsFunc(s.seeds, func(e *contender) bool { return e.passed >= i })
}

// reached reports whether a trial of s has reached rung i.
func (s *side) reached(i int) bool {
	return slices.ContainsFunc(s.seeds, func(e *contender) bool { return len(e.vals) > i })
}

// judged returns the judgement of rung i on s, and reports whether there is one. Trials that come later,
// such as those of more seeds, get the same. Earlier versions judged each trial by itself. If they
// stopped only a part of a setting, it has survived.
func (s *side) judged(i int) (out, ok bool) {
	for _, e := range s.seeds {
		switch {
		case e.passed > i:
			return false, true
		case e.stopped && !e.bored && len(e.vals) == i+1:
			out, ok = true, true
		}
	}
	return out, ok
}

// at returns the mean of the accuracies at rung i, over the trials that have reached it. There must be
// one. Of trials that patience has stopped before, it takes the last accuracies. The mean does not depend
// on the order of the trials.
func (s *side) at(i int) float64 {
	var vals []float64
	for _, e := range s.seeds {
		if len(e.vals) > i {
			vals = append(vals, e.vals[i])
		} else if e.bored {
			vals = append(vals, e.vals[len(e.vals)-1])
		}
	}
	slices.Sort(vals)
	sum := 0.0
	for _, v := range vals {
		sum += v
	}
	return sum / float64(len(vals))
}

// lost returns the share of the trials that diverged before rung i.
func (s *side) lost(i int) float64 {
	n := 0
	for _, e := range s.seeds {
		if e.diverged && len(e.vals) <= i {
			n++
		}
	}
	return float64(n) / float64(len(s.seeds))
}

// outside reports which of the sides are not among the best at rung i. The argument best is the number
// of the best sides. As in tables, a side of which a trial has diverged follows those that are whole.
func outside(i int, sides []*side, best int) []bool {
	type place struct {
		n          int // in sides
		lost, mean float64
	}
	order := make([]place, len(sides))
	for n, s := range sides {
		order[n] = place{n, s.lost(i), s.at(i)}
	}
	slices.SortFunc(order, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.lost, b.lost), cmp.Compare(b.mean, a.mean), strings.Compare(sides[a.n].key, sides[b.n].key))
	})
	out := make([]bool, len(sides))
	for _, p := range order[min(best, len(order)):] {
		out[p.n] = true
	}
	return out
}

// belowMedian is the median rule. It reports which of the sides have a best mean accuracy below the
// median of the other sides' running averages. A side of which a trial has diverged counts as the worst.
func (r *bracket) belowMedian(i int, sides []*side) []bool {
	out := make([]bool, len(sides))
	if len(sides) < 2 {
		return out
	}
	averages, bests := make([]float64, len(sides)), make([]float64, len(sides))
	for n, s := range sides {
		if bests[n] = math.Inf(-1); s.lost(i) == 0 {
			rungs := 0
			for j := range i + 1 {
				if r.compared[j] {
					v := s.at(j)
					averages[n] += v
					bests[n] = max(bests[n], v)
					rungs++
				}
			}
			averages[n] /= float64(rungs)
		}
		// Rounding must not raise the average of equal accuracies above their value.
		averages[n] = min(averages[n], bests[n])
	}
	sorted := slices.Clone(averages)
	slices.Sort(sorted)
	for n := range sides {
		out[n] = bests[n] < medianWithout(sorted, averages[n])
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
