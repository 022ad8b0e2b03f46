package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"fusegrid"
	"fusegrid/bench/cases"
	"fusegrid/kernels"
)

// duelCommand measures two rows in turns and judges by the ratio of their rates,
// round by round.
func duelCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("duel", flag.ContinueOnError)
	var p plan
	p.flags(f, ".name:Gemm")
	each := f.Float64("each", 0, "fail if A/B is below this `ratio` for one benchmark")
	mean := f.Float64("geomean", 0, "fail if the geometric mean of A/B over the benchmarks of one type is below this `ratio`")
	if err := parse(f, args, stderr, 2, 2); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	var sets []*kernels.Set
	for _, name := range f.Args() {
		set, err := fusegrid.ByName(name)
		if err != nil {
			return usageError{err}
		}
		sets = append(sets, set)
	}
	if sets[0].Name == sets[1].Name {
		return badUsage("%s against itself", sets[0].Name)
	}
	for _, l := range append(cases.Machine(sets), cases.Line{Key: "clock", Value: p.clock}) {
		fmt.Fprintf(stdout, "%s: %s\n", l.Key, l.Value)
	}

	a, b := sets[0].Name, sets[1].Name
	const columns = "%-44s %14s %14s %9s  %-14s %s\n"
	fmt.Fprintf(stdout, "\n"+columns, "", a, b, "ratio", fmt.Sprintf("%.0f%% interval", 100*confidence), "faster")
	failed := 0
	verdict := func(ratio, bar float64) string {
		if ratio < bar {
			failed++
			return fmt.Sprintf(", below the bar of %g", bar)
		}
		return ""
	}
	var order []string
	ratios := map[string][]float64{}
	err := p.hold(ctx, cases.Of(sets), func(c *contest) error {
		rates := map[string]*contestant{}
		for i := range c.rows {
			rates[c.rows[i].Impl] = &c.rows[i]
		}
		if rates[a] == nil || rates[b] == nil {
			return badUsage("%s/%s has no row for one of %s and %s; choose others by -filter", c.group.Kernel, c.group.Name, a, b)
		}
		d := fight(rates[a].rates(c.group), rates[b].rates(c.group))
		key := c.group.Kernel + " " + c.group.DType
		if ratios[key] == nil {
			order = append(order, key)
		}
		ratios[key] = append(ratios[key], d.ratio)
		_, err := fmt.Fprintf(stdout, columns, c.group.Kernel+"/"+c.group.Name,
			summary(rates[a].rates(c.group)), summary(rates[b].rates(c.group)), fmt.Sprintf("%.3f", d.ratio),
			fmt.Sprintf("%.3f…%.3f", d.low, d.high), d.winner(a, b)+verdict(d.ratio, *each))
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range order {
		m := geomean(ratios[key])
		fmt.Fprintf(stdout, columns, "geometric mean, "+key, "", "", fmt.Sprintf("%.3f", m), "", strings.TrimPrefix(verdict(m, *mean), ", "))
	}
	if failed > 0 {
		return fmt.Errorf("%s against %s: %d below the bar", a, b, failed)
	}
	return nil
}

// A duel is the median of A/B over the rounds with its confidence interval.
type duel struct{ ratio, low, high float64 }

// fight pairs the rates of each round: what slowed the machine slowed both.
func fight(a, b []float64) duel {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	m := median(ratios)
	return duel{m.Center, m.Lo, m.Hi}
}

// winner names the faster row, or neither if the interval holds 1.
func (d duel) winner(a, b string) string {
	switch {
	case d.low > 1:
		return a
	case d.high < 1:
		return b
	}
	return "neither"
}
