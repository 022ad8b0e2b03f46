// Package grid turns lists of hyper-parameters into the trials of a grid search.
//
// A hyper-parameter is one entry in a table of axes, which [Standard] returns. [Axes.Parse] reads
// the lists that a user wrote, such as 1e-4,1e-3 or log:1e-4..1e-2:5, and returns a [Grid].
// [Grid.Over] combines it with the fields that are equal in all trials. The errors of Parse name
// the axis, the value and the remedy.
package grid

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/search/sample"
)

// A Grid contains every combination of the values of its axes, or points that a sampler has drawn
// from their ranges. Its points are computed one at a time, because there may be a million of them.
type Grid struct {
	net     string
	rule    string
	prefix  string // prefix of the names of axes in messages
	axes    Axes
	columns []column       // loops over values, from the outermost to the innermost
	drawn   *sampled       // nil if all values are combined
	points  []sample.Point // that the sampler has drawn
	size    int
	picked  []int // the points that count; nil means all
}

// A column is the loop over the values of one axis, or of several axes that are paired or drawn.
type column struct {
	Column
	name string
	axes []int // positions in the table of axes
}

// Parse reads the lists of the axes. A list that the user did not give has its default.
func (x Axes) Parse(s Setting) (*Grid, error) {
	s.Net, s.Rule = cmp.Or(s.Net, nets[0]), cmp.Or(s.Rule, train.SGD.String())
	if err := x.check(s); err != nil {
		return nil, err
	}
	columns, ranges, err := x.values(s)
	if err != nil {
		return nil, err
	}
	g := &Grid{net: s.Net, rule: s.Rule, prefix: s.Prefix, axes: x}
	for _, i := range x.byLevel() {
		g.columns = append(g.columns, column{columns[i], x[i].Name, []int{i}})
	}
	switch {
	case len(s.Zip) > 0 && s.Sample.Method != "":
		return nil, fmt.Errorf("%szip pairs the values of a grid; a sampler draws points, so omit %[1]szip or %[1]ssample", s.Prefix)
	case len(s.Zip) > 0:
		if err := g.zip(s); err != nil {
			return nil, err
		}
	case s.Sample.Method != "":
		if err := g.draw(s, columns, ranges); err != nil {
			return nil, err
		}
	}
	return g, g.count()
}

// values reads the list of each axis, in the order of the help text, which is also the order of
// errors. If points are drawn, an axis may have a range instead of a column.
func (x Axes) values(s Setting) (columns []Column, ranges []*Range, err error) {
	columns, ranges = make([]Column, len(x)), make([]*Range, len(x))
	for i := range x {
		a := &x[i]
		list, given := s.Given[a.Name]
		if err := a.applies(s); err != nil {
			if given {
				return nil, nil, err
			}
			columns[i] = Column{1, func(*results.Config, int) {}} // leaves configurations as they are
			continue
		}
		if !given {
			list = a.Defaults[s.Net]
		}
		if s.Sample.Method != "" && !a.Crossed {
			if ranges[i], err = a.Values.Range(s.Prefix+a.Name, list, s.Net); err != nil {
				return nil, nil, a.withComma(err, list)
			}
			if ranges[i] != nil {
				continue
			}
		}
		columns[i], err = a.Values.Parse(s.Prefix+a.Name, list, s.Net)
		if errors.As(err, new(repeatedError)) && slices.Contains(s.Zip, a.Name) {
			err = nil // zip checks the pairs
		}
		if err != nil {
			return nil, nil, a.withComma(err, list)
		}
	}
	return columns, ranges, nil
}

// count sets the number of points, and returns an error if there are too many.
func (g *Grid) count() error {
	size := 1.0
	g.size = 1
	for _, column := range g.columns {
		size *= float64(column.Len)
		g.size *= column.Len
	}
	if size > MaxPoints {
		return fmt.Errorf("the grid has %.0f points (%s), more than %d; give fewer values", size, g.Shape(), MaxPoints)
	}
	return nil
}

