package results

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A column is a heading and the cell of each record.
type column struct {
	name string
	cell func(b []byte, row int) []byte // appends the cell
	left bool                           // cells are left-aligned
	drop int                            // priority for removal if the table is too wide: highest first, 0 never
}

// Priorities for the removal of columns. First go the speeds, then other figures, and then the fields of the
// configuration. The figure by which rows are ranked and the state always stay.
const (
	dropRate    = 1 + iota // the learning rate, if it varies
	dropVarying            // other fields that vary
	dropTied
	dropConstant // fields that do not vary
	dropTest
	dropCount // the number of seeds
	dropDiff
	dropStep
	dropTrain
	dropRange // the best and the worst seed
	dropSeconds
	dropFLOPs
	dropSamples
)

// shown returns the columns of the tables for people: the fields that vary and the results.
func (t *Table) shown() []column {
	of := func(cell func(b []byte, r *Record) []byte) func([]byte, int) []byte {
		return func(b []byte, row int) []byte { return cell(b, t.records[row]) }
	}
	has := func(f func(r *Record) bool) bool { return slices.ContainsFunc(t.records, f) }
	cols := t.varying()
	if !t.others() {
		cols = append(cols, column{name: "train", cell: of(func(b []byte, r *Record) []byte { return share(b, r.Train()) }), drop: dropTrain})
	}
	cols = append(cols, column{name: "val", cell: of(value)})
	if has(func(r *Record) bool { return r.Val() != nil && r.Step() != r.Config.Iters }) {
		cols = append(cols, column{name: "step", cell: of(step), drop: dropStep})
	}
	seconds := column{name: "sec", cell: of(func(b []byte, r *Record) []byte { return strconv.AppendFloat(b, r.Speed.Seconds, 'f', 2, 64) }), drop: dropSeconds}
	if t.others() {
		return append(append(cols, seconds), t.states()...)
	}
	cols = append(cols,
		column{name: "test", drop: dropTest, cell: func(b []byte, row int) []byte {
			if t.tested(row) {
				return share(b, t.records[row].Accuracy.Test)
			}
			return b
		}},
		seconds,
		column{name: "samples/s/core", cell: of(func(b []byte, r *Record) []byte {
			return strconv.AppendFloat(b, r.perCore(r.Speed.Samples), 'f', 0, 64)
		}), drop: dropSamples},
		column{name: "GFLOP/s/core", cell: of(func(b []byte, r *Record) []byte {
			return strconv.AppendFloat(b, r.perCore(r.Speed.FLOPs)/1e9, 'f', 1, 64)
		}), drop: dropFLOPs},
	)
	return append(cols, t.states()...)
}

// states returns the column of states, or nothing if all trials are done.
func (t *Table) states() []column {
	if !slices.ContainsFunc(t.records, func(r *Record) bool { return r.State != Done }) {
		return nil
	}
	return []column{{name: "state", left: true, cell: func(b []byte, row int) []byte {
		r := t.records[row]
		b = append(b, r.State...)
		if r.State == Diverged || r.State == Stopped {
			b = strconv.AppendInt(append(b, " at "...), int64(r.Steps), 10)
		}
		return b
	}}}
}

// others reports whether the table has trials of objectives that are not nets.
func (t *Table) others() bool { return len(t.fields) > 0 && t.fields[0].name == objectiveField.name }

// value appends the value of a trial: an accuracy in the format of the assignment, or a number with six digits.
func value(b []byte, r *Record) []byte {
	if r.Config.Objective == "" || r.Val() == nil {
		return share(b, r.Val())
	}
	return strconv.AppendFloat(b, *r.Val(), 'g', fewDigits, 64)
}

