// Package dataset reads labelled images and features: CIFAR-10 and CIFAR-100 (Krizhevsky, 2009),
// MNIST and other sets in the IDX format (LeCun), arrays that NumPy saved, and folders of PNG and
// JPEG files. [Open] recognizes the format. The package also downloads CIFAR-10, generates a
// synthetic set of the same shape, and splits sets into training, validation and test samples.
//
// Images stay bytes. Code that gathers a minibatch must convert them.
package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"

	"fusegrid/internal/pages"
	"fusegrid/nn/labelled"
)

// Shape of an image of CIFAR-10.
const (
	Height   = 32
	Width    = 32
	Channels = 3
	Dim      = Channels * Height * Width
)

// cifarShape is the shape of the images of CIFAR-10, CIFAR-100 and the synthetic set.
func cifarShape() Shape { return Shape{Height, Width, Channels} }

// numClasses is the number of classes of CIFAR-10 and of the synthetic set.
const numClasses = 10

// A Shape is the shape of a sample. Samples that are not images have neither height nor width, and
// one channel for each feature.
type Shape struct{ Height, Width, Channels int }

// Dim returns the number of pixels or features of a sample.
func (s Shape) Dim() int {
	if s.Image() {
		return s.Height * s.Width * s.Channels
	}
	return s.Channels
}

// Image reports whether samples are images.
func (s Shape) Image() bool { return s.Height > 0 }

// noun returns what samples are called.
func (s Shape) noun() string {
	if s.Image() {
		return "images"
	}
	return "samples"
}

// String returns a text such as "32×32×3" or "20 features".
func (s Shape) String() string {
	if s.Image() {
		return fmt.Sprintf("%d×%d×%d", s.Height, s.Width, s.Channels)
	}
	return fmt.Sprintf("%d features", s.Channels)
}

// An Order is the order of the values of an image.
type Order int

const (
	CHW Order = iota // channel, row, column: three planes, as in the files of CIFAR-10
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
	Name    string // empty for CIFAR-10, whose name Split derives from its hash
	Shape   Shape
	Classes []string         // names of the labels, from 0; none if the samples have no labels
	Train   labelled.Samples // images in CHW order
	Test    labelled.Samples // empty if the files do not set test samples apart

	labels  Labels                        // of CIFAR-100; "" for other sets
	sorted  bool                          // the samples may be in the order of their classes
	tree    bool                          // the set is a folder of image files
	val     int                           // the number of last samples of Train that the files set apart for validation; 0 if they do not
	batches []int                         // CIFAR-10: number of images in each training batch; nil for other sets
	place   func(test bool, i int) string // names the place of a sample in the files; nil for a set that is not read from files
}

// newImages returns memory for n images of CIFAR-10.
func newImages(n int) labelled.Samples {
	return labelled.Samples{X: pages.Make[uint8](n * Dim), Y: make([]uint16, n)}
}

// Hash returns the SHA-256 of the shape, classes, labels and samples in hex. It does not depend on
// the file format.
func (d *Dataset) Hash() string {
	h := hasher{sha256.New()}
	// Sets in the shape of CIFAR-10 have the hash that they had before there were other shapes.
	plain := d.Shape == cifarShape() && !d.Train.Floats() && len(d.Classes) <= 256
	if plain {
		io.WriteString(h, "fusegrid dataset 1\n")
	} else {
		io.WriteString(h, "fusegrid dataset 2\n")
		for _, n := range []int{d.Shape.Height, d.Shape.Width, d.Shape.Channels, typeOf(d.Train)} {
			h.number(n)
		}
	}
	h.number(len(d.Classes))
	for _, c := range d.Classes {
		h.number(len(c))
		io.WriteString(h, c)
	}
	for _, s := range []labelled.Samples{d.Train, d.Test} {
		h.number(s.Len())
		h.labels(s.Y, plain)
		h.samples(s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// typeOf returns the number of bytes of a number of s, with a minus sign for floats.
func typeOf(s labelled.Samples) int {
	switch {
	case s.F32 != nil:
		return -4
	case s.F64 != nil:
		return -8
	}
	return 1
}

// A hasher writes numbers in a fixed form.
type hasher struct{ hash.Hash }

func (h hasher) number(n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

// labels writes labels with one byte each if short is true, else with two.
func (h hasher) labels(y []uint16, short bool) {
	b := make([]byte, 0, 2*len(y))
	for _, label := range y {
		if short {
			b = append(b, byte(label))
		} else {
			b = binary.LittleEndian.AppendUint16(b, label)
		}
	}
	h.Write(b)
}

// samples writes bytes as they are, and floats in little-endian order.
func (h hasher) samples(s labelled.Samples) {
	h.Write(s.X)
	const part = 1 << 12
	b := make([]byte, 0, 8*part)
	for x := s.F32; len(x) > 0; x = x[min(part, len(x)):] {
		b = b[:0]
		for _, v := range x[:min(part, len(x))] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		h.Write(b)
	}
	for x := s.F64; len(x) > 0; x = x[min(part, len(x)):] {
		b = b[:0]
		for _, v := range x[:min(part, len(x))] {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		h.Write(b)
	}
}
