package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/perf/benchunit"
	"gonum.org/v1/gonum/stat"

	"fusegrid"
	"fusegrid/bench/cases"
	"fusegrid/bench/peers"
	"fusegrid/kernels"
)

var peersCommand = command{
	name: "peers", args: "SET", least: 1, most: 1,
	short: "measure a kernel set against other libraries",
	long: `
bench peers measures the matrix products of a kernel set and of OpenBLAS,
oneDNN, libxsmm and BLIS in interleaved rounds, each with one thread. The
libraries are C programs, which bench compiles and runs. A library that is not
installed is left out, with a line that names its package.

The columns are rates in FLOP/s, medians over the rounds. The last two columns
are the rate of the set divided by the rate of the fastest library at that
shape: by medians, and by the best round of each. The command fails if a median
is below the limit of -each, or a geometric mean below that of -geomean.

  bench peers -clock cpu avx512
  bench peers -clock cpu -vectors avx2 avx2
`,
	setup: func(f *flag.FlagSet) action {
		var r race
		r.plan.flags(f, ".name:Gemm")
		f.StringVar(&r.vectors, "vectors", "", "`vectors` that the libraries may use: avx512 or avx2 (default the\nwidest of this CPU)")
		f.Float64Var(&r.each, "each", 0, "fail if the ratio of medians is below this `ratio` for any product")
		f.Float64Var(&r.mean, "geomean", 0, "fail if the geometric mean of the ratios of one type is below this\n`ratio`")
		return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
			if err := r.plan.check(); err != nil {
				return err
			}
			switch widest := peers.Widest(); peers.Vectors(r.vectors) {
			case "":
				r.vectors = string(widest)
			case peers.AVX2:
			case peers.AVX512:
				if widest != peers.AVX512 {
					return badUsage("-vectors avx512: this CPU lacks AVX-512; omit -vectors")
				}
			default:
				return badUsage("-vectors %q: want avx512 or avx2", r.vectors)
			}
			if !(r.each >= 0 && r.mean >= 0) {
				return badUsage("-each %g -geomean %g: want ratios of 0 or more", r.each, r.mean)
			}
			set, err := fusegrid.ByName(args[0])
			if err != nil {
				return badUsage("%w", err)
			}
			return r.run(ctx, set, stdout, stderr)
		}
	},
}

// A race holds the settings of bench peers.
type race struct {
	plan       plan
	vectors    string
	each, mean float64
}