// varying returns the fields that vary. Numbers have six digits if these distinguish all values.
func (t *Table) varying() []column {
	var cols []column
	for _, f := range t.vary {
		digits := fewDigits
		if f.number != nil {
			var all []float64
			for _, r := range t.records {
				all = append(all, f.number(&r.Config))
			}
			digits = Digits(fewDigits, all)
		}
		drop := dropVarying
		switch {
		case !t.varies(f):
			drop = dropConstant
		case f.name == "lr":
			drop = dropRate
		}
		cols = append(cols, column{name: f.name, drop: drop, cell: func(b []byte, row int) []byte {
			r := t.records[row]
			if f.name == "data" {
				return fmt.Appendf(b, "%s (%.8s)", r.DataName, r.Config.Data)
			}
			n := len(b)
			switch b = f.value(b, &r.Config); {
			case len(b) == n && f.name == "division":
				b = append(b, "floor"...) // configurations omit this default
			case len(b) == n:
				b = append(b, '-')
			case f.number != nil:
				b = strconv.AppendFloat(b[:n], f.number(&r.Config), 'g', digits, 64)
			}
			return b
		}})
	}
	return cols
}

// brief returns the column of a table for people with the values of c. It is one of the usual columns if that
// has the name. Otherwise numbers have six digits if these distinguish all values, and hashes have twelve
// characters.
func (t *Table) brief(c Column, usual []column) column {
	if i := slices.IndexFunc(usual, func(u column) bool { return u.name == c.Name }); i >= 0 {
		return usual[i]
	}
	digits := fewDigits
	if c.Kind == Number {
		var all []float64
		for row := range t.Len() {
			if x, ok := c.Number(row); ok {
				all = append(all, x)
			}
		}
		digits = Digits(fewDigits, all)
	}
	hash := slices.Contains([]string{"key", "data", "weights", "losses"}, c.Name)
	return column{name: c.Name, left: c.Kind == Text, cell: func(b []byte, row int) []byte {
		n := len(b)
		switch b = c.Append(b, row); {
		case len(b) == n:
			b = append(b, '-')
		case hash:
			b = b[:min(len(b), n+12)]
		case c.Kind == Number:
			x, _ := c.Number(row)
			b = strconv.AppendFloat(b[:n], x, 'g', digits, 64)
		}
		return b
	}}
}

// tested reports whether the tables show the test accuracy of a row. They show it only for the best
// trial, or for all seeds of the best setting, because trials must not be chosen by it.
func (t *Table) tested(row int) bool { return t.tests[t.records[row]] }

// share appends an accuracy in the format of the assignment.
func share(b []byte, a *float64) []byte {
	if a == nil {
		return append(b, '-')
	}
	return strconv.AppendFloat(b, *a, 'f', 4, 64)
}

// step appends the step to which the accuracies in the same row belong.
func step(b []byte, r *Record) []byte {
	if r.Step() == 0 {
		return append(b, '-')
	}
	return strconv.AppendInt(b, int64(r.Step()), 10)
}

// A Kind is the type of the values of a [Column].
type Kind int

const (
	Text    Kind = iota
	Integer      // a whole number
	Number       // a float64
)

// A Role says what the values of a [Column] tell about a trial.
type Role int

const (
	Outcome   Role = iota // how the trial ended; the same on every machine
	Parameter             // a field of the configuration
	Timing                // depends on the time, the machine or the speed of the training
)

// A Column is a column of the tables for programs. Its name and values are the same in all formats
// of these tables. If the table for people has a column of the same name, the values agree too.
//
// The methods take a row, which is a number from 0 to Table.Len() − 1. Numbers are those of the exact
// text, so no two formats can differ.
type Column struct {
	Name string
	Kind Kind
	Role Role

	value   func(b []byte, t *Table, row int) []byte     // appends the exact text of the value, or nothing if there is no value
	integer func(t *Table, row int) (n int64, ok bool)   // the number of that text; nil if it is read from the text
	number  func(t *Table, row int) (x float64, ok bool) // likewise
	table   *Table
}

// NewColumn returns a column with values that are not in the records. The function value appends the
// exact text of a value, or nothing if there is no value.
func NewColumn(name string, kind Kind, value func(b []byte, row int) []byte) Column {
	return Column{Name: name, Kind: kind, value: func(b []byte, _ *Table, row int) []byte { return value(b, row) }}
}

// Columns returns the columns in order.
func (t *Table) Columns() []Column {
	all := slices.Clone(columns)
	if t.others() {
		all = tableColumns(t.fields)
	}
	for i := range all {
		all[i].table = t
	}
	return all
}

// Append appends the exact text of a value, which is the cell of the CSV. It appends nothing if there
// is no value. A number has the fewest digits that identify the float64.
func (c *Column) Append(b []byte, row int) []byte { return c.value(b, c.table, row) }

