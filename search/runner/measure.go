package runner

import (
	"slices"
	"time"

	"fusegrid/nn/nprand"
	"fusegrid/search/plan"
)

// Costs are what the parts of training a block take, in seconds.
type Costs struct {
	Setup float64 // making it, with its weights
	Step  float64 // an iteration
	Image float64 // measuring accuracy, per image
}

// Measure implements Runner. A first call of each part warms up and is not counted.
func (t *trainer[T]) Measure(b plan.Block, d time.Duration, ready func()) (Costs, error) {
	var c Costs
	start := time.Now()
	f, err := t.begin(b)
	c.Setup = time.Since(start).Seconds()
	if err != nil {
		ready()
		return c, err
	}
	// Not by way of the trainer, which would measure accuracy after its first step.
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
	c.Step = timed(step, d*4/5)
	c.Image = timed(look, d/5) / float64(len(images))
	return c, nil
}

// timed returns the seconds that f takes, from calling it for a time d. It is the median of a few parts
// of that time: another program that wakes up in one of them does not count.
func timed(f func(), d time.Duration) float64 {
	const parts = 5
	var all []float64
	for begin := time.Now(); len(all) == 0 || time.Since(begin) < d; {
		start, n := time.Now(), 0
		for n == 0 || time.Since(start) < d/parts {
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

// TrainOnly trains a block and measures accuracies as Run does, but makes no records. A benchmark subtracts its time
// to see what records take.
func (t *trainer[T]) TrainOnly(b plan.Block) error {
	f, err := t.begin(b)
	if err != nil {
		return err
	}
	for !f.Finished() {
		f.Step()
	}
	f.Block().Hits(t.val, t.valAll)
	f.Block().Hits(t.test, t.testAll)
	return nil
}
