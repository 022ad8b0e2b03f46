package dataset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// An npy is an array in the .npy format of NumPy, as numpy.lib.format describes it: a magic, a
// version, the length of the header, a Python dictionary as the header, and the elements.
type npy struct {
	descr   string // type, such as "<f4"
	size    int    // bytes of an element
	fortran bool   // the first index changes fastest
	shape   []int
	data    []byte
}

// maxNPYHeader is the maximum length of a header. NumPy writes at most a few hundred bytes for
// arrays of numbers.
const maxNPYHeader = 1 << 14

// readNPY reads an array of numbers or booleans.
func readNPY(r io.Reader) (a npy, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	short := errors.New("it ends in its header")
	var head [8]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return a, short
	}
	if string(head[:6]) != "\x93NUMPY" {
		return a, errors.New("it is not an array of NumPy")
	}
	length := 2
	if head[6] >= 2 {
		length = 4
	}
	var count [4]byte
	if _, err := io.ReadFull(br, count[:length]); err != nil {
		return a, short
	}
	n := binary.LittleEndian.Uint32(count[:])
	if head[6] < 1 || head[6] > 3 || n > maxNPYHeader {
		return a, fmt.Errorf("its header has version %d and %d bytes, want version 1 to 3 and at most %d bytes", head[6], n, maxNPYHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(br, text); err != nil {
		return a, short
	}
	if err := a.parse(string(text)); err != nil {
		return a, err
	}
	elements, err := product(a.size, a.shape...)
	if err != nil {
		return a, err
	}
	if a.data, err = readBytes(br, elements*a.size); err != nil {
		return a, err
	}
	return a, atEnd(br)
}

// bits returns the bytes of element i as a number.
func (a npy) bits(i int) uint64 {
	var b [8]byte
	e := a.data[i*a.size : (i+1)*a.size]
	if a.descr[0] == '>' {
		copy(b[8-a.size:], e)
		return binary.BigEndian.Uint64(b[:])
	}
	copy(b[:], e)
	return binary.LittleEndian.Uint64(b[:])
}

// labels returns n labels, which must be integers of shape (n) or (n, 1).
func (a npy) labels(n int) ([]int64, error) {
	if len(a.shape) < 1 || len(a.shape) > 2 || a.shape[0] != n || len(a.data) != n*a.size {
		return nil, fmt.Errorf("its shape is %s, want (%d,), one label for each sample", shapeText(a.shape), n)
	}
	kind := a.descr[1]
	if kind == 'f' {
		return nil, fmt.Errorf("its numbers have type %s; save labels as integers", a.descr)
	}
	y := make([]int64, n)
	for i := range y {
		v := a.bits(i)
		switch shift := 64 - 8*a.size; {
		case kind == 'i':
			y[i] = int64(v<<shift) >> shift
		case v > math.MaxInt64:
			return nil, fmt.Errorf("label %d, from 0, is %d, want at most %d", i, v, int64(math.MaxInt64))
		default:
			y[i] = int64(v)
		}
	}
	return y, nil
}
