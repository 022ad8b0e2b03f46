// Package plan groups the trials of a grid into blocks. The nets of a block train together on
// shared minibatches.
//
// A [Planner] makes few blocks, because wide products are fast, but enough to keep all workers
// busy. The package also computes the memory that blocks need. It does no I/O.
package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/search/grid"
)

// A Block is a list of trials that are trained together.
type Block struct {
	Trials []grid.Trial
	ID     string // see BlockID
	Cores  int    // number of cores that share its products

	// The fields below describe a block that resumes from a saved state.
	Resumed bool
	Skip    []bool   // by position: the trial is no longer trained; nil if all are trained
	Done    int      // iterations
	From    []Origin // by position, if the state must be gathered from other blocks
}

// An Origin is a net in a saved state from which a trial resumes. The net belongs to a trial that
// may differ from the resuming trial only in its number of iterations.
type Origin struct {
	Kind string // checkpoints or kept states
	File string // of the state
	ID   string // of the block of the state
	Net  int    // position of the net in the block
	Done int    // iterations
}

// BlockID names a block by its trials.
func BlockID(trials []grid.Trial) string {
	h := sha256.New()
	var line []byte
	for i := range trials {
		line = append(append(line[:0], trials[i].Key...), '\n')
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Active returns the trials that are to be trained.
func (b Block) Active() []grid.Trial {
	if b.Skip == nil {
		return b.Trials
	}
	var active []grid.Trial
	for i, t := range b.Trials {
		if !b.Skip[i] {
			active = append(active, t)
		}
	}
	return active
}

// RemainingFLOPs returns the operations of the remaining iterations of the active trials.
func (b Block) RemainingFLOPs() float64 {
	return b.FLOPs() * (1 - float64(b.Done)/float64(max(b.Trials[0].Config.Iters, 1)))
}

// FLOPs returns the operations of all iterations of the active trials.
func (b Block) FLOPs() float64 {
	sum := 0.0
	active := b.Active()
	for i := range active {
		sum += work(&active[i])
	}
	return sum
}

// work returns the operations of all iterations of a trial. The conversion keeps the compiler from fusing the product
// with a sum: plans must be equal on all machines.
func work(t *grid.Trial) float64 { return float64(t.FLOPs * float64(t.Config.Iters)) }

// A Planner puts trials into blocks.
type Planner struct {
	Workers int
	Width   int // maximum number of trials in a block; 0 means as many as fit the cache
	Inputs  int // pixels of an image
	Classes int
	Bytes   int // bytes of a number

	// If Fixed is not nil, Plan makes no blocks of its own: its blocks are these without the trials that are not to be
	// trained. Trials that are in none of them get further blocks.
	Fixed []Block
}

// BlockBytes is the maximum size of the first layers of a block, in bytes. It allows 20 float32
// nets of 3072-50-10. Blocks of more than 8 such nets are not faster (BenchmarkStep of nn/train).
// Small blocks fit a cache and give all workers equal work.
const BlockBytes = 12 << 20

// maxWidth is the maximum number of trials in a block if nets are tiny.
const maxWidth = 256

// Plan makes as few blocks as the width allows. If more blocks make better use of the workers, it
// makes more. The blocks that take longest come first.
func (p Planner) Plan(todo []grid.Trial) []Block {
	var blocks []Block
	if p.Fixed != nil {
		blocks, todo = within(p.Fixed, todo)
	}
	groups := p.groups(fusible(todo))
	if p.Fixed == nil {
		balance(groups, p.Workers)
	}
	blocks = append(blocks, deal(groups)...)
	slices.SortStableFunc(blocks, func(a, b Block) int { return cmp.Compare(b.FLOPs(), a.FLOPs()) })
	p.ShareCores(blocks)
	return blocks
}

// groups returns groups of trials that can share a block.
func (p Planner) groups(fusible [][]grid.Trial) (groups []*group) {
	for _, trials := range fusible {
		groups = append(groups, newGroup(trials, p.widthOf(trials)))
	}
	return groups
}

// ShareCores gives one core to each block, and the remaining cores to the first blocks.
func (p Planner) ShareCores(blocks []Block) {
	for i := range blocks {
		blocks[i].Cores = 1
		if n := len(blocks); n < p.Workers {
			blocks[i].Cores = p.Workers / n
			if i < p.Workers%n {
				blocks[i].Cores++
			}
		}
	}
}

// widthOf returns the largest number of trials of a group that a block may hold.
func (p Planner) widthOf(trials []grid.Trial) int {
	if p.Width > 0 {
		return p.Width
	}
	units := 0
	for _, t := range trials {
		units = max(units, t.Config.Hidden[0])
	}
	return int(max(1, min(maxWidth, BlockBytes/max(1, int64(units)*int64(p.Inputs)*int64(p.Bytes)))))
}

// fusible groups the trials that can share a block, in the order of the first trial of each group.
func fusible(todo []grid.Trial) [][]grid.Trial {
	var groups [][]grid.Trial
	at := map[string]int{}
	var first, next results.Config
	for len(todo) > 0 {
		// Neighbours in a grid can mostly share a block, and comparing them is faster than
		// computing a key.
		first = todo[0].Config
		grid.Standard().Common(&first)
		n := 1
		for ; n < len(todo); n++ {
			next = todo[n].Config
			if grid.Standard().Common(&next); !next.Equal(&first) {
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

// Describe counts blocks by width and cores: "4 blocks: 2 of 16 nets, 2 of 15 nets".
func Describe(blocks []Block) string {
	type kind struct{ width, cores int }
	counts := map[kind]int{}
	var kinds []kind
	for _, b := range blocks {
		k := kind{len(b.Active()), b.Cores}
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

// PlanFrom makes blocks of the trials that have an origin. The map origins has them by the key of
// the trial. The nets of a block have done the same number of iterations. PlanFrom also returns
// the trials without an origin.
func (p Planner) PlanFrom(todo []grid.Trial, origins map[string]Origin) (blocks []Block, rest []grid.Trial) {
	if len(origins) == 0 {
		return nil, todo
	}
	far := map[int][]grid.Trial{}
	for _, t := range todo {
		if o, ok := origins[t.Key]; ok {
			far[o.Done] = append(far[o.Done], t)
		} else {
			rest = append(rest, t)
		}
	}
	for _, done := range slices.SortedFunc(maps.Keys(far), func(a, b int) int { return cmp.Compare(b, a) }) {
		for _, b := range p.Plan(far[done]) {
			b.Resumed, b.Done = true, done
			for _, t := range b.Trials {
				b.From = append(b.From, origins[t.Key])
			}
			blocks = append(blocks, b)
		}
	}
	return blocks, rest
}

// RuleOf returns the update rule of a configuration. If the field is absent, the rule is sgd.
// Therefore keys of versions without this field remain valid.
func RuleOf(c results.Config) (train.Rule, error) {
	return train.ParseRule(cmp.Or(c.Rule, train.SGD.String()))
}

// StateSize returns the approximate size, in bytes, of the state of a trial at its end. The state
// holds the weights, the arrays of the update rule, and one loss for each iteration. With the
// Solver, it also holds the best weights.
func (p Planner) StateSize(c results.Config) int64 {
	copies := int64(1)
	if rule, err := RuleOf(c); err == nil { // an unknown rule is rejected when the trial starts
		copies += int64(rule.StateArrays())
	}
	if c.Net == "fc" {
		copies++
	}
	return p.WeightsSize(c)*copies + 8*int64(c.Iters)
}

// workSize returns the approximate memory, in bytes, that a trial needs in addition to its state
// while it trains. It is the gradient if the update rule needs one.
func (p Planner) workSize(c results.Config) int64 {
	rule, err := RuleOf(c)
	if err != nil {
		return 0
	}
	return p.WeightsSize(c) * int64(rule.WorkArrays())
}

// WeightsSize returns the size of the weights of a trial in bytes.
func (p Planner) WeightsSize(c results.Config) int64 {
	weights, in := int64(0), p.Inputs
	for _, out := range append(slices.Clone(c.Hidden), p.Classes) {
		weights += int64(in+1) * int64(out)
		in = out
	}
	return weights * int64(p.Bytes)
}

// minibatchSize returns the minimum number of bytes that a block needs for one minibatch. These are
// the images, the activations of all first layers and of the deeper layers of the widest net, and
// the deltas of one layer.
func (p Planner) minibatchSize(trials []grid.Trial) float64 {
	first, deeper, widest, batch := 0, 0, 0, 0
	for _, t := range trials {
		layers := append(slices.Clone(t.Config.Hidden), p.Classes)
		first += layers[0]
		sum := 0
		for _, out := range layers[1:] {
			sum += out
		}
		deeper, widest, batch = max(deeper, sum), max(widest, slices.Max(layers)), max(batch, t.Config.Batch)
	}
	return float64(batch) * float64(p.Inputs+p.Bytes*(first+deeper+widest))
}

// Memory returns a lower bound, in bytes, for the memory of the blocks that train at the same time.
func (p Planner) Memory(blocks []Block) float64 {
	sizes := make([]float64, len(blocks))
	for i, b := range blocks {
		for _, t := range b.Active() {
			sizes[i] += float64(p.StateSize(t.Config) + p.workSize(t.Config))
		}
		sizes[i] += p.minibatchSize(b.Active())
	}
	slices.SortFunc(sizes, func(a, b float64) int { return cmp.Compare(b, a) })
	need := 0.0
	for _, size := range sizes[:min(p.Workers, len(blocks))] {
		need += size
	}
	return need
}

// Trials returns the number of trials that the blocks train.
func Trials(blocks []Block) int {
	n := 0
	for _, b := range blocks {
		n += len(b.Active())
	}
	return n
}

// Resuming describes how many trials resume, and from which states. It returns "" if no trial
// resumes. A block that resumes from its own checkpoint has no origins. The argument kind is the
// name of such checkpoints, as in [Origin.Kind].
func Resuming(blocks []Block, kind string) string {
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
		case b.From != nil:
			for _, o := range b.From {
				add(o.Kind, o.Done)
			}
		case b.Resumed:
			for range b.Active() {
				add(kind, b.Done)
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
			n, after = "1 trial resumes", after+" iterations"
		default:
			n, after = n+" trials resume", after+" iterations"
		}
		parts = append(parts, fmt.Sprintf("%s from %s after %s", n, what, after))
	}
	return strings.Join(parts, ", ")
}
