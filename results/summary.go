package results

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// A Summary is the table of the settings of records: one row for all trials that differ only in their seed.
type Summary struct {
	settings    []*Setting
	by          Order      // figure that ranks them
	differences []Interval // to the first setting, paired by seed
	first       *Table     // the first trials of the settings, for the fields that vary
	trials      *Table     // all trials
}

// newSummary returns the summary of a table, or nil if no setting has several seeds.
func newSummary(t *Table, by Order) *Summary {
	groups := bySetting(t.records)
	if len(groups) == len(t.records) {
		return nil
	}
	s := &Summary{settings: rankSettings(groups, by), by: by, trials: t}
	var first []*Record
	for _, each := range s.settings {
		first = append(first, each.Trials[0])
		s.differences = append(s.differences, each.Minus(s.settings[0]))
	}
	s.first = newTable(first)
	return s
}

// Len returns the number of settings.
func (s *Summary) Len() int { return len(s.settings) }

// Settings returns the settings in the order of the table.
func (s *Summary) Settings() []*Setting { return s.settings }

// Caption returns the values that all settings share.
func (s *Summary) Caption() string { return s.first.caption("seed") }

// WriteText writes the summary without its caption. The arguments are those of [Table.WriteText].
func (s *Summary) WriteText(w io.Writer, width, rows int) error {
	return writeText(w, s.columns(), s.Len(), width, rows)
}

// WriteMarkdown writes the caption, the summary with all rows and columns, and the notes.
func (s *Summary) WriteMarkdown(w io.Writer) error {
	return writeMarkdown(w, s.Caption(), s.columns(), s.Len(), append(s.Legend(math.MaxInt, 1), s.Notes()...))
}

// Legend returns a paragraph that explains the columns that [Summary.WriteText] shows with the same limits.
func (s *Summary) Legend(width, rows int) []string {
	cols, _ := fit(s.columns(), limited(s.Len(), rows), width)
	shown := func(name string) bool {
		return slices.ContainsFunc(cols, func(c printed) bool { return c.name == name })
	}
	text := "val is the mean over the seeds ± its 95% interval."
	if shown("diff") {
		text += " diff is the mean difference to the first row, paired by seed."
	}
	switch {
	case shown("diff") && shown("tied"):
		text += " A row is tied with the first if the interval of diff holds 0."
	case shown("tied"):
		text += " A row is tied with the first if the 95% interval of their mean difference, paired by seed, holds 0."
	}
	return []string{text}
}

// Notes returns sentences about the settings: the test accuracy of the first one, and the importance of the axes.
func (s *Summary) Notes() []string { return append(s.tested(), s.trials.importance()...) }

// tested returns a sentence with the test accuracy of the first setting. Functions have none.
func (s *Summary) tested() []string {
	tests := s.settings[0].Tests()
	switch {
	case s.first.others():
		return nil
	case tests.N == 0:
		return []string{"The best setting has no test accuracy, because not all of its trials trained to the end."}
	}
	return []string{fmt.Sprintf("test accuracy of the best setting: %s (%s)", accuracies.plusMinus(nil, tests, accuracies.value), countOf(tests.N, "seed"))}
}

