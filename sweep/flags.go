package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/nn/fused"
)

// options is what the flags of a sweep say.
type options struct {
	net, dtype string
	rule       string    // sgd, momentum or nesterov
	order      *uint32   // seed of the minibatches, if they have a stream of their own
	race       *stopRule // nil if all train to the end
	block      int       // trials of a block, 0 for the planner's choice
	set        *kernels.Set
	grid       *grid
	workers    int
	data, out  string
	top        int
	dryRun     bool
	fresh      bool
	checkpoint float64 // seconds between states of a block, 0 for none
	keep       int     // best trials whose weights are kept
	states     int     // best trials whose states are kept, or everyTrial
	quiet      bool
}

// errHelp asks for the help text.
var errHelp = flag.ErrHelp

// A once is a string flag that may be given once: a second list would silently
// replace the first.
type once struct {
	value *string
	given bool
}

func (o *once) String() string { return "" }

func (o *once) Set(s string) error {
	if o.given {
		return errors.New("it is given twice; write one list, separated by commas")
	}
	*o.value, o.given = s, true
	return nil
}

// newFlags returns a set that says nothing itself: parse returns what there is to say.
func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// parse reads flags and refuses other arguments. Its errors are one line.
func parse(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return errHelp
	case err != nil:
		text := strings.Replace(err.Error(), "flag provided but not defined: -", "there is no flag -", 1)
		return badInput{fmt.Errorf("%s; see sweep help", text)}
	case fs.NArg() > 0 && fs.Name() == "sweep" && fs.NArg() == len(args):
		return badInput{fmt.Errorf("there is no command %q; there are fetch, verify, reproduce, impl and help", fs.Arg(0))}
	case fs.NArg() > 0:
		return badInput{fmt.Errorf("%q is not a flag; lists have no spaces, -lr 1e-4,1e-3; see sweep help", fs.Arg(0))}
	}
	return nil
}

func parseOptions(args []string) (*options, error) {
	o := new(options)
	fs := newFlags("sweep")
	axes := map[string]*string{}
	for _, name := range []string{"lr", "reg", "hidden", "batch", "decay", "std", "mu", "seed", "iters", "epochs"} {
		axes[name] = new(string)
		fs.Var(&once{value: axes[name]}, name, "")
	}
	var implName, order, fuse, halving, stop, states string
	fs.StringVar(&o.net, "net", "two-layer", "")
	fs.StringVar(&o.dtype, "dtype", "f32", "")
	fs.StringVar(&o.rule, "rule", "sgd", "")
	fs.StringVar(&order, "order", "", "")
	fs.StringVar(&fuse, "fuse", "on", "")
	fs.StringVar(&halving, "halving", "", "")
	fs.StringVar(&stop, "stop", "", "")
	fs.IntVar(&o.block, "block", 0, "")
	fs.StringVar(&implName, "impl", "", "")
	fs.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "")
	fs.StringVar(&o.data, "data", "", "")
	fs.StringVar(&o.out, "out", "", "")
	fs.IntVar(&o.top, "top", 20, "")
	fs.BoolVar(&o.fresh, "fresh", false, "")
	fs.Float64Var(&o.checkpoint, "checkpoint", 60, "")
	fs.IntVar(&o.keep, "keep", 0, "")
	fs.StringVar(&states, "states", "0", "")
	fs.BoolVar(&o.dryRun, "dry-run", false, "")
	fs.BoolVar(&o.quiet, "quiet", false, "")
	if err := parse(fs, args); err != nil {
		return nil, err
	}

	given := map[string]string{}
	var empty string
	fs.Visit(func(f *flag.Flag) {
		if list, ok := axes[f.Name]; ok {
			given[f.Name] = *list
		} else if f.Value.String() == "" {
			empty = f.Name
		}
	})
	switch {
	case empty != "":
		return nil, badInput{fmt.Errorf("-%s is empty; leave it out for the default", empty)}
	case o.net != "two-layer" && o.net != "fc":
		return nil, badInput{fmt.Errorf("-net %q: there are two-layer and fc", o.net)}
	case o.dtype != "f32" && o.dtype != "f64":
		return nil, badInput{fmt.Errorf("-dtype %q: there are f32 and f64", o.dtype)}
	case rules[o.rule] == fused.SGD && o.rule != "sgd":
		return nil, badInput{fmt.Errorf("-rule %q: there are sgd, momentum and nesterov", o.rule)}
	case fuse != "on" && fuse != "off":
		return nil, badInput{fmt.Errorf("-fuse %q: there are on and off", fuse)}
	case o.block < 0 || o.block > maxPoints:
		return nil, badInput{fmt.Errorf("-block %d: give the most trials of a block, or leave it out for what fits the cache", o.block)}
	case fuse == "off" && o.block > 1:
		return nil, badInput{fmt.Errorf("-fuse off trains each point alone; leave -block %d out", o.block)}
	case o.workers < 1 || o.workers > 4096:
		return nil, badInput{fmt.Errorf("-workers %d: give a number from 1 to 4096, or leave it out for one per core", o.workers)}
	case !(o.checkpoint >= 0 && o.checkpoint <= 1e6):
		return nil, badInput{fmt.Errorf("-checkpoint %g: give the seconds between two checkpoints, or 0 for none but at Ctrl-C", o.checkpoint)}
	case o.keep < 0:
		return nil, badInput{fmt.Errorf("-keep %d: give the number of best nets whose weights to keep", o.keep)}
	case o.top < 0:
		return nil, badInput{fmt.Errorf("-top %d: give a number of rows, or 0 for all", o.top)}
	}
	if fuse == "off" {
		o.block = 1
	}
	if order != "" {
		seed, err := strconv.ParseUint(order, 10, 32)
		if err != nil {
			return nil, badInput{fmt.Errorf("-order %q: give one seed, a whole number from 0 to %d", order, uint32(math.MaxUint32))}
		}
		o.order = ptr(uint32(seed))
	}
	var err error
	if o.states, err = strconv.Atoi(states); states == "all" {
		o.states = everyTrial
	} else if err != nil || o.states < 0 {
		return nil, badInput{fmt.Errorf("-states %s: give the number of best trials whose states to keep, or all", states)}
	}
	if o.race, err = parseRace(halving, stop); err != nil {
		return nil, err
	}
	if o.set, err = pickSet(implName); err != nil {
		return nil, err
	}
	if o.grid, err = newGrid(o.net, o.rule, given); err != nil {
		return nil, err
	}
	return o, nil
}

// pickSet returns the kernel set of that name, or the best one.
func pickSet(name string) (*kernels.Set, error) {
	if name == "" {
		set, err := fusegrid.Best()
		if err != nil {
			return nil, badInput{err}
		}
		return set, nil
	}
	set, err := fusegrid.ByName(name)
	if err != nil {
		return nil, badInput{fmt.Errorf("-impl: %w", err)}
	}
	return set, nil
}
