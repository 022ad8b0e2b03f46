package results

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A configField describes one field of a configuration. The key, the tables and their captions follow
// from the list of fields.
type configField struct {
	name     string
	optional bool                             // the key omits an empty value
	text     bool                             // the value is a string in table.jsonl; else it is a number
	value    func(b []byte, c *Config) []byte // appends the exact value, or nothing if it is empty
	number   func(c *Config) float64          // returns the value if it may have many digits; else nil
}

// configFields lists the fields of a configuration in the order of tables.
var configFields = []configField{
	textField("data", func(c *Config) *string { return &c.Data }),
	{
		name: "split", text: true,
		value: func(b []byte, c *Config) []byte { return appendInts(b, c.Split[:], '/') },
	},
	textField("pixels", func(c *Config) *string { return &c.Pixels }),
	textField("net", func(c *Config) *string { return &c.Net }),
	{
		name: "hidden", text: true,
		value: func(b []byte, c *Config) []byte { return appendInts(b, c.Hidden, 'x') },
	},
	floatField("lr", func(c *Config) *float64 { return &c.LR }),
	floatField("reg", func(c *Config) *float64 { return &c.Reg }),
	floatField("decay", func(c *Config) *float64 { return &c.Decay }),
	intField("batch", func(c *Config) *int { return &c.Batch }),
	intField("iters", func(c *Config) *int { return &c.Iters }),
	floatField("std", func(c *Config) *float64 { return &c.Std }),
	{
		name:  "seed",
		value: func(b []byte, c *Config) []byte { return strconv.AppendUint(b, uint64(c.Seed), 10) },
	},
	{
		name: "order", optional: true,
		value: func(b []byte, c *Config) []byte {
			if c.Order == nil {
				return b
			}
			return strconv.AppendUint(b, uint64(*c.Order), 10)
		},
	},
	optional(textField("rule", func(c *Config) *string { return &c.Rule })),
	{
		name: "mu", optional: true,
		value: func(b []byte, c *Config) []byte {
			if c.Rule == "" && c.Mu == 0 {
				return b
			}
			return appendExact(b, c.Mu)
		},
		number: func(c *Config) float64 { return c.Mu },
	},
	optional(textField("division", func(c *Config) *string { return &c.Division })),
	textField("dtype", func(c *Config) *string { return &c.DType }),
	textField("class", func(c *Config) *string { return &c.Class }),
}

func textField(name string, at func(*Config) *string) configField {
	return configField{name: name, text: true, value: func(b []byte, c *Config) []byte { return append(b, *at(c)...) }}
}

func intField(name string, at func(*Config) *int) configField {
	return configField{name: name, value: func(b []byte, c *Config) []byte { return strconv.AppendInt(b, int64(*at(c)), 10) }}
}

func floatField(name string, at func(*Config) *float64) configField {
	return configField{
		name:   name,
		value:  func(b []byte, c *Config) []byte { return appendExact(b, *at(c)) },
		number: func(c *Config) float64 { return *at(c) },
	}
}

// optional returns f with the property that the key omits an empty value.
func optional(f configField) configField {
	f.optional = true
	return f
}

// byName lists the fields sorted by name.
var byName = sortedByName(configFields)

func sortedByName(fields []configField) []configField {
	return slices.SortedFunc(slices.Values(fields), func(a, b configField) int { return strings.Compare(a.name, b.name) })
}

// A datum is a column of the tables for programs. Its name and values are the same in all formats
// of these tables. If the table for people has a column of the same name, the values agree too.
type datum struct {
	name   string
	text   bool                                     // the value is a string in table.jsonl
	timing bool                                     // the value depends on the time, the machine or the speed of the training
	value  func(b []byte, t *Table, row int) []byte // appends the value, or nothing if there is no value
}

// data lists the columns in order.
var data = tableColumns(configFields)

