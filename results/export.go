package results

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"

	"fusegrid/internal/ordered"
)

// WriteCSV writes every field and result with all digits. As in the other tables, only the best
// trial, or all seeds of the best setting, have a test accuracy.
func (t *Table) WriteCSV(w io.Writer) error { return WriteCSV(w, t.Len(), t.Columns()) }

// WriteCSV writes the values of some columns in the first rows of their table, with all digits. It calls the
// functions of columns on all cores.
func WriteCSV(w io.Writer, rows int, columns []Column) error {
	var head []byte
	for i, c := range columns {
		if i > 0 {
			head = append(head, ',')
		}
		at := len(head)
		head = quoteCSV(append(head, c.Name...), at)
	}
	if _, err := w.Write(append(head, '\n')); err != nil {
		return err
	}
	return writeRows(w, rows, func(b []byte, row int) []byte {
		for i := range columns {
			if i > 0 {
				b = append(b, ',')
			}
			at := len(b)
			if b = columns[i].Append(b, row); columns[i].Kind == Text {
				b = quoteCSV(b, at)
			}
		}
		return append(b, '\n')
	})
}

// WriteJSONL writes one object per line, best trial first, with the columns of the CSV. Empty CSV
// cells become null.
func (t *Table) WriteJSONL(w io.Writer) error { return WriteJSONL(w, t.Len(), t.Columns()) }

// WriteJSONL writes the values of some columns in the first rows of their table as one object per line.
// A missing value is null. It calls the functions of columns on all cores.
func WriteJSONL(w io.Writer, rows int, columns []Column) error {
	return writeRows(w, rows, func(b []byte, row int) []byte {
		for i := range columns {
			c := &columns[i]
			b = append(append(append(b, "{,"[min(i, 1)], '"'), c.Name...), '"', ':')
			at := len(b)
			switch b = c.Append(b, row); {
			case len(b) == at:
				b = append(b, "null"...)
			case c.Kind == Text:
				b = quoteJSON(b, at)
			}
		}
		return append(b, "}\n"...)
	})
}

// writeRows writes the texts of rows in order. It makes them on all cores.
func writeRows(w io.Writer, rows int, appendRow func(b []byte, row int) []byte) error {
	const each = 256 // rows of one write
	fill := func(i int, b *[]byte) {
		*b = (*b)[:0]
		for row := i * each; row < min((i+1)*each, rows); row++ {
			*b = appendRow(*b, row)
		}
	}
	return ordered.Do((rows+each-1)/each, fill, func(_ int, b *[]byte) error {
		_, err := w.Write(*b)
		return err
	})
}

// quoteCSV quotes the text from index at of b if a CSV requires that, as encoding/csv does.
func quoteCSV(b []byte, at int) []byte {
	text := b[at:]
	if plainCSV(text) {
		return b
	}
	first, _ := utf8.DecodeRune(text)
	if !bytes.ContainsAny(text, ",\"\r\n") && !unicode.IsSpace(first) && string(text) != `\.` {
		return b
	}
	text = bytes.ReplaceAll(text, []byte(`"`), []byte(`""`))
	return append(append(append(b[:at], '"'), text...), '"')
}

// plainCSV reports whether a text is ASCII that needs no quotes, as nearly all texts are.
func plainCSV(text []byte) bool {
	for i, c := range text {
		if c < ' ' || c > '~' || c == ' ' && i == 0 || c == ',' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Digest returns a hash of all columns that do not depend on the time, the machine or the speed of
// a training. Equal sweeps have equal digests.
func (t *Table) Digest() string {
	h := sha256.New()
	lasting := slices.DeleteFunc(t.Columns(), func(c Column) bool { return c.Role == Timing })
	// Writes to a hash never fail.
	_ = WriteCSV(h, t.Len(), lasting)
	return hex.EncodeToString(h.Sum(nil))
}

// quoteJSON replaces the text from index at of b by a JSON string.
func quoteJSON(b []byte, at int) []byte {
	for _, c := range b[at:] {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(string(b[at:])) // cannot fail, because strings have a JSON form
			return append(b[:at], text...)
		}
	}
	return append(slices.Insert(b, at, '"'), '"')
}
