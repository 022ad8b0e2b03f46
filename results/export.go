package results

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A datum is a column of the tables for programs. Its name and values are the same in all formats
// of these tables. If the table for people has a column of the same name, the values agree too.
type datum struct {
	name         string
	text, timing bool                                     // as in recordField
	value        func(b []byte, t *Table, row int) []byte // appends the value, or nothing if there is no value
}

// data lists the columns in order.
var data = tableColumns(configFields)

// tableColumns returns the rank and the fields of records. The fields of the configuration follow the
// number of steps.
func tableColumns(config []configField) []datum {
	all := []datum{{name: "rank", value: func(b []byte, _ *Table, row int) []byte { return strconv.AppendInt(b, int64(row+1), 10) }}}
	for _, f := range recordFields {
		value := func(b []byte, t *Table, row int) []byte { return f.value(b, t.records[row]) }
		if f.column == "test" { // only for the best trial, because trials must not be chosen by test accuracy
			value = func(b []byte, t *Table, row int) []byte {
				if best, ok := t.Best(); ok && row == 0 {
					return f.value(b, best)
				}
				return b
			}
		}
		if f.column != "" {
			all = append(all, datum{f.column, f.text, f.timing, value})
		}
		if f.column == "steps" {
			for _, f := range config {
				all = append(all, datum{name: f.name, text: f.text,
					value: func(b []byte, t *Table, row int) []byte { return f.value(b, &t.records[row].Config) }})
			}
		}
	}
	return all
}

// WriteCSV writes every field and figure with all digits. Like the other tables, it has the test
// accuracy only of the best trial.
func (t *Table) WriteCSV(w io.Writer) error { return t.writeCSV(w, data) }

func (t *Table) writeCSV(w io.Writer, columns []datum) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return t.write(w, []byte(strings.Join(names, ",")+"\n"), func(b []byte, row int) ([]byte, error) {
		for i, c := range columns {
			if i > 0 {
				b = append(b, ',')
			}
			from := len(b)
			if b = c.value(b, t, row); needsQuotes(b[from:]) {
				b = quoted(b[:from], string(b[from:]))
			}
		}
		return append(b, '\n'), nil
	})
}

// WriteJSONL writes one object per line, best trial first, with the columns of the CSV. Empty CSV
// cells become null.
func (t *Table) WriteJSONL(w io.Writer) error {
	return t.write(w, nil, func(b []byte, row int) ([]byte, error) {
		for i, c := range data {
			b = append(append(append(b, []byte("{,")[min(i, 1)], '"'), c.name...), '"', ':')
			at := len(b)
			switch b = c.value(b, t, row); {
			case len(b) == at:
				b = append(b, "null"...)
			case c.text:
				b = quoteJSON(b, at)
			}
		}
		return append(b, "}\n"...), nil
	})
}

// Digest returns a hash of all columns that do not depend on when, where and how fast the trials ran.
// Equal sweeps have equal digests.
func (t *Table) Digest() string {
	h := sha256.New()
	lasting := slices.DeleteFunc(slices.Clone(data), func(c datum) bool { return c.timing })
	// Writes to a hash never fail.
	_ = t.writeCSV(h, lasting)
	return hex.EncodeToString(h.Sum(nil))
}

// quoted appends the text of a cell, in quotes if encoding/csv would quote it.
func quoted[T string | []byte](b []byte, s T) []byte {
	if !needsQuotes(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(string(s), `"`, `""`)...)
	return append(b, '"')
}

// needsQuotes reports whether encoding/csv would quote a cell.
func needsQuotes[T string | []byte](s T) bool {
	if len(s) == 0 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c == ',' || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	first, _ := utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
	return unicode.IsSpace(first) || string(s) == `\.`
}
