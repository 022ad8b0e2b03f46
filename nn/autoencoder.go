package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// Autoencoder is the tied linear autoencoder: z = W·x encodes, Wᵀ·z decodes. With S = 1/N Σ xxᵀ,
// the mean loss L of N samples and its gradient are
//
//	L = 1/N Σ ½‖WᵀWx − x‖²
//	∂L/∂W = W·(WᵀW·S + S·WᵀW − 2·S)
//
// W is used twice, so the gradient is a sum over two paths. If the data have mean zero, S is their
// covariance. The minimum of L is then half the sum of the eigenvalues of S that a PCA with M
// components discards (Baldi and Hornik, 1989).
type Autoencoder[T kernels.Float] struct {
	W   kernels.Mat[T] // (M, D)
	ops kernels.Ops[T]
}

// NewAutoencoder returns an autoencoder of d inputs and m ≤ d components with
// W = std·randn. It panics unless 0 < m ≤ d.
func NewAutoencoder[T kernels.Float](set *kernels.Set, d, m int, std float64, rng *nprand.State) *Autoencoder[T] {
	if m <= 0 || m > d {
		panic(fmt.Sprintf("nn: autoencoder with %d components of %d inputs, want 1…%d", m, d, d))
	}
	a := &Autoencoder[T]{W: kernels.NewMat[T](m, d), ops: kernels.Of[T](set)}
	for i := range a.W.Data {
		a.W.Data[i] = T(std * rng.Randn())
	}
	return a
}

// Loss returns the loss of x (N, D) and writes its gradient to dw (M, D). It does not
// subtract a mean.
func (a *Autoencoder[T]) Loss(dw, x kernels.Mat[T]) float64 {
	n := x.Rows
	z := kernels.NewMat[T](n, a.W.Rows)  // codes
	r := kernels.NewMat[T](n, x.Cols)    // WᵀWx − x per row
	rw := kernels.NewMat[T](n, a.W.Rows) // r·Wᵀ
	a.ops.Gemm(kernels.Product[T]{Alpha: 1, A: x, B: a.W, TransB: true, C: z})
	a.ops.Gemm(kernels.Product[T]{Alpha: 1, A: z, B: a.W, C: r})
	loss := 0.0
	for i := range n {
		row := r.Row(i)
		a.ops.Axpby(-1, x.Row(i), 1, row)
		loss += float64(a.ops.SumSquares(row))
	}
	// ∂L/∂W = 1/N (zᵀ·r + (r·Wᵀ)ᵀ·x): once as the decoder, once as the encoder.
	a.ops.Gemm(kernels.Product[T]{Alpha: 1, A: r, B: a.W, TransB: true, C: rw})
	a.ops.Gemm(kernels.Product[T]{Alpha: 1 / T(n), A: z, TransA: true, B: r, C: dw})
	a.ops.Gemm(kernels.Product[T]{Alpha: 1 / T(n), A: rw, TransA: true, B: x, Beta: 1, C: dw})
	return loss / float64(2*n)
}

// Reconstruct returns WᵀW·x for each row of x (N, D).
func (a *Autoencoder[T]) Reconstruct(x kernels.Mat[T]) kernels.Mat[T] {
	z, r := kernels.NewMat[T](x.Rows, a.W.Rows), kernels.NewMat[T](x.Rows, x.Cols)
	a.ops.Gemm(kernels.Product[T]{Alpha: 1, A: x, B: a.W, TransB: true, C: z})
	a.ops.Gemm(kernels.Product[T]{Alpha: 1, A: z, B: a.W, C: r})
	return r
}

// AutoencoderConfig holds the options of [Autoencoder.Train].
type AutoencoderConfig struct {
	Iterations int     // upper bound of gradient steps
	Tolerance  float64 // stop when loss ≤ (1 + Tolerance)·optimum

	// OnStep, if not nil, is called with the loss before every step.
	OnStep func(iteration int, loss float64)
}

