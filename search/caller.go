package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A caller is the runner of a function.
type caller struct {
	value func(ctx context.Context, t *Trial) (float64, error)
}

// Run calls the function for each trial of the block.
func (f caller) Run(ctx context.Context, b plan.Block, h runner.Hooks) error {
	for id, t := range b.Trials {
		if b.Skip != nil && b.Skip[id] {
			continue
		}
		c := call{ctx: ctx, id: id, trial: t, hooks: h}
		if h.Referee != nil {
			c.brackets = h.Brackets()
		}
		if err := c.run(f.value); err != nil {
			return err
		}
	}
	return nil
}

// errNoMeasure is the error of a prediction of the time.
var errNoMeasure = errors.New("the time of a function cannot be predicted")

// Measure returns an error, because the time of a call is not known before its end.
func (f caller) Measure(_ context.Context, _ plan.Block, _ time.Duration, ready func()) (runner.Costs, error) {
	ready()
	return runner.Costs{}, errNoMeasure
}

// A call is one trial of a function.
type call struct {
	ctx      context.Context
	id       int // of the trial in the block
	trial    grid.Trial
	hooks    runner.Hooks
	brackets *halving.Brackets // nil if there is no stop rule

	steps   []int // with a reported value
	values  []float64
	stopped bool
}

// run calls the function and records the outcome. A trial that was interrupted has no record.
func (c *call) run(value func(context.Context, *Trial) (float64, error)) error {
	began := time.Now()
	v, err := c.guarded(value)
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	r := results.Record{Key: c.trial.Key, Config: c.trial.Config, State: results.Done, Steps: c.trial.Config.Iters}
	if n := len(c.steps); n > 0 {
		r.Steps = c.steps[n-1]
	}
	r.Race, r.Rungs = c.brackets.Reached(c.trial)
	if c.stopped {
		r.State, v, err = results.Stopped, c.values[len(c.values)-1], nil
	}
	switch {
	case err != nil:
		r.State, r.Error = results.Failed, err.Error()
	case !isFinite(v):
		r.State = results.Diverged
	}
	if r.State == results.Done || r.State == results.Stopped {
		r.Accuracy.FinalVal, r.Accuracy.FinalStep = &v, r.Steps
	}
	r.Speed.Seconds = time.Since(began).Seconds()
	r.Speed.BlockSeconds, r.Speed.Block, r.Speed.Cores = r.Speed.Seconds, 1, 1
	if c.hooks.Curve != nil && len(c.steps) > 0 {
		c.hooks.Curve(r.Key, curve.History{Steps: c.steps, Values: c.values})
	}
	c.hooks.Ended([]results.Record{r}, false)
	return nil
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// guarded calls the function. A panic is an error.
func (c *call) guarded(value func(context.Context, *Trial) (float64, error)) (v float64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return value(c.ctx, &Trial{&c.trial.Config, c.report})
}

// report implements [Trial.Report].
func (c *call) report(step int, v float64) bool {
	last := 0
	if n := len(c.steps); n > 0 {
		last = c.steps[n-1]
	}
	if step <= last || step > c.trial.Config.Iters {
		panic(fmt.Sprintf("step %d is reported after step %d; steps ascend up to %d", step, last, c.trial.Config.Iters))
	}
	if c.stopped || c.ctx.Err() != nil {
		return false
	}
	c.steps, c.values = append(c.steps, step), append(c.values, v)
	if c.hooks.Measured != nil && isFinite(v) {
		c.hooks.Measured([]int{c.id}, []float64{v})
	}
	for at := last + 1; at <= step; at++ {
		c.hooks.Stepped(1, 1)
		if !c.judge(at, v) {
			c.stopped = true
			return false
		}
	}
	return c.ctx.Err() == nil
}

// judge compares the trial with others if it has reached a rung. A value that is not a number is worst.
func (c *call) judge(at int, v float64) (survives bool) {
	if !c.brackets.Judges(c.trial, at) {
		return true
	}
	if !isFinite(v) {
		v = c.trial.Config.Gain(-math.MaxFloat64)
	}
	trials, vals := []grid.Trial{c.trial}, []float64{v}
	var keep []bool
	judged := func() { keep = c.brackets.Report(c.ctx, at, trials, vals) }
	if c.brackets.Waits(at, trials) {
		c.hooks.Pause(judged)
	} else {
		judged()
	}
	return c.ctx.Err() != nil || keep[0]
}
