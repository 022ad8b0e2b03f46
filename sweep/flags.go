package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"time"

	"fusegrid"
	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/kernels"
	"fusegrid/nn/train"
	"fusegrid/search"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
)

// options are the values of the flags of a sweep.
type options struct {
	search.Config // without the data
	net, rule     string
	data          string // the folder of the data, builtIn, or "" to look for the data
	top           int
	dryRun        bool
	fresh         bool
	quiet         bool
	notes         []string // messages for the start
	args          []string // the arguments, for the command that resumes the sweep
}

// axisFlags adds the flags of the axes, and returns the lists that the user gives, by axis. A flag may be
// given once, because a second list would silently replace the first.
func axisFlags(fs *flag.FlagSet, axes grid.Axes) (given map[string]string) {
	given = map[string]string{}
	for _, a := range axes {
		fs.Func(a.Name, "", func(list string) error {
			if _, twice := given[a.Name]; twice {
				return errors.New("the flag is given twice; write one list, separated by commas")
			}
			given[a.Name] = list
			return nil
		})
	}
	return given
}

var errEmpty = errors.New("it is empty")

// text returns a function that sets a flag to a text that is not empty.
func text(dst *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errEmpty
		}
		*dst = s
		return nil
	}
}

// choice returns a function that sets a flag to one of the words.
func choice(dst *string, words ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("the choices are %s%s", and(words), cli.DidYouMean(s, words))
		}
		*dst = s
		return nil
	}
}

// whole returns a function that sets a flag to a whole number within bounds. Other values have the error remedy.
func whole(dst *int, least, most int, remedy string) func(string) error {
	return func(s string) error {
		v, err := strconv.Atoi(s)
		if err != nil || v < least || v > most {
			return errors.New(remedy)
		}
		*dst = v
		return nil
	}
}

// best returns a function that sets a flag to a number of trials, or to the number all.
func best(dst *int, all int, remedy string) func(string) error {
	return func(s string) error {
		if s == "all" {
			*dst = all
			return nil
		}
		return whole(dst, 0, math.MaxInt, remedy)(s)
	}
}

// maxSeconds bounds -checkpoint so that it is a duration.
const maxSeconds = 1e6

func parseOptions(args []string) (*options, error) {
	o := &options{net: "two-layer", rule: "sgd", top: 20, args: args}
	o.DType, o.Workers, o.Checkpoint = "f32", runtime.GOMAXPROCS(0), time.Minute
	fs := cli.NewFlags("sweep")
	given := axisFlags(fs, grid.Standard())
	var impl, fuse string
	o.trainingFlags(fs, &impl, &fuse)
	o.outputFlags(fs)
	fs.Func("halving", "", o.stopRule(halving.ParseHalving))
	fs.Func("stop", "", o.stopRule(halving.ParseStop))
	if err := parse(fs, args); err != nil {
		return nil, err
	}
	if fuse == "off" {
		if o.Block > 1 {
			return nil, badInput{fmt.Errorf("-fuse off trains each point alone; omit -block %d", o.Block)}
		}
		o.Block = 1
	}
	if o.Division == "true" && o.net == "fc" {
		return nil, badInput{errors.New("-division true is for the two-layer net; the Solver of -net fc rounds the quotient down")}
	}
	var err error
	if o.Kernels, err = pickSet(impl); err != nil {
		return nil, err
	}
	lists := grid.Setting{Net: o.net, Rule: o.rule, Given: given, Prefix: "-"}
	if o.Grid, err = grid.Standard().Parse(lists); err != nil {
		return nil, badInput{err}
	}
	o.notes = grid.Standard().Notes(lists)
	if text := crowd(o.Workers); text != "" {
		o.notes = append(o.notes, text)
	}
	return o, nil
}

// stopRule returns a function that sets the stop rule, which may be given once.
func (o *options) stopRule(parse func(string) (*halving.Rule, error)) func(string) error {
	return func(s string) (err error) {
		if s == "" {
			return errEmpty
		}
		if o.Halving != nil {
			return errors.New("a sweep has one stop rule; give -halving or -stop, once")
		}
		o.Halving, err = parse(s)
		return err
	}
}

// crowd returns a message if there are more workers than cores.
func crowd(workers int) string {
	if cores := runtime.GOMAXPROCS(0); workers > cores {
		return fmt.Sprintf("-workers %d: there is no gain beyond the %s of this process", workers, say.Plural(cores, "core"))
	}
	return ""
}

// trainingFlags adds the flags of the training.
func (o *options) trainingFlags(fs *flag.FlagSet, impl, fuse *string) {
	fs.Func("net", "", choice(&o.net, "two-layer", "fc"))
	fs.Func("dtype", "", choice(&o.DType, search.Types()...))
	fs.Func("rule", "", choice(&o.rule, ruleNames()...))
	fs.Func("division", "", func(s string) error {
		err := choice(&o.Division, "floor", "true")(s)
		if err != nil {
			err = fmt.Errorf("%w; floor divides as in Python 2, true as in Python 3", err)
		}
		return err
	})
	fs.Func("order", "", func(s string) error {
		seed, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return fmt.Errorf("give one seed, a whole number from 0 to %d", uint32(math.MaxUint32))
		}
		order := uint32(seed)
		o.Order = &order
		return nil
	})
	fs.Func("fuse", "", choice(fuse, "on", "off"))
	fs.Func("block", "", whole(&o.Block, 0, grid.MaxPoints, "give the maximum number of trials in a block, or omit the flag for as many as fit the cache"))
	fs.Func("impl", "", text(impl))
	fs.Func("workers", "", whole(&o.Workers, 1, search.MaxWorkers, fmt.Sprintf("give a number from 1 to %d, or omit the flag for one per core", search.MaxWorkers)))
	fs.Func("data", "", text(&o.data))
}

// ruleNames returns the names of the update rules.
func ruleNames() []string {
	var names []string
	for _, r := range train.Rules() {
		names = append(names, r.String())
	}
	return names
}

// outputFlags adds the flags of the output.
func (o *options) outputFlags(fs *flag.FlagSet) {
	fs.Func("out", "", text(&o.Dir))
	fs.Func("top", "", whole(&o.top, 0, math.MaxInt, "give a number of rows, or 0 for all"))
	fs.BoolVar(&o.fresh, "fresh", false, "")
	fs.Func("checkpoint", "", func(s string) error {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v >= 0 && v <= maxSeconds) {
			return fmt.Errorf("give the seconds between two checkpoints, at most %.0f, or 0 to save them only at Ctrl-C", maxSeconds)
		}
		o.Checkpoint = time.Duration(v * float64(time.Second))
		return nil
	})
	fs.Func("keep", "", best(&o.Weights, math.MaxInt, "give the number of best nets whose weights to keep, or all"))
	fs.Func("states", "", best(&o.States, folder.EveryTrial, "give the number of best trials whose states to keep, or all"))
	fs.BoolVar(&o.dryRun, "dry-run", false, "")
	fs.BoolVar(&o.quiet, "quiet", false, "")
}

// pickSet returns the kernel set of that name, or the best one.
func pickSet(name string) (set *kernels.Set, err error) {
	if name == "" {
		set, err = fusegrid.Best()
	} else if set, err = fusegrid.ByName(name); err != nil {
		err = fmt.Errorf("-impl: %w", err)
	}
	if err != nil {
		return nil, badInput{err}
	}
	return set, nil
}
