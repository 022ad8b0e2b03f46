package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A pickle is a program for a stack machine. Python's reader calls any function that the program
// names. This reader calls no function. It supports only the opcodes and globals that Python 2 and
// 3 write for dictionaries, lists, strings, numbers and NumPy arrays, and rejects all others.
// Opcodes have the names of Python's pickletools, for protocols 0 to 5.

// Types of values on the stack, in addition to nil, bool, int and float64. Strings share memory with
// the input if possible.
type (
	text  []byte   // str of Python 2, bytes and bytearray of Python 3
	chars struct { // str of Python 3
		raw     []byte
		escaped bool // raw is Latin-1 with \uXXXX and \UXXXXXXXX; otherwise it is UTF-8
	}
	list   struct{ items []any }
	tuple  []any
	dict   map[string]any
	global string
	dtype  struct {
		name string // kind and size of a number, such as u1 or i8
		big  bool   // numbers are big-endian
		set  bool   // BUILD has set big
	}
	array struct {
		shape   []int // one or two dimensions
		dtype   dtype
		fortran bool   // the first index varies fastest
		data    []byte // nil until BUILD
	}
	mark struct{}
)

// maxValues is the maximum number of pushed values and of memo entries. It exists because each of
// them costs memory. Under protocol 0, a batch with 10,000 labels as NumPy integers and file names
// as bytes has about 300,000 values.
const maxValues = 500000

// An unpickler executes a pickle. After the first error, its methods push nothing and return zero
// values, so most callers need not check for errors.
type unpickler struct {
	b      []byte
	pos    int
	stack  []any
	memo   []any
	pushed int
	made   int // bytes of strings that do not share the input's memory
	err    error
}

// fail records an error unless there is one already. It ignores nil.
func (u *unpickler) fail(err error) {
	if u.err == nil {
		u.err = err
	}
}

// An absent is a memo entry without a value.
type absent struct{}

// unpickle returns the dictionary in the pickle b.
func unpickle(b []byte) (dict, error) {
	u := &unpickler{b: b}
	for done := false; !done; {
		at := u.pos
		done = u.step()
		if u.err != nil {
			return nil, fmt.Errorf("byte %d: %w", at, u.err)
		}
	}
	if len(u.stack) != 1 || u.pos != len(b) {
		return nil, fmt.Errorf("byte %d: the pickle ends with %d values and %d bytes left over, want 1 and 0",
			u.pos, len(u.stack), len(b)-u.pos)
	}
	d, ok := u.stack[0].(dict)
	if !ok {
		return nil, fmt.Errorf("the pickle holds %s, want a dictionary", kind(u.stack[0]))
	}
	return d, nil
}

