package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A configField describes one field of a configuration. The key, the journal, the tables, their captions
// and Config.Equal follow from the list of fields.
type configField struct {
	name     string
	optional bool // whether the key and the journal omit an empty value
	text     bool // whether the value is a string in JSON; else it is a number, or json appends it
	equal    func(c, d *Config) bool
	value    func(b []byte, c *Config) []byte // appends the exact value, or nothing if it is empty
	json     func(b []byte, c *Config) []byte // appends the value in JSON; nil if text and value suffice
	number   func(c *Config) float64          // returns the value if it may have many digits; else nil
}

// configFields lists the fields of a configuration in the order of tables.
var configFields = []configField{
	textField("data", func(c *Config) *string { return &c.Data }),
	{
		name: "split", text: true,
		equal: func(c, d *Config) bool { return c.Split == d.Split },
		value: func(b []byte, c *Config) []byte { return appendInts(b, c.Split[:], '/') },
		json:  func(b []byte, c *Config) []byte { return append(appendInts(append(b, '['), c.Split[:], ','), ']') },
	},
	textField("pixels", func(c *Config) *string { return &c.Pixels }),
	textField("net", func(c *Config) *string { return &c.Net }),
	{
		name: "hidden", text: true,
		equal: func(c, d *Config) bool { return slices.Equal(c.Hidden, d.Hidden) },
		value: func(b []byte, c *Config) []byte { return appendInts(b, c.Hidden, 'x') },
		json:  func(b []byte, c *Config) []byte { return append(appendInts(append(b, '['), c.Hidden, ','), ']') },
	},
	floatField("lr", func(c *Config) *float64 { return &c.LR }),
	floatField("reg", func(c *Config) *float64 { return &c.Reg }),
	floatField("decay", func(c *Config) *float64 { return &c.Decay }),
	intField("batch", func(c *Config) *int { return &c.Batch }),
	intField("iters", func(c *Config) *int { return &c.Iters }),
	floatField("std", func(c *Config) *float64 { return &c.Std }),
	{
		name:  "seed",
		equal: func(c, d *Config) bool { return c.Seed == d.Seed },
		value: func(b []byte, c *Config) []byte { return strconv.AppendUint(b, uint64(c.Seed), 10) },
	},
	{
		name: "order", optional: true,
		equal: func(c, d *Config) bool {
			return c.Order == d.Order || c.Order != nil && d.Order != nil && *c.Order == *d.Order
		},
		value: func(b []byte, c *Config) []byte {
			if c.Order == nil {
				return b
			}
			return strconv.AppendUint(b, uint64(*c.Order), 10)
		},
	},
	optional(textField("rule", func(c *Config) *string { return &c.Rule })),
	optional(only(func(c *Config) bool { return c.Rule != "" || c.Mu != 0 },
		floatField("mu", func(c *Config) *float64 { return &c.Mu }))),
	optional(textField("division", func(c *Config) *string { return &c.Division })),
	textField("dtype", func(c *Config) *string { return &c.DType }),
	textField("class", func(c *Config) *string { return &c.Class }),
}

func textField(name string, at func(*Config) *string) configField {
	return configField{
		name: name, text: true,
		equal: func(c, d *Config) bool { return *at(c) == *at(d) },
		value: func(b []byte, c *Config) []byte { return append(b, *at(c)...) },
	}
}

func intField(name string, at func(*Config) *int) configField {
	return configField{
		name:  name,
		equal: func(c, d *Config) bool { return *at(c) == *at(d) },
		value: func(b []byte, c *Config) []byte { return strconv.AppendInt(b, int64(*at(c)), 10) },
	}
}

func floatField(name string, at func(*Config) *float64) configField {
	return configField{
		name:   name,
		equal:  func(c, d *Config) bool { return *at(c) == *at(d) },
		value:  func(b []byte, c *Config) []byte { return appendExact(b, *at(c)) },
		number: func(c *Config) float64 { return *at(c) },
	}
}

// optional returns f with the property that the key and the journal omit an empty value.
func optional(f configField) configField {
	f.optional = true
	return f
}

// only returns f with an empty value for configurations for which has returns false.
func only(has func(*Config) bool, f configField) configField {
	value := f.value
	f.value = func(b []byte, c *Config) []byte {
		if !has(c) {
			return b
		}
		return value(b, c)
	}
	return f
}

// byName lists the fields sorted by name.
var byName = sortedByName(configFields)

func sortedByName(fields []configField) []configField {
	return slices.SortedFunc(slices.Values(fields), func(a, b configField) int { return strings.Compare(a.name, b.name) })
}

// A recordField describes one field of a record: in the journal, in the tables for programs, or in both.
type recordField struct {
	group    string // name of the nested object in the journal's record; empty for the record itself
	name     string // name in the journal; empty for a value that follows from other fields
	column   string // name in table.csv and table.jsonl; empty if the tables lack the field
	optional bool   // whether the journal omits an empty value
	text     bool   // whether the value is a string in JSON
	timing   bool   // whether the value depends on when, where and how fast the trial ran
	value    func(b []byte, r *Record) []byte
}

