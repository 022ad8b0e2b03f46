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

// columns returns the columns of the tables for people: the fields that vary and the results.
func (t *Table) columns() []column {
	of := func(cell func(b []byte, r *Record) []byte) func([]byte, int) []byte {
		return func(b []byte, row int) []byte { return cell(b, t.records[row]) }
	}
	has := func(f func(r *Record) bool) bool { return slices.ContainsFunc(t.records, f) }
	cols := t.varying()
	cols = append(cols,
		column{name: "train", cell: of(func(b []byte, r *Record) []byte { return share(b, r.Train()) }), drop: 1},
		column{name: "val", cell: of(func(b []byte, r *Record) []byte { return share(b, r.Val()) })},
	)
	if has(func(r *Record) bool { return r.Val() != nil && r.Step() != r.Config.Iters }) {
		cols = append(cols, column{name: "step", cell: of(step), drop: 1})
	}
	cols = append(cols,
		column{name: "test", cell: func(b []byte, row int) []byte {
			if t.tested(row) {
				return share(b, t.records[row].Accuracy.Test)
			}
			return b
		}},
		column{name: "sec", cell: of(func(b []byte, r *Record) []byte { return strconv.AppendFloat(b, r.Speed.Seconds, 'f', 2, 64) }), drop: 2},
		column{name: "samples/s/core", cell: of(func(b []byte, r *Record) []byte {
			return strconv.AppendFloat(b, r.perCore(r.Speed.Samples), 'f', 0, 64)
		}), drop: 4},
		column{name: "GFLOP/s/core", cell: of(func(b []byte, r *Record) []byte {
			return strconv.AppendFloat(b, r.perCore(r.Speed.FLOPs)/1e9, 'f', 1, 64)
		}), drop: 3},
	)
	if has(func(r *Record) bool { return r.State != Done }) {
		cols = append(cols, column{name: "state", left: true, cell: of(func(b []byte, r *Record) []byte {
			b = append(b, r.State...)
			if r.State == Diverged || r.State == Stopped {
				b = strconv.AppendInt(append(b, " at "...), int64(r.Steps), 10)
			}
			return b
		})})
	}
	return cols
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
		cols = append(cols, column{name: f.name, cell: func(b []byte, row int) []byte {
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

// tested reports whether the tables show the test accuracy of a row. They show it only for the best
// trial, because trials must not be chosen by it.
func (t *Table) tested(row int) bool {
	_, ok := t.Best()
	return ok && row == 0
}

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
