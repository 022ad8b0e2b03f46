package results

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"fusegrid/internal/cli"
)

// A Table shows trials in the order of [Rank]. It depends only on the records, and not on their order.
type Table struct {
	records []*Record        // ranked, unless the table is a selection
	ranks   []int            // rank of each record, from 1; nil if it is the number of the row
	fields  []configField    // of the configurations
	vary    []configField    // fields with a column: lr, reg and all fields that differ
	summary *Summary         // nil if the seed does not vary
	tests   map[*Record]bool // the trials whose test accuracy is shown

	dividing sync.Once // sets the fields below, because several tables for people need them
	shares   Importance
	noShares error
}

// NewTable returns the table of records, with a summary by the means over the seeds. The table refers
// to records, which must not change while the table is in use.
func NewTable(records []Record) *Table { return NewTableBy(records, ByMean) }

// NewTableBy returns the table of records. Its summary ranks the settings by the given figure. The
// order of the trials does not depend on it.
func NewTableBy(records []Record, by Order) *Table { return NewTableOf(pointers(records), by) }

// NewTableOf is like [NewTableBy] for records that are not in one list. It is faster for many records, because it
// copies none.
func NewTableOf(records []*Record, by Order) *Table {
	t := newTable(inOrder(records))
	t.summary, t.tests = newSummary(t, by), map[*Record]bool{}
	if best, ok := t.Best(); ok && t.summary == nil {
		t.tests[best] = true
	}
	if t.summary != nil && t.summary.settings[0].Tests().N > 0 {
		for _, r := range t.summary.settings[0].Trials {
			t.tests[r] = true
		}
	}
	return t
}

// Summary returns the table of settings, or nil if no setting has several seeds.
func (t *Table) Summary() *Summary { return t.summary }

// newTable returns a table that shows records in the given order.
func newTable(records []*Record) *Table {
	t := &Table{records: records, fields: fieldsOf(records)}
	varies := make([]bool, len(t.fields))
	for i := range t.fields {
		varies[i] = t.fields[i].name == "lr" || t.fields[i].name == "reg"
	}
	for _, r := range records { // each once, because they may be many
		for i := range t.fields {
			varies[i] = varies[i] || !t.fields[i].equal(&records[0].Config, &r.Config)
		}
	}
	for i, f := range t.fields {
		if varies[i] {
			t.vary = append(t.vary, f)
		}
	}
	return t
}

// varies reports whether a field has several values.
func (t *Table) varies(f configField) bool {
	return slices.ContainsFunc(t.records, func(r *Record) bool { return !f.equal(&t.records[0].Config, &r.Config) })
}

// Len returns the number of trials.
func (t *Table) Len() int { return len(t.records) }

// Varying returns the names of the columns of the configuration that tables for people have: the learning rate,
// the regularization and all that differ.
func (t *Table) Varying() []string {
	var names []string
	for _, f := range t.vary {
		names = append(names, f.name)
	}
	return names
}

// Select returns a table of some rows, in the given order. The trials keep their ranks. So the selection
// shows the test accuracy of the same trials as t. It has no summary.
func (t *Table) Select(rows []int) *Table {
	records, ranks := make([]*Record, len(rows)), make([]int, len(rows))
	for i, row := range rows {
		records[i], ranks[i] = t.records[row], t.Rank(row)
	}
	selection := newTable(records)
	selection.ranks, selection.tests = ranks, t.tests
	return selection
}

// Rank returns the rank of the record in a row, from 1.
func (t *Table) Rank(row int) int {
	if t.ranks != nil {
		return t.ranks[row]
	}
	return row + 1
}

// Record returns the record of a row. It must not be changed.
func (t *Table) Record(row int) *Record { return t.records[row] }

// Best returns the first trial. It reports false if that trial did not train to the end.
func (t *Table) Best() (*Record, bool) {
	if len(t.records) == 0 || t.records[0].State != Done {
		return nil, false
	}
	return t.records[0], true
}

// Caption returns the values that all trials share.
func (t *Table) Caption() string { return t.caption("") }

