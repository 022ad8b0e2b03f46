package sample

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

const (
	startup    = 10 // points before the first that TPE chooses
	candidates = 24
)

// TPE returns a sampler of n points that learns from results: a tree-structured Parzen estimator
// (Bergstra, Bardenet, Bengio and Kégl, Algorithms for Hyper-Parameter Optimization, 2011).
//
// The first rounds, with 10 points or more together, are a Latin hypercube. Later, the best tenth of
// all results, rounded up but at most 25, give a density l, and the other results a density g. Of 24
// points drawn from l, the one with the largest l/g is proposed. Within a round, points that have no
// result yet count as worst results, so that the points of a round are apart (constant liar). Points
// without a value never give l.
//
// Densities, weights and the smoothing of categories are those of Optuna's
// TPESampler(multivariate=True). Three things differ: the first points are a Latin hypercube instead
// of random points, kernels are half as wide, and no point is proposed twice.
func TPE(space Space, seed uint64, n int) (Sampler, error) {
	n, err := count(space, n)
	if err != nil {
		return nil, err
	}
	return &tpe{space, space.axes(), seed, n}, nil
}

type tpe struct {
	space Space
	axes  []axis
	seed  uint64
	n     int
}

func (t *tpe) Len() int { return t.n }

// Round returns the points of a round. It panics if a result of an earlier round is missing.
func (t *tpe) Round(r, n int, earlier []Result) []Point {
	lo, hi := bounds(r, n, t.n)
	results := inOrder(earlier, lo)
	if lo < startup {
		first := min((startup+n-1)/n*n, t.n)
		units := hypercube(newStream(t.seed, "tpe", 0), first, len(t.axes))
		return distinct(t.space, units, t.seed).Round(r, n, nil)
	}
	s := newStream(t.seed, "tpe", r+1)
	p := newProposals(t.axes, s)
	for _, result := range results {
		p.add(result.Point)
	}
	good, bad := split(results)
	l := newParzen(t.axes, good)
	points := make([]Point, 0, hi-lo)
	for len(points) < hi-lo {
		next := t.choose(p, l, newParzen(t.axes, bad), s)
		points = append(points, next)
		bad = append(bad, next)
	}
	return points
}

// choose adds and returns the candidate with the largest ratio of densities. If all candidates have
// been proposed before, it draws others, and at last a random point.
func (t *tpe) choose(p *proposals, l, g *parzen, s stream) Point {
	const tries = 10
	for range tries {
		var best Point
		most := math.Inf(-1)
		for range candidates {
			c := l.draw(s)
			if p.has(c) {
				continue
			}
			if ratio := l.density(c) / g.density(c); ratio > most {
				best, most = c, ratio
			}
		}
		if best != nil {
			p.add(best)
			return best
		}
	}
	return p.fresh()
}

// inOrder returns the results of the first n points in the order of proposals.
func inOrder(results []Result, n int) []Result {
	sorted := slices.Clone(results)
	slices.SortFunc(sorted, func(a, b Result) int { return cmp.Compare(a.Index, b.Index) })
	if len(sorted) != n {
		panic(fmt.Sprintf("sample: %d results of earlier rounds, want %d", len(sorted), n))
	}
	for i, r := range sorted {
		if r.Index != i {
			panic(fmt.Sprintf("sample: the result of point %d is missing", i))
		}
	}
	return sorted
}

// split returns the points of the best results, and those of the other results. Both are in the order
// of proposals. Of equal results, the first is better.
func split(results []Result) (good, bad []Point) {
	ranked := make([]Result, 0, len(results))
	for _, r := range results {
		if !math.IsNaN(r.Value) {
			ranked = append(ranked, r)
		}
	}
	slices.SortStableFunc(ranked, func(a, b Result) int { return cmp.Compare(b.Value, a.Value) })
	best := make([]bool, len(results))
	for _, r := range ranked[:min(len(ranked), (len(results)+9)/10, 25)] {
		best[r.Index] = true
	}
	for i, r := range results {
		if best[i] {
			good = append(good, r.Point)
		} else {
			bad = append(bad, r.Point)
		}
	}
	return good, bad
}
