package nn

import "fusegrid/kernels"

// A Layout is the shape of the weights of an affine layer with D inputs and M outputs.
type Layout int

const (
	// InOut: W is (D, M) and y = x·W + b, as in the course's modular layers.
	InOut Layout = iota
	// OutIn: W is (M, D) and y = x·Wᵀ + b, as in the course's two-layer net.
	OutIn
)

// Affine is a layer with D inputs and M outputs. Inputs of any shape are flattened to one row per
// sample.
type Affine[T kernels.Float] struct {
	Ops    kernels.Ops[T]
	Layout Layout
	W      kernels.Mat[T] // (D, M) or (M, D)
	B      []T            // (M)
}

// An AffineCache holds what the backward pass needs from [Affine.Forward]. It refers to the input
// and the weights, so neither may change before Backward is called.
type AffineCache[T kernels.Float] struct {
	layer Affine[T]
	x     kernels.Mat[T] // (N, D)
}

// Forward computes y (N, M) from x (N, D).
func (l Affine[T]) Forward(y, x kernels.Mat[T]) AffineCache[T] {
	l.multiply(y, x)
	l.Ops.AddBias(y, y, l.B)
	return AffineCache[T]{layer: l, x: x}
}

func (l Affine[T]) multiply(y, x kernels.Mat[T]) {
	l.Ops.Gemm(kernels.Product[T]{Alpha: 1, A: x, B: l.W, TransB: l.Layout == OutIn, C: y})
}

// Backward computes the gradients dx (N, D), dw (shape of W) and db (M) from dy (N, M). It does not
// compute dx if dx has no rows.
func (c AffineCache[T]) Backward(dx, dw kernels.Mat[T], db []T, dy kernels.Mat[T]) {
	c.input(dx, dy)
	c.weights(dy, dw)
	c.layer.Ops.ColSums(db, dy)
}

// input computes dx = dy·(∂y/∂x).
func (c AffineCache[T]) input(dx, dy kernels.Mat[T]) {
	if dx.Rows == 0 {
		return
	}
	c.layer.Ops.Gemm(kernels.Product[T]{Alpha: 1, A: dy, B: c.layer.W, TransB: c.layer.Layout == InOut, C: dx})
}

// weights computes dw.
func (c AffineCache[T]) weights(dy, dw kernels.Mat[T]) {
	p := kernels.Product[T]{Alpha: 1, A: c.x, TransA: true, B: dy, C: dw}
	if c.layer.Layout == OutIn {
		p.A, p.B = dy, c.x
	}
	c.layer.Ops.Gemm(p)
}

// ReLU is the layer y = max(0, x), of any shape.
type ReLU[T kernels.Float] struct{ Ops kernels.Ops[T] }

// A ReLUCache holds what the backward pass needs from [ReLU.Forward]. It refers to the output,
// which must not change before Backward is called.
type ReLUCache[T kernels.Float] struct {
	layer ReLU[T]
	y     []T
}

// Forward computes y = max(0, x). It may work in place.
func (l ReLU[T]) Forward(y, x []T) ReLUCache[T] {
	l.Ops.ReLU(y, x)
	return ReLUCache[T]{layer: l, y: y}
}

// Backward computes dx = dy where x > 0, else 0. It may work in place.
func (c ReLUCache[T]) Backward(dx, dy []T) { c.layer.Ops.ReLUGrad(dx, dy, c.y) }

// AffineReLU is an affine layer followed by a ReLU.
type AffineReLU[T kernels.Float] struct{ Affine[T] }

// An AffineReLUCache holds what the backward pass needs from [AffineReLU.Forward].
type AffineReLUCache[T kernels.Float] struct {
	affine AffineCache[T]
	relu   ReLUCache[T]
}

// Forward computes y (N, M) = max(0, affine(x)) from x (N, D). The rows of y must be contiguous.
func (l AffineReLU[T]) Forward(y, x kernels.Mat[T]) AffineReLUCache[T] {
	l.multiply(y, x)
	l.Ops.BiasReLU(y, y, l.B)
	return AffineReLUCache[T]{
		affine: AffineCache[T]{layer: l.Affine, x: x},
		relu:   ReLUCache[T]{layer: ReLU[T]{l.Ops}, y: y.Data},
	}
}

// Backward computes dx, dw and db from dy (N, M), as [AffineCache.Backward] does. It
// overwrites dy with the gradient before the ReLU.
func (c AffineReLUCache[T]) Backward(dx, dw kernels.Mat[T], db []T, dy kernels.Mat[T]) {
	c.relu.Backward(dy.Data, dy.Data)
	c.affine.Backward(dx, dw, db, dy)
}
