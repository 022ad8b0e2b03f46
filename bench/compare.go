package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2/maybe"
	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchunit"
)

// defaultBase lists columns to compare with. A table uses the first one that it has.
const defaultBase = "openblas,reference,gonum"

// madeBy starts every file of tables.
const madeBy = "<!-- Made by `go run ./bench compare`"

var compareCommand = command{
	name: "compare", args: "[FILE...]", most: -1,
	short: "make tables from raw results",
	long: `
bench compare reads each FILE and prints Markdown tables of its results. A FILE
is the output of bench run or go test -bench, as text in UTF-8. Without FILE,
the command reads each file in the folder of raw results and writes its tables
to the folder of tables.

Each benchmark is a row, each value of /impl= a column. Results are averaged
only if their whole names are equal, including the number of cores at the end.
If a name has no /impl=, its row shows the whole name.
`,
	setup: func(f *flag.FlagSet) action {
		base := f.String("base", defaultBase, "compare with the first of these `columns` that a table has\n")
		raw := f.String("raw", "results/raw", "`folder` of raw results")
		tables := f.String("tables", "results/tables", "`folder` for the tables")
		return func(_ context.Context, args []string, stdout, _ io.Writer) error {
			bases := strings.Split(*base, ",")
			if len(args) == 0 {
				return renderFolder(*raw, *tables, bases, stdout)
			}
			for _, file := range args {
				md, err := render(file, bases)
				if err != nil {
					return err
				}
				if _, err := stdout.Write(md); err != nil {
					return err
				}
			}
			return nil
		}
	},
}

// renderFolder writes a file of tables for each raw file and prints the names of the
// files that it writes.
func renderFolder(raw, tables string, bases []string, stdout io.Writer) error {
	files, err := rawFiles(raw)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(tables, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		md, err := render(file, bases)
		if err != nil {
			return err
		}
		to := tableOf(file, tables)
		if err := maybe.WriteFile(to, md, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stdout, to)
	}
	return nil
}

// rawFiles returns the names of the raw files in a folder.
func rawFiles(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no raw results (*.txt); write some with bench run", folder)
	}
	return files, err
}

func tableOf(raw, folder string) string {
	return filepath.Join(folder, strings.TrimSuffix(filepath.Base(raw), ".txt")+".md")
}

// A report holds all results of a file.
type report struct {
	machines []*machine
	units    benchfmt.UnitMetadataMap
}

// A machine holds all results below equal "key: value" lines.
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

// maxCells is the largest number of cells in all tables of a file.
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
	return r, r.check(file)
}

// check returns an error if the tables have too many cells. Tables that are mostly empty
// could otherwise exhaust memory.
func (r *report) check(file string) error {
	cells := 0
	for _, m := range r.machines {
		for _, t := range m.tables {
			if cells += len(t.rows.texts) * len(t.cols.texts); cells > maxCells {
				return fmt.Errorf("%s: more than %d cells; %s has %d rows and %d columns (values of /impl=)", file, maxCells, t.title, len(t.rows.texts), len(t.cols.texts))
			}
		}
	}
	return nil
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
		if t.add(r.name, r.line, v.x) {
			c.cells++
		}
		if c.cells > maxCells {
			return fmt.Errorf("more than %d benchmarks and units; split the file", maxCells)
		}
		t.needed = t.needed || v.unit != "sec/op" || !rated // rates imply seconds
	}
	return nil
}

