package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fusegrid/results"
)

// sample returns a table of n trials, with all states and all kinds of values.
func sample(n int) *results.Table {
	rng := rand.New(rand.NewPCG(5, 6))
	records := make([]results.Record, n)
	for i := range records {
		records[i] = sampleRecord(rng, i)
	}
	return results.NewTable(records)
}

func sampleRecord(rng *rand.Rand, i int) results.Record {
	share := func() *float64 {
		if rng.IntN(6) == 0 {
			return nil
		}
		x := rng.Float64()
		return &x
	}
	c := results.Config{
		Data: strings.Repeat("5ad1", 16), Split: [3]int{49000, 1000, 10000}, Pixels: "hwc", Net: "two-layer",
		Hidden: [][]int{{50}, {100, 100}}[rng.IntN(2)], LR: math.Pow(10, -5*rng.Float64()), Reg: rng.Float64(), Decay: 0.95,
		Batch: 200, Iters: 1000 + rng.IntN(3), Std: 1.0 / 3, Seed: rng.Uint32(), DType: "f32", Class: "fma",
	}
	if rng.IntN(2) == 0 {
		order := uint32(i)
		c.Order, c.Rule, c.Mu = &order, "momentum", 0.9
	}
	r := results.Record{
		Key: c.Key(), Config: c, Steps: c.Iters, State: []results.State{results.Done, results.Diverged, results.Stopped, results.Failed}[min(i, rng.IntN(4))],
		Accuracy: results.Accuracy{EpochTrain: share(), EpochVal: share(), BestVal: share(), FinalVal: share(), Test: share(), FinalTrain: share(), FinalStep: rng.IntN(3)},
		Loss:     results.Loss{First: share(), Last: share(), Min: share()},
		Weights:  fmt.Sprintf("%064x", rng.Uint64()), DataName: `a "quoted", name; λ 𝛌`, Impl: "avx2",
		Speed:   results.Speed{Seconds: rng.ExpFloat64() * 1e-300, Samples: 1e21, Iters: math.MaxFloat64, FLOPs: math.SmallestNonzeroFloat64, Block: i, BlockSeconds: 1.5, Workers: 2},
		Machine: results.Machine{CPU: "Z80"}, Ended: time.Date(2024, 2, 29, 12, 0, i, 123456789, time.UTC),
	}
	switch r.State {
	case results.Stopped:
		r.Race, r.Rungs = "halving 3:10", []results.Rung{{Step: 10, Val: rng.Float64()}, {Step: 30, Val: rng.Float64()}}
	case results.Failed:
		r.Error = "line\nand\ttab"
	}
	return r
}

// exported writes a table in a format and returns the name of the file.
func exported(t *testing.T, name string, s Source) string {
	t.Helper()
	f := format(t, name)
	path := filepath.Join(t.TempDir(), "trials"+f.Suffix)
	if err := f.Write(context.Background(), s, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func format(t *testing.T, name string) Format {
	t.Helper()
	for _, f := range Formats() {
		if f.Name == name {
			if why := f.Missing(); why != "" {
				t.Skip(why)
			}
			return f
		}
	}
	t.Fatalf("there is no format %s", name)
	return Format{}
}

// typed returns the rows of table.jsonl. Values are texts that begin with s: (text), i: (integer) or n:
// (number). A missing value is nil.
func typed(t *testing.T, table *results.Table) []map[string]*string {
	t.Helper()
	var b bytes.Buffer
	if err := table.WriteJSONL(&b); err != nil {
		t.Fatal(err)
	}
	rows := decode[map[string]any](t, b.Bytes())
	all := make([]map[string]*string, len(rows))
	for row := range rows {
		all[row] = map[string]*string{}
		for _, c := range table.Columns() {
			text := fmt.Sprintf("%c:%v", "sin"[c.Kind], rows[row][c.Name])
			all[row][c.Name] = &text
			if rows[row][c.Name] == nil {
				all[row][c.Name] = nil
			}
		}
	}
	return all
}

// decode returns the JSON values of lines.
func decode[T any](t *testing.T, lines []byte) (all []T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(lines))
	d.UseNumber()
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in\n%.500s", err, lines)
		}
		all = append(all, v)
	}
	return all
}

