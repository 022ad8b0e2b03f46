package strictjson

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// An Encoder encodes values of type T into the texts of [json.Marshal], byte for byte. It is faster, because it
// examines the type once, unless that is recursive. It may be used by several goroutines at the same time.
type Encoder[T any] struct {
	root *node // nil if only json.Marshal encodes the type
}

// NewEncoder returns an encoder for values of type T.
func NewEncoder[T any]() *Encoder[T] {
	root := nodeOf(reflect.TypeFor[T](), map[reflect.Type]*node{})
	if root.simple(map[*node]bool{}) {
		return &Encoder[T]{root}
	}
	return &Encoder[T]{}
}

// Append appends the text of *v to b. After an error, it returns b. The errors are those of [json.Marshal] for v.
func (e *Encoder[T]) Append(b []byte, v *T) ([]byte, error) {
	if all, ok := e.fast(b, v); ok {
		return all, nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// fast is like Append. It returns false for values that json.Marshal must encode, including all with an error.
func (e *Encoder[T]) fast(b []byte, v *T) ([]byte, bool) {
	if e.root == nil || v == nil {
		return b, false
	}
	w := writer{b: b}
	ok := w.value(e.root, reflect.ValueOf(v).Elem())
	return w.b, ok
}

// A writer encodes a value. Each of its methods that return a bool returns false if json.Marshal must encode the
// whole value.
type writer struct{ b []byte }

// value encodes v, which can be addressed.
func (w *writer) value(n *node, v reflect.Value) bool {
	switch {
	case n.writes:
		return w.self(v)
	case n.self: // no node says what it has inside
		return w.marshal(v.Addr().Interface())
	}
	switch n.kind {
	case reflect.String:
		return w.string(v.String())
	case reflect.Bool:
		w.b = strconv.AppendBool(w.b, v.Bool())
		return true
	case reflect.Float32:
		return w.float(v.Float(), 32)
	case reflect.Float64:
		return w.float(v.Float(), 64)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.b = strconv.AppendInt(w.b, v.Int(), 10)
		return true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.b = strconv.AppendUint(w.b, v.Uint(), 10)
		return true
	case reflect.Struct:
		return w.object(n, v)
	case reflect.Array:
		return w.array(n, v)
	}
	switch {
	case v.IsNil():
		w.b = append(w.b, "null"...)
		return true
	case n.kind == reflect.Pointer:
		return w.value(n.elem, v.Elem())
	}
	return w.array(n, v)
}

func (w *writer) object(n *node, v reflect.Value) bool {
	next := byte('{')
	for i := range n.fields {
		f := &n.fields[i]
		field := v.Field(f.index)
		if f.omitEmpty && empty(field) {
			continue
		}
		w.b = append(append(append(w.b, next, '"'), f.name...), '"', ':')
		if next = ','; !w.value(f.at, field) {
			return false
		}
	}
	if next == '{' {
		w.b = append(w.b, '{')
	}
	w.b = append(w.b, '}')
	return true
}

// empty reports whether the option omitempty omits v.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// array encodes an array or a slice.
func (w *writer) array(n *node, v reflect.Value) bool {
	w.b = append(w.b, '[')
	for i := range v.Len() {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if !w.value(n.elem, v.Index(i)) {
			return false
		}
	}
	w.b = append(w.b, ']')
	return true
}

// string encodes a string.
func (w *writer) string(s string) bool {
	if !plainText(s) {
		return w.marshal(s)
	}
	w.b = append(append(append(w.b, '"'), s...), '"')
	return true
}

// plainText reports whether json.Marshal encodes a string without escapes. Texts that are not ASCII count as others.
func plainText[S string | []byte](s S) bool {
	for i := range len(s) {
		if !plainByte[s[i]] {
			return false
		}
	}
	return true
}

// plainByte has the bytes of plain texts. The characters <, > and & are escaped for HTML.
var plainByte = func() (plain [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		plain[c] = strings.IndexByte("\"\\<>&", c) < 0
	}
	return plain
}()

// float encodes a number as json.Marshal does, which follows ECMAScript: with an exponent if it is very small or large.
func (w *writer) float(x float64, bits int) bool {
	format := byte('f')
	switch size := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return false
	case size == 0:
	case bits == 64 && (size < 1e-6 || size >= 1e21), bits == 32 && (float32(size) < 1e-6 || float32(size) >= 1e21):
		format = 'e'
	}
	w.b = strconv.AppendFloat(w.b, x, format, -1, bits)
	if n := len(w.b); format == 'e' && w.b[n-4] == 'e' && w.b[n-3] == '-' && w.b[n-2] == '0' { // e-09 becomes e-9
		w.b = append(w.b[:n-2], w.b[n-1])
	}
	return true
}

// self encodes a value of a type that encodes itself.
func (w *writer) self(v reflect.Value) bool {
	text, err := v.Addr().Interface().(json.Marshaler).MarshalJSON()
	n := len(text)
	switch {
	case err != nil || n == 0:
		return false
	case n >= 2 && text[0] == '"' && text[n-1] == '"' && plainText(text[1:n-1]):
		w.b = append(w.b, text...)
		return true
	}
	return w.marshal(json.RawMessage(text)) // checks it and removes white space
}

// marshal encodes a value with json.Marshal.
func (w *writer) marshal(v any) bool {
	text, err := json.Marshal(v)
	w.b = append(w.b, text...)
	return err == nil
}
