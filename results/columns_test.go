package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// randomTable returns the table of n records with random values in all fields.
func randomTable(n int) *Table {
	rng := rand.New(rand.NewPCG(3, 4))
	records := make([]Record, n)
	for i := range records {
		fill(rng, reflect.ValueOf(&records[i]).Elem())
		records[i].State = []State{Done, Stopped, Diverged, Failed}[rng.IntN(4)]
		records[i].Config.Objective, records[i].Config.Params, records[i].Config.Minimize = "", nil, false // these are nets
		records[i].Key = records[i].Config.Key()
	}
	return NewTable(records)
}

// randomFunctions returns the table of n records of functions, and of n records of nets if mixed is true.
func randomFunctions(n int, mixed bool) *Table {
	rng := rand.New(rand.NewPCG(5, 6))
	records := make([]Record, n)
	for i := range records {
		fill(rng, reflect.ValueOf(&records[i]).Elem())
		c := Config{Objective: "f", Iters: rng.IntN(3), Seed: records[i].Config.Seed}
		for _, p := range []Param{{Name: "x", Number: rng.NormFloat64()}, {Name: "lr", Number: 1e6}, {Name: "word", Word: "a,b"}, {Name: "mu", Number: math.Copysign(0, -1)}, {Name: "n", Number: float64(rng.IntN(5) - 2), Whole: true}} {
			if rng.IntN(3) > 0 {
				c.Params = append(c.Params, p)
			}
		}
		records[i].State, records[i].Config, records[i].Key = Done, c, c.Key()
	}
	if mixed {
		for _, r := range randomTable(n).records {
			records = append(records, *r)
		}
	}
	return NewTable(records)
}

// TestColumnTypes compares the typed values of all columns with table.jsonl, and some with the records.
func TestColumnTypes(t *testing.T) {
	for _, table := range []*Table{randomTable(300), randomFunctions(300, false), randomFunctions(300, true)} {
		checkTypes(t, table)
	}
}

func checkTypes(t *testing.T, table *Table) {
	t.Helper()
	var b bytes.Buffer
	if err := table.WriteJSONL(&b); err != nil {
		t.Fatal(err)
	}
	columns := table.Columns()
	lines := json.NewDecoder(&b)
	lines.UseNumber()
	for row := range table.Len() {
		var want map[string]any
		if err := lines.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if len(want) != len(columns) {
			t.Fatalf("%d columns, but %d values in table.jsonl", len(columns), len(want))
		}
		for _, c := range columns {
			checkValue(t, &c, row, want[c.Name])
		}
	}
	if lines.More() {
		t.Error("table.jsonl has more rows")
	}
}

// checkValue compares a value of a column with the value in table.jsonl.
func checkValue(t *testing.T, c *Column, row int, want any) {
	t.Helper()
	text, ok := c.Text(row)
	if ok != (want != nil) || string(c.Append([]byte("x"), row)) != "x"+text {
		t.Errorf("%s of row %d: %q, %t; in table.jsonl %v", c.Name, row, text, ok, want)
	}
	integer, isInteger := c.Integer(row)
	number, isNumber := c.Number(row)
	switch want := want.(type) {
	case nil:
		if isInteger || isNumber {
			t.Errorf("%s of row %d has a number, but no value", c.Name, row)
		}
	case string:
		if c.Kind != Text || strings.ToValidUTF8(text, "\ufffd") != want {
			t.Errorf("%s of row %d, kind %d: %q, in table.jsonl %q", c.Name, row, c.Kind, text, want)
		}
	case json.Number:
		f, err := want.Float64()
		if err != nil || !isNumber || math.Float64bits(f) != math.Float64bits(number) || text != want.String() {
			t.Errorf("%s of row %d: %g, %q, in table.jsonl %v", c.Name, row, number, text, want)
		}
		if n, err := want.Int64(); c.Kind == Integer && (err != nil || !isInteger || n != integer) {
			t.Errorf("%s of row %d: %d, in table.jsonl %v", c.Name, row, integer, want)
		}
		if c.Kind == Text {
			t.Errorf("%s is a number in table.jsonl and a text elsewhere", c.Name)
		}
	}
}

