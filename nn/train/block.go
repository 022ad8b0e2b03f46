package train

import (
	"fmt"
	"slices"
	"unsafe"

	"fusegrid/internal/pages"
	"fusegrid/kernels"
)

// A Block is K nets that are trained together.
type Block[T kernels.Float] struct {
	ops   kernels.Ops[T]
	shape Shape
	nets  []Net
	first firstLayer[T]

	// First layers, side by side. Units off[k]:off[k+1] belong to net k. wide[0] holds the weights, and
	// the rest is the state of the rule.
	off  []int
	wide []wide[T]
	// For each unit: factors of the update, and Σ w² before it.
	alpha, beta, squares []T

	deep  [][][]dense[T] // deep[k] has the layers of net k after the first, each with the rule's state
	steps int            // number of steps since Init

	// Scratch for one minibatch.
	h1    kernels.Mat[T]   // (N, ΣH): activations of the first layer, then their deltas
	acts  []kernels.Mat[T] // (N, widest) per deeper layer, the same; the last matrix has the scores
	below kernels.Mat[T]   // (N, widest): deltas of one layer before the gate of its ReLU
	y     []int
	loss  []float64
	sound []bool
	bsum  []T // column sums, as wide as the widest layer
	lane  []T // D: the weights of one unit

	// Gradients of the first layers and of one deeper layer, for rules that need them.
	slopes wide[T]
	room   []T
	apart  bool // gradients of rows are formed separately; see rowLayer

	updateFirst wideUpdate[T]
	updateDeep  deepUpdate[T]
}

// wide holds the weights of all first layers, one array of their state, or their gradient.
type wide[T kernels.Float] struct {
	w kernels.Panels[T] // (D, ΣH)
	b []T
}

func (b *Block[T]) newWide(units int) wide[T] {
	panels := b.ops.NewPanels
	if b.shape.Floats {
		panels = b.ops.NewRowMajor
	}
	return wide[T]{panels(b.shape.Inputs, units), make([]T, units)}
}

// move copies unit src to unit dst.
func (a wide[T]) move(dst, src int) {
	a.w.MoveLane(dst, src)
	a.b[dst] = a.b[src]
}

// units returns the first n units.
func (a wide[T]) units(n int) wide[T] { return wide[T]{a.w.First(n), a.b[:n]} }

// dense holds the weights of one deeper layer of one net, or one array of their state.
type dense[T kernels.Float] struct {
	w kernels.Mat[T] // (out, in)
	b []T
}

