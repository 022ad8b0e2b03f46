package results

import (
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// severalSeeds returns settings with three seeds: two that are tied, one that is worse, one that was stopped and one
// that diverged. A further setting has one seed.
func severalSeeds() []Record {
	records := append(seeds(1e-3, 0.504, 0.512, 0.495), seeds(2e-3, 0.506, 0.503, 0.496)...)
	records = append(records, seeds(1e-4, 0.283, 0.290, 0.271)...)
	records = append(records, seeds(3e-3, 0.489)...)
	for i, r := range seeds(1e-5, 0.2, 0.2, 0.2) {
		if r.Rungs = rungs([]float64{0.1, 0.12}); i > 0 {
			r = stoppedAt(r, 0.11)
		}
		records = append(records, r)
	}
	for i, r := range seeds(0.5, 0.2, 0.2, 0.2) {
		if i == 1 {
			r = ended(r, Diverged)
		}
		records = append(records, r)
	}
	return records
}

func TestSummaryText(t *testing.T) {
	checkTable(t, func(w io.Writer) error { return NewTable(severalSeeds()).Summary().WriteText(w, 80, 0) })
}

func TestSummaryTextDone(t *testing.T) {
	checkTable(t, func(w io.Writer) error { return NewTable(severalSeeds()[:9]).Summary().WriteText(w, 80, 2) })
}

func TestSummaryMarkdown(t *testing.T) {
	checkTable(t, NewTable(severalSeeds()).Summary().WriteMarkdown)
}

func TestSummaryCSV(t *testing.T) {
	checkTable(t, NewTable(severalSeeds()).Summary().WriteCSV)
}

// TestSummaryOfFunction checks that figures of any size have significant digits.
func TestSummaryOfFunction(t *testing.T) {
	var records []Record
	for i, v := range []float64{2.5e-7, 2.75e-7, 123456.25, 123458.75} {
		r := Record{State: Done, Config: Config{Objective: "f", Minimize: true, Seed: uint32(i % 2), Params: Params{{Name: "x", Number: float64(i / 2)}}}}
		r.Accuracy.FinalVal, r.Key = new(v), r.Config.Key()
		records = append(records, r)
	}
	var b strings.Builder
	if err := NewTable(records).Summary().WriteText(&b, 120, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.625e-07 ± 1.59e-07", "2.5e-07", "2.75e-07", "123458 ± 15.9", "+1.23e+05 ± 15.9"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %s:\n%s", want, b.String())
		}
	}
}

// TestSummaryByLower checks that the rank and the leader depend on the figure.
func TestSummaryByLower(t *testing.T) {
	records := append(seeds(1, 0.4, 0.9), seeds(2, 0.5, 0.51)...)
	for by, want := range map[Order]string{ByMean: "1", ByLower: "2"} {
		var b strings.Builder
		table := NewTableBy(records, by)
		if err := table.Summary().WriteText(&b, 80, 0); err != nil {
			t.Fatal(err)
		}
		if first := strings.Fields(strings.Split(b.String(), "\n")[1])[0]; first != want {
			t.Errorf("by %s: the first has lr %s, want %s", by, first, want)
		}
		// All seeds of the first setting, and only these, show their test accuracy.
		b.Reset()
		if err := table.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			cells := map[string]string{}
			for i, name := range rows[0] {
				cells[name] = row[i]
			}
			if tested := cells["test"] != ""; tested != (cells["lr"] == want) {
				t.Errorf("by %s: lr %s, seed %s, test %q", by, cells["lr"], cells["seed"], cells["test"])
			}
		}
	}
}

// TestNoSummary checks that a table without several seeds of one setting has no summary.
func TestNoSummary(t *testing.T) {
	for name, records := range map[string][]Record{"none": nil, "one seed": grid(), "each another seed": {trial(0), withSeed(point(1, 1, Done, 0.3), 1)}} {
		if NewTable(records).Summary() != nil {
			t.Errorf("%s: there is a summary", name)
		}
	}
}

// TestSummaryWidth checks that lines fit 80 columns, whatever varies.
func TestSummaryWidth(t *testing.T) {
	records := severalSeeds()
	for i := range records {
		c := &records[i].Config
		c.Batch, c.Std, c.Decay, c.Mu, c.Rule, c.DType = 100*int(1e4*c.LR), c.LR/3, c.LR/7, c.LR/9, "momentum", "f64"
		if c.LR == 1e-3 {
			c.Rule, c.Hidden = "nesterov", []int{1000, 1000}
		}
		records[i].Key = c.Key()
	}
	var b strings.Builder
	if err := NewTable(records).Summary().WriteText(&b, 80, 0); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestSummaryRanked checks that the figure by which settings are ranked stays if the table is narrow, and that the
// paragraph about the columns explains only those that are shown.
func TestSummaryRanked(t *testing.T) {
	for by, want := range map[Order]string{ByMean: "val", ByBest: "val best", ByLower: "val"} {
		s := NewTableBy(severalSeeds()[:9], by).Summary()
		var b strings.Builder
		if err := s.WriteText(&b, 22, 0); err != nil {
			t.Fatal(err)
		}
		if head, _, _ := strings.Cut(b.String(), "\n"); strings.Join(strings.Fields(head), " ") != want {
			t.Errorf("by %s: the head is %q, want %s", by, head, want)
		}
	}
	s := NewTable(severalSeeds()[:9]).Summary()
	for width, want := range map[int][2]bool{100: {true, true}, 36: {false, true}, 24: {false, false}} {
		legend := strings.Join(s.Legend(width, 0), " ")
		if got := [2]bool{strings.Contains(legend, "diff is"), strings.Contains(legend, "tied")}; got != want || !strings.HasPrefix(legend, "val is ") {
			t.Errorf("width %d: %q", width, legend)
		}
	}
}

func TestSummaryOrder(t *testing.T) {
	sameInAnyOrder(t, severalSeeds(), func(table *Table) []func(io.Writer) error {
		return []func(io.Writer) error{table.Summary().WriteMarkdown, table.Summary().WriteCSV}
	})
}

// TestNoise checks the line about one seed. Half of Wilson's interval of 504 of 1,000 is 0.0309.
func TestNoise(t *testing.T) {
	const line = "With one seed, differences of val below about ±0.031 are noise."
	if notes := NewTable(grid()[:2]).Notes(); len(notes) != 1 || notes[0] != line {
		t.Errorf("%q, want %q", notes, line)
	}
	for name, records := range map[string][]Record{"one trial": grid()[:1], "one trained to the end": {grid()[0], grid()[5]}, "none": nil} {
		if notes := NewTable(records).Notes(); notes != nil {
			t.Errorf("%s: %q", name, notes)
		}
	}
}
