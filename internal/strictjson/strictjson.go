// Package strictjson decodes JSON like encoding/json, but rejects texts that different readers may
// understand differently. In encoding/json, the last of two equal names counts, and names match
// fields without regard to case. An array may be longer or shorter than its Go array. Here each of
// these is an error.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Unmarshal decodes data into v as [json.Unmarshal] does, and ignores names without a field.
// It returns an error in these additional cases, at any depth:
//   - A name occurs twice in an object.
//   - A name differs from the name of a field only in case.
//   - An array and its Go array differ in length.
//
// After an error, the contents of v are unspecified.
func Unmarshal(data []byte, v any) error { return unmarshal(data, v, false) }

// UnmarshalKnown is like [Unmarshal], but also returns an error if a name has no field.
func UnmarshalKnown(data []byte, v any) error { return unmarshal(data, v, true) }

func unmarshal(data []byte, v any, known bool) error {
	if err := json.Unmarshal(data, v); err != nil {
		return plain(err)
	}
	s := scanner{b: data, known: known}
	s.value(shapeOf(reflect.TypeOf(v)))
	return s.err
}

// plain describes a value of the wrong type without the names of Go types.
func plain(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	where := "the value"
	if wrong.Field != "" {
		where = fmt.Sprintf("the value of %q", wrong.Field)
	}
	want := "another type"
	switch wrong.Type.Kind() {
	case reflect.Bool:
		want = "true or false"
	case reflect.String:
		want = "a string"
	case reflect.Slice, reflect.Array:
		want = "an array"
	case reflect.Map, reflect.Struct:
		want = "an object"
	case reflect.Float32, reflect.Float64:
		want = "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		want = "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		want = "a whole number from 0"
	}
	return fmt.Errorf("%s is of type %s, want %s", where, wrong.Value, want)
}

// A shape describes a Go type for the scanner.
type shape struct {
	fields []field // of a struct
	object bool    // the type is a struct that encoding/json fills by its fields
	length int     // of an array; -1 for other types
	elem   *shape  // of an array, slice or map; nil for other types
}

type field struct {
	name  string
	shape *shape
}

// free is the shape of types that decode themselves, and of values that have no field.
var free = &shape{length: -1}

// element returns the shape of the values in an array, a slice or a map.
func (s *shape) element() *shape {
	if s.elem == nil {
		return free
	}
	return s.elem
}

// shapes caches the shapes of types, as encoding/json caches its encoders and decoders.
var shapes sync.Map // reflect.Type → *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	// The shape of a recursive type refers to itself. It is stored only when it is complete.
	s := newShape(t, map[reflect.Type]*shape{})
	shapes.Store(t, s)
	return s
}

func newShape(t reflect.Type, begun map[reflect.Type]*shape) *shape {
	if s := begun[t]; s != nil {
		return s
	}
	for _, t := range []reflect.Type{t, reflect.PointerTo(t)} {
		if t.Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return free
		}
	}
	if t.Kind() == reflect.Pointer {
		return newShape(t.Elem(), begun)
	}
	s := &shape{length: -1}
	begun[t] = s
	switch t.Kind() {
	case reflect.Array:
		s.length = t.Len()
		s.elem = newShape(t.Elem(), begun)
	case reflect.Slice, reflect.Map:
		s.elem = newShape(t.Elem(), begun)
	case reflect.Struct:
		s.object = true
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Tag.Get("json") == "-", !f.IsExported(), f.Anonymous && name == "":
				continue
			case name == "":
				name = f.Name
			}
			s.fields = append(s.fields, field{name, newShape(f.Type, begun)})
		}
	}
	return s
}

// A scanner reads a text that has been checked to be valid JSON.
type scanner struct {
	b     []byte
	at    int
	known bool // each name must have a field
	err   error
}

// next skips white space, and reads and returns the next byte.
func (s *scanner) next() byte {
	for {
		c := s.b[s.at]
		s.at++
		if c > ' ' {
			return c
		}
	}
}

