package nn

import (
	"context"

	"fusegrid/nn/nprand"
)

// TrainConfig holds the hyper-parameters of [Net.Train].
type TrainConfig struct {
	LearningRate float64 // η at the start, > 0
	Decay        float64 // η is multiplied by it once per epoch, > 0
	Iterations   int     // number of SGD steps, ≥ 0
	BatchSize    int     // samples per step, ≥ 1; drawn with replacement, so it may exceed the data

	// OnStep, where not nil, is called after every step, from the training goroutine.
	OnStep func(Step)
}

// DefaultTrainConfig returns the defaults of the course's train: learning rate 1e-3,
// decay 0.95, 100 iterations, batch size 200.
func DefaultTrainConfig() TrainConfig {
	return TrainConfig{LearningRate: 1e-3, Decay: 0.95, Iterations: 100, BatchSize: 200}
}

// A Step is what [TrainConfig.OnStep] learns.
type Step struct {
	Iteration int     // 0, 1, …
	Loss      float64 // of this step's batch, before the update
	Epoch     bool    // accuracies were just measured:
	TrainAcc  float64 // on this step's batch, after the update
	ValAcc    float64 // on the validation set, after the update
}

// History is the course of a training.
type History struct {
	Loss     []float64 // per iteration, before the update
	TrainAcc []float64 // per epoch, on the batch of its first iteration, after the update
	ValAcc   []float64 // per epoch, on the validation set, after the update

	// Diverged says that a loss or a weight was no longer finite and the training
	// stopped there. DivergedAt is that iteration; its loss is the last of Loss.
	Diverged   bool
	DivergedAt int
}

// Train is the course's train for the two-layer net, and works for any depth: each
// iteration draws rng.Choice(N, batch), records the loss, and updates with plain
// SGD; when iteration % max(N/batch, 1) is 0 it then measures the accuracy on that
// batch and on val and multiplies the learning rate by the decay.
//
// A net that diverges is a result, not an error: see [History]. An error is a wrong
// configuration, data that do not fit the net, or a cancelled ctx; in the last case
// the history up to there comes with it.
func (n *Net[T]) Train(ctx context.Context, train, val Data[T], cfg TrainConfig, rng *nprand.State) (History, error) {
	panic("not yet")
}
