package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A pickle is a program for a stack machine, and Python's own reader will call
// any function that the program names. This reader knows the opcodes and the
// three globals that occur in the files of CIFAR-10, calls nothing, and refuses
// the rest. The opcodes are those of protocol 2 in Python's pickletools.

// What the stack may hold besides nil, bool and int. Strings share the input's memory.
type (
	text   []byte
	list   struct{ items []any }
	tuple  []any
	dict   map[string]any
	global string
	dtype  struct{ set bool } // uint8, the only one
	array  struct {           // of uint8, in C order
		rows, cols int
		data       []byte // nil until BUILD
	}
	mark struct{}
)

// maxValues bounds the values a pickle may push, each of which costs memory.
// A batch file has 10,000 labels, 10,000 file names and some 50 others.
const maxValues = 100000

type unpickler struct {
	b      []byte
	pos    int
	stack  []any
	pushed int
}

// unpickle returns the dictionary that is pickled in b.
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
		return nil, fmt.Errorf("byte %d: the pickle ends with %d values and %d bytes left over, want one value and no byte",
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
		if err != nil {
			return false, err
		}
		if arg[0] != 2 {
			return false, fmt.Errorf("pickle protocol %d, want 2", arg[0])
		}
		return false, nil
	case '.': // STOP
		return true, nil
	case 'q': // BINPUT: no opcode here reads the memo, so nothing is kept
		_, err := u.take(1)
		return false, err
	case 'r': // LONG_BINPUT
		_, err := u.take(4)
		return false, err
	case '(': // MARK
		return false, u.push(mark{})
	case 'N': // NONE
		return false, u.push(nil)
	case 0x89: // NEWFALSE
		return false, u.push(false)
	case 'K': // BININT1
		return false, u.pushInt(1)
	case 'M': // BININT2
		return false, u.pushInt(2)
	case 'J': // BININT
		return false, u.pushInt(4)
	case 'U': // SHORT_BINSTRING
		return false, u.pushText(1)
	case 'T': // BINSTRING
		return false, u.pushText(4)
	case 'c': // GLOBAL
		return false, u.pushGlobal()
	case '}': // EMPTY_DICT
		return false, u.push(dict{})
	case ']': // EMPTY_LIST
		return false, u.push(new(list))
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		items, err := u.pop(int(op) - 0x84)
		if err != nil {
			return false, err
		}
		return false, u.push(tuple(items))
	case 't': // TUPLE
		items, err := u.popMark()
		if err != nil {
			return false, err
		}
		return false, u.push(tuple(items))
	case 'e': // APPENDS
		return false, u.appends()
	case 'u': // SETITEMS
		return false, u.setItems()
	case 'R': // REDUCE
		return false, u.reduce()
	case 'b': // BUILD
		return false, u.build()
	}
	return false, fmt.Errorf("opcode 0x%02x, which no CIFAR-10 file has", op)
}

// take returns the next n bytes of the input.
func (u *unpickler) take(n int) ([]byte, error) {
	if left := len(u.b) - u.pos; n < 0 || n > left {
		return nil, fmt.Errorf("%d more bytes wanted, %d left: the file is truncated", n, left)
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

// number reads a little-endian integer, signed if it has 4 bytes.
func (u *unpickler) number(size int) (int, error) {
	b, err := u.take(size)
	if err != nil {
		return 0, err
	}
	switch size {
	case 1:
		return int(b[0]), nil
	case 2:
		return int(binary.LittleEndian.Uint16(b)), nil
	}
	return int(int32(binary.LittleEndian.Uint32(b))), nil
}

func (u *unpickler) pushInt(size int) error {
	n, err := u.number(size)
	if err != nil {
		return err
	}
	return u.push(n)
}

func (u *unpickler) pushText(size int) error {
	n, err := u.number(size)
	if err != nil {
		return err
	}
	b, err := u.take(n)
	if err != nil {
		return err
	}
	return u.push(text(b))
}

// The globals of the files: what rebuilds a NumPy array.
const (
	reconstruct = global("numpy.core.multiarray._reconstruct")
	ndarray     = global("numpy.ndarray")
	numpyDtype  = global("numpy.dtype")
)

func (u *unpickler) pushGlobal() error {
	module, rest, ok1 := bytes.Cut(u.b[u.pos:], []byte("\n"))
	name, _, ok2 := bytes.Cut(rest, []byte("\n"))
	if !ok1 || !ok2 {
		return errors.New("a global without an end: the file is truncated")
	}
	u.pos += len(module) + len(name) + 2
	const longest = len(reconstruct)
	g := global(fmt.Sprintf("%.*s.%.*s", longest, module, longest, name))
	if g != reconstruct && g != ndarray && g != numpyDtype {
		return fmt.Errorf("global %q, which no CIFAR-10 file has", string(g))
	}
	return u.push(g)
}

// pop takes n values off the stack; a mark is not one.
func (u *unpickler) pop(n int) ([]any, error) {
	at := len(u.stack) - n
	if at < 0 || slices.Contains(u.stack[at:], any(mark{})) {
		return nil, errors.New("an opcode finds too few values on the stack")
	}
	return u.cut(at), nil
}

// popMark takes off the values down to the last mark, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	for at := len(u.stack) - 1; at >= 0; at-- {
		if _, ok := u.stack[at].(mark); ok {
			items := u.cut(at + 1)
			u.stack = u.stack[:at]
			return items, nil
		}
	}
	return nil, errors.New("an opcode finds no mark on the stack")
}

