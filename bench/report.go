package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"

	"fusegrid/internal/cli"
)

// A report holds all results of a file.
type report struct {
	machines []*machine
	units    benchfmt.UnitMetadataMap
}

// A machine holds all results that follow equal "key: value" lines.
type machine struct {
	config [][2]string
	tables []*table
	index  map[tableKey]*table
}

type tableKey struct{ title, unit string }

// A table holds all results of one kernel, type and unit on one machine.
type table struct {
	tableKey
	rows, cols list
	names      map[string]name // by row
	cells      map[place]*cell
	needed     bool // false if another table implies all values
}

// A place is a row and a column.
type place struct{ row, col string }

// A cell holds all values of one benchmark in one unit.
type cell struct {
	values []float64
	bad    []fault
}

// A fault is a value that cannot be averaged.
type fault struct {
	line int
	x    float64
}

// A list holds different texts in the order of their first occurrence.
type list struct {
	texts []string
	seen  map[string]bool
}

func (l *list) add(s string) {
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	if !l.seen[s] {
		l.seen[s] = true
		l.texts = append(l.texts, s)
	}
}

// has returns an error if bases are not the default and no table has any of them as a column.
func (r *report) has(bases []string) error {
	var columns list
	for _, m := range r.machines {
		for _, t := range m.tables {
			for _, c := range t.cols.texts {
				if slices.Contains(bases, c) {
					return nil
				}
				columns.add(c)
			}
		}
	}
	wanted := strings.Join(bases, ",")
	if wanted == defaultBase {
		return nil
	}
	return fmt.Errorf("-base %s: no table has such a column%s; there are: %s", wanted, cli.DidYouMean(wanted, columns.texts), strings.Join(columns.texts, ", "))
}

// maxCells is the maximum number of cells in all tables of a file. Tables that are mostly empty
// could otherwise exhaust memory.
const maxCells = 1 << 16

// collect parses the text of a file into tables.
func collect(file string, text []byte) (*report, error) {
	r := new(report)
	c := collector{report: r, index: map[string]*machine{}}
	units, err := read(file, text, c.add)
	if err != nil {
		return nil, err
	}
	r.units = units
	return r, nil
}

type collector struct {
	*report
	index map[string]*machine // key: identity of the lines
	last  *machine
	cells int
}

// machine returns the machine for the "key: value" lines of a result, and adds it if it is
// new.
func (c *collector) machine(config []benchfmt.Config) (*machine, error) {
	if c.last != nil && slices.EqualFunc(config, c.last.config, func(a benchfmt.Config, b [2]string) bool { return a.Key == b[0] && string(a.Value) == b[1] }) {
		return c.last, nil
	}
	id := identity(config)
	m := c.index[id]
	if m == nil {
		if len(c.machines) == maxGroups {
			return nil, fmt.Errorf("more than %d different sets of \"key: value\" lines above results; the next is %.60q", maxGroups, id)
		}
		m = &machine{index: map[tableKey]*table{}}
		for _, line := range config {
			m.config = append(m.config, [2]string{line.Key, string(line.Value)})
		}
		c.index[id] = m
		c.machines = append(c.machines, m)
	}
	c.last = m
	return m, nil
}

func (c *collector) add(r measured) error {
	m, err := c.machine(r.config)
	if err != nil {
		return err
	}
	rated := slices.ContainsFunc(r.values, func(v value) bool { return v.unit == "FLOP/s" || v.unit == "B/s" })
	for _, v := range r.values {
		k := tableKey{r.name.title(), v.unit}
		t := m.index[k]
		if t == nil {
			t = &table{tableKey: k, names: map[string]name{}, cells: map[place]*cell{}}
			m.index[k] = t
			m.tables = append(m.tables, t)
		}
		c.cells -= t.size()
		t.add(r.name, r.line, v.x)
		if c.cells += t.size(); c.cells > maxCells {
			return fmt.Errorf("more than %d cells; %s has %d rows and %d columns (values of /impl=); split the file", maxCells, cmp.Or(t.title, "the table"), len(t.rows.texts), len(t.cols.texts))
		}
		t.needed = t.needed || v.unit != "sec/op" || !rated // rates imply seconds
	}
	return nil
}

// size returns the number of cells, of which some may be empty.
func (t *table) size() int { return len(t.rows.texts) * len(t.cols.texts) }

// add adds x to its cell.
func (t *table) add(n name, line int, x float64) {
	t.rows.add(n.rest)
	t.cols.add(n.impl)
	t.names[n.rest] = n
	p := place{n.rest, n.impl}
	c := t.cells[p]
	if c == nil {
		c = new(cell)
		t.cells[p] = c
	}
	if math.IsNaN(x) || math.IsInf(x, 0) || x <= 0 && positive(t.unit) {
		c.bad = append(c.bad, fault{line, x})
	} else {
		c.values = append(c.values, x)
	}
}

// positive reports whether only values above 0 are valid in unit.
func positive(unit string) bool { return isRate(unit) || unit == "sec/op" }

func isRate(unit string) bool { return strings.HasSuffix(unit, "/s") }

// get returns the value of the "key: value" line with this key, or "".
func (m *machine) get(key string) string {
	for _, line := range m.config {
		if line[0] == key {
			return line[1]
		}
	}
	return ""
}
