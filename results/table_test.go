package results

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid/internal/golden"
)

// point returns a record of a grid over lr and reg.
func point(lr, reg float64, state State, val float64) Record {
	r := trial(0)
	r.Config.LR, r.Config.Reg = lr, reg
	r.Key = r.Config.Key()
	r.State = state
	r.Accuracy.FinalVal = ptr(val)
	if state != Done {
		r.Steps = 37
		r.Accuracy = Accuracy{EpochTrain: r.Accuracy.EpochTrain, EpochVal: r.Accuracy.EpochVal, BestVal: r.Accuracy.BestVal}
	}
	if state == Stopped {
		r.Accuracy.FinalVal, r.Accuracy.FinalTrain, r.Accuracy.FinalStep = ptr(val), ptr(0.2), r.Steps
		r.Race, r.Rungs = "halving 3:37", []Rung{{r.Steps, val}}
	}
	return r
}

// TestFinalAccuracy checks that tables show and rank by the accuracies of the final net.
func TestFinalAccuracy(t *testing.T) {
	record := func(net string, state State, change func(a *Accuracy)) Record {
		r := point(1e-3, 0.25, Done, 0.3)
		r.Config.Net, r.State, r.Steps = net, state, 500
		r.Accuracy = Accuracy{EpochTrain: ptr(0.05), EpochVal: ptr(0.1), BestVal: ptr(0.2), FinalVal: ptr(0.3), FinalTrain: ptr(0.4), FinalStep: 490}
		r.Rungs = []Rung{{5, 0.6}, {500, 0.7}}
		if change != nil {
			change(&r.Accuracy)
		}
		return r
	}
	earlier := func(a *Accuracy) { a.FinalTrain, a.FinalStep = nil, 0 }
	for _, c := range []struct {
		name       string
		r          Record
		val, train float64 // negative if there is no accuracy
		step       int
	}{
		{"trained to the end", record("two-layer", Done, nil), 0.3, 0.4, 490},
		{"Solver", record("fc", Done, nil), 0.3, 0.4, 490},
		{"stopped", record("two-layer", Stopped, nil), 0.3, 0.4, 490},
		{"diverged", record("two-layer", Diverged, nil), -1, -1, 0},
		{"failed", record("two-layer", Failed, nil), -1, -1, 0},
		{"earlier version, trained to the end", record("two-layer", Done, earlier), 0.3, -1, 500},
		{"earlier version, Solver", record("fc", Done, earlier), 0.3, -1, 0},
		{"earlier version, stopped", record("fc", Stopped, func(a *Accuracy) { earlier(a); a.FinalVal = nil }), 0.7, -1, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			value := func(p *float64) float64 {
				if p == nil {
					return -1
				}
				return *p
			}
			if val, train, step := value(c.r.Val()), value(c.r.Train()), c.r.Step(); val != c.val || train != c.train || step != c.step {
				t.Errorf("val %g, train %g after %d steps; want %g, %g, %d", val, train, step, c.val, c.train, c.step)
			}
		})
	}
}