// cut removes the stack from index at on and returns a copy of it.
func (u *unpickler) cut(at int) []any {
	items := slices.Clone(u.stack[at:])
	u.stack = u.stack[:at]
	return items
}

// top returns the value on top of the stack, as a T.
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

func (u *unpickler) appends() error {
	items, err := u.popMark()
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

func (u *unpickler) setItems() error {
	items, err := u.popMark()
	if err != nil {
		return err
	}
	d, err := top[dict](u, "SETITEMS")
	if err != nil {
		return err
	}
	if len(items)%2 != 0 {
		return fmt.Errorf("SETITEMS with %d values, want pairs", len(items))
	}
	for i := 0; i < len(items); i += 2 {
		key, ok := items[i].(text)
		if !ok {
			return fmt.Errorf("a key is %s, want a string", kind(items[i]))
		}
		const longest = 64
		if len(key) > longest {
			return fmt.Errorf("a key of %d bytes, want at most %d", len(key), longest)
		}
		if _, ok := d[string(key)]; ok {
			return fmt.Errorf("key %q occurs twice", key)
		}
		d[string(key)] = items[i+1]
	}
	return nil
}

// reduce understands two calls: _reconstruct(ndarray, (0,), "b"), which starts
// an array, and dtype("u1", 0, 1).
func (u *unpickler) reduce() error {
	call, err := u.pop(2)
	if err != nil {
		return err
	}
	f, _ := call[0].(global)
	args, _ := call[1].(tuple)
	switch {
	case f == reconstruct && matches(args, ndarray, tuple{0}, "b"):
		return u.push(new(array))
	case f == numpyDtype && matches(args, "u1", 0, 1):
		return u.push(new(dtype))
	}
	return fmt.Errorf("a call of %s that no CIFAR-10 file has", kind(call[0]))
}

// build understands the state of a dtype, (3, "|", None, None, None, -1, -1, 0),
// and of an array, (1, (rows, cols), dtype, False, data).
func (u *unpickler) build() error {
	args, err := u.pop(1)
	if err != nil {
		return err
	}
	state, _ := args[0].(tuple)
	if dt, err := top[*dtype](u, "BUILD"); err == nil {
		if dt.set || !matches(state, 3, "|", nil, nil, nil, -1, -1, 0) {
			return errors.New("a dtype that is not plain uint8")
		}
		dt.set = true
		return nil
	}
	a, err := top[*array](u, "BUILD")
	if err != nil {
		return err
	}
	if len(state) != 5 || a.data != nil {
		return errors.New("an array state that no CIFAR-10 file has")
	}
	shape, _ := state[1].(tuple)
	dt, _ := state[2].(*dtype)
	data, ok := state[4].(text)
	if !ok || len(shape) != 2 || dt == nil || !dt.set || !matches(tuple{state[0], state[3]}, 1, false) {
		return errors.New("an array state that no CIFAR-10 file has")
	}
	rows, ok1 := shape[0].(int)
	cols, ok2 := shape[1].(int)
	if !ok1 || !ok2 || rows <= 0 || cols <= 0 {
		return errors.New("an array shape that is not two positive integers")
	}
	if int64(rows)*int64(cols) != int64(len(data)) {
		return fmt.Errorf("an array of shape (%d, %d) with %d bytes of data, want %d",
			rows, cols, len(data), int64(rows)*int64(cols))
	}
	a.rows, a.cols, a.data = rows, cols, data
	return nil
}

// matches reports whether the values are those wanted, where a wanted string
// stands for a text.
func matches(got tuple, want ...any) bool {
	if len(got) != len(want) {
		return false
	}
	for i, w := range want {
		switch w := w.(type) {
		case string:
			if g, ok := got[i].(text); !ok || string(g) != w {
				return false
			}
		case tuple:
			if g, ok := got[i].(tuple); !ok || !matches(g, w...) {
				return false
			}
		default: // nil, bool, int or global; of other types than these got cannot be equal
			switch got[i].(type) {
			case nil, bool, int, global:
			default:
				return false
			}
			if got[i] != w {
				return false
			}
		}
	}
	return true
}

// kind names a value's type for an error.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "missing or None"
	case bool:
		return "a boolean"
	case int:
		return "an integer"
	case text:
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
