package fused

import (
	"fmt"
	"slices"
	"unsafe"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// A Block is K nets that are trained together.
type Block[T kernels.Float] struct {
	ops   kernels.Ops[T]
	shape Shape
	nets  []Net
	first firstLayer[T]

	// First layers, stacked: rows off[k]:off[k+1] belong to net k.
	off  []int
	w1   kernels.Mat[T] // (ΣH, D)
	v1   kernels.Mat[T] // velocities, for rules that have them
	b1   []T
	vb1  []T
	beta []T // what the product keeps of a row of its target

	deep [][]dense[T] // deep[k] is the layers of net k after the first

	// Scratch for one minibatch.
	h1, d1 kernels.Mat[T]   // (N, ΣH): activations and deltas of the first layer
	acts   []kernels.Mat[T] // (N, widest) per deeper layer; the last is the scores
	deltas []kernels.Mat[T]
	y      []int
	loss   []float64
	bsum   []T // column sums, as wide as the widest layer
}

// dense is one affine layer of one net.
type dense[T kernels.Float] struct {
	w, v  kernels.Mat[T] // (out, in)
	b, vb []T
}

// New returns a block of nets with zero weights; see [Block.Init]. The mean image has D elements.
// The products of one step are split over workers goroutines.
func New[T kernels.Float](set *kernels.Set, shape Shape, nets []Net, mean []T, workers int) (*Block[T], error) {
	if err := shape.check(nets); err != nil {
		return nil, err
	}
	if len(mean) != shape.Inputs {
		return nil, fmt.Errorf("fused: the mean image has %d pixels, want %d", len(mean), shape.Inputs)
	}
	b := &Block[T]{
		ops:   kernels.Of[T](set),
		shape: shape,
		nets:  append([]Net(nil), nets...),
		y:     make([]int, shape.Batch),
		loss:  make([]float64, len(nets)),
	}
	b.first = newFloatLayer(b.ops, shape.Batch, mean, workers)
	b.off = make([]int, len(nets)+1)
	widest := make([]int, len(nets[0].Hidden)+1)
	for k, n := range nets {
		b.off[k+1] = b.off[k] + n.Hidden[0]
		sizes := shape.sizes(n)
		var layers []dense[T]
		for l := 1; l+1 < len(sizes); l++ {
			layers = append(layers, newDense[T](sizes[l+1], sizes[l], shape.Rule))
		}
		b.deep = append(b.deep, layers)
		for l := range widest {
			widest[l] = max(widest[l], sizes[l+1])
		}
	}
	units := b.off[len(nets)]
	b.w1, b.b1 = spread[T](units, shape.Inputs, kernels.SumLanes[T]()), make([]T, units)
	if shape.Rule != SGD {
		b.v1, b.vb1 = spread[T](units, shape.Inputs, kernels.SumLanes[T]()), make([]T, units)
	}
	b.beta = make([]T, units)
	b.h1, b.d1 = spread[T](shape.Batch, units, line[T]()), spread[T](shape.Batch, units, line[T]())
	for _, width := range widest[1:] {
		b.acts = append(b.acts, kernels.NewMat[T](shape.Batch, width))
		b.deltas = append(b.deltas, kernels.NewMat[T](shape.Batch, width))
		b.bsum = make([]T, max(len(b.bsum), width, units))
	}
	return b, nil
}

func newDense[T kernels.Float](out, in int, rule Rule) dense[T] {
	d := dense[T]{w: kernels.NewMat[T](out, in), b: make([]T, out)}
	if rule != SGD {
		d.v, d.vb = kernels.NewMat[T](out, in), make([]T, out)
	}
	return d
}

// spread returns a zero matrix whose rows are gap elements further apart than they need be
// if they would lie a multiple of 1,024 bytes apart: at such strides the lines of a column crowd
// into few sets of the L1 cache.
//
// For weights the gap is [kernels.SumLanes]: the zeros in it then leave every lane of
// SumSquares as it is without them.
func spread[T kernels.Float](rows, cols, gap int) kernels.Mat[T] {
	const crowded = 1024
	stride := max(cols, 1)
	if stride*int(unsafe.Sizeof(T(0)))%crowded == 0 {
		stride += gap
	}
	return kernels.Mat[T]{Rows: rows, Cols: cols, Stride: stride, Data: make([]T, rows*stride)}
}

// line returns the elements of a cache line.
func line[T kernels.Float]() int { return 64 / int(unsafe.Sizeof(T(0))) }

// packed returns the elements of m row by row: its own memory where no row has a gap.
func packed[T kernels.Float](m kernels.Mat[T]) []T {
	if m.Stride == m.Cols {
		return m.Data
	}
	all := make([]T, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		all = append(all, m.Row(i)...)
	}
	return all
}

// unpack sets m from its elements row by row.
func unpack[T kernels.Float](m kernels.Mat[T], v []T) {
	for i := range m.Rows {
		copy(m.Row(i), v[i*m.Cols:])
	}
}

// Len returns the number of nets in the block.
func (b *Block[T]) Len() int { return len(b.nets) }

// Net returns net k with its present learning rate.
func (b *Block[T]) Net(k int) Net { return b.nets[k] }

// Units returns ΣH, the hidden units of all first layers.
func (b *Block[T]) Units() int { return b.off[len(b.nets)] }

// Init draws the weights of net k from rng, layer by layer, in the order of the assignment;
// biases and velocities become zero.
func (b *Block[T]) Init(k int, rng *nprand.State) {
	n := b.nets[k]
	fill := func(w kernels.Mat[T]) {
		drawn := make([]float64, w.Rows*w.Cols)
		draw(rng, drawn, w.Rows, w.Cols, n.Scale, b.shape.InOut)
		rounded := make([]T, len(drawn))
		for i, v := range drawn {
			rounded[i] = T(v)
		}
		unpack(w, rounded)
	}
	for _, l := range b.layers(k) {
		fill(l.w)
		clear(l.b)
		clear(l.v.Data)
		clear(l.vb)
	}
}

// layers returns views of the layers of net k, the first included.
func (b *Block[T]) layers(k int) []dense[T] {
	return append([]dense[T]{b.firstOf(k)}, b.deep[k]...)
}

// firstOf returns the view of the first layer of net k.
func (b *Block[T]) firstOf(k int) dense[T] {
	lo, hi := b.off[k], b.off[k+1]
	l := dense[T]{w: rows(b.w1, lo, hi), b: b.b1[lo:hi]}
	if b.shape.Rule != SGD {
		l.v, l.vb = rows(b.v1, lo, hi), b.vb1[lo:hi]
	}
	return l
}

func rows[T kernels.Float](m kernels.Mat[T], lo, hi int) kernels.Mat[T] {
	return m.Slice(lo, hi, 0, m.Cols)
}

// Weights returns copies of the weights and biases of net k, layer by layer: W (out, in), then b.
func (b *Block[T]) Weights(k int) [][]T {
	var all [][]T
	for _, l := range b.layers(k) {
		all = append(all, slices.Clone(packed(l.w)), slices.Clone(l.b))
	}
	return all
}

// setWeights takes what [Block.Weights] gave.
func (b *Block[T]) setWeights(k int, w [][]T) {
	for i, l := range b.layers(k) {
		unpack(l.w, w[2*i])
		copy(l.b, w[2*i+1])
	}
}

// Keep drops the nets whose keep is false. The others move up and go on, bit for bit, as if
// nothing had happened; the flops of the dropped ones are gone from the next step on.
func (b *Block[T]) Keep(keep []bool) {
	at, unit := 0, 0
	for k, n := range b.nets {
		if !keep[k] {
			continue
		}
		lo, hi := b.off[k], b.off[k+1]
		copy(b.w1.Data[unit*b.w1.Stride:], rows(b.w1, lo, hi).Data)
		copy(b.b1[unit:], b.b1[lo:hi])
		if b.shape.Rule != SGD {
			copy(b.v1.Data[unit*b.v1.Stride:], rows(b.v1, lo, hi).Data)
			copy(b.vb1[unit:], b.vb1[lo:hi])
		}
		b.nets[at], b.deep[at], b.off[at] = n, b.deep[k], unit
		at, unit = at+1, unit+hi-lo
	}
	b.off[at] = unit
	b.nets, b.deep, b.off, b.loss = b.nets[:at], b.deep[:at], b.off[:at+1], b.loss[:at]
	b.w1 = rows(b.w1, 0, unit)
	b.b1, b.beta = b.b1[:unit], b.beta[:unit]
	if b.shape.Rule != SGD {
		b.v1, b.vb1 = rows(b.v1, 0, unit), b.vb1[:unit]
	}
	b.h1, b.d1 = newView(b.h1, unit), newView(b.d1, unit)
}

// newView narrows an activation matrix to its first units columns.
func newView[T kernels.Float](m kernels.Mat[T], units int) kernels.Mat[T] {
	m.Cols = units
	return m
}
