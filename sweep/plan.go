package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/search/grid"
)

// A block is trials that are trained together.
type block struct {
	trials []grid.Trial
	cores  int // that its products are split over

	// Of a block that goes on from a saved state:
	saved bool
	id    string   // its name; see blockID
	skip  []bool   // trials that are not trained any more, by position
	done  int      // iterations
	from  []origin // by position, where the state is yet to be made of others
}

// open returns the trials that are to be trained.
func (b block) open() []grid.Trial {
	if b.skip == nil {
		return b.trials
	}
	var open []grid.Trial
	for i, t := range b.trials {
		if !b.skip[i] {
			open = append(open, t)
		}
	}
	return open
}

// left returns the operations of the iterations that are not done yet.
func (b block) left() float64 {
	return b.flops() * (1 - float64(b.done)/float64(max(b.trials[0].Config.Iters, 1)))
}

// flops returns the operations of all its iterations.
func (b block) flops() float64 {
	sum := 0.0
	for _, t := range b.open() {
		sum += t.FLOPs * float64(t.Config.Iters)
	}
	return sum
}

// A planner puts trials into blocks.
type planner struct {
	workers int
	width   int // trials of a block, at most; 0 for what fits the cache
	inputs  int
	bytes   int // of a number
}

// blockBytes bounds the first layers of a block: 20 float32 nets of 3072-50-10. From 8 such nets
// on, a wider block is not faster (BenchmarkStep of nn/fused), and narrower ones
// stay in a cache and spread evenly.
const blockBytes = 12 << 20

// maxWidth bounds the trials of a block where nets are tiny.
const maxWidth = 256

// plan cuts the trials into as few blocks as the width allows, and into more where that keeps
// all workers busy. The blocks that take longest come first.
func (p planner) plan(todo []grid.Trial) []block {
	groups := fusible(todo)
	cuts := make([]int, len(groups)) // blocks per group
	for g, trials := range groups {
		cuts[g] = (len(trials) + p.widthOf(trials) - 1) / p.widthOf(trials)
	}
	p.balance(groups, cuts)
	var blocks []block
	for g, trials := range groups {
		blocks = append(blocks, cut(trials, cuts[g])...)
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(b.flops(), a.flops()) })
	p.share(blocks)
	return blocks
}

// share gives the cores that blocks do not need to have one each to the first ones.
func (p planner) share(blocks []block) {
	for i := range blocks {
		blocks[i].cores = 1
		if n := len(blocks); n < p.workers {
			blocks[i].cores = p.workers / n
			if i < p.workers%n {
				blocks[i].cores++
			}
		}
	}
}

// widthOf returns the most trials of a group to put into a block.
func (p planner) widthOf(trials []grid.Trial) int {
	if p.width > 0 {
		return p.width
	}
	units := 0
	for _, t := range trials {
		units = max(units, t.Config.Hidden[0])
	}
	return int(max(1, min(maxWidth, blockBytes/max(1, int64(units)*int64(p.inputs)*int64(p.bytes)))))
}

// balance adds cuts while that lets all workers end earlier.
func (p planner) balance(groups [][]grid.Trial, cuts []int) {
	blocks := 0
	for _, n := range cuts {
		blocks += n
	}
	// With many blocks a worker, the last one matters little.
	for blocks > 0 && blocks < 4*p.workers {
		before, worst := p.makespan(groups, cuts)
		if worst < 0 {
			return
		}
		cuts[worst]++
		// One more block may have to wait for another one to pay.
		added := 1
		for after, _ := p.makespan(groups, cuts); after >= 0.99*before; after, _ = p.makespan(groups, cuts) {
			if added == p.workers || cuts[worst] == len(groups[worst]) {
				cuts[worst] -= added
				return
			}
			cuts[worst]++
			added++
		}
		blocks += added
	}
}

// makespan returns when the last worker ends, in operations, if blocks are taken longest first, and
// the group with the largest block that can be cut further, or −1.
func (p planner) makespan(groups [][]grid.Trial, cuts []int) (end float64, worst int) {
	var costs []float64
	largest := 0.0
	worst = -1
	for g, trials := range groups {
		for i, b := range cut(trials, cuts[g]) {
			f := b.flops()
			costs = append(costs, f)
			if i == 0 && f > largest && cuts[g] < len(trials) {
				largest, worst = f, g
			}
		}
	}
	slices.SortFunc(costs, func(a, b float64) int { return cmp.Compare(b, a) })
	ends := make([]float64, p.workers)
	for _, c := range costs {
		i := slices.Index(ends, slices.Min(ends))
		ends[i] += c
	}
	return slices.Max(ends), worst
}

// cut deals trials to n blocks, those with most work first, so that the blocks have nearly
// the same work; the larger ones come first.
func cut(trials []grid.Trial, n int) []block {
	sorted := slices.Clone(trials)
	slices.SortStableFunc(sorted, func(a, b grid.Trial) int { return cmp.Compare(b.FLOPs, a.FLOPs) })
	blocks := make([]block, n)
	for i := range blocks {
		blocks[i].trials = make([]grid.Trial, 0, (len(sorted)+n-1)/n)
	}
	for i, t := range sorted {
		blocks[i%n].trials = append(blocks[i%n].trials, t)
	}
	for i := range blocks {
		blocks[i].id = blockID(blocks[i].trials)
	}
	return blocks
}

// fusible groups the trials that can be trained as one, in the order of their first.
func fusible(todo []grid.Trial) [][]grid.Trial {
	var groups [][]grid.Trial
	at := map[string]int{}
	for len(todo) > 0 {
		// Neighbours in a grid mostly agree, and this is quicker to see than a key.
		first := grid.Standard().Common(todo[0].Config)
		n := 1
		for ; n < len(todo); n++ {
			if c := grid.Standard().Common(todo[n].Config); !c.Equal(&first) {
				break
			}
		}
		key := first.Canonical()
		if g, ok := at[key]; ok {
			groups[g] = append(groups[g], todo[:n]...)
		} else {
			at[key], groups = len(groups), append(groups, todo[:n:n])
		}
		todo = todo[n:]
	}
	return groups
}

// describe counts blocks by width and cores: "4 blocks: 2 of 16 nets, 2 of 15 nets".
func describe(blocks []block) string {
	type kind struct{ width, cores int }
	counts := map[kind]int{}
	var kinds []kind
	for _, b := range blocks {
		k := kind{len(b.open()), b.cores}
		if counts[k]++; counts[k] == 1 {
			kinds = append(kinds, k)
		}
	}
	var parts []string
	for _, k := range kinds {
		part := fmt.Sprintf("%d of %s", counts[k], say.Plural(k.width, "net"))
		if k.cores > 1 {
			part += fmt.Sprintf(" on %d cores", k.cores)
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%s: %s", say.Plural(len(blocks), "block"), strings.Join(parts, ", "))
}
