package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Decoder decodes many texts into values of type T, with the same results and errors as [Unmarshal]. It is
// faster for texts in plain form, unless the type is recursive. Such a text has no null, no escape and no name without
// a field. It also remembers strings, so that equal strings in successive texts share their memory. A Decoder must not
// be used by several goroutines at the same time.
type Decoder[T any] struct {
	root *node // nil if only Unmarshal decodes the type
}

// NewDecoder returns a decoder for values of type T.
func NewDecoder[T any]() *Decoder[T] {
	root := nodeOf(reflect.TypeFor[T](), map[reflect.Type]*node{})
	if root.simple(map[*node]bool{}) {
		return &Decoder[T]{root}
	}
	return &Decoder[T]{}
}

// Decode sets *v to the value of a text. After an error, the contents of *v are unspecified.
func (d *Decoder[T]) Decode(data []byte, v *T) error {
	var zero T
	*v = zero
	if d.fast(data, v) {
		return nil
	}
	*v = zero
	return Unmarshal(data, v)
}

// fast decodes a text in plain form. For other texts, including all with an error, it returns false.
func (d *Decoder[T]) fast(data []byte, v *T) bool {
	if d.root == nil {
		return false
	}
	r := reader{b: data}
	return r.value(d.root, reflect.ValueOf(v).Elem()) && r.space() == len(r.b)
}

// A node is a place in values of a type. It says how a reader decodes what is there, and how a writer encodes it.
type node struct {
	kind   reflect.Kind
	self   bool // the type decodes itself
	writes bool // the type encodes itself
	fields []member
	elem   *node  // of a pointer, an array or a slice
	last   string // the string that was here last
}

type member struct {
	name      string
	index     int
	omitEmpty bool
	at        *node
}

// nodeOf returns a node for a type. Each field of a string has its own node, because it remembers its own text.
// The kind is Invalid if a reader cannot decode the type.
func nodeOf(t reflect.Type, begun map[reflect.Type]*node) *node {
	if n := begun[t]; n != nil {
		return n
	}
	n := &node{kind: t.Kind(), writes: reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]())}
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		n.self = true
		return n
	case reflect.PointerTo(t).Implements(textUnmarshaler), reflect.PointerTo(t).Implements(textMarshaler):
		n.kind = reflect.Invalid
		return n
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
	case reflect.Pointer, reflect.Array:
		begun[t] = n
		n.elem = nodeOf(t.Elem(), begun)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 { // base64
			n.kind = reflect.Invalid
			break
		}
		begun[t] = n
		n.elem = nodeOf(t.Elem(), begun)
	case reflect.Struct:
		begun[t] = n
		if !n.addFields(t, begun) {
			n.kind = reflect.Invalid
		}
	default:
		n.kind = reflect.Invalid
	}
	return n
}

var (
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
)

// addFields adds the fields of a struct. It reports false if their names in JSON are not those of their tags.
func (n *node) addFields(t reflect.Type, begun map[reflect.Type]*node) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous:
			return false
		case !f.IsExported(), tag == "-":
			continue
		case name == "":
			name = f.Name
		}
		if strings.Trim(name, letters) != "" || options != "" && options != "omitempty" {
			return false
		}
		for _, other := range n.fields {
			if strings.EqualFold(name, other.name) {
				return false
			}
		}
		n.fields = append(n.fields, member{name, i, options == "omitempty", nodeOf(f.Type, begun)})
	}
	return len(n.fields) <= 64 // one bit each
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

// simple reports whether a reader can decode a node and all nodes below it, and a writer can encode them. A node below
// itself is of a recursive type, whose values may be of any depth.
func (n *node) simple(above map[*node]bool) bool {
	if above[n] {
		return false
	}
	above[n] = true
	defer delete(above, n)
	if n.kind == reflect.Invalid || n.elem != nil && !n.elem.simple(above) {
		return false
	}
	for _, f := range n.fields {
		if !f.at.simple(above) {
			return false
		}
	}
	return true
}

// A reader decodes a text in plain form. Each of its methods that return a bool returns false if the text is not
// in this form.
type reader struct {
	b  []byte
	at int
}

// space skips white space and returns the position.
func (r *reader) space() int {
	for r.at < len(r.b) && (r.b[r.at] == ' ' || r.b[r.at] == '\n' || r.b[r.at] == '\t' || r.b[r.at] == '\r') {
		r.at++
	}
	return r.at
}

// take skips white space and then the byte c.
func (r *reader) take(c byte) bool {
	if r.space() < len(r.b) && r.b[r.at] == c {
		r.at++
		return true
	}
	return false
}

