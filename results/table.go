package results

import (
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Table shows trials in the order of [Rank]. It depends on nothing but the
// records, and not on their order.
type Table struct {
	Records []Record // ranked
	fields  [][]field
	vary    []int // indices of the fields that are columns: lr, reg and whatever differs
}

// NewTable ranks a copy of the records.
func NewTable(records []Record) *Table {
	ranked := slices.Clone(records)
	Rank(ranked)
	return newTable(ranked)
}

// newTable takes records in the order they are to be shown.
func newTable(records []Record) *Table {
	t := &Table{Records: records}
	for _, r := range t.Records {
		t.fields = append(t.fields, r.Config.fields())
	}
	for i, f := range (Config{}).fields() {
		differs := func(fs []field) bool { return fs[i] != t.fields[0][i] }
		if f.name == "lr" || f.name == "reg" || slices.ContainsFunc(t.fields, differs) {
			t.vary = append(t.vary, i)
		}
	}
	return t
}

// A column is a heading and the cell of each record.
type column struct {
	name  string
	cells []string
	left  bool // set flush left
	drop  int  // where there is no room: the highest goes first, 0 never
}

// Caption says what all trials have in common.
func (t *Table) Caption() string {
	if len(t.Records) == 0 {
		return "no trials"
	}
	r := &t.Records[0]
	var parts []string
	for i, f := range t.fields[0] {
		if slices.Contains(t.vary, i) {
			continue
		}
		switch f.name {
		case "data":
			parts = append(parts, fmt.Sprintf("%s (%.8s)", r.DataName, f.value))
		case "net", "dtype":
			parts = append(parts, f.value)
		case "split":
		case "order", "rule", "mu":
			if f.value != "" {
				parts = append(parts, f.name+" "+f.value)
			}
		default:
			parts = append(parts, f.name+" "+f.value)
		}
	}
	return strings.Join(parts, ", ")
}

// columns returns what people read: the fields that vary and the outcome.
func (t *Table) columns() []column {
	all := func(cell func(r *Record) string) []string {
		cells := make([]string, len(t.Records))
		for i := range t.Records {
			cells[i] = cell(&t.Records[i])
		}
		return cells
	}
	has := func(f func(r Record) bool) bool { return slices.ContainsFunc(t.Records, f) }
	cols := t.varying()
	cols = append(cols,
		column{name: "train", cells: all(func(r *Record) string { return share(r.Accuracy.Train) }), drop: 1},
		column{name: "val", cells: all(func(r *Record) string { return share(r.Accuracy.Val) })},
	)
	if has(func(r Record) bool { return r.Config.Net == "fc" }) {
		cols = append(cols, column{name: "best val", cells: all(func(r *Record) string { return share(r.Accuracy.BestVal) })})
	}
	cols = append(cols,
		column{name: "test", cells: t.tests(share)},
		column{name: "sec", cells: all(func(r *Record) string { return fmt.Sprintf("%.2f", r.Speed.Seconds) }), drop: 2},
		column{name: "samples/s", cells: all(func(r *Record) string { return fmt.Sprintf("%.0f", r.Speed.Samples) }), drop: 4},
		column{name: "GFLOP/s", cells: all(func(r *Record) string { return fmt.Sprintf("%.1f", r.Speed.FLOPs/1e9) }), drop: 3},
	)
	if has(func(r Record) bool { return r.State != Done }) {
		cols = append(cols, column{name: "state", left: true, cells: all(func(r *Record) string {
			if r.State == Diverged || r.State == Stopped {
				return fmt.Sprintf("%s at %d", r.State, r.Steps)
			}
			return string(r.State)
		})})
	}
	return cols
}

// varying returns the fields that vary.
func (t *Table) varying() []column {
	var cols []column
	for _, i := range t.vary {
		c := column{name: (Config{}).fields()[i].name}
		for n, fs := range t.fields {
			value := cmp.Or(fs[i].value, "-")
			if c.name == "data" {
				value = fmt.Sprintf("%s (%.8s)", t.Records[n].DataName, value)
			}
			c.cells = append(c.cells, value)
		}
		cols = append(cols, c)
	}
	return cols
}

// tests returns the test accuracies to show: that of the best trial alone, so
// that nobody chooses by it.
func (t *Table) tests(format func(*float64) string) []string {
	cells := make([]string, len(t.Records))
	if best, ok := Best(t.Records); ok {
		cells[0] = format(best.Accuracy.Test)
	}
	return cells
}

// share prints an accuracy as the assignment does.
func share(a *float64) string {
	if a == nil {
		return "-"
	}
	return fmt.Sprintf("%.4f", *a)
}

// WriteText writes at most rows rows (0 for all) in at most width columns, and
// says in a last line what had to be left out. The caption is not part of it.
func (t *Table) WriteText(w io.Writer, width, rows int) error {
	return writeText(w, t.columns(), len(t.Records), width, rows)
}

// WritePlan writes trials that need not have been trained yet, in the order given:
// the fields that vary, and the state of each. A state that is empty reads "to train".
// It takes as much room as WriteText.
func WritePlan(w io.Writer, trials []Record, width, rows int) error {
	t := newTable(trials)
	state := column{name: "state", left: true}
	for _, r := range trials {
		state.cells = append(state.cells, cmp.Or(string(r.State), "to train"))
	}
	return writeText(w, append(t.varying(), state), len(trials), width, rows)
}

func writeText(w io.Writer, cols []column, n, width, rows int) error {
	shown := n
	if rows > 0 {
		shown = min(shown, rows)
	}
	for i := range cols {
		cols[i].cells = cols[i].cells[:shown]
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
	line := func(cell func(c column) string) {
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
	line(func(c column) string { return c.name })
	for i := range shown {
		line(func(c column) string { return c.cells[i] })
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

// expendable returns the column to do without: the one with the highest drop, else
// the last field that is not the learning rate; or −1.
func expendable(cols []column) int {
	worst := 0
	for i, c := range cols {
		if c.drop > cols[worst].drop {
			worst = i
		}
	}
	if cols[worst].drop > 0 {
		return worst
	}
	last := slices.IndexFunc(cols, func(c column) bool { return c.name == "val" || c.name == "state" }) - 1
	if last < 1 {
		return -1
	}
	return last
}

// wide returns the width of a column.
func wide(c column) int {
	n := utf8.RuneCountInString(c.name)
	for _, s := range c.cells {
		n = max(n, utf8.RuneCountInString(s))
	}
	return n
}

// total returns the width of a line.
func total(cols []column) int {
	n := -2
	for _, c := range cols {
		n += 2 + wide(c)
	}
	return n
}

// WriteMarkdown writes the caption and the table, with all rows and columns.
func (t *Table) WriteMarkdown(w io.Writer) error {
	cols := t.columns()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", t.Caption())
	line := func(cell func(c column) string) {
		for _, c := range cols {
			b.WriteString("| " + strings.ReplaceAll(cell(c), "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	line(func(c column) string { return c.name })
	line(func(c column) string {
		if c.left {
			return "---"
		}
		return "---:"
	})
	for i := range t.Records {
		line(func(c column) string { return c.cells[i] })
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteCSV writes every field and figure with all its digits. Like the other
// tables it has the test accuracy of the best trial only.
func (t *Table) WriteCSV(w io.Writer) error { return t.writeCSV(w, true) }

func (t *Table) writeCSV(w io.Writer, timings bool) error {
	opt := func(x *float64) string {
		if x == nil {
			return ""
		}
		return exact(*x)
	}
	tests := t.tests(opt)
	cw := csv.NewWriter(w)
	head := []string{"rank", "key", "state", "steps"}
	for _, f := range (Config{}).fields() {
		head = append(head, f.name)
	}
	head = append(head, "train", "val", "best_val", "final_val", "test", "loss_first", "loss_last", "loss_min", "weights", "losses", "error")
	if timings {
		head = append(head, "data_name", "impl", "block", "block_seconds", "workers", "seconds", "samples_per_s", "iters_per_s", "flop_per_s", "cpu")
	}
	cw.Write(head)
	for i, r := range t.Records {
		row := []string{strconv.Itoa(i + 1), r.Key, string(r.State), strconv.Itoa(r.Steps)}
		for _, f := range t.fields[i] {
			row = append(row, f.value)
		}
		a, l, s := r.Accuracy, r.Loss, r.Speed
		row = append(row, opt(a.Train), opt(a.Val), opt(a.BestVal), opt(a.FinalVal), tests[i], opt(l.First), opt(l.Last), opt(l.Min), r.Weights, r.Losses, r.Error)
		if timings {
			row = append(row, r.DataName, r.Impl, strconv.Itoa(s.Block), exact(s.BlockSeconds), strconv.Itoa(s.Workers), exact(s.Seconds), exact(s.Samples), exact(s.Iters), exact(s.FLOPs), r.Machine.CPU)
		}
		cw.Write(row)
	}
	cw.Flush()
	return cw.Error()
}

// WriteJSONL writes the records, best first, one a line.
func (t *Table) WriteJSONL(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range t.Records {
		if err := enc.Encode(&t.Records[i]); err != nil {
			return err
		}
	}
	return nil
}

// Digest returns a hash of all that does not depend on when, where and how fast
// the trials ran. Equal sweeps have equal digests.
func (t *Table) Digest() string {
	h := sha256.New()
	// A hash takes all that is written to it.
	_ = t.writeCSV(h, false)
	return hex.EncodeToString(h.Sum(nil))
}
