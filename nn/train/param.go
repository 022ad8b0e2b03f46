package train

import (
	"fmt"
	"slices"
	"strconv"

	"fusegrid/kernels"
)

// A param is one array that a net trains. It hides where the numbers lie in the block.
type param[T kernels.Float] struct {
	name       string // as in checkpoints
	rows, cols int
	weight     bool // of W, not of a bias
	data       []T  // row by row; if nil, row i is lane+i of panels
	panels     kernels.Panels[T]
	lane       int // the first lane of the net
}

// values returns the numbers row by row. The slice may share memory with the block.
func (p param[T]) values() []T {
	if p.data != nil {
		return p.data
	}
	v := make([]T, p.rows*p.cols)
	for i := range p.rows {
		p.panels.Lane(v[i*p.cols:(i+1)*p.cols], p.lane+i)
	}
	return v
}

// set sets the numbers to v, which has the order of values.
func (p param[T]) set(v []T) {
	if p.data != nil {
		copy(p.data, v)
		return
	}
	for i := range p.rows {
		p.panels.SetLane(p.lane+i, v[i*p.cols:(i+1)*p.cols])
	}
}

// copy copies the numbers of q, which has the same shape.
func (p param[T]) copy(q param[T]) {
	if p.data != nil {
		copy(p.data, q.data)
		return
	}
	for i := range p.rows {
		p.panels.MoveLane(p.lane+i, q.lane+i)
	}
}

// weights returns the weights and biases of net k, layer by layer: W (out, in), then b.
func (b *Block[T]) weights(k int) []param[T] { return b.params(k, 0) }

// state returns the arrays that the update rule keeps for the weights of net k, in the same order.
func (b *Block[T]) state(k int) []param[T] {
	var all []param[T]
	for i := range b.shape.Rule.StateArrays() {
		all = append(all, b.params(k, i+1)...)
	}
	return all
}

// all returns the weights and the state of net k.
func (b *Block[T]) all(k int) []param[T] { return append(b.weights(k), b.state(k)...) }

// params returns the weights of net k if i is 0, else the i-th array of their state.
func (b *Block[T]) params(k, i int) []param[T] {
	prefix, a := b.shape.Rule.stateNames()[i], b.wide[i]
	lo, hi := b.off[k], b.off[k+1]
	all := make([]param[T], 0, 2+2*len(b.deep[k]))
	all = append(all,
		param[T]{name: prefix + "w1", weight: true, rows: hi - lo, cols: b.shape.Inputs, panels: a.w, lane: lo},
		param[T]{name: prefix + "b1", rows: 1, cols: hi - lo, data: a.b[lo:hi]})
	for l, layer := range b.deep[k] {
		d, number := layer[i], strconv.Itoa(l+2)
		all = append(all,
			param[T]{name: prefix + "w" + number, weight: true, rows: d.w.Rows, cols: d.w.Cols, data: d.w.Data},
			param[T]{name: prefix + "b" + number, rows: 1, cols: len(d.b), data: d.b})
	}
	return all
}

// Weights returns copies of the weights and biases of net k, layer by layer: W (out, in), then b.
func (b *Block[T]) Weights(k int) [][]T {
	var all [][]T
	for _, p := range b.weights(k) {
		v := p.values()
		if p.data != nil {
			v = slices.Clone(v)
		}
		all = append(all, v)
	}
	return all
}

// SetWeights sets the weights and biases of net k, in the order of [Block.Weights]. It panics if the sizes
// differ from the sizes of the net.
func (b *Block[T]) SetWeights(k int, w [][]T) {
	all := b.weights(k)
	if !slices.EqualFunc(w, all, func(v []T, p param[T]) bool { return len(v) == p.rows*p.cols }) {
		panic(fmt.Sprintf("train: SetWeights: the weights do not have the shape of net %d", k))
	}
	for i, p := range all {
		p.set(w[i])
	}
}
