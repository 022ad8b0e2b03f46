package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/perf/benchunit"
	"gonum.org/v1/gonum/stat"

	"fusegrid"
	"fusegrid/bench/cases"
	"fusegrid/kernels"
)

var duelCommand = command{
	name: "duel", args: "A B", least: 2, most: 2,
	short: "measure kernel set A against kernel set B",
	long: `
bench duel measures the speeds of the kernel sets A and B in interleaved rounds.
It prints the median over the rounds of A/B, the speed of A divided by the speed
of B, with its confidence interval (CI). Each round measures both sets, so a
slowdown of the machine affects both. The command fails if a ratio is below the
limit of -each or -geomean.

  bench duel -filter '.name:Gemm /dtype:f32' avx512 openblas
`,
	setup: func(f *flag.FlagSet) action {
		var d duels
		d.plan.flags(f, ".name:Gemm")
		f.Float64Var(&d.each, "each", 0, "fail if A/B is below this `ratio` for any benchmark")
		f.Float64Var(&d.mean, "geomean", 0, "fail if the geometric mean of A/B over the benchmarks of one\nkernel and type is below this `ratio`")
		return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
			if err := d.plan.check(); err != nil {
				return err
			}
			if n := d.plan.rounds; n < leastRounds {
				return badUsage("-n %d: want at least %d rounds; fewer give no %.0f%% confidence interval", n, leastRounds, 100*confidence)
			}
			if !(d.each >= 0 && d.mean >= 0) {
				return badUsage("-each %g -geomean %g: want ratios of 0 or more", d.each, d.mean)
			}
			var sets []*kernels.Set
			for _, name := range args {
				set, err := fusegrid.ByName(name)
				if err != nil {
					return badUsage("%w", err)
				}
				sets = append(sets, set)
			}
			if sets[0].Name == sets[1].Name {
				return badUsage("%s against itself; name two different kernel sets", sets[0].Name)
			}
			return d.run(ctx, sets, stdout)
		}
	},
}

// A duels holds the settings of bench duel.
type duels struct {
	plan       plan
	each, mean float64 // least ratios that pass, for one benchmark and for a geometric mean
}

