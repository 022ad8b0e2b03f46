package grid

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fusegrid/results"
)

// Nearby counts the trials of the grid that have no record although there is a record with nearly
// equal numbers. It returns a message with the lists that select the recorded trials. Such trials
// exist if a user typed a rounded number from a table, or if an earlier version rounded ranges to
// six digits. If a list is too long to type, the message names the file that has it.
func (p Points) Nearby(records map[string]results.Record, file string) string {
	if len(records) == 0 || p.Sampled() {
		return ""
	}
	axes := p.floats()
	rounded := map[string]results.Config{}
	for _, r := range records {
		rounded[sixDigits(r.Config, axes).Key()] = r.Config
	}
	n := 0
	for c := range p.All() {
		if _, ok := records[c.Key()]; ok {
			continue
		}
		near, ok := rounded[sixDigits(c, axes).Key()]
		inGrid := true // then it is another trial of the grid
		for _, a := range axes {
			inGrid = inGrid && slices.Contains(a.values, *a.field(&near))
		}
		if !ok || inGrid {
			continue
		}
		n++
		for _, a := range axes {
			if v, w := *a.field(&c), *a.field(&near); v != w {
				a.near[v] = w
			}
		}
	}
	if n == 0 {
		return ""
	}
	const most = 20 // the maximum length of a list that a user can type
	var lists []string
	for _, a := range axes {
		if len(a.near) == 0 {
			continue
		}
		var list []string
		for _, v := range a.values {
			if w, ok := a.near[v]; ok {
				v = w
			}
			list = append(list, exact(v))
		}
		if len(list) > most {
			list = []string{"with the numbers in " + file}
		}
		lists = append(lists, p.prefix+a.name+" "+strings.Join(list, ","))
	}
	what := "1 trial is on record with numbers that differ from this grid's"
	if n > 1 {
		what = fmt.Sprintf("%d trials are on record with numbers that differ from this grid's", n)
	}
	return fmt.Sprintf("%s by less than 1e-5 of them; to have those instead, give %s", what, strings.Join(lists, " "))
}

// A floatAxis is an axis of numbers in a grid.
type floatAxis struct {
	name   string
	field  func(c *results.Config) *float64
	values []float64
	near   map[float64]float64 // recorded values, by value of the grid
}

// floats returns the axes of numbers, in the order of the help text. An axis that does not apply
// has the value 0.
func (p Points) floats() []floatAxis {
	var all []floatAxis
	for i := range p.axes {
		x, ok := p.axes[i].Values.(Floats)
		if !ok {
			continue
		}
		a := floatAxis{name: p.axes[i].Name, field: x.Field, near: map[float64]float64{}}
		column := p.holding(i)
		for v := range column.Len {
			var c results.Config
			column.Set(&c, v)
			a.values = append(a.values, *x.Field(&c))
		}
		all = append(all, a)
	}
	return all
}

// sixDigits returns c with its numbers rounded to six digits.
func sixDigits(c results.Config, axes []floatAxis) results.Config {
	for _, a := range axes {
		v := a.field(&c)
		*v, _ = strconv.ParseFloat(strconv.FormatFloat(*v, 'g', 6, 64), 64)
	}
	return c
}
