// Package safetensors reads and writes the safetensors format, version of
// 2023 (https://github.com/huggingface/safetensors): an 8-byte little-endian
// header length, a JSON header that names each tensor with its type, shape and
// place, and the numbers. It is plain data: reading it runs nothing.
//
// Only F32 and F64 are known here.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"fusegrid/internal/strictjson"
)

// maxHeader is the largest header that the format allows.
const maxHeader = 100_000_000

// A Tensor is one named array in row-major order. Exactly one of F32 and F64 is set.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
}

// Of returns a tensor over data, without copying.
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

// Data returns the numbers of t if they are of type T.
func Data[T float32 | float64](t Tensor) ([]T, bool) {
	if d, ok := any(t.F32).([]T); ok && t.F32 != nil {
		return d, true
	}
	d, ok := any(t.F64).([]T)
	return d, ok && t.F64 != nil
}

// A File is what one safetensors file holds.
type File struct {
	Meta    map[string]string
	Tensors []Tensor
}

// Tensor returns the tensor of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets []uint64 `json:"data_offsets"` // two: where the numbers begin and end
}

const metadata = "__metadata__"

func (t Tensor) dtype() (name string, size, count int) {
	if t.F32 != nil {
		return "F32", 4, len(t.F32)
	}
	return "F64", 8, len(t.F64)
}

// Write writes f. Tensors stand in the order given.
func Write(w io.Writer, f File) error {
	header := map[string]any{}
	if len(f.Meta) > 0 {
		header[metadata] = f.Meta
	}
	var at uint64
	for _, t := range f.Tensors {
		dtype, size, count := t.dtype()
		if n, ok := elements(t.Shape); !ok || n != count {
			return fmt.Errorf("safetensors: tensor %q has %d numbers, shape %v", t.Name, count, t.Shape)
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

// writeNumbers converts in pieces, so that no copy of a tensor is held.
func writeNumbers(w io.Writer, t Tensor) error {
	const piece = 8192
	buf := make([]byte, 0, 8*piece)
	for lo := 0; lo < max(len(t.F32), len(t.F64)); lo += piece {
		buf = buf[:0]
		if t.F32 != nil {
			for _, v := range t.F32[lo:min(lo+piece, len(t.F32))] {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			}
		} else {
			for _, v := range t.F64[lo:min(lo+piece, len(t.F64))] {
				buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
			}
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// Read parses a whole file. Every length it declares is checked against the bytes that are there.
func Read(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("safetensors: %d bytes, want at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("safetensors: header of %d bytes in a file of %d", n, len(data))
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
	var entries []entry
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
		f.Tensors, entries = append(f.Tensors, t), append(entries, e)
	}
	return f, f.arrange(entries, uint64(len(body)))
}

// arrange puts the tensors in the order of their places and refuses holes and overlaps.
func (f *File) arrange(entries []entry, size uint64) error {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := slices.Compare(entries[a].Offsets, entries[b].Offsets); c != 0 {
			return c
		}
		return strings.Compare(f.Tensors[a].Name, f.Tensors[b].Name)
	})
	sorted := make([]Tensor, 0, len(order))
	var at uint64
	for _, i := range order {
		if entries[i].Offsets[0] != at {
			return fmt.Errorf("safetensors: tensor %q starts at byte %d, want %d", f.Tensors[i].Name, entries[i].Offsets[0], at)
		}
		at = entries[i].Offsets[1]
		sorted = append(sorted, f.Tensors[i])
	}
	if at != size {
		return fmt.Errorf("safetensors: tensors end at byte %d of %d", at, size)
	}
	f.Tensors = sorted
	return nil
}

// parseMeta reads a map of strings, none of which may be null.
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
		return Tensor{}, fmt.Errorf("safetensors: tensor %q lies at bytes %d…%d of %d", name, lo, hi, len(body))
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
		for i := range t.F32 {
			t.F32[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		return t, nil
	}
	t.F64 = make([]float64, n)
	for i := range t.F64 {
		t.F64[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return t, nil
}

// elements returns the product of the shape, if it is one that fits.
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