// TestColumnsOfRecords compares columns of each kind with the fields of the records.
func TestColumnsOfRecords(t *testing.T) {
	table := randomTable(300)
	all := map[string]Column{}
	for _, c := range table.Columns() {
		all[c.Name] = c
	}
	for row := range table.Len() {
		r := table.Record(row)
		key, lr, seed, order, last := all["key"], all["lr"], all["seed"], all["order"], all["loss_last"]
		if text, _ := key.Text(row); text != r.Key {
			t.Errorf("row %d: key %q, want %q", row, text, r.Key)
		}
		if x, _ := lr.Number(row); math.Float64bits(x) != math.Float64bits(r.Config.LR) {
			t.Errorf("row %d: lr %g, want %g", row, x, r.Config.LR)
		}
		if n, _ := seed.Integer(row); n != int64(r.Config.Seed) {
			t.Errorf("row %d: seed %d, want %d", row, n, r.Config.Seed)
		}
		if n, ok := order.Integer(row); ok != (r.Config.Order != nil) || ok && n != int64(*r.Config.Order) {
			t.Errorf("row %d: order %d, %t", row, n, ok)
		}
		if x, ok := last.Number(row); ok != (r.Loss.Last != nil) || ok && x != *r.Loss.Last {
			t.Errorf("row %d: loss_last %g, %t", row, x, ok)
		}
	}
	if kinds := []Kind{all["key"].Kind, all["lr"].Kind, all["seed"].Kind, all["hidden"].Kind, all["val"].Kind, all["step"].Kind}; !reflect.DeepEqual(kinds, []Kind{Text, Number, Integer, Text, Number, Integer}) {
		t.Errorf("kinds %v", kinds)
	}
}

// TestSelect checks that the rows of a selection are those of the whole table.
func TestSelect(t *testing.T) {
	whole := NewTable(grid())
	lines := func(table *Table) []string {
		var b strings.Builder
		if err := table.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(b.String()), "\n")
	}
	all := lines(whole)
	for _, rows := range [][]int{{}, {0}, {1}, {5, 0, 3}, {1, 2}} {
		want := []string{all[0]}
		for _, row := range rows {
			want = append(want, all[row+1])
		}
		if got := lines(whole.Select(rows)); !reflect.DeepEqual(got, want) {
			t.Errorf("rows %d:\n%s\nwant\n%s", rows, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got := lines(whole.Select([]int{4, 0, 2}).Select([]int{1})); !reflect.DeepEqual(got, all[:2]) {
			t.Errorf("a selection of a selection: %s", got)
		}
	}
}

// TestWriteColumns checks that columns look as in the usual table, and that no column is omitted.
func TestWriteColumns(t *testing.T) {
	table := NewTable(grid()).Select([]int{2, 0})
	var columns []Column
	for _, name := range []string{"key", "val", "rank", "loss_last"} {
		i := slices.IndexFunc(table.Columns(), func(c Column) bool { return c.Name == name })
		columns = append(columns, table.Columns()[i])
	}
	from := NewColumn("from", Text, func(b []byte, row int) []byte { return append(b, "ab"[row]) })
	var usual, chosen strings.Builder
	if err := errors.Join(table.WriteTextWith(&usual, []Column{from}, 200, 0), table.WriteColumns(&chosen, append([]Column{from}, columns...), 0)); err != nil {
		t.Fatal(err)
	}
	best, third := table.Record(1), table.Record(0)
	want := fmt.Sprintf("from  key              val  rank  loss_last\n"+
		"a     %.12s  %.4f     3  %9s\nb     %.12s  %.4f     1  %9s\n",
		third.Key, *third.Val(), few(third.Loss.Last), best.Key, *best.Val(), few(best.Loss.Last))
	if chosen.String() != want {
		t.Errorf("got\n%s\nwant\n%s", chosen.String(), want)
	}
	if lines := strings.Split(usual.String(), "\n"); !strings.HasPrefix(lines[0], "from  ") || !strings.HasPrefix(lines[1], "a  ") {
		t.Errorf("the first column is not from:\n%s", usual.String())
	}
}

func few(x *float64) string {
	if x == nil {
		return "-"
	}
	return strconv.FormatFloat(*x, 'g', 6, 64)
}

// TestOneKeyTwice checks that records of one key keep their order, as those of several folders must.
func TestOneKeyTwice(t *testing.T) {
	for range 20 {
		var all []Record
		for i, r := range slices.Concat(grid(), grid(), grid()) {
			r.DataName = strconv.Itoa(i)
			all = append(all, r)
		}
		table := NewTable(all)
		for row := 1; row < table.Len(); row++ {
			a, b := table.Record(row-1), table.Record(row)
			m, _ := strconv.Atoi(a.DataName)
			n, _ := strconv.Atoi(b.DataName)
			if a.Key == b.Key && m > n {
				t.Fatalf("record %d is before record %d of the same key", m, n)
			}
		}
	}
}
