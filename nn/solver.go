package nn

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// SolverConfig holds the options of a [Solver]. [DefaultSolver] returns the defaults, and
// [ParseSolverOptions] reads options with the course's names.
type SolverConfig struct {
	Optim    OptimConfig            // update rule of every parameter
	PerParam map[string]OptimConfig // exceptions, by [Param] name; they may use another rule

	LRDecay   float64 // learning rates are multiplied by it at each epoch's end
	Epochs    int
	BatchSize int

	TrainSamples int // number of draws for the training accuracy; 0 means all samples
	ValSamples   int // number of draws for the validation accuracy; 0 means all samples

	Log        io.Writer // gets the course's log lines; nil means none
	PrintEvery int       // iterations between loss lines

	// Checkpoint, if not empty, is the name of a file for [Solver.Resume]. The Solver writes its state to
	// it after each epoch, and if ctx is cancelled.
	Checkpoint string

	// OnStep, if not nil, is called after every iteration, from the training goroutine.
	OnStep func(Step)
}

// DefaultSolver returns the course's defaults. These are sgd without decay, 10 epochs and batches
// of 100. There is no log. If the caller sets a log, it gets a loss line every 10 iterations. The
// training accuracy is measured on 1,000 samples, and the validation accuracy on all.
func DefaultSolver() SolverConfig {
	return SolverConfig{
		Optim: DefaultOptim(SGD), LRDecay: 1, Epochs: 10, BatchSize: 100,
		TrainSamples: 1000, PrintEvery: 10,
	}
}

// SolverHistory is the history of a training by a [Solver].
type SolverHistory struct {
	Loss       []float64 // per iteration, before the update
	TrainAcc   []float64 // after the first iteration, each epoch and the last iteration
	ValAcc     []float64 // the same
	BestValAcc float64   // the highest of ValAcc

	Diverged   bool // as in [History]
	DivergedAt int
}

// Solver is the course's Solver, which trains any [Model] with any update rule. In each iteration,
// it draws rng.Choice(N, batch), computes the loss and updates the parameters. At the end of an
// epoch, it multiplies the learning rates by their decay. It measures accuracies after the first
// iteration and at the end of each epoch, and the last iteration always ends an epoch. It keeps the
// weights with the best validation accuracy.
type Solver[T kernels.Float] struct {
	set        *kernels.Set
	model      Model[T]
	params     []Param[T]
	train, val Data[T]
	cfg        SolverConfig
	rng        *nprand.State

	done   int             // iterations
	optims []*Optimizer[T] // per parameter
	best   [][]T           // per parameter, the weights with accuracy hist.BestValAcc; nil before the first measurement
	hist   SolverHistory

	batch  batch[T]
	sample []int
	eval   *evaluator[T]
}

