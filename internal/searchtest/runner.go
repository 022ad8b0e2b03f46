package searchtest

import (
	"context"
	"time"

	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A RunnerFunc is a runner that measures nothing.
type RunnerFunc func(ctx context.Context, b plan.Block, h runner.Hooks) error

// Run calls f.
func (f RunnerFunc) Run(ctx context.Context, b plan.Block, h runner.Hooks) error {
	return f(ctx, b, h)
}

// Measure returns no costs.
func (f RunnerFunc) Measure(plan.Block, time.Duration, func()) (runner.Costs, error) {
	return runner.Costs{}, nil
}

// Watch returns an observer whose Stepped is another function.
func Watch(o runner.Observer, stepped func(nets int, flops float64)) runner.Observer {
	return watching{o, stepped}
}

type watching struct {
	runner.Observer
	stepped func(nets int, flops float64)
}

func (w watching) Stepped(nets int, flops float64) { w.stepped(nets, flops) }
