package dataset

import (
	"fmt"
	"io"

	"fusegrid/nn/labelled"
)

// maxPickle is the largest size of a file of a python version. The published files have 31 MB, and
// 155 MB for CIFAR-100. Protocol 0 writes some pixels, such as black ones, with six bytes.
const maxPickle = 192 << 20

// readPython returns the images of a batch file of the python version of CIFAR-10; see readPickled.
func readPython(r io.Reader, size int64, room func(n int) labelled.Samples) (labelled.Samples, error) {
	return readPickled(r, size, "labels", numClasses, room)
}

// readPickled returns the images of a pickled dictionary. The value of the given key must be a list
// or an array of labels. The value of "data" must be a uint8 array of shape (N, Dim) with an image
// in CHW order in each row. The function room returns memory for N images.
func readPickled(r io.Reader, size int64, key string, classes int, room func(n int) labelled.Samples) (labelled.Samples, error) {
	if size > maxPickle {
		return labelled.Samples{}, fmt.Errorf("%d bytes, want at most %d", size, maxPickle)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return labelled.Samples{}, err
	}
	dict, err := unpickle(b)
	if err != nil {
		return labelled.Samples{}, err
	}
	data, ok := dict["data"].(*array)
	if !ok || data.data == nil {
		return labelled.Samples{}, fmt.Errorf(`"data" is %s, want an array of images`, kind(dict["data"]))
	}
	if len(data.shape) != 2 || data.shape[1] != Dim {
		return labelled.Samples{}, fmt.Errorf(`"data" has shape %s, want (N, %d)`, shapeText(data.shape), Dim)
	}
	if data.dtype.name != "u1" {
		return labelled.Samples{}, fmt.Errorf(`"data" has numbers of type %s, want u1 (uint8)`, data.dtype.name)
	}
	n := data.shape[0]
	labels, err := labelsOf(dict[key], n, classes)
	if err != nil {
		return labelled.Samples{}, fmt.Errorf(`"%s" %w`, key, err)
	}
	dst := room(n)
	copy(dst.Y, labels)
	if data.fortran {
		transpose(dst.X, data.data, n)
	} else {
		copy(dst.X, data.data)
	}
	return dst, nil
}

// labelsOf returns the n labels in v, which must be a list or an array.
func labelsOf(v any, n, classes int) ([]uint16, error) {
	var count int
	var at func(i int) (int64, error)
	switch v := v.(type) {
	case *list:
		count = len(v.items)
		at = func(i int) (int64, error) {
			label, ok := v.items[i].(int)
			if !ok {
				return 0, fmt.Errorf("is %s, want an integer", kind(v.items[i]))
			}
			return int64(label), nil
		}
	case *array:
		if len(v.shape) == 2 && v.shape[0] != 1 && v.shape[1] != 1 {
			return nil, fmt.Errorf("have shape %s, want (%d,)", shapeText(v.shape), n)
		}
		if v.data != nil {
			count = len(v.data) / v.dtype.size()
		}
		at = v.integer
	default:
		return nil, fmt.Errorf("is %s, want a list or an array", kind(v))
	}
	if count != n {
		return nil, fmt.Errorf("has %d entries, want %d", count, n)
	}
	labels := make([]uint16, n)
	for i := range labels {
		label, err := at(i)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		if label < 0 || label >= int64(classes) {
			return nil, fmt.Errorf("record %d: label %d, want 0 to %d", i, label, classes-1)
		}
		labels[i] = uint16(label)
	}
	return labels, nil
}

// transpose copies n images from src, which has the first pixels of all images, then the second
// pixels, and so on.
func transpose(dst, src []uint8, n int) {
	const tile = 64 // bytes of a cache line
	for lo := 0; lo < n; lo += tile {
		hi := min(lo+tile, n)
		for p := range Dim {
			for i, v := range src[p*n+lo : p*n+hi] {
				dst[(lo+i)*Dim+p] = v
			}
		}
	}
}

// pickleClasses reads the class names from the pickled dictionary of batches.meta.
func pickleClasses(b []byte) ([]string, error) { return pickledNames(b, "label_names") }

// pickledNames reads a list of names from a pickled dictionary.
func pickledNames(b []byte, key string) ([]string, error) {
	dict, err := unpickle(b)
	if err != nil {
		return nil, err
	}
	l, ok := dict[key].(*list)
	if !ok {
		return nil, fmt.Errorf(`"%s" is %s, want a list`, key, kind(dict[key]))
	}
	var names []string
	for i, item := range l.items {
		name, err := short(item)
		if err != nil {
			return nil, fmt.Errorf(`"%s": entry %d is %w`, key, i, err)
		}
		names = append(names, name)
	}
	return names, nil
}
