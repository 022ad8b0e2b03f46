package searchtest

import (
	"context"
	"time"

	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A RunnerFunc is a runner that is one function. It measures nothing.
type RunnerFunc func(ctx context.Context, b plan.Block, h runner.Hooks) error

// Run calls f.
func (f RunnerFunc) Run(ctx context.Context, b plan.Block, h runner.Hooks) error {
	return f(ctx, b, h)
}

// Measure returns no costs.
func (f RunnerFunc) Measure(context.Context, plan.Block, time.Duration, func()) (runner.Costs, error) {
	return runner.Costs{}, nil
}

// A Hasty is a runner that measures only for a millisecond.
type Hasty struct{ runner.Runner }

// Measure trains the block for a millisecond.
func (h Hasty) Measure(ctx context.Context, b plan.Block, _ time.Duration, ready func()) (runner.Costs, error) {
	return h.Runner.Measure(ctx, b, time.Millisecond, ready)
}

// Watch returns an observer with another function Stepped.
func Watch(o runner.Observer, stepped func(nets int, flops float64)) runner.Observer {
	return watching{o, stepped}
}

type watching struct {
	runner.Observer
	stepped func(nets int, flops float64)
}

func (w watching) Stepped(nets int, flops float64) { w.stepped(nets, flops) }
