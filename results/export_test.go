package results

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestWriteCSV compares tables with the output of encoding/csv.
func TestWriteCSV(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 2000} {
		table := randomTable(n)
		var got, want bytes.Buffer
		w := csv.NewWriter(&want)
		columns := table.Columns()
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.Name
		}
		w.Write(names)
		for row := range table.Len() {
			cells := make([]string, len(columns))
			for i, c := range columns {
				cells[i], _ = c.Text(row)
			}
			w.Write(cells)
		}
		w.Flush()
		if err := table.WriteCSV(&got); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d rows: another text than that of encoding/csv, error %v", n, err)
		}
	}
}

// FuzzCells compares the cells of CSV and JSON with those of the standard library.
func FuzzCells(f *testing.F) {
	for _, text := range []string{"", "a", "a,b", `"`, `a"b`, "\n", "a\r", " a", "\u00a0a", "a ", `\.`, `\`, "\xff", "é,", "<&>", "\u2028", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want bytes.Buffer
		w := csv.NewWriter(&want)
		w.Write([]string{text})
		w.Flush()
		if got := string(quoteCSV([]byte("x"+text), 1)) + "\n"; got != "x"+want.String() {
			t.Errorf("cell %q, want %q", got, want.String())
		}
		var decoded, same string
		object, _ := json.Marshal(text)
		if err := errors.Join(json.Unmarshal(quoteJSON([]byte(text), 0), &decoded), json.Unmarshal(object, &same)); err != nil || decoded != same {
			t.Errorf("JSON of %q is %q, error %v", text, decoded, err)
		}
	})
}

// A full is a writer that fails after some bytes.
type full struct{ left int }

var errFull = errors.New("full")

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteErrors(t *testing.T) {
	table := randomTable(2000)
	var whole strings.Builder
	if err := table.WriteCSV(&whole); err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, 1000, whole.Len() / 2, whole.Len() - 1} {
		for _, err := range []error{table.WriteCSV(&full{left}), table.WriteJSONL(&full{left})} {
			if err != errFull {
				t.Errorf("%d bytes: error %v", left, err)
			}
		}
	}
	if err := table.WriteCSV(&full{whole.Len()}); err != nil {
		t.Error(err)
	}
}

func BenchmarkWriteCSV(b *testing.B) {
	table := NewTable(trials(1000))
	for b.Loop() {
		if err := table.WriteCSV(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
