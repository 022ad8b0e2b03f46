package results

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A configField describes one field of a configuration. The key, the tables and their captions follow
// from the list of fields.
type configField struct {
	name     string
	optional bool // the key omits an empty value
	kind     Kind
	value    func(b []byte, c *Config) []byte // appends the exact value, or nothing if it is empty
	number   func(c *Config) float64          // returns the value if it may have many digits; else nil
	lacks    func(c *Config) bool             // reports whether there is no number; nil if there always is one
	integer  func(c *Config) (int64, bool)    // returns a whole number, if there is one; nil if only the text tells
	same     func(c, d *Config) bool          // reports whether two values have the same text; nil if only the texts tell
}

// equal reports whether two configurations have the same value.
func (f *configField) equal(c, d *Config) bool {
	if f.same != nil {
		return f.same(c, d)
	}
	var room [2][64]byte
	return bytes.Equal(f.value(room[0][:0], c), f.value(room[1][:0], d))
}

// configFields lists the fields of a configuration in the order of tables.
var configFields = []configField{
	textField("data", func(c *Config) *string { return &c.Data }),
	{
		name: "split", kind: Text,
		value: func(b []byte, c *Config) []byte { return appendInts(b, c.Split[:], '/') },
		same:  func(c, d *Config) bool { return c.Split == d.Split },
	},
	optional(textField("partition", func(c *Config) *string { return &c.Partition })),
	optional(textField("norm", func(c *Config) *string { return &c.Norm })),
	textField("pixels", func(c *Config) *string { return &c.Pixels }),
	textField("net", func(c *Config) *string { return &c.Net }),
	{
		name: "hidden", kind: Text,
		value: func(b []byte, c *Config) []byte { return appendInts(b, c.Hidden, 'x') },
		same:  func(c, d *Config) bool { return slices.Equal(c.Hidden, d.Hidden) },
	},
	floatField("lr", func(c *Config) *float64 { return &c.LR }),
	floatField("reg", func(c *Config) *float64 { return &c.Reg }),
	floatField("decay", func(c *Config) *float64 { return &c.Decay }),
	intField("batch", func(c *Config) *int { return &c.Batch }),
	intField("iters", func(c *Config) *int { return &c.Iters }),
	floatField("std", func(c *Config) *float64 { return &c.Std }),
	intField("seed", func(c *Config) *uint32 { return &c.Seed }),
	{
		name: "order", optional: true, kind: Integer,
		value: func(b []byte, c *Config) []byte {
			if c.Order == nil {
				return b
			}
			return strconv.AppendUint(b, uint64(*c.Order), 10)
		},
		same: func(c, d *Config) bool {
			return c.Order == d.Order || c.Order != nil && d.Order != nil && *c.Order == *d.Order
		},
	},
	optional(textField("rule", func(c *Config) *string { return &c.Rule })),
	{
		name: "mu", optional: true, kind: Number,
		value: func(b []byte, c *Config) []byte {
			if lacksMu(c) {
				return b
			}
			return appendExact(b, c.Mu)
		},
		number: func(c *Config) float64 { return c.Mu },
		lacks:  lacksMu,
	},
	optional(textField("division", func(c *Config) *string { return &c.Division })),
	textField("dtype", func(c *Config) *string { return &c.DType }),
	textField("class", func(c *Config) *string { return &c.Class }),
}

func lacksMu(c *Config) bool { return c.Rule == "" && c.Mu == 0 }

func textField(name string, at func(*Config) *string) configField {
	return configField{
		name:  name,
		kind:  Text,
		value: func(b []byte, c *Config) []byte { return append(b, *at(c)...) },
		same:  func(c, d *Config) bool { return *at(c) == *at(d) },
	}
}

func intField[T int | uint32](name string, at func(*Config) *T) configField {
	return configField{
		name:    name,
		kind:    Integer,
		value:   func(b []byte, c *Config) []byte { return strconv.AppendInt(b, int64(*at(c)), 10) },
		integer: func(c *Config) (int64, bool) { return int64(*at(c)), true },
		same:    func(c, d *Config) bool { return *at(c) == *at(d) },
	}
}

func floatField(name string, at func(*Config) *float64) configField {
	return configField{
		name:   name,
		kind:   Number,
		value:  func(b []byte, c *Config) []byte { return appendExact(b, *at(c)) },
		number: func(c *Config) float64 { return *at(c) },
		same:   func(c, d *Config) bool { return sameText(*at(c), *at(d)) },
	}
}

// sameText reports whether two numbers have the same text. All NaNs have one text.
func sameText(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
}

// optional returns f with the property that the key omits an empty value.
func optional(f configField) configField {
	f.optional = true
	return f
}

// byName lists the fields sorted by name.
var byName = sortedByName(append(slices.Clone(configFields), objectiveField, minimizeField, paramsField))

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