func countOf(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// A style has the formats of figures for people.
type style struct{ value, half, difference string }

var (
	accuracies = style{"%.4f", "%.4f", "%+.4f"}
	values     = style{"%.6g", "%.3g", "%+.3g"} // of functions, which may have any size
)

// style returns the formats of the figures of a summary.
func (s *Summary) style() style {
	if s.first.others() {
		return values
	}
	return accuracies
}

// plusMinus appends a mean in the given format, and half of its interval if it has one.
func (f style) plusMinus(b []byte, i Interval, format string) []byte {
	if i.N == 0 {
		return append(b, '-')
	}
	b = fmt.Appendf(b, format, i.Mean)
	if i.N > 1 {
		b = fmt.Appendf(b, " ± "+f.half, i.Half)
	}
	return b
}

// columns returns the columns for people.
func (s *Summary) columns() []column {
	cols := slices.DeleteFunc(s.first.varying(), func(c column) bool { return c.name == "seed" })
	f := s.style()
	number := func(get func(*Setting) float64) func([]byte, int) []byte {
		return func(b []byte, row int) []byte {
			if s.settings[row].Val.N == 0 {
				return append(b, '-')
			}
			return fmt.Appendf(b, f.value, get(s.settings[row]))
		}
	}
	best := column{name: "best", cell: number((*Setting).Best), drop: dropRange}
	if s.by == ByBest {
		best.drop = 0
	}
	cols = append(cols,
		column{name: "val", cell: func(b []byte, row int) []byte { return f.plusMinus(b, s.settings[row].Val, f.value) }},
		column{name: "n", drop: dropCount, cell: func(b []byte, row int) []byte { return strconv.AppendInt(b, int64(s.settings[row].Val.N), 10) }},
		best,
		column{name: "worst", cell: number((*Setting).Worst), drop: dropRange},
		column{name: "diff", drop: dropDiff, cell: func(b []byte, row int) []byte {
			if row == 0 {
				return append(b, '-')
			}
			return f.plusMinus(b, s.differences[row], f.difference)
		}},
		column{name: "tied", drop: dropTied, cell: func(b []byte, row int) []byte { return append(b, s.tied(row)...) }},
	)
	if slices.ContainsFunc(s.settings, func(s *Setting) bool { return s.ends() != "done" }) {
		cols = append(cols, column{name: "state", left: true, cell: func(b []byte, row int) []byte { return append(b, s.settings[row].ends()...) }})
	}
	return cols
}

// tied says whether a setting is tied with the first: yes, no, or - if this is not known.
func (s *Summary) tied(row int) string {
	switch d := s.differences[row]; {
	case row == 0:
		return "best"
	case d.N < 2:
		return "-"
	case d.Holds(0):
		return "yes"
	}
	return "no"
}

// ends says how the trials of a setting ended, and the step of the accuracies if it is not the last.
func (s *Setting) ends() string {
	of := func(n int, state State) string {
		if n == len(s.Trials) {
			return string(state)
		}
		return fmt.Sprintf("%d of %d %s", n, len(s.Trials), state)
	}
	switch {
	case s.Diverged > 0:
		return of(s.Diverged, Diverged)
	case s.Stopped > 0:
		return fmt.Sprintf("%s, at %d", of(s.Stopped, Stopped), s.Step)
	case s.Failed > 0:
		return of(s.Failed, Failed)
	}
	return string(Done)
}

// WriteCSV writes every field and figure of the settings with all digits. Cells without a value are empty. The
// fields are those of [Table.WriteCSV] other than the seed.
func (s *Summary) WriteCSV(w io.Writer) error {
	cols := s.data()
	out := csv.NewWriter(w)
	cells := make([]string, len(cols))
	for row := -1; row < s.Len(); row++ {
		for i, c := range cols {
			if cells[i] = c.name; row >= 0 {
				cells[i] = string(c.cell(nil, row))
			}
		}
		_ = out.Write(cells) // an error of the writer remains, and Error returns it
	}
	out.Flush()
	return out.Error()
}

// data returns the columns for programs.
func (s *Summary) data() []column {
	count := func(name string, get func(s *Setting, row int) int) column {
		return column{name: name, cell: func(b []byte, row int) []byte { return strconv.AppendInt(b, int64(get(s.settings[row], row)), 10) }}
	}
	number := func(name string, n func(row int) int, least int, get func(row int) float64) column {
		return column{name: name, cell: func(b []byte, row int) []byte {
			if n(row) < least {
				return b
			}
			return appendExact(b, get(row))
		}}
	}
	interval := func(name string, get func(row int) Interval) []column {
		n := func(row int) int { return get(row).N }
		return []column{
			number(name, n, 1, func(row int) float64 { return get(row).Mean }),
			number(name+"_low", n, 2, func(row int) float64 { return get(row).Low() }),
			number(name+"_high", n, 2, func(row int) float64 { return get(row).High() }),
		}
	}
	val := func(row int) Interval { return s.settings[row].Val }
	n := func(row int) int { return val(row).N }
	cols := []column{count("rank", func(_ *Setting, row int) int { return row + 1 })}
	for _, f := range s.first.fields {
		if f.name != "seed" {
			cols = append(cols, column{name: f.name, cell: func(b []byte, row int) []byte { return f.value(b, &s.first.records[row].Config) }})
		}
	}
	cols = append(cols,
		count("seeds", func(s *Setting, _ int) int { return len(s.Trials) }),
		count("stopped", func(s *Setting, _ int) int { return s.Stopped }),
		count("diverged", func(s *Setting, _ int) int { return s.Diverged }),
		count("failed", func(s *Setting, _ int) int { return s.Failed }),
		number("step", func(row int) int { return s.settings[row].Step }, 1, func(row int) float64 { return float64(s.settings[row].Step) }),
		count("n", func(s *Setting, _ int) int { return s.Val.N }))
	cols = append(cols, interval("val", val)...)
	cols = append(cols,
		number("best", n, 1, func(row int) float64 { return s.settings[row].Best() }),
		number("worst", n, 1, func(row int) float64 { return s.settings[row].Worst() }),
		count("pairs", func(_ *Setting, row int) int { return s.differences[row].N }))
	cols = append(cols, interval("diff", func(row int) Interval { return s.differences[row] })...)
	cols = append(cols, column{name: "tied", cell: func(b []byte, row int) []byte {
		if row == 0 || s.differences[row].N < 2 {
			return b
		}
		return append(b, s.tied(row)...)
	}})
	return append(cols, interval("test", func(row int) Interval {
		if row > 0 { // settings must not be chosen by their test accuracy
			return Interval{}
		}
		return s.settings[0].Tests()
	})...)
}