// caption returns the values that all trials share, without the field except.
func (t *Table) caption(except string) string {
	if len(t.records) == 0 {
		return "no trials"
	}
	r := t.records[0]
	var parts []string
	for _, f := range t.fields {
		if f.name == except || slices.ContainsFunc(t.vary, func(v configField) bool { return v.name == f.name }) {
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
		case "minimize":
			if value != "" {
				parts = append(parts, "minimized")
			}
		case "split":
		case "order", "rule", "mu", "division", "partition", "norm", "pixels":
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
	return t.WriteTextWith(w, nil, width, rows)
}

// WriteTextWith is like [Table.WriteText] with more columns on the left, such as those of [NewColumn].
func (t *Table) WriteTextWith(w io.Writer, first []Column, width, rows int) error {
	usual := t.shown()
	var all []column
	for _, c := range first {
		all = append(all, t.brief(c, usual))
	}
	return writeText(w, append(all, usual...), len(t.records), width, rows)
}

// WriteColumns writes some columns of the table, like [Table.WriteText], and omits none. Cells have few digits,
// as there.
func (t *Table) WriteColumns(w io.Writer, columns []Column, rows int) error {
	usual := t.shown()
	all := make([]column, len(columns))
	for i, c := range columns {
		all[i] = t.brief(c, usual)
	}
	return writeText(w, all, len(t.records), math.MaxInt, rows)
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

// fit returns the columns for which there is room in width characters, with the first shown cells, and the names of
// the others.
func fit(columns []column, shown, width int) (cols []printed, dropped []string) {
	cols = make([]printed, len(columns))
	for i, c := range columns {
		cols[i].column = c
		for row := range shown {
			cols[i].cells = append(cols[i].cells, string(c.cell(nil, row)))
		}
	}
	for total(cols) > width {
		i := expendable(cols)
		if i < 0 {
			break
		}
		dropped = append(dropped, cols[i].name)
		cols = slices.Delete(cols, i, i+1)
	}
	slices.Reverse(dropped)
	return cols, dropped
}

// limited returns how many of n rows are shown.
func limited(n, rows int) int {
	if rows > 0 {
		return min(n, rows)
	}
	return n
}

func writeText(w io.Writer, columns []column, n, width, rows int) error {
	shown := limited(n, rows)
	cols, dropped := fit(columns, shown, width)
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
		for _, line := range cli.Fold(strings.Fields("no room for "+strings.Join(dropped, ", ")), width) {
			b.WriteString(line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A printed is a column with the cells that are shown.
type printed struct {
	column
	cells []string
}

// expendable returns the column to omit next: the last one of those with the highest drop. It returns −1 if no
// column may be omitted.
func expendable(cols []printed) int {
	worst, drop := -1, 1
	for i, c := range cols {
		if c.drop >= drop {
			worst, drop = i, c.drop
		}
	}
	return worst
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

// WriteMarkdown writes the caption, the table with all rows and columns, and the notes.
func (t *Table) WriteMarkdown(w io.Writer) error {
	return writeMarkdown(w, t.Caption(), t.shown(), len(t.records), t.Notes())
}

func writeMarkdown(w io.Writer, caption string, cols []column, rows int, notes []string) error {
	out := bufio.NewWriter(w)
	var b []byte
	line := func(cell func(b []byte, c column) []byte) {
		for _, c := range cols {
			b = cell(append(b[:0], "| "...), c)
			out.Write(append(b, ' '))
		}
		out.WriteString("|\n")
	}
	out.WriteString(caption + "\n\n")
	line(func(b []byte, c column) []byte { return append(b, c.name...) })
	line(func(b []byte, c column) []byte {
		if c.left {
			return append(b, "---"...)
		}
		return append(b, "---:"...)
	})
	for row := range rows {
		line(func(b []byte, c column) []byte {
			at := len(b)
			if b = c.cell(b, row); bytes.IndexByte(b[at:], '|') >= 0 {
				b = append(b[:at], bytes.ReplaceAll(b[at:], []byte("|"), []byte(`\|`))...)
			}
			return b
		})
	}
	for _, note := range notes {
		out.WriteString("\n" + note + "\n")
	}
	return out.Flush()
}

// Notes returns sentences about the accuracies. If the seed does not vary, they say which differences are
// noise; otherwise, they give the test accuracy of the best setting. The importance of the axes follows.
func (t *Table) Notes() []string {
	var notes []string
	if t.summary != nil {
		notes = append(notes, t.summary.tested()...)
	} else if noise := t.noise(); noise > 0 {
		notes = append(notes, fmt.Sprintf("With one seed, differences of val below about ±%.2g are noise.", noise))
	}
	return append(notes, t.importance()...)
}

// noise returns half of Wilson's interval of the best accuracy for the number of validation images. It
// returns 0 if there are no two trials to compare.
func (t *Table) noise() float64 {
	if len(t.records) < 2 || t.records[1].State != Done {
		return 0
	}
	best := t.records[0]
	if best.Val() == nil || best.Config.Split[1] == 0 {
		return 0
	}
	low, high := Wilson(*best.Val(), best.Config.Split[1])
	return (high - low) / 2
}
