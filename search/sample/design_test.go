package sample

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/samplemv"
)

// mixed has a parameter of each kind.
var mixed = Space{Float{1e-4, 1e-2, true}, Float{-5, 10, false}, Int{1, 1000, true}, Int{-3, 3, false}, Category{5}}

// A maker makes a sampler of n points.
type maker struct {
	name string
	make func(Space, uint64, int) (Sampler, error)
}

func makers() []maker {
	return []maker{{"random", Random}, {"lhs", LatinHypercube}, {"halton", Halton}, {"tpe", TPE}}
}

func (m maker) must(t *testing.T, space Space, seed uint64, n int) Sampler {
	t.Helper()
	s, err := m.make(space, seed, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// value is an objective for tests. It is NaN for some points.
func value(p Point) float64 {
	if math.Mod(p[0], 7e-4) < 5e-5 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range p {
		sum -= math.Abs(v - 1)
	}
	return sum
}

// study returns all points of a sampler. If shuffle is not nil, it changes the order of the results
// that each round gets.
func study(s Sampler, n int, shuffle func([]Result)) []Point {
	var points []Point
	var results []Result
	for r := 0; len(points) < s.Len(); r++ {
		earlier := append([]Result(nil), results...)
		if shuffle != nil {
			shuffle(earlier)
		}
		for _, p := range s.Round(r, n, earlier) {
			results = append(results, Result{len(points), p, value(p)})
			points = append(points, p)
		}
	}
	return points
}

// TestSamplers checks what all samplers promise: the range of values, different points, the same
// points again, other points with another seed, and rounds that do not depend on the order of
// results.
func TestSamplers(t *testing.T) {
	for _, m := range makers() {
		t.Run(m.name, func(t *testing.T) {
			const n = 100
			points := study(m.must(t, mixed, 1, n), 8, nil)
			if len(points) != n {
				t.Fatalf("%d points, want %d", len(points), n)
			}
			seen := map[string]bool{}
			for _, p := range points {
				for i, a := range mixed.axes() {
					hi := max(a.hi, float64(a.choices-1))
					if whole := a.whole || a.choices > 0; p[i] < a.lo || p[i] > hi || whole && p[i] != math.Floor(p[i]) {
						t.Errorf("parameter %d: %v", i, p[i])
					}
				}
				if seen[fmt.Sprint(p)] {
					t.Errorf("%v is proposed twice", p)
				}
				seen[fmt.Sprint(p)] = true
			}
			shuffle := func(rs []Result) { rand.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] }) }
			if again := study(m.must(t, mixed, 1, n), 8, shuffle); !reflect.DeepEqual(again, points) {
				t.Error("the points depend on the order of the results")
			}
			if other := study(m.must(t, mixed, 2, n), 8, nil); reflect.DeepEqual(other, points) {
				t.Error("another seed has the same points")
			}
			if more := study(m.must(t, mixed, 1, 2*n), 8, nil); m.name != "lhs" && !reflect.DeepEqual(more[:n-4], points[:n-4]) {
				t.Error("a larger sampler begins with other points")
			}
		})
	}
}

// TestBits compares the points with those of the machine on which the test was written.
func TestBits(t *testing.T) {
	for _, m := range makers() {
		h := fnv.New64a()
		for _, p := range study(m.must(t, mixed, 3, 200), 8, nil) {
			for _, v := range p {
				fmt.Fprintf(h, "%016x ", math.Float64bits(v))
			}
		}
		want := map[string]uint64{"random": 0x638a9d060f16991b, "lhs": 0x90a292cad3e7e30a, "halton": 0xb62dff6dff61f4f6,
			"tpe": 0x6e5c61f8464c154}[m.name]
		if got := h.Sum64(); got != want {
			t.Errorf("%s: hash %#x, want %#x", m.name, got, want)
		}
	}
}

// TestRoundsAreParts checks that the size of rounds does not change the points of a design, and that
// a caller may change the points of a round.
func TestRoundsAreParts(t *testing.T) {
	for _, m := range makers() {
		if _, ok := m.must(t, mixed, 1, 5).(design); !ok {
			continue
		}
		all := study(m.must(t, mixed, 1, 20), 20, nil)
		s := m.must(t, mixed, 1, 20)
		if got := study(s, 7, nil); !reflect.DeepEqual(got, all) {
			t.Errorf("%s: rounds of 7 have other points", m.name)
		}
		s.Round(0, 7, nil)[0][0] = 99
		if got := s.Round(0, 7, nil)[0][0]; got == 99 {
			t.Errorf("%s: a round shares memory with its caller", m.name)
		}
		if got := s.Round(3, 7, nil); len(got) != 0 {
			t.Errorf("%s: %d points after the last round", m.name, len(got))
		}
	}
}

