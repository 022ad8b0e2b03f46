package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"fusegrid/internal/say"
	"fusegrid/nn/fused"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/grid"
)

// An origin is where a trial goes on from: a net in a state that was saved of a trial that is
// equal, but perhaps for its length.
type origin struct {
	store *store
	id    string // of the state
	net   int    // position in it
	done  int    // iterations
}

// origins returns, by key, the furthest net that each trial can go on from. Up to there all
// trainings have the same bits, however long they are.
func origins(todo []grid.Trial, states []saved) map[string]origin {
	if len(states) == 0 {
		return nil
	}
	wanted := map[string][]grid.Trial{}
	for _, t := range todo {
		name := lengthless(t.Config)
		wanted[name] = append(wanted[name], t)
	}
	found := map[string]origin{}
	for _, v := range states {
		for _, i := range v.live {
			c := v.trials[i]
			for _, t := range wanted[lengthless(c)] {
				fits := c.Iters == t.Config.Iters || v.done < t.Config.Iters && beginsLonger(c, v.done)
				if fits && v.done > found[t.Key].done {
					found[t.Key] = origin{v.store, v.id, i, v.done}
				}
			}
		}
	}
	return found
}

// lengthless names what a trial is, but for its length.
func lengthless(c results.Config) string {
	c.Iters = 0
	return c.Key()
}

// beginsLonger reports whether a trial after so many iterations is where a longer one is then. At its
// end the Solver measures, and draws random numbers for that; a longer training does so there
// only where an epoch ends.
func beginsLonger(c results.Config, done int) bool {
	return done < c.Iters || c.Net != "fc" || c.Iters%c.PerEpoch() == 0
}

// planFrom makes blocks of the trials that have an origin, each of nets that are as far as each other.
// It returns the others as well.
func (p planner) planFrom(todo []grid.Trial, from map[string]origin) (blocks []block, rest []grid.Trial) {
	if len(from) == 0 {
		return nil, todo
	}
	far := map[int][]grid.Trial{}
	for _, t := range todo {
		if o, ok := from[t.Key]; ok {
			far[o.done] = append(far[o.done], t)
		} else {
			rest = append(rest, t)
		}
	}
	for _, done := range slices.SortedFunc(maps.Keys(far), func(a, b int) int { return cmp.Compare(b, a) }) {
		for _, b := range p.plan(far[done]) {
			b.saved, b.done = true, done
			for _, t := range b.trials {
				b.from = append(b.from, from[t.Key])
			}
			blocks = append(blocks, b)
		}
	}
	return blocks, rest
}

// gather makes the state of a block from those that its trials go on from. The time that each took
// comes along; that of the block is the longest of any.
func gather(b block) (*safetensors.File, error) {
	files := map[string]*safetensors.File{}
	var parts []fused.Part
	var spent []float64
	whole := 0.0
	for _, o := range b.from {
		f := files[o.store.name(o.id)]
		if f == nil {
			var err error
			if f, err = o.store.load(o.id); err != nil {
				return nil, err
			}
			files[o.store.name(o.id)] = f
		}
		times, err := timesOf(f)
		if err != nil {
			return nil, err
		}
		if o.net > len(times)-2 {
			return nil, errNoTime
		}
		spent, whole = append(spent, times[o.net]), max(whole, times[len(times)-1])
		parts = append(parts, fused.Part{File: f, ID: o.net})
	}
	f, err := fused.Gather(b.id, parts)
	if err != nil {
		return nil, err
	}
	f.Tensors = append(f.Tensors, safetensors.Of(timeName, append(spent, whole), len(spent)+1))
	return &f, nil
}

// uselessState returns what tells whether the state that is kept of a trial is of no use: the trial is not on
// record, or a longer one is that went on from it. With -states all these stay, too.
func (s *job) uselessState(out *output) func(key string) bool {
	longest := sync.OnceValue(func() map[string]int {
		all := map[string]int{}
		for _, r := range out.records {
			if r.Settled("") {
				name := lengthless(r.Config)
				all[name] = max(all[name], r.Config.Iters)
			}
		}
		return all
	})
	return func(key string) bool {
		if out.lacks(key) {
			return true
		}
		c := out.records[key].Config
		return s.states != everyTrial && longest()[lengthless(c)] > c.Iters
	}
}

// stateSpace says what room the states that are kept may take on the disk.
func (s *job) stateSpace() string {
	var sizes []int64
	for i := range s.grid.Len() {
		sizes = append(sizes, s.stateSize(s.grid.Over(s.base).At(i)))
	}
	slices.SortFunc(sizes, func(a, b int64) int { return cmp.Compare(b, a) })
	if s.states != everyTrial {
		sizes = sizes[:min(s.states, len(sizes))]
	}
	sum := 0.0
	for _, n := range sizes {
		sum += float64(n)
	}
	return fmt.Sprintf("%s will take up to %.4g MB in %s", say.Plural(len(sizes), "state"), sum/1e6, s.kept().dir)
}

// stateSize returns the bytes of the state of a trial at its end: its weights, what its update rule keeps
// for each of them, for the Solver the best weights, and a loss an iteration. The rest is little.
func (s *job) stateSize(c results.Config) int64 {
	copies := int64(1)
	if rule, err := ruleOf(c); err == nil { // an unknown one is refused where it trains
		copies += int64(rule.StateArrays())
	}
	if c.Net == "fc" {
		copies++
	}
	return s.weightsSize(c)*copies + 8*int64(c.Iters)
}

// workSize returns the bytes that a trial needs beside its state while it trains: the gradient, for update
// rules that need it. The rest is little.
func (s *job) workSize(c results.Config) int64 {
	rule, err := ruleOf(c)
	if err != nil {
		return 0
	}
	return s.weightsSize(c) * int64(rule.WorkArrays())
}

// weightsSize returns the bytes of the weights of a trial.
func (s *job) weightsSize(c results.Config) int64 {
	weights, in := int64(0), len(s.data.Mean)
	for _, out := range append(slices.Clone(c.Hidden), len(s.data.Classes)) {
		weights += int64(in+1) * int64(out)
		in = out
	}
	return weights * int64(s.planner().bytes)
}

// goingOn says how many trials go on from where, empty if none does.
func goingOn(blocks []block, own *store) string {
	type place struct{ n, least, most int }
	places := map[string]*place{}
	var order []string
	add := func(what string, done int) {
		p := places[what]
		if p == nil {
			p = &place{0, done, done}
			places[what], order = p, append(order, what)
		}
		p.n, p.least, p.most = p.n+1, min(p.least, done), max(p.most, done)
	}
	for _, b := range blocks {
		switch {
		case b.from != nil:
			for _, o := range b.from {
				add(o.store.what, o.done)
			}
		case b.saved:
			for range b.open() {
				add(own.what, b.done)
			}
		}
	}
	var parts []string
	for i, what := range order {
		p := places[what]
		n, after := fmt.Sprint(p.n), fmt.Sprint(p.most)
		if p.least < p.most {
			after = fmt.Sprintf("%d to %d", p.least, p.most)
		}
		switch {
		case i > 0:
		case p.n == 1:
			n, after = "1 trial goes on", after+" iterations"
		default:
			n, after = n+" trials go on", after+" iterations"
		}
		parts = append(parts, fmt.Sprintf("%s from %s after %s", n, what, after))
	}
	return strings.Join(parts, ", ")
}
