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
// 3 write for dictionaries, lists, strings, numbers and NumPy arrays, and rejects all others. The
// names of opcodes are those of Python's pickletools, for protocols 0 to 5.

// Types of values on the stack, in addition to nil, bool, int and float64. Strings share memory with
// the input if possible.
type (
	text  []byte   // str of Python 2, bytes and bytearray of Python 3
	chars struct { // str of Python 3
		raw     []byte
		escaped bool // whether raw is Latin-1 with \uXXXX and \UXXXXXXXX, not UTF-8
	}
	list   struct{ items []any }
	tuple  []any
	dict   map[string]any
	global string
	dtype  struct {
		name string // kind and size of a number, such as u1 or i8
		big  bool   // whether numbers are big-endian
		set  bool   // whether BUILD has set big
	}
	array struct {
		shape   []int // one or two dimensions
		dtype   dtype
		fortran bool   // whether the first index varies fastest
		data    []byte // nil until BUILD
	}
	mark struct{}
)

// maxValues bounds the number of pushed values and of memo entries, because each of them costs
// memory. Under protocol 0, a batch with 10,000 labels as NumPy integers and file names as bytes has
// about 300,000 values.
const maxValues = 500000

type unpickler struct {
	b      []byte
	pos    int
	stack  []any
	memo   []any
	pushed int
	made   int // bytes of strings that do not share the input's memory
}

// An absent is a memo entry without a value.
type absent struct{}

