package nn

import (
	"context"
	"fmt"
	"slices"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
)

// TrainConfig holds the hyper-parameters of [Net.Train].
type TrainConfig struct {
	LearningRate float64 // η at the start, > 0
	Decay        float64 // η is multiplied by it once per epoch, > 0
	Iterations   int     // number of SGD steps, ≥ 0
	BatchSize    int     // samples per step, ≥ 1; they are drawn with replacement

	// Division says how many iterations an epoch has if the batch size does not divide the number of
	// training samples. The course printed its figures with the zero value, FloorDivision.
	Division Division

	// OnStep, if not nil, is called after every step, from the training goroutine.
	OnStep func(Step)
}

// DefaultTrainConfig returns the defaults of the course's method train: learning rate 1e-3, decay
// 0.95, 100 iterations, batch size 200.
func DefaultTrainConfig() TrainConfig {
	return TrainConfig{LearningRate: 1e-3, Decay: 0.95, Iterations: 100, BatchSize: 200}
}

// A Step describes one step of a training.
type Step struct {
	Iteration int     // 0, 1, …
	Loss      float64 // on the batch of this step, before the update
	Epoch     bool    // whether accuracies were measured after this step
	TrainAcc  float64 // if Epoch: on the batch of this step, after the update
	ValAcc    float64 // if Epoch: on the validation set, after the update
}

// History is the history of a training.
type History struct {
	Loss     []float64 // per iteration, before the update
	TrainAcc []float64 // per epoch, on the batch of its first iteration, after the update
	ValAcc   []float64 // per epoch, on the validation set, after the update

	// Diverged says that the training stopped because a loss or a weight was not finite. DivergedAt
	// is the iteration in which it stopped. The loss of this iteration is the last element of Loss.
	Diverged   bool
	DivergedAt int
}

// Train does what the method train of the course's two-layer net does, for any number of hidden
// layers. Each iteration draws rng.Choice(N, batch), records the loss, and updates with plain SGD.
// If iteration % max(N/batch, 1) is 0, it then measures the accuracies on its minibatch and on val.
// After that, it multiplies the learning rate by the decay. [TrainConfig.Division] defines the
// quotient N/batch. The net trains as a block of one in package nn/train, and n gets its weights
// when Train returns.
//
// A net that diverges is a result and not an error; see [History]. Train still draws the remaining
// minibatches. Therefore rng is afterwards in the same state as the random stream after the
// course's loop. Train returns an error for a wrong configuration, for data that do not fit the
// net, and for a cancelled ctx. If ctx is cancelled, Train also returns the history so far.
func (n *Net[T]) Train(ctx context.Context, train, val Data[T], cfg TrainConfig, rng *nprand.State) (History, error) {
	if err := n.checkTrain(train, val, cfg); err != nil {
		return History{}, err
	}
	block, trainer, err := n.blockOfOne(train, val, cfg, rng)
	if err != nil {
		return History{}, fmt.Errorf("nn: train: %w", err)
	}
	take := func(int) { n.setOutIn(block.Weights(0)) }
	trainer.Leaving = take

	curve := trainer.Curve(0)
	var h History
	history := func() History {
		if !h.Diverged {
			take(0)
		}
		h.Loss, h.TrainAcc, h.ValAcc = curve.Loss, curve.TrainAcc, curve.ValAcc
		return h
	}
	idx := make([]int, cfg.BatchSize)
	for it := range cfg.Iterations {
		if err := ctx.Err(); err != nil {
			return history(), fmt.Errorf("nn: train: stopped before iteration %d of %d: %w", it, cfg.Iterations, err)
		}
		if h.Diverged {
			rng.Choice(idx, train.Len())
			continue
		}
		epochs := len(curve.ValAcc)
		left := trainer.Step()
		if err := trainer.Err(); err != nil {
			return history(), fmt.Errorf("nn: train: %w: the net has %d classes", err, n.Classes())
		}
		step := Step{Iteration: it, Loss: curve.Loss[it], Epoch: len(curve.ValAcc) > epochs}
		if step.Epoch {
			step.TrainAcc, step.ValAcc = curve.TrainAcc[epochs], curve.ValAcc[epochs]
		}
		if len(left) > 0 {
			h.Diverged, h.DivergedAt = true, it
		}
		if cfg.OnStep != nil {
			cfg.OnStep(step)
		}
	}
	return history(), nil
}

// blockOfOne returns a block that holds the weights of n, and its trainer.
func (n *Net[T]) blockOfOne(data, val Data[T], cfg TrainConfig, rng *nprand.State) (*train.Block[T], *train.Trainer[T], error) {
	net := train.Net{LR: cfg.LearningRate, Reg: n.Reg, Decay: cfg.Decay}
	for _, l := range n.layers[:len(n.layers)-1] {
		net.Hidden = append(net.Hidden, len(l.B))
	}
	shape := train.Shape{Inputs: n.Inputs(), Classes: n.Classes(), Batch: max(cfg.BatchSize, evalRows), Floats: true}
	// First layers in integers multiply bytes. All others multiply rows of numbers, of which images are made.
	var mean []T
	sources := [2]train.Source{data, val}
	images, ok := data.(*Pixels[T])
	valImages, both := val.(*Pixels[T])
	if n.set.Class.Integers() && ok && both && slices.Equal(images.mean, valImages.mean) {
		shape.Floats, mean = false, images.mean
		sources = [2]train.Source{images.im, valImages.im}
	}
	block, err := train.New(n.set, shape, []train.Net{net}, mean, 1)
	if err != nil {
		return nil, nil, err
	}
	block.SetWeights(0, n.outIn())
	trainer, err := train.NewTrainer(block, train.Schedule{
		Iterations: cfg.Iterations, Batch: cfg.BatchSize, Train: sources[0], Val: sources[1], Division: cfg.Division,
	}, rng)
	return block, trainer, err
}

// outIn returns the weights and biases layer by layer, W as (out, in).
func (n *Net[T]) outIn() [][]T {
	var all [][]T
	for _, l := range n.layers {
		w := l.W.Data
		if l.Layout == InOut {
			w = transposed(l.W)
		}
		all = append(all, w, l.B)
	}
	return all
}

// setOutIn sets the weights and biases, in the order of outIn.
func (n *Net[T]) setOutIn(all [][]T) {
	for i, l := range n.layers {
		w := all[2*i]
		if l.Layout == InOut {
			w = transposed(kernels.MatOf(l.W.Cols, l.W.Rows, w))
		}
		copy(l.W.Data, w)
		copy(l.B, all[2*i+1])
	}
}

// transposed returns the elements of m column by column.
func transposed[T kernels.Float](m kernels.Mat[T]) []T {
	out := make([]T, 0, m.Rows*m.Cols)
	for j := range m.Cols {
		for i := range m.Rows {
			out = append(out, m.Data[i*m.Stride+j])
		}
	}
	return out
}

// historyRoom is the maximum number of iterations for which a new history has room.
const historyRoom = 1 << 16

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

// checkData returns an error if the data do not fit a model with the given number of inputs.
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
