package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
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

func (u *unpickler) pushNumber(op byte) error {
	var n uint64
	var err error
	switch op {
	case 'I', 'L', 'F':
		return u.pushWritten(op)
	case 'K':
		n, err = u.unsigned(1)
	case 'M':
		n, err = u.unsigned(2)
	case 'J':
		n, err = u.unsigned(4)
		n = uint64(int32(n))
	case 0x8a:
		var b []byte
		if b, err = u.counted(1); err == nil {
			n, err = signed(b)
		}
	case 'G':
		if _, err = u.take(8); err == nil {
			return u.push(float64(0)) // the value is not needed
		}
	}
	if err != nil {
		return err
	}
	return u.pushInt(int64(n))
}

func (u *unpickler) pushInt(n int64) error {
	if int64(int(n)) != n { // int has 32 bits on this platform
		return u.push(float64(n))
	}
	return u.push(int(n))
}

// signed decodes a little-endian integer of at most 8 bytes.
func signed(b []byte) (uint64, error) {
	if len(b) > 8 {
		return 0, fmt.Errorf("an integer has %d bytes, want at most 8", len(b))
	}
	var whole [8]byte
	if len(b) > 0 && b[len(b)-1] >= 0x80 {
		whole = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(whole[:], b)
	return binary.LittleEndian.Uint64(whole[:]), nil
}

// pushWritten pushes a number that is written in decimal digits. 00 and 01 are booleans.
func (u *unpickler) pushWritten(op byte) error {
	b, err := u.line()
	if err != nil {
		return err
	}
	s := clip(b)
	switch {
	case op == 'I' && (s == "00" || s == "01"):
		return u.push(s == "01")
	case op == 'F':
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return fmt.Errorf("%q, want a number", s)
		}
		return u.push(float64(0))
	case op == 'L':
		s = strings.TrimSuffix(s, "L")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%q, want an integer", s)
	}
	return u.pushInt(n)
}

// clip returns b, or its first 64 bytes. No supported number, dtype or global is longer.
func clip(b []byte) string {
	const longest = 64
	return string(b[:min(len(b), longest)])
}

// make counts n bytes of decoded strings, which use new memory. It returns an error if the total
// exceeds the length of the input. Valid files stay below that limit, because they decode each
// string once.
func (u *unpickler) make(n int) error {
	if u.made += n; u.made > len(u.b) {
		return errors.New("the decoded strings are longer than the file")
	}
	return nil
}

func (u *unpickler) pushText(op byte) error {
	var b []byte
	var err error
	switch op {
	case 'S':
		if b, err = u.line(); err == nil {
			b, err = u.unquote(b)
		}
	case 'U', 'C':
		b, err = u.counted(1)
	case 'T', 'B':
		b, err = u.counted(4)
	case 0x8e, 0x96:
		b, err = u.counted(8)
	}
	if err != nil {
		return err
	}
	return u.push(text(b))
}

// unquote decodes a string that Python 2 has written with quotation marks and escapes.
func (u *unpickler) unquote(b []byte) ([]byte, error) {
	if len(b) < 2 || b[0] != '\'' && b[0] != '"' || b[len(b)-1] != b[0] {
		return nil, errors.New("a string has no quotation marks")
	}
	b = b[1 : len(b)-1]
	if err := u.make(len(b)); err != nil {
		return nil, err
	}
	plain := make([]byte, 0, len(b))
	for len(b) > 0 {
		if b[0] != '\\' {
			plain, b = append(plain, b[0]), b[1:]
			continue
		}
		n := 2
		if len(b) >= 2 && b[1] == 'x' {
			n = 4
		}
		if len(b) < n {
			return nil, errors.New("a string ends in an escape")
		}
		i := strings.IndexByte(`\'"nrt`, b[1])
		switch {
		case i >= 0:
			plain = append(plain, "\\'\"\n\r\t"[i])
		case n == 4:
			v, err := strconv.ParseUint(string(b[2:4]), 16, 8)
			if err != nil {
				return nil, fmt.Errorf("a string has the invalid escape %q", b[:n])
			}
			plain = append(plain, byte(v))
		default:
			return nil, fmt.Errorf("a string has the invalid escape %q", b[:n])
		}
		b = b[n:]
	}
	return plain, nil
}

func (u *unpickler) pushChars(op byte) error {
	var b []byte
	var err error
	switch op {
	case 'V':
		b, err = u.line()
	case 0x8c:
		b, err = u.counted(1)
	case 'X':
		b, err = u.counted(4)
	case 0x8d:
		b, err = u.counted(8)
	}
	if err != nil {
		return err
	}
	return u.push(chars{b, op == 'V'})
}

