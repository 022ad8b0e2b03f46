package results

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// A HeatMap holds a result, see [Record.Val], for each pair of values of two axes. It shows only comparable
// trials: trials with the same data set, net, type and number of iterations, or of the same function. A cell is the
// mean over seeds. If other parameters vary, a cell shows their best setting.
type HeatMap struct {
	X, Y     HeatAxis
	Cells    [][]Cell // [y][x]
	Seeds    int      // number of different seeds among the shown trials
	BestOver []string // names of the other parameters that vary
	Shown    Config   // values that the shown trials share: data, net, dtype, class, iters …
	DataName string
	LeftOut  int // number of trials that are not comparable and not shown
}

// A Cell holds the mean result of one setting.
type Cell struct {
	Val     float64 // NaN if no trial has a result
	Trials  int     // number of trials in the mean, each with a different seed
	Stopped int     // step at which the trials were stopped; 0 if they trained to the end
}

// alike returns the values of c that all trials of a heat map share. The axes x and y may vary.
func alike(c *Config, x, y string) Config {
	a := Config{
		Data: c.Data, Split: c.Split, Pixels: c.Pixels, Net: c.Net, DType: c.DType, Class: c.Class, Iters: c.Iters,
		Objective: c.Objective, Minimize: c.Minimize,
	}
	for _, axis := range []string{x, y} {
		switch axis {
		case "pixels":
			a.Pixels = ""
		case "net":
			a.Net = ""
		case "dtype": // each type of integers has a class of its own
			a.DType, a.Class = "", ""
		case "class":
			a.Class = ""
		case "iters":
			a.Iters = 0
		}
	}
	return a
}

// HeatAxes returns the axes of the heat map that a table has without further choice: the learning rate and the
// regularization if both vary, and otherwise the first two parameters that vary, except the seed. It returns "" if there
// are fewer.
func HeatAxes(t *Table) (x, y string) {
	var names []string
	for _, f := range t.vary {
		if f.name != "seed" && f.name != "order" && t.varies(f) {
			names = append(names, f.name)
		}
	}
	switch {
	case len(names) < 2:
		return "", ""
	case slices.Contains(names, "lr") && slices.Contains(names, "reg"):
		return "lr", "reg"
	}
	return names[0], names[1]
}

// NewHeatMap returns a heat map of the comparable trials of a table over two fields of their configurations. If there
// are several groups of comparable trials, it shows the group that fills most cells. If two groups fill equally many
// cells, it shows the one with more iterations. The map has no cells if no trial has both fields.
func NewHeatMap(t *Table, x, y string) HeatMap {
	groups := map[string][]*Record{}
	var key string
	var last Config
	for i, r := range t.records {
		if a := alike(&r.Config, x, y); i == 0 || !a.Equal(&last) {
			key, last = a.Canonical(), a
		}
		groups[key] = append(groups[key], r)
	}
	var best HeatMap
	most := -1
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		h := heatMapOf(groups[key], x, y)
		if n := len(h.results()); n > most || n == most && h.Shown.Iters > best.Shown.Iters {
			best, most = h, n
			best.LeftOut = len(t.records) - len(groups[key])
		}
	}
	return best
}

// heatMapOf returns the heat map of records, which must be comparable.
func heatMapOf(records []*Record, x, y string) HeatMap {
	h := HeatMap{Shown: alike(&records[0].Config, x, y), DataName: records[0].DataName, BestOver: others(records, x, y)}
	seeds := map[uint32]bool{}
	for _, r := range records {
		seeds[r.Config.Seed] = true
	}
	h.Seeds = len(seeds)
	h.X, h.Y = newHeatAxis(records, x), newHeatAxis(records, y)
	if h.X.Labels == nil || h.Y.Labels == nil { // these trials do not have the field
		return h
	}
	for range h.Y.Labels {
		row := make([]Cell, len(h.X.Labels))
		for i := range row {
			row[i].Val = math.NaN()
		}
		h.Cells = append(h.Cells, row)
	}
	for _, trials := range bySetting(records) {
		at := &h.Cells[h.Y.place(trials[0])][h.X.place(trials[0])]
		if c := cellOf(trials); c.before(*at, h.Shown.Minimize) {
			*at = c
		}
	}
	return h
}

// others returns the names of the fields that vary, except the axes and the seed.
func others(records []*Record, x, y string) []string {
	var names []string
	t := newTable(records)
	for _, f := range t.vary {
		if f.name != x && f.name != y && f.name != "seed" && t.varies(f) {
			names = append(names, f.name)
		}
	}
	return names
}

// cellOf returns the mean of trials that differ only in their seed. The mean includes the trials that
// trained to the end. If there are no such trials, it includes the trials with the latest step.
func cellOf(trials []*Record) Cell {
	c := Cell{Val: math.NaN()}
	farthest := func(r *Record) int {
		switch {
		case r.Val() == nil:
			return -1
		case r.State == Done:
			return math.MaxInt
		}
		return r.Step()
	}
	at := -1
	for _, r := range trials {
		at = max(at, farthest(r))
	}
	if at < 0 {
		return c
	}
	var vals []float64
	for _, r := range trials {
		if farthest(r) == at {
			vals = append(vals, *r.Val())
		}
	}
	slices.Sort(vals) // the mean does not depend on the order of the records
	c.Val, c.Trials = stat.Mean(vals, nil), len(vals)
	if at < math.MaxInt {
		c.Stopped = at
	}
	return c
}

// before reports whether a heat map prefers c to d. The order is: trials that trained to the end,
// then later steps, then better results, then means of more trials.
func (c Cell) before(d Cell, minimize bool) bool {
	switch {
	case math.IsNaN(c.Val) || math.IsNaN(d.Val):
		return !math.IsNaN(c.Val)
	case c.Stopped == d.Stopped && c.Val == d.Val:
		return c.Trials > d.Trials
	case c.Stopped == d.Stopped:
		return (c.Val > d.Val) != minimize
	case c.Stopped == 0 || d.Stopped == 0:
		return c.Stopped == 0
	}
	return c.Stopped > d.Stopped
}

// results returns the results of the cells that have one.
func (h HeatMap) results() []float64 {
	var all []float64
	for _, row := range h.Cells {
		for _, c := range row {
			if !math.IsNaN(c.Val) {
				all = append(all, c.Val)
			}
		}
	}
	return all
}
