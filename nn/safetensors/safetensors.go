// Package safetensors reads and writes the safetensors format in its version of 2023
// (https://github.com/huggingface/safetensors). A file starts with the length of the header, as 8
// little-endian bytes. A JSON header follows, with the name, type, shape and position of each
// tensor. The numbers come last. The format is plain data, so reading a file executes nothing.
//
// The package supports only the types F32 and F64.
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"fusegrid/internal/floatbytes"
	"fusegrid/internal/strictjson"
)

// maxHeader is the largest header that the format allows.
const maxHeader = 100_000_000

// A Tensor is a named array in row-major order. Exactly one of F32 and F64 must be set.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
}

// Of returns a tensor that refers to data, without a copy.
func Of[T float32 | float64](name string, data []T, shape ...int) Tensor {
	t := Tensor{Name: name, Shape: shape}
	switch d := any(data).(type) {
	case []float32:
		t.F32 = d
	case []float64:
		t.F64 = d
	}
	return t
}

// Data returns the numbers of t. It reports false if their type is not T.
func Data[T float32 | float64](t Tensor) ([]T, bool) {
	if d, ok := any(t.F32).([]T); ok && t.F32 != nil {
		return d, true
	}
	d, ok := any(t.F64).([]T)
	return d, ok && t.F64 != nil
}

// A File holds the contents of a safetensors file.
type File struct {
	Meta    map[string]string
	Tensors []Tensor
}

// Tensor returns the tensor with this name. It reports false if there is no such tensor.
func (f *File) Tensor(name string) (Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// Numbers returns the numbers of the tensor with this name. It returns an error if there is no such
// tensor, if the type is not T, or if there are not n numbers. A negative n accepts any number of them.
func Numbers[T float32 | float64](f *File, name string, n int) ([]T, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, fmt.Errorf("it has no tensor %q", name)
	}
	data, ok := Data[T](t)
	if !ok {
		return nil, fmt.Errorf("tensor %q does not have the type %T", name, T(0))
	}
	if n >= 0 && len(data) != n {
		return nil, fmt.Errorf("tensor %q has %d numbers, want %d", name, len(data), n)
	}
	return data, nil
}

type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets []uint64 `json:"data_offsets"` // two numbers: start and end of the data
}

const metadata = "__metadata__"

func (t Tensor) dtype() (name string, size, count int) {
	if t.F32 != nil {
		return "F32", 4, len(t.F32)
	}
	return "F64", 8, len(t.F64)
}

// Write writes f. The file has the tensors in the order of f.Tensors.
func Write(w io.Writer, f File) error {
	header := map[string]any{}
	if len(f.Meta) > 0 {
		header[metadata] = f.Meta
	}
	var at uint64
	for _, t := range f.Tensors {
		dtype, size, count := t.dtype()
		if n, ok := elements(t.Shape); !ok || n != count {
			return fmt.Errorf("safetensors: tensor %q has %d numbers, which do not fit its shape %v", t.Name, count, t.Shape)
		}
		if _, twice := header[t.Name]; twice || t.Name == metadata {
			return fmt.Errorf("safetensors: tensor name %q is taken", t.Name)
		}
		end := at + uint64(size*count)
		header[t.Name] = entry{DType: dtype, Shape: append([]int{}, t.Shape...), Offsets: []uint64{at, end}}
		at = end
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	text = append(text, strings.Repeat(" ", (8-len(text)%8)%8)...) // numbers start at a multiple of 8
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(text)))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	for _, t := range f.Tensors {
		if err := writeNumbers(w, t); err != nil {
			return err
		}
	}
	return nil
}

