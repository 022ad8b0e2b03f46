package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"fusegrid"
	"fusegrid/internal/atomicfile"
	"fusegrid/internal/cli"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/search"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
)

var accuracyCommand = command{
	name:  "accuracy",
	short: "compare accuracies of two types",
	long: `
bench accuracy trains pairs of nets with the same configuration and seed, one
with type f32 and one with -dtype. It compares the validation accuracies of the
final nets, and prints the mean difference of each configuration with its 99.6%
confidence interval, and that of all pairs with its 95% interval.

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
		f.IntVar(&a.seeds, "seeds", 10, "`number` of pairs of each configuration")
		f.IntVar(&a.iters, "iters", 1500, "`number` of iterations of a two-layer net")
		f.IntVar(&a.workers, "workers", 0, "`number` of cores to use (default: all)")
		return func(ctx context.Context, _ []string, stdout, stderr io.Writer) (err error) {
			switch {
			case a.dtype == "f32" || !slices.Contains(search.Types(), a.dtype):
				return badUsage("-dtype %q: want bfp16, bfp16d8 or f64", a.dtype)
			case a.seeds < 2 || a.seeds > grid.MaxPoints:
				return badUsage("-seeds %d: want 2 to %d; one pair has no spread", a.seeds, grid.MaxPoints)
			case a.iters < 1:
				return badUsage("-iters %d: want 1 or more", a.iters)
			case a.workers < 0:
				return badUsage("-workers %d: want 0 or more", a.workers)
			}
			if a.set, err = kernelSet(*impl); err != nil {
				return badUsage("%w", err)
			}
			if _, err = fusegrid.ForType(a.set, a.dtype); err != nil {
				return badUsage("%w", err)
			}
			if *out != "" {
				if err := makeFolder(*out); err != nil {
					return err
				}
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
	dtype, dir            string // the type under test; the folder of the output folders
	seeds, iters, workers int
}

// The rule that the type under test must pass: the interval of all pairs is within ±poolBound, and no
// interval of a configuration is wholly below configBound.
const (
	poolLevel, poolBound     = 0.95, 0.004
	configLevel, configBound = 0.996, -0.005
)

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
	data, err := a.split(dataset.HWC)
	if err != nil {
		return err
	}
	for _, note := range data.Notes {
		fmt.Fprintln(stderr, note)
	}
	var all []comparison
	for _, c := range a.configs {
		pair := comparison{title: c.title}
		for i, dtype := range []string{"f32", a.dtype} {
			if pair.vals[i], err = a.train(ctx, c, dtype, stderr); err != nil {
				return err
			}
		}
		all = append(all, pair)
	}
	text, verdict := accuracyTable(all, a.dtype)
	if _, err := stdout.Write(text); err != nil {
		return err
	}
	if out != "" {
		page := fmt.Sprintf("<!-- Made by `go run ./bench accuracy -dtype %s -seeds %d -iters %d`. -->\n\n# Accuracy of %s\n\n"+
			"The images are from %s (%.8s). The numeric class of f32 is %s.\n\n```text\n%s```\n",
			a.dtype, a.seeds, a.iters, a.dtype, data.Name, data.Hash, a.set.Class, text)
		if err := atomicfile.Write(out, func(w io.Writer) error { _, err := io.WriteString(w, page); return err }); err != nil {
			return err
		}
	}
	return verdict
}

// split returns the images in a pixel order.
func (a accuracy) split(order dataset.Order) (*dataset.Split, error) {
	if s := a.splits[order]; s != nil {
		return s, nil
	}
	s, err := a.data.DefaultSplit(order)
	if err != nil {
		return nil, usageError{err}
	}
	a.splits[order] = s
	return s, nil
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
		return nil, usageError{err}
	}
	split, err := a.split(order)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "%s, %s\n", c.title, dtype)
	sweep, err := search.Run(ctx, search.Study{
		Objective: search.Nets{Grid: points, Data: split, Kernels: a.set, DType: dtype}, Workers: a.workers, Progress: progress,
		Dir: filepath.Join(a.dir, c.net+"-"+dtype), Log: log.New(progress, "", 0),
	})
	var stopped *search.TrainError
	switch {
	case errors.As(err, new(folder.InputError)):
		return nil, usageError{err}
	case errors.Is(err, context.Canceled) && errors.As(err, &stopped):
		return nil, fmt.Errorf("%w; %d of %d trials are on record; the same command resumes the training", context.Canceled, stopped.Recorded, stopped.Trials)
	case err != nil:
		return nil, fmt.Errorf("%w; the same command resumes the training", err)
	}
	vals := make([]float64, a.seeds)
	for i := range vals {
		r := &sweep.Records[i] // of seed i
		if r.Val() == nil {
			return nil, fmt.Errorf("%s with %s and seed %d has no accuracy: %s %s", c.title, dtype, r.Config.Seed, r.State, r.Error)
		}
		vals[i] = *r.Val()
	}
	return vals, nil
}

// accuracyTable returns the table with the verdict, and an error if the rule does not hold.
func accuracyTable(all []comparison, dtype string) (text []byte, err error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Validation accuracy: mean and deviation (sd) of f32, and of %s minus f32.\n\n", dtype)
	const columns = "%-28s %5d %6s %6s %+7.4f %6.4f  %s\n"
	fmt.Fprintf(&b, "%-28s %5s %6s %6s %7s %6s  %.4g%% interval\n", "", "pairs", "f32", "sd", "diff", "sd", 100*configLevel)
	var pool []float64
	var fails []string
	for _, c := range all {
		d := c.differences()
		pool = append(pool, d...)
		mean, deviation := stat.MeanStdDev(c.vals[0], nil)
		i := intervalOf(d, configLevel)
		fmt.Fprintf(&b, columns, c.title, i.n, fmt.Sprintf("%.4f", mean), fmt.Sprintf("%.4f", deviation), i.mean, i.deviation, i)
		if i.high < configBound {
			fails = append(fails, fmt.Sprintf("the interval of %q is wholly below %v", c.title, configBound))
		}
	}
	i := intervalOf(pool, poolLevel)
	fmt.Fprintf(&b, columns+"\n", fmt.Sprintf("all, with a %.4g%% interval", 100*poolLevel), i.n, "", "", i.mean, i.deviation, i)
	if len(fails) == 0 {
		fmt.Fprintf(&b, "holds: no interval of a configuration is wholly below %v\n", configBound)
	}
	within := fmt.Sprintf("within ±%v", poolBound)
	switch {
	case i.lo > -poolBound && i.high < poolBound:
		fmt.Fprintf(&b, "holds: the interval of all pairs is %s\n", within)
	case math.Abs(i.mean) < poolBound:
		fails = append(fails, fmt.Sprintf("the interval of all pairs is not %s; more -seeds narrow it", within))
	default:
		fails = append(fails, fmt.Sprintf("the mean of all pairs is not %s", within))
	}
	for _, f := range fails {
		fmt.Fprintf(&b, "fails: %s\n", f)
	}
	if fails != nil {
		err = errors.New(strings.Join(fails, "; "))
	}
	return b.Bytes(), err
}

// kernelSet returns the set of a name, or the best set if it is empty.
func kernelSet(name string) (*kernels.Set, error) {
	if name == "" {
		return fusegrid.Best()
	}
	return fusegrid.ByName(name)
}

// images returns the data set in a folder, or the built-in set. If dir is empty, it looks for CIFAR-10.
func images(dir string) (*dataset.Dataset, error) {
	const builtIn = "synthetic"
	if dir == builtIn {
		return dataset.Synthetic(0), nil
	}
	d, err := dataset.Open(dir, dataset.LoadOptions{})
	switch {
	case errors.Is(err, dataset.ErrNone):
		return nil, fmt.Errorf("%w; sweep fetch gets it, and -data %s uses the built-in images", err, builtIn)
	case errors.Is(err, fs.ErrNotExist) && dir != "":
		return nil, fmt.Errorf("%w%s", err, cli.DidYouMean(dir, []string{builtIn}))
	}
	return d, err
}
