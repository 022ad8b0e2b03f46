package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"fusegrid/results"
)

// FormatVersion is the version of the format of blocks.
const FormatVersion = 2

// Names of encodings of columns.
const (
	encConst  = "const" // one value for all rows
	encCode8  = "d8"    // codes of dictionary entries, uint8
	encCode16 = "d16"   // uint16
	encPlane  = "q16"   // uint16, all low bytes before all high bytes
	encFloat  = "f32"   // float32
	encFloats = "p32"   // float32 in planes of bytes
	encDouble = "f64"   // float64
	encPlanes = "p64"   // float64 in planes of bytes
	encHex    = "hex"   // bytes of keys
)

// Codes of missing values.
const (
	missing8  = math.MaxUint8
	missing16 = math.MaxUint16
)

// A columnHeader describes a column of a data block.
type columnHeader struct {
	Name   string `json:"name"`
	Role   string `json:"role"`            // parameter, outcome or timing
	Text   bool   `json:"text,omitempty"`  // the values are texts
	Log    bool   `json:"log,omitempty"`   // a logarithmic axis suits the values
	Axis   bool   `json:"axis,omitempty"`  // a parameter that varies
	Enc    string `json:"enc"`             // one of the encodings
	Offset int    `json:"off"`             // of the first byte after the header
	Width  int    `json:"width,omitempty"` // bytes of a key

	// Dict has the values of the codes in order: texts, or numbers, of which an infinite one is null. The
	// dictionary of a constant column has one value, or none if the values are missing.
	Dict []any `json:"dict"`
}

// A dataHeader is the header of a data block.
type dataHeader struct {
	Format  int            `json:"format"` // FormatVersion
	Rows    int            `json:"n"`
	Total   int            `json:"total"` // trials on record; more than Rows if trials are left out
	Columns []columnHeader `json:"columns"`
	View    view           `json:"view"`
}

// A column is an encoded column.
type column struct {
	columnHeader
	data []byte
}

// encodeColumns encodes columns on all cores.
func encodeColumns(cols []results.Column, rows int, implied map[string]string) []column {
	encoded := make([]column, len(cols))
	var next sync.Mutex
	at := 0
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(cols)) {
		all.Go(func() {
			for {
				next.Lock()
				i := at
				at++
				next.Unlock()
				if i >= len(cols) {
					return
				}
				encoded[i] = encodeColumn(&cols[i], rows, implied)
			}
		})
	}
	all.Wait()
	return encoded
}

// encodeColumn encodes one column. Parameters and outcomes are exact, and times are rounded to float32.
func encodeColumn(c *results.Column, rows int, implied map[string]string) column {
	h := columnHeader{Name: c.Name, Role: roleOf(c), Text: c.Kind == results.Text}
	if h.Text {
		return encodeTexts(h, c, rows, implied[c.Name])
	}
	values := make([]float64, rows)
	for row := range values {
		x, ok := c.Number(row)
		switch {
		case !ok:
			x = math.NaN()
		case c.Role == results.Timing:
			x = float64(float32(x))
		}
		values[row] = x
	}
	return encodeNumbers(h, values, c.Role == results.Timing)
}

func roleOf(c *results.Column) string {
	switch c.Role {
	case results.Parameter:
		return "parameter"
	case results.Timing:
		return "timing"
	}
	return "outcome"
}

func encodeTexts(h columnHeader, c *results.Column, rows int, implied string) column {
	codes := make([]uint16, rows)
	index := map[string]uint16{}
	var b []byte
	for row := range codes {
		b = c.Append(b[:0], row)
		if len(b) == 0 {
			b = append(b, implied...)
		}
		if len(b) == 0 {
			codes[row] = missing16
			continue
		}
		code, ok := index[string(b)]
		switch {
		case !ok && len(index) == missing16: // a text that no longer fits; only errors can be that many
			code = missing16
		case !ok:
			code = uint16(len(index))
			index[string(b)] = code
			h.Dict = append(h.Dict, string(b))
		}
		codes[row] = code
	}
	return encodeCodes(h, codes)
}

// encodeNumbers encodes numbers, of which NaN is missing.
func encodeNumbers(h columnHeader, values []float64, single bool) column {
	codes, dict, ok := dictionary(values)
	if ok {
		for _, x := range dict {
			h.Dict = append(h.Dict, jsonNumber(x))
		}
		c := encodeCodes(h, codes)
		if len(dict) <= missing8 {
			return c
		}
		h.Dict = nil
		return smallest(c, encodeFloats(h, values, single))
	}
	return encodeFloats(h, values, single)
}

// jsonNumber returns x as JSON has it. Only infinities have no number there.
func jsonNumber(x float64) any {
	if math.IsInf(x, 0) {
		return nil
	}
	return x
}

