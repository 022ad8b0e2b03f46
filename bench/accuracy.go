package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"fusegrid"
	"fusegrid/internal/atomicfile"
	"fusegrid/internal/cli"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/grid"
)

var accuracyCommand = command{
	name:  "accuracy",
	short: "compare accuracies of two types",
	long: `
bench accuracy trains pairs of nets with the same configuration and seed, one
in f32 and one in the type -dtype, and compares the validation accuracies of
the final nets. It prints the mean difference of each configuration with its
99.6% confidence interval, and that of all pairs with its 95% interval.

The command fails if the interval of all pairs is not within ±0.004, or if that
of a configuration is wholly below −0.005. More seeds narrow the intervals.
Records are kept in -dir, so a second run trains only what is not on record.
`,
	setup: func(f *flag.FlagSet) action {
		a := accuracy{configs: accuracyConfigs, splits: map[dataset.Order]*dataset.Split{}}
		data := f.String("data", "", "`folder` with CIFAR-10, or \"synthetic\" for the built-in set\n(default: FUSEGRID_DATA, else fetched data)")
		impl := f.String("impl", "", "kernel `set` (default: the fastest)")
		out := f.String("o", "", "write the table as Markdown to this `file`, too")
		f.StringVar(&a.dtype, "dtype", "bfp16", "`type` to compare with f32: bfp16, bfp16d8 or f64\n")
		f.StringVar(&a.dir, "dir", "accuracy", "`folder` for the records")
		f.IntVar(&a.seeds, "seeds", 10, "number of pairs of each configuration\n")
		f.IntVar(&a.iters, "iters", 1500, "iterations of a two-layer net\n")
		f.IntVar(&a.workers, "workers", 0, "cores to use (default: all)")
		return func(ctx context.Context, _ []string, stdout, stderr io.Writer) (err error) {
			switch {
			case a.seeds < 2:
				return badUsage("-seeds %d: want 2 or more; the spread of one difference is unknown", a.seeds)
			case a.iters < 1:
				return badUsage("-iters %d: want 1 or more", a.iters)
			case a.workers < 0:
				return badUsage("-workers %d: want 0 or more", a.workers)
			}
			if types := search.Types(); a.dtype == "f32" || !slices.Contains(types, a.dtype) {
				return badUsage("-dtype %q: the choices are bfp16, bfp16d8 and f64%s", a.dtype, cli.DidYouMean(a.dtype, types))
			}
			if a.set, err = kernelSet(*impl); err != nil {
				return badUsage("%w", err)
			}
			if _, err = fusegrid.ForType(a.set, a.dtype); err != nil {
				return badUsage("%w", err)
			}
			if a.data, err = images(*data); err != nil {
				return badUsage("%w", err)
			}
			return a.run(ctx, *out, stdout, stderr)
		}
	},
}

// An accuracyConfig is a configuration whose accuracies are compared.
type accuracyConfig struct {
	title, net, rule string
	values           map[string]string // of axes of the grid
}

// accuracyConfigs has the course's nets, and more that are trained faster or with more units.
var accuracyConfigs = []accuracyConfig{
	{"lr 1e-3, reg 0.25", "two-layer", "sgd", map[string]string{"lr": "1e-3", "reg": "0.25"}},
	{"lr 1e-3, reg 0.5", "two-layer", "sgd", map[string]string{"lr": "1e-3", "reg": "0.5"}},
	{"lr 1e-3, reg 0.89", "two-layer", "sgd", map[string]string{"lr": "1e-3", "reg": "0.89"}},
	{"lr 2.5e-3, reg 0.25", "two-layer", "sgd", map[string]string{"lr": "2.5e-3", "reg": "0.25"}},
	{"momentum, lr 5e-4, reg 0.25", "two-layer", "momentum", map[string]string{"lr": "5e-4", "reg": "0.25"}},
	{"hidden 200, lr 1e-3, reg 0.5", "two-layer", "sgd", map[string]string{"hidden": "200", "lr": "1e-3", "reg": "0.5"}},
	{"fc 100x100, lr 3e-3", "fc", "sgd", map[string]string{"hidden": "100x100", "lr": "3e-3", "std": "1e-2", "epochs": "4"}},
}

// An accuracy holds the settings of bench accuracy.
type accuracy struct {
	configs               []accuracyConfig
	data                  *dataset.Dataset
	splits                map[dataset.Order]*dataset.Split // of data, as far as they were needed
	set                   *kernels.Set
	dtype, dir            string // the type under test; the folder for records
	seeds, iters, workers int
}

// The rule that the type under test must pass.
const (
	poolLevel, poolBound     = 0.95, 0.004
	configLevel, configBound = 0.996, -0.005
)

// An interval is a mean difference with its confidence interval.
type interval struct {
	n                         int
	mean, deviation, lo, high float64
}

// intervalOf returns the interval of Student's t for differences.
func intervalOf(differences []float64, level float64) interval {
	n := float64(len(differences))
	mean, deviation := stat.MeanStdDev(differences, nil)
	half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1+level)/2) * deviation / math.Sqrt(n)
	return interval{len(differences), mean, deviation, mean - half, mean + half}
}

// A comparison has the accuracies of one configuration, seed by seed.
type comparison struct {
	title string
	vals  [2][]float64 // of f32, and of the type under test
}

