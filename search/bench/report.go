package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/perf/benchmath"
)

// A study names the studies of a case and a sampler.
type study struct{ problem, sampler string }

// raw holds the best values of studies, and a line for each file that says how they were measured.
type raw struct {
	values map[study][]float64
	cases  []string
	how    []string
}

// readAll reads the raw results of a folder.
func readAll(folder string) (*raw, error) {
	r := &raw{values: map[study][]float64{}}
	for _, name := range []string{oursFile, theirsFile} {
		file := filepath.Join(folder, name)
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := r.add(text); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return r, nil
}

// add adds the raw results of a file.
func (r *raw) add(text []byte) error {
	rows, err := readCSV(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if got, want := strings.Join(rows[0], ","), "case,sampler,seed,value"; got != want {
		return fmt.Errorf("the header is %q, want %q", got, want)
	}
	for line := range strings.Lines(string(text)) {
		if how, ok := strings.CutPrefix(line, "# "); ok {
			r.how = append(r.how, strings.TrimSpace(how))
		}
	}
	for i, row := range rows[1:] {
		key := study{row[0], row[1]}
		seed := len(r.values[key])
		if row[2] != strconv.Itoa(seed) {
			return fmt.Errorf("row %d has seed %q, want %d; measure again", i+1, row[2], seed)
		}
		v, err := strconv.ParseFloat(row[3], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("row %d: the value %q is not a finite number", i+1, row[3])
		}
		if seed == 0 && row[1] == "tpe" {
			r.cases = append(r.cases, row[0])
		}
		r.values[key] = append(r.values[key], v)
	}
	return nil
}

// A duel is a case with our sampler and another one.
type duel struct {
	ours, theirs float64 // medians
	p            float64 // of the two-sided Mann-Whitney test
	passed       bool    // our median is no worse, or p is at least 0.05
}

func newDuel(ours, theirs []float64, maximize bool) duel {
	d := duel{ours: median(ours), theirs: median(theirs)}
	d.p = benchmath.AssumeNothing.Compare(sampleOf(ours), sampleOf(theirs)).P
	d.passed = d.ours == d.theirs || d.ours > d.theirs == maximize || d.p >= 0.05
	return d
}

func sampleOf(values []float64) *benchmath.Sample {
	return benchmath.NewSample(append([]float64(nil), values...), &benchmath.DefaultThresholds)
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile interpolates linearly between the order statistics, as NumPy does by default.
func quantile(values []float64, p float64) float64 {
	sorted := sampleOf(values).Values
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-2)
	if i < 0 {
		return sorted[0]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// rivals are the samplers with which tpe is compared.
func rivals() []string { return []string{"optuna-multivariate", "optuna", "random"} }

// report returns the tables of a folder of raw results.
func report(folder string) (string, error) {
	r, err := readAll(folder)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<!-- Made by %s from results/raw/samplers-*.csv -->

# Samplers

Each study has %d trials, one at a time. The table has the median of the best values of the studies, and their
quartiles. Smaller values of test functions are better, and larger accuracies of case cifar. The test functions
and their domains are in search/bench/functions.go. In case cifar, a point is four indices into the sorted values
of lr, reg, hidden and decay, for all samplers. The values are those of the recorded trials in
results/raw/samplers-cifar.csv. Optuna gets the accuracy 0 for trials that diverged. Column optuna-multivariate
is TPESampler with multivariate=True. Column optuna is TPESampler with its defaults.

`, "`go run ./search/bench`", trials)
	for _, how := range r.how {
		fmt.Fprintf(&b, "- %s\n", how)
	}
	if err := r.writeMedians(&b); err != nil {
		return "", err
	}
	r.writeDuels(&b)
	return b.String(), nil
}

// writeMedians writes a row for each case and a column for each sampler.
func (r *raw) writeMedians(b *strings.Builder) error {
	columns := append([]string{"tpe"}, rivals()...)
	fmt.Fprintf(b, "\n| case | studies | %s |\n|---|--:|%s\n", strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
	for _, c := range r.cases {
		n := len(r.values[study{c, "tpe"}])
		fmt.Fprintf(b, "| %s | %d |", c, n)
		for _, s := range columns {
			vs := r.values[study{c, s}]
			if len(vs) != n {
				return fmt.Errorf("case %s: sampler %s has %d studies, tpe has %d; measure again", c, s, len(vs), n)
			}
			fmt.Fprintf(b, " %s (%s…%s) |", short(median(vs)), short(quantile(vs, 0.25)), short(quantile(vs, 0.75)))
		}
		b.WriteString("\n")
	}
	return nil
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// writeDuels writes the comparisons of tpe with the other samplers.
func (r *raw) writeDuels(b *strings.Builder) {
	b.WriteString(`
The next table compares tpe with each of the other samplers. A cell has *better*, *equal* or *worse* by the median,
and the p of the two-sided Mann-Whitney test. A case passes if the median of tpe is no worse, or if p is at least
0.05.

| case |`)
	for _, s := range rivals() {
		fmt.Fprintf(b, " %s |", s)
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---|", len(rivals())))
	passed := make([]int, len(rivals()))
	for _, c := range r.cases {
		fmt.Fprintf(b, "| %s |", c)
		for i, s := range rivals() {
			d := r.duel(c, s)
			word := "worse"
			switch {
			case d.ours == d.theirs:
				word = "equal"
			case d.ours > d.theirs == (c == "cifar"):
				word = "better"
			}
			mark := "fails"
			if d.passed {
				mark = "passes"
				passed[i]++
			}
			fmt.Fprintf(b, " %s, p = %.2g, %s |", word, d.p, mark)
		}
		b.WriteString("\n")
	}
	b.WriteString("| passed |")
	for _, n := range passed {
		fmt.Fprintf(b, " %d of %d |", n, len(r.cases))
	}
	b.WriteString("\n")
}

func (r *raw) duel(problem, sampler string) duel {
	return newDuel(r.values[study{problem, "tpe"}], r.values[study{problem, sampler}], problem == "cifar")
}
