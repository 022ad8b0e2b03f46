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
	set        *kernels.Set
	model      Model[T]
	params     []Param[T]
	train, val Data[T]
	cfg        SolverConfig
	rng        *nprand.State

	done   int             // iterations
	optims []*Optimizer[T] // per parameter
	best   [][]T           // per parameter, the weights of hist.BestValAcc; nil before the first
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

// maxEpochs keeps the number of iterations within an int.
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
		return fmt.Errorf("nn: solver: accuracies on %d and %d samples, want 0 for all or more", c.TrainSamples, c.ValSamples)
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

// Train runs all epochs, or those that are left after [Solver.Resume]. At the end the
// model has the best weights, also if the training diverged; what the iterations that are
// left then would draw is still drawn from the random stream. With a cancelled ctx the
// model has the current weights, a checkpoint is written if one is configured, the
// error is ctx's, and another Train goes on from there.
func (s *Solver[T]) Train(ctx context.Context) error {
	total := s.cfg.Epochs * s.perEpoch()
	for s.done < total {
		if err := ctx.Err(); err != nil {
			err = fmt.Errorf("nn: solver: stopped after iteration %d of %d: %w", s.done, total, err)
			if s.hist.Diverged { // the last checkpoint is of sound weights
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

// History returns the course of the training so far.
func (s *Solver[T]) History() SolverHistory { return s.hist }

func (s *Solver[T]) perEpoch() int { return max(s.train.Len()/s.cfg.BatchSize, 1) }

// iterate is one iteration with all that follows from it.
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
		// Not to be measured, and not to be kept as the best.
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

// measures reports whether the last iteration is one after which accuracies are measured.
func (s *Solver[T]) measures() bool { return s.done == 1 || s.done%s.perEpoch() == 0 }

// diverged ends the training at a step that left numbers that are not finite.
func (s *Solver[T]) diverged(step Step, total int) error {
	s.hist.Diverged, s.hist.DivergedAt = true, step.Iteration
	s.drawSamples()
	return s.report(step, total)
}

// drawSamples takes from the random stream what the measurement after the last iteration, if there
// is one, would take: the course's loop goes on after it diverged.
func (s *Solver[T]) drawSamples() {
	if s.measures() {
		s.draw(s.train, s.cfg.TrainSamples)
		s.draw(s.val, s.cfg.ValSamples)
	}
}

// finite reports whether every weight is a finite number whose square does not
// overflow. Between two measurements the next loss shows it.
func (s *Solver[T]) finite() bool {
	ops := kernels.Of[T](s.set)
	for _, p := range s.params {
		if !isFinite(float64(ops.SumSquares(p.Value.Data))) {
			return false
		}
	}
	return true
}

// measure takes both accuracies and keeps the weights if they are the best so far.
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

// accuracy is measured on what draw returns.
func (s *Solver[T]) accuracy(d Data[T], samples int) float64 {
	return s.eval.accuracy(d, s.draw(d, samples))
}

// draw returns draws with replacement where the data have more samples than asked for, else
// nil, which stands for all and draws nothing.
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
