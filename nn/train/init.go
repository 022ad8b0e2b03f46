package train

import "fusegrid/nn/nprand"

// Init draws the weights of net k from rng, layer by layer, in the order of the assignment. Biases
// and the state of the update rule become zero, and so does the number of steps, which all nets of
// the block share.
func (b *Block[T]) Init(k int, rng *nprand.State) {
	b.steps = 0
	for _, p := range b.weights(k) {
		v := make([]T, p.rows*p.cols)
		if p.weight {
			drawn := make([]float64, len(v))
			draw(rng, drawn, p.rows, p.cols, b.nets[k].Scale, b.shape.InOut)
			for i, x := range drawn {
				v[i] = T(x)
			}
		}
		p.set(v)
	}
	for _, p := range b.state(k) {
		p.set(make([]T, p.rows*p.cols))
	}
}

// draw fills w (out, in) with scale·randn in the order of the assignment.
func draw(rng *nprand.State, w []float64, out, in int, scale float64, inOut bool) {
	for i := range w {
		at := i
		if inOut {
			at = i%out*in + i/out
		}
		w[at] = scale * rng.Randn()
	}
}