// recordFields lists the fields of a record except the configuration, in the order of the tables.
var recordFields = slices.Concat(
	[]recordField{
		textOf("key", func(r *Record) string { return r.Key }),
		textOf("state", func(r *Record) string { return string(r.State) }),
		intOf("steps", func(r *Record) int { return r.Steps }),
	},
	in("", []recordField{ // values of the final net
		{column: "train", value: shareOf((*Record).Train)},
		{column: "val", value: shareOf((*Record).Val)},
		{column: "step", value: func(b []byte, r *Record) []byte { return appendPositive(b, r.Step()) }},
	}),
	in("accuracy", []recordField{
		{name: "test", column: "test", optional: true, value: shareOf(func(r *Record) *float64 { return r.Accuracy.Test })},
		// The history that the assignment prints.
		{name: "train", column: "epoch_train", optional: true, value: shareOf(func(r *Record) *float64 { return r.Accuracy.EpochTrain })},
		{name: "val", column: "epoch_val", optional: true, value: shareOf(func(r *Record) *float64 { return r.Accuracy.EpochVal })},
		{name: "best_val", column: "best_val", optional: true, value: shareOf(func(r *Record) *float64 { return r.Accuracy.BestVal })},
		{name: "final_val", optional: true, value: shareOf(func(r *Record) *float64 { return r.Accuracy.FinalVal })},
		{name: "final_train", optional: true, value: shareOf(func(r *Record) *float64 { return r.Accuracy.FinalTrain })},
		{name: "final_step", optional: true, value: func(b []byte, r *Record) []byte { return appendPositive(b, r.Accuracy.FinalStep) }},
	}),
	in("loss", []recordField{
		{name: "first", column: "loss_first", optional: true, value: shareOf(func(r *Record) *float64 { return r.Loss.First })},
		{name: "last", column: "loss_last", optional: true, value: shareOf(func(r *Record) *float64 { return r.Loss.Last })},
		{name: "min", column: "loss_min", optional: true, value: shareOf(func(r *Record) *float64 { return r.Loss.Min })},
	}),
	[]recordField{
		{name: "race", optional: true, text: true, value: func(b []byte, r *Record) []byte { return append(b, r.Race...) }},
		{name: "rungs", optional: true, value: func(b []byte, r *Record) []byte { return appendRungs(b, r.Rungs) }},
		{name: "weights", column: "weights", optional: true, text: true, value: func(b []byte, r *Record) []byte { return append(b, r.Weights...) }},
		{name: "losses", column: "losses", optional: true, text: true, value: func(b []byte, r *Record) []byte { return append(b, r.Losses...) }},
		{name: "error", column: "error", optional: true, text: true, value: func(b []byte, r *Record) []byte { return append(b, r.Error...) }},
	},
	timings("", []recordField{
		textOf("data_name", func(r *Record) string { return r.DataName }),
		textOf("impl", func(r *Record) string { return r.Impl }),
	}),
	timings("speed", []recordField{
		intOf("block", func(r *Record) int { return r.Speed.Block }),
		floatOf("block_seconds", func(r *Record) float64 { return r.Speed.BlockSeconds }),
		intOf("workers", func(r *Record) int { return r.Speed.Workers }),
		floatOf("seconds", func(r *Record) float64 { return r.Speed.Seconds }),
		floatOf("samples_per_s", func(r *Record) float64 { return r.Speed.Samples }),
		floatOf("iters_per_s", func(r *Record) float64 { return r.Speed.Iters }),
		floatOf("flop_per_s", func(r *Record) float64 { return r.Speed.FLOPs }),
		journalOnly(floatOf("peak_flop_per_s", func(r *Record) float64 { return r.Speed.Peak })),
		journalOnly(intOf("cores", func(r *Record) int { return r.Speed.Cores })),
	}),
	timings("machine", []recordField{
		textOf("cpu", func(r *Record) string { return r.Machine.CPU }),
		journalOnly(textOf("features", func(r *Record) string { return r.Machine.Features })),
		journalOnly(intOf("cores", func(r *Record) int { return r.Machine.Cores })),
		journalOnly(textOf("platform", func(r *Record) string { return r.Machine.Platform })),
		journalOnly(textOf("go", func(r *Record) string { return r.Machine.Go })),
		journalOnly(textOf("detail", func(r *Record) string { return r.Machine.Detail })),
	}),
	timings("", []recordField{
		{name: "ended", text: true, value: func(b []byte, r *Record) []byte {
			// appendRecord returns an error for times that have no text, such as a year of five digits.
			if text, err := r.Ended.AppendText(b); err == nil {
				return text
			}
			return b
		}},
	}),
)

// The next functions return fields that have the same name in the journal and in the tables.

func textOf(name string, get func(*Record) string) recordField {
	return recordField{name: name, column: name, text: true, value: func(b []byte, r *Record) []byte { return append(b, get(r)...) }}
}

func intOf(name string, get func(*Record) int) recordField {
	return recordField{name: name, column: name, value: func(b []byte, r *Record) []byte { return strconv.AppendInt(b, int64(get(r)), 10) }}
}