// checkRows compares the rows that another program read with those of a table.
func checkRows(t *testing.T, got []map[string]*string, table *results.Table) {
	t.Helper()
	want := typed(t, table)
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for row := range want {
		if len(got[row]) != len(want[row]) {
			t.Fatalf("row %d has %d columns, want %d", row, len(got[row]), len(want[row]))
		}
		for name, w := range want[row] {
			if g, ok := got[row][name]; !ok || !same(g, w) {
				t.Errorf("row %d: %s is %s, want %s", row, name, shown(g), shown(w))
			}
		}
	}
}

// same compares values. Numbers must have the same bits.
func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	var x, y float64
	if n, _ := fmt.Sscanf(*a+" "+*b, "n:%g n:%g", &x, &y); n == 2 {
		return math.Float64bits(x) == math.Float64bits(y)
	}
	return *a == *b
}

func shown(s *string) string {
	if s == nil {
		return "missing"
	}
	return fmt.Sprintf("%q", *s)
}

// TestSelfCheck spoils one value of each kind. The comparison must find each.
func TestSelfCheck(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		a, b *string
		want bool
	}{
		{nil, nil, true}, {nil, text("s:"), false}, {text("n:0"), text("n:-0"), false}, {text("n:1e+21"), text("n:1000000000000000000000.0"), true},
		{text("n:0.1"), text("n:0.10000000000000002"), false}, {text("i:1"), text("n:1"), false}, {text("s:a"), text("s:b"), false},
	} {
		if same(c.a, c.b) != c.want {
			t.Errorf("%s and %s: want %t", shown(c.a), shown(c.b), c.want)
		}
	}
}

// TestTextFormats checks that csv and jsonl are the tables of the output folder.
func TestTextFormats(t *testing.T) {
	table := sample(50)
	var csv, jsonl bytes.Buffer
	if err := errors.Join(table.WriteCSV(&csv), table.WriteJSONL(&jsonl)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]*bytes.Buffer{"csv": &csv, "jsonl": &jsonl} {
		if got, err := os.ReadFile(exported(t, name, Source{Table: table})); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s differs, %v", name, err)
		}
	}
}

// TestWhole checks that an export that is stopped leaves the old file, and no other. An export that is not stopped
// gives the same bytes each time.
func TestWhole(t *testing.T) {
	s := Source{Name: "sweep", Table: sample(300)}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	for _, f := range Formats() {
		if f.Missing() != "" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "trials")
			if err := f.Write(stopped, s, path); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if names := tree(t, dir); len(names) != 0 {
				t.Errorf("a stopped export left %q", names)
			}
			if err := f.Write(context.Background(), s, path); err != nil {
				t.Fatal(err)
			}
			before := tree(t, dir)
			if err := f.Write(stopped, Source{Table: sample(3)}, path); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if after := tree(t, dir); !equal(before, after) {
				t.Error("a stopped export changed the old files")
			}
			if err := f.Write(context.Background(), s, path); err != nil {
				t.Fatal(err)
			}
			if after := tree(t, dir); !equal(before, after) {
				t.Error("two exports of the same trials differ")
			}
		})
	}
}

func equal(a, b map[string]string) bool {
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// tree returns the contents of all files in a folder, by their names.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEmpty writes a table without rows in all formats.
func TestEmpty(t *testing.T) {
	for _, f := range Formats() {
		if f.Missing() != "" {
			continue
		}
		if err := f.Write(context.Background(), Source{Table: results.NewTable(nil)}, filepath.Join(t.TempDir(), "trials")); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