// next removes the first character and returns it.
func (c *chars) next() (rune, error) {
	if !c.escaped {
		r, n := utf8.DecodeRune(c.raw)
		if r == utf8.RuneError && n < 2 {
			return 0, errors.New("a string is not UTF-8")
		}
		c.raw = c.raw[n:]
		return r, nil
	}
	if c.raw[0] != '\\' {
		r := rune(c.raw[0])
		c.raw = c.raw[1:]
		return r, nil
	}
	n := 2
	if len(c.raw) > 1 {
		n = map[byte]int{'u': 6, 'U': 10}[c.raw[1]]
	}
	if n < 6 || len(c.raw) < n {
		return 0, errors.New("a string has an escape other than \\uXXXX and \\UXXXXXXXX")
	}
	v, err := strconv.ParseUint(string(c.raw[2:n]), 16, 31)
	if err != nil {
		return 0, fmt.Errorf("a string has the invalid escape %q", c.raw[:n])
	}
	c.raw = c.raw[n:]
	return rune(v), nil
}

// latin1 returns the string in Latin-1, one byte per character.
func (c chars) latin1() ([]byte, error) {
	b := make([]byte, 0, len(c.raw))
	for len(c.raw) > 0 {
		// Fast path for most characters.
		if v := c.raw[0]; v != '\\' && (c.escaped || v < utf8.RuneSelf) {
			b, c.raw = append(b, v), c.raw[1:]
			continue
		}
		r, err := c.next()
		if err != nil {
			return nil, err
		}
		if r > 0xff {
			return nil, fmt.Errorf("bytes cannot hold the character %U", r)
		}
		b = append(b, byte(r))
	}
	return b, nil
}

// short returns v as a Go string. It returns an error unless v is a string or bytes of at most 64
// bytes.
func short(v any) (string, error) {
	const longest = 64
	switch v := v.(type) {
	case text:
		if len(v) > longest {
			return "", fmt.Errorf("a string of %d bytes, want at most %d", len(v), longest)
		}
		return string(v), nil
	case chars:
		if len(v.raw) > longest {
			return "", fmt.Errorf("a string of %d bytes, want at most %d", len(v.raw), longest)
		}
		var b []byte
		for len(v.raw) > 0 {
			r, err := v.next()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		}
		return string(b), nil
	}
	return "", fmt.Errorf("%s, want a string", kind(v))
}

// isString reports whether v is a string or bytes equal to want.
func isString(v any, want string) bool {
	s, err := short(v)
	return err == nil && s == want
}

// Supported globals. They rebuild NumPy arrays and numbers, and encode is what Python 3 writes for
// bytes under protocols 0 to 2. NumPy 2 has moved its globals to numpy._core.
const (
	reconstruct = global("numpy.core.multiarray._reconstruct")
	scalar      = global("numpy.core.multiarray.scalar")
	fromBuffer  = global("numpy.core.numeric._frombuffer")
	ndarray     = global("numpy.ndarray")
	numpyDtype  = global("numpy.dtype")
	encode      = global("_codecs.encode")
)

func (u *unpickler) global() error {
	module, err := u.line()
	if err != nil {
		return err
	}
	name, err := u.line()
	if err != nil {
		return err
	}
	return u.pushGlobal(clip(module), clip(name))
}

func (u *unpickler) stackGlobal() error {
	names, err := u.pop(2)
	if err != nil {
		return err
	}
	module, err := short(names[0])
	if err != nil {
		return fmt.Errorf("a global's module is %w", err)
	}
	name, err := short(names[1])
	if err != nil {
		return fmt.Errorf("a global's name is %w", err)
	}
	return u.pushGlobal(module, name)
}

