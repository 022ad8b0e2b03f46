package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/results/where"
)

// A selection are the flags that select rows and columns of a table.
type selection struct {
	where, sort, columns string
	top                  int // rows to show; 0 for all, and -1 for as many as the format has by default
	json, csv            bool
	color                string
}

// show prints trials on record.
func show(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s := selection{top: -1}
	var page page
	fs := cli.NewFlags("show")
	fs.Func("where", "", text(&s.where))
	fs.Func("sort", "", text(&s.sort))
	fs.Func("columns", "", text(&s.columns))
	fs.Func("top", "", whole(&s.top, 0, math.MaxInt, "give a number of rows, or 0 for all"))
	colorFlag(fs, &s.color)
	fs.BoolVar(&s.json, "json", false, "")
	fs.BoolVar(&s.csv, "csv", false, "")
	fs.Func("trial", "", text(&page.key))
	fs.Func("o", "`folder`", text(&page.dir))
	page.data.loadFlags(fs)
	names, err := parseNames(fs, args)
	if err != nil {
		return err
	}
	switch {
	case s.json && s.csv:
		return badInput{errors.New("-json and -csv are two formats; give one of them")}
	case page.key == "" && (page.dir != "" || page.data != dataChoice{}):
		return badInput{errors.New("-o, -data, -labels and -resize are for one trial; give -trial KEY, too")}
	case page.key != "" && (s.where != "" || s.sort != "" || s.top >= 0):
		return badInput{errors.New("-trial shows one trial; omit -where, -sort and -top")}
	}
	collectFor(0) // nearly all of the memory is records, and garbage of the same size is affordable
	table, err := readTable(names, stderr)
	if err != nil {
		return err
	}
	if page.key == "" {
		return s.show(stdout, table)
	}
	row, err := table.find(page.key)
	if err != nil {
		return err
	}
	if s.json || s.csv || s.columns != "" {
		return s.write(stdout, table, []int{row})
	}
	return page.show(ctx, stdout, stderr, table, row)
}

func (s *selection) show(stdout io.Writer, table *sweepTable) error {
	rows, err := s.rows(table)
	if err != nil {
		return err
	}
	return s.write(stdout, table, rows)
}

// rows returns the rows to show, in order.
func (s *selection) rows(table *sweepTable) ([]int, error) {
	columns := table.columns(table.Table)
	rows, err := rowsWhere(s.where, columns, table.Len())
	if err == nil && s.sort != "" {
		err = sortRows(rows, s.sort, columns)
	}
	return rows, err
}