// tableColumns returns the columns for records with the given fields of a configuration.
func tableColumns(config []configField) []datum {
	all := []datum{
		{name: "rank", value: func(b []byte, _ *Table, row int) []byte { return strconv.AppendInt(b, int64(row+1), 10) }},
		textOf("key", func(r *Record) string { return r.Key }),
		textOf("state", func(r *Record) string { return string(r.State) }),
		intOf("steps", func(r *Record) int { return r.Steps }),
	}
	for _, f := range config {
		all = append(all, datum{name: f.name, text: f.text,
			value: func(b []byte, t *Table, row int) []byte { return f.value(b, &t.records[row].Config) }})
	}
	return append(all,
		// Values of the final net.
		shareOf("train", (*Record).Train),
		shareOf("val", (*Record).Val),
		datum{name: "step", value: func(b []byte, t *Table, row int) []byte {
			if step := t.records[row].Step(); step > 0 {
				return strconv.AppendInt(b, int64(step), 10)
			}
			return b
		}},
		datum{name: "test", value: func(b []byte, t *Table, row int) []byte {
			if t.tested(row) {
				return appendShare(b, t.records[row].Accuracy.Test)
			}
			return b
		}},
		// The history that the assignment prints.
		shareOf("epoch_train", func(r *Record) *float64 { return r.Accuracy.EpochTrain }),
		shareOf("epoch_val", func(r *Record) *float64 { return r.Accuracy.EpochVal }),
		shareOf("best_val", func(r *Record) *float64 { return r.Accuracy.BestVal }),
		shareOf("loss_first", func(r *Record) *float64 { return r.Loss.First }),
		shareOf("loss_last", func(r *Record) *float64 { return r.Loss.Last }),
		shareOf("loss_min", func(r *Record) *float64 { return r.Loss.Min }),
		textOf("weights", func(r *Record) string { return r.Weights }),
		textOf("losses", func(r *Record) string { return r.Losses }),
		textOf("error", func(r *Record) string { return r.Error }),

		timing(textOf("data_name", func(r *Record) string { return r.DataName })),
		timing(textOf("impl", func(r *Record) string { return r.Impl })),
		timing(intOf("block", func(r *Record) int { return r.Speed.Block })),
		timing(floatOf("block_seconds", func(r *Record) float64 { return r.Speed.BlockSeconds })),
		timing(intOf("workers", func(r *Record) int { return r.Speed.Workers })),
		timing(floatOf("seconds", func(r *Record) float64 { return r.Speed.Seconds })),
		timing(floatOf("samples_per_s", func(r *Record) float64 { return r.Speed.Samples })),
		timing(floatOf("iters_per_s", func(r *Record) float64 { return r.Speed.Iters })),
		timing(floatOf("flop_per_s", func(r *Record) float64 { return r.Speed.FLOPs })),
		timing(textOf("cpu", func(r *Record) string { return r.Machine.CPU })),
		timing(textOf("ended", func(r *Record) string { return r.Ended.Format(time.RFC3339Nano) })),
	)
}

func textOf(name string, get func(*Record) string) datum {
	return datum{name: name, text: true, value: func(b []byte, t *Table, row int) []byte { return append(b, get(t.records[row])...) }}
}

func intOf(name string, get func(*Record) int) datum {
	return datum{name: name, value: func(b []byte, t *Table, row int) []byte { return strconv.AppendInt(b, int64(get(t.records[row])), 10) }}
}

func floatOf(name string, get func(*Record) float64) datum {
	return datum{name: name, value: func(b []byte, t *Table, row int) []byte { return appendExact(b, get(t.records[row])) }}
}

// shareOf returns the column of a number that may be missing.
func shareOf(name string, get func(*Record) *float64) datum {
	return datum{name: name, value: func(b []byte, t *Table, row int) []byte { return appendShare(b, get(t.records[row])) }}
}

func appendShare(b []byte, x *float64) []byte {
	if x == nil {
		return b
	}
	return appendExact(b, *x)
}

func timing(d datum) datum {
	d.timing = true
	return d
}

// appendExact appends x with the fewest digits that identify the float64.
func appendExact(b []byte, x float64) []byte { return strconv.AppendFloat(b, x, 'g', -1, 64) }

func appendInts(b []byte, all []int, between byte) []byte {
	for i, n := range all {
		if i > 0 {
			b = append(b, between)
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return b
}
