package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Supported globals. They rebuild NumPy arrays and numbers. Python 3 writes encode for bytes under
// protocols 0 to 2. NumPy 2 has moved its globals to numpy._core.
const (
	reconstruct = global("numpy.core.multiarray._reconstruct")
	scalar      = global("numpy.core.multiarray.scalar")
	fromBuffer  = global("numpy.core.numeric._frombuffer")
	ndarray     = global("numpy.ndarray")
	numpyDtype  = global("numpy.dtype")
	encode      = global("_codecs.encode")
)

func (u *unpickler) stackGlobal() {
	var names [2]string
	for i, v := range u.pop(2) {
		name, err := short(v)
		if err != nil {
			u.fail(fmt.Errorf("a global's %s is %w", []string{"module", "name"}[i], err))
		}
		names[i] = name
	}
	u.pushGlobal(names[0], names[1])
}

func (u *unpickler) pushGlobal(module, name string) {
	if rest, ok := strings.CutPrefix(module, "numpy._core."); ok {
		module = "numpy.core." + rest
	}
	switch g := global(module + "." + name); g {
	case reconstruct, scalar, fromBuffer, ndarray, numpyDtype, encode:
		u.push(g)
	default:
		u.fail(fmt.Errorf("global %q does not occur in CIFAR-10 files", string(g)))
	}
}

// reduce supports these calls:
//
//	_reconstruct(ndarray, (0,), "b")         returns an array without data
//	_frombuffer(data, dtype, shape, order)   returns a complete array
//	dtype("u1", False, True)                 returns a dtype without byte order
//	scalar(dtype, data)                      returns a number
//	encode(str, "latin1")                    returns bytes
func (u *unpickler) reduce() {
	call := u.pop(2)
	f, _ := call[0].(global)
	args, _ := call[1].(tuple)
	switch {
	case f == reconstruct && matches(args, ndarray, tuple{0}, "b"):
		u.push(new(array))
		return
	case f == numpyDtype && len(args) == 3 && (matches(args[1:], 0, 1) || matches(args[1:], false, true)):
		if name, err := short(args[0]); err == nil && (&dtype{name: name}).size() > 0 {
			u.push(&dtype{name: name})
			return
		}
	case f == fromBuffer && (len(args) == 4 || len(args) == 5 && args[4] == nil) && (isString(args[3], "C") || isString(args[3], "F")):
		a := new(array)
		u.fail(a.fill(args[2], args[1], args[0], isString(args[3], "F")))
		u.push(a)
		return
	case f == scalar && len(args) == 2:
		a := new(array)
		if err := a.fill(tuple{1}, args[0], args[1], false); err != nil {
			u.fail(err)
		} else if n, err := a.integer(0); err == nil {
			u.pushInt(n)
		} else {
			u.push(float64(0)) // the number cannot be a label
		}
		return
	case f == encode && len(args) == 2 && isString(args[1], "latin1"):
		if s, ok := args[0].(chars); ok {
			b, err := s.latin1()
			u.fail(err)
			u.make(len(b))
			u.push(text(b))
			return
		}
	}
	u.fail(fmt.Errorf("this call of %s does not occur in CIFAR-10 files", kind(call[0])))
}

// build sets the state of a dtype, (3, "<", None, None, None, -1, -1, 0), or of an array,
// (1, shape, dtype, isFortran, data).
func (u *unpickler) build() error {
	state, _ := u.pop(1)[0].(tuple)
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
		return errState
	}
	fortran, ok := state[3].(bool)
	if !ok {
		return errState
	}
	return a.fill(state[1], state[2], state[4], fortran)
}

var errState = errors.New("this array state does not occur in CIFAR-10 files")

// fill sets the fields of a from values on the stack.
func (a *array) fill(shape, dt, data any, fortran bool) error {
	dims, _ := shape.(tuple)
	number, _ := dt.(*dtype)
	content, ok := data.(text)
	if !ok || number == nil || !number.set {
		return errState
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
	sizes := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ", "), "[]")
	if len(shape) == 1 {
		sizes += ","
	}
	return "(" + sizes + ")"
}

// size returns the size of a number in bytes, or 0 if the type is not supported.
func (d *dtype) size() int {
	if !slices.Contains(strings.Fields("b1 u1 i1 u2 i2 f2 u4 i4 f4 u8 i8 f8"), d.name) {
		return 0
	}
	return int(d.name[1] - '0')
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
	return signed(b[:size])
}

// matches reports whether the elements of got are equal to the elements of want.
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
