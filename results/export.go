package results

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
)

// WriteCSV writes every field and result with all digits. As in the other tables, only the best
// trial has a test accuracy.
func (t *Table) WriteCSV(w io.Writer) error { return t.writeCSV(w, data) }

func (t *Table) writeCSV(w io.Writer, columns []datum) error {
	out := csv.NewWriter(w)
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.name
	}
	_ = out.Write(cells) // an error of the writer remains, and Error returns it
	var b []byte
	ends := make([]int, len(columns))
	for row := range t.records {
		b = b[:0]
		for i, c := range columns {
			b = c.value(b, t, row)
			ends[i] = len(b)
		}
		line, at := string(b), 0
		for i, end := range ends {
			cells[i], at = line[at:end], end
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return out.Error()
}

// WriteJSONL writes one object per line, best trial first, with the columns of the CSV. Empty CSV
// cells become null.
func (t *Table) WriteJSONL(w io.Writer) error {
	out := bufio.NewWriter(w)
	var b []byte
	for row := range t.records {
		b = b[:0]
		for i, c := range data {
			b = append(append(append(b, "{,"[min(i, 1)], '"'), c.name...), '"', ':')
			at := len(b)
			switch b = c.value(b, t, row); {
			case len(b) == at:
				b = append(b, "null"...)
			case c.text:
				b = quoteJSON(b, at)
			}
		}
		out.Write(append(b, "}\n"...))
	}
	return out.Flush()
}

// Digest returns a hash of all columns that do not depend on the time, the machine or the speed of
// a training. Equal sweeps have equal digests.
func (t *Table) Digest() string {
	h := sha256.New()
	lasting := slices.DeleteFunc(slices.Clone(data), func(c datum) bool { return c.timing })
	// Writes to a hash never fail.
	_ = t.writeCSV(h, lasting)
	return hex.EncodeToString(h.Sum(nil))
}

// quoteJSON replaces the text from index at of b by a JSON string.
func quoteJSON(b []byte, at int) []byte {
	special := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
	if bytes.ContainsFunc(b[at:], special) {
		text, _ := json.Marshal(string(b[at:])) // cannot fail, because strings have a JSON form
		return append(b[:at], text...)
	}
	return append(slices.Insert(b, at, '"'), '"')
}
