package dataset

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"fusegrid/internal/pages"
	"fusegrid/nn/labelled"
)

// A Split holds the training, validation and test images for a net.
type Split struct {
	Name             string // "cifar-10" for the published set, "custom" for other files, else Dataset.Name
	Hash             string // hash of the Dataset; Hash, Order and the sizes identify the split
	Order            Order
	Classes          []string
	Train, Val, Test labelled.Images
	Mean             []float64 // (Dim) mean image of Train, in Order; must be subtracted from all three subsets

	// Notes are lines that users of a custom set must see. They say that the set is custom, and
	// name images that are in two of the subsets or twice in Train. Other sets have no notes.
	Notes []string
}

// Split returns a split like the assignment's, with the given numbers of images. The training
// images are the first images of d.Train, and the validation images are the last. The test images
// are the first images of d.Test. In CHW order, the subsets share memory with d. In HWC order, they
// are copies.
func (d *Dataset) Split(order Order, train, val, test int) (*Split, error) {
	n, name := d.Train.Len(), cmp.Or(d.Name, "the images")
	switch {
	case order != CHW && order != HWC:
		return nil, fmt.Errorf("dataset: split of %s: unknown pixel order %v; use CHW or HWC", name, order)
	case d.Train.Check(Dim) != nil || d.Test.Check(Dim) != nil:
		return nil, fmt.Errorf("dataset: split of %s: %w", name, cmp.Or(d.Train.Check(Dim), d.Test.Check(Dim)))
	case train < 1 || val < 0 || test < 0:
		return nil, fmt.Errorf("dataset: split of %s: %d training, %d validation and %d test images, want at least 1, 0 and 0", name, train, val, test)
	case train > n || val > n-train:
		return nil, fmt.Errorf("dataset: split of %s: %d training and %d validation images, want at most %d together", name, train, val, n)
	case test > d.Test.Len():
		return nil, fmt.Errorf("dataset: split of %s: %d test images, want at most %d", name, test, d.Test.Len())
	}
	s := &Split{Order: order, Classes: d.Classes}
	var wg sync.WaitGroup
	wg.Go(func() { s.Hash = d.Hash() }) // the hash takes as long as all other steps together
	s.Train = ordered(d.Train.Slice(0, train), order)
	s.Val = ordered(d.Train.Slice(n-val, n), order)
	s.Test = ordered(d.Test.Slice(0, test), order)
	s.Mean = mean(s.Train)
	wg.Wait()
	if s.Name = NameOf(cmp.Or(d.Name, cifar10), s.Hash); s.Name == custom {
		s.Notes = d.notes(s.Hash, train, val, test)
	}
	return s, nil
}

// Largest sizes of DefaultSplit, as in the assignment.
const (
	defaultVal  = 1000
	defaultTest = 1000
)

// DefaultSplit returns a split with 1,000 validation and 1,000 test images. All other images of
// Train are training images. CIFAR-10 has 49,000 of them, as in the assignment, and the synthetic
// set has 10,000. If Train has fewer than 10,000 images, a tenth of them, and at least one, are
// validation images. If Test has fewer than 1,000 images, all of them are test images.
func (d *Dataset) DefaultSplit(order Order) (*Split, error) {
	train, val, test := defaultSizes(d.Train.Len(), d.Test.Len())
	return d.Split(order, train, val, test)
}

// defaultSizes returns the sizes of DefaultSplit for a set with the given numbers of images.
func defaultSizes(images, tests int) (train, val, test int) {
	val = min(defaultVal, max(images/10, 1))
	return images - val, val, min(defaultTest, tests)
}

// ordered returns the images in the given order. For CHW, it returns im; for HWC, it returns a
// copy.
func ordered(im labelled.Images, order Order) labelled.Images {
	if order == CHW {
		return im
	}
	const plane = Height * Width
	x := pages.Make[uint8](len(im.X))
	for i := range im.Len() {
		src, dst := im.X[i*Dim:(i+1)*Dim], x[i*Dim:(i+1)*Dim]
		r, g, b := src[:plane], src[plane:2*plane], src[2*plane:]
		for p := range plane {
			dst[3*p], dst[3*p+1], dst[3*p+2] = r[p], g[p], b[p]
		}
	}
	return labelled.Images{X: x, Y: slices.Clone(im.Y)}
}

// mean returns the mean image. The sums are exact integers, so each element is the correctly
// rounded quotient, as in NumPy.
func mean(im labelled.Images) []float64 {
	sums := make([]uint64, Dim)
	// Each step adds eight pixels. A word holds four sums, each of at most 257 bytes.
	const most, low = 257, 0x00ff00ff00ff00ff
	var even, odd [Dim / 8]uint64
	for lo := 0; lo < im.Len(); lo += most {
		clear(even[:])
		clear(odd[:])
		for i := lo; i < min(lo+most, im.Len()); i++ {
			row := im.Row(i)
			for w := range even {
				v := binary.LittleEndian.Uint64(row[8*w:])
				even[w] += v & low
				odd[w] += v >> 8 & low
			}
		}
		for j := range sums {
			half := even[j/8]
			if j%2 == 1 {
				half = odd[j/8]
			}
			sums[j] += half >> (j % 8 / 2 * 16) & 0xffff
		}
	}
	mean := make([]float64, Dim)
	for j, sum := range sums {
		mean[j] = float64(sum) / float64(im.Len())
	}
	return mean
}
