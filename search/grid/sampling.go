package grid

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/results"
	"fusegrid/search/sample"
)

// A Sampling says how points are drawn from the ranges of the axes. The zero value stands for a grid.
type Sampling struct {
	Method string // one of Methods; "" stands for a grid
	N      int    // number of points
	Seed   uint64
	Round  int // number of points of a round, for samplers that learn from results; 0 means DefaultRound
}

// DefaultRound is the number of points that a sampler that learns draws together. Their nets can
// train as one block, and blocks of more nets are not much faster.
const DefaultRound = 8

// A method makes a sampler of n points.
type method struct {
	name   string
	make   func(space sample.Space, seed uint64, n int) (sample.Sampler, error)
	learns bool // the points depend on the results of earlier rounds
}

func methods() []method {
	return []method{
		{"random", sample.Random, false}, {"lhs", sample.LatinHypercube, false}, {"halton", sample.Halton, false},
		{"tpe", sample.TPE, true},
	}
}

// Methods returns the names of the samplers.
func Methods() (names []string) {
	for _, m := range methods() {
		names = append(names, m.name)
	}
	return names
}

// ParseSampling reads grid, or METHOD:N such as lhs:64. The seed is 0.
func ParseSampling(text string) (Sampling, error) {
	if text == "grid" {
		return Sampling{}, nil
	}
	name, number, counted := strings.Cut(text, ":")
	if name == "grid" {
		return Sampling{}, errors.New("a grid has no number of points; write grid, or for example lhs:64")
	}
	if !slices.Contains(Methods(), name) {
		names := append([]string{"grid"}, Methods()...)
		return Sampling{}, fmt.Errorf("there is no sampler %q%s; the choices are %s", name, cli.DidYouMean(name, names), strings.Join(names, ", "))
	}
	n, err := strconv.Atoi(number)
	if !counted || err != nil || n < 1 || n > MaxPoints {
		return Sampling{}, fmt.Errorf("the number of points must be from 1 to %d; write for example %s:64", MaxPoints, name)
	}
	return Sampling{Method: name, N: n}, nil
}

// A Range is a range of an axis from which a sampler draws.
type Range struct {
	Param sample.Param
	Set   func(c *results.Config, v float64) // puts a value into a configuration
}

// A sampled is the part of a grid that a sampler draws.
type sampled struct {
	sampler sample.Sampler
	method  string
	learns  bool     // the sampler draws points in rounds
	round   int      // number of points of a round
	names   []string // of the axes with several values
	set     func(c *results.Config, p sample.Point)
}

// drawn returns the sampled part of a grid: all axes whose values are not crossed with the points.
// The columns are those of the axes, and lists are the lists that the user wrote or the defaults.
func (x Axes) drawn(s Setting, columns []Column, ranges []*Range) (*sampled, error) {
	all := methods()
	m := all[slices.IndexFunc(all, func(m method) bool { return m.name == s.Sample.Method })]
	d := &sampled{method: m.name, learns: m.learns, round: cmp.Or(s.Sample.Round, DefaultRound)}
	var space sample.Space
	type part struct {
		at  int // position in the space, or −1 for an axis with one value
		set func(c *results.Config, v float64)
	}
	var parts []part
	for _, i := range x.byLevel() {
		column, r := columns[i], ranges[i]
		switch {
		case x[i].Crossed:
			continue
		case r == nil && column.Len == 1:
			parts = append(parts, part{-1, func(c *results.Config, _ float64) { column.Set(c, 0) }})
			continue
		case r == nil:
			r = &Range{sample.Category{Choices: column.Len}, func(c *results.Config, v float64) { column.Set(c, int(v)) }}
		}
		if err := r.Param.Check(); err != nil {
			return nil, fmt.Errorf("%s%s: %w", s.Prefix, x[i].Name, err)
		}
		parts = append(parts, part{len(space), r.Set})
		space, d.names = append(space, r.Param), append(d.names, x[i].Name)
	}
	if len(space) == 0 {
		return nil, fmt.Errorf("%ssample %s:%d has nothing to draw from; give an axis a range, such as %[1]slr log:1e-4..1e-2", s.Prefix, s.Sample.Method, s.Sample.N)
	}
	d.set = func(c *results.Config, p sample.Point) {
		for _, part := range parts {
			if part.at < 0 {
				part.set(c, 0)
			} else {
				part.set(c, p[part.at])
			}
		}
	}
	var err error
	d.sampler, err = m.make(space, s.Sample.Seed, s.Sample.N)
	return d, err
}

// column returns the column of points.
func (d *sampled) column(points []sample.Point) Column {
	return Column{len(points), func(c *results.Config, i int) { d.set(c, points[i]) }}
}

