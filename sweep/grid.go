package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fusegrid/nn/fused"
	"fusegrid/results"
)

// A grid is every combination of the values of its axes. Its points are made
// one at a time: there may be a million.
type grid struct {
	hidden     [][]int
	batch      []int64
	iters      []int64 // minibatches, or
	epochs     []int64 // passes over the data
	decay, std []float64
	mu         []float64 // of the rules with momentum, else one 0
	lr, reg    []float64
	seed       []int64
}

// A course holds the values of the flags that are not given: those of the
// assignment, for each of its two nets.
type course map[string]string

func defaults(net string) course {
	if net == "fc" {
		return course{
			"lr": "1e-3", "reg": "0", "hidden": "200", "batch": "100", "decay": "0.95",
			"std": "1e-3", "seed": "0", "epochs": "10",
		}
	}
	return course{
		"lr": "1e-4,1e-3", "reg": "0.25,0.85", "hidden": "50", "batch": "200", "decay": "0.95",
		"std": "1e-4", "seed": "0", "iters": "1000",
	}
}

// newGrid parses the axes; given holds those that the user wrote.
func newGrid(net, rule string, given map[string]string) (*grid, error) {
	text := defaults(net)
	withMu := ruleNames(fused.Rule.HasMomentum)
	if _, mu := given["mu"]; mu && !slices.Contains(withMu, rule) {
		return nil, badInput{fmt.Errorf("-mu is for -rule %s; -rule is %s", strings.Join(withMu, " and -rule "), rule)}
	}
	_, iters := given["iters"]
	_, epochs := given["epochs"]
	switch {
	case iters && epochs:
		return nil, badInput{fmt.Errorf("-iters and -epochs are two ways to say how long; give one of them")}
	case iters && net == "fc":
		return nil, badInput{fmt.Errorf("-iters is for the two-layer net; the Solver of -net fc counts -epochs")}
	case epochs:
		delete(text, "iters")
	}
	for name, list := range given {
		text[name] = list
	}

	g := new(grid)
	var err error
	floats := func(dst *[]float64, x floatAxis) {
		if err == nil {
			*dst, err = x.parse(text[x.flag])
		}
	}
	ints := func(dst *[]int64, x intAxis) {
		if err == nil {
			*dst, err = x.parse(text[x.flag])
		}
	}
	floats(&g.lr, floatAxis{"lr", false, "1e-4,1e-3 or log:1e-4..1e-2:5"})
	floats(&g.reg, floatAxis{"reg", true, "0.25,0.85 or 0,log:1e-3..1:4"})
	floats(&g.decay, floatAxis{"decay", false, "0.9,0.95"})
	g.mu = []float64{0}
	if slices.Contains(withMu, rule) {
		text["mu"] = cmp.Or(text["mu"], "0.9")
		floats(&g.mu, floatAxis{"mu", true, "0.9 or 0.5,0.9,0.95"})
	}
	floats(&g.std, floatAxis{"std", false, "1e-4,1e-3"})
	ints(&g.batch, intAxis{"batch", 1, 100_000, "100,200"})
	ints(&g.seed, intAxis{"seed", 0, math.MaxUint32, "0 or 1..5"})
	if _, ok := text["iters"]; ok {
		ints(&g.iters, intAxis{"iters", 1, 100_000_000, "1000,3000"})
		g.epochs = []int64{0}
	} else {
		ints(&g.epochs, intAxis{"epochs", 1, 100_000, "5,10"})
		g.iters = []int64{0}
	}
	if err == nil {
		err = g.checkFactors()
	}
	if err == nil {
		g.hidden, err = parseHidden(text["hidden"], net)
	}
	if err != nil {
		return nil, err
	}
	size := 1.0
	for _, n := range g.lens() {
		size *= float64(n)
	}
	if size > maxPoints {
		return nil, badInput{fmt.Errorf("the grid has %.0f points (%s), more than %d; give fewer values", size, g.shape(), maxPoints)}
	}
	return g, nil
}

// checkFactors refuses factors that can only be slips: nothing converges with them.
func (g *grid) checkFactors() error {
	for _, v := range g.mu {
		if v >= 1 {
			why := "grow without end"
			if v == 1 {
				why = "never fade"
			}
			return badInput{fmt.Errorf("-mu %g: the velocity would %s; give a share of it to keep, 0 or more and below 1, such as 0.9", v, why)}
		}
	}
	for _, v := range g.decay {
		if v > 1 {
			return badInput{fmt.Errorf("-decay %g: the learning rate would grow with every epoch; give a factor above 0 and at most 1, such as 0.95", v)}
		}
	}
	return nil
}

// lens returns the number of values of each axis, the one that changes fastest last.
func (g *grid) lens() [10]int {
	return [...]int{len(g.hidden), len(g.batch), len(g.iters), len(g.epochs), len(g.decay), len(g.std), len(g.mu), len(g.lr), len(g.reg), len(g.seed)}
}

// shape returns the axes with several values, such as "8 lr × 4 reg".
func (g *grid) shape() string {
	var parts []string
	for i, n := range g.lens() {
		if n > 1 {
			parts = append(parts, strconv.Itoa(n)+" "+[]string{"hidden", "batch", "iters", "epochs", "decay", "std", "mu", "lr", "reg", "seed"}[i])
		}
	}
	return strings.Join(parts, " × ")
}

// size returns the number of points.
func (g *grid) size() int {
	size := 1
	for _, n := range g.lens() {
		size *= n
	}
	return size
}

// at returns point i: base with the values of the axes filled in.
func (g *grid) at(i int, base results.Config) results.Config {
	lens := g.lens()
	var index [len(lens)]int
	for a := len(lens) - 1; a >= 0; a-- {
		index[a], i = i%lens[a], i/lens[a]
	}
	c := base
	c.Hidden = g.hidden[index[0]]
	c.Batch = int(g.batch[index[1]])
	c.Iters = int(g.iters[index[2]])
	if epochs := int(g.epochs[index[3]]); epochs > 0 {
		c.Iters = epochs * c.PerEpoch()
	}
	c.Decay, c.Std = g.decay[index[4]], g.std[index[5]]
	c.Mu, c.LR, c.Reg = g.mu[index[6]], g.lr[index[7]], g.reg[index[8]]
	c.Seed = uint32(g.seed[index[9]])
	if !c.DivisionMatters() {
		c.Division = "" // so that it has the key of the same training by floor division
	}
	return c
}

// divisionNote says how the epochs are divided and what the other way is, or "" where both agree.
func (g *grid) divisionNote(base results.Config) string {
	for _, batch := range g.batch {
		c := base
		if c.Batch = int(batch); !c.DivisionMatters() {
			continue
		}
		n := c.Split[0]
		floor, exact := float64(c.PerEpoch()), float64(n)/float64(batch)
		if c.Division == "true" {
			return fmt.Sprintf("batch %d does not divide %d images: an epoch is %.7g iterations (Python 3); -division floor: %.0f (Python 2)", batch, n, exact, floor)
		}
		return fmt.Sprintf("batch %d does not divide %d images: an epoch is %.0f iterations (Python 2); -division true: %.7g (Python 3)", batch, n, floor, exact)
	}
	return ""
}
