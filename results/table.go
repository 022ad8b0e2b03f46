package results

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Table shows trials in the order of [Rank]. It depends only on the records, and not on their order.
type Table struct {
	records []*Record     // ranked
	vary    []configField // fields with a column: lr, reg and all fields that differ
}

// NewTable returns the table of records. The table refers to records, which must not change while the
// table is in use.
func NewTable(records []Record) *Table { return newTable(inOrder(records)) }

// newTable returns a table that shows records in the given order.
func newTable(records []*Record) *Table {
	t := &Table{records: records}
	var first, value []byte
	for _, f := range configFields {
		differs := func(r *Record) bool {
			value = f.value(value[:0], &r.Config)
			return !bytes.Equal(value, first)
		}
		if len(records) > 0 {
			first = f.value(first[:0], &records[0].Config)
		}
		if f.name == "lr" || f.name == "reg" || slices.ContainsFunc(records, differs) {
			t.vary = append(t.vary, f)
		}
	}
	return t
}

// Len returns the number of trials.
func (t *Table) Len() int { return len(t.records) }

// Best returns the first trial. It reports false if that trial did not train to the end.
func (t *Table) Best() (*Record, bool) {
	if len(t.records) == 0 || t.records[0].State != Done {
		return nil, false
	}
	return t.records[0], true
}

// Caption returns the values that all trials share.
func (t *Table) Caption() string {
	if len(t.records) == 0 {
		return "no trials"
	}
	r := t.records[0]
	var parts []string
	for _, f := range configFields {
		if slices.ContainsFunc(t.vary, func(v configField) bool { return v.name == f.name }) {
			continue
		}
		value := string(f.value(nil, &r.Config))
		if f.number != nil && value != "" {
			value = strconv.FormatFloat(f.number(&r.Config), 'g', fewDigits, 64)
		}
		switch f.name {
		case "data":
			parts = append(parts, fmt.Sprintf("%s (%.8s)", r.DataName, value))
		case "net", "dtype":
			parts = append(parts, value)
		case "split":
		case "order", "rule", "mu", "division":
			if value != "" {
				parts = append(parts, f.name+" "+value)
			}
		default:
			parts = append(parts, f.name+" "+value)
		}
	}
	return strings.Join(parts, ", ")
}

// WriteText writes the table without its caption, in lines of at most width characters. The
// argument rows is the maximum number of rows; 0 means all. If rows or columns are omitted, lines
// at the end say so.
func (t *Table) WriteText(w io.Writer, width, rows int) error {
	return writeText(w, t.columns(), len(t.records), width, rows)
}

// WritePlan writes trials in the given order, with the fields that vary and the state of each
// trial. Trials without a state have the text "to train". The arguments width and rows are limits,
// as in [Table.WriteText].
func WritePlan(w io.Writer, trials []Record, width, rows int) error {
	t := newTable(pointers(trials))
	state := column{name: "state", left: true, cell: func(b []byte, row int) []byte {
		return append(b, cmp.Or(string(trials[row].State), "to train")...)
	}}
	return writeText(w, append(t.varying(), state), len(trials), width, rows)
}

func pointers(records []Record) []*Record {
	all := make([]*Record, len(records))
	for i := range records {
		all[i] = &records[i]
	}
	return all
}

func writeText(w io.Writer, columns []column, n, width, rows int) error {
	shown := n
	if rows > 0 {
		shown = min(shown, rows)
	}
	cols := make([]printed, len(columns))
	for i, c := range columns {
		cols[i].column = c
		for row := range shown {
			cols[i].cells = append(cols[i].cells, string(c.cell(nil, row)))
		}
	}
	var dropped []string
	for total(cols) > width {
		i := expendable(cols)
		if i < 0 {
			break
		}
		dropped = append(dropped, cols[i].name)
		cols = slices.Delete(cols, i, i+1)
	}
	var b strings.Builder
	line := func(cell func(c printed) string) {
		var s strings.Builder
		for i, c := range cols {
			if i > 0 {
				s.WriteString("  ")
			}
			pad := strings.Repeat(" ", wide(c)-utf8.RuneCountInString(cell(c)))
			if c.left {
				s.WriteString(cell(c) + pad)
			} else {
				s.WriteString(pad + cell(c))
			}
		}
		b.WriteString(strings.TrimRight(s.String(), " ") + "\n")
	}
	line(func(c printed) string { return c.name })
	for i := range shown {
		line(func(c printed) string { return c.cells[i] })
	}
	if n > shown {
		fmt.Fprintf(&b, "and %d more\n", n-shown)
	}
	if len(dropped) > 0 {
		slices.Reverse(dropped)
		fmt.Fprintf(&b, "no room for %s\n", strings.Join(dropped, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A printed is a column with the cells that are shown.
type printed struct {
	column
	cells []string
}

// expendable returns the column to omit next: the column with the highest drop, or the last field other
// than the learning rate. It returns −1 if no column may be omitted.
func expendable(cols []printed) int {
	worst := 0
	for i, c := range cols {
		if c.drop > cols[worst].drop {
			worst = i
		}
	}
	if cols[worst].drop > 0 {
		return worst
	}
	last := slices.IndexFunc(cols, func(c printed) bool { return c.name == "val" || c.name == "state" }) - 1
	if last < 1 {
		return -1
	}
	return last
}

// wide returns the width of a column.
func wide(c printed) int {
	n := utf8.RuneCountInString(c.name)
	for _, s := range c.cells {
		n = max(n, utf8.RuneCountInString(s))
	}
	return n
}

// total returns the width of a line.
func total(cols []printed) int {
	n := -2
	for _, c := range cols {
		n += 2 + wide(c)
	}
	return n
}

// WriteMarkdown writes the caption and the table, with all rows and columns.
func (t *Table) WriteMarkdown(w io.Writer) error {
	cols := t.columns()
	out := bufio.NewWriter(w)
	var b []byte
	line := func(cell func(b []byte, c column) []byte) {
		for _, c := range cols {
			b = cell(append(b[:0], "| "...), c)
			out.Write(append(b, ' '))
		}
		out.WriteString("|\n")
	}
	out.WriteString(t.Caption() + "\n\n")
	line(func(b []byte, c column) []byte { return append(b, c.name...) })
	line(func(b []byte, c column) []byte {
		if c.left {
			return append(b, "---"...)
		}
		return append(b, "---:"...)
	})
	for row := range t.records {
		line(func(b []byte, c column) []byte {
			return append(b, bytes.ReplaceAll(c.cell(nil, row), []byte("|"), []byte(`\|`))...)
		})
	}
	return out.Flush()
}