// unpickle returns the dictionary in the pickle b.
func unpickle(b []byte) (dict, error) {
	u := &unpickler{b: b}
	for {
		at := u.pos
		op, err := u.take(1)
		done := false
		if err == nil {
			done, err = u.step(op[0])
		}
		if err != nil {
			return nil, fmt.Errorf("byte %d: %w", at, err)
		}
		if done {
			break
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
func (u *unpickler) step(op byte) (done bool, err error) {
	switch op {
	case 0x80: // PROTO
		arg, err := u.take(1)
		if err == nil && arg[0] > 5 {
			err = fmt.Errorf("pickle protocol %d, want at most 5", arg[0])
		}
		return false, err
	case 0x95: // FRAME: framing is irrelevant for a reader in memory
		return false, u.frame()
	case '.': // STOP
		return true, nil
	case 'p', 'q', 'r', 0x94: // PUT, BINPUT, LONG_BINPUT, MEMOIZE
		return false, u.put(op)
	case 'g', 'h', 'j': // GET, BINGET, LONG_BINGET
		return false, u.get(op)
	case '(': // MARK
		return false, u.push(mark{})
	case 'N': // NONE
		return false, u.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		return false, u.push(op == 0x88)
	case 'I', 'L', 'K', 'M', 'J', 0x8a, 'F', 'G': // INT, LONG, BININT1, BININT2, BININT, LONG1, FLOAT, BINFLOAT
		return false, u.pushNumber(op)
	case 'S', 'U', 'T', 'C', 'B', 0x8e, 0x96: // STRING, SHORT_BINSTRING, BINSTRING, SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
		return false, u.pushText(op)
	case 'V', 0x8c, 'X', 0x8d: // UNICODE, SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
		return false, u.pushChars(op)
	case 'c': // GLOBAL
		return false, u.global()
	case 0x93: // STACK_GLOBAL
		return false, u.stackGlobal()
	case '}': // EMPTY_DICT
		return false, u.push(dict{})
	case ']': // EMPTY_LIST
		return false, u.push(new(list))
	case ')': // EMPTY_TUPLE
		return false, u.push(tuple{})
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		items, err := u.pop(int(op) - 0x84)
		if err != nil {
			return false, err
		}
		return false, u.push(tuple(items))
	case 't', 'l', 'd': // TUPLE, LIST, DICT
		return false, u.collect(op)
	case 'a', 'e': // APPEND, APPENDS
		return false, u.appends(op == 'a')
	case 's', 'u': // SETITEM, SETITEMS
		return false, u.setItems(op == 's')
	case 'R': // REDUCE
		return false, u.reduce()
	case 'b': // BUILD
		return false, u.build()
	case 0x97: // NEXT_BUFFER
		return false, errors.New("the numbers of an array are not in the file; pickle it again without buffer_callback")
	}
	return false, fmt.Errorf("opcode 0x%02x does not occur in CIFAR-10 files", op)
}

// take returns the next n bytes of the input.
func (u *unpickler) take(n int) ([]byte, error) {
	if left := len(u.b) - u.pos; n < 0 || n > left {
		return nil, fmt.Errorf("want %d more bytes, %d are left: the file is truncated", n, left)
	}
	u.pos += n
	return u.b[u.pos-n : u.pos : u.pos], nil
}

func (u *unpickler) push(v any) error {
	if u.pushed++; u.pushed > maxValues {
		return fmt.Errorf("more than %d values", maxValues)
	}
	u.stack = append(u.stack, v)
	return nil
}

// line reads the next line and returns it without the newline.
func (u *unpickler) line() ([]byte, error) {
	b, _, ok := bytes.Cut(u.b[u.pos:], []byte("\n"))
	if !ok {
		return nil, errors.New("a line has no end: the file is truncated")
	}
	u.pos += len(b) + 1
	return b, nil
}

// unsigned reads a little-endian integer of size bytes.
func (u *unpickler) unsigned(size int) (uint64, error) {
	b, err := u.take(size)
	if err != nil {
		return 0, err
	}
	var whole [8]byte
	copy(whole[:], b)
	return binary.LittleEndian.Uint64(whole[:]), nil
}

// counted reads a length of size bytes, then that many bytes.
func (u *unpickler) counted(size int) ([]byte, error) {
	n, err := u.unsigned(size)
	if err != nil {
		return nil, err
	}
	if left := uint64(len(u.b) - u.pos); n > left {
		return nil, fmt.Errorf("want %d more bytes, %d are left: the file is truncated", n, left)
	}
	return u.take(int(n))
}

func (u *unpickler) frame() error {
	n, err := u.unsigned(8)
	if left := uint64(len(u.b) - u.pos); err == nil && n > left {
		err = fmt.Errorf("a frame has %d bytes, %d are left: the file is truncated", n, left)
	}
	return err
}

// index reads the operand of an opcode that refers to a memo entry.
func (u *unpickler) index(op byte) (int, error) {
	n, err := uint64(len(u.memo)), error(nil)
	switch op {
	case 'p', 'g':
		var b []byte
		if b, err = u.line(); err == nil {
			if n, err = strconv.ParseUint(clip(b), 10, 32); err != nil {
				err = fmt.Errorf("memo entry %q, want a number", clip(b))
			}
		}
	case 'q', 'h':
		n, err = u.unsigned(1)
	case 'r', 'j':
		n, err = u.unsigned(4)
	}
	if err == nil && n >= maxValues {
		err = fmt.Errorf("memo entry %d, want less than %d", n, maxValues)
	}
	return int(n), err
}

func (u *unpickler) put(op byte) error {
	n, err := u.index(op)
	if err != nil {
		return err
	}
	if len(u.stack) == 0 || u.stack[len(u.stack)-1] == any(mark{}) {
		return errors.New("the stack has too few values for an opcode")
	}
	for len(u.memo) <= n {
		u.memo = append(u.memo, absent{})
	}
	u.memo[n] = u.stack[len(u.stack)-1]
	return nil
}

func (u *unpickler) get(op byte) error {
	n, err := u.index(op)
	if err != nil {
		return err
	}
	if n >= len(u.memo) || u.memo[n] == any(absent{}) {
		return fmt.Errorf("memo entry %d has no value", n)
	}
	return u.push(u.memo[n])
}

// pop removes and returns the top n values of the stack. None of them may be a mark.
func (u *unpickler) pop(n int) ([]any, error) {
	at := len(u.stack) - n
	if at < 0 || slices.Contains(u.stack[at:], any(mark{})) {
		return nil, errors.New("the stack has too few values for an opcode")
	}
	return u.cut(at), nil
}

// popMark removes and returns the values above the last mark, and removes the mark.
func (u *unpickler) popMark() ([]any, error) {
	for at := len(u.stack) - 1; at >= 0; at-- {
		if _, ok := u.stack[at].(mark); ok {
			items := u.cut(at + 1)
			u.stack = u.stack[:at]
			return items, nil
		}
	}
	return nil, errors.New("the stack has no mark for an opcode")
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

// items removes and returns the values above the last mark, or the n values of a single item.
func (u *unpickler) items(single bool, n int) ([]any, error) {
	if single {
		return u.pop(n)
	}
	return u.popMark()
}

// collect replaces the values above the last mark by a tuple, a list or a dictionary of them.
func (u *unpickler) collect(op byte) error {
	items, err := u.popMark()
	if err != nil {
		return err
	}
	switch op {
	case 't':
		return u.push(tuple(items))
	case 'l':
		return u.push(&list{items})
	}
	d := dict{}
	if err := d.set(items); err != nil {
		return err
	}
	return u.push(d)
}

func (u *unpickler) appends(single bool) error {
	items, err := u.items(single, 1)
	if err != nil {
		return err
	}
	l, err := top[*list](u, "APPENDS")
	if err != nil {
		return err
	}
	l.items = append(l.items, items...)
	return nil
}

func (u *unpickler) setItems(single bool) error {
	items, err := u.items(single, 2)
	if err != nil {
		return err
	}
	d, err := top[dict](u, "SETITEMS")
	if err != nil {
		return err
	}
	return d.set(items)
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
