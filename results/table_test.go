package results

import (
	"bytes"
	"encoding/csv"
	"errors"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// point returns a record of a grid over lr and reg.
func point(lr, reg float64, state State, val float64) Record {
	r := trial(0)
	r.Config.LR, r.Config.Reg = lr, reg
	r.Key = r.Config.Key()
	r.State = state
	r.Accuracy.Val = ptr(val)
	if state != Done {
		r.Steps = 37
		r.Accuracy = Accuracy{Train: r.Accuracy.Train}
	}
	return r
}

// The figure that people see and rank by is one of the net that they get, or of when it was stopped.
func TestScore(t *testing.T) {
	record := func(net string, state State, steps int) Record {
		r := point(1e-3, 0.25, Done, 0.1)
		r.Config.Net, r.Config.Split, r.Config.Batch = net, [3]int{1050, 100, 100}, 100
		r.State, r.Steps = state, steps
		r.Accuracy = Accuracy{Val: ptr(0.1), BestVal: ptr(0.2), FinalVal: ptr(0.3)}
		r.Rungs = []Rung{{5, 0.4}, {20, 0.5}}
		return r
	}
	for _, c := range []struct {
		name       string
		r          Record
		val, score float64 // score < 0: none
	}{
		{"an epoch and more", record("two-layer", Done, 11), 0.1, 0.1},
		{"one epoch", record("two-layer", Done, 10), 0.3, 0.3},
		{"stopped", record("two-layer", Stopped, 20), 0.5, 0.5},
		{"Solver", record("fc", Done, 10), 0.1, 0.2},
		{"Solver, stopped", record("fc", Stopped, 20), 0.5, 0.5},
		{"diverged", record("two-layer", Diverged, 11), 0.1, -1},
	} {
		score, ok := c.r.Score()
		if ok != (c.score >= 0) || ok && score != c.score || *c.r.Val() != c.val {
			t.Errorf("%s: val %g, score %g (%v); want %g, %g", c.name, *c.r.Val(), score, ok, c.val, c.score)
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
		point(1e-4, 0.85, Stopped, 0),
	}
}

func TestTableText(t *testing.T) {
	var b strings.Builder
	table := NewTable(grid())
	if err := table.WriteText(&b, 80, 0); err != nil {
		t.Fatal(err)
	}
	want := `    lr   reg   train     val    test   sec  samples/s  GFLOP/s  state
 0.001  0.85  0.5000  0.5120  0.4500  2.00     100000     62.0  done
 0.001  0.25  0.5000  0.5040          2.00     100000     62.0  done
0.0001  0.25  0.5000  0.2830          2.00     100000     62.0  done
0.0001  0.85  0.5000       -          2.00     100000     62.0  stopped at 37
   0.5  0.25  0.5000       -          2.00     100000     62.0  diverged at 37
   0.5  0.85  0.5000       -          2.00     100000     62.0  failed
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	caption := "CIFAR-10 (5ad1), pixels hwc, two-layer, hidden 50, decay 0.95, batch 200, iters 1000, std 0.0001, seed 0, f32, class fma"
	if got := table.Caption(); got != caption {
		t.Errorf("caption %q\nwant    %q", got, caption)
	}
}

func TestTableMarkdown(t *testing.T) {
	var b strings.Builder
	if err := NewTable(grid()[:2]).WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	want := `CIFAR-10 (5ad1), pixels hwc, two-layer, hidden 50, decay 0.95, batch 200, iters 1000, std 0.0001, seed 0, f32, class fma

| lr | reg | train | val | test | sec | samples/s | GFLOP/s |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| 0.001 | 0.25 | 0.5000 | 0.5040 | 0.4500 | 2.00 | 100000 | 62.0 |
| 0.0001 | 0.25 | 0.5000 | 0.2830 |  | 2.00 | 100000 | 62.0 |
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
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

// TestQuotes holds the cells of a table to encoding/csv.
func TestQuotes(t *testing.T) {
	parts := []string{"", "a", " ", ",", `"`, "\n", "\r", "\t", `\.`, "λ", "\u2003", "\xff", "x=1"}
	for _, p := range parts {
		for _, q := range parts {
			for _, r := range parts {
				var want bytes.Buffer
				w := csv.NewWriter(&want)
				w.Write([]string{"first", p + q + r})
				w.Flush()
				if got := string(quoted([]byte("first"), p+q+r)) + "\n"; got != want.String() {
					t.Errorf("%q, want %q", got, want.String())
				}
			}
		}
	}
}

// TestTableOrder shuffles the records: all four forms stay the same.
func TestTableOrder(t *testing.T) {
	records := append(grid(), trials(20)...)
	render := func() string {
		var b strings.Builder
		table := NewTable(records)
		for _, write := range []func(io.Writer) error{
			table.WriteMarkdown, table.WriteCSV, table.WriteJSONL,
			func(w io.Writer) error { return table.WriteText(w, 80, 5) },
		} {
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

func TestTableDigest(t *testing.T) {
	records := grid()
	want := NewTable(records).Digest()
	records[0].Speed.Seconds++
	records[1].Machine.CPU = "6502"
	records[2].Impl = "avx512"
	if NewTable(records).Digest() != want {
		t.Error("the digest depends on how the trials ran")
	}
	for name, change := range map[string]func(r *Record){
		"validation accuracy": func(r *Record) { r.Accuracy.Val = ptr(0.1) },
		"weights":             func(r *Record) { r.Weights = "00" },
		"last loss":           func(r *Record) { r.Loss.Last = nil },
		"state":               func(r *Record) { r.State = Failed },
	} {
		records := grid()
		change(&records[1])
		if NewTable(records).Digest() == want {
			t.Errorf("the digest does not depend on the %s", name)
		}
	}
}

// TestTableWidth varies every field: the text still fits, and says what it left out.
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
		if !strings.Contains(b.String(), "and 3 more") || !strings.Contains(b.String(), "no room for") {
			t.Errorf("width %d: what is left out is not named:\n%s", width, b.String())
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width && width >= 60 && !strings.HasPrefix(line, "no room") {
				t.Errorf("width %d: %d columns: %s", width, n, line)
			}
		}
	}
}

func TestRankTies(t *testing.T) {
	records := trials(30)
	Rank(records)
	for i := 1; i < len(records); i++ {
		a, b := records[i-1], records[i]
		if *a.Accuracy.Val < *b.Accuracy.Val || *a.Accuracy.Val == *b.Accuracy.Val && a.Key >= b.Key {
			t.Errorf("rank %d: %g %.8s before %g %.8s", i, *a.Accuracy.Val, a.Key, *b.Accuracy.Val, b.Key)
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
	stopped := func(lr, val float64) Record {
		r := point(lr, 0.85, Stopped, 0)
		r.Steps, r.Rungs = 100, []Rung{{100, val}}
		return r
	}
	records := append(grid(), point(1e-3, 0.85, Done, 0.3), // a worse one of another seed
		stopped(1e-4, 0.4), stopped(1e-3, 0.4), stopped(0.5, 0.1), point(0.5, 0.85, Done, 0.2))
	h := NewHeatMap(records)
	if !h.Worthwhile() || len(h.LRs) != 3 || len(h.Regs) != 2 {
		t.Fatalf("%+v", h)
	}
	if got := h.Val[1][1]; got != 0.512 {
		t.Errorf("cell of lr 0.001, reg 0.85: %g, want the best, 0.512", got)
	}
	if got := h.Val[1][0]; got != 0.4 {
		t.Errorf("cell of a stopped trial: %g, want its rung's 0.4", got)
	}
	// The best of a cell was stopped, or not.
	if got, want := h.Stopped[1], []int{100, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("stopped at %d, want %d", got, want)
	}
	if v := h.Val[0][2]; v == v {
		t.Errorf("cell of a diverged trial: %g, want NaN", v)
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
		if NewHeatMap(records).Worthwhile() {
			t.Errorf("%s: worthwhile", name)
		}
	}
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "table.md")
	text := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error { io.WriteString(w, s); return err }
	}
	if err := WriteFile(name, text("old", nil)); err != nil {
		t.Fatal(err)
	}
	oops := errors.New("oops")
	if err := WriteFile(name, text("half", oops)); err != oops {
		t.Errorf("got %v, want %v", err, oops)
	}
	if got, _ := os.ReadFile(name); string(got) != "old" {
		t.Errorf("after an error the file holds %q", got)
	}
	if err := WriteFile(name, text("new", nil)); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); string(got) != "new" {
		t.Errorf("the file holds %q", got)
	}
	if err := WriteFile(filepath.Join(name, "x"), text("", nil)); err == nil {
		t.Error("no error for a file inside a file")
	}
}

func TestCurves(t *testing.T) {
	var b bytes.Buffer
	err := WriteCurvesPNG(&b,
		Panel{Title: "Loss", X: "iteration", Y: "loss", Curves: []Curve{{"loss", []float64{2.3, 2.1, 1.8, 1.9}}}},
		Panel{Title: "Accuracy", X: "epoch", Y: "accuracy", Curves: []Curve{{"training", []float64{0.1, 0.3}}, {"validation", []float64{0.1, 0.2}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&b); err != nil {
		t.Error(err)
	}
	if err := WriteCurvesPNG(io.Discard, Panel{Curves: []Curve{{"no values", nil}}}); err == nil {
		t.Error("an empty curve was drawn")
	}
}

func TestWritePlan(t *testing.T) {
	var b strings.Builder
	planned := grid()[:3]
	planned[1].State = ""
	if err := WritePlan(&b, planned, 80, 2); err != nil {
		t.Fatal(err)
	}
	want := `    lr   reg  state
0.0001  0.25  done
 0.001  0.25  to train
and 1 more
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
