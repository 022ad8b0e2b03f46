package nn

import (
	"context"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// Autoencoder is the tied linear autoencoder: z = W·x encodes, Wᵀ·z decodes. Its loss
// averaged over N samples, and the gradient with S = 1/N Σ xxᵀ, are
//
//	L = 1/N Σ ½‖WᵀWx − x‖²
//	∂L/∂W = W·(WᵀW·S + S·WᵀW − 2·S)
//
// W is used twice, so the gradient is a sum over two paths. For data of mean zero the
// minimum over W is half the sum of the eigenvalues of the covariance S that PCA with as
// many components would discard (Baldi and Hornik, 1989).
type Autoencoder[T kernels.Float] struct {
	W kernels.Mat[T] // (M, D), M < D
}

// NewAutoencoder returns an autoencoder with W = std·randn.
func NewAutoencoder[T kernels.Float](set *kernels.Set, d, m int, std float64, rng *nprand.State) *Autoencoder[T] {
	panic("not yet")
}

// Loss returns the loss of x (N, D) and writes its gradient to dw (M, D).
func (a *Autoencoder[T]) Loss(dw, x kernels.Mat[T]) float64 {
	panic("not yet")
}

// AutoencoderConfig holds the hyper-parameters of [Autoencoder.Train].
type AutoencoderConfig struct {
	Iterations int // upper bound of gradient steps
	Tolerance  float64
	OnStep     func(iteration int, loss float64)
}

// AutoencoderResult is the outcome of [Autoencoder.Train].
type AutoencoderResult struct {
	Loss       float64 // of all data
	Optimum    float64 // half the sum of the discarded eigenvalues
	Iterations int
}

// Train minimizes the loss over all of data by gradient descent with momentum, less
// its mean, until the loss is within Tolerance (relative) of the PCA optimum.
func (a *Autoencoder[T]) Train(ctx context.Context, data Data[T], cfg AutoencoderConfig) (AutoencoderResult, error) {
	panic("not yet")
}