// NewSolver checks the options against model and data.
func NewSolver[T kernels.Float](set *kernels.Set, model Model[T], train, val Data[T], cfg SolverConfig, rng *nprand.State) (*Solver[T], error) {
	s := &Solver[T]{
		set: set, model: model, params: model.Params(),
		train: train, val: val, cfg: cfg, rng: rng,
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := checkData(model.Inputs(), train, val); err != nil {
		return nil, err
	}
	for _, p := range s.params {
		o, err := NewOptimizer[T](set, cfg.optim(p.Name), len(p.Value.Data))
		if err != nil {
			return nil, fmt.Errorf("%w (for %s)", err, p.Name)
		}
		s.optims = append(s.optims, o)
	}
	for name := range cfg.PerParam {
		if !slices.ContainsFunc(s.params, func(p Param[T]) bool { return p.Name == name }) {
			return nil, fmt.Errorf("nn: solver: options for parameter %q; the model has %s", name, s.paramNames())
		}
	}
	s.hist.Loss = make([]float64, 0, min(cfg.Epochs*s.perEpoch(), historyRoom))
	s.batch = newBatch[T](cfg.BatchSize, train.Dim())
	s.sample = make([]int, max(min(cfg.TrainSamples, train.Len()), min(cfg.ValSamples, val.Len())))
	s.eval = newEvaluator(model, train.Dim())
	return s, nil
}

// maxEpochs is the maximum number of epochs. With it, the number of iterations fits an int.
const maxEpochs = 1 << 30

func (c SolverConfig) check() error {
	switch {
	case !(c.LRDecay > 0) || !isFinite(c.LRDecay):
		return fmt.Errorf("nn: solver: learning rate decay %v, want a positive number, 1 for none", c.LRDecay)
	case c.Epochs < 0 || c.Epochs > maxEpochs:
		return fmt.Errorf("nn: solver: %d epochs, want 0…%d", c.Epochs, maxEpochs)
	case c.BatchSize < 1:
		return fmt.Errorf("nn: solver: batch size %d, want 1 or more", c.BatchSize)
	case c.TrainSamples < 0 || c.ValSamples < 0:
		return fmt.Errorf("nn: solver: accuracies on %d and %d samples, want 0 (all samples) or more", c.TrainSamples, c.ValSamples)
	case c.Log != nil && c.PrintEvery < 1:
		return fmt.Errorf("nn: solver: a loss line every %d iterations, want 1 or more", c.PrintEvery)
	}
	return nil
}

// optim returns the update rule of the parameter.
func (c SolverConfig) optim(param string) OptimConfig {
	if o, ok := c.PerParam[param]; ok {
		return o
	}
	return c.Optim
}

func (s *Solver[T]) paramNames() string {
	var names []string
	for _, p := range s.params {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// Train runs all epochs, or the remaining epochs after [Solver.Resume]. At the end, the model has the best
// weights, even if the training diverged. After a divergence, the remaining iterations only draw their
// numbers from the random stream. If ctx is cancelled, the model has the current weights, Train writes a
// checkpoint if one is configured, and the error wraps that of ctx. Another call of Train then continues.
func (s *Solver[T]) Train(ctx context.Context) error {
	total := s.cfg.Epochs * s.perEpoch()
	for s.done < total {
		if err := ctx.Err(); err != nil {
			err = fmt.Errorf("nn: solver: stopped after iteration %d of %d: %w", s.done, total, err)
			if s.hist.Diverged { // the last checkpoint has finite weights
				return err
			}
			if err2 := s.checkpoint(); err2 != nil {
				err = fmt.Errorf("%w; %w", err, err2)
			}
			return err
		}
		if s.hist.Diverged {
			s.rng.Choice(s.batch.idx, s.train.Len())
			s.done++
			s.drawSamples()
			continue
		}
		if err := s.iterate(total); err != nil {
			return err
		}
	}
	s.restoreBest()
	return nil
}

// History returns the history of the training so far.
func (s *Solver[T]) History() SolverHistory { return s.hist }

func (s *Solver[T]) perEpoch() int { return max(s.train.Len()/s.cfg.BatchSize, 1) }

// iterate does one iteration, with its measurements, log lines and checkpoint.
func (s *Solver[T]) iterate(total int) error {
	s.rng.Choice(s.batch.idx, s.train.Len())
	if err := s.batch.gather(s.train, s.model.Classes()); err != nil {
		return err
	}
	step := Step{Iteration: s.done, Loss: s.model.Loss(s.batch.x, s.batch.y)}
	s.hist.Loss = append(s.hist.Loss, step.Loss)
	s.done++
	if !isFinite(step.Loss) {
		return s.diverged(step, total)
	}
	for i, p := range s.params {
		s.optims[i].Update(p.Value.Data, p.Grad.Data)
	}

	// The last iteration is always an epoch's end.
	epochEnd := s.done%s.perEpoch() == 0
	step.Epoch = s.measures()
	if step.Epoch && !s.finite() {
		// These weights must not be measured or kept as the best.
		step.Epoch = false
		return s.diverged(step, total)
	}
	if epochEnd {
		for _, o := range s.optims {
			o.SetLearningRate(o.LearningRate() * s.cfg.LRDecay)
		}
	}
	if step.Epoch {
		s.measure(&step)
	}
	if err := s.report(step, total); err != nil {
		return err
	}
	if epochEnd {
		return s.checkpoint()
	}
	return nil
}

// measures reports whether accuracies are measured after the last iteration.
func (s *Solver[T]) measures() bool { return s.done == 1 || s.done%s.perEpoch() == 0 }

// diverged ends the training at a step whose loss or weights are not finite.
func (s *Solver[T]) diverged(step Step, total int) error {
	s.hist.Diverged, s.hist.DivergedAt = true, step.Iteration
	s.drawSamples()
	return s.report(step, total)
}

// drawSamples draws the samples of the measurement after the last iteration, if there is one. The
// course's loop also draws them after a divergence.
func (s *Solver[T]) drawSamples() {
	if s.measures() {
		s.draw(s.train, s.cfg.TrainSamples)
		s.draw(s.val, s.cfg.ValSamples)
	}
}

// finite reports whether every weight is a finite number whose square does not overflow. It is
// called only before measurements. In other iterations, the loss of the next iteration is not
// finite if a weight is not.
func (s *Solver[T]) finite() bool {
	ops := kernels.Of[T](s.set)
	for _, p := range s.params {
		if !isFinite(float64(ops.SumSquares(p.Value.Data))) {
			return false
		}
	}
	return true
}

// measure measures both accuracies and keeps the weights if they are the best so far.
func (s *Solver[T]) measure(step *Step) {
	step.TrainAcc = s.accuracy(s.train, s.cfg.TrainSamples)
	step.ValAcc = s.accuracy(s.val, s.cfg.ValSamples)
	s.hist.TrainAcc = append(s.hist.TrainAcc, step.TrainAcc)
	s.hist.ValAcc = append(s.hist.ValAcc, step.ValAcc)
	if s.best != nil && !(step.ValAcc > s.hist.BestValAcc) {
		return
	}
	s.hist.BestValAcc = step.ValAcc
	if s.best == nil {
		s.best = make([][]T, len(s.params))
	}
	for i, p := range s.params {
		s.best[i] = append(s.best[i][:0], p.Value.Data...)
	}
}

// accuracy returns the accuracy on the samples that draw returns.
func (s *Solver[T]) accuracy(d Data[T], samples int) float64 {
	return s.eval.accuracy(d, s.draw(d, samples))
}

// draw draws a number of samples with replacement. If this number is 0 or the data have no more samples,
// it draws nothing and returns nil, which stands for all.
func (s *Solver[T]) draw(d Data[T], samples int) []int {
	if samples == 0 || d.Len() <= samples {
		return nil
	}
	idx := s.sample[:samples]
	s.rng.Choice(idx, d.Len())
	return idx
}

// report writes the log lines of an iteration and calls OnStep.
func (s *Solver[T]) report(step Step, total int) error {
	if s.cfg.Log != nil {
		var b strings.Builder
		if step.Iteration%s.cfg.PrintEvery == 0 {
			fmt.Fprintf(&b, "(Iteration %d / %d) loss: %f\n", step.Iteration+1, total, step.Loss)
		}
		if step.Epoch {
			fmt.Fprintf(&b, "(Epoch %d / %d) train acc: %f; val_acc: %f\n",
				s.done/s.perEpoch(), s.cfg.Epochs, step.TrainAcc, step.ValAcc)
		}
		if _, err := io.WriteString(s.cfg.Log, b.String()); err != nil {
			return fmt.Errorf("nn: solver: write the log: %w", err)
		}
	}
	if s.cfg.OnStep != nil {
		s.cfg.OnStep(step)
	}
	return nil
}

func (s *Solver[T]) restoreBest() {
	for i, w := range s.best {
		copy(s.params[i].Value.Data, w)
	}
}
