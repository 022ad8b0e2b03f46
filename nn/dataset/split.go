package dataset

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"sync"

	"fusegrid/internal/pages"
)

// Subset is a list of images in some pixel order, with their labels.
type Subset struct {
	X []uint8 // (N, Dim)
	Y []uint8 // (N), 0 to 9
}

// Len returns N.
func (s Subset) Len() int { return len(s.Y) }

// Row returns the pixels of image i, sharing memory.
func (s Subset) Row(i int) []uint8 { return s.X[i*Dim : (i+1)*Dim : (i+1)*Dim] }

// Split is what a net trains on.
type Split struct {
	Name             string // "cifar-10" for the published set alone, "custom" for other files, else the Dataset's
	Hash             string // of the Dataset; Order and the sizes complete the identity
	Order            Order
	Classes          []string
	Train, Val, Test Subset
	Mean             []float64 // (Dim) mean image of Train, in Order; to be subtracted from all three

	// Notes are lines that say what a user must know of a custom set: that it is one, and which
	// images are in two of the subsets or twice in Train. Other sets have none.
	Notes []string
}

// Split makes the split of the assignment: the first train images of Train, the
// last val images of Train and the first test images of Test. In CHW order the
// subsets share the memory of d; in HWC order they are copies, and d may be dropped.
func (d *Dataset) Split(order Order, train, val, test int) (*Split, error) {
	n, name := d.Train.Len(), cmp.Or(d.Name, "the images")
	switch {
	case order != CHW && order != HWC:
		return nil, fmt.Errorf("dataset: split of %s: unknown pixel order %v; use CHW or HWC", name, order)
	case len(d.Train.Pixels) != n*Dim || len(d.Test.Pixels) != d.Test.Len()*Dim:
		return nil, fmt.Errorf("dataset: split of %s: pixels and labels differ in number", name)
	case train < 1 || val < 0 || test < 0:
		return nil, fmt.Errorf("dataset: split of %s: %d training, %d validation and %d test images; at least 1, 0 and 0 are needed", name, train, val, test)
	case train > n || val > n-train:
		return nil, fmt.Errorf("dataset: split of %s: %d training and %d validation images asked for, %d there are; ask for fewer", name, train, val, n)
	case test > d.Test.Len():
		return nil, fmt.Errorf("dataset: split of %s: %d test images asked for, %d there are; ask for fewer", name, test, d.Test.Len())
	}
	s := &Split{Order: order, Classes: d.Classes}
	var wg sync.WaitGroup
	wg.Go(func() { s.Hash = d.Hash() }) // it takes as long as the rest
	s.Train = d.Train.slice(0, train).ordered(order)
	s.Val = d.Train.slice(n-val, n).ordered(order)
	s.Test = d.Test.slice(0, test).ordered(order)
	s.Mean = s.Train.mean()
	wg.Wait()
	if s.Name = NameOf(cmp.Or(d.Name, cifar10), s.Hash); s.Name == custom {
		s.Notes = d.notes(s.Hash, train, val, test)
	}
	return s, nil
}

// The sizes of DefaultSplit, which are those of the assignment.
const (
	defaultVal  = 1000
	defaultTest = 1000
)

// DefaultSplit is Split with 1,000 validation and 1,000 test images and all
// other images of Train for training: 49,000 of CIFAR-10, as in the assignment,
// and 10,000 of the synthetic set.
func (d *Dataset) DefaultSplit(order Order) (*Split, error) {
	return d.Split(order, d.Train.Len()-defaultVal, defaultVal, defaultTest)
}

// ordered returns the images in the given order: im's own memory or a copy.
func (im Images) ordered(order Order) Subset {
	if order == CHW {
		return Subset{im.Pixels, im.Labels}
	}
	const plane = Height * Width
	x := pages.Make[uint8](len(im.Pixels))
	for i := range im.Len() {
		src, dst := im.Pixels[i*Dim:(i+1)*Dim], x[i*Dim:(i+1)*Dim]
		r, g, b := src[:plane], src[plane:2*plane], src[2*plane:]
		for p := range plane {
			dst[3*p], dst[3*p+1], dst[3*p+2] = r[p], g[p], b[p]
		}
	}
	return Subset{x, append([]uint8(nil), im.Labels...)}
}

// mean returns the mean image. The sums are exact integers, so each element is
// the correctly rounded quotient, as in NumPy.
func (s Subset) mean() []float64 {
	sums := make([]uint64, Dim)
	// Eight pixels at a time: a word has room for four sums of 257 bytes.
	const most, low = 257, 0x00ff00ff00ff00ff
	var even, odd [Dim / 8]uint64
	for lo := 0; lo < s.Len(); lo += most {
		clear(even[:])
		clear(odd[:])
		for i := lo; i < min(lo+most, s.Len()); i++ {
			row := s.Row(i)
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
		mean[j] = float64(sum) / float64(s.Len())
	}
	return mean
}

// Gather copies the rows idx of s, one after another, into dst (len(idx), Dim).
// It panics if dst has another length.
func Gather(dst []uint8, s Subset, idx []int) {
	if len(dst) != len(idx)*Dim {
		panic(fmt.Sprintf("dataset: Gather: dst has %d bytes, want %d for %d images", len(dst), len(idx)*Dim, len(idx)))
	}
	for i, j := range idx {
		copy(dst[i*Dim:(i+1)*Dim], s.Row(j))
	}
}
