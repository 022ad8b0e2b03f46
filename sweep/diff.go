package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search"
)

// A pair is a trial with a record in both folders that differ.
type pair struct {
	a, b    *results.Record
	bits    bool // the bits are the same
	figures []search.Difference
	state   bool // the states and steps are the same
}

// val returns the difference of the accuracies on the validation set. It is NaN if one of them is missing.
func (p *pair) val() float64 {
	v, w := p.a.Val(), p.b.Val()
	if v == nil || w == nil {
		return math.NaN()
	}
	return *w - *v
}

// weight returns how large the difference is. A missing accuracy counts as the largest.
func (p *pair) weight() float64 {
	switch d := p.val(); {
	case !math.IsNaN(d):
		return math.Abs(d)
	case (p.a.Val() == nil) != (p.b.Val() == nil):
		return math.Inf(1)
	}
	return 0
}

// what names what differs.
func (p *pair) what() string {
	var parts []string
	if !p.state {
		parts = append(parts, "state")
	}
	for _, f := range p.figures {
		parts = append(parts, f.Figure)
	}
	if len(parts) == 0 {
		parts = append(parts, "bits only")
	}
	return strings.Join(parts, ", ")
}

// A comparison is the outcome of diff.
type comparison struct {
	names      [2]string
	both, bits int               // trials in both, and those with the same bits
	pairs      []pair            // those that differ, largest difference first
	only       [2]*results.Table // trials in one folder
	figures    int               // pairs with other figures
}

// diff compares two folders.
func diff(_ context.Context, args []string, stdout, stderr io.Writer) error {
	top, asJSON := 20, false
	fs := cli.NewFlags("diff")
	fs.Func("top", "", whole(&top, 0, math.MaxInt, "give a number of rows, or 0 for all"))
	fs.BoolVar(&asJSON, "json", false, "")
	names, err := parseNames(fs, args)
	if err != nil {
		return err
	}
	if len(names) != 2 {
		return badInput{fmt.Errorf("diff compares two folders, not %d; write sweep diff A B", len(names))}
	}
	if err := different(names); err != nil {
		return err
	}
	var tables [2]*sweepTable
	for i := range tables {
		if tables[i], err = readTable(names[i:i+1], stderr); err != nil {
			return err
		}
	}
	c := compare(tables[0].Table, tables[1].Table)
	c.names = [2]string(names)
	write := c.text
	if asJSON {
		write = c.json
	}
	if err := write(stdout, top); err != nil {
		return err
	}
	if len(c.pairs) > 0 {
		return errShown
	}
	return nil
}

// compare compares two tables.
func compare(a, b *results.Table) *comparison {
	c := &comparison{}
	rows := map[string]*results.Record{}
	for row := range b.Len() {
		rows[b.Record(row).Key] = b.Record(row)
	}
	var only [2][]int
	for row := range a.Len() {
		r := a.Record(row)
		other, ok := rows[r.Key]
		if !ok {
			only[0] = append(only[0], row)
			continue
		}
		rows[r.Key] = nil
		c.add(r, other)
	}
	for row := range b.Len() {
		if rows[b.Record(row).Key] != nil {
			only[1] = append(only[1], row)
		}
	}
	c.only = [2]*results.Table{a.Select(only[0]), b.Select(only[1])}
	slices.SortStableFunc(c.pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(q.weight(), p.weight()), cmp.Compare(len(q.figures), len(p.figures)))
	})
	return c
}

// add adds a trial that is in both tables.
func (c *comparison) add(a, b *results.Record) {
	p := pair{a: a, b: b}
	p.bits = a.Weights == b.Weights && a.Losses == b.Losses
	p.state = a.State == b.State && a.Steps == b.Steps
	p.figures = search.Differences(*a, *b)
	c.both++
	if p.bits {
		c.bits++
	}
	if changed := len(p.figures) > 0 || !p.state; changed || !p.bits {
		c.pairs = append(c.pairs, p)
		if changed {
			c.figures++
		}
	}
}

