package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"fusegrid/results"
	"fusegrid/search/grid"
)

// Shared makes the blocks of a study that several machines share. It balances them for a number of equal parts of
// the work. Trials are all trials of the study, also those that are on record. The blocks are a function of the set of
// trials, of parts, and of the fields of p other than Workers. They do not depend on the machine or on the order of the
// trials. If all trials have the same length, another length gives the same blocks in the same order. The blocks
// that take longest come first, and blocks of equal work in the order of hashes. Each has one core, see
// [Planner.ShareCores].
func (p Planner) Shared(trials []grid.Trial, parts int) []Block {
	names := make(map[string]string, len(trials))
	for _, t := range trials {
		names[t.Key] = Lengthless(t.Config)
	}
	byName := func(a, b grid.Trial) int {
		return cmp.Or(strings.Compare(names[a.Key], names[b.Key]), strings.Compare(a.Key, b.Key))
	}
	sorted := fusible(slices.Clone(trials))
	for _, g := range sorted {
		slices.SortFunc(g, byName)
	}
	slices.SortFunc(sorted, func(a, b []grid.Trial) int { return byName(a[0], b[0]) })
	groups := p.groups(sorted)
	divide(groups, parts)
	blocks := deal(groups)
	hashes := make(map[string]string, len(blocks))
	for _, b := range blocks {
		h := sha256.New()
		for _, t := range b.Trials {
			fmt.Fprintln(h, names[t.Key])
		}
		hashes[b.ID] = string(h.Sum(nil))
	}
	slices.SortFunc(blocks, func(a, b Block) int {
		return cmp.Or(cmp.Compare(b.FLOPs(), a.FLOPs()), strings.Compare(hashes[a.ID], hashes[b.ID]), strings.Compare(a.ID, b.ID))
	})
	for i := range blocks {
		blocks[i].Cores = 1
	}
	return blocks
}

// divide cuts groups into more blocks, so that a number of parts can have nearly equal work. It tries several sizes of
// blocks, and takes the largest one with which the makespan is nearly the least.
func divide(groups []*group, parts int) {
	const most, near = 8, 1.05 // blocks of a part; ratio of makespans
	whole := 0.0
	least, works := make([]int, len(groups)), make([]float64, len(groups))
	for i, g := range groups {
		least[i] = g.cuts
		for _, w := range g.works {
			works[i] += w
		}
		whole += works[i]
	}
	if whole == 0 {
		return
	}
	cut := func(each int) float64 {
		size := whole / float64(parts*each)
		for i, g := range groups {
			g.cut(max(least[i], min(len(g.trials), int(math.Ceil(works[i]/size)))))
		}
		return makespan(groups, parts)
	}
	best := math.Inf(1)
	for each := range most {
		best = min(best, cut(each+1))
	}
	for each := 1; cut(each) > near*best; each++ {
	}
}

// Part returns the blocks of part i of n, counted from 1, of the result of [Planner.Shared]. Each block goes to the part
// that has the least work so far, so blocks of equal work are dealt in turn, in the order of their hashes.
func Part(blocks []Block, i, n int) (part []Block) {
	l := newLoads(n)
	for _, b := range blocks {
		if l.add(b.FLOPs()) == i-1 {
			part = append(part, b)
		}
	}
	return part
}

// within returns those of the blocks that have trials of todo, with these trials only. It also returns the trials that
// are in no block.
func within(blocks []Block, todo []grid.Trial) (parts []Block, rest []grid.Trial) {
	open := make(map[string]bool, len(todo))
	for _, t := range todo {
		open[t.Key] = true
	}
	for _, b := range blocks {
		part := Block{}
		for _, t := range b.Trials {
			if open[t.Key] {
				part.Trials = append(part.Trials, t)
				delete(open, t.Key)
			}
		}
		if len(part.Trials) > 0 {
			part.ID = BlockID(part.Trials)
			parts = append(parts, part)
		}
	}
	for _, t := range todo {
		if open[t.Key] {
			rest = append(rest, t)
		}
	}
	return parts, rest
}

// SharedID names the result of [Planner.Shared]: the parts of two machines fit together if their IDs are equal.
func SharedID(blocks []Block) string {
	h := sha256.New()
	for _, b := range blocks {
		fmt.Fprintln(h, b.ID)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Lengthless returns a key that trials share if they differ only in their number of iterations.
func Lengthless(c results.Config) string {
	c.Iters = 0
	return c.Key()
}