func (c comparison) differences() []float64 {
	d := slices.Clone(c.vals[1])
	for i := range d {
		d[i] -= c.vals[0][i]
	}
	return d
}

// run trains all pairs, and shows the table.
func (a accuracy) run(ctx context.Context, out string, stdout, stderr io.Writer) error {
	var all []comparison
	for _, c := range a.configs {
		pair := comparison{title: c.title}
		for i, dtype := range []string{"f32", a.dtype} {
			fmt.Fprintf(stderr, "%s, %s, %d seeds\n", c.title, dtype, a.seeds)
			var err error
			if pair.vals[i], err = a.train(ctx, c, dtype, stderr); err != nil {
				return err
			}
		}
		all = append(all, pair)
	}
	text, verdict := accuracyTable(a.dtype, all)
	if _, err := stdout.Write(text); err != nil {
		return err
	}
	if out != "" {
		head := fmt.Sprintf("<!-- Made by `go run ./bench accuracy -dtype %s -seeds %d`. -->\n\n# Accuracy of %s\n\n", a.dtype, a.seeds, a.dtype)
		err := atomicfile.Write(out, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s```text\n%s```\n", head, text)
			return err
		})
		if err != nil {
			return err
		}
	}
	return verdict
}

// train trains a configuration with all seeds that are not on record, and returns the final validation accuracies.
func (a accuracy) train(ctx context.Context, c accuracyConfig, dtype string, progress io.Writer) ([]float64, error) {
	values := maps.Clone(c.values)
	values["seed"] = fmt.Sprintf("0..%d", a.seeds-1)
	order := dataset.HWC
	if c.net == "fc" {
		order = dataset.CHW
	} else {
		values["iters"] = fmt.Sprint(a.iters)
	}
	points, err := grid.Standard().Parse(grid.Setting{Net: c.net, Rule: c.rule, Given: values})
	if err != nil {
		return nil, err
	}
	split := a.splits[order]
	if split == nil {
		if split, err = a.data.DefaultSplit(order); err != nil {
			return nil, err
		}
		a.splits[order] = split
	}
	sweep, err := search.Run(ctx, search.Config{
		Grid: points, Data: split, Kernels: a.set, DType: dtype, Workers: a.workers, Progress: progress,
		Dir: filepath.Join(a.dir, c.net+"-"+dtype),
	})
	if errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("%w; the same command resumes the training", err)
	} else if err != nil {
		return nil, err
	}
	slices.SortFunc(sweep.Records, func(a, b results.Record) int { return cmp.Compare(a.Config.Seed, b.Config.Seed) })
	vals := make([]float64, a.seeds)
	for i := range vals {
		r := &sweep.Records[i]
		if r.Val() == nil {
			return nil, fmt.Errorf("%s with %s and seed %d has no accuracy: %s %s", c.title, dtype, r.Config.Seed, r.State, r.Error)
		}
		vals[i] = *r.Val()
	}
	return vals, nil
}

// accuracyTable returns the table, and an error if the rule does not hold.
func accuracyTable(dtype string, all []comparison) (text []byte, verdict error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Validation accuracy: mean and deviation (sd) of f32, and of %s minus f32.\n\n", dtype)
	const columns = "%-28s %5s %6s %6s %7s %6s  %s\n"
	fmt.Fprintf(&b, columns, "", "pairs", "f32", "sd", "diff", "sd", "99.6% interval")
	var pool []float64
	for _, c := range all {
		d := c.differences()
		pool = append(pool, d...)
		mean, deviation := stat.MeanStdDev(c.vals[0], nil)
		i := intervalOf(d, configLevel)
		fmt.Fprintf(&b, columns, c.title, fmt.Sprint(i.n), fmt.Sprintf("%.4f", mean), fmt.Sprintf("%.4f", deviation),
			fmt.Sprintf("%+.4f", i.mean), fmt.Sprintf("%.4f", i.deviation), i)
		if i.high < configBound {
			verdict = cmp.Or(verdict, fmt.Errorf("%s: the interval %v is wholly below %v", c.title, i, configBound))
		}
	}
	i := intervalOf(pool, poolLevel)
	fmt.Fprintf(&b, columns, "all, with a 95% interval", fmt.Sprint(i.n), "", "", fmt.Sprintf("%+.4f", i.mean), fmt.Sprintf("%.4f", i.deviation), i)
	if !(i.lo > -poolBound && i.high < poolBound) {
		verdict = cmp.Or(verdict, fmt.Errorf("the interval of all pairs %v is not within ±%v; more -seeds narrow it", i, poolBound))
	}
	return b.Bytes(), verdict
}

func (i interval) String() string { return fmt.Sprintf("%+.4f…%+.4f", i.lo, i.high) }

// kernelSet returns the set of a name, or the best set if it is empty.
func kernelSet(name string) (*kernels.Set, error) {
	if name == "" {
		return fusegrid.Best()
	}
	return fusegrid.ByName(name)
}

// images returns the data set in a folder. If dir is empty, it looks for CIFAR-10.
func images(dir string) (*dataset.Dataset, error) {
	if dir == "synthetic" {
		return dataset.Synthetic(0), nil
	}
	if dir == "" {
		found, ok := dataset.Find()
		if !ok {
			return nil, errors.New("no CIFAR-10 here; sweep fetch gets it, and -data synthetic uses the built-in images")
		}
		dir = found
	}
	return dataset.Load(dir)
}
