package fused

import "fusegrid/kernels"

// Images is a labelled set of 8-bit images.
type Images struct {
	X []uint8 // (len(Y), D), row by row
	Y []uint8
}

// Len returns the number of images.
func (s Images) Len() int { return len(s.Y) }

// A firstLayer is the seam between the images and the nets. It is the only part that knows
// how the minibatch X is represented; the rest of the block sees pre-activations and deltas.
// Weights are panels, (D, ΣH): a lane is a unit.
type firstLayer[T kernels.Float] interface {
	// load takes the images at idx as the minibatch.
	load(s Images, idx []int)
	// forward computes z = X·W, (N, ΣH), for the minibatch, and Σ w² of each unit unless squares is nil.
	forward(z kernels.Mat[T], w kernels.Panels[T], squares []T)
	// update computes W ← W·diag(β) + Xᵀ·d for deltas d, (N, ΣH), with one β a unit.
	update(w kernels.Panels[T], beta []T, d kernels.Mat[T])
}

// floatLayer is the first layer in floats: packed by the kernel set, less the mean image.
type floatLayer[T kernels.Float] struct {
	ops     kernels.Ops[T]
	mean    []T
	x       *kernels.Minibatch[T]
	workers int
}

// newFloatLayer returns the first layer for weights in the form of w.
func newFloatLayer[T kernels.Float](ops kernels.Ops[T], batch int, mean []T, w kernels.Panels[T], workers int) *floatLayer[T] {
	return &floatLayer[T]{ops: ops, mean: mean, x: ops.NewMinibatch(batch, w), workers: workers}
}

func (f *floatLayer[T]) load(s Images, idx []int) { f.ops.Load(f.x, s.X, idx, f.mean) }

func (f *floatLayer[T]) forward(z kernels.Mat[T], w kernels.Panels[T], squares []T) {
	f.ops.Forward(z, f.x, w, squares, f.workers)
}

func (f *floatLayer[T]) update(w kernels.Panels[T], beta []T, d kernels.Mat[T]) {
	f.ops.Update(w, beta, f.x, d, f.workers)
}
