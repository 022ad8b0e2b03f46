package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// costs is what the parts of training a block take, in seconds.
type costs struct {
	setup float64 // making it, with its weights
	step  float64 // an iteration
	image float64 // measuring accuracy, per image
}

// measure implements runner. The first step warms up and is not counted.
func (t *trainer[T]) measure(b block, d time.Duration) (costs, error) {
	var c costs
	start := time.Now()
	f, err := t.begin(b)
	if err != nil {
		return c, err
	}
	c.setup = time.Since(start).Seconds()
	start = time.Now()
	f.Block().Hits(t.val, t.valAll)
	c.image = time.Since(start).Seconds() / float64(len(t.valAll))
	f.Step()
	start = time.Now()
	n := 0
	for !f.Finished() && (n == 0 || time.Since(start) < d) {
		f.Step()
		n++
	}
	if n > 0 {
		c.step = time.Since(start).Seconds() / float64(n)
	}
	return c, nil
}

// measured returns the images that a block is measured on in all its training.
func (s *job) measured(b block) float64 {
	c := b.trials[0].config
	val, test := float64(s.data.Val.Len()), float64(s.data.Test.Len())
	epochs := (c.Iters + perEpoch(c) - 1) / perEpoch(c)
	if c.Net == "fc" {
		return float64(epochs+1)*(val+float64(min(1000, s.data.Train.Len()))) + val + test
	}
	return float64(epochs)*(val+float64(c.Batch)) + val + test
}

// A prediction is what a sweep is expected to take.
type prediction struct {
	seconds float64
	flops   float64 // per second, of training alone, all cores
	peak    float64 // of these cores, or 0
}

// predict trains the first blocks for a moment, as many side by side as the sweep would, and
// reckons the others from them by their operations.
func (s *job) predict(blocks []block, r runner) (prediction, error) {
	const each = 300 * time.Millisecond
	n := min(s.workers, len(blocks))
	all, errs := make([]costs, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i], errs[i] = r.measure(blocks[i], each) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return prediction{}, err
		}
	}
	ends := make([]float64, n)
	work := 0.0
	for i, b := range blocks {
		like := i % n
		scale := b.flops() / float64(b.trials[0].config.Iters) * float64(blocks[like].trials[0].config.Iters) / blocks[like].flops()
		c := all[like]
		t := scale * (c.setup + c.step*float64(b.trials[0].config.Iters) + c.image*s.measured(b))
		first := slices.Index(ends, slices.Min(ends))
		ends[first] += t
		work += b.flops()
	}
	p := prediction{seconds: slices.Max(ends), peak: s.peak() * float64(s.workers)}
	p.flops = work / p.seconds
	return p, nil
}

// String is one line for people.
func (p prediction) String() string {
	return fmt.Sprintf("about %s on this machine, at %s", clock(time.Duration(p.seconds*float64(time.Second))), rate(p.flops, p.peak))
}
