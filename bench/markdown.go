package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchunit"
	"gonum.org/v1/gonum/stat"
)

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
	if notes.undefined {
		md.WriteString("?: the ratio of the medians is 0/0, or too large or too small for a number.\n")
	}
	md.Write(body.Bytes())
	return md.Bytes()
}

// A notes value says which lines of the legend a report needs.
type notes struct{ products, ratios, few, undefined bool }

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
		text := cmp.Or(escape(c), "median")
		if weak := weakness(c, m.get(c)).String(); weak != "" {
			text += " (" + weak + ")"
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
			notes.undefined = notes.undefined || text == "?"
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
				text = fmt.Sprintf("**%.2f**", stat.GeometricMean(ratios[c], nil))
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
	fmt.Fprintf(w, "\n!: the value cannot be averaged: %s. Such cells are not compared, and their rows are left out of means.\n", strings.Join(lines, ", "))
}

// compare returns the ratio of two medians as text and as a number. The number is 0 if the
// ratio is undefined. The text marks a ratio that does not differ significantly from 1.
func compare(ours, theirs *cell) (string, float64) {
	if len(ours.bad) > 0 || len(theirs.bad) > 0 {
		return "", 0
	}
	ratio := median(ours.values).Center / median(theirs.values).Center
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) || ratio == 0 { // 0 by underflow
		return "?", 0
	}
	mark := ""
	if test := benchmath.AssumeNothing.Compare(sample(ours.values), sample(theirs.values)); test.P > test.Alpha {
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
