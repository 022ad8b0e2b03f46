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
type firstLayer[T kernels.Float] interface {
	// load takes the images at idx as the minibatch.
	load(s Images, idx []int)
	// forward computes z = X·Wᵀ, (N, ΣH), for the minibatch and w, (ΣH, D).
	forward(z, w kernels.Mat[T])
	// update computes w ← β∘w + dᵀ·X for deltas d, (N, ΣH), with one β a row of w.
	update(w, d kernels.Mat[T], beta []T)
}

// floatLayer holds the minibatch as floats with the mean image subtracted.
type floatLayer[T kernels.Float] struct {
	ops     kernels.Ops[T]
	mean    []T
	x       kernels.Mat[T] // (N, D)
	n       int            // rows of x in use
	workers int
}

func newFloatLayer[T kernels.Float](ops kernels.Ops[T], batch int, mean []T, workers int) *floatLayer[T] {
	return &floatLayer[T]{ops: ops, mean: mean, x: spread[T](batch, len(mean), line[T]()), workers: workers}
}

func (f *floatLayer[T]) load(s Images, idx []int) {
	d := len(f.mean)
	for i, j := range idx {
		f.ops.SubMean(f.x.Row(i), s.X[j*d:(j+1)*d], f.mean)
	}
	f.n = len(idx)
}

func (f *floatLayer[T]) minibatch() kernels.Mat[T] { return f.x.Slice(0, f.n, 0, f.x.Cols) }

func (f *floatLayer[T]) forward(z, w kernels.Mat[T]) {
	f.ops.GemmParallel(kernels.Product[T]{Alpha: 1, A: f.minibatch(), B: w, TransB: true, C: z}, f.workers)
}

func (f *floatLayer[T]) update(w, d kernels.Mat[T], beta []T) {
	f.ops.GemmParallel(kernels.Product[T]{Alpha: 1, A: d, TransA: true, B: f.minibatch(), BetaRow: beta, C: w}, f.workers)
}