// DefaultAutoencoder returns 20,000 iterations at most and a tolerance of 1 %.
func DefaultAutoencoder() AutoencoderConfig {
	return AutoencoderConfig{Iterations: 20000, Tolerance: 0.01}
}

// AutoencoderResult is the outcome of [Autoencoder.Train].
type AutoencoderResult struct {
	Loss       float64 // over all samples
	Optimum    float64 // half the sum of the discarded eigenvalues
	Iterations int     // gradient steps taken
	Converged  bool    // within the tolerance
}

// rankFloor is the fraction of the whole variance below which an optimum counts as zero.
const rankFloor = 1e-5

// Train minimizes the loss over all samples, after subtraction of their mean, by gradient descent
// with Nesterov's momentum. It stops when the loss is within the tolerance of the PCA optimum. The
// gradient depends on the data only through their covariance, so the cost of a step, 4·M·D²
// multiply-adds, does not depend on N. The momentum restarts when the loss rises (O'Donoghue and
// Candès, 2015).
func (a *Autoencoder[T]) Train(ctx context.Context, data Data[T], cfg AutoencoderConfig) (AutoencoderResult, error) {
	d := a.W.Cols
	if data.Dim() != d || data.Len() == 0 {
		return AutoencoderResult{}, fmt.Errorf("nn: autoencoder: %d samples with %d inputs, want at least 1 with %d", data.Len(), data.Dim(), d)
	}
	s := covariance(a.ops, data)
	variances, err := eigenvalues(s)
	if err != nil {
		return AutoencoderResult{}, err
	}
	total, optimum := 0.0, 0.0
	for i, v := range variances { // ascending
		total += v
		if i < d-a.W.Rows {
			optimum += float64(max(v, 0) / 2)
		}
	}
	if !(total > 0) || !isFinite(total) {
		return AutoencoderResult{}, fmt.Errorf("nn: autoencoder: the data have variance %v, want a positive number", total)
	}
	// The curvature is at most 4·λ₁ if W is a projection, so no step is too long.
	descent := newDescent(a, s, T(0.25/variances[d-1]))
	res := AutoencoderResult{Optimum: optimum}
	for {
		if err := ctx.Err(); err != nil {
			return res, fmt.Errorf("nn: autoencoder: stopped after iteration %d: %w", res.Iterations, err)
		}
		res.Loss = descent.gradient()
		if cfg.OnStep != nil {
			cfg.OnStep(res.Iterations, res.Loss)
		}
		if !isFinite(res.Loss) {
			return res, fmt.Errorf("nn: autoencoder: diverged at iteration %d: start from smaller weights", res.Iterations)
		}
		res.Converged = res.Loss <= max((1+cfg.Tolerance)*optimum, rankFloor*total/2)
		if res.Converged || res.Iterations >= cfg.Iterations {
			return res, nil
		}
		descent.step()
		res.Iterations++
	}
}

// A descent minimizes the loss by accelerated gradient steps, from a covariance.
type descent[T kernels.Float] struct {
	a    *Autoencoder[T] // the gradient is computed at its W
	s    kernels.Mat[T]  // (D, D) covariance
	rate T
	half float64 // ½·tr S, the loss of W = 0
	last float64 // loss of the last gradient
	t    float64 // determines the momentum; 1 after a restart, and larger after each step
	prev []T     // W after the last gradient step, before the momentum

	ws, dw   kernels.Mat[T] // (M, D)
	wsw, www kernels.Mat[T] // (M, M) W·S·Wᵀ and W·Wᵀ
}

func newDescent[T kernels.Float](a *Autoencoder[T], s kernels.Mat[T], rate T) *descent[T] {
	m, d := a.W.Rows, a.W.Cols
	return &descent[T]{
		a: a, s: s, rate: rate, half: trace(s) / 2, last: math.Inf(1), t: 1,
		prev: append([]T(nil), a.W.Data...),
		ws:   kernels.NewMat[T](m, d), dw: kernels.NewMat[T](m, d),
		wsw: kernels.NewMat[T](m, m), www: kernels.NewMat[T](m, m),
	}
}