// TestColumnsAgree checks that columns of the same name agree in all tables of a sweep.
func TestColumnsAgree(t *testing.T) {
	records := append(grid(), trials(3)...)
	solver := point(1e-3, 0.5, Done, 0.41)
	solver.Config.Net, solver.Accuracy.FinalStep = "fc", 490
	solver.Key = solver.Config.Key()
	records = append(records, solver)
	table := NewTable(records)
	var text, markdown, csvText, jsonl bytes.Buffer
	for _, err := range []error{table.WriteText(&text, 1000, 0), table.WriteMarkdown(&markdown), table.WriteCSV(&csvText), table.WriteJSONL(&jsonl)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var byCSV, byJSON []map[string]string
	rows, err := csv.NewReader(&csvText).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		cells := map[string]string{}
		for i, name := range rows[0] {
			cells[name] = row[i]
		}
		byCSV = append(byCSV, cells)
	}
	for d := json.NewDecoder(&jsonl); d.More(); {
		var values map[string]any
		d.UseNumber()
		if err := d.Decode(&values); err != nil {
			t.Fatal(err)
		}
		cells := map[string]string{}
		for name, v := range values {
			if cells[name] = fmt.Sprint(v); v == nil {
				cells[name] = ""
			}
		}
		byJSON = append(byJSON, cells)
	}
	if len(byCSV) != len(records) {
		t.Fatalf("%d rows of CSV for %d records", len(byCSV), len(records))
	}
	if diff := slices.IndexFunc(byCSV, func(row map[string]string) bool { return row["rank"] == "" }); diff >= 0 {
		t.Errorf("row %d has no rank", diff)
	}
	for i := range byCSV {
		if !maps.Equal(byCSV[i], byJSON[i]) {
			t.Errorf("rank %d: CSV %v\nJSONL %v", i+1, byCSV[i], byJSON[i])
		}
	}
	var byMarkdown []map[string]string
	lines := strings.Split(strings.Split(markdown.String(), "\n\n")[1], "\n") // without the caption and the notes
	cells := func(line string) []string {
		parts := strings.Split(strings.Trim(line, "|"), "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts
	}
	for _, line := range lines[2:] {
		row := map[string]string{}
		for i, name := range cells(lines[0]) {
			row[name] = cells(line)[i]
		}
		byMarkdown = append(byMarkdown, row)
	}
	number := func(s string) float64 {
		if s == "" || s == "-" {
			return -1
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i, row := range byMarkdown {
		for _, name := range []string{"lr", "reg", "train", "val", "step", "test"} {
			if a, b := number(row[name]), number(byCSV[i][name]); math.Abs(a-b) > 0.00005 {
				t.Errorf("rank %d: %s is %g for people and %g for programs", i+1, name, a, b)
			}
		}
	}
	// The text for the terminal and table.md have the same cells in the same order.
	for i, line := range strings.Split(strings.TrimSpace(text.String()), "\n")[1:] {
		if !strings.Contains(line, " "+byMarkdown[i]["val"]+" ") {
			t.Errorf("rank %d: the terminal does not show val %s: %s", i+1, byMarkdown[i]["val"], line)
		}
	}
	// The text and table.md show only accuracies that determine the rank.
	for i, r := range table.records {
		val := -1.0
		if r.Val() != nil {
			val = *r.Val()
		}
		if got := number(byCSV[i]["val"]); got != val {
			t.Errorf("rank %d: val %g, ranked by %g", i+1, got, val)
		}
	}
}

func grid() []Record {
	return []Record{
		point(1e-4, 0.25, Done, 0.283),
		point(1e-3, 0.25, Done, 0.504),
		point(0.5, 0.25, Diverged, 0),
		point(0.5, 0.85, Failed, 0),
		point(1e-3, 0.85, Done, 0.512),
		point(1e-4, 0.85, Stopped, 0.1),
	}
}

// checkTable compares what write writes with testdata/tables.txt.
func checkTable(t *testing.T, write func(w io.Writer) error) {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/tables.txt", b.String())
}

func TestTableText(t *testing.T) {
	checkTable(t, func(w io.Writer) error { return NewTable(grid()).WriteText(w, 80, 0) })
}

// TestPerCore checks that a block on several cores shows rates per core. Workers beyond the cores of the
// machine must not count.
func TestPerCore(t *testing.T) {
	for _, c := range []struct{ cores, machine, want int }{{0, 0, 24}, {1, 2, 24}, {2, 2, 12}, {200, 2, 12}, {3, 0, 8}} {
		r := Record{Machine: Machine{Cores: c.machine}, Speed: Speed{Cores: c.cores}}
		if got := r.perCore(24); got != float64(c.want) {
			t.Errorf("a block on %d cores of %d: %g, want %d", c.cores, c.machine, got, c.want)
		}
	}
}

func TestTableMarkdown(t *testing.T) {
	checkTable(t, NewTable(grid()[:2]).WriteMarkdown)
}

// TestTableMarkdownEscapes checks that a vertical bar in a cell does not begin another cell.
func TestTableMarkdownEscapes(t *testing.T) {
	records := trials(2)
	records[0].DataName, records[0].Config.Data = "a|b", "other"
	var b strings.Builder
	if err := NewTable(records).WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `| a\|b (other) |`) {
		t.Errorf("no escaped bar in\n%s", &b)
	}
}

func TestTableCSV(t *testing.T) {
	var b bytes.Buffer
	if err := NewTable(grid()).WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	col := func(name string) int { return slices.Index(rows[0], name) }
	for i, want := range []string{"0.45", "", ""} {
		if got := rows[i+1][col("test")]; got != want {
			t.Errorf("test accuracy of rank %d: %q, want %q: only the best shows it", i+1, got, want)
		}
	}
	if got := rows[1][col("lr")] + " " + rows[1][col("split")] + " " + rows[1][col("seconds")]; got != "0.001 49000/1000/1000 2" {
		t.Errorf("lr, split, seconds: %s", got)
	}
}

// sameInAnyOrder checks that the texts of the writers that tables of records have do not depend on the order of the
// records.
func sameInAnyOrder(t *testing.T, records []Record, writers func(*Table) []func(io.Writer) error) {
	t.Helper()
	render := func() string {
		var b strings.Builder
		for _, write := range writers(NewTable(records)) {
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	want := render()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		if render() != want {
			t.Fatal("a table depends on the order of the records")
		}
	}
}

func TestTableOrder(t *testing.T) {
	sameInAnyOrder(t, append(grid(), trials(20)...), func(table *Table) []func(io.Writer) error {
		return []func(io.Writer) error{
			table.WriteMarkdown, table.WriteCSV, table.WriteJSONL,
			func(w io.Writer) error { return table.WriteText(w, 80, 5) },
		}
	})
}

func TestTableDigest(t *testing.T) {
	records := grid()
	want := NewTable(records).Digest()
	records[0].Speed.Seconds++
	records[1].Machine.CPU = "6502"
	records[2].Impl = "avx512"
	if NewTable(records).Digest() != want {
		t.Error("the digest depends on how the trials ran")
	}
	for _, c := range []struct {
		name   string
		change func(r *Record)
	}{
		{"validation accuracy", func(r *Record) { r.Accuracy.FinalVal = ptr(0.1) }},
		{"epoch's accuracy", func(r *Record) { r.Accuracy.EpochVal = ptr(0.1) }},
		{"weights", func(r *Record) { r.Weights = "00" }},
		{"last loss", func(r *Record) { r.Loss.Last = nil }},
		{"state", func(r *Record) { r.State = Failed }},
	} {
		t.Run(c.name, func(t *testing.T) {
			records := grid()
			c.change(&records[1])
			if NewTable(records).Digest() == want {
				t.Errorf("the digest does not depend on the %s", c.name)
			}
		})
	}
}

// TestTableWidth checks that the text fits its width if every field varies, and names the omitted
// columns.
func TestTableWidth(t *testing.T) {
	records := grid()
	c := &records[0].Config
	*c = Config{Data: "another set", Split: [3]int{1, 2, 3}, Pixels: "chw", Net: "fc", Hidden: []int{1000, 1000}, LR: 0.000123456,
		Reg: 0.000123456, Decay: 0.123456, Std: 0.000123456, Batch: 100000, Iters: 1000000, Seed: 4294967295, DType: "f64", Class: "muladd"}
	records[0].Key = c.Key()
	for _, width := range []int{200, 120, 80, 60, 10} {
		var b strings.Builder
		if err := NewTable(records).WriteText(&b, width, 3); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if text := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(text, "and 3 more") || !strings.Contains(text, "no room for") {
			t.Errorf("width %d: the omitted rows or columns are not named:\n%s", width, b.String())
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width && width >= 60 {
				t.Errorf("width %d: %d columns: %s", width, n, line)
			}
		}
	}
}

// TestColumnsWithoutRoom checks the order in which columns are omitted: first speeds and other figures, then fields
// that do not vary, then fields that vary, and the learning rate last.
func TestColumnsWithoutRoom(t *testing.T) {
	records := grid()[:3]
	for i := range records {
		c := &records[i].Config
		c.Reg, c.Hidden, c.Batch = 0.5, []int{10 + i}, 100+i
		records[i].Key = c.Key()
	}
	table := NewTable(records)
	var heads []string
	for width := 200; width > 0; width-- {
		cols, _ := fit(table.shown(), 3, width)
		var names []string
		for _, c := range cols {
			names = append(names, c.name)
		}
		if head := strings.Join(names, " "); len(heads) == 0 || heads[len(heads)-1] != head {
			heads = append(heads, head)
		}
	}
	want := []string{
		"hidden lr reg batch train val test sec samples/s/core GFLOP/s/core state",
		"hidden lr reg batch train val test sec GFLOP/s/core state",
		"hidden lr reg batch train val test sec state",
		"hidden lr reg batch train val test state",
		"hidden lr reg batch val test state",
		"hidden lr reg batch val state",
		"hidden lr batch val state",
		"hidden lr val state",
		"lr val state",
		"val state",
	}
	if !slices.Equal(heads, want) {
		t.Errorf("columns by width:\n%s", strings.Join(heads, "\n"))
	}
}

func TestRankTies(t *testing.T) {
	records := trials(30)
	Rank(records)
	for i := 1; i < len(records); i++ {
		a, b := records[i-1], records[i]
		if *a.Val() < *b.Val() || *a.Val() == *b.Val() && a.Key >= b.Key || !a.Before(&b) || b.Before(&a) {
			t.Errorf("rank %d: %g %.8s before %g %.8s", i, *a.Val(), a.Key, *b.Val(), b.Key)
		}
	}
	// Accuracies after different steps are not comparable, so the later step is better.
	early, late := point(1, 1, Stopped, 0.4), point(2, 1, Stopped, 0.3)
	late.Steps, late.Accuracy.FinalStep = 100, 100
	last := point(3, 1, Done, 0.2)
	diverged := point(4, 1, Diverged, 0)
	for i, r := range inOrder([]*Record{&early, &late, &last, &diverged}) {
		if want := []float64{3, 2, 1, 4}[i]; r.Config.LR != want {
			t.Errorf("rank %d: lr %g, want %g", i+1, r.Config.LR, want)
		}
	}
	if _, ok := NewTable([]Record{point(1, 1, Diverged, 0)}).Best(); ok {
		t.Error("a diverged trial is the best")
	}
}

func TestEmptyTable(t *testing.T) {
	table := NewTable(nil)
	var b bytes.Buffer
	for _, err := range []error{table.WriteText(&b, 80, 0), table.WriteMarkdown(&b), table.WriteCSV(&b), table.WriteJSONL(&b)} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestHeatMap(t *testing.T) {
	at := func(r Record, change func(*Config)) Record {
		change(&r.Config)
		r.Key = r.Config.Key()
		return r
	}
	seed := func(r Record, n uint32) Record { return at(r, func(c *Config) { c.Seed = n }) }
	hidden := func(r Record) Record { return at(r, func(c *Config) { c.Hidden = []int{60} }) }
	iters := func(r Record, n int) Record { return at(r, func(c *Config) { c.Iters = n }) }
	stopped := func(lr, val float64, step int) Record {
		r := point(lr, 0.85, Stopped, val)
		r.Steps, r.Accuracy.FinalStep, r.Rungs = step, step, []Rung{{step, val}}
		return r
	}
	type cells map[[2]float64]string // texts of the cells by lr and reg
	for _, c := range []struct {
		name    string
		records []Record
		want    cells
		title   string
	}{
		{
			"a grid", grid(),
			cells{{1e-4, 0.25}: "0.283", {1e-3, 0.25}: "0.504", {0.5, 0.25}: "-", {0.5, 0.85}: "-", {1e-3, 0.85}: "0.512", {1e-4, 0.85}: "0.100\nat 37"},
			"Validation accuracy\nCIFAR-10 (5ad1), two-layer, f32, 1000 iterations",
		},
		{
			"mean over seeds", append(grid(), seed(point(1e-3, 0.25, Done, 0.404), 1), seed(point(1e-3, 0.85, Diverged, 0), 1)),
			cells{{1e-3, 0.25}: "0.454", {1e-3, 0.85}: "0.512\n1 of 2", {1e-4, 0.25}: "0.283\n1 of 2", {0.5, 0.25}: "-"},
			"Validation accuracy, mean of 2 seeds\nCIFAR-10 (5ad1), two-layer, f32, 1000 iterations",
		},
		{
			"a seed that was stopped is not in the mean of those that trained to the end",
			append(grid(), seed(stopped(1e-3, 0.9, 100), 1)),
			cells{{1e-3, 0.85}: "0.512\n1 of 2"},
			"Validation accuracy, mean of 2 seeds\nCIFAR-10 (5ad1), two-layer, f32, 1000 iterations",
		},
		{
			"finalists first, then who came farther", append(grid(), hidden(stopped(1e-3, 0.9, 100)), hidden(stopped(1e-4, 0.05, 100))),
			cells{{1e-3, 0.85}: "0.512", {1e-4, 0.85}: "0.050\nat 100"},
			"Validation accuracy\nbest over hidden\nCIFAR-10 (5ad1), two-layer, f32, 1000 iterations",
		},
		{
			"best over other parameters", append(grid(), hidden(point(1e-3, 0.85, Done, 0.6)), hidden(point(1e-3, 0.25, Done, 0.4))),
			cells{{1e-3, 0.85}: "0.600", {1e-3, 0.25}: "0.504"},
			"Validation accuracy\nbest over hidden\nCIFAR-10 (5ad1), two-layer, f32, 1000 iterations",
		},
		{
			"one length and one data set", append(grid(), iters(point(1e-3, 0.25, Done, 0.9), 5000),
				at(point(1e-4, 0.25, Done, 0.9), func(c *Config) { c.Data = "0ther" })),
			cells{{1e-3, 0.25}: "0.504", {1e-4, 0.25}: "0.283"},
			"Validation accuracy\nCIFAR-10 (5ad1), two-layer, f32, 1000 iterations\n2 trials of another kind or length are not shown",
		},
		{
			"the longer of two lengths that fill as many cells",
			[]Record{point(1e-3, 0.25, Done, 0.5), iters(point(1e-3, 0.25, Done, 0.4), 5000)},
			cells{{1e-3, 0.25}: "0.400"},
			"Validation accuracy\nCIFAR-10 (5ad1), two-layer, f32, 5000 iterations\n1 trial of another kind or length is not shown",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // in two orders
				h := NewHeatMap(NewTable(c.records), "lr", "reg")
				for place, want := range c.want {
					x, y := slices.Index(h.X.Labels, fmt.Sprint(place[0])), slices.Index(h.Y.Labels, fmt.Sprint(place[1]))
					if got := h.label(h.Cells[y][x]); got != want {
						t.Errorf("lr %g, reg %g: %q, want %q", place[0], place[1], got, want)
					}
				}
				if h.Title() != c.title {
					t.Errorf("title\n%s\nwant\n%s", h.Title(), c.title)
				}
				slices.Reverse(c.records)
			}
		})
	}
}

func TestHeatMapPicture(t *testing.T) {
	records := grid()
	for i, r := range grid() {
		if r.Config.Seed = 1; i != 1 {
			r.Config.Hidden = []int{60}
		}
		r.Key = r.Config.Key()
		records = append(records, r)
	}
	h := NewHeatMap(NewTable(records), "lr", "reg")
	if !h.Worthwhile() || len(h.X.Labels) != 3 || len(h.Y.Labels) != 2 {
		t.Fatalf("%+v", h)
	}
	var b bytes.Buffer
	if err := h.WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("FUSEGRID_PICTURES"); dir != "" {
		os.WriteFile(filepath.Join(dir, "heatmap.png"), b.Bytes(), 0o644)
	}
	if _, err := png.Decode(&b); err != nil {
		t.Error(err)
	}
	for name, records := range map[string][]Record{"none": nil, "one": grid()[:1], "no accuracy": {grid()[2], grid()[3]}} {
		if NewHeatMap(NewTable(records), "lr", "reg").Worthwhile() {
			t.Errorf("%s: worthwhile", name)
		}
	}
}

func TestCurves(t *testing.T) {
	var b bytes.Buffer
	err := WriteCurvesPNG(&b,
		Panel{Title: "Loss", X: "iteration", Y: "loss", Curves: []Curve{{Name: "loss", Values: []float64{2.3, 2.1, 1.8, 1.9}}}},
		Panel{Title: "Accuracy", X: "epoch", Y: "accuracy", Curves: []Curve{{Name: "training", Values: []float64{0.1, 0.3}}, {Name: "validation", Values: []float64{0.1, 0.2}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&b); err != nil {
		t.Error(err)
	}
	if err := WriteCurvesPNG(io.Discard, Panel{Curves: []Curve{{Name: "no values"}}}); err == nil {
		t.Error("an empty curve was drawn")
	}
}

func TestWritePlan(t *testing.T) {
	planned := grid()[:3]
	planned[1].State = ""
	checkTable(t, func(w io.Writer) error { return WritePlan(w, planned, 80, 2) })
}

// TestTableDigits checks the digits of numbers: six in tables for people, more if six do not distinguish the
// values, and all digits in CSV and JSON.
func TestTableDigits(t *testing.T) {
	records := trials(4)
	for i, c := range []struct{ lr, reg, std float64 }{
		{0.00017782794100389227, 0.1, 1.0 / 3}, {0.00031622776601683794, 0.1 + 1e-15, 1.0 / 3}, {1e-5, 0.25, 1.0 / 3}, {1e-3, 1000000, 1.0 / 3},
	} {
		r := &records[i]
		r.Config.LR, r.Config.Reg, r.Config.Std, r.Config.Seed = c.lr, c.reg, c.std, 0
		r.Key = r.Config.Key()
	}
	table := NewTable(records)
	var text, markdown, csv, jsonl, plan bytes.Buffer
	if err := errors.Join(table.WriteText(&text, 80, 0), table.WriteMarkdown(&markdown), table.WriteCSV(&csv), table.WriteJSONL(&jsonl), WritePlan(&plan, records, 80, 0)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		b    *bytes.Buffer
	}{{"text", &text}, {"Markdown", &markdown}, {"plan", &plan}} {
		for _, cell := range []string{"0.000177828", "0.000316228", "1e-05", "0.001", "0.1", "0.100000000000001", "0.25", "1000000"} {
			if !slices.Contains(strings.Fields(c.b.String()), cell) {
				t.Errorf("%s: no cell %q in\n%s", c.name, cell, c.b)
			}
		}
		if strings.Contains(c.b.String(), "0.00017782794100389227") {
			t.Errorf("%s: all digits:\n%s", c.name, c.b)
		}
	}
	if caption := table.Caption(); !strings.Contains(caption, "std 0.333333,") {
		t.Errorf("caption %s", caption)
	}
	for _, c := range []struct {
		name string
		b    *bytes.Buffer
	}{{"CSV", &csv}, {"JSON", &jsonl}} {
		for _, digits := range []string{"0.00017782794100389227", "0.00031622776601683794", "0.100000000000001", "0.3333333333333333"} {
			if !strings.Contains(c.b.String(), digits) {
				t.Errorf("%s: %s is not in\n%s", c.name, digits, c.b)
			}
		}
	}
	var close []Record
	for _, lr := range []float64{0.00017782794100389227, 0.00017782794100389230, 1} {
		close = append(close, point(lr, 0.25, Done, 0.5))
	}
	if axis := newHeatAxis(pointers(close), "lr"); len(axis.Labels) != 3 || axis.Labels[0] == axis.Labels[1] || axis.Labels[2] != "1" {
		t.Errorf("labels %v", axis.Labels)
	}
}
