package dataset

import (
	"fmt"
	"io"

	"fusegrid/nn/labelled"
)

// maxPickle is the largest size of a batch file of the python version. The published files have
// 31 MB. Protocol 0 writes some pixels, such as black ones, with six bytes.
const maxPickle = 192 << 20

// readPython returns the images of a batch file of the python version, which is a pickled
// dictionary. The value of "labels" must be a list or an array of integers. The value of "data"
// must be a uint8 array of shape (N, Dim) with an image in CHW order in each row. The function room
// returns memory for N images.
func readPython(r io.Reader, size int64, room func(n int) labelled.Images) (labelled.Images, error) {
	if size > maxPickle {
		return labelled.Images{}, fmt.Errorf("%d bytes, want at most %d", size, maxPickle)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return labelled.Images{}, err
	}
	dict, err := unpickle(b)
	if err != nil {
		return labelled.Images{}, err
	}
	data, ok := dict["data"].(*array)
	if !ok || data.data == nil {
		return labelled.Images{}, fmt.Errorf(`"data" is %s, want an array of images`, kind(dict["data"]))
	}
	if len(data.shape) != 2 || data.shape[1] != Dim {
		return labelled.Images{}, fmt.Errorf(`"data" has shape %s, want (N, %d)`, shapeText(data.shape), Dim)
	}
	if data.dtype.name != "u1" {
		return labelled.Images{}, fmt.Errorf(`"data" has numbers of type %s, want u1 (uint8)`, data.dtype.name)
	}
	n := data.shape[0]
	labels, err := labelsOf(dict["labels"], n)
	if err != nil {
		return labelled.Images{}, fmt.Errorf(`"labels" %w`, err)
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
func labelsOf(v any, n int) ([]uint8, error) {
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
	labels := make([]uint8, n)
	for i := range labels {
		label, err := at(i)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		if label < 0 || label >= numClasses {
			return nil, fmt.Errorf("record %d: label %d, want 0 to %d", i, label, numClasses-1)
		}
		labels[i] = uint8(label)
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
func pickleClasses(b []byte) ([]string, error) {
	dict, err := unpickle(b)
	if err != nil {
		return nil, err
	}
	l, ok := dict["label_names"].(*list)
	if !ok {
		return nil, fmt.Errorf(`"label_names" is %s, want a list`, kind(dict["label_names"]))
	}
	var names []string
	for i, item := range l.items {
		name, err := short(item)
		if err != nil {
			return nil, fmt.Errorf(`"label_names": entry %d is %w`, i, err)
		}
		names = append(names, name)
	}
	return names, nil
}