// zip replaces the loops over the paired axes by one loop, in the place of the innermost of them.
func (g *Grid) zip(s Setting) error {
	paired := column{Column: Column{Len: -1}, name: strings.Join(s.Zip, "+")}
	var parts, rest []column
	for _, c := range g.columns {
		if !slices.Contains(s.Zip, c.name) {
			rest = append(rest, c)
			continue
		}
		if paired.Len >= 0 && c.Len != paired.Len {
			return fmt.Errorf("%szip %s: %s has %d values and %s has %d; give lists of one length",
				s.Prefix, strings.Join(s.Zip, ","), parts[0].name, parts[0].Len, c.name, c.Len)
		}
		paired.Len, parts, paired.axes = c.Len, append(parts, c), append(paired.axes, c.axes...)
	}
	if len(s.Zip) < 2 || len(parts) < len(s.Zip) {
		return fmt.Errorf("%szip %s: give two or more different axes", s.Prefix, strings.Join(s.Zip, ","))
	}
	paired.Set = func(c *results.Config, i int) {
		for _, part := range parts {
			part.Set(c, i)
		}
	}
	seen := map[string]int{}
	for i := range paired.Len {
		c := results.Config{Params: make(results.Params, len(g.axes))}
		paired.Set(&c, i)
		text := c.Canonical()
		if first, twice := seen[text]; twice {
			return fmt.Errorf("%szip %s: the values with number %d are those with number %d; omit them", s.Prefix, strings.Join(s.Zip, ","), i+1, first+1)
		}
		seen[text] = i
	}
	at := slices.IndexFunc(g.columns, func(c column) bool { return c.name == parts[len(parts)-1].name }) - (len(parts) - 1)
	g.columns = slices.Insert(rest, at, paired)
	return nil
}

// draw replaces the loops over all axes that are not crossed by one loop over the points of a sampler.
func (g *Grid) draw(s Setting, columns []Column, ranges []*Range) (err error) {
	if g.drawn, err = g.axes.drawn(s, columns, ranges); err != nil {
		return err
	}
	points := column{name: g.drawn.method + " of " + strings.Join(g.drawn.names, ", ")}
	var crossed []column
	for _, c := range g.columns {
		if g.axes[c.axes[0]].Crossed {
			crossed = append(crossed, c)
		} else {
			points.axes = append(points.axes, c.axes...)
		}
	}
	g.columns = append([]column{points}, crossed...)
	n := g.drawn.sampler.Len()
	if g.drawn.learns {
		n = g.drawn.round
	}
	*g = *g.with(g.drawn.sampler.Round(0, n, nil))
	return nil
}

// with returns the grid with other points of its sampler.
func (g *Grid) with(points []sample.Point) *Grid {
	h := *g
	h.columns = slices.Clone(g.columns)
	h.columns[0].Column, h.points = g.drawn.column(points), points
	return &h
}

// check refuses a net, a rule or an axis that does not exist.
func (x Axes) check(s Setting) error {
	if !slices.Contains(nets, s.Net) {
		return fmt.Errorf("there is no net %q; the choices are %s", s.Net, strings.Join(nets, " and "))
	}
	if _, err := train.ParseRule(s.Rule); err != nil {
		return err
	}
	if s.Sample.Method == "" && (s.Sample.Seed != 0 || s.Sample.Round != 0) {
		return fmt.Errorf("%ssample-seed and %[1]stpe-batch are for points that a sampler draws; add %[1]ssample, such as %[1]ssample lhs:64", s.Prefix)
	}
	var names []string
	for _, a := range x {
		names = append(names, a.Name)
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(s.Given)), s.Zip) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no axis %q%s; the choices are %s", name, cli.DidYouMean(name, names), strings.Join(names, ", "))
		}
	}
	return nil
}

// byLevel returns the positions of the axes from the outermost loop to the innermost.
func (x Axes) byLevel() []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return x[a].Level - x[b].Level })
	return order
}

// Notes returns a message for each list that may have been meant as a number with a decimal comma.
func (x Axes) Notes(s Setting) []string {
	var notes []string
	for i := range x {
		list := s.Given[x[i].Name]
		if number, ok := x[i].decimalComma(list); ok {
			notes = append(notes, fmt.Sprintf("%s%s %s is a list of two values; if it has a decimal comma, write %s", s.Prefix, x[i].Name, list, number))
		}
	}
	return notes
}

// withComma adds to an error about a list a hint that the list may have a decimal comma.
func (a *Axis) withComma(err error, list string) error {
	if number, ok := a.decimalComma(list); ok {
		return fmt.Errorf("%w; if %s has a decimal comma, write %s", err, list, number)
	}
	return err
}

// decimalComma returns 0.25 for the list 0,25 if the values of the axis may have fractions.
func (a *Axis) decimalComma(list string) (number string, ok bool) {
	if _, floats := a.Values.(Floats); !floats {
		return "", false
	}
	return decimalComma(list)
}

// Net returns the net that the grid was made for, two-layer or fc.
func (g *Grid) Net() string { return g.net }

// Rule returns the name of the update rule that the grid was made for.
func (g *Grid) Rule() string { return g.rule }

// Axes returns the table that the grid was made with.
func (g *Grid) Axes() Axes { return g.axes }