// Range returns the range in a list, or nil if the list is not a single range without a count.
func (x Floats) Range(name, list, _ string) (*Range, error) {
	it := item{name, list, 1, 1, strings.TrimSpace(list), x.Example}
	s, ok, err := it.bareSpan()
	if !ok || err != nil {
		return nil, err
	}
	a, errA := x.number(it, s.from)
	b, errB := x.number(it, s.to)
	if err := cmp.Or(errA, errB, it.checkEnds(a, b, s.log)); err != nil {
		return nil, err
	}
	if x.Check != nil {
		if err := cmp.Or(x.Check(a), x.Check(b)); err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, list, err)
		}
	}
	return &Range{sample.Float{Lo: a, Hi: b, Log: s.log}, func(c *results.Config, v float64) { *x.Field(c) = v }}, nil
}

// Range returns the range in a list, or nil if the list is not a single range without a count.
func (x Ints[T]) Range(name, list, _ string) (*Range, error) {
	p, err := integers{name, x.Min, x.Max, x.Example}.span(list)
	if p == nil || err != nil {
		return nil, err
	}
	return &Range{*p, func(c *results.Config, v float64) {
		*x.Field(c) = T(v)
		if x.Unit != nil {
			*x.Field(c) *= T(x.Unit(c))
		}
	}}, nil
}

// Range returns the range of units in a list, or nil if the list is not a single range without a count.
func (x Layers) Range(name, list, _ string) (*Range, error) {
	p, err := integers{name: name, min: 1, max: x.Max, example: "10..200"}.span(list)
	if p == nil || err != nil {
		return nil, err
	}
	return &Range{*p, func(c *results.Config, v float64) { *x.Field(c) = []int{int(v)} }}, nil
}

// span returns the range in a list, or nil if the list is not a single range without a count.
func (x integers) span(list string) (*sample.Int, error) {
	it := item{x.name, list, 1, 1, strings.TrimSpace(list), x.example}
	s, ok, err := it.bareSpan()
	if !ok || err != nil {
		return nil, err
	}
	a, errA := x.number(it, s.from)
	b, errB := x.number(it, s.to)
	if err := cmp.Or(errA, errB, it.checkEnds(float64(a), float64(b), s.log)); err != nil {
		return nil, err
	}
	return &sample.Int{Lo: a, Hi: b, Log: s.log}, nil
}

// bareSpan returns the range in the item, and reports false if the item is not a range or has a count.
func (it item) bareSpan() (s span, ok bool, err error) {
	if strings.Contains(it.text, ",") {
		return s, false, nil
	}
	s, ok, err = it.span()
	return s, ok && s.n == 0, err
}

// checkEnds returns an error if a sampler cannot draw from the range from a to b.
func (it item) checkEnds(a, b float64, log bool) error {
	switch {
	case a >= b:
		return it.errorf("the range must begin below its end")
	case log && a <= 0:
		return it.errorf("a log range must begin above 0")
	}
	return nil
}

// Learns reports whether the points depend on the results of earlier points.
func (g *Grid) Learns() bool { return g.drawn != nil && g.drawn.learns }

// Rounds returns the number of rounds in which the points are drawn. It is 1 unless the sampler
// learns from results.
func (g *Grid) Rounds() int {
	if !g.Learns() {
		return 1
	}
	return (g.drawn.sampler.Len()-1)/g.drawn.round + 1
}

// Round returns the grid with the points of round r, from 0. The argument earlier has the results of
// all points of earlier rounds.
func (g *Grid) Round(r int, earlier []sample.Result) (*Grid, error) {
	if g.Rounds() == 1 {
		return g, nil
	}
	h := g.with(g.drawn.sampler.Round(r, g.drawn.round, earlier))
	return h, h.count()
}

// Join returns the grid with the points of all given rounds.
func (g *Grid) Join(rounds []*Grid) *Grid {
	if g.Rounds() == 1 {
		return g
	}
	var points []sample.Point
	for _, r := range rounds {
		points = append(points, r.points...)
	}
	h := g.with(points)
	h.size = g.size / max(len(g.points), 1) * len(points)
	return h
}

// Total returns the number of points of all rounds.
func (g *Grid) Total() int {
	if g.Rounds() == 1 {
		return g.Len()
	}
	return g.size / max(len(g.points), 1) * g.drawn.sampler.Len()
}

// Results returns the results of the drawn points for the sampler. The first of them is number first
// among the points of all rounds. The value of a point is the mean validation accuracy of its trials, or
// the mean value of a function, negated if it is minimized. It is NaN if one of the trials has none. There are no
// results if the sampler does not learn.
func (p Points) Results(first int, records map[string]results.Record) []sample.Result {
	if !p.Learns() {
		return nil
	}
	each := p.size / max(len(p.points), 1)
	found := make([]sample.Result, len(p.points))
	for i, point := range p.points {
		sum := 0.0
		for k := range each {
			r := records[p.At(i*each+k).Key()]
			if val := r.Val(); val != nil {
				sum += r.Config.Gain(*val)
			} else {
				sum = math.NaN()
			}
		}
		found[i] = sample.Result{Index: first + i, Point: point, Value: sum / float64(each)}
	}
	return found
}