// Text returns the exact text of a value. It reports false if there is no value.
func (c *Column) Text(row int) (string, bool) {
	b := c.Append(nil, row)
	return string(b), len(b) > 0
}

// Integer returns a value of a column of kind Integer. It reports false if there is no value.
func (c *Column) Integer(row int) (int64, bool) {
	if c.integer != nil {
		return c.integer(c.table, row)
	}
	n, err := strconv.ParseInt(string(c.Append(nil, row)), 10, 64)
	return n, err == nil
}

// Number returns a value of a column of kind Integer or Number. It reports false if there is no value.
func (c *Column) Number(row int) (float64, bool) {
	switch {
	case c.integer != nil:
		n, ok := c.integer(c.table, row)
		return float64(n), ok
	case c.number != nil:
		return c.number(c.table, row)
	}
	x, err := strconv.ParseFloat(string(c.Append(nil, row)), 64)
	return x, err == nil
}

// columns lists the columns in order, without their table.
var columns = tableColumns(configFields)

// tableColumns returns the columns for records with the given fields of a configuration.
func tableColumns(config []configField) []Column {
	all := []Column{
		integers("rank", func(t *Table, row int) (int64, bool) { return int64(t.Rank(row)), true }),
		textOf("key", func(r *Record) string { return r.Key }),
		textOf("state", func(r *Record) string { return string(r.State) }),
		intOf("steps", func(r *Record) int { return r.Steps }),
	}
	for _, f := range config {
		c := Column{Name: f.name, Kind: f.kind, Role: Parameter,
			value: func(b []byte, t *Table, row int) []byte { return f.value(b, &t.records[row].Config) }}
		if f.integer != nil {
			c.integer = func(t *Table, row int) (int64, bool) { return f.integer(&t.records[row].Config) }
		}
		if f.number != nil {
			c.number = func(t *Table, row int) (float64, bool) {
				of := &t.records[row].Config
				return f.number(of), f.lacks == nil || !f.lacks(of)
			}
		}
		all = append(all, c)
	}
	return append(all,
		// Values of the final net.
		shareOf("train", (*Record).Train),
		shareOf("val", (*Record).Val),
		integers("step", func(t *Table, row int) (int64, bool) {
			step := t.records[row].Step()
			return int64(step), step > 0
		}),
		sharesOf("test", func(t *Table, row int) *float64 {
			if !t.tested(row) {
				return nil
			}
			return t.records[row].Accuracy.Test
		}),
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

func textOf(name string, get func(*Record) string) Column {
	return Column{Name: name, Kind: Text, value: func(b []byte, t *Table, row int) []byte { return append(b, get(t.records[row])...) }}
}

func intOf(name string, get func(*Record) int) Column {
	return integers(name, func(t *Table, row int) (int64, bool) { return int64(get(t.records[row])), true })
}

func integers(name string, get func(t *Table, row int) (n int64, ok bool)) Column {
	value := func(b []byte, t *Table, row int) []byte {
		if n, ok := get(t, row); ok {
			b = strconv.AppendInt(b, n, 10)
		}
		return b
	}
	return Column{Name: name, Kind: Integer, value: value, integer: get}
}

func floatOf(name string, get func(*Record) float64) Column {
	return Column{Name: name, Kind: Number,
		value:  func(b []byte, t *Table, row int) []byte { return appendExact(b, get(t.records[row])) },
		number: func(t *Table, row int) (float64, bool) { return get(t.records[row]), true }}
}

// shareOf returns the column of a number that may be missing.
func shareOf(name string, get func(*Record) *float64) Column {
	return sharesOf(name, func(t *Table, row int) *float64 { return get(t.records[row]) })
}

func sharesOf(name string, get func(t *Table, row int) *float64) Column {
	return Column{Name: name, Kind: Number,
		value: func(b []byte, t *Table, row int) []byte {
			if x := get(t, row); x != nil {
				b = appendExact(b, *x)
			}
			return b
		},
		number: func(t *Table, row int) (float64, bool) {
			if x := get(t, row); x != nil {
				return *x, true
			}
			return 0, false
		}}
}

func timing(c Column) Column {
	c.Role = Timing
	return c
}