// New returns a block of nets with zero weights; see [Block.Init]. The mean image must have D
// elements. It must be empty if samples are [Rows]. The argument workers is the maximum number of
// goroutines that share a product.
func New[T kernels.Float](set *kernels.Set, shape Shape, nets []Net, mean []T, workers int) (*Block[T], error) {
	if err := shape.check(nets); err != nil {
		return nil, err
	}
	want := shape.Inputs
	if shape.Floats {
		want = 0
	}
	if len(mean) != want {
		return nil, fmt.Errorf("train: the mean image has %d pixels, want %d", len(mean), want)
	}
	if set.Class.Integers() {
		if err := checkIntegers(shape, mean); err != nil {
			return nil, err
		}
	}
	b := &Block[T]{
		ops:   kernels.Of[T](set),
		shape: shape,
		nets:  append([]Net(nil), nets...),
		y:     make([]int, shape.Batch),
		loss:  make([]float64, len(nets)),
		sound: make([]bool, len(nets)),
	}
	b.off = make([]int, len(nets)+1)
	widest, largest := make([]int, len(nets[0].Hidden)+1), 0
	for k, n := range nets {
		sizes := shape.sizes(n)
		b.off[k+1] = b.off[k] + sizes[1]
		var layers [][]dense[T]
		for l := 1; l+1 < len(sizes); l++ {
			var layer []dense[T]
			for range shape.Rule.stateNames() {
				layer = append(layer, dense[T]{kernels.NewMat[T](sizes[l+1], sizes[l]), make([]T, sizes[l+1])})
			}
			layers = append(layers, layer)
			largest = max(largest, sizes[l+1]*sizes[l])
		}
		b.deep = append(b.deep, layers)
		for l := range widest {
			widest[l] = max(widest[l], sizes[l+1])
		}
	}
	units := b.off[len(nets)]
	for range shape.Rule.stateNames() {
		b.wide = append(b.wide, b.newWide(units))
	}
	if shape.Rule.WorkArrays() > 0 {
		b.slopes = b.newWide(units)
	}
	b.apart = shape.Floats && !set.Stable
	if shape.Rule.WorkArrays() > 0 || b.apart {
		b.room = make([]T, largest)
	}
	p := products[T]{ops: b.ops, x: b.ops.NewMinibatch(shape.Batch, b.wide[0].w), workers: workers}
	if shape.Floats {
		b.first = newRowLayer(p, shape.Inputs, units, b.apart)
	} else {
		b.first = &byteLayer[T]{p, mean, shape.Classes}
	}
	b.updateFirst.Block, b.updateDeep.Block = b, b
	b.alpha, b.beta, b.squares = make([]T, units), make([]T, units), make([]T, units)
	b.h1 = spread[T](shape.Batch, units)
	for _, width := range widest[1:] {
		b.acts = append(b.acts, spread[T](shape.Batch, width))
	}
	b.below = spread[T](shape.Batch, slices.Max(widest))
	b.bsum = make([]T, max(units, slices.Max(widest)))
	b.lane = make([]T, shape.Inputs)
	return b, nil
}

// spread returns a zero matrix whose rows start at cache lines, so that few vectors lie in two
// lines. If the stride is a multiple of 1,024 bytes, it gets one more line. Otherwise the elements
// of a column would share few sets of the L1 cache.
func spread[T kernels.Float](rows, cols int) kernels.Mat[T] {
	const crowded, line = 1024, pages.Line
	size := int(unsafe.Sizeof(T(0)))
	stride := max((cols*size+line-1)/line, 1) * line / size
	if stride*size%crowded == 0 {
		stride += line / size
	}
	return kernels.Mat[T]{Rows: rows, Cols: cols, Stride: stride, Data: pages.Make[T](rows * stride)}
}

// Len returns the number of nets in the block.
func (b *Block[T]) Len() int { return len(b.nets) }

// Copy copies the weights, the biases and the state of the update rule from net src to net dst. It
// panics if the sizes of the nets differ.
func (b *Block[T]) Copy(dst, src int) {
	if to, of := b.nets[dst].Hidden, b.nets[src].Hidden; !slices.Equal(to, of) {
		panic(fmt.Sprintf("train: Copy: net %d has hidden layers %v, net %d has %v", dst, to, src, of))
	}
	to := b.all(dst)
	for i, p := range b.all(src) {
		to[i].copy(p)
	}
}

// Keep drops each net k for which keep[k] is false. The other nets move to the freed positions,
// and their bits do not change. The next step computes nothing for dropped nets.
func (b *Block[T]) Keep(keep []bool) {
	at, unit := 0, 0
	for k, n := range b.nets {
		if !keep[k] {
			continue
		}
		lo, hi := b.off[k], b.off[k+1]
		for u := lo; u < hi && lo > unit; u++ {
			for _, a := range b.wide {
				a.move(unit+u-lo, u)
			}
		}
		b.nets[at], b.deep[at], b.off[at] = n, b.deep[k], unit
		at, unit = at+1, unit+hi-lo
	}
	b.off[at] = unit
	b.nets, b.deep, b.off, b.loss = b.nets[:at], b.deep[:at], b.off[:at+1], b.loss[:at]
	for i, a := range b.wide {
		b.wide[i] = a.units(unit)
	}
	if b.shape.Rule.WorkArrays() > 0 {
		b.slopes = b.slopes.units(unit)
	}
	b.alpha, b.beta, b.squares = b.alpha[:unit], b.beta[:unit], b.squares[:unit]
	b.h1.Cols = unit
}