// rowsWhere returns those of n rows that fit a condition.
func rowsWhere(text string, columns []results.Column, n int) (rows []int, err error) {
	matches, err := condition(text, columns)
	if err != nil {
		return nil, err
	}
	for row := range n {
		if matches(row) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// implied has the values of columns whose default records omit.
var implied = map[string]string{"rule": "sgd", "division": "floor"}

// condition returns a function that reports whether a condition holds for a row. An empty condition always holds.
func condition(text string, columns []results.Column) (func(row int) bool, error) {
	if text == "" {
		return func(int) bool { return true }, nil
	}
	kinds := make([]where.Column, len(columns))
	for i, c := range columns {
		kinds[i] = where.Column{Name: c.Name, Kind: where.Number}
		if c.Kind == results.Text {
			kinds[i].Kind = where.Text
		}
	}
	parsed, err := where.Parse(text, kinds)
	if bad, ok := errors.AsType[*where.Error](err); ok {
		if bad.Column != "" {
			bad.Why += "; sweep help show lists the columns"
		}
		return nil, badInput{fmt.Errorf("-where: %w", err)}
	}
	return func(row int) bool {
		return parsed.Match(func(column int) where.Value { return valueOf(&columns[column], row) })
	}, nil
}

// valueOf returns a value for a condition.
func valueOf(c *results.Column, row int) where.Value {
	if c.Kind != results.Text {
		if x, ok := c.Number(row); ok {
			return where.Value{Kind: where.Number, Number: x}
		}
		return where.Value{}
	}
	text, ok := c.Text(row)
	if !ok {
		text, ok = implied[c.Name]
	}
	if !ok {
		return where.Value{}
	}
	return where.Value{Kind: where.Text, Text: text}
}

// write writes rows of a table in the format of the selection.
func (s *selection) write(stdout io.Writer, table *sweepTable, rows []int) error {
	found := len(rows)
	if s.top > 0 && (s.json || s.csv) {
		rows = rows[:min(s.top, found)]
	}
	selected := table.Select(rows)
	columns := table.columns(selected)
	if s.columns != "" {
		var err error
		if columns, err = named(columns, s.columns, "-columns"); err != nil {
			return err
		}
	}
	if table.Len() == 0 && !s.json && !s.csv {
		_, err := fmt.Fprintf(stdout, "no trials on record in %s\n", strings.Join(table.dirs, ", "))
		return err
	}
	switch {
	case s.json:
		return results.WriteJSONL(stdout, selected.Len(), columns)
	case s.csv:
		return results.WriteCSV(stdout, selected.Len(), columns)
	}
	return s.text(stdout, table, selected, columns, found)
}

// text writes the table for people.
func (s *selection) text(stdout io.Writer, table *sweepTable, selected *results.Table, columns []results.Column, found int) error {
	screen := terminalOf(stdout, s.color)
	var b, text bytes.Buffer
	if found > 0 {
		fmt.Fprintf(&b, "%s\n\n", wrap(selected.Caption(), screen.width))
		top := s.top
		if top < 0 {
			top = 20
		}
		if s.columns != "" {
			selected.WriteColumns(&text, columns, top)
		} else {
			first := columns[:len(columns)-len(selected.Columns())] // the column out, or none
			selected.WriteTextWith(&text, first, screen.width, top)
		}
		b.WriteString(screen.marked(text.String(), selected, top))
	}
	if s.where != "" {
		fmt.Fprintf(&b, "\n%d of %s\n", found, say.Plural(table.Len(), "trial"))
	}
	_, err := stdout.Write(b.Bytes())
	return err
}

// named returns the columns that a flag lists.
func named(columns []results.Column, list, flag string) ([]results.Column, error) {
	var all []results.Column
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(columns, func(c results.Column) bool { return c.Name == name })
		if i < 0 {
			var known []string
			for _, c := range columns {
				known = append(known, c.Name)
			}
			return nil, badInput{fmt.Errorf("%s %s: there is no column %q%s; sweep help show lists the columns", flag, list, name, cli.DidYouMean(name, known))}
		}
		all = append(all, columns[i])
	}
	return all, nil
}

// sortRows sorts rows by columns. A hyphen before the name of a column puts its largest values first. Missing values
// come last.
func sortRows(rows []int, list string, columns []results.Column) error {
	names := strings.Split(list, ",")
	signs := make([]int, len(names))
	for i, name := range names {
		signs[i] = 1
		if bare, ok := strings.CutPrefix(name, "-"); ok {
			names[i], signs[i] = bare, -1
		}
	}
	by, err := named(columns, strings.Join(names, ","), "-sort")
	if err != nil {
		return err
	}
	type line struct {
		row    int
		values []where.Value
	}
	lines := make([]line, len(rows))
	for i, row := range rows {
		lines[i] = line{row, make([]where.Value, len(by))}
		for j := range by {
			lines[i].values[j] = valueOf(&by[j], row)
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		for i := range by {
			v, w := a.values[i], b.values[i]
			if c := cmp.Compare(order(v.Kind), order(w.Kind)); c != 0 {
				return c
			}
			if c := cmp.Or(cmp.Compare(v.Number, w.Number), natural(v.Text, w.Text)); c != 0 {
				return signs[i] * c
			}
		}
		return 0
	})
	for i := range rows {
		rows[i] = lines[i].row
	}
	return nil
}

// order returns the place of values of a kind: those that are missing come last.
func order(k where.Kind) int {
	if k == where.Missing {
		return 1
	}
	return 0
}

// natural compares texts. Whole numbers in them are compared by value, so 50 is before 100x100.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := leading(a), leading(b)
		if x == "" || y == "" {
			if c := cmp.Compare(a[0], b[0]); c != 0 {
				return c
			}
			a, b = a[1:], b[1:]
			continue
		}
		m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if c := cmp.Or(cmp.Compare(len(m), len(n)), strings.Compare(m, n), cmp.Compare(len(x), len(y))); c != 0 {
			return c
		}
		a, b = a[len(x):], b[len(y):]
	}
	return cmp.Compare(len(a), len(b))
}

// leading returns the digits at the start of a text.
func leading(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }
