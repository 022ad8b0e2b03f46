package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"fusegrid/internal/say"
	"fusegrid/nn/nprand"
	"fusegrid/search/plan"
)

// costs is what the parts of training a block take, in seconds.
type costs struct {
	setup float64 // making it, with its weights
	step  float64 // an iteration
	image float64 // measuring accuracy, per image
}

// measure implements runner. Of what it times, a first go warms up and is not counted.
func (t *trainer[T]) measure(b plan.Block, d time.Duration, ready func()) (costs, error) {
	var c costs
	start := time.Now()
	f, err := t.begin(b)
	c.setup = time.Since(start).Seconds()
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
	c.step = timed(step, d*4/5)
	c.image = timed(look, d/5) / float64(len(images))
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

// measured returns the images that a block is measured on in what is left of its training.
func (s *job) measured(b plan.Block) float64 {
	c := b.Trials[0].Config
	val, test := float64(s.data.Val.Len()), float64(s.data.Test.Len())
	period := c.PerEpoch()
	if d, err := division(c); err == nil && c.Net != "fc" {
		period = d.Period(c.Split[0], c.Batch)
	}
	epochs := (c.Iters-b.Done-1)/period + 1
	if c.Net == "fc" {
		return float64(epochs+1)*(val+float64(min(1000, s.data.Train.Len()))) + val + test
	}
	return float64(epochs)*(val+float64(c.Batch)) + val + test
}

// A prediction is what a sweep is expected to take.
type prediction struct {
	seconds float64
	flops   float64 // per second, of training alone, all cores
	cores   int
	peak    float64 // of one core, or 0
}

// predict trains the first blocks for a moment, as many side by side as the sweep would, for they
// share caches, memory and the power of the chip, and reckons the others from them by their operations.
func (s *job) predict(blocks []plan.Block, r runner) (prediction, error) {
	const each = time.Second
	n := min(s.workers, len(blocks))
	all, errs := make([]costs, n), make([]error, n)
	var wg, together sync.WaitGroup
	together.Add(n)
	ready := func() {
		together.Done()
		together.Wait()
	}
	for i := range n {
		wg.Go(func() { all[i], errs[i] = r.measure(blocks[i], each, ready) })
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
		scale := b.FLOPs() / float64(b.Trials[0].Config.Iters) * float64(blocks[like].Trials[0].Config.Iters) / blocks[like].FLOPs()
		c := all[like]
		part := s.races.Share(b.Trials[0].Config.Iters)
		t := scale * (c.setup + part*(c.step*float64(b.Trials[0].Config.Iters-b.Done)+c.image*s.measured(b)))
		first := slices.Index(ends, slices.Min(ends))
		ends[first] += t
		work += part * b.RemainingFLOPs()
	}
	p := prediction{seconds: slices.Max(ends), cores: s.cores(), peak: s.peak()}
	p.flops = work / p.seconds
	return p, nil
}

// String is one line for people.
func (p prediction) String() string {
	return fmt.Sprintf("about %s on this machine, at %s", say.Clock(time.Duration(p.seconds*float64(time.Second))), say.Rate(p.flops, p.peak, p.cores))
}
