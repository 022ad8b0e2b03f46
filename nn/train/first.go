package train

import (
	"errors"
	"fmt"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/nn/labelled"
)

// A Source is a list of labelled samples. It is [labelled.Samples] or, if the shape of the block says
// so, [Rows].
type Source interface {
	// Len returns the number of samples.
	Len() int
}

// Rows is a [Source] of samples that are rows of numbers.
type Rows[T kernels.Float] interface {
	Source
	// Dim returns the number of inputs of a sample.
	Dim() int
	// Gather copies the samples at the indices idx into the rows of dst (len(idx), Dim), and their
	// labels into y.
	Gather(dst kernels.Mat[T], y []int, idx []int)
}

// A firstLayer multiplies the minibatch X with the weights of all first layers. It is the only part
// that knows how X is represented. The rest of the block sees pre-activations and deltas. Weights
// are panels (D, ΣH), and a lane is a unit.
type firstLayer[T kernels.Float] interface {
	// check returns an error if s cannot be loaded.
	check(s Source) error
	// load makes the samples at idx the minibatch and copies their labels into y.
	load(s Source, y, idx []int)
	// forward computes z = X·W (N, ΣH) for the minibatch. Unless squares is nil, it also computes Σ
	// w² of each unit.
	forward(z kernels.Mat[T], w kernels.Panels[T], squares []T)
	// update computes W ← W·diag(β) + Xᵀ·d for deltas d (N, ΣH), with one β per unit.
	update(w kernels.Panels[T], beta []T, d kernels.Mat[T])
}

// products are the products of a first layer with a minibatch.
type products[T kernels.Float] struct {
	ops     kernels.Ops[T]
	x       *kernels.Minibatch[T]
	workers int
}

func (p *products[T]) forward(z kernels.Mat[T], w kernels.Panels[T], squares []T) {
	p.ops.Forward(z, p.x, w, squares, p.workers)
}

func (p *products[T]) update(w kernels.Panels[T], beta []T, d kernels.Mat[T]) {
	p.ops.Update(w, beta, p.x, d, p.workers)
}

// byteLayer is the first layer for images, from which it subtracts the mean image. The kernel set
// packs the images.
type byteLayer[T kernels.Float] struct {
	products[T]
	mean    []T
	classes int
}

func (f *byteLayer[T]) check(s Source) error {
	im, ok := s.(labelled.Samples)
	if !ok {
		return fmt.Errorf("train: the block takes labelled.Samples, the samples are %T", s)
	}
	if im.Len() == 0 {
		return errors.New("train: 0 images, want at least one")
	}
	if err := im.Check(len(f.mean)); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	for i, y := range im.Y {
		if int(y) >= f.classes {
			return fmt.Errorf("train: image %d has label %d, want 0…%d", i, y, f.classes-1)
		}
	}
	return nil
}

func (f *byteLayer[T]) load(s Source, y, idx []int) {
	im := s.(labelled.Samples)
	f.ops.Load(f.x, im.X, idx, f.mean)
	for i, j := range idx {
		y[i] = int(im.Y[j])
	}
}

// CheckIntegers returns an error if sets whose class has [kernels.Class.Integers] cannot train with a rule on minibatches of
// that many images.
func CheckIntegers(rule Rule, batch int) error {
	if rule.WorkArrays() > 0 {
		return fmt.Errorf("first layers in integers are for %s, %s and %s; the update rule is %s", SGD, Momentum, Nesterov, rule)
	}
	if batch > bfp.MaxImages {
		return fmt.Errorf("first layers in integers take at most %d images in a minibatch; the batch has %d", bfp.MaxImages, batch)
	}
	return nil
}

// checkIntegers returns an error if blocks with first layers in integers cannot have this shape or mean image.
func checkIntegers[T kernels.Float](s Shape, mean []T) error {
	if err := CheckIntegers(s.Rule, s.Batch); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	pixels, ok := any(mean).([]float32)
	if !ok || s.Floats || s.Inputs > bfp.MaxPixels {
		return fmt.Errorf("train: first layers in integers take images of at most %d bytes and weights of float32", bfp.MaxPixels)
	}
	if err := bfp.CheckMean(pixels); err != nil {
		return fmt.Errorf("train: first layers in integers: %w", err)
	}
	return nil
}

// rowLayer is the first layer for rows of numbers, with the matrix product of the kernel set.
type rowLayer[T kernels.Float] struct {
	products[T]
	// apart is true for a set that is not stable. Such a set may add the terms of a gradient to W
	// one by one, and round each to the precision of W. Therefore the gradient is formed
	// separately.
	apart       bool
	sum         kernels.Panels[T]
	ones, zeros []T
}

func newRowLayer[T kernels.Float](p products[T], inputs, units int, apart bool) *rowLayer[T] {
	f := &rowLayer[T]{products: p, apart: apart}
	if apart {
		f.sum, f.ones, f.zeros = p.ops.NewRowMajor(inputs, units), make([]T, units), make([]T, units)
		for i := range f.ones {
			f.ones[i] = 1
		}
	}
	return f
}

func (f *rowLayer[T]) update(w kernels.Panels[T], beta []T, d kernels.Mat[T]) {
	if !f.apart {
		f.products.update(w, beta, d)
		return
	}
	sum := f.sum.First(w.Lanes)
	f.products.update(sum, f.zeros[:w.Lanes], d)
	f.ops.AxpbyPanels(f.ones[:w.Lanes], sum, beta, w)
}

func (f *rowLayer[T]) check(s Source) error {
	rows, ok := s.(Rows[T])
	if !ok {
		return fmt.Errorf("train: the block takes Rows of %T, the samples are %T", T(0), s)
	}
	if rows.Len() == 0 || rows.Dim() != f.x.Pixels {
		return fmt.Errorf("train: %d samples of %d inputs, want at least one of %d", rows.Len(), rows.Dim(), f.x.Pixels)
	}
	return nil
}

func (f *rowLayer[T]) load(s Source, y, idx []int) {
	s.(Rows[T]).Gather(f.ops.Rows(f.x, len(idx)), y, idx)
}
