// Package dataset reads and downloads CIFAR-10 (Krizhevsky, 2009) in its binary and its python
// version. It also generates a synthetic set of the same shape, and computes the split and the
// mean image of the assignment.
//
// Images have the type uint8. Code that gathers a minibatch must convert it.
package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"fusegrid/internal/pages"
	"fusegrid/nn/labelled"
)

// Shape of an image.
const (
	Height   = 32
	Width    = 32
	Channels = 3
	Dim      = Channels * Height * Width
)

// numClasses is the number of classes. Their labels are 0 to 9.
const numClasses = 10

// An Order is the order of the values of an image.
type Order int

const (
	CHW Order = iota // channel, row, column: three planes, as in the files
	HWC              // row, column, channel: red, green and blue of a pixel are adjacent
)

// String returns "CHW" or "HWC".
func (o Order) String() string {
	switch o {
	case CHW:
		return "CHW"
	case HWC:
		return "HWC"
	}
	return fmt.Sprintf("Order(%d)", int(o))
}

// A Dataset is a whole set in the order of its files.
type Dataset struct {
	Name    string          // name of a generated set; empty for files, whose name Split derives from their hash
	Classes []string        // names of labels 0 to 9
	Train   labelled.Images // in CHW order
	Test    labelled.Images

	batches []int // number of images in each training batch; nil for a set that is not read from files
}

func newImages(n int) labelled.Images {
	return labelled.Images{X: pages.Make[uint8](n * Dim), Y: make([]uint8, n)}
}

// Hash returns the SHA-256 of the classes, labels and pixels in hex. It does not depend on the
// file format.
func (d *Dataset) Hash() string {
	h := sha256.New()
	number := func(n int) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	io.WriteString(h, "fusegrid dataset 1\n")
	number(len(d.Classes))
	for _, c := range d.Classes {
		number(len(c))
		io.WriteString(h, c)
	}
	for _, im := range []labelled.Images{d.Train, d.Test} {
		number(im.Len())
		h.Write(im.Y)
		h.Write(im.X)
	}
	return hex.EncodeToString(h.Sum(nil))
}