func (u *unpickler) pushGlobal(module, name string) error {
	if rest, ok := strings.CutPrefix(module, "numpy._core."); ok {
		module = "numpy.core." + rest
	}
	switch g := global(module + "." + name); g {
	case reconstruct, scalar, fromBuffer, ndarray, numpyDtype, encode:
		return u.push(g)
	default:
		return fmt.Errorf("global %q does not occur in CIFAR-10 files", string(g))
	}
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

// reduce supports these calls:
//
//	_reconstruct(ndarray, (0,), "b")         returns an array without data
//	_frombuffer(data, dtype, shape, order)   returns a complete array
//	dtype("u1", False, True)                 returns a dtype without byte order
//	scalar(dtype, data)                      returns a number
//	encode(str, "latin1")                    returns bytes
func (u *unpickler) reduce() error {
	call, err := u.pop(2)
	if err != nil {
		return err
	}
	f, _ := call[0].(global)
	args, _ := call[1].(tuple)
	unknown := fmt.Errorf("this call of %s does not occur in CIFAR-10 files", kind(call[0]))
	switch {
	case f == reconstruct && matches(args, ndarray, tuple{0}, "b"):
		return u.push(new(array))
	case f == numpyDtype && len(args) == 3 && (matches(args[1:], 0, 1) || matches(args[1:], false, true)):
		dt := &dtype{}
		if dt.name, err = short(args[0]); err != nil || dt.size() == 0 {
			return unknown
		}
		return u.push(dt)
	case f == fromBuffer && (len(args) == 4 || len(args) == 5 && args[4] == nil) && (isString(args[3], "C") || isString(args[3], "F")):
		a := new(array)
		if err := a.fill(args[2], args[1], args[0], isString(args[3], "F")); err != nil {
			return err
		}
		return u.push(a)
	case f == scalar && len(args) == 2:
		a := new(array)
		if err := a.fill(tuple{1}, args[0], args[1], false); err != nil {
			return err
		}
		n, err := a.integer(0)
		if err != nil {
			return u.push(float64(0)) // the number cannot be a label
		}
		return u.pushInt(n)
	case f == encode && len(args) == 2 && isString(args[1], "latin1"):
		s, ok := args[0].(chars)
		if !ok {
			return unknown
		}
		b, err := s.latin1()
		if err == nil {
			err = u.make(len(b))
		}
		if err != nil {
			return err
		}
		return u.push(text(b))
	}
	return unknown
}

// build sets the state of a dtype, (3, "<", None, None, None, -1, -1, 0), or of an array,
// (1, shape, dtype, isFortran, data).
func (u *unpickler) build() error {
	args, err := u.pop(1)
	if err != nil {
		return err
	}
	state, _ := args[0].(tuple)
	if dt, err := top[*dtype](u, "BUILD"); err == nil {
		if dt.set || len(state) != 8 || !matches(state[2:], nil, nil, nil, -1, -1, 0) || !matches(state[:1], 3) {
			return errors.New("a dtype is not a plain number")
		}
		order, err := short(state[1])
		if err != nil || order != "|" && order != "<" && order != ">" {
			return errors.New("a dtype has no byte order")
		}
		dt.big, dt.set = order == ">", true
		return nil
	}
	a, err := top[*array](u, "BUILD")
	if err != nil {
		return err
	}
	if len(state) != 5 || a.data != nil || !matches(state[:1], 1) {
		return errors.New("this array state does not occur in CIFAR-10 files")
	}
	fortran, ok := state[3].(bool)
	if !ok {
		return errors.New("this array state does not occur in CIFAR-10 files")
	}
	return a.fill(state[1], state[2], state[4], fortran)
}

// fill sets the fields of a from values on the stack.
func (a *array) fill(shape, dt, data any, fortran bool) error {
	dims, _ := shape.(tuple)
	number, _ := dt.(*dtype)
	content, ok := data.(text)
	if !ok || number == nil || !number.set {
		return errors.New("this array state does not occur in CIFAR-10 files")
	}
	if len(dims) < 1 || len(dims) > 2 {
		return fmt.Errorf("an array has %d dimensions, want 1 or 2", len(dims))
	}
	size, sizes := int64(number.size()), make([]int, len(dims))
	for i, d := range dims {
		n, ok := d.(int)
		if !ok || n <= 0 {
			return errors.New("an array shape has values other than positive integers")
		}
		size, sizes[i] = size*min(int64(n), int64(len(content))+1), n // the cap prevents an overflow and keeps a wrong size wrong
	}
	if size != int64(len(content)) {
		return fmt.Errorf("an array of %s with shape %s has %d bytes of data", number.name, shapeText(sizes), len(content))
	}
	a.shape, a.dtype, a.data, a.fortran = sizes, *number, content, fortran
	return nil
}

// shapeText returns a shape in Python's notation.
func shapeText(shape []int) string {
	var parts []string
	for _, n := range shape {
		parts = append(parts, strconv.Itoa(n))
	}
	if len(parts) == 1 {
		return "(" + parts[0] + ",)"
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// size returns the size of a number in bytes, or 0 if the type is not supported.
func (d *dtype) size() int {
	switch d.name {
	case "b1", "u1", "i1":
		return 1
	case "u2", "i2", "f2":
		return 2
	case "u4", "i4", "f4":
		return 4
	case "u8", "i8", "f8":
		return 8
	}
	return 0
}

// integer returns the number with index i in the order of the file. An unsigned number that
// overflows an int64 becomes negative.
func (a *array) integer(i int) (int64, error) {
	size := a.dtype.size()
	if kind := a.dtype.name[0]; kind != 'u' && kind != 'i' {
		return 0, fmt.Errorf("numbers of type %s, want integers", a.dtype.name)
	}
	var b [8]byte
	copy(b[:], a.data[i*size:(i+1)*size])
	if a.dtype.big {
		slices.Reverse(b[:size])
	}
	if a.dtype.name[0] == 'u' {
		return int64(binary.LittleEndian.Uint64(b[:])), nil
	}
	n, err := signed(b[:size])
	return int64(n), err
}

// matches reports whether got has the values in want.
func matches(got tuple, want ...any) bool {
	if len(got) != len(want) {
		return false
	}
	for i, w := range want {
		switch w := w.(type) {
		case string:
			if !isString(got[i], w) {
				return false
			}
		case tuple:
			if g, ok := got[i].(tuple); !ok || !matches(g, w...) {
				return false
			}
		default: // w is nil, bool, int or global; values of other types cannot be equal, or compared
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
