package sample

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestTPELearns checks that points near the best one are ten times as frequent among the last points
// of a study as among random points. A random point is near with a probability of 2/(5·3)/6.
func TestTPELearns(t *testing.T) {
	space := Space{Float{1e-5, 1, true}, Int{1, 1000, true}, Category{6}}
	value := func(p Point) float64 { // the best point is (1e-3, 30, 2)
		v := -math.Abs(math.Log10(p[0])+3) - math.Abs(math.Log10(p[1]/30))
		if p[2] != 2 {
			v -= 1
		}
		return v
	}
	for _, n := range []int{1, 8} {
		s, err := TPE(space, 1, 96)
		if err != nil {
			t.Fatal(err)
		}
		var results []Result
		near := 0
		for r := range s.Len() / n {
			for _, p := range s.Round(r, n, results) {
				results = append(results, Result{len(results), p, value(p)})
				if len(results) > 96-32 && value(p) > -1 {
					near++
				}
			}
		}
		if share := float64(near) / 32; share < 10*2/(5*3.0)/6 {
			t.Errorf("rounds of %d: %d of the last 32 points are near the best one", n, near)
		}
	}
}

// TestStartupIsAHypercube checks the first rounds, with as many points as are needed for ten.
func TestStartupIsAHypercube(t *testing.T) {
	for _, c := range []struct{ n, first int }{{1, 10}, {4, 12}, {10, 10}, {32, 32}, {100, 50}} {
		s, err := TPE(Space{Float{0, 1, false}, Category{2}}, 1, 50)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, p := range study(s, c.n, nil)[:c.first] {
			seen[int(p[0]*float64(c.first))] = true
		}
		if len(seen) != c.first {
			t.Errorf("rounds of %d: %d parts of %d have a point", c.n, len(seen), c.first)
		}
	}
}

// TestSplit checks the number of good results, their order, ties, and trials without a value.
func TestSplit(t *testing.T) {
	nan := math.NaN()
	results := func(values ...float64) []Result {
		var rs []Result
		for i, v := range values {
			rs = append(rs, Result{i, Point{float64(i)}, v})
		}
		return rs
	}
	for _, c := range []struct {
		results []Result
		good    string
	}{
		{results(1, 3, 2), "[[1]]"},
		{results(1, 1, 1), "[[0]]"},
		{results(nan, nan, -5), "[[2]]"},
		{results(nan, nan, nan), "[]"},
		{results(math.Inf(-1), nan), "[[0]]"},
		{results(0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0), "[[4] [5]]"},
		{results(make([]float64, 400)...), "25 points"},
	} {
		good, bad := split(c.results)
		text := fmt.Sprint(good)
		if len(good) > 3 {
			text = fmt.Sprintf("%d points", len(good))
		}
		if text != c.good || len(good)+len(bad) != len(c.results) {
			t.Errorf("%v: good %s and %d bad points, want %s", c.results, text, len(bad), c.good)
		}
	}
}

// TestLiarKeepsPointsApart checks that the points of a round are further apart than points of
// independent rounds with the same results.
func TestLiarKeepsPointsApart(t *testing.T) {
	space := Space{Float{0, 1, false}, Float{0, 1, false}}
	apart := func(points []Point) float64 { // the mean of the distances to the nearest point
		sum := 0.0
		for i, p := range points {
			nearest := math.Inf(1)
			for j, q := range points {
				if i != j {
					nearest = min(nearest, math.Hypot(p[0]-q[0], p[1]-q[1]))
				}
			}
			sum += nearest
		}
		return sum / float64(len(points))
	}
	together, alone := 0.0, 0.0
	for seed := range uint64(20) {
		s := &tpe{space, space.axes(), seed, 1000}
		var results []Result
		for i, p := range s.Round(0, 32, nil) {
			results = append(results, Result{i, p, -math.Hypot(p[0]-0.3, p[1]-0.6)})
		}
		together += apart(s.Round(1, 32, results)[:8])
		var points []Point
		for other := range uint64(8) {
			s := &tpe{space, space.axes(), 100 + 8*seed + other, 1000}
			points = append(points, s.Round(1, 32, results)[0])
		}
		alone += apart(points)
	}
	if together < 1.1*alone {
		t.Errorf("points of a round are %.4f apart, and points of other seeds %.4f", together/20, alone/20)
	}
}

// TestMissingResults checks that rounds without all earlier results are refused.
func TestMissingResults(t *testing.T) {
	s, err := TPE(mixed, 1, 50)
	if err != nil {
		t.Fatal(err)
	}
	point := Point{1e-3, 0, 1, 0, 0}
	for _, c := range []struct {
		results []Result
		want    string
	}{
		{nil, "0 results of earlier rounds, want 2"},
		{[]Result{{0, point, 1}, {0, point, 1}}, "the result of point 1 is missing"},
		{[]Result{{2, point, 1}, {0, point, 1}}, "the result of point 1 is missing"},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, c.want) {
					t.Errorf("%v: panic %q, want %q", c.results, got, c.want)
				}
			}()
			s.Round(1, 2, c.results)
		}()
	}
}

// TestResultsAreKept checks that a round does not change the results of its caller.
func TestResultsAreKept(t *testing.T) {
	s, err := TPE(Space{Float{0, 1, false}}, 1, 50)
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	for i, p := range s.Round(0, 10, nil) {
		results = append([]Result{{i, p, p[0]}}, results...)
	}
	before := fmt.Sprint(results)
	first := s.Round(1, 10, results)
	if fmt.Sprint(results) != before {
		t.Error("the results have changed")
	}
	if again := s.Round(1, 10, results); !reflect.DeepEqual(again, first) {
		t.Error("the round has other points when asked again")
	}
}

// FuzzTPE checks that rounds have the right number of different points within the range, whatever the
// results are.
func FuzzTPE(f *testing.F) {
	f.Add(uint64(1), []byte{3, 1, 4, 1, 5, 255, 9, 2, 6, 255, 5, 3}, uint8(4))
	f.Add(uint64(2), []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, values []byte, n uint8) {
		values = values[:min(len(values), 60)]
		s := &tpe{mixed, mixed.axes(), seed, len(values) + 8}
		var results []Result
		seen := map[string]bool{}
		size := int(n%16) + 1
		for r := 0; len(results) < s.Len(); r++ {
			points := s.Round(r, size, results)
			if want := min(size, s.Len()-len(results)); len(points) != want {
				t.Fatalf("round %d has %d points, want %d", r, len(points), want)
			}
			for _, p := range points {
				v := math.NaN()
				if i := len(results); i < len(values) && values[i] < 255 {
					v = float64(values[i])
				}
				for j, a := range mixed.axes() {
					if hi := max(a.hi, float64(a.choices-1)); !(p[j] >= a.lo && p[j] <= hi) {
						t.Fatalf("parameter %d: %v", j, p[j])
					}
				}
				if seen[fmt.Sprint(p)] {
					t.Fatalf("%v is proposed twice", p)
				}
				seen[fmt.Sprint(p)] = true
				results = append(results, Result{len(results), p, v})
			}
		}
	})
}
