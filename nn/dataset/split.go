package dataset

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"fusegrid/internal/pages"
	"fusegrid/nn/labelled"
)

// A Split holds the training, validation and test samples for a net.
type Split struct {
	Name             string // "cifar-10" for the published set, "custom" for other files of its form, else Dataset.Name
	Hash             string // hash of the Dataset; Hash, Order, the sizes, Partition and Norm identify the split
	Shape            Shape
	Order            Order
	Classes          []string
	Train, Val, Test labelled.Samples

	// Partition names how samples were drawn, such as "stratified:0". It is empty if the training
	// samples are the first ones and the validation samples are the last, as in the assignment.
	Partition string

	// Norm is the normalization. Before a net sees a number x of any of the three subsets, it
	// becomes (x − Mean)·Scale for its pixel or feature.
	Norm  Norm
	Mean  []float64 // (Dim) mean of Train, in Order; zeros for the normalization none
	Scale []float64 // (Dim) for the normalization standard; else nil, which stands for ones

	// Notes are lines that users must see. They say that CIFAR-10 is not the published one, and
	// name samples that are in two of the subsets or twice in Train. The published CIFAR-10 and
	// the synthetic set have no notes.
	Notes []string
}

// PixelOrder returns the order of the pixels for records, "hwc" or "chw". It is empty for samples
// that are not images.
func (s *Split) PixelOrder() string {
	if !s.Shape.Image() {
		return ""
	}
	return strings.ToLower(s.Order.String())
}

// Custom reports whether the files have the form of CIFAR-10, but are not the published ones.
func (s *Split) Custom() bool { return s.Name == custom }

// Sizes returns the numbers of training, validation and test samples.
func (s *Split) Sizes() [3]int { return [3]int{s.Train.Len(), s.Val.Len(), s.Test.Len()} }

// A Norm is a normalization of samples by the mean and the deviation of the training samples.
type Norm string

// Norms. Images are 8-bit numbers, so they have no normalization Standard.
const (
	Mean     Norm = ""         // x − mean
	Standard Norm = "standard" // (x − mean) / standard deviation
	NoNorm   Norm = "none"     // x
)

// SplitOptions say how to split a data set. The zero value gives the split of the assignment, or
// for a set without test samples a stratified one.
type SplitOptions struct {
	Order Order
	Sizes Sizes // the zero value stands for the default sizes
	Draw  Draw  // "" stands for Ordered, or for Stratified if the samples may be in the order of their classes
	Seed  uint32
	Norm  Norm
}

// Split returns a split like the assignment's, with the given numbers of images. The training
// images are the first images of d.Train, and the validation images are the last. The test images
// are the first images of d.Test. In CHW order, the subsets share memory with d. In HWC order, they
// are copies.
func (d *Dataset) Split(order Order, train, val, test int) (*Split, error) {
	p, err := d.ordered(train, val, test)
	if err != nil {
		return nil, err
	}
	return d.split(SplitOptions{Order: order, Draw: Ordered}, p)
}

// DefaultSplit returns a split with 1,000 validation and 1,000 test images. All other images of
// Train are training images. CIFAR-10 has 49,000 of them, as in the assignment, and the synthetic
// set has 10,000. If Train has fewer than 10,000 images, a tenth of them, and at least one, are
// validation images. If Test has fewer than 1,000 images, all of them are test images. If the files
// set validation samples apart, all of these are used. If the set has no test samples, a tenth of
// its samples are test samples, a tenth are validation samples, and the draw is stratified.
func (d *Dataset) DefaultSplit(order Order) (*Split, error) {
	return d.SplitWith(SplitOptions{Order: order})
}

// SplitWith returns the split that the options describe.
func (d *Dataset) SplitWith(o SplitOptions) (*Split, error) {
	p, err := d.partition(o)
	if err != nil {
		return nil, err
	}
	return d.split(o, p)
}

// title names the set in errors.
func (d *Dataset) title() string { return cmp.Or(d.Name, "the set") }

// split returns the split with the samples of the partition.
func (d *Dataset) split(o SplitOptions, p partition) (*Split, error) {
	dim := d.Shape.Dim()
	err := cmp.Or(d.Train.Check(dim), d.Test.Check(dim))
	switch {
	case err != nil:
	case o.Order != CHW && o.Order != HWC:
		err = fmt.Errorf("unknown pixel order %v; use CHW or HWC", o.Order)
	case !slices.Contains([]Norm{Mean, Standard, NoNorm}, o.Norm):
		err = fmt.Errorf("unknown normalization %q; use mean, standard or none", o.Norm)
	case o.Norm == Standard && !d.Train.Floats():
		err = fmt.Errorf("the normalization standard is for features in floats; these samples are bytes, so use mean or none")
	}
	if err != nil {
		return nil, fmt.Errorf("dataset: split of %s: %w", d.title(), err)
	}
	s := &Split{Shape: d.Shape, Order: o.Order, Classes: d.Classes, Partition: p.name, Norm: o.Norm}
	var wg sync.WaitGroup
	wg.Go(func() { s.Hash = d.Hash() }) // the hash takes as long as all other steps together
	s.Train = d.inOrder(p.train, o.Order)
	s.Val = d.inOrder(p.val, o.Order)
	s.Test = d.inOrder(p.test, o.Order)
	s.Mean, s.Scale = normalize(s.Train, dim, o.Norm)
	wg.Wait()
	s.Name = d.NameWith(s.Hash)
	if d.batches != nil && s.Name != custom || d.Name != "" && d.place == nil {
		return s, nil // the published or a generated set
	}
	s.Notes = d.notes(s.Name, s.Hash, p)
	return s, nil
}

// inOrder returns the samples of one subset in the given order of pixels.
func (d *Dataset) inOrder(u subset, order Order) labelled.Samples {
	s := d.samples(u)
	if order == CHW || !d.Shape.Image() || d.Shape.Channels == 1 {
		return s
	}
	x := pages.Make[uint8](len(s.X))
	plane, channels := d.Shape.Height*d.Shape.Width, d.Shape.Channels
	for i := range s.Len() {
		src, dst := s.Row(i), x[i*plane*channels:(i+1)*plane*channels]
		if channels == 3 {
			interleave3(dst, src, plane)
			continue
		}
		for c := range channels {
			for p, v := range src[c*plane : (c+1)*plane] {
				dst[p*channels+c] = v
			}
		}
	}
	return labelled.Samples{X: x, Y: slices.Clone(s.Y)}
}

// interleave3 stores the three planes of src pixel by pixel, four pixels at a time.
func interleave3(dst, src []uint8, plane int) {
	r, g, b := src[:plane], src[plane:2*plane], src[2*plane:3*plane]
	for len(r) >= 4 && len(g) >= 4 && len(b) >= 4 && len(dst) >= 12 {
		x, y, z := binary.LittleEndian.Uint32(r), binary.LittleEndian.Uint32(g), binary.LittleEndian.Uint32(b)
		binary.LittleEndian.PutUint32(dst, x&0xff|y&0xff<<8|z&0xff<<16|x&0xff00<<16)
		binary.LittleEndian.PutUint32(dst[4:], y>>8&0xff|z&0xff00|x&0xff0000|y&0xff0000<<8)
		binary.LittleEndian.PutUint32(dst[8:], z>>16&0xff|x>>16&0xff00|y>>8&0xff0000|z&0xff000000)
		r, g, b, dst = r[4:], g[4:], b[4:], dst[12:]
	}
	for p := range r {
		dst[3*p], dst[3*p+1], dst[3*p+2] = r[p], g[p], b[p]
	}
}
