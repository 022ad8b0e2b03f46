package nn

import (
	"fmt"

	"fusegrid/kernels"
	"fusegrid/nn/labelled"
	"fusegrid/nn/train"
)

// Data is a list of labelled samples to draw minibatches from. Its methods must be safe for concurrent
// use.
type Data[T kernels.Float] = train.Rows[T]

// Floats is [Data] that is stored as floats.
type Floats[T kernels.Float] struct {
	X kernels.Mat[T] // (N, D)
	Y []int          // (N), each 0…C−1
}

// Len returns the number of samples.
func (f Floats[T]) Len() int { return f.X.Rows }

// Dim returns the number of inputs of a sample.
func (f Floats[T]) Dim() int { return f.X.Cols }

// Gather copies rows and labels.
func (f Floats[T]) Gather(dst kernels.Mat[T], y []int, idx []int) {
	for i, k := range idx {
		copy(dst.Row(i), f.X.Row(k))
		y[i] = f.Y[k]
	}
}

// Pixels is [Data] of 8-bit images. The images stay bytes, and a gathered row is float(pixel) − mean. A
// Pixels must be made by [NewPixels].
type Pixels[T kernels.Float] struct {
	ops  kernels.Ops[T]
	im   labelled.Samples
	mean []T // (D)
}

// NewPixels returns the images less the mean image (D). It keeps the images and does not copy them.
func NewPixels[T kernels.Float](set *kernels.Set, im labelled.Samples, mean []float64) (*Pixels[T], error) {
	if len(mean) == 0 {
		return nil, fmt.Errorf("nn: pixels: the mean image is empty")
	}
	if err := im.Check(len(mean)); err != nil {
		return nil, fmt.Errorf("nn: pixels: %w", err)
	}
	p := &Pixels[T]{ops: kernels.Of[T](set), im: im, mean: make([]T, len(mean))}
	convert(p.mean, mean)
	return p, nil
}

// Len returns the number of images.
func (p *Pixels[T]) Len() int { return p.im.Len() }

// Dim returns the number of bytes of an image.
func (p *Pixels[T]) Dim() int { return len(p.mean) }

// Gather converts images and copies their labels.
func (p *Pixels[T]) Gather(dst kernels.Mat[T], y []int, idx []int) {
	for i, k := range idx {
		p.ops.SubMean(dst.Row(i), p.im.Row(k), p.mean)
		y[i] = int(p.im.Y[k])
	}
}

// convert rounds float64 values to T.
func convert[T kernels.Float](dst []T, src []float64) {
	for i, v := range src {
		dst[i] = T(v)
	}
}

// A batch holds gathered samples.
type batch[T kernels.Float] struct {
	idx []int
	x   kernels.Mat[T] // (len(idx), D)
	y   []int
}

func newBatch[T kernels.Float](n, dim int) batch[T] {
	return batch[T]{idx: make([]int, n), x: kernels.NewMat[T](n, dim), y: make([]int, n)}
}

// first returns a batch for n samples, which shares memory with b.
func (b batch[T]) first(n int) batch[T] {
	return batch[T]{idx: b.idx[:n], x: firstRows(b.x, n), y: b.y[:n]}
}

// gather copies the samples b.idx into b. A label outside 0…classes−1 is an error.
func (b batch[T]) gather(d Data[T], classes int) error {
	d.Gather(b.x, b.y, b.idx)
	for i, c := range b.y {
		if c < 0 || c >= classes {
			return fmt.Errorf("nn: sample %d has label %d, want 0…%d: the net has %d classes",
				b.idx[i], c, classes-1, classes)
		}
	}
	return nil
}

// eachBatch gathers the samples of d at the indices idx, as many at a time as room holds, and calls f
// with each batch. If idx is nil, it gathers all samples in order.
func eachBatch[T kernels.Float](d Data[T], idx []int, room batch[T], f func(b batch[T])) {
	total := len(idx)
	if idx == nil {
		total = d.Len()
	}
	for start := 0; start < total; start += len(room.idx) {
		b := room.first(min(len(room.idx), total-start))
		for i := range b.idx {
			if b.idx[i] = start + i; idx != nil {
				b.idx[i] = idx[start+i]
			}
		}
		d.Gather(b.x, b.y, b.idx)
		f(b)
	}
}