// gradient returns the loss and computes its gradient. If the momentum has made the loss rise, gradient
// first undoes the momentum.
func (d *descent[T]) gradient() float64 {
	loss := d.at()
	if loss > d.last && d.t > 1 {
		copy(d.a.W.Data, d.prev)
		d.t = 1
		loss = d.at()
	}
	d.last = loss
	return loss
}

// at returns the loss ½·tr(S) − tr(WSWᵀ) + ½·tr(WSWᵀ·WWᵀ) and computes its gradient
// WWᵀ·WS + WSWᵀ·W − 2·WS.
func (d *descent[T]) at() float64 {
	w, ops := d.a.W, d.a.ops
	ops.Gemm(kernels.Product[T]{Alpha: 1, A: w, B: d.s, C: d.ws})
	ops.Gemm(kernels.Product[T]{Alpha: 1, A: d.ws, B: w, TransB: true, C: d.wsw})
	ops.Gemm(kernels.Product[T]{Alpha: 1, A: w, B: w, TransB: true, C: d.www})
	copy(d.dw.Data, d.ws.Data)
	ops.Gemm(kernels.Product[T]{Alpha: 1, A: d.www, B: d.ws, Beta: -2, C: d.dw})
	ops.Gemm(kernels.Product[T]{Alpha: 1, A: d.wsw, B: w, Beta: 1, C: d.dw})
	both := 0.0
	for i, v := range d.wsw.Data {
		both += float64(float64(v) * float64(d.www.Data[i]))
	}
	return d.half - trace(d.wsw) + float64(both/2)
}

func (d *descent[T]) step() {
	next := (1 + math.Sqrt(1+float64(4*d.t*d.t))) / 2
	momentum := T((d.t - 1) / next)
	d.t = next
	w := d.a.W.Data
	for i, g := range d.dw.Data {
		x := w[i] - T(d.rate*g)
		w[i] = x + T(momentum*(x-d.prev[i]))
		d.prev[i] = x
	}
}

func trace[T kernels.Float](m kernels.Mat[T]) float64 {
	sum := 0.0
	for i := range m.Rows {
		sum += float64(m.Row(i)[i])
	}
	return sum
}

// covariance returns 1/N Σ (x−mean)(x−mean)ᵀ.
func covariance[T kernels.Float](ops kernels.Ops[T], data Data[T]) kernels.Mat[T] {
	n, d := data.Len(), data.Dim()
	sum := make([]float64, d)
	room := newBatch[T](evalRows, d)
	eachBatch(data, nil, room, func(b batch[T]) {
		for i := range b.x.Rows {
			for j, v := range b.x.Row(i) {
				sum[j] += float64(v)
			}
		}
	})
	negMean := make([]T, d)
	for j, v := range sum {
		negMean[j] = T(-v / float64(n))
	}
	s := kernels.NewMat[T](d, d)
	eachBatch(data, nil, room, func(b batch[T]) {
		ops.AddBias(b.x, b.x, negMean)
		ops.Gemm(kernels.Product[T]{Alpha: 1 / T(n), A: b.x, TransA: true, B: b.x, Beta: 1, C: s})
	})
	return s
}

// eigenvalues returns the eigenvalues of a symmetric matrix in ascending order.
func eigenvalues[T kernels.Float](m kernels.Mat[T]) ([]float64, error) {
	sym := mat.NewSymDense(m.Rows, nil)
	for i := range m.Rows {
		for j := i; j < m.Cols; j++ {
			sym.SetSym(i, j, float64(m.Row(i)[j]))
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(sym, false) {
		return nil, errors.New("nn: autoencoder: the eigenvalues of the covariance did not converge: look for NaN or Inf in the data")
	}
	return eig.Values(nil), nil
}
