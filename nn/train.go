package nn

import (
	"context"
	"fmt"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// TrainConfig holds the hyper-parameters of [Net.Train].
type TrainConfig struct {
	LearningRate float64 // η at the start, > 0
	Decay        float64 // η is multiplied by it once per epoch, > 0
	Iterations   int     // number of SGD steps, ≥ 0
	BatchSize    int     // samples per step, ≥ 1; drawn with replacement, so it may exceed the data

	// Division says how many iterations an epoch has where the batch size does not divide the number of
	// training samples. The zero value, FloorDivision, is that of the course's printed figures.
	Division Division

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
// batch and on val and multiplies the learning rate by the decay. [TrainConfig.Division]
// says what N/batch is.
//
// A net that diverges is a result, not an error: see [History]. The minibatches that are
// left are still drawn then, so rng ends where the course's loop leaves its stream. An error is
// a wrong configuration, data that do not fit the net, or a cancelled ctx; in the last
// case the history up to there comes with it.
func (n *Net[T]) Train(ctx context.Context, train, val Data[T], cfg TrainConfig, rng *nprand.State) (History, error) {
	if err := n.checkTrain(train, val, cfg); err != nil {
		return History{}, err
	}
	period := cfg.Division.Period(train.Len(), cfg.BatchSize)
	epochs := cfg.Iterations/period + 1
	h := History{
		Loss:     make([]float64, 0, min(cfg.Iterations, historyRoom)),
		TrainAcc: make([]float64, 0, min(epochs, historyRoom)),
		ValAcc:   make([]float64, 0, min(epochs, historyRoom)),
	}
	b := newBatch[T](cfg.BatchSize, train.Dim())
	eval := newEvaluator(n, train.Dim())
	lr := cfg.LearningRate

	for it := range cfg.Iterations {
		if err := ctx.Err(); err != nil {
			return h, fmt.Errorf("nn: train: stopped before iteration %d of %d: %w", it, cfg.Iterations, err)
		}
		rng.Choice(b.idx, train.Len())
		if h.Diverged {
			continue
		}
		if err := b.gather(train, n.Classes()); err != nil {
			return h, err
		}
		step := Step{Iteration: it, Loss: n.Step(b.x, b.y, lr)}
		h.Loss = append(h.Loss, step.Loss)
		// The weights are checked where they are measured and at the end; between, the
		// next loss shows them.
		epoch := it%period == 0
		check := epoch || it == cfg.Iterations-1
		diverged := h.diverged(it, isFinite(step.Loss) && (!check || n.Finite()))
		if epoch && !diverged {
			step.Epoch = true
			step.TrainAcc = float64(hits(n.Scores(b.x), b.y)) / float64(cfg.BatchSize)
			step.ValAcc = eval.accuracy(val, nil)
			h.TrainAcc = append(h.TrainAcc, step.TrainAcc)
			h.ValAcc = append(h.ValAcc, step.ValAcc)
			lr *= cfg.Decay
		}
		if cfg.OnStep != nil {
			cfg.OnStep(step)
		}
	}
	return h, nil
}

// historyRoom is how many iterations a history has room for from the start.
const historyRoom = 1 << 16

// diverged records that iteration it was not finite.
func (h *History) diverged(it int, finite bool) bool {
	if !finite {
		h.Diverged, h.DivergedAt = true, it
	}
	return !finite
}

func (n *Net[T]) checkTrain(train, val Data[T], cfg TrainConfig) error {
	switch {
	case !(cfg.LearningRate > 0) || !isFinite(cfg.LearningRate):
		return fmt.Errorf("nn: train: learning rate %v, want a positive number", cfg.LearningRate)
	case !(cfg.Decay > 0) || !isFinite(cfg.Decay):
		return fmt.Errorf("nn: train: learning rate decay %v, want a positive number, 1 for none", cfg.Decay)
	case !(n.Reg >= 0) || !isFinite(n.Reg):
		return fmt.Errorf("nn: train: regularization %v, want 0 or a positive number", n.Reg)
	case cfg.Iterations < 0:
		return fmt.Errorf("nn: train: %d iterations, want 0 or more", cfg.Iterations)
	case cfg.BatchSize < 1:
		return fmt.Errorf("nn: train: batch size %d, want 1 or more", cfg.BatchSize)
	case cfg.Division != FloorDivision && cfg.Division != TrueDivision:
		return fmt.Errorf("nn: train: %v, want FloorDivision or TrueDivision", cfg.Division)
	}
	return checkData(n.Inputs(), train, val)
}

// checkData says what is wrong with the data for a model with that many inputs.
func checkData[T kernels.Float](inputs int, train, val Data[T]) error {
	for _, d := range []struct {
		name string
		data Data[T]
	}{{"training", train}, {"validation", val}} {
		if d.data.Len() == 0 {
			return fmt.Errorf("nn: the %s data have no samples", d.name)
		}
		if d.data.Dim() != inputs {
			return fmt.Errorf("nn: the %s data have %d inputs per sample, the net has %d", d.name, d.data.Dim(), inputs)
		}
	}
	return nil
}
