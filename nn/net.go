package nn

import (
	"fmt"
	"math"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// A Param is one trainable array of a model, with its gradient. Rows are contiguous.
type Param[T kernels.Float] struct {
	Name  string         // "W1", "b1", "W2", …
	Value kernels.Mat[T] // a bias is 1×M
	Grad  kernels.Mat[T] // same shape
}

// A Model is a classifier that the [Solver] can train.
type Model[T kernels.Float] interface {
	// Params returns the arrays of the model. Every call must return the same arrays in the same order.
	Params() []Param[T]
	// Inputs returns D.
	Inputs() int
	// Classes returns C.
	Classes() int
	// Loss returns the loss of x (N, D) with labels y, which includes the regularization. It
	// writes the gradients into Params.
	Loss(x kernels.Mat[T], y []int) float64
	// Scores returns the class scores (N, C) of x. The next call may overwrite them.
	Scores(x kernels.Mat[T]) kernels.Mat[T]
}

// Net is a fully connected ReLU net, (affine-ReLU)×(L−1)-affine, with softmax loss
// and L2 regularization:
//
//	L = −1/N Σ log softmax(scores)[y] + ½·Reg·Σ‖W‖²
//
// Biases are not regularized. A Net is a [Model]. It must not be used concurrently, because it keeps
// buffers for its largest batch.
type Net[T kernels.Float] struct {
	Reg float64 // L2 strength λ

	ops    kernels.Ops[T]
	set    *kernels.Set
	layers []Affine[T]
	params []Param[T] // W1, b1, W2, b2, …
	room   buffers[T]
}

// buffers are the activations and their gradients for up to rows samples.
type buffers[T kernels.Float] struct {
	rows   int
	out    []kernels.Mat[T] // per layer (rows, M), after the ReLU; the last layer has no ReLU
	delta  []kernels.Mat[T] // per layer (rows, M), gradient before the ReLU
	caches []AffineReLUCache[T]
}

// NewTwoLayer returns the course's two-layer net. It draws W1 (H, D) = std·randn and then W2 (C, H) =
// std·randn from rng, and biases are zero. It panics if a size is not positive.
func NewTwoLayer[T kernels.Float](set *kernels.Set, d, h, c int, std float64, rng *nprand.State) *Net[T] {
	return newNet[T](set, OutIn, []int{d, h, c}, std, rng)
}

// NewFullyConnected returns a net with any number of hidden layers, or none. It draws each W (inputs,
// outputs) = weightScale·randn from rng, in the order of the layers, and biases are zero. It panics if a
// size is not positive.
func NewFullyConnected[T kernels.Float](set *kernels.Set, d int, hidden []int, c int, weightScale float64, rng *nprand.State) *Net[T] {
	sizes := append([]int{d}, hidden...)
	return newNet[T](set, InOut, append(sizes, c), weightScale, rng)
}

func newNet[T kernels.Float](set *kernels.Set, layout Layout, sizes []int, scale float64, rng *nprand.State) *Net[T] {
	n := &Net[T]{ops: kernels.Of[T](set), set: set}
	for i, m := range sizes {
		if m <= 0 {
			panic(fmt.Sprintf("nn: layer sizes %v: each must be positive", sizes))
		}
		if i == 0 {
			continue
		}
		rows, cols := sizes[i-1], m
		if layout == OutIn {
			rows, cols = cols, rows
		}
		l := Affine[T]{Ops: n.ops, Layout: layout, W: kernels.NewMat[T](rows, cols), B: make([]T, m)}
		for j := range l.W.Data {
			l.W.Data[j] = T(scale * rng.Randn())
		}
		n.layers = append(n.layers, l)
		n.params = append(n.params,
			Param[T]{fmt.Sprintf("W%d", i), l.W, kernels.NewMat[T](rows, cols)},
			Param[T]{fmt.Sprintf("b%d", i), kernels.MatOf(1, m, l.B), kernels.NewMat[T](1, m)})
	}
	return n
}

// Params returns W1, b1, W2, b2, …
func (n *Net[T]) Params() []Param[T] { return n.params }

// Classes returns the number of scores of a sample.
func (n *Net[T]) Classes() int { return len(n.layers[len(n.layers)-1].B) }

// Inputs returns the number of inputs of a sample.
func (n *Net[T]) Inputs() int {
	w := n.layers[0].W
	if n.layers[0].Layout == OutIn {
		return w.Cols
	}
	return w.Rows
}

// Scores returns the class scores (N, C) of x (N, D), before the softmax. The next call of a method may
// overwrite them.
func (n *Net[T]) Scores(x kernels.Mat[T]) kernels.Mat[T] {
	n.reserve(x.Rows)
	last := len(n.layers) - 1
	h := x
	for i, l := range n.layers {
		y := firstRows(n.room.out[i], x.Rows)
		if i < last {
			n.room.caches[i] = AffineReLU[T]{l}.Forward(y, h)
		} else {
			n.room.caches[i].affine = l.Forward(y, h)
		}
		h = y
	}
	return h
}

// Loss returns the loss of x (N, D) with labels y (N) and writes the gradients into
// [Net.Params]. It is NaN if a weight or bias is not finite.
func (n *Net[T]) Loss(x kernels.Mat[T], y []int) float64 {
	loss := n.backward(x, y)
	for i, l := range n.layers {
		delta := firstRows(n.room.delta[i], x.Rows)
		dw, db := n.params[2*i].Grad, n.params[2*i+1].Grad
		n.room.caches[i].affine.weights(delta, dw)
		n.ops.Axpby(T(n.Reg), l.W.Data, 1, dw.Data)
		n.ops.ColSums(db.Data, delta)
	}
	return loss
}

// backward returns the loss of x and stores the δ of each layer in n.room. It changes no weights
// and no gradients.
func (n *Net[T]) backward(x kernels.Mat[T], y []int) float64 {
	squares, finite := n.sumSquares()
	scores := n.Scores(x)
	last := len(n.layers) - 1
	delta := firstRows(n.room.delta[last], x.Rows)
	loss := SoftmaxLoss(n.ops, delta, scores, y) + float64(0.5*n.Reg*squares)
	for i := last; i > 0; i-- {
		below := firstRows(n.room.delta[i-1], x.Rows)
		n.room.caches[i].affine.input(below, delta)
		n.room.caches[i-1].relu.Backward(below.Data, below.Data)
		delta = below
	}
	if !finite {
		// The scores do not show an infinite weight of a dead unit.
		return math.NaN()
	}
	return loss
}

// sumSquares returns Σ‖W‖² over the weights, and whether it and the biases are finite. If the units
// are rows, it adds the sums of the units.
func (n *Net[T]) sumSquares() (weights float64, finite bool) {
	biases := 0.0
	for _, l := range n.layers {
		if l.Layout == OutIn {
			for i := range l.W.Rows {
				weights += float64(n.ops.SumSquares(l.W.Row(i)))
			}
		} else {
			weights += float64(n.ops.SumSquares(l.W.Data))
		}
		biases += float64(n.ops.SumSquares(l.B))
	}
	return weights, isFinite(weights) && isFinite(biases)
}

// reserve makes room for the given number of samples.
func (n *Net[T]) reserve(rows int) {
	if rows <= n.room.rows {
		return
	}
	r := buffers[T]{rows: rows, caches: make([]AffineReLUCache[T], len(n.layers))}
	for _, l := range n.layers {
		r.out = append(r.out, kernels.NewMat[T](rows, len(l.B)))
		r.delta = append(r.delta, kernels.NewMat[T](rows, len(l.B)))
	}
	n.room = r
}

func firstRows[T kernels.Float](m kernels.Mat[T], rows int) kernels.Mat[T] {
	return m.Slice(0, rows, 0, m.Cols)
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