// value reads a value. After an error, the position is unspecified.
func (s *scanner) value(of *shape) {
	switch s.next() {
	case '{':
		s.object(of)
	case '[':
		s.array(of)
	case '"':
		s.string()
	default:
		for s.at < len(s.b) && !ends(s.b[s.at]) {
			s.at++
		}
	}
}

// ends reports whether c ends a number or a literal such as true.
func ends(c byte) bool { return c <= ' ' || c == ',' || c == ']' || c == '}' }

// string reads the rest of a string, and returns its text with the escapes in it.
func (s *scanner) string() []byte {
	from := s.at
	for {
		s.at += bytes.IndexByte(s.b[s.at:], '"')
		n := 0 // backslashes before the quotation mark
		for s.at-n > from && s.b[s.at-n-1] == '\\' {
			n++
		}
		s.at++
		if n%2 == 0 {
			return s.b[from : s.at-1]
		}
	}
}

func (s *scanner) array(of *shape) {
	n := 0
	if s.next() != ']' {
		for s.at--; s.err == nil; n++ {
			s.value(of.element())
			if s.err == nil && s.next() == ']' {
				n++
				break
			}
		}
	}
	if s.err == nil && of.length >= 0 && n != of.length {
		s.err = fmt.Errorf("an array has %d values, want %d", n, of.length)
	}
}

// name reads the next name of an object and its colon. It reports false at the end of the
// object.
func (s *scanner) name() (name []byte, ok bool) {
	c := s.next()
	if c == ',' {
		c = s.next()
	}
	if c == '}' {
		return nil, false
	}
	from := s.at
	name = s.string()
	quoted := s.b[from-1 : s.at]
	s.next()
	for _, c := range name {
		if c == '\\' || c >= 0x80 { // with escapes or invalid UTF-8, two texts may be one name
			var text string
			if s.err = json.Unmarshal(quoted, &text); s.err != nil {
				return nil, false
			}
			return []byte(text), true
		}
	}
	return name, true
}

// object reads an object. Its names are the names of fields, or data if the type is a map.
func (s *scanner) object(of *shape) {
	var room [64]bool
	seen := room[:]
	if len(of.fields) > len(room) {
		seen = make([]bool, len(of.fields))
	}
	var others map[string]bool // names without a field
	likely := 0                // fields often come in order: the field after the last one read
	for s.err == nil {
		name, ok := s.name()
		if !ok {
			return
		}
		i := likely
		if i >= len(of.fields) || of.fields[i].name != string(name) {
			i = of.find(name)
		}
		elem := of.element()
		switch {
		case i >= 0 && seen[i], i < 0 && others[string(name)]:
			s.err = fmt.Errorf("the name %s occurs twice", clip(name))
		case i >= 0:
			seen[i] = true
			elem, likely = of.fields[i].shape, i+1
		default:
			if others == nil {
				others = map[string]bool{}
			}
			others[string(name)] = true
			if of.object {
				s.err = s.unknown(of, name)
			}
		}
		if s.err == nil {
			s.value(elem)
		}
	}
}

// find returns the index of the field with this name, or -1.
func (of *shape) find(name []byte) int {
	return slices.IndexFunc(of.fields, func(f field) bool { return f.name == string(name) })
}

// unknown returns the error for a name that has no field, or nil if the name may be ignored.
func (s *scanner) unknown(of *shape, name []byte) error {
	for _, f := range of.fields {
		if strings.EqualFold(f.name, string(name)) {
			return fmt.Errorf("the name %s, want %q", clip(name), f.name)
		}
	}
	if s.known {
		return fmt.Errorf("unknown name %s", clip(name))
	}
	return nil
}

// clip quotes a name, and cuts it after 60 bytes because a name may fill the whole file.
func clip(name []byte) string {
	const most = 60
	if len(name) > most {
		return fmt.Sprintf("%q…", name[:most])
	}
	return fmt.Sprintf("%q", name)
}