// step executes one opcode. It reports true at STOP.
func (u *unpickler) step() (done bool) {
	switch op := byte(u.unsigned(1)); op {
	case 0x80: // PROTO
		if protocol := u.unsigned(1); protocol > 5 {
			u.fail(fmt.Errorf("pickle protocol %d, want at most 5", protocol))
		}
	case 0x95: // FRAME: framing is irrelevant for a reader in memory
		u.frame()
	case '.': // STOP
		return true
	case 'p', 'q', 'r', 0x94: // PUT, BINPUT, LONG_BINPUT, MEMOIZE
		u.put(op)
	case 'g', 'h', 'j': // GET, BINGET, LONG_BINGET
		u.get(op)
	case '(': // MARK
		u.push(mark{})
	case 'N': // NONE
		u.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		u.push(op == 0x88)
	case 'I', 'L', 'F': // INT, LONG, FLOAT
		u.pushWritten(op)
	case 'K': // BININT1
		u.pushInt(int64(u.unsigned(1)))
	case 'M': // BININT2
		u.pushInt(int64(u.unsigned(2)))
	case 'J': // BININT
		u.pushInt(int64(int32(u.unsigned(4))))
	case 0x8a: // LONG1
		n, err := signed(u.counted(1))
		u.fail(err)
		u.pushInt(n)
	case 'G': // BINFLOAT: the value is not needed
		u.take(8)
		u.push(float64(0))
	case 'S': // STRING
		u.push(text(u.unquote(u.line())))
	case 'U', 'C': // SHORT_BINSTRING, SHORT_BINBYTES
		u.push(text(u.counted(1)))
	case 'T', 'B': // BINSTRING, BINBYTES
		u.push(text(u.counted(4)))
	case 0x8e, 0x96: // BINBYTES8, BYTEARRAY8
		u.push(text(u.counted(8)))
	case 'V': // UNICODE
		u.push(chars{raw: u.line(), escaped: true})
	case 0x8c: // SHORT_BINUNICODE
		u.push(chars{raw: u.counted(1)})
	case 'X': // BINUNICODE
		u.push(chars{raw: u.counted(4)})
	case 0x8d: // BINUNICODE8
		u.push(chars{raw: u.counted(8)})
	case 'c': // GLOBAL
		u.pushGlobal(clip(u.line()), clip(u.line()))
	case 0x93: // STACK_GLOBAL
		u.stackGlobal()
	case '}': // EMPTY_DICT
		u.push(dict{})
	case ']': // EMPTY_LIST
		u.push(new(list))
	case ')': // EMPTY_TUPLE
		u.push(tuple{})
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		u.push(tuple(u.pop(int(op) - 0x84)))
	case 't': // TUPLE
		u.push(tuple(u.popMark()))
	case 'l': // LIST
		u.push(&list{u.popMark()})
	case 'd': // DICT
		d := dict{}
		u.fail(d.set(u.popMark()))
		u.push(d)
	case 'a': // APPEND
		u.appends(u.pop(1))
	case 'e': // APPENDS
		u.appends(u.popMark())
	case 's': // SETITEM
		u.setItems(u.pop(2))
	case 'u': // SETITEMS
		u.setItems(u.popMark())
	case 'R': // REDUCE
		u.reduce()
	case 'b': // BUILD
		u.fail(u.build())
	case 0x97: // NEXT_BUFFER
		u.fail(errors.New("the numbers of an array are not in the file; pickle it again without buffer_callback"))
	default:
		u.fail(fmt.Errorf("opcode 0x%02x does not occur in CIFAR-10 files", op))
	}
	return false
}

// take returns the next n bytes of the input.
func (u *unpickler) take(n uint64) []byte {
	if left := uint64(len(u.b) - u.pos); n > left {
		u.fail(fmt.Errorf("want %d more bytes, %d are left: the file is truncated", n, left))
		return nil
	}
	from := u.pos
	u.pos += int(n)
	return u.b[from:u.pos:u.pos]
}

// line reads the next line and returns it without the newline.
func (u *unpickler) line() []byte {
	b, _, ok := bytes.Cut(u.b[u.pos:], []byte("\n"))
	if !ok {
		u.fail(errors.New("a line has no end: the file is truncated"))
		return nil
	}
	u.pos += len(b) + 1
	return b
}

// unsigned reads a little-endian integer with the given number of bytes.
func (u *unpickler) unsigned(size uint64) uint64 {
	var whole [8]byte
	copy(whole[:], u.take(size))
	return binary.LittleEndian.Uint64(whole[:])
}

// counted reads a length n, which has the given number of bytes, and then n bytes.
func (u *unpickler) counted(size uint64) []byte { return u.take(u.unsigned(size)) }

func (u *unpickler) frame() {
	n := u.unsigned(8)
	if left := uint64(len(u.b) - u.pos); n > left {
		u.fail(fmt.Errorf("a frame has %d bytes, %d are left: the file is truncated", n, left))
	}
}

func (u *unpickler) push(v any) {
	if u.pushed++; u.pushed > maxValues {
		u.fail(fmt.Errorf("more than %d values", maxValues))
	}
	if u.err == nil {
		u.stack = append(u.stack, v)
	}
}

