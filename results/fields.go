package results

import (
	"slices"
	"strconv"
	"strings"
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
	intField("seed", func(c *Config) *uint32 { return &c.Seed }),
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

func intField[T int | uint32](name string, at func(*Config) *T) configField {
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