func (r race) run(ctx context.Context, set *kernels.Set, stdout, stderr io.Writer) error {
	groups := cases.Gemm([]*kernels.Set{set})
	contests, err := r.plan.choose(groups)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(contests, func(c *contest) bool { return c.row(set.Name) == nil }) {
		return badUsage("-filter %q leaves out %s; do not filter by /impl", r.plan.filter, set.Name)
	}
	rivals := startPeers(ctx, peers.Vectors(r.vectors), stderr)
	defer closePeers(rivals)
	if len(rivals) == 0 {
		return fmt.Errorf("no library runs on this machine")
	}
	for _, l := range append(cases.Machine([]*kernels.Set{set}), cases.Line{Key: "clock", Value: r.plan.clock}) {
		fmt.Fprintf(stdout, "%s: %s\n", l.Key, l.Value)
	}
	line := func(label string, rates []string, median, best string) {
		text := fmt.Sprintf("%-21s", strings.TrimPrefix(label, "Gemm "))
		for _, rate := range rates {
			text += fmt.Sprintf(" %8s", rate)
		}
		fmt.Fprintf(stdout, "%s %6s %6s\n", text, median, best)
	}
	names := []string{shortName(set.Name)}
	for _, p := range rivals {
		fmt.Fprintf(stdout, "%s: %s\n", p.Row(), p.Detail)
		names = append(names, shortName(p.Name))
	}
	fmt.Fprintln(stdout)
	line("FLOP/s on one core", names, "median", "best")

	var titles list
	medians, bests, failed := map[string][]float64{}, map[string][]float64{}, 0
	verdict := func(ratio, bar float64) {
		if ratio < bar {
			failed++
			fmt.Fprintf(stdout, "  below the bar of %g\n", bar)
		}
	}
	err = r.plan.hold(ctx, withPeers(groups, rivals), func(c *contest) error {
		own := c.row(set.Name).rates(c.group)
		rates := []string{benchunit.Scale(median(own).Center, benchunit.Decimal)}
		middle, top := 0.0, 0.0
		for _, p := range rivals {
			row := c.row(p.Row())
			if row == nil {
				rates = append(rates, "-")
				continue
			}
			theirs := row.rates(c.group)
			m := median(theirs).Center
			rates = append(rates, benchunit.Scale(m, benchunit.Decimal))
			middle, top = max(middle, m), max(top, slices.Max(theirs))
		}
		if middle == 0 {
			return nil // no library has this type
		}
		m, b := median(own).Center/middle, slices.Max(own)/top
		t := c.title()
		titles.add(t)
		medians[t], bests[t] = append(medians[t], m), append(bests[t], b)
		line(c.label(), rates, digits(m), digits(b))
		verdict(m, r.each)
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range titles.texts {
		fmt.Fprintln(stdout)
		blank := make([]string, len(names))
		line(t+" geometric mean", blank, digits(stat.GeometricMean(medians[t], nil)), digits(stat.GeometricMean(bests[t], nil)))
		line(t+" least", blank, digits(slices.Min(medians[t])), digits(slices.Min(bests[t])))
		verdict(stat.GeometricMean(medians[t], nil), r.mean)
	}
	if failed > 0 {
		return fmt.Errorf("%s against libraries: %d below the bar", set.Name, failed)
	}
	return nil
}

// shortName fits a column of eight characters.
func shortName(name string) string { return name[:min(len(name), 8)] }

// startPeers starts the libraries of this machine and prints a line for each that it leaves out.
func startPeers(ctx context.Context, v peers.Vectors, stderr io.Writer) []*peers.Peer {
	var started []*peers.Peer
	for _, lib := range peers.Libraries {
		p, err := peers.Start(ctx, lib, v)
		if err != nil {
			fmt.Fprintf(stderr, "NOT MEASURED: %v\n", err)
			continue
		}
		started = append(started, p)
	}
	return started
}

func closePeers(rivals []*peers.Peer) {
	for _, p := range rivals {
		p.Close()
	}
}

// withPeers adds a row for each library to the groups of products.
func withPeers(groups []cases.Group, rivals []*peers.Peer) []cases.Group {
	groups = slices.Clone(groups)
	for i := range groups {
		g := &groups[i]
		var able []*peers.Peer
		if g.Kernel == "Gemm" {
			for _, p := range rivals {
				if p.F64 || g.Product.DType == "f32" {
					able = append(able, p)
				}
			}
		}
		g.Impls = slices.Clone(g.Impls)
		for _, p := range able {
			g.Impls = append(g.Impls, p.Row())
		}
		rows := g.Rows
		g.Rows = func() []cases.Row {
			all := rows()
			for _, p := range able {
				all = append(all, peerRow(p, g.Product, all[0].Peak))
			}
			return all
		}
	}
	return groups
}

// peerRow returns the row of a library. The first measurement prepares the product.
func peerRow(p *peers.Peer, of cases.Product, peak func(time.Duration) float64) cases.Row {
	prepared := false
	return cases.Row{
		Impl: p.Row(),
		Peak: peak,
		Time: func(clock string, calls int) (time.Duration, error) {
			if !prepared {
				if err := p.Prepare(of.DType, of.Op, of.M, of.K, of.N); err != nil {
					return 0, err
				}
				prepared = true
			}
			return p.Time(clock, calls)
		},
	}
}
