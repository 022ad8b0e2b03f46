package export

import (
	"bytes"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"fusegrid/internal/ordered"
	"fusegrid/results"
)

// writeParquet writes one row group. All columns are optional: a missing value is null. A Text is a
// UTF-8 string, an Integer an INT64 and a Number a DOUBLE.
func writeParquet(w io.Writer, s Source) error {
	columns, rows := s.Table.Columns(), s.Table.Len()
	few := repetitive(columns, rows)
	root := orderedGroup{Group: parquet.Group{}}
	for i := range columns {
		root.add(columns[i].Name, parquetNode(columns[i].Kind, few[i]))
	}
	out := parquet.NewWriter(w, parquet.NewSchema("trials", &root),
		parquet.Compression(&parquet.Snappy), parquet.KeyValueMetadata("format", Version))
	to := out.ColumnWriters()
	fill := func(i int, v *parquetValues) { v.fill(columns, i*batch, min((i+1)*batch, rows)) }
	err := ordered.Do((rows+batch-1)/batch, fill, func(_ int, v *parquetValues) error {
		for i, values := range v.columns {
			if _, err := to[i].WriteRowValues(values); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// parquetNode returns the type of a column. A column that has few texts has a dictionary.
func parquetNode(kind results.Kind, few bool) parquet.Node {
	switch kind {
	case results.Integer:
		return parquet.Optional(parquet.Int(64))
	case results.Number:
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	}
	text := parquet.String()
	if few {
		text = parquet.Encoded(text, &parquet.RLEDictionary)
	}
	return parquet.Optional(text)
}

// repetitive reports of each column whether it has few different texts, so that a dictionary is shorter.
func repetitive(columns []results.Column, rows int) []bool {
	const most = 256
	few := make([]bool, len(columns))
	seen := make([]map[string]bool, len(columns))
	last := make([][]byte, len(columns)) // nearly all texts of some columns are equal
	for i := range columns {
		few[i], seen[i] = columns[i].Kind == results.Text, map[string]bool{}
	}
	var b []byte
	for from, to := range blocks(rows) {
		for i := range columns {
			for row := from; row < to && few[i]; row++ {
				b = columns[i].Append(b[:0], row)
				if row > 0 && bytes.Equal(b, last[i]) {
					continue
				}
				last[i] = append(last[i][:0], b...)
				if !seen[i][string(b)] {
					seen[i][string(b)] = true
				}
				few[i] = len(seen[i]) <= most
			}
		}
	}
	return few
}

// batch is the number of rows that are written together.
const batch = 1024

// parquetValues are the values of some rows.
type parquetValues struct {
	columns [][]parquet.Value
	texts   []byte // contents of the values
}

// fill sets the values to those of the rows from, …, to − 1.
func (v *parquetValues) fill(columns []results.Column, from, to int) {
	v.texts = v.texts[:0]
	v.columns = slices.Grow(v.columns[:0], len(columns))[:len(columns)]
	for i := range columns {
		v.columns[i] = v.columns[i][:0]
		for row := from; row < to; row++ {
			v.columns[i] = append(v.columns[i], v.value(&columns[i], row, i))
		}
	}
}

// value returns one value of the column with the given number.
func (v *parquetValues) value(c *results.Column, row, at int) parquet.Value {
	switch c.Kind {
	case results.Integer:
		if n, ok := c.Integer(row); ok {
			return parquet.Int64Value(n).Level(0, 1, at)
		}
	case results.Number:
		if x, ok := c.Number(row); ok {
			return parquet.DoubleValue(x).Level(0, 1, at)
		}
	default:
		from := len(v.texts)
		if v.texts = c.Append(v.texts, row); len(v.texts) > from {
			return parquet.ByteArrayValue(v.texts[from:]).Level(0, 1, at)
		}
	}
	return parquet.NullValue().Level(0, 0, at)
}

// An orderedGroup is a group whose fields keep their order. Those of a parquet.Group are sorted by name.
type orderedGroup struct {
	parquet.Group
	names []string
}

func (g *orderedGroup) add(name string, node parquet.Node) {
	g.Group[name] = node
	g.names = append(g.names, name)
}

// Fields implements parquet.Node.
func (g *orderedGroup) Fields() []parquet.Field {
	sorted := map[string]parquet.Field{}
	for _, f := range g.Group.Fields() {
		sorted[f.Name()] = f
	}
	fields := make([]parquet.Field, len(g.names))
	for i, name := range g.names {
		fields[i] = sorted[name]
	}
	return fields
}
