// Package grid turns lists of hyper-parameters into the trials of a grid search.
//
// A hyper-parameter is one entry in a table of axes, which [Standard] returns. [Axes.Parse] reads
// the lists that a user wrote, such as 1e-4,1e-3 or log:1e-4..1e-2:5, and returns a [Grid].
// [Grid.Over] combines it with the fields that are equal in all trials. The errors of Parse name
// the axis, the value and the remedy.
package grid

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/nn/train"
	"fusegrid/results"
)

// A Grid contains every combination of the values of its axes. Its points are computed one at a
// time, because there may be a million of them.
type Grid struct {
	net     string
	rule    string
	prefix  string // prefix of the names of axes in messages
	axes    Axes
	order   []int    // axes by level: positions in axes
	columns []Column // in the order of levels
	size    int
}

// Parse reads the lists of the axes. A list that the user did not give has its default.
func (x Axes) Parse(s Setting) (*Grid, error) {
	s.Net, s.Rule = cmp.Or(s.Net, nets[0]), cmp.Or(s.Rule, train.SGD.String())
	if err := x.check(s); err != nil {
		return nil, err
	}
	g := &Grid{net: s.Net, rule: s.Rule, prefix: s.Prefix, axes: x, order: x.byLevel(), size: 1}
	columns := make([]Column, len(x))
	for i := range x { // in the order of the help text, which is also the order of errors
		a := &x[i]
		list, given := s.Given[a.Name]
		if err := a.applies(s); err != nil {
			if given {
				return nil, err
			}
			columns[i] = Column{1, func(*results.Config, int) {}} // leaves configurations as they are
			continue
		}
		if !given {
			list = a.Defaults[s.Net]
		}
		var err error
		if columns[i], err = a.Values.Parse(s.Prefix+a.Name, list, s.Net); err != nil {
			return nil, a.withComma(err, list)
		}
	}
	size := 1.0
	for _, i := range g.order {
		g.columns = append(g.columns, columns[i])
		size *= float64(columns[i].Len)
		g.size *= columns[i].Len
	}
	if size > MaxPoints {
		return nil, fmt.Errorf("the grid has %.0f points (%s), more than %d; give fewer values", size, g.Shape(), MaxPoints)
	}
	return g, nil
}

// check refuses a net, a rule or an axis that does not exist.
func (x Axes) check(s Setting) error {
	if !slices.Contains(nets, s.Net) {
		return fmt.Errorf("there is no net %q; the choices are %s", s.Net, strings.Join(nets, " and "))
	}
	if _, err := train.ParseRule(s.Rule); err != nil {
		return err
	}
	var names []string
	for _, a := range x {
		names = append(names, a.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Given)) {
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
	for i, column := range g.columns {
		if column.Len > 1 {
			parts = append(parts, strconv.Itoa(column.Len)+" "+g.axes[g.order[i]].Name)
		}
	}
	return strings.Join(parts, " × ")
}

// Len returns the number of points.
func (g *Grid) Len() int { return g.size }

// Over returns the points of the grid: base with the values of the axes filled in.
func (g *Grid) Over(base results.Config) Points { return Points{g, base} }

// Points are the configurations of a grid.
type Points struct {
	*Grid
	Base results.Config // the fields that are not axes
}

// At returns point i, from 0.
func (p Points) At(i int) results.Config {
	c := p.Base
	// The columns are set from the outermost loop to the innermost, because epochs need the batch
	// size.
	stride := p.size
	for _, column := range p.columns {
		stride /= column.Len
		column.Set(&c, i/stride%column.Len)
	}
	if !c.DivisionMatters() {
		c.Division = "" // because floor division gives the same training, which must have the same key
	}
	return c
}

// All yields the points in their order.
func (p Points) All() iter.Seq[results.Config] {
	return func(yield func(results.Config) bool) {
		for i := range p.size {
			if !yield(p.At(i)) {
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
	column := p.columns[slices.Index(p.order, batch)]
	for i := range column.Len {
		c := p.Base
		if column.Set(&c, i); !c.DivisionMatters() {
			continue
		}
		n := c.Split[0]
		floor, exact := float64(c.PerEpoch()), float64(n)/float64(c.Batch)
		if c.Division == "true" {
			return fmt.Sprintf("batch %d does not divide %d images: an epoch is %.7g iterations (Python 3); with division floor: %.0f (Python 2)", c.Batch, n, exact, floor)
		}
		return fmt.Sprintf("batch %d does not divide %d images: an epoch is %.0f iterations (Python 2); with division true: %.7g (Python 3)", c.Batch, n, floor, exact)
	}
	return ""
}

// A Trial is one point of a grid.
type Trial struct {
	Key    string
	Config results.Config
	FLOPs  float64 // operations of one iteration
}

// Pending returns the trials that are not settled, in the order of the points.
func (p Points) Pending(flops func(results.Config) float64, settled func(key string) bool) []Trial {
	todo := make([]Trial, 0, p.size)
	for c := range p.All() {
		if key := c.Key(); !settled(key) {
			todo = append(todo, Trial{key, c, flops(c)})
		}
	}
	return todo
}