// writeNumbers writes the numbers of t in pieces, so that memory never holds a copy of a whole
// tensor.
func writeNumbers(w io.Writer, t Tensor) error {
	const piece = 8192
	n := max(len(t.F32), len(t.F64))
	buf := make([]byte, 0, 8*min(n, piece))
	for lo := 0; lo < n; lo += piece {
		if t.F32 != nil {
			buf = floatbytes.Append(buf[:0], t.F32[lo:min(lo+piece, len(t.F32))]...)
		} else {
			buf = floatbytes.Append(buf[:0], t.F64[lo:min(lo+piece, len(t.F64))]...)
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// Read parses a whole file. It checks every length in the file against the number of bytes in
// data.
func Read(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("safetensors: %d bytes, want at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("safetensors: the header has %d bytes, more than fit a file of %d bytes", n, len(data))
	}
	text, body := data[8:8+n], data[8+n:]
	if !bytes.HasPrefix(text, []byte("{")) {
		return nil, fmt.Errorf("safetensors: the header does not start with {")
	}
	var raw map[string]json.RawMessage
	if err := strictjson.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("safetensors: header: %w", err)
	}
	f := &File{}
	var all []placed
	for name, msg := range raw {
		if name == metadata {
			var err error
			if f.Meta, err = parseMeta(msg); err != nil {
				return nil, fmt.Errorf("safetensors: %s: %w", metadata, err)
			}
			continue
		}
		var e entry
		if err := strictjson.UnmarshalKnown(msg, &e); err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
		}
		t, err := parse(name, e, body)
		if err != nil {
			return nil, err
		}
		all = append(all, placed{t, e.Offsets})
	}
	return f, f.arrange(all, uint64(len(body)))
}

// A placed is a tensor with the start and the end of its data.
type placed struct {
	Tensor
	offsets []uint64
}

// arrange stores the tensors by position. It returns an error if there are gaps or overlaps.
func (f *File) arrange(all []placed, size uint64) error {
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(slices.Compare(a.offsets, b.offsets), strings.Compare(a.Name, b.Name))
	})
	var at uint64
	for _, p := range all {
		if p.offsets[0] != at {
			return fmt.Errorf("safetensors: tensor %q starts at byte %d, want %d", p.Name, p.offsets[0], at)
		}
		at = p.offsets[1]
		f.Tensors = append(f.Tensors, p.Tensor)
	}
	if at != size {
		return fmt.Errorf("safetensors: the tensors end at byte %d, want %d", at, size)
	}
	return nil
}

// parseMeta parses a map of strings. No value may be null.
func parseMeta(msg []byte) (map[string]string, error) {
	var values map[string]*string
	if err := strictjson.Unmarshal(msg, &values); err != nil {
		return nil, err
	}
	meta := make(map[string]string, len(values))
	for name, v := range values {
		if v == nil {
			return nil, fmt.Errorf("%q is null, want a string", name)
		}
		meta[name] = *v
	}
	return meta, nil
}

func parse(name string, e entry, body []byte) (Tensor, error) {
	switch {
	case e.Shape == nil:
		return Tensor{}, fmt.Errorf("safetensors: tensor %q has no shape", name)
	case len(e.Offsets) != 2:
		return Tensor{}, fmt.Errorf("safetensors: tensor %q has data_offsets %v, want two numbers", name, e.Offsets)
	}
	lo, hi := e.Offsets[0], e.Offsets[1]
	if lo > hi || hi > uint64(len(body)) {
		return Tensor{}, fmt.Errorf("safetensors: tensor %q has bytes %d…%d of %d, which is not a valid range", name, lo, hi, len(body))
	}
	size := map[string]int{"F32": 4, "F64": 8}[e.DType]
	if size == 0 {
		return Tensor{}, fmt.Errorf("safetensors: tensor %q has type %q, want F32 or F64", name, e.DType)
	}
	n, ok := elements(e.Shape)
	if !ok || uint64(n) != (hi-lo)/uint64(size) || (hi-lo)%uint64(size) != 0 {
		return Tensor{}, fmt.Errorf("safetensors: tensor %q has shape %v in %d bytes of %s", name, e.Shape, hi-lo, e.DType)
	}
	t := Tensor{Name: name, Shape: e.Shape}
	b := body[lo:hi]
	if size == 4 {
		t.F32 = make([]float32, n)
		floatbytes.Decode(t.F32, b)
		return t, nil
	}
	t.F64 = make([]float64, n)
	floatbytes.Decode(t.F64, b)
	return t, nil
}

// elements returns the number of elements of a shape. It reports false if a dimension is negative
// or the number overflows an int.
func elements(shape []int) (int, bool) {
	n := 1
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt/d) {
			return 0, false
		}
		n *= d
	}
	return n, true
}
