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
// made of it, so that no copy of V is needed. Biases go the same way with λ = 0, from the sums of their deltas.

// keep returns what a product with the minibatch keeps of its target.
func (b *Block[T]) keep(net Net) T {
	if b.shape.Rule == SGD {
		return T(1 - float64(net.LR*net.Reg))
	}
	return 1
}

// step returns what finish multiplies V by.
func (b *Block[T]) step(net Net) T {
	if b.shape.Rule == Nesterov {
		return T(1) + T(net.Mu)
	}
	return 1
}

// updateFirst steps the first layers of all nets from their deltas d, (N, ΣH): one product.
func (b *Block[T]) updateFirst(d kernels.Mat[T]) {
	target := b.w1
	if b.shape.Rule != SGD {
		target = b.v1
		b.eachUnit(b.alpha, func(net Net) T { return T(-net.LR * net.Reg) })
		b.eachUnit(b.beta, func(net Net) T { return T(net.Mu) })
		b.ops.AxpbyPanels(b.alpha, b.w1, b.beta, b.v1)
	}
	if b.shape.Rule == Nesterov {
		b.eachUnit(b.alpha, func(Net) T { return -1 })
		b.eachUnit(b.beta, func(net Net) T { return T(1 - float64(net.LR*net.Reg)) })
		b.ops.AxpbyPanels(b.alpha, b.v1, b.beta, b.w1)
	}
	b.eachUnit(b.beta, b.keep)
	b.first.update(target, b.beta, d)
	if b.shape.Rule != SGD {
		b.eachUnit(b.alpha, b.step)
		b.eachUnit(b.beta, func(Net) T { return 1 })
		b.ops.AxpbyPanels(b.alpha, b.v1, b.beta, b.w1)
	}

	sums := b.bsum[:d.Cols]
	b.ops.ColSums(sums, d)
	for k, net := range b.nets {
		lo, hi := b.off[k], b.off[k+1]
		var v []T
		if b.shape.Rule != SGD {
			v = b.vb1[lo:hi]
		}
		b.updateBias(net, b.b1[lo:hi], v, sums[lo:hi])
	}
}

// eachUnit sets x to one value for the units of each net.
func (b *Block[T]) eachUnit(x []T, of func(Net) T) {
	for k, net := range b.nets {
		v := of(net)
		for u := b.off[k]; u < b.off[k+1]; u++ {
			x[u] = v
		}
	}
}

// updateBias steps biases, whose velocities are v, from the sums of their deltas.
func (b *Block[T]) updateBias(net Net, bias, v, sums []T) {
	if b.shape.Rule == SGD {
		b.ops.Axpby(1, sums, 1, bias)
		return
	}
	b.ops.Axpby(0, v, T(net.Mu), v)
	if b.shape.Rule == Nesterov {
		b.ops.Axpby(-1, v, 1, bias)
	}
	b.ops.Axpby(1, sums, 1, v)
	b.ops.Axpby(b.step(net), v, 1, bias)
}

// updateDeep steps one deeper layer from its deltas d, (N, out), and its inputs h, (N, in).
func (b *Block[T]) updateDeep(net Net, l dense[T], d, h kernels.Mat[T]) {
	target, decay := l.w, float64(net.LR*net.Reg)
	if b.shape.Rule != SGD {
		target = l.v
		b.ops.Axpby(T(-decay), l.w.Data, T(net.Mu), l.v.Data)
	}
	if b.shape.Rule == Nesterov {
		b.ops.Axpby(-1, l.v.Data, T(1-decay), l.w.Data)
	}
	b.ops.Gemm(kernels.Product[T]{Alpha: 1, A: d, TransA: true, B: h, Beta: b.keep(net), C: target})
	if b.shape.Rule != SGD {
		b.ops.Axpby(b.step(net), l.v.Data, 1, l.w.Data)
	}
	sums := b.bsum[:d.Cols]
	b.ops.ColSums(sums, d)
	b.updateBias(net, l.b, l.vb, sums)
}
