package dataset

import (
	"fmt"
	"io"
)

// maxPickle bounds a batch file of the python version; the official ones have 31 MB.
const maxPickle = 64 << 20

// readPython fills dst from a batch file of the python version: a pickled
// dictionary whose "labels" is a list of integers and whose "data" is a uint8
// array of shape (N, Dim) in CHW order. N must be dst.Len().
func readPython(r io.Reader, size int64, dst Images) error {
	if size > maxPickle {
		return fmt.Errorf("%d bytes, want at most %d", size, maxPickle)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	dict, err := unpickle(b)
	if err != nil {
		return err
	}
	data, ok := dict["data"].(*array)
	if !ok {
		return fmt.Errorf(`"data" is %s, want an array of images`, kind(dict["data"]))
	}
	n := dst.Len()
	if data.rows != n || data.cols != Dim {
		return fmt.Errorf(`"data" has shape (%d, %d), want (%d, %d)`, data.rows, data.cols, n, Dim)
	}
	labels, ok := dict["labels"].(*list)
	if !ok {
		return fmt.Errorf(`"labels" is %s, want a list`, kind(dict["labels"]))
	}
	if len(labels.items) != n {
		return fmt.Errorf(`"labels" has %d entries, want %d`, len(labels.items), n)
	}
	for i, item := range labels.items {
		label, ok := item.(int)
		if !ok {
			return fmt.Errorf(`"labels": record %d is %s, want an integer`, i, kind(item))
		}
		if label < 0 || label >= numClasses {
			return fmt.Errorf(`"labels": record %d: label %d, want 0 to %d`, i, label, numClasses-1)
		}
		dst.Labels[i] = uint8(label)
	}
	copy(dst.Pixels, data.data)
	return nil
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
		name, ok := item.(text)
		if !ok {
			return nil, fmt.Errorf(`"label_names": entry %d is %s, want a string`, i, kind(item))
		}
		names = append(names, string(name))
	}
	return names, nil
}
