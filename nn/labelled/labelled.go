// Package labelled holds lists of labelled 8-bit images. Data sets, their splits and the
// minibatches of a training share this type and its memory.
package labelled

import "fmt"

// An Images value is a list of N images of D bytes each, with their labels. All images have the same
// size and the same pixel order, which the owner of the list knows. The bytes are read concurrently,
// so they must not change while a net trains.
type Images struct {
	X []uint8 // (N, D) pixels, image by image
	Y []uint8 // (N) labels, each from 0 to C−1 for C classes
}

// Len returns N.
func (im Images) Len() int { return len(im.Y) }

// size returns D.
func (im Images) size() int { return len(im.X) / max(len(im.Y), 1) }

// Row returns the pixels of image i, which share memory with im.
func (im Images) Row(i int) []uint8 {
	d := im.size()
	return im.X[i*d : (i+1)*d : (i+1)*d]
}

// Slice returns images lo to hi−1, which share memory with im.
func (im Images) Slice(lo, hi int) Images {
	d := im.size()
	return Images{im.X[lo*d : hi*d : hi*d], im.Y[lo:hi:hi]}
}

// Check returns an error if im is not a list of images of d bytes. An empty list has no error.
func (im Images) Check(d int) error {
	if len(im.X) != im.Len()*d {
		return fmt.Errorf("%d bytes for %d images of %d pixels, want %d bytes", len(im.X), im.Len(), d, im.Len()*d)
	}
	return nil
}
