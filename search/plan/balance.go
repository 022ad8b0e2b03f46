package plan

import (
	"cmp"
	"slices"

	"fusegrid/search/grid"
)

// A group is a list of trials that can share a block, and the number of blocks that it is cut into.
type group struct {
	trials []grid.Trial // those with most work first
	works  []float64    // of the trials
	cuts   int
	costs  []float64 // work of each block; the largest is the first
}

// newGroup returns a group that is cut into as few blocks as the width allows.
func newGroup(trials []grid.Trial, width int) *group {
	g := &group{trials: trials}
	sorted := true
	for i := range trials[1:] {
		sorted = sorted && trials[i].FLOPs >= trials[i+1].FLOPs
	}
	if !sorted { // a copy of a million trials takes long
		g.trials = slices.Clone(trials)
		slices.SortStableFunc(g.trials, func(a, b grid.Trial) int { return cmp.Compare(b.FLOPs, a.FLOPs) })
	}
	g.works = make([]float64, len(trials))
	for i := range g.trials {
		g.works[i] = work(&g.trials[i])
	}
	g.cut((len(trials) + width - 1) / width)
	return g
}

// cut sets the number of blocks. The trials are dealt to them in turn, so that they have nearly equal work.
func (g *group) cut(n int) {
	g.cuts, g.costs = n, slices.Grow(g.costs[:0], n)[:n]
	clear(g.costs)
	for works := g.works; len(works) > 0; works = works[min(n, len(works)):] {
		for i, w := range works[:min(n, len(works))] {
			g.costs[i] += w
		}
	}
}

// deal returns the blocks of all groups.
func deal(groups []*group) (blocks []Block) {
	for _, g := range groups {
		blocks = append(blocks, g.deal()...)
	}
	return blocks
}

// deal returns the blocks. The larger blocks come first.
func (g *group) deal() []Block {
	blocks := make([]Block, g.cuts)
	for i := range blocks {
		blocks[i].Trials = make([]grid.Trial, 0, (len(g.trials)+g.cuts-1)/g.cuts)
	}
	for i, t := range g.trials {
		b := &blocks[i%g.cuts]
		b.Trials = append(b.Trials, t)
	}
	for i := range blocks {
		blocks[i].ID = BlockID(blocks[i].Trials)
	}
	return blocks
}

// balance adds blocks while this reduces the makespan of a number of workers.
func balance(groups []*group, workers int) {
	blocks := 0
	for _, g := range groups {
		blocks += g.cuts
	}
	// If each worker has many blocks, one more block has little effect.
	for blocks > 0 && blocks < 4*workers {
		worst := largest(groups)
		if worst == nil {
			return
		}
		before := makespan(groups, workers)
		// One more block alone may not reduce the makespan, so try several.
		added := 1
		for worst.cut(worst.cuts + 1); makespan(groups, workers) >= 0.99*before; added++ {
			if added == workers || worst.cuts == len(worst.trials) {
				worst.cut(worst.cuts - added)
				return
			}
			worst.cut(worst.cuts + 1)
		}
		blocks += added
	}
}

// largest returns the group with the largest blocks that can be cut further, or nil.
func largest(groups []*group) (worst *group) {
	most := 0.0
	for _, g := range groups {
		if g.costs[0] > most && g.cuts < len(g.trials) {
			most, worst = g.costs[0], g
		}
	}
	return worst
}

// makespan returns the work, in operations, of the worker that ends last, if workers take the longest block first.
func makespan(groups []*group, workers int) float64 {
	var costs []float64
	for _, g := range groups {
		costs = append(costs, g.costs...)
	}
	if len(costs) <= workers {
		return slices.Max(costs)
	}
	slices.SortFunc(costs, func(a, b float64) int { return cmp.Compare(b, a) })
	l := newLoads(workers)
	for _, c := range costs {
		l.add(c)
	}
	return l.most()
}

// Loads are the sums of work of some workers. They are a heap, whose first element has the least work. Workers of equal
// work are in the order of their numbers.
type loads []load

type load struct {
	work   float64
	worker int
}

func (a load) less(b load) bool {
	return a.work < b.work || a.work == b.work && a.worker < b.worker
}

// newLoads returns the loads of n workers without work.
func newLoads(n int) loads {
	l := make(loads, n)
	for i := range l {
		l[i].worker = i
	}
	return l
}

// add gives work to the worker that has the least, and returns the worker.
func (l loads) add(work float64) (worker int) {
	worker = l[0].worker
	l[0].work += work
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(l); child++ {
			if l[child].less(l[least]) {
				least = child
			}
		}
		if least == i {
			return worker
		}
		l[i], l[least] = l[least], l[i]
		i = least
	}
}

// most returns the work of the worker that has the most.
func (l loads) most() (work float64) {
	for _, w := range l {
		work = max(work, w.work)
	}
	return work
}
