package fused

import "fusegrid/kernels"

// A product with the minibatch adds −η·dW to a target: the weights for SGD, the velocities for the
// rules with momentum. prepare puts all that does not need dW into the target before, and
// finish moves the weights after:
//
//	             prepare                              target     finish
//	SGD          –                                    W, β=1−ηλ  –
//	Momentum     V ← μV − ηλW                         V, β=1     W ← W + V
//	Nesterov     V ← μV − ηλW, W ← (1−ηλ)W − V        V, β=1     W ← W + (1+μ)V
//
// The Nesterov line is the textbook one, W − μV + (1+μ)V′, with μV written through what prepare
// made of it, so that no copy of V is needed. Biases go the same way with λ = 0.

// target returns what the products of layer l add to, and what they keep of it.
func (b *Block[T]) target(net Net, l dense[T]) (w kernels.Mat[T], bias []T, keep T) {
	if b.shape.Rule == SGD {
		return l.w, l.b, T(1 - net.LR*net.Reg)
	}
	return l.v, l.vb, 1
}

func (b *Block[T]) prepare(net Net, l dense[T]) {
	if b.shape.Rule == SGD {
		return
	}
	decay := net.LR * net.Reg
	b.ops.Axpby(T(-decay), l.w.Data, T(net.Mu), l.v.Data)
	b.ops.Axpby(0, l.vb, T(net.Mu), l.vb)
	if b.shape.Rule == Nesterov {
		b.ops.Axpby(-1, l.v.Data, T(1-decay), l.w.Data)
		b.ops.Axpby(-1, l.vb, 1, l.b)
	}
}

func (b *Block[T]) finish(net Net, l dense[T]) {
	if b.shape.Rule == SGD {
		return
	}
	step := T(1)
	if b.shape.Rule == Nesterov {
		step += T(net.Mu)
	}
	b.ops.Axpby(step, l.v.Data, 1, l.w.Data)
	b.ops.Axpby(step, l.vb, 1, l.b)
}

// updateFirst steps the first layers of all nets from their deltas d, (N, ΣH): one product.
func (b *Block[T]) updateFirst(d kernels.Mat[T]) {
	sums := b.bsum[:d.Cols]
	b.ops.ColSums(sums, d)
	for k, net := range b.nets {
		l := b.firstOf(k)
		b.prepare(net, l)
		_, bias, keep := b.target(net, l)
		lo, hi := b.off[k], b.off[k+1]
		for u := lo; u < hi; u++ {
			b.beta[u] = keep
		}
		b.ops.Axpby(1, sums[lo:hi], 1, bias)
	}
	target := b.w1
	if b.shape.Rule != SGD {
		target = b.v1
	}
	b.first.update(target, d, b.beta)
	for k, net := range b.nets {
		b.finish(net, b.firstOf(k))
	}
}

// updateDeep steps one deeper layer from its deltas d, (N, out), and its inputs h, (N, in).
func (b *Block[T]) updateDeep(net Net, l dense[T], d, h kernels.Mat[T]) {
	b.prepare(net, l)
	w, bias, keep := b.target(net, l)
	sums := b.bsum[:d.Cols]
	b.ops.ColSums(sums, d)
	b.ops.Axpby(1, sums, 1, bias)
	b.ops.Gemm(kernels.Product[T]{Alpha: 1, A: d, TransA: true, B: h, Beta: keep, C: w})
	b.finish(net, l)
}
