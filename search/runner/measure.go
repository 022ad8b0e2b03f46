package runner

import (
	"context"
	"slices"
	"time"

	"fusegrid/nn/nprand"
	"fusegrid/search/plan"
)

// Costs are the seconds that the parts of the training of a block take.
type Costs struct {
	Setup float64 // making the block, with its weights
	Step  float64 // an iteration
	Image float64 // measuring the accuracy on one image
}

// Measure implements Runner. A first call of each part warms up and is not counted.
func (t *trainer[T]) Measure(ctx context.Context, b plan.Block, d time.Duration, ready func()) (Costs, error) {
	var c Costs
	start := time.Now()
	f, err := t.newBlock(b)
	c.Setup = time.Since(start).Seconds()
	if err != nil {
		ready()
		return c, err
	}
	// The trainer is not used, because it would measure the accuracy after its first step.
	rng, idx := nprand.New(0), make([]int, b.Trials[0].Config.Batch)
	step := func() {
		rng.Choice(idx, t.train.Len())
		f.Block().Step(t.train, idx)
	}
	images := t.valAll[:min(len(t.valAll), 200)]
	look := func() { f.Block().Hits(t.val, images) }
	step()
	look()
	ready()
	c.Step = timed(ctx, step, d*4/5)
	c.Image = timed(ctx, look, d/5) / float64(len(images))
	return c, nil
}

// timed calls f for the time d, or until ctx is done, and returns the seconds that one call takes.
// The result is the median over a few parts of that time, so a short disturbance by another program
// has no effect.
func timed(ctx context.Context, f func(), d time.Duration) float64 {
	const parts = 5
	var all []float64
	for begin := time.Now(); len(all) == 0 || time.Since(begin) < d && ctx.Err() == nil; {
		start, n := time.Now(), 0
		for n == 0 || time.Since(start) < d/parts && ctx.Err() == nil {
			f()
			n++
		}
		all = append(all, time.Since(start).Seconds()/float64(n))
	}
	return median(all)
}

func median(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
