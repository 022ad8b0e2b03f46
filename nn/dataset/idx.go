package dataset

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"fusegrid/nn/labelled"
)

// MNIST and sets of its form, such as Fashion-MNIST and EMNIST, are four files in the IDX format:
// images and labels, for training and for the test. A file may be compressed with gzip. The format
// is defined on the page of MNIST (LeCun, Cortes and Burges).

// idxImages matches the name of a file of images. Its parts are the prefix, the subset, a
// separator, the number of dimensions and the ending.
var idxImages = regexp.MustCompile(`^(.*?)(train|t10k|test)-images([-.])idx([0-9])-ubyte(\.gz)?$`)

// An idxSet names the files of one set.
type idxSet struct{ trainX, trainY, testX, testY string }

// findIDX returns the sets in dir by their prefixes, which are empty for MNIST.
func findIDX(dir string) map[string]*idxSet {
	sets := map[string]*idxSet{}
	entries, _ := os.ReadDir(dir) // the caller has read the folder
	for _, e := range entries {
		m := idxImages.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			continue
		}
		if sets[m[1]] == nil {
			sets[m[1]] = &idxSet{}
		}
		labels := idxLabels(dir, m)
		x, y := &sets[m[1]].testX, &sets[m[1]].testY
		if m[2] == "train" {
			x, y = &sets[m[1]].trainX, &sets[m[1]].trainY
		}
		*x, *y = filepath.Join(dir, e.Name()), filepath.Join(dir, labels)
	}
	return sets
}

// idxLabels returns the name of the file of labels that belongs to a file of images. The one may be
// compressed if the other is not.
func idxLabels(dir string, m []string) string {
	name := m[1] + m[2] + "-labels" + m[3] + "idx1-ubyte"
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		if _, err := os.Stat(filepath.Join(dir, name+".gz")); err == nil || m[5] != "" {
			name += ".gz"
		}
	}
	return name
}

// loadIDX reads a set.
func loadIDX(name string, files idxSet) (*Dataset, error) {
	if files.trainX == "" {
		return nil, fmt.Errorf("%s: there are test images here, but no training images; their name has train instead of t10k or test", files.testX)
	}
	var parts [2]idxPart
	for i, f := range [][2]string{{files.trainX, files.trainY}, {files.testX, files.testY}} {
		if f[0] == "" {
			continue
		}
		if err := parts[i].read(f[0], f[1]); err != nil {
			return nil, err
		}
	}
	train, test := parts[0], parts[1]
	if files.testX != "" && test.shape != train.shape {
		return nil, fmt.Errorf("%s: images of %v, but those of %s have %v", files.testX, test.shape, filepath.Base(files.trainX), train.shape)
	}
	classes, y, err := assign([]string{files.trainY, files.testY}, train.labels, test.labels)
	if err != nil {
		return nil, err
	}
	d := &Dataset{
		Name: name, Shape: train.shape, Classes: classes,
		Train: labelled.Samples{X: train.pixels, Y: y[0]}, Test: labelled.Samples{X: test.pixels, Y: y[1]},
	}
	d.place = func(test bool, i int) string {
		if test {
			return inPart(d.Shape, i, filepath.Base(files.testX))
		}
		return inPart(d.Shape, i, filepath.Base(files.trainX))
	}
	return d, nil
}

// An idxPart holds the images and labels of training or test.
type idxPart struct {
	shape  Shape
	pixels []uint8
	labels []int64
}

func (p *idxPart) read(images, labels string) error {
	shape, pixels, err := readIDXFile(images)
	if err != nil {
		return err
	}
	switch {
	case len(shape) < 2:
		return fmt.Errorf("%s: %d dimensions, want images as (N, height, width); is this a file of labels?", images, len(shape))
	case len(shape) > 3:
		return fmt.Errorf("%s: %d dimensions, want images as (N, height, width)", images, len(shape))
	case len(pixels) == 0:
		return fmt.Errorf("%s: no images: its shape is %s", images, shapeText(shape))
	}
	if p.shape = (Shape{Channels: shape[1]}); len(shape) == 3 {
		p.shape = Shape{shape[1], shape[2], 1}
	}
	n, y, err := readIDXFile(labels)
	if err != nil {
		return err
	}
	if len(n) != 1 || n[0] != shape[0] {
		return fmt.Errorf("%s: labels of shape %s for %d images in %s", labels, shapeText(n), shape[0], filepath.Base(images))
	}
	p.pixels = pixels
	for _, v := range y {
		p.labels = append(p.labels, int64(v))
	}
	return nil
}

// readIDXFile reads a file, which may be compressed.
func readIDXFile(path string) (shape []int, data []uint8, err error) {
	f, _, err := openRegular(path, remedyCopy)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReaderSize(f, 1<<16)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, nil, fmt.Errorf("%s: is not compressed with gzip, although its name ends in .gz: %w; %s", path, err, remedyCopy)
		}
	}
	shape, data, err = readIDX(r)
	if err == nil {
		return shape, data, nil
	}
	if what, todo := foreign(beginning(f)); what != "" && !strings.HasSuffix(path, ".gz") {
		return nil, nil, fmt.Errorf("%s: %s; %s", path, what, strings.Replace(todo, remedy, remedyCopy, 1))
	}
	return nil, nil, fmt.Errorf("%s: %w; %s", path, err, remedyCopy)
}

// readIDX reads an array of bytes: two zero bytes, the type, the number of dimensions, the
// dimensions as big-endian 32-bit numbers, and the elements row by row.
func readIDX(r io.Reader) (shape []int, data []uint8, err error) {
	short := errors.New("the file ends in its header")
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, nil, short
	}
	const ubyte, maxDims = 8, 8
	switch {
	case head[0] != 0 || head[1] != 0:
		return nil, nil, fmt.Errorf("it does not begin like an IDX file, but with bytes %x", head)
	case head[2] != ubyte:
		return nil, nil, fmt.Errorf("its numbers have type 0x%02x, want 0x08 (unsigned bytes)", head[2])
	case head[3] == 0 || head[3] > maxDims:
		return nil, nil, fmt.Errorf("it has %d dimensions, want 1 to 3", head[3])
	}
	dims := make([]byte, 4*int(head[3]))
	if _, err := io.ReadFull(r, dims); err != nil {
		return nil, nil, short
	}
	for ; len(dims) > 0; dims = dims[4:] {
		d := binary.BigEndian.Uint32(dims)
		if d > 1<<31-1 {
			return nil, nil, fmt.Errorf("a dimension is %d", d)
		}
		shape = append(shape, int(d))
	}
	n, err := product(1, shape...)
	if err != nil {
		return nil, nil, err
	}
	if data, err = readBytes(r, n); err != nil {
		return nil, nil, err
	}
	return shape, data, atEnd(r)
}