func floatOf(name string, get func(*Record) float64) recordField {
	return recordField{name: name, column: name, value: func(b []byte, r *Record) []byte { return appendExact(b, get(r)) }}
}

func journalOnly(f recordField) recordField {
	f.column = ""
	return f
}

// in puts fields into a nested object of the journal's record.
func in(group string, all []recordField) []recordField {
	for i := range all {
		all[i].group = group
	}
	return all
}

func timings(group string, all []recordField) []recordField {
	for i := range all {
		all[i].timing = true
	}
	return in(group, all)
}

// shareOf returns a function that appends a number, or nothing if the number is missing.
func shareOf(get func(*Record) *float64) func(b []byte, r *Record) []byte {
	return func(b []byte, r *Record) []byte {
		if x := get(r); x != nil {
			return appendExact(b, *x)
		}
		return b
	}
}

// appendRecord appends r in the JSON of the journal, which encoding/json can read. It does not use
// encoding/json, because a sweep of tiny nets writes each record twice, and reflection would take longer
// than the training.
func appendRecord(b []byte, r *Record) ([]byte, error) {
	for _, rung := range r.Rungs {
		if math.IsNaN(rung.Val) || math.IsInf(rung.Val, 0) {
			return b, fmt.Errorf("the accuracy after %d steps is %g, which JSON cannot represent", rung.Step, rung.Val)
		}
	}
	if _, err := r.Ended.MarshalText(); err != nil {
		return b, err
	}
	from, group, first := len(b), "", true
	name := func(name string) {
		if !first {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), '"', ':')
		first = false
	}
	b = append(b, '{')
	for i := range recordFields {
		f := &recordFields[i]
		if f.name == "" {
			continue
		}
		if f.group != group {
			if group != "" {
				b, first = append(b, '}'), false
			}
			if group = f.group; group != "" {
				name(group)
				b, first = append(b, '{'), true
			}
		}
		before, wasFirst := len(b), first
		name(f.name)
		at := len(b)
		if b = f.value(b, r); len(b) == at && f.optional {
			b, first = b[:before], wasFirst
			continue
		}
		if f.text {
			b = quoteJSON(b, at)
		} else if !isJSON(b[at:]) {
			return b[:from], fmt.Errorf("%s %s is %s, which JSON cannot represent", f.group, f.name, b[at:])
		}
		if f.name == "state" {
			name("config")
			var err error
			if b, err = appendConfig(b, &r.Config); err != nil {
				return b[:from], err
			}
		}
	}
	return append(b, '}'), nil
}

func appendConfig(b []byte, c *Config) ([]byte, error) {
	b = append(b, '{')
	for i := range configFields {
		f := &configFields[i]
		before := len(b)
		if b[before-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), f.name...), '"', ':')
		at := len(b)
		switch {
		case f.json != nil:
			b = f.json(b, c)
		case f.text:
			b = f.value(b, c)
		default:
			if b = f.value(b, c); len(b) > at && !isJSON(b[at:]) {
				return nil, fmt.Errorf("%s is %s, which JSON cannot represent", f.name, b[at:])
			}
		}
		switch {
		case len(b) == at && f.optional:
			b = b[:before]
		case f.text && f.json == nil:
			b = quoteJSON(b, at)
		}
	}
	return append(b, '}'), nil
}

// isJSON reports whether the text of a number or a list is valid JSON. The texts of NaN and infinities are
// not.
func isJSON(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("-"))
	return len(text) > 0 && (text[0] >= '0' && text[0] <= '9' || text[0] == '[')
}

// quoteJSON replaces the text from index at of b by a JSON string.
func quoteJSON(b []byte, at int) []byte {
	for _, c := range b[at:] {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			var text bytes.Buffer
			e := json.NewEncoder(&text)
			e.SetEscapeHTML(false)
			_ = e.Encode(string(b[at:])) // cannot fail: strings have a JSON form, and the buffer accepts all writes
			return append(b[:at], bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
		}
	}
	return append(slices.Insert(b, at, '"'), '"')
}

// appendExact appends x with the fewest digits that identify the float64.
func appendExact(b []byte, x float64) []byte { return strconv.AppendFloat(b, x, 'g', -1, 64) }

// appendPositive appends n, or nothing if n is 0, which means that it was not recorded.
func appendPositive(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(b, int64(n), 10)
}

func appendInts(b []byte, all []int, between byte) []byte {
	for i, n := range all {
		if i > 0 {
			b = append(b, between)
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return b
}

// appendRungs appends rungs as a list in JSON, or nothing if there are no rungs.
func appendRungs(b []byte, rungs []Rung) []byte {
	for i, r := range rungs {
		b = append(b, []byte("[,")[min(i, 1)])
		b = append(strconv.AppendInt(append(b, `{"step":`...), int64(r.Step), 10), `,"val":`...)
		b = append(appendExact(b, r.Val), '}')
	}
	if len(rungs) > 0 {
		b = append(b, ']')
	}
	return b
}
