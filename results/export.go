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
	name   string
	text   bool                                     // a string in JSON, not a number
	timing bool                                     // depends on when, where and how fast the trial ran
	value  func(b []byte, t *Table, row int) []byte // appends it; nothing if there is none
}

// data are the columns in their order.
var data = slices.Concat(
	[]datum{
		{name: "rank", value: func(b []byte, _ *Table, row int) []byte { return strconv.AppendInt(b, int64(row+1), 10) }},
		stringOf("key", func(r *Record) string { return r.Key }),
		stringOf("state", func(r *Record) string { return string(r.State) }),
		intOf("steps", func(r *Record) int { return r.Steps }),
	},
	configData(),
	[]datum{
		// Of the net that the training leaves.
		shareOf("train", (*Record).Train),
		shareOf("val", (*Record).Val),
		{name: "step", value: func(b []byte, t *Table, row int) []byte {
			if t.records[row].Step() == 0 {
				return b
			}
			return step(b, t.records[row])
		}},
		{name: "test", value: func(b []byte, t *Table, row int) []byte { return t.test(b, row, optional) }},
		// The history that the assignment prints.
		shareOf("epoch_train", func(r *Record) *float64 { return r.Accuracy.EpochTrain }),
		shareOf("epoch_val", func(r *Record) *float64 { return r.Accuracy.EpochVal }),
		shareOf("best_val", func(r *Record) *float64 { return r.Accuracy.BestVal }),
		shareOf("loss_first", func(r *Record) *float64 { return r.Loss.First }),
		shareOf("loss_last", func(r *Record) *float64 { return r.Loss.Last }),
		shareOf("loss_min", func(r *Record) *float64 { return r.Loss.Min }),
		stringOf("weights", func(r *Record) string { return r.Weights }),
		stringOf("losses", func(r *Record) string { return r.Losses }),
		stringOf("error", func(r *Record) string { return r.Error }),
	},
	timings(
		stringOf("data_name", func(r *Record) string { return r.DataName }),
		stringOf("impl", func(r *Record) string { return r.Impl }),
		intOf("block", func(r *Record) int { return r.Speed.Block }),
		floatOf("block_seconds", func(r *Record) float64 { return r.Speed.BlockSeconds }),
		intOf("workers", func(r *Record) int { return r.Speed.Workers }),
		floatOf("seconds", func(r *Record) float64 { return r.Speed.Seconds }),
		floatOf("samples_per_s", func(r *Record) float64 { return r.Speed.Samples }),
		floatOf("iters_per_s", func(r *Record) float64 { return r.Speed.Iters }),
		floatOf("flop_per_s", func(r *Record) float64 { return r.Speed.FLOPs }),
		stringOf("cpu", func(r *Record) string { return r.Machine.CPU }),
	),
)

// configData returns a column for each field of a configuration.
func configData() []datum {
	var all []datum
	for _, f := range fields {
		all = append(all, datum{name: f.name, text: f.text,
			value: func(b []byte, t *Table, row int) []byte { return f.value(b, &t.records[row].Config) }})
	}
	return all
}

func timings(all ...datum) []datum {
	for i := range all {
		all[i].timing = true
	}
	return all
}

func stringOf(name string, get func(*Record) string) datum {
	return datum{name: name, text: true, value: func(b []byte, t *Table, row int) []byte { return append(b, get(t.records[row])...) }}
}

func intOf(name string, get func(*Record) int) datum {
	return datum{name: name, value: func(b []byte, t *Table, row int) []byte {
		return strconv.AppendInt(b, int64(get(t.records[row])), 10)
	}}
}

func floatOf(name string, get func(*Record) float64) datum {
	return datum{name: name, value: func(b []byte, t *Table, row int) []byte { return appendExact(b, get(t.records[row])) }}
}

func shareOf(name string, get func(*Record) *float64) datum {
	return datum{name: name, value: func(b []byte, t *Table, row int) []byte { return optional(b, get(t.records[row])) }}
}

// optional appends a number with all its digits, if there is one.
func optional(b []byte, x *float64) []byte {
	if x == nil {
		return b
	}
	return appendExact(b, *x)
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
		e := encoder{b: b}
		var value []byte
		e.open(`{`)
		for _, c := range data {
			e.name(`"` + c.name + `":`)
			switch value = c.value(value[:0], t, row); {
			case len(value) == 0:
				e.raw(`null`)
			case c.text:
				e.string(string(value))
			default:
				e.b = append(e.b, value...)
			}
		}
		e.raw("}\n")
		return e.b, nil
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
