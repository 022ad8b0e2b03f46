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

// A datum is a column of the tables that programs read. It has the same name and the same value
// in each of their formats, and where the table that people read has a column of that name,
// its value there.
type datum struct {
	name         string
	text, timing bool                                     // as in recordField
	value        func(b []byte, t *Table, row int) []byte // appends it; nothing if there is none
}

// data are the columns in their order.
var data = tableColumns(configFields)

// tableColumns returns the rank and what the fields say. The configuration follows the number of steps.
func tableColumns(config []configField) []datum {
	all := []datum{{name: "rank", value: func(b []byte, _ *Table, row int) []byte { return strconv.AppendInt(b, int64(row+1), 10) }}}
	for _, f := range recordFields {
		value := func(b []byte, t *Table, row int) []byte { return f.value(b, t.records[row]) }
		if f.column == "test" { // of the best trial alone, so that nobody chooses by it
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

// WriteCSV writes every field and figure with all its digits. Like the other
// tables it has the test accuracy of the best trial only.
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

// WriteJSONL writes an object a line, best trial first, with the columns of the CSV. What is
// empty there is null here.
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

// Digest returns a hash of all that does not depend on when, where and how fast
// the trials ran. Equal sweeps have equal digests.
func (t *Table) Digest() string {
	h := sha256.New()
	lasting := slices.DeleteFunc(slices.Clone(data), func(c datum) bool { return c.timing })
	// A hash takes all that is written to it.
	_ = t.writeCSV(h, lasting)
	return hex.EncodeToString(h.Sum(nil))
}

// quoted appends the text of a cell, in quotes where encoding/csv has them.
func quoted[T string | []byte](b []byte, s T) []byte {
	if !needsQuotes(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(string(s), `"`, `""`)...)
	return append(b, '"')
}

// needsQuotes reports whether a cell does not stand for itself.
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
