package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"fusegrid/internal/say"
	"fusegrid/nn/fused"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// origins returns, by key, the furthest net that each trial can go on from. Up to there all
// trainings have the same bits, however long they are.
func origins(todo []grid.Trial, states []saved) map[string]plan.Origin {
	if len(states) == 0 {
		return nil
	}
	wanted := map[string][]grid.Trial{}
	for _, t := range todo {
		name := lengthless(t.Config)
		wanted[name] = append(wanted[name], t)
	}
	found := map[string]plan.Origin{}
	for _, v := range states {
		for _, i := range v.live {
			c := v.trials[i]
			for _, t := range wanted[lengthless(c)] {
				fits := c.Iters == t.Config.Iters || v.done < t.Config.Iters && beginsLonger(c, v.done)
				if fits && v.done > found[t.Key].Done {
					found[t.Key] = plan.Origin{Kind: v.store.what, File: v.store.name(v.id), ID: v.id, Net: i, Done: v.done}
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

// gather makes the state of a block from those that its trials go on from. The time that each took
// comes along; that of the block is the longest of any.
func gather(b plan.Block) (*safetensors.File, error) {
	files := map[string]*safetensors.File{}
	var parts []fused.Part
	var spent []float64
	whole := 0.0
	for _, o := range b.From {
		f := files[o.File]
		if f == nil {
			var err error
			if f, err = readState(o.File); err != nil {
				return nil, err
			}
			files[o.File] = f
		}
		times, err := timesOf(f)
		if err != nil {
			return nil, err
		}
		if o.Net > len(times)-2 {
			return nil, errNoTime
		}
		spent, whole = append(spent, times[o.Net]), max(whole, times[len(times)-1])
		parts = append(parts, fused.Part{File: f, ID: o.Net})
	}
	f, err := fused.Gather(b.ID, parts)
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

// stateSize returns the bytes of the state of a trial at its end.
func (s *job) stateSize(c results.Config) int64 { return s.planner().StateSize(c) }
