package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Param is a parameter of an objective that is not a net. It is a number or a word.
type Param struct {
	Name   string
	Number float64
	Whole  bool   // the parameter has whole numbers from −2⁵³ to 2⁵³, which are integers in tables
	Word   string // "" if the parameter is a number
}

// ParamName matches the names that parameters can have.
var ParamName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,39}$`)

// appendValue appends the number with the fewest digits that identify it, or the word.
func (p Param) appendValue(b []byte) []byte {
	if p.Word != "" {
		return append(b, p.Word...)
	}
	return appendExact(b, p.Number)
}

// Params are the parameters of a trial. In JSON, they are an object such as {"x":2.0,"n":2,"method":"bfgs"}. Only
// whole numbers have neither a point nor an exponent there.
type Params []Param

// Get returns the parameter of that name.
func (ps Params) Get(name string) (Param, bool) {
	i := slices.IndexFunc(ps, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return ps[i], true
}

// MarshalJSON returns the object in the order of the parameters.
func (ps Params) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, p := range ps {
		if i > 0 {
			b = append(b, ',')
		}
		var value any = p.Number
		if p.Word != "" {
			value = p.Word
		}
		for j, v := range []any{p.Name, value} {
			text, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			if j == 1 {
				b = append(b, ':')
			}
			b = append(b, text...)
			if j == 1 && p.Word == "" && !p.Whole && isWhole(string(text)) {
				b = append(b, ".0"...)
			}
		}
	}
	return append(b, '}'), nil
}

// isWhole reports whether a number in JSON has neither a point nor an exponent.
func isWhole(number string) bool { return !strings.ContainsAny(number, ".eE") }

// UnmarshalJSON reads an object of numbers and words. It keeps their order, and rejects a name that
// occurs twice.
func (ps *Params) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("params are %.40s, want an object", data)
	}
	*ps = nil
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		p := Param{Name: name.(string)}
		number := false
		switch v := value.(type) {
		case json.Number:
			if p.Number, err = v.Float64(); err != nil {
				return fmt.Errorf("parameter %q: %w", p.Name, err)
			}
			number, p.Whole = true, isWhole(v.String()) && math.Abs(p.Number) <= 1<<53
		case string:
			p.Word = v
		}
		if _, twice := ps.Get(p.Name); twice || !number && p.Word == "" {
			return fmt.Errorf("parameter %q occurs twice, or is neither a number nor a word", p.Name)
		}
		*ps = append(*ps, p)
	}
	return nil
}

// canonical appends the parameters in the order of their names, for keys.
func (ps Params) canonical(b []byte) []byte {
	sorted := slices.Clone(ps)
	slices.SortFunc(sorted, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	for i, p := range sorted {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendQuote(b, p.Name)
		b = append(b, '=')
		if p.Word != "" {
			b = strconv.AppendQuote(b, p.Word)
		} else {
			b = appendExact(b, p.Number)
		}
	}
	return b
}

// fieldsOf returns the fields of the records' configurations in the order of tables. Nets have the fields of
// configFields. Other objectives have a name, parameters, a number of steps and a seed, and may be minimized.
func fieldsOf(records []*Record) []configField {
	others, nets := false, false
	for _, r := range records {
		if r.Config.Objective == "" {
			nets = true
		} else {
			others = true
		}
	}
	if !others {
		return configFields
	}
	fields := []configField{objectiveField}
	if slices.ContainsFunc(records, func(r *Record) bool { return r.Config.Minimize }) {
		fields = append(fields, minimizeField)
	}
	for _, f := range configFields {
		if f.name == "seed" || f.name == "iters" {
			fields = append(fields, f)
		} else if nets {
			value, lacks := f.value, f.lacks
			f.optional, f.same, f.integer = true, nil, nil
			f.value = func(b []byte, c *Config) []byte {
				if c.Objective != "" {
					return b
				}
				return value(b, c)
			}
			f.lacks = func(c *Config) bool { return c.Objective != "" || lacks != nil && lacks(c) }
			fields = append(fields, f)
		}
	}
	seen := map[string]bool{}
	for _, r := range records {
		for _, p := range r.Config.Params {
			if !seen[p.Name] {
				seen[p.Name] = true
				f := paramField(records, p.Name)
				if slices.ContainsFunc(fields, func(g configField) bool { return g.name == f.name }) {
					f.name = "params_" + f.name // a field of nets has the name
				}
				fields = append(fields, f)
			}
		}
	}
	return fields
}

// objectiveField, minimizeField and paramsField are the fields of keys that nets do not have.
var (
	objectiveField = optional(textField("objective", func(c *Config) *string { return &c.Objective }))
	minimizeField  = configField{name: "minimize", optional: true, kind: Text,
		value: func(b []byte, c *Config) []byte {
			if c.Minimize {
				b = append(b, "true"...)
			}
			return b
		}}
	paramsField = configField{name: "params", optional: true, kind: Text,
		value: func(b []byte, c *Config) []byte { return c.Params.canonical(b) }}
)

// paramField returns the field of one parameter. Its kind is Text if a record has a word, and Integer if all numbers
// are whole.
func paramField(records []*Record, name string) configField {
	f := configField{name: name, optional: true, kind: Integer}
	for _, r := range records {
		switch p, ok := r.Config.Params.Get(name); {
		case !ok:
		case p.Word != "":
			f.kind = Text
		case !p.Whole && f.kind == Integer:
			f.kind = Number
		}
	}
	f.value = func(b []byte, c *Config) []byte {
		if p, ok := c.Params.Get(name); ok && f.kind == Integer {
			b = strconv.AppendInt(b, int64(p.Number), 10)
		} else if ok {
			b = p.appendValue(b)
		}
		return b
	}
	switch f.kind {
	case Integer:
		f.integer = func(c *Config) (int64, bool) {
			p, ok := c.Params.Get(name)
			return int64(p.Number), ok
		}
	case Number:
		f.number = func(c *Config) float64 {
			p, _ := c.Params.Get(name)
			return p.Number
		}
		f.lacks = func(c *Config) bool {
			_, ok := c.Params.Get(name)
			return !ok
		}
	}
	return f
}