// add adds x to its cell and reports whether the cell is new.
func (t *table) add(n name, line int, x float64) (fresh bool) {
	t.rows.add(n.rest)
	t.cols.add(n.impl)
	t.names[n.rest] = n
	p := place{n.rest, n.impl}
	c := t.cells[p]
	if fresh = c == nil; fresh {
		c = new(cell)
		t.cells[p] = c
	}
	if math.IsNaN(x) || math.IsInf(x, 0) || x <= 0 && positive(t.unit) {
		c.bad = append(c.bad, fault{line, x})
	} else {
		c.values = append(c.values, x)
	}
	return fresh
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

// render returns the tables of a raw file as Markdown.
func render(file string, bases []string) ([]byte, error) {
	text, err := load(file)
	if err != nil {
		return nil, err
	}
	r, err := collect(filepath.ToSlash(file), text)
	if err != nil {
		return nil, err
	}
	return r.markdown(filepath.Base(file), bases), nil
}

// markdown returns the tables of r, which was read from file.
func (r *report) markdown(file string, bases []string) []byte {
	var body bytes.Buffer
	var notes notes
	for _, m := range r.machines {
		body.WriteString("\n")
		for _, line := range m.config {
			fmt.Fprintf(&body, "- %s: %s\n", line[0], line[1])
		}
		for _, t := range m.tables {
			if !t.needed {
				continue
			}
			fmt.Fprintf(&body, "\n## %s\n\n", m.heading(t, r.units))
			if t.unit == "peak-FLOP/s" {
				t.writePeak(&body, file)
			} else {
				t.write(&body, m, bases, file, &notes)
			}
		}
	}
	var md bytes.Buffer
	fmt.Fprintf(&md, "%s from %s. -->\n\n# %s\n\n", madeBy, file, strings.TrimSuffix(file, ".txt"))
	fmt.Fprintf(&md, "Medians with their %.0f %% confidence intervals.", 100*confidence)
	if notes.products {
		md.WriteString(" Products are m×k×n; N is as stored, T transposed.")
	}
	md.WriteString("\n")
	if notes.ratios {
		fmt.Fprintf(&md, "~: no significant difference (Mann-Whitney U test, α = %g).\n", benchmath.DefaultThresholds.CompareAlpha)
	}
	if notes.few {
		fmt.Fprintf(&md, "±∞: too few values; an interval needs %d, a significant difference %d on either side.\n", leastRounds, leastTest)
	}
	md.Write(body.Bytes())
	return md.Bytes()
}

// A notes says which lines of the legend a report needs.
type notes struct{ products, ratios, few bool }

// heading returns the heading of t: "Gemm f32, FLOP/s on one core".
func (m *machine) heading(t *table, units benchfmt.UnitMetadataMap) string {
	where := ""
	if m.get("threads") == "1" {
		where = " on one core"
	}
	title := ""
	if t.title != "" {
		title = escape(t.title) + ", "
	}
	switch t.unit {
	case "peak-share":
		return title + "share of one core's peak"
	case "peak-FLOP/s":
		return title + "peak of one core, FLOP/s"
	case "FLOP/s", "B/s":
		return title + t.unit + where
	}
	title += escape(t.unit)
	if units.GetBetter(t.unit) < 0 {
		title += " (less is better)"
	}
	return title
}

// escape escapes characters that would end a cell.
func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// labels returns a short label for each row, or the whole names if two short labels would
// be equal.
func (t *table) labels() map[string]string {
	labels, seen := map[string]string{}, map[string]bool{}
	for _, r := range t.rows.texts {
		l := t.names[r].label()
		if seen[l] {
			for _, r := range t.rows.texts {
				labels[r] = escape(r)
			}
			return labels
		}
		labels[r], seen[l] = escape(l), true
	}
	return labels
}

// write writes the medians of t and, if t has a base, the ratio of each column to the base.
func (t *table) write(w io.Writer, m *machine, bases []string, file string, notes *notes) {
	base, ok := t.base(bases)
	ok = ok && t.unit != "peak-share"
	notes.ratios = notes.ratios || ok
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

	head, rule := []string{""}, []string{"---"}
	for _, c := range t.cols.texts {
		text := escape(c) + weakness(c, m.get(c)).note()
		if c == "" {
			text = "median"
		}
		head, rule = append(head, text), append(rule, "---:")
	}
	if ok {
		for _, c := range t.cols.texts {
			if c != base {
				head, rule = append(head, escape(c)+" / "+escape(base)), append(rule, "---:")
			}
		}
	}
	line(head)
	line(rule)

	labels := t.labels()
	ratios, gaps := map[string][]float64{}, map[string]bool{}
	var bad []fault
	for _, r := range t.rows.texts {
		notes.products = notes.products || strings.Contains(r, "/op=")
		cells := []string{labels[r]}
		for _, c := range t.cols.texts {
			cell := t.cells[place{r, c}]
			if cell != nil {
				bad = append(bad, cell.bad...)
				notes.few = notes.few || len(cell.bad) == 0 && len(cell.values) < leastRounds
			}
			cells = append(cells, cell.format(t.unit))
		}
		for _, c := range t.cols.texts {
			if !ok || c == base {
				continue
			}
			ours, theirs := t.cells[place{r, c}], t.cells[place{r, base}]
			if ours == nil || theirs == nil {
				gaps[c] = true // a mean over some of the rows would mislead
				cells = append(cells, "")
				continue
			}
			text, ratio := compare(ours, theirs)
			if ratio > 0 {
				ratios[c] = append(ratios[c], ratio)
			}
			cells = append(cells, text)
		}
		line(cells)
	}
	if ok && len(t.rows.texts) > 1 {
		cells := append([]string{"geometric mean"}, make([]string, len(t.cols.texts))...)
		for _, c := range t.cols.texts {
			if c == base {
				continue
			}
			text := ""
			if !gaps[c] && len(ratios[c]) > 0 {
				text = fmt.Sprintf("**%.2f**", geomean(ratios[c]))
				if n := len(ratios[c]); n < len(t.rows.texts) {
					text += fmt.Sprintf(" (%d of %d rows)", n, len(t.rows.texts))
				}
			}
			cells = append(cells, text)
		}
		line(cells)
	}
	writeBad(w, file, bad)
}

// writeBad writes a line that locates the values in cells that are marked with "!".
func writeBad(w io.Writer, file string, bad []fault) {
	if len(bad) == 0 {
		return
	}
	var lines []string
	for _, f := range bad[:min(3, len(bad))] {
		lines = append(lines, fmt.Sprintf("%s:%d (%v)", file, f.line, f.x))
	}
	if n := len(bad) - len(lines); n > 0 {
		lines = append(lines, fmt.Sprintf("%d more", n))
	}
	fmt.Fprintf(w, "\n!: the value cannot be averaged: %s. Such cells are not compared, and means omit their rows.\n", strings.Join(lines, ", "))
}

// compare returns the ratio of two medians as text and as a number. The number is 0 if the
// ratio is undefined. The text marks a ratio that does not differ significantly from 1.
func compare(ours, theirs *cell) (string, float64) {
	if len(ours.bad) > 0 || len(theirs.bad) > 0 {
		return "", 0
	}
	ratio := median(ours.values).Center / median(theirs.values).Center
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return "?", 0
	}
	mark := ""
	if cmp := benchmath.AssumeNothing.Compare(sample(ours.values), sample(theirs.values)); cmp.P > cmp.Alpha {
		mark = " ~"
	}
	return fmt.Sprintf("%.2f%s", ratio, mark), ratio
}