// TestSmallSpaces checks that all points of a small space are proposed, once each.
func TestSmallSpaces(t *testing.T) {
	for _, m := range makers() {
		for _, space := range []Space{{Category{3}, Int{1, 7, false}}, {Int{1, 400, true}}, {Category{1}}} {
			size := int(size(space.axes()))
			s := m.must(t, space, 1, 500)
			seen := map[string]bool{}
			for _, p := range study(s, 10, nil) {
				seen[fmt.Sprint(p)] = true
			}
			if s.Len() != size || len(seen) != size {
				t.Errorf("%s, %v: %d points and %d different ones, want %d", m.name, space, s.Len(), len(seen), size)
			}
		}
	}
}

// TestFreshTakesTheNext checks that the last points of a space are found if they are very unlikely.
func TestFreshTakesTheNext(t *testing.T) {
	space := Space{Int{1, 100_000, true}, Category{2}}
	p := newProposals(space.axes(), newStream(1, "test", 0))
	for k := 1.0; k <= 100_000; k++ {
		p.add(Point{k, 0})
		p.add(Point{k, 1})
	}
	last := []Point{{99_000, 1}, {99_999, 0}}
	for _, q := range last {
		p.has(q)
		delete(p.seen, string(p.key))
	}
	a, b := p.fresh(), p.fresh()
	if !reflect.DeepEqual([]Point{a, b}, last) && !reflect.DeepEqual([]Point{b, a}, last) {
		t.Errorf("points %v and %v, want %v", a, b, last)
	}
}

// TestHypercube checks that each part of each dimension has one point.
func TestHypercube(t *testing.T) {
	for _, n := range []int{1, 2, 7, 64, 1000} {
		const d = 5
		units := hypercube(newStream(1, "test", 0), n, d)
		for j := range d {
			seen := make([]bool, n)
			for _, u := range units {
				part := int(u[j] * float64(n))
				if u[j] < 0 || u[j] >= 1 || seen[part] {
					t.Fatalf("%d points, dimension %d: the part of %v has two points", n, j, u[j])
				}
				seen[part] = true
			}
		}
	}
}

// TestHaltonIsOwens compares with the sequence of gonum.
func TestHaltonIsOwens(t *testing.T) {
	const n, d = 300, 12
	want := mat.NewDense(n, d, nil)
	samplemv.Halton{Kind: samplemv.Owen, Q: distmv.NewUnitUniform(d, nil), Src: rand.NewPCG(1, 2)}.Sample(want)
	for i, u := range halton(n, d, rand.New(rand.NewPCG(1, 2)).Perm) {
		for j := range u {
			if math.Abs(u[j]-want.At(i, j)) > 1e-15 {
				t.Errorf("point %d, dimension %d: %v, want %v", i, j, u[j], want.At(i, j))
			}
		}
	}
}

// TestDiscrepancy checks that Halton points fill the square more evenly than random points do.
func TestDiscrepancy(t *testing.T) {
	const n = 512
	s := newStream(1, "test", 0)
	random := make([][]float64, n)
	for i := range random {
		random[i] = randomUnits(s, 2)
	}
	even, uneven := discrepancy(halton(n, 2, s.perm)), discrepancy(random)
	if even > uneven/3 {
		t.Errorf("discrepancy %.4f of Halton points, %.4f of random ones", even, uneven)
	}
}

// discrepancy returns the L2 star discrepancy of points (Warnock's formula).
func discrepancy(points [][]float64) float64 {
	n, d := float64(len(points)), float64(len(points[0]))
	sum := math.Pow(3, -d)
	for _, p := range points {
		product := 1.0
		for _, u := range p {
			product *= (1 - u*u) / 2
		}
		sum -= 2 / n * product
		for _, q := range points {
			product := 1.0
			for j, u := range p {
				product *= 1 - max(u, q[j])
			}
			sum += product / (n * n)
		}
	}
	return math.Sqrt(sum)
}

func TestStream(t *testing.T) {
	s := newStream(1, "test", 0)
	counts := make([]int, 6)
	for range 60_000 {
		counts[s.below(6)]++
	}
	for k, n := range counts {
		if n < 9_600 || n > 10_400 {
			t.Errorf("%d came %d times of 60000", k, n)
		}
	}
	values := make([]float64, 20_000)
	for i := range values {
		values[i] = s.normal()
	}
	if d := distance(values, func(v float64) float64 { return math.Erfc(-v/math.Sqrt2) / 2 }); d > 0.0115 {
		t.Errorf("distance %.4f to the normal distribution", d)
	}
	a, b := newStream(1, "test", 0).float(), newStream(1, "test", 1).float()
	if c := newStream(1, "other", 0).float(); a == b || a == c || b == c {
		t.Error("streams are equal")
	}
}
