package search

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
)

// uselessState returns a function that reports whether the state of a trial is useless. It is useless if the trial is
// not on record. It is also useless if a longer trial, which could resume from it, is on record, unless all states are
// kept.
func (s *job) uselessState(out *folder.Folder) func(key string) bool {
	longest := sync.OnceValue(func() map[string]int {
		all := map[string]int{}
		for _, r := range out.Records {
			if r.Settled("") {
				name := plan.Lengthless(r.Config)
				all[name] = max(all[name], r.Config.Iters)
			}
		}
		return all
	})
	return func(key string) bool {
		if out.Lacks(key) {
			return true
		}
		c := out.Records[key].Config
		return s.States != folder.EveryTrial && longest()[plan.Lengthless(c)] > c.Iters
	}
}

// stateSpace returns a message with the size of the states that may be kept on the disk.
func (s *job) stateSpace() string {
	var sizes []int64
	for i := range s.Grid.Len() {
		sizes = append(sizes, s.stateSize(s.Grid.Over(s.base).At(i)))
	}
	slices.SortFunc(sizes, func(a, b int64) int { return cmp.Compare(b, a) })
	if s.States != folder.EveryTrial {
		sizes = sizes[:min(s.States, len(sizes))]
	}
	sum := 0.0
	for _, n := range sizes {
		sum += float64(n)
	}
	return fmt.Sprintf("%s will take up to %.4g MB in %s", say.Plural(len(sizes), "state"), sum/1e6, s.kept().Dir)
}

// space returns a message with the sizes of the curves and weights that the trials of blocks may leave on the disk, or
// "" if there are none.
func (s *job) space(blocks []plan.Block) string {
	curves, weights, trials := int64(0), int64(0), 0
	for _, b := range blocks {
		for _, t := range b.Active() {
			c := t.Config
			trials++
			curves += curve.Size(c.Iters, c.Iters/c.PerEpoch()+2)
			weights = max(weights, s.planner.WeightsSize(c))
		}
	}
	var parts []string
	if trials > 0 && !s.NoCurves {
		parts = append(parts, "curves will take up to "+say.Bytes(curves))
	}
	if n := min(s.Weights, trials); n > 0 {
		parts = append(parts, "weights will take up to "+say.Bytes(int64(n)*weights))
	}
	return strings.Join(parts, ", ")
}

// stateSize returns the size, in bytes, of the state of a trial at its end.
func (s *job) stateSize(c results.Config) int64 { return s.planner.StateSize(c) }