// value decodes the next value into v, which is zero.
func (r *reader) value(n *node, v reflect.Value) bool {
	if n.self {
		return r.self(v)
	}
	switch n.kind {
	case reflect.String:
		text, ok := r.string(n.last)
		if !ok {
			return false
		}
		if n.last != string(text) {
			n.last = string(text)
		}
		v.SetString(n.last)
		return true
	case reflect.Bool:
		return r.bool(v)
	case reflect.Float32, reflect.Float64:
		text := r.number()
		x, err := strconv.ParseFloat(string(text), v.Type().Bits())
		v.SetFloat(x)
		return err == nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		x, err := strconv.ParseInt(string(r.number()), 10, v.Type().Bits())
		v.SetInt(x)
		return err == nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		x, err := strconv.ParseUint(string(r.number()), 10, v.Type().Bits())
		v.SetUint(x)
		return err == nil
	case reflect.Pointer:
		if r.space() < len(r.b) && r.b[r.at] == 'n' { // null
			return false
		}
		p := reflect.New(v.Type().Elem())
		v.Set(p)
		return r.value(n.elem, p.Elem())
	case reflect.Struct:
		return r.object(n, v)
	case reflect.Array:
		return r.array(n, v)
	case reflect.Slice:
		return r.slice(n, v)
	}
	return false
}

// string reads a string. The text last is one that it has read before.
func (r *reader) string(last string) (text []byte, ok bool) {
	if !r.take('"') {
		return nil, false
	}
	n := bytes.IndexByte(r.b[r.at:], '"')
	if n < 0 {
		return nil, false
	}
	text = r.b[r.at : r.at+n]
	r.at += n + 1
	if string(text) == last {
		return text, true
	}
	ascii := true
	for _, c := range text {
		if c == '\\' || c < ' ' {
			return nil, false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return text, ascii || utf8.Valid(text)
}

func (r *reader) bool(v reflect.Value) bool {
	rest := r.b[r.space():]
	switch {
	case bytes.HasPrefix(rest, []byte("true")):
		r.at += len("true")
		v.SetBool(true)
		return true
	case bytes.HasPrefix(rest, []byte("false")):
		r.at += len("false")
		return true
	}
	return false
}

// number reads a number. It returns an empty text if there is none.
func (r *reader) number() []byte {
	from := r.space()
	digits := func() bool {
		first := r.at
		for r.at < len(r.b) && '0' <= r.b[r.at] && r.b[r.at] <= '9' {
			r.at++
		}
		return r.at > first
	}
	is := func(c byte) bool {
		if r.at < len(r.b) && r.b[r.at] == c {
			r.at++
			return true
		}
		return false
	}
	is('-')
	if !is('0') && !digits() {
		return nil
	}
	if is('.') && !digits() {
		return nil
	}
	if is('e') || is('E') {
		if !is('+') {
			is('-')
		}
		if !digits() {
			return nil
		}
	}
	return r.b[from:r.at]
}

// object decodes an object whose names all have a field.
func (r *reader) object(n *node, v reflect.Value) bool {
	if !r.take('{') {
		return false
	}
	if r.take('}') {
		return true
	}
	var seen uint64
	likely := 0 // fields often come in order: the field after the last one read
	for {
		name, ok := r.string("")
		if !ok || !r.take(':') {
			return false
		}
		i := likely
		if i >= len(n.fields) || n.fields[i].name != string(name) {
			i = n.find(name)
		}
		if i < 0 || seen&(1<<i) != 0 {
			return false
		}
		seen |= 1 << i
		likely = i + 1
		if !r.value(n.fields[i].at, v.Field(n.fields[i].index)) {
			return false
		}
		if !r.take(',') {
			return r.take('}')
		}
	}
}

// find returns the index of the field with this name, or -1.
func (n *node) find(name []byte) int {
	for i := range n.fields {
		if n.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

// array decodes an array into a Go array of the same length.
func (r *reader) array(n *node, v reflect.Value) bool {
	if !r.take('[') {
		return false
	}
	for i := range v.Len() {
		if i > 0 && !r.take(',') || !r.value(n.elem, v.Index(i)) {
			return false
		}
	}
	return r.take(']')
}

// slice decodes an array into a slice.
func (r *reader) slice(n *node, v reflect.Value) bool {
	if !r.take('[') {
		return false
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // not nil
	if r.take(']') {
		return true
	}
	for i := 0; ; i++ {
		v.Grow(1)
		v.SetLen(i + 1)
		if !r.value(n.elem, v.Index(i)) {
			return false
		}
		if !r.take(',') {
			return r.take(']')
		}
	}
}

// self decodes a string, an array or an object of a type that decodes itself.
func (r *reader) self(v reflect.Value) bool {
	text := r.extent()
	if text == nil || !json.Valid(text) {
		return false
	}
	if s := (scanner{b: text}); text[0] != '"' {
		if s.value(free); s.err != nil {
			return false
		}
	}
	return v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(text) == nil
}

// extent returns the text of a string, an array or an object, which may be invalid inside.
func (r *reader) extent() []byte {
	from, open := r.space(), 0
	for r.at < len(r.b) {
		switch r.b[r.at] {
		case '"':
			if _, ok := r.string(""); !ok {
				return nil
			}
			r.at--
		case '{', '[':
			open++
		case '}', ']':
			open--
		default:
			if open == 0 {
				return nil
			}
		}
		if r.at++; open <= 0 {
			return r.b[from:r.at]
		}
	}
	return nil
}
