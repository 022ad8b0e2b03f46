package nn

import (
	"context"
	"io"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// SolverConfig holds the options of a [Solver]. Start from [DefaultSolver] or, with
// the course's names, from [ParseSolverOptions].
type SolverConfig struct {
	Optim    OptimConfig            // update rule of every parameter
	PerParam map[string]OptimConfig // exceptions, by [Param] name; may use another rule

	LRDecay   float64 // learning rates are multiplied by it at each epoch's end
	Epochs    int
	BatchSize int

	TrainSamples int // training accuracy is measured on that many draws; 0 means all samples
	ValSamples   int // the same for the validation accuracy

	Log        io.Writer // gets the course's log lines; nil means none
	PrintEvery int       // iterations between loss lines

	// Checkpoint, where not empty, is the file that holds the state after each epoch
	// and after a cancelled ctx, for [Solver.Resume].
	Checkpoint string

	// OnStep, where not nil, is called after every iteration, from the training goroutine.
	OnStep func(Step)
}

// DefaultSolver returns the course's defaults: sgd, no decay, 10 epochs, batches of
// 100, training accuracy on 1,000 samples, validation accuracy on all, no log, a loss
// line every 10 iterations.
func DefaultSolver() SolverConfig {
	return SolverConfig{
		Optim: DefaultOptim(SGD), LRDecay: 1, Epochs: 10, BatchSize: 100,
		TrainSamples: 1000, PrintEvery: 10,
	}
}

// SolverHistory is the course of a [Solver]'s training.
type SolverHistory struct {
	Loss       []float64 // per iteration, before the update
	TrainAcc   []float64 // after the first iteration, each epoch and the last iteration
	ValAcc     []float64 // the same
	BestValAcc float64   // the highest of ValAcc

	Diverged   bool // as in [History]
	DivergedAt int
}

// Solver is the course's Solver: it trains any [Model] with any update rule. Per
// iteration it draws rng.Choice(N, batch), computes the loss and updates; at an
// epoch's end it decays the learning rates; after the first iteration, the last and
// each epoch's end it measures accuracies and keeps the weights if the validation
// accuracy is a new best.
type Solver[T kernels.Float] struct {
	model      Model[T]
	train, val Data[T]
	cfg        SolverConfig
	rng        *nprand.State
	hist       SolverHistory
}

// NewSolver checks the configuration against model and data.
func NewSolver[T kernels.Float](set *kernels.Set, model Model[T], train, val Data[T], cfg SolverConfig, rng *nprand.State) (*Solver[T], error) {
	panic("not yet")
}

// Train runs all epochs, or those that are left after [Solver.Resume]. At the end the
// model has the best weights. With a cancelled ctx, the model has the current weights,
// a checkpoint is written if one is configured, and the error is ctx's.
func (s *Solver[T]) Train(ctx context.Context) error {
	panic("not yet")
}

// History returns the course of the training so far.
func (s *Solver[T]) History() SolverHistory { return s.hist }

// Resume takes up the state that a Solver with the same model, data sizes and options
// wrote to the file: weights, update-rule state, learning rates, random stream,
// history and best weights. What follows has the same bits as without the break. Only
// Epochs, Log, PrintEvery, Checkpoint and OnStep may differ. If the file is damaged or does
// not fit, the Solver and its model stay as they were.
func (s *Solver[T]) Resume(file string) error {
	panic("not yet")
}