// writePeak writes t as one line, because the peak does not depend on the row.
func (t *table) writePeak(w io.Writer, file string) {
	var bad []fault
	io.WriteString(w, "Multiply-adds in registers; shares of the peak refer to this rate:")
	for _, c := range t.cols.texts {
		var all cell
		for _, r := range t.rows.texts {
			if cell := t.cells[place{r, c}]; cell != nil {
				all.values = append(all.values, cell.values...)
				all.bad = append(all.bad, cell.bad...)
			}
		}
		bad = append(bad, all.bad...)
		fmt.Fprintf(w, " %s %s", c, all.format(t.unit))
	}
	io.WriteString(w, ".\n")
	writeBad(w, file, bad)
}

// base returns the first of names that is a column of t. It reports false if t has no such
// column or only one column.
func (t *table) base(names []string) (string, bool) {
	for _, name := range names {
		if t.cols.seen[name] && name != "" && len(t.cols.texts) > 1 {
			return name, true
		}
	}
	return "", false
}

// format returns the median of a cell in its unit, or the first value that cannot be
// averaged.
func (c *cell) format(unit string) string {
	switch {
	case c == nil:
		return ""
	case len(c.bad) > 0:
		return fmt.Sprintf("%v !", c.bad[0].x)
	case unit == "peak-share":
		m := median(c.values)
		return fmt.Sprintf("%.3f ±%s", m.Center, m.PctRangeString())
	}
	class := benchunit.ClassOf(unit)
	if isRate(unit) {
		class = benchunit.Decimal // 1 MB/s is 10⁶ B/s
	}
	return summary(c.values, class)
}