// text writes the comparison for people.
func (c *comparison) text(stdout io.Writer, top int) error {
	screen := terminalOf(stdout, "never")
	var b, head bytes.Buffer
	fmt.Fprintf(&head, "%s in both, %d only in %s, %d only in %s\n", say.Plural(c.both, "trial"), c.only[0].Len(), c.names[0], c.only[1].Len(), c.names[1])
	if c.both > 0 {
		fmt.Fprintf(&head, "of those in both, %d have the same bits, and %d have other figures\n", c.bits, c.figures)
	}
	b.WriteString(fold(head.String(), screen.width))
	if len(c.pairs) > 0 {
		fmt.Fprintf(&b, "\nval in %s (A) and %s (B), and what differs:\n\n", c.names[0], c.names[1])
		c.table(&b, screen.width, top)
	}
	for i, only := range c.only {
		if only.Len() > 0 {
			fmt.Fprintf(&b, "\nonly in %s:\n%s\n\n", c.names[i], wrap(only.Caption(), screen.width))
			only.WriteText(&b, screen.width, top)
		}
	}
	_, err := stdout.Write(b.Bytes())
	return err
}

// table writes the pairs in lines of at most width columns, with the fields that vary as far as they fit.
func (c *comparison) table(b *bytes.Buffer, width, top int) {
	records := make([]results.Record, len(c.pairs))
	for i, p := range c.pairs {
		records[i] = *p.a
	}
	place := map[string]int{}
	for i, r := range records {
		place[r.Key] = i
	}
	ranked := results.NewTable(records)
	order := make([]int, ranked.Len())
	for row := range order {
		order[place[ranked.Record(row).Key]] = row
	}
	table := ranked.Select(order)
	varying := table.Varying()
	for n := len(varying); ; n-- {
		var text bytes.Buffer
		table.WriteColumns(&text, c.columns(table, varying[:n]), top)
		if n > 0 && widest(text.String()) > width {
			continue
		}
		b.Write(text.Bytes())
		if n < len(varying) {
			fmt.Fprintf(b, "no room for %s\n", strings.Join(varying[n:], ", "))
		}
		return
	}
}

func widest(text string) (n int) {
	for line := range strings.Lines(text) {
		n = max(n, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return n
}

// columns returns the key, some fields, and what is compared.
func (c *comparison) columns(table *results.Table, fields []string) []results.Column {
	var all []results.Column
	for _, col := range table.Columns() {
		if col.Name == "key" || slices.Contains(fields, col.Name) {
			all = append(all, col)
		}
	}
	val := func(name string, of func(p *pair) *float64, format byte) results.Column {
		return results.NewColumn(name, results.Text, func(b []byte, row int) []byte {
			if v := of(&c.pairs[row]); v != nil {
				return strconv.AppendFloat(b, *v, format, 4, 64)
			}
			return b
		})
	}
	return append(all,
		val("A", func(p *pair) *float64 { return p.a.Val() }, 'f'),
		val("B", func(p *pair) *float64 { return p.b.Val() }, 'f'),
		results.NewColumn("B-A", results.Text, func(b []byte, row int) []byte {
			if d := c.pairs[row].val(); !math.IsNaN(d) {
				return fmt.Appendf(b, "%+.4f", d)
			}
			return b
		}),
		results.NewColumn("differs", results.Text, func(b []byte, row int) []byte {
			return append(b, shorten(c.pairs[row].what(), 36)...)
		}),
	)
}

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// json writes the comparison as one JSON object.
func (c *comparison) json(stdout io.Writer, _ int) error {
	type figure struct {
		Figure string  `json:"figure"`
		A      float64 `json:"a"`
		B      float64 `json:"b"`
	}
	type difference struct {
		Key     string    `json:"key"`
		Bits    bool      `json:"same_bits"`
		States  [2]string `json:"states"`
		Steps   [2]int    `json:"steps"`
		Figures []figure  `json:"figures"`
	}
	object := struct {
		Version     int          `json:"version"`
		A           string       `json:"a"`
		B           string       `json:"b"`
		Both        int          `json:"both"`
		SameBits    int          `json:"same_bits"`
		Differences []difference `json:"differences"`
		OnlyA       []string     `json:"only_a"`
		OnlyB       []string     `json:"only_b"`
	}{1, c.names[0], c.names[1], c.both, c.bits, []difference{}, keys(c.only[0]), keys(c.only[1])}
	for _, p := range c.pairs {
		d := difference{p.a.Key, p.bits, [2]string{string(p.a.State), string(p.b.State)}, [2]int{p.a.Steps, p.b.Steps}, []figure{}}
		for _, f := range p.figures {
			d.Figures = append(d.Figures, figure(f))
		}
		object.Differences = append(object.Differences, d)
	}
	return json.NewEncoder(stdout).Encode(object)
}

// keys returns the keys of a table.
func keys(t *results.Table) []string {
	all := []string{}
	for row := range t.Len() {
		all = append(all, t.Record(row).Key)
	}
	return all
}
