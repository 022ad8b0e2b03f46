package export

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"fusegrid/internal/ordered"
	"fusegrid/results"
)

// writeNPZ writes one array of each column, with an element of each row, and the array "format" with the
// version of the columns. A Text is a unicode array (<U), an Integer an int64 and a Number a float64. A
// missing text is empty, a missing integer −1 and a missing number NaN. If a column of integers has missing and
// negative values, its array is one of numbers.
//
// Source of the format: NumPy's documentation, numpy.lib.format.
func writeNPZ(w io.Writer, s Source) error {
	z := zip.NewWriter(w)
	var format packed
	version := array{name: "format", kind: fmt.Sprintf("<U%d", len(Version)), shape: "()", element: func(b []byte, _ int) []byte {
		return appendUTF32(b, []byte(Version), len(Version))
	}}
	pack([]array{version}, []*packed{&format}, 1)
	if err := format.addTo(z); err != nil {
		return err
	}
	columns, rows := s.Table.Columns(), s.Table.Len()
	const each = 4 // columns that a core packs together, because a record is near in the cache for them
	type group [each]packed
	of := func(i int) []results.Column { return columns[i*each : min((i+1)*each, len(columns))] }
	fill := func(i int, g *group) {
		to := []*packed{&g[0], &g[1], &g[2], &g[3]}
		pack(arraysOf(of(i), rows), to, rows)
	}
	err := ordered.Do((len(columns)+each-1)/each, fill, func(i int, g *group) error {
		for c := range of(i) {
			if err := g[c].addTo(z); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return z.Close()
}

// An array is an array of NumPy that is to be written.
type array struct {
	name    string
	kind    string                         // NumPy's name of the type
	shape   string                         // a tuple of Python
	element func(b []byte, row int) []byte // appends the bytes of an element
}

// arraysOf returns the arrays of columns.
func arraysOf(columns []results.Column, rows int) []array {
	seen := make([]values, len(columns))
	for from, to := range blocks(rows) {
		for i := range columns {
			seen[i].look(&columns[i], from, to)
		}
	}
	arrays := make([]array, len(columns))
	for i := range columns {
		kind, element := elementsOf(&columns[i], &seen[i])
		arrays[i] = array{columns[i].Name, kind, fmt.Sprintf("(%d,)", rows), element}
	}
	return arrays
}

// A values value says what the values of a column need.
type values struct {
	width             int // most characters of a text
	missing, negative bool
	text              []byte
}

// look looks at the rows from, …, to − 1.
func (v *values) look(c *results.Column, from, to int) {
	for row := from; row < to; row++ {
		switch c.Kind {
		case results.Text:
			v.text = c.Append(v.text[:0], row)
			v.width = max(v.width, utf8.RuneCount(v.text))
		case results.Integer:
			n, ok := c.Integer(row)
			v.missing, v.negative = v.missing || !ok, v.negative || n < 0
		}
	}
}

// elementsOf returns NumPy's name of a column's type, and the function that appends the bytes of an
// element.
func elementsOf(c *results.Column, seen *values) (kind string, element func(b []byte, row int) []byte) {
	switch {
	case c.Kind == results.Integer && !(seen.missing && seen.negative):
		return "<i8", func(b []byte, row int) []byte {
			n, ok := c.Integer(row)
			if !ok {
				n = -1
			}
			return binary.LittleEndian.AppendUint64(b, uint64(n))
		}
	case c.Kind != results.Text:
		return "<f8", func(b []byte, row int) []byte {
			x, ok := c.Number(row)
			if !ok {
				x = math.NaN()
			}
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	width := max(seen.width, 1)
	text := seen.text
	return fmt.Sprintf("<U%d", width), func(b []byte, row int) []byte {
		text = c.Append(text[:0], row)
		return appendUTF32(b, text, width)
	}
}

// A packed is a compressed array. Its buffers can pack further arrays.
type packed struct {
	file  bytes.Buffer // the compressed contents of a .npy file
	head  zip.FileHeader
	flate *flate.Writer
}

// pack compresses arrays with an element of each row, block by block. The Writer of package zip would do this on one
// core.
func pack(arrays []array, to []*packed, rows int) {
	var b []byte
	for i, a := range arrays {
		to[i].begin(a.name)
		to[i].write(appendHeader(b[:0], a.kind, a.shape))
	}
	for from, end := range blocks(rows) {
		for i, a := range arrays {
			b = b[:0]
			for row := from; row < end; row++ {
				b = a.element(b, row)
			}
			to[i].write(b)
		}
	}
	for i := range arrays {
		to[i].end()
	}
}

func (p *packed) begin(name string) {
	p.file.Reset()
	// These are the fields that zip.Writer.Create sets. The sizes follow the contents.
	p.head = zip.FileHeader{Name: name + ".npy", Method: zip.Deflate, Flags: 8, CreatorVersion: 20, ReaderVersion: 20}
	if p.flate == nil {
		p.flate, _ = flate.NewWriter(&p.file, flate.BestSpeed) // the level is valid
		return
	}
	p.flate.Reset(&p.file)
}

// write and end need no errors, because a buffer has none.
func (p *packed) write(b []byte) {
	p.head.CRC32 = crc32.Update(p.head.CRC32, crc32.IEEETable, b)
	p.head.UncompressedSize64 += uint64(len(b))
	_, _ = p.flate.Write(b)
}

func (p *packed) end() {
	_ = p.flate.Close()
	p.head.CompressedSize64 = uint64(p.file.Len())
}

// addTo adds the file to an archive.
func (p *packed) addTo(z *zip.Writer) error {
	head := p.head // the archive keeps it
	w, err := z.CreateRaw(&head)
	if err == nil {
		_, err = w.Write(p.file.Bytes())
	}
	return err
}

// appendUTF32 appends a text of width characters. Zeros fill the rest of a shorter text.
func appendUTF32(b, text []byte, width int) []byte {
	for len(text) > 0 {
		r, n := rune(text[0]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(r))
		text = text[n:]
		width--
	}
	for range width {
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

// appendHeader appends the header of a .npy file of version 1.0. Spaces fill it, so that the elements
// begin at a multiple of 64 bytes.
func appendHeader(b []byte, kind, shape string) []byte {
	const magic, align = "\x93NUMPY\x01\x00", 64
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", kind, shape)
	size := len(magic) + 2 + len(text) + 1
	text += strings.Repeat(" ", (align-size%align)%align) + "\n"
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}
