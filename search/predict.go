package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"fusegrid/internal/say"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// measured returns the number of images on which accuracies are measured in the rest of the training of a block.
func (s *job) measured(b plan.Block) float64 {
	c := b.Trials[0].Config
	val, test := float64(s.Data.Val.Len()), float64(s.Data.Test.Len())
	period := c.PerEpoch()
	if d, err := runner.Division(c); err == nil && c.Net != "fc" {
		period = d.Period(c.Split[0], c.Batch)
	}
	epochs := (c.Iters-b.Done-1)/period + 1
	if c.Net == "fc" {
		return float64(epochs+1)*(val+float64(min(1000, s.Data.Train.Len()))) + val + test
	}
	return float64(epochs)*(val+float64(c.Batch)) + val + test
}

// A Prediction is the expected time and speed of a sweep on this machine.
type Prediction struct {
	Seconds float64
	FLOPs   float64 // operations of training per second, on all cores together
	Cores   int
	Peak    float64 // measured peak of one core in operations per second; 0 if not measured
}

// predict trains the first blocks for a short time and infers the time of the others from their
// operations. It trains as many blocks at the same time as the sweep, because they share caches,
// memory and power.
func (s *job) predict(ctx context.Context, blocks []plan.Block) (Prediction, error) {
	const each = time.Second
	n := min(s.Workers, len(blocks))
	all, errs := make([]runner.Costs, n), make([]error, n)
	var wg, together sync.WaitGroup
	together.Add(n)
	ready := func() {
		together.Done()
		together.Wait()
	}
	for i := range n {
		wg.Go(func() {
			waited := false
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("search: a trial panicked: %v", p)
				}
				if !waited { // other blocks must not wait for this block
					together.Done()
				}
			}()
			all[i], errs[i] = s.Runner.Measure(ctx, blocks[i], each, func() { waited = true; ready() })
		})
	}
	wg.Wait()
	if err := cmp.Or(append(errs, causeOf(ctx))...); err != nil {
		return Prediction{}, err
	}
	ends := make([]float64, n)
	work := 0.0
	for i, b := range blocks {
		like := i % n
		scale := b.FLOPs() / float64(b.Trials[0].Config.Iters) * float64(blocks[like].Trials[0].Config.Iters) / blocks[like].FLOPs()
		c := all[like]
		part := s.races.Share(b.Trials[0].Config.Iters)
		t := scale * (c.Setup + part*(c.Step*float64(b.Trials[0].Config.Iters-b.Done)+c.Image*s.measured(b)))
		first := slices.Index(ends, slices.Min(ends))
		ends[first] += t
		work += part * b.RemainingFLOPs()
	}
	p := Prediction{Seconds: slices.Max(ends), Cores: s.cores(), Peak: s.peak()}
	p.FLOPs = work / p.Seconds
	return p, nil
}

// String returns the prediction in one line.
func (p Prediction) String() string {
	if p == (Prediction{}) {
		return "nothing is left to train"
	}
	return fmt.Sprintf("about %s on this machine, at %s", say.Clock(time.Duration(p.Seconds*float64(time.Second))), say.Rate(p.FLOPs, p.Peak, p.Cores))
}
