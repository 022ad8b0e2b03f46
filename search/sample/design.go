package sample

import (
	"fmt"
	"math"
)

// MaxPoints is the maximum number of points of a sampler.
const MaxPoints = 1_000_000

// A Result is the outcome of a proposed point.
type Result struct {
	Index int // of the point among all points of the sampler, from 0
	Point Point
	Value float64 // higher is better; NaN, which is worst, if the trial diverged or failed
}

// A Sampler proposes the points of rounds.
type Sampler interface {
	// Len returns the total number of points. It is the number of points of the space if this is
	// smaller than what was asked for.
	Len() int

	// Round returns the points of round r, counted from 0, if rounds have n points. The last round
	// may be shorter, and rounds after it are empty. The argument earlier has the results of all
	// points of earlier rounds, in any order. Samplers that do not learn from results ignore it.
	//
	// No two points of a sampler are equal, except for a Float that has about as few values as there
	// are points.
	Round(r, n int, earlier []Result) []Point
}

// A design is a sampler whose points do not depend on results.
type design []Point

func (d design) Len() int { return len(d) }

func (d design) Round(r, n int, _ []Result) []Point {
	lo, hi := bounds(r, n, len(d))
	points := make([]Point, 0, hi-lo)
	for _, p := range d[lo:hi] {
		points = append(points, append(Point(nil), p...))
	}
	return points
}

// bounds returns the first point of a round and that of the next.
func bounds(r, n, all int) (lo, hi int) {
	if r < 0 || n < 1 {
		panic(fmt.Sprintf("sample: round %d of %d points", r, n))
	}
	if r > all/n { // so that r·n does not overflow
		return all, all
	}
	return r * n, min(r*n+n, all)
}

// Random returns a sampler of n independent random points. With a larger n, it has the same points and
// more.
func Random(space Space, seed uint64, n int) (Sampler, error) {
	n, err := count(space, n)
	if err != nil {
		return nil, err
	}
	s := newStream(seed, "random", 0)
	units := make([][]float64, n)
	for i := range units {
		units[i] = randomUnits(s, len(space))
	}
	return distinct(space, units, seed), nil
}

// LatinHypercube returns a sampler of n points. If the range of a parameter is cut into n parts of
// equal probability, each part has one point (McKay, Beckman and Conover, 1979).
func LatinHypercube(space Space, seed uint64, n int) (Sampler, error) {
	n, err := count(space, n)
	if err != nil {
		return nil, err
	}
	return distinct(space, hypercube(newStream(seed, "lhs", 0), n, len(space)), seed), nil
}

// Halton returns a sampler of the first n points of a Halton sequence, whose digits are permuted at
// random (Owen, A randomized Halton algorithm in R, 2017). With a larger n, it has the same points and
// more, except for points that replace equal ones.
func Halton(space Space, seed uint64, n int) (Sampler, error) {
	n, err := count(space, n)
	if err != nil {
		return nil, err
	}
	return distinct(space, halton(n, len(space), newStream(seed, "halton", 0).perm), seed), nil
}

// count checks a space and the number of its points, and returns the number of different points.
func count(space Space, n int) (int, error) {
	if err := space.Check(); err != nil {
		return 0, err
	}
	if n < 1 || n > MaxPoints {
		return 0, fmt.Errorf("%d points: the number of points must be from 1 to %d", n, MaxPoints)
	}
	return int(min(size(space.axes()), float64(n))), nil
}

// size returns the number of points of a space, or +Inf.
func size(axes []axis) float64 {
	all := 1.0
	for _, a := range axes {
		all *= a.size()
	}
	return all
}

// hypercube returns n points of a Latin hypercube in d dimensions. Package samplemv of gonum has the
// same, but its permutations differ on 32-bit machines.
func hypercube(s stream, n, d int) [][]float64 {
	units := make([][]float64, n)
	for i := range units {
		units[i] = make([]float64, d)
	}
	for j := range d {
		for i, part := range s.perm(n) {
			const steps = 1 << 30 // coarse enough that the sum stays below part+1
			within := float64(math.Floor(s.float()*steps) / steps)
			units[i][j] = (float64(part) + within) / float64(n)
		}
	}
	return units
}

// halton returns the first n points of a Halton sequence in d dimensions. Coordinate j of point i has
// the digits of i in base b, the j-th prime, in reverse order and each permuted. Package samplemv of
// gonum has the same sequence, but it adds up fractions, which round differently on some machines.
func halton(n, d int, perm func(int) []int) [][]float64 {
	units := make([][]float64, n)
	for i := range units {
		units[i] = make([]float64, d)
	}
	for j, b := range primes(d) {
		base := uint64(b)
		sums, scale, div := make([]uint64, n), uint64(1), uint64(1)
		for place := 1 / float64(b); 1-place < 1; place /= float64(b) {
			p := perm(b)
			for i := range sums {
				sums[i] = sums[i]*base + uint64(p[uint64(i)/div%base])
			}
			scale *= base
			div *= base
		}
		for i, sum := range sums {
			units[i][j] = min(float64(sum)/float64(scale), below1)
		}
	}
	return units
}

const below1 = 1 - 1.0/(1<<53)

// primes returns the first n primes.
func primes(n int) []int {
	var ps []int
	for k := 2; len(ps) < n; k++ {
		prime := true
		for _, p := range ps {
			if p*p > k {
				break
			}
			prime = prime && k%p != 0
		}
		if prime {
			ps = append(ps, k)
		}
	}
	return ps
}