// index reads the operand of an opcode that refers to a memo entry.
func (u *unpickler) index(op byte) int {
	n := uint64(len(u.memo))
	switch op {
	case 'p', 'g':
		digits := clip(u.line())
		var err error
		if n, err = strconv.ParseUint(digits, 10, 32); err != nil {
			u.fail(fmt.Errorf("memo entry %q, want a number", digits))
		}
	case 'q', 'h':
		n = u.unsigned(1)
	case 'r', 'j':
		n = u.unsigned(4)
	}
	if n >= maxValues {
		u.fail(fmt.Errorf("memo entry %d, want less than %d", n, maxValues))
		return 0
	}
	return int(n)
}

func (u *unpickler) put(op byte) {
	n := u.index(op)
	if len(u.stack) == 0 || u.stack[len(u.stack)-1] == any(mark{}) {
		u.fail(errors.New("the stack has too few values for an opcode"))
	}
	if u.err != nil {
		return
	}
	for len(u.memo) <= n {
		u.memo = append(u.memo, absent{})
	}
	u.memo[n] = u.stack[len(u.stack)-1]
}

func (u *unpickler) get(op byte) {
	n := u.index(op)
	if n >= len(u.memo) || u.memo[n] == any(absent{}) {
		u.fail(fmt.Errorf("memo entry %d has no value", n))
		return
	}
	u.push(u.memo[n])
}

// pop removes and returns the top n values of the stack. None of them may be a mark. After an error,
// the values are nil.
func (u *unpickler) pop(n int) []any {
	at := len(u.stack) - n
	if at < 0 || slices.Contains(u.stack[at:], any(mark{})) {
		u.fail(errors.New("the stack has too few values for an opcode"))
		return make([]any, n)
	}
	return u.cut(at)
}

// popMark removes and returns the values above the last mark, and removes the mark.
func (u *unpickler) popMark() []any {
	for at := len(u.stack) - 1; at >= 0; at-- {
		if _, ok := u.stack[at].(mark); ok {
			items := u.cut(at + 1)
			u.stack = u.stack[:at]
			return items
		}
	}
	u.fail(errors.New("the stack has no mark for an opcode"))
	return nil
}

// cut removes the values of the stack from index at, and returns a copy of them.
func (u *unpickler) cut(at int) []any {
	items := slices.Clone(u.stack[at:])
	u.stack = u.stack[:at]
	return items
}

// top returns the value on top of the stack, or an error if its type is not T.
func top[T any](u *unpickler, what string) (T, error) {
	var zero T
	if len(u.stack) == 0 {
		return zero, fmt.Errorf("%s of an empty stack", what)
	}
	v, ok := u.stack[len(u.stack)-1].(T)
	if !ok {
		return zero, fmt.Errorf("%s of %s", what, kind(u.stack[len(u.stack)-1]))
	}
	return v, nil
}

func (u *unpickler) appends(items []any) {
	l, err := top[*list](u, "APPENDS")
	if u.fail(err); u.err == nil {
		l.items = append(l.items, items...)
	}
}

func (u *unpickler) setItems(items []any) {
	d, err := top[dict](u, "SETITEMS")
	if u.fail(err); u.err == nil {
		u.fail(d.set(items))
	}
}

// set adds the entries in items, which alternates between keys and values.
func (d dict) set(items []any) error {
	if len(items)%2 != 0 {
		return fmt.Errorf("a dictionary has %d keys and values, want pairs", len(items))
	}
	for i := 0; i < len(items); i += 2 {
		key, err := short(items[i])
		if err != nil {
			return fmt.Errorf("a key is %w", err)
		}
		if _, ok := d[key]; ok {
			return fmt.Errorf("key %q occurs twice", key)
		}
		d[key] = items[i+1]
	}
	return nil
}

// kind returns the name of a value's type for errors.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "missing or None"
	case bool:
		return "a boolean"
	case int:
		return "an integer"
	case float64:
		return "another number"
	case text, chars:
		return "a string"
	case *list:
		return "a list"
	case tuple:
		return "a tuple"
	case dict:
		return "a dictionary"
	case global:
		return string(v)
	case *dtype:
		return "a dtype"
	case *array:
		return "an array"
	}
	return "a mark"
}