// run measures two kernel sets in turns, prints the ratio of their rates and returns an
// error if a ratio is below its bar.
func (d duels) run(ctx context.Context, sets []*kernels.Set, stdout io.Writer) error {
	a, b := sets[0].Name, sets[1].Name
	groups := cases.Of(sets)
	contests, err := d.plan.choose(groups)
	if err != nil {
		return err
	}
	for _, c := range contests {
		if c.row(a) == nil || c.row(b) == nil {
			return badUsage("-filter %q selects %s/%s, which is not measured for both %s and %s", d.plan.filter, c.group.Kernel, c.group.Name, a, b)
		}
	}
	for _, l := range append(cases.Machine(sets), cases.Line{Key: "clock", Value: d.plan.clock}) {
		fmt.Fprintf(stdout, "%s: %s\n", l.Key, l.Value)
	}
	weakA := weakness(a, sets[0].Detail).against(sets[1])
	weakB := weakness(b, sets[1].Detail).against(sets[0])
	weak := weakA.String() + weakB.String() // at most one of them is OpenBLAS

	line := func(cells ...any) {
		fmt.Fprintln(stdout, strings.TrimRight(fmt.Sprintf(duelColumns, cells...), " "))
	}
	failed := 0
	verdict := func(ratio, bar float64) {
		if ratio < bar {
			failed++
			fmt.Fprintf(stdout, "  below the bar of %g\n", bar)
		}
	}
	unit := ""
	var means list
	ratios := map[string][]float64{}
	err = d.plan.hold(ctx, groups, func(c *contest) error {
		rateA, rateB := c.row(a).rates(c.group), c.row(b).rates(c.group)
		if c.group.Unit != unit {
			unit = c.group.Unit
			fmt.Fprintln(stdout)
			line(unit+"/s on one core", a, b, "A/B", fmt.Sprintf("%.0f%% CI", 100*confidence), "faster")
			if weak != "" {
				width := 39 // right edge of column A
				if weakB != (core{}) {
					width += 13
				}
				fmt.Fprintf(stdout, "%*s\n", width, weak)
			}
		}
		f := fight(rateA, rateB)
		means.add(c.title())
		ratios[c.title()] = append(ratios[c.title()], f.ratio)
		line(c.label(), summary(rateA, benchunit.Decimal), summary(rateB, benchunit.Decimal),
			digits(f.ratio), digits(f.low)+"…"+digits(f.high), f.winner(a, b))
		verdict(f.ratio, d.each)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "\ngeometric means")
	for _, key := range means.texts {
		m := stat.GeometricMean(ratios[key], nil)
		line(key, "", weak, digits(m), "", "")
		verdict(m, d.mean)
	}
	for _, c := range []core{weakA, weakB} {
		if c != (core{}) {
			fmt.Fprintf(stdout, "\n%s\n", narrow(fmt.Sprintf("openblas ran its %s kernels (%s).", c.name, c.remark)))
		}
	}
	if failed > 0 {
		against := ""
		if weak != "" {
			against = " (openblas ran as " + weak + ")"
		}
		return fmt.Errorf("%s against %s%s: %d below the bar", a, b, against, failed)
	}
	return nil
}

// duelColumns is the format of a line: benchmark, A, B, A/B, its interval, the faster set.
const duelColumns = "%-26s %12s %12s %5s %-11s %s"

// digits formats x with four digits in five characters: "0.979", "1.056", "12.46".
func digits(x float64) string {
	switch {
	case x < 9.9995:
		return fmt.Sprintf("%.3f", x)
	case x < 99.995:
		return fmt.Sprintf("%.2f", x)
	case x < 999.95:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// A core is the CPU model whose kernels OpenBLAS uses, if the CPU can run faster kernels. The
// remark says why.
type core struct{ name, remark string }

// openblasDetail matches the detail of the set openblas: version, core, threads and a remark. The
// remark is present if the core has narrower vectors than the CPU, even if the user chose it.
var openblasDetail = regexp.MustCompile(`^\S+ (\S{1,32}) threads=\d+ \((.*this CPU can run .+)\)$`)

// weakness returns the core of a kernel set if the CPU can run faster kernels. Otherwise it returns
// the zero core.
func weakness(set, detail string) core {
	if m := openblasDetail.FindStringSubmatch(detail); m != nil && set == "openblas" {
		return core{m[1], m[2]}
	}
	return core{}
}

// against returns the zero core if the opponent has vectors of the same width, which means that
// both use AVX2 and no wider vectors. Otherwise it returns c.
func (c core) against(opponent *kernels.Set) core {
	wider := slices.ContainsFunc(opponent.Features, func(f string) bool { return strings.HasPrefix(f, "AVX512") })
	if slices.Contains(opponent.Features, "AVX2") && !wider && (c.name == "Haswell" || c.name == "Zen") {
		return core{}
	}
	return c
}

// String returns "weak Haswell", for example, or "" for the zero core.
func (c core) String() string {
	if c == (core{}) {
		return ""
	}
	return "weak " + c.name
}

// A duel is the median of A/B over the rounds with its confidence interval.
type duel struct{ ratio, low, high float64 }

// fight returns the result for the rates of a and b. It compares the rates of each round, because a
// slowdown of the machine affects both.
func fight(a, b []float64) duel {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	m := median(ratios)
	return duel{m.Center, m.Lo, m.Hi}
}

// winner returns the name of the faster row, or "neither" if the interval contains 1.
func (d duel) winner(a, b string) string {
	switch {
	case d.low > 1:
		return a
	case d.high < 1:
		return b
	}
	return "neither"
}