// Shape returns the axes with several values, such as "8 lr × 4 reg".
func (g *Grid) Shape() string {
	var parts []string
	for _, column := range g.columns {
		if column.Len > 1 {
			parts = append(parts, strconv.Itoa(column.Len)+" "+column.name)
		}
	}
	return strings.Join(parts, " × ")
}

// Sampled reports whether a sampler draws the points.
func (g *Grid) Sampled() bool { return g.drawn != nil }

// Varying returns the names of the axes with several values, as fields of configurations.
func (g *Grid) Varying() []string {
	var names []string
	for i, c := range g.columns {
		if i == 0 && g.drawn != nil {
			names = append(names, g.drawn.names...)
			continue
		}
		for _, axis := range c.axes {
			if c.Len > 1 {
				names = append(names, g.axes[axis].Name)
			}
		}
	}
	if i := slices.Index(names, "epochs"); i >= 0 {
		names[i] = "iters" // epochs are iterations in another unit
	}
	return names
}

// holding returns the loop over the values of an axis.
func (g *Grid) holding(axis int) column {
	return g.columns[slices.IndexFunc(g.columns, func(c column) bool { return slices.Contains(c.axes, axis) })]
}

// Len returns the number of points.
func (g *Grid) Len() int {
	if g.picked != nil {
		return len(g.picked)
	}
	return g.size
}

// Pick returns the grid with some of its points, in the order of the list.
func (g *Grid) Pick(points []int) *Grid {
	h := *g
	h.picked = append(make([]int, 0, len(points)), points...) // not nil
	return &h
}

// Over returns the points of the grid: base with the values of the axes filled in.
func (g *Grid) Over(base results.Config) Points { return Points{g, base} }

// Points are the configurations of a grid.
type Points struct {
	*Grid
	Base results.Config // the fields that are not axes
}

// At returns point i, from 0.
func (p Points) At(i int) results.Config {
	var c results.Config
	p.put(&c, i)
	return c
}

// put sets *c to point i.
func (p Points) put(c *results.Config, i int) {
	if p.picked != nil {
		i = p.picked[i]
	}
	*c = p.Base
	c.Params = slices.Clone(c.Params)
	// The columns are set from the outermost loop to the innermost, because epochs need the batch
	// size. If a pair of axes has the batch size, epochs are set again.
	for range 2 {
		stride := p.size
		for j := range p.columns {
			column := &p.columns[j]
			stride /= column.Len
			column.Set(c, i/stride%column.Len)
		}
		if len(p.columns) == len(p.axes) {
			break
		}
	}
	if !c.DivisionMatters() {
		c.Division = "" // because floor division gives the same training, which must have the same key
	}
}

// All yields the points in their order.
func (p Points) All() iter.Seq[results.Config] {
	return func(yield func(results.Config) bool) {
		var c results.Config
		for i := range p.Len() {
			if p.put(&c, i); !yield(c) {
				return
			}
		}
	}
}

// DivisionNote describes how epochs are divided into iterations, and the result of the other
// division. It returns "" if both divisions agree.
func (p Points) DivisionNote() string {
	batch := slices.IndexFunc(p.axes, func(a Axis) bool { return a.Name == "batch" })
	if batch < 0 {
		return ""
	}
	column := p.holding(batch)
	for i := range column.Len {
		c := p.Base
		if column.Set(&c, i); !c.DivisionMatters() {
			continue
		}
		n := c.Split[0]
		floor, exact := float64(c.PerEpoch()), float64(n)/float64(c.Batch)
		if c.Division == "true" {
			return fmt.Sprintf("batch %d does not divide %d samples: an epoch is %.7g iterations (Python 3); with division floor: %.0f (Python 2)", c.Batch, n, exact, floor)
		}
		return fmt.Sprintf("batch %d does not divide %d samples: an epoch is %s (Python 2); with division true: %.7g (Python 3)", c.Batch, n, say.Plural(int(floor), "iteration"), exact)
	}
	return ""
}

// A Trial is one point of a grid.
type Trial struct {
	Key    string
	Config results.Config
	FLOPs  float64 // operations of one iteration
}

// Pending returns the trials that are not settled, in the order of the points. The function flops is called on all
// cores, because there may be a million points.
func (p Points) Pending(flops func(results.Config) float64, settled func(key string) bool) []Trial {
	n := p.Len()
	all := make([]Trial, n)
	const share = 1 << 10 // points for a core at a time
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), (n+share-1)/share) {
		wg.Go(func() {
			for lo := int(next.Add(share)) - share; lo < n; lo = int(next.Add(share)) - share {
				for i := lo; i < min(lo+share, n); i++ {
					t := &all[i]
					p.put(&t.Config, i)
					t.Key, t.FLOPs = t.Config.Key(), flops(t.Config)
				}
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(all, func(t Trial) bool { return settled(t.Key) })
}
