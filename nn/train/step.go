package train

import (
	"fmt"
	"math"

	"fusegrid/kernels"
)

// Step trains every net on the samples at idx: forward, loss, backward, update. It returns the loss
// of each net before the update. The next step overwrites the slice. Step panics if a label is not
// a class.
func (b *Block[T]) Step(s Source, idx []int) []float64 {
	b.load(s, idx)
	return b.step(len(idx))
}

// step does what [Block.Step] does, for the n samples that were loaded.
func (b *Block[T]) step(n int) []float64 {
	b.steps++
	h1 := b.forward(n, b.squares)
	for k := range b.nets {
		b.loss[k] = b.stepDeep(k, h1.Slice(0, n, b.off[k], b.off[k+1]))
	}
	b.updateFirst.d = h1
	rules[b.shape.Rule].step(&b.updateFirst)
	return b.loss
}

func (b *Block[T]) load(s Source, idx []int) { b.first.load(s, b.y[:len(idx)], idx) }

// wrongLabel returns an error if a sample that was loaded from idx has a label that is not a class.
func (b *Block[T]) wrongLabel(idx []int) error {
	for i, j := range idx {
		if y := b.y[i]; y < 0 || y >= b.shape.Classes {
			return fmt.Errorf("train: sample %d has label %d, want 0…%d", j, y, b.shape.Classes-1)
		}
	}
	return nil
}

// forward computes the first layers of all nets: h1 = ReLU(X·W1 + b1) (N, ΣH). Unless squares is
// nil, it also computes Σ w² of each unit. The only layer of a net without hidden layers has no
// ReLU.
func (b *Block[T]) forward(n int, squares []T) kernels.Mat[T] {
	h1 := b.h1.Slice(0, n, 0, b.h1.Cols)
	b.first.forward(h1, b.wide[0].w, squares)
	if b.linear() {
		b.ops.AddBias(h1, h1, b.wide[0].b)
	} else {
		b.ops.BiasReLU(h1, h1, b.wide[0].b)
	}
	return h1
}

// linear reports whether the nets have no hidden layers. Their first layers then give the scores.
func (b *Block[T]) linear() bool { return len(b.acts) == 0 }

// forwardDeep computes the layers of net k after the first and returns its scores (N, C).
func (b *Block[T]) forwardDeep(k int, h kernels.Mat[T]) kernels.Mat[T] {
	for l := range b.deep[k] {
		layer := b.deep[k][l][0]
		z := b.acts[l].Slice(0, h.Rows, 0, layer.w.Rows)
		b.ops.Gemm(kernels.Product[T]{Alpha: 1, A: h, B: layer.w, TransB: true, C: z})
		if l < len(b.deep[k])-1 {
			b.ops.BiasReLU(z, z, layer.b)
		} else {
			b.ops.AddBias(z, z, layer.b)
		}
		h = z
	}
	return h
}

// stepDeep runs net k from the activations h of its first layer. It returns the loss, updates the
// deeper layers, and stores the deltas of the first layer in h. Deltas overwrite activations, which
// are in the cache. Unless the rule needs the gradient itself, the deltas of the scores are
// multiplied by −η, so that every update is a plain sum. These deltas are multiplied because they
// have the fewest elements.
func (b *Block[T]) stepDeep(k int, h kernels.Mat[T]) float64 {
	net, layers, n := b.nets[k], b.deep[k], h.Rows
	d := b.forwardDeep(k, h)
	squares, finite := b.sumSquares(k, b.squares[b.off[k]:b.off[k+1]])
	loss := b.ops.SoftmaxLoss(d, d, b.y[:n]) + float64(0.5*net.Reg*squares)
	if !finite {
		loss = math.NaN() // a dead unit can hide an infinite weight from the scores
	}
	if scale := T(b.shape.Rule.scale(net)); scale != 1 && b.linear() {
		for i := range n { // between the rows are the scores of other nets
			b.ops.Axpby(0, d.Row(i), scale, d.Row(i))
		}
	} else if scale != 1 {
		b.ops.Axpby(0, d.Data, scale, d.Data) // one call, which also scales the zeros between the rows
	}
	u := &b.updateDeep
	u.net = net
	for l := len(layers) - 1; l >= 0; l-- {
		in := h
		if l > 0 {
			in = b.acts[l-1].Slice(0, n, 0, layers[l][0].w.Cols)
		}
		below := b.below.Slice(0, n, 0, in.Cols)
		b.ops.Gemm(kernels.Product[T]{Alpha: 1, A: d, B: layers[l][0].w, C: below})
		u.layer, u.d, u.h = layers[l], d, in
		rules[b.shape.Rule].step(u)
		b.ops.ReLUGradMat(in, below, in)
		d = in
	}
	return loss
}

// sumSquares returns Σ‖W‖² of net k, summed unit by unit, and reports whether it and the biases are
// finite. The argument first has the sums of the units of the first layer.
func (b *Block[T]) sumSquares(k int, first []T) (weights float64, finite bool) {
	for _, s := range first {
		weights += float64(s)
	}
	biases := float64(b.ops.SumSquares(b.wide[0].b[b.off[k]:b.off[k+1]]))
	for _, layer := range b.deep[k] {
		l := layer[0]
		for u := range l.w.Rows {
			weights += float64(b.ops.SumSquares(l.w.Row(u)))
		}
		biases += float64(b.ops.SumSquares(l.b))
	}
	return weights, isFinite(weights) && isFinite(biases)
}

// finite reports for each net whether every weight and bias is a finite number whose square does not
// overflow. The next call overwrites the slice.
func (b *Block[T]) finite() []bool {
	for u := range b.squares { // LaneSquares would allocate
		b.wide[0].w.Lane(b.lane, u)
		b.squares[u] = b.ops.SumSquares(b.lane)
	}
	for k := range b.nets {
		_, b.sound[k] = b.sumSquares(k, b.squares[b.off[k]:b.off[k+1]])
	}
	return b.sound[:len(b.nets)]
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