// dictionary returns the sorted values that occur and the code of each value. It reports false if they are too
// many.
func dictionary(values []float64) (codes []uint16, dict []float64, ok bool) {
	index := map[float64]uint16{}
	for _, x := range values {
		if _, seen := index[x]; !seen && !math.IsNaN(x) {
			if len(dict) == missing16 {
				return nil, nil, false
			}
			index[x] = 0
			dict = append(dict, x)
		}
	}
	slices.Sort(dict)
	for i, x := range dict {
		index[x] = uint16(i)
	}
	codes = make([]uint16, len(values))
	for i, x := range values {
		if codes[i] = missing16; !math.IsNaN(x) {
			codes[i] = index[x]
		}
	}
	return codes, dict, true
}

// encodeCodes chooses the encoding of codes, of which missing16 is missing.
func encodeCodes(h columnHeader, codes []uint16) column {
	if h.Dict == nil {
		h.Dict = []any{}
	}
	same := !slices.ContainsFunc(codes, func(c uint16) bool { return c != codes[0] })
	switch {
	case same && len(h.Dict) <= 1:
		h.Enc = encConst
		return column{columnHeader: h}
	case len(h.Dict) <= missing8:
		h.Enc = encCode8
		b := make([]byte, len(codes))
		for i, c := range codes {
			b[i] = byte(min(c, missing8)) // codes are less than missing8
		}
		return column{h, b}
	}
	plain, planes := h, h
	plain.Enc, planes.Enc = encCode16, encPlane
	b, p := make([]byte, 0, 2*len(codes)), make([]byte, 2*len(codes))
	for i, c := range codes {
		b = binary.LittleEndian.AppendUint16(b, c)
		p[i], p[len(codes)+i] = byte(c), byte(c>>8)
	}
	return smallest(column{plain, b}, column{planes, p})
}

// encodeFloats encodes each number, as float32 or as float64.
func encodeFloats(h columnHeader, values []float64, single bool) column {
	size := 8
	plain, planes := h, h
	plain.Enc, planes.Enc = encDouble, encPlanes
	if single {
		size, plain.Enc, planes.Enc = 4, encFloat, encFloats
	}
	b, p := make([]byte, 0, size*len(values)), make([]byte, size*len(values))
	for i, x := range values {
		if single {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
		} else {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		for k := range size {
			p[k*len(values)+i] = b[size*i+k]
		}
	}
	plain.Dict, planes.Dict = []any{}, []any{}
	return smallest(column{plain, b}, column{planes, p})
}

// smallest returns the column that compresses best, and the first of equal ones.
func smallest(all ...column) column {
	best, least := all[0], math.MaxInt
	for _, c := range all {
		n := compressed(c.data)
		if dict, err := json.Marshal(c.Dict); err == nil {
			n += compressed(dict)
		}
		if n < least {
			best, least = c, n
		}
	}
	return best
}

// compressed returns the size of b after a fast compression.
func compressed(b []byte) int {
	var n counter
	z := fastWriters.Get().(*gzip.Writer)
	defer fastWriters.Put(z)
	z.Reset(&n)
	_, _ = z.Write(b) // a counter returns no error
	_ = z.Close()
	return int(n)
}

// fastWriters has writers for compressed, because a new one takes a megabyte.
var fastWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, 1) // the level is valid
	return z
}}

// A counter counts the bytes that are written to it.
type counter int

func (n *counter) Write(b []byte) (int, error) {
	*n += counter(len(b))
	return len(b), nil
}

// encodeKeys returns the first bytes of hexadecimal keys: as few as tell different keys apart, and at least six.
func encodeKeys(keys []string) column {
	width := 6
	for sorted := slices.Compact(slices.Sorted(slices.Values(keys))); ; width++ {
		same := false
		for i := 1; i < len(sorted); i++ {
			same = same || sorted[i-1][:2*width] == sorted[i][:2*width]
		}
		if !same || width == 32 {
			break
		}
	}
	b := make([]byte, 0, width*len(keys))
	for _, key := range keys {
		for i := range width {
			x, _ := strconv.ParseUint(key[2*i:2*i+2], 16, 8) // the journal has checked keys
			b = append(b, byte(x))
		}
	}
	return column{columnHeader{Name: "key", Role: "outcome", Text: true, Enc: encHex, Width: width, Dict: []any{}}, b}
}

// writeBlock writes a header and data as a block: gzip of the length of the header as uint32, the header as JSON, zeros
// up to a multiple of 8 bytes, and the data; all in base64.
func writeBlock(w io.Writer, header any, data []byte) error {
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	out := base64.NewEncoder(base64.StdEncoding, w)
	z := gzip.NewWriter(out)
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
	head = append(head, text...)
	head = append(head, make([]byte, -len(head)&7)...)
	for _, part := range [][]byte{head, data} {
		if _, err := z.Write(part); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Close()
}

// dataBlock returns the block of columns.
func dataBlock(h dataHeader, cols []column) ([]byte, error) {
	h.Format = FormatVersion
	var data []byte
	for i := range cols {
		cols[i].Offset = len(data)
		data = append(data, cols[i].data...)
		data = append(data, make([]byte, -len(data)&7)...)
		h.Columns = append(h.Columns, cols[i].columnHeader)
	}
	var b bytes.Buffer
	err := writeBlock(&b, h, data)
	return b.Bytes(), err
}
