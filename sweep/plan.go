package main

import "fusegrid/results"

// A trial is one point of the grid.
type trial struct {
	key    string
	config results.Config
}

// A block is trials that are trained together.
type block struct {
	trials []trial
}

// plan puts the trials that are not settled into blocks, in the order of the
// grid. Each is a block of its own.
func plan(g *grid, base results.Config, settled func(key string) bool) []block {
	var blocks []block
	for i := range g.size() {
		c := g.at(i, base)
		if key := c.Key(); !settled(key) {
			blocks = append(blocks, block{[]trial{{key, c}}})
		}
	}
	return blocks
}
