package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fusegrid/nn/labelled"
)

// maxArray is the maximum size of an array in bytes, 16 GiB, or 1 GiB on 32-bit machines.
const maxArray = 1 << (30 + 4*(^uint(0)>>63))

// product returns the number of elements of an array, or an error if its size in bytes is above
// maxArray.
func product(size int, shape ...int) (int, error) {
	n, empty := uint64(1), false
	for _, d := range shape {
		empty = empty || d == 0
		if n *= uint64(max(d, 1)); n > maxArray/uint64(size) {
			return 0, fmt.Errorf("the shape %s is too large; the limit is 16 GiB, or 1 GiB on 32-bit machines", shapeText(shape))
		}
	}
	if empty {
		return 0, nil
	}
	return int(n), nil
}

// readBytes reads n bytes. Its memory grows with the bytes that arrive, because n comes from the
// header of a file that may have fewer.
func readBytes(r io.Reader, n int) ([]byte, error) {
	const first = 1 << 20
	b := make([]byte, 0, min(n, first))
	for len(b) < n {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(n, 2*cap(b))), b...)
		}
		got, err := io.ReadFull(r, b[len(b):cap(b)])
		b = b[:len(b)+got]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("the file ends after %d of %d bytes of numbers", len(b), n)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// atEnd returns an error if r has more bytes.
func atEnd(r io.Reader) error {
	var b [1]byte
	switch _, err := io.ReadFull(r, b[:]); {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	}
	return errors.New("the file goes on after its numbers")
}

// assign numbers the classes: the different labels of all parts, in ascending order. It returns
// their names, and the labels of each part as numbers of classes. The first part is the training
// part, which must have samples of every class. Errors begin with the source of the part.
func assign(sources []string, parts ...[]int64) (names []string, numbered [][]uint16, err error) {
	count := map[int64]int{}
	for p, part := range parts {
		for i, v := range part {
			if _, known := count[v]; !known && p > 0 {
				return nil, nil, fmt.Errorf("%s: sample %d, from 0, has label %d, which no training sample has", sources[p], i, v)
			}
			if count[v]++; len(count) > labelled.MaxClasses {
				return nil, nil, fmt.Errorf("%s: more than %d different labels; labels are the numbers of classes", sources[p], labelled.MaxClasses)
			}
		}
	}
	values := slices.Sorted(maps.Keys(count))
	number := map[int64]uint16{}
	for k, v := range values {
		number[v] = uint16(k)
		names = append(names, strconv.FormatInt(v, 10))
	}
	for _, part := range parts {
		y := make([]uint16, len(part))
		for i, v := range part {
			y[i] = number[v]
		}
		numbered = append(numbered, y)
	}
	return names, numbered, nil
}

// join returns the samples of both lists, which have the same shape.
func join(a, b labelled.Samples) labelled.Samples {
	if b.Len() == 0 {
		return a
	}
	return labelled.Samples{
		X: slices.Concat(a.X, b.X), F32: slices.Concat(a.F32, b.F32), F64: slices.Concat(a.F64, b.F64), Y: slices.Concat(a.Y, b.Y),
	}
}

// inPart returns the text "image 3 of NAME", which names the place of a sample.
func inPart(shape Shape, i int, name string) string {
	return fmt.Sprintf("%s %d of %s", strings.TrimSuffix(shape.noun(), "s"), i, cmp.Or(name, "the set"))
}
