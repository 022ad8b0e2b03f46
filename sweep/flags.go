package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// options is what the flags of a sweep say.
type options struct {
	search.Config // without the data
	net, rule     string
	data          string // the folder of the data, builtIn, or "" for what there is
	top           int
	dryRun        bool
	fresh         bool
	quiet         bool
	notes         []string // what to say before anything is done
	args          []string // the arguments, for the command that goes on
}

// errHelp asks for the help text.
var errHelp = flag.ErrHelp

// axisFlags adds the flags of the axes, and returns the lists that the user gives, by flag. A flag may be
// given once, because a second list would silently replace the first.
func axisFlags(fs *flag.FlagSet, axes grid.Axes) (given map[string]string) {
	given = map[string]string{}
	for _, a := range axes {
		fs.Func(a.Name, "", func(list string) error {
			if _, twice := given[a.Name]; twice {
				return errors.New("it is given twice; write one list, separated by commas")
			}
			given[a.Name] = list
			return nil
		})
	}
	return given
}

// newFlags returns a set that says nothing itself: parse returns what there is to say.
func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// invalid takes apart what package flag says of a value that it could not set.
var invalid = regexp.MustCompile(`^invalid (boolean )?value (".*") for (?:flag )?-(.+?): (.*)$`)

// parse reads flags and refuses other arguments. Its errors are one line, which names the flag, its
// value and the remedy.
func parse(fs *flag.FlagSet, args []string) error {
	for _, arg := range args {
		if why := cli.PastedArgument(arg); why != "" {
			return badInput{fmt.Errorf("%q is not as one types it: %s", arg, why)}
		}
	}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return errHelp
	case err != nil:
		return badInput{explain(fs, err)}
	case fs.NArg() == 0:
		return nil
	case fs.Name() != "sweep" && fs.Arg(0) == "help":
		return errHelp
	case fs.Name() != "sweep":
		return badInput{fmt.Errorf("%q is not a flag; %s; see %s", fs.Arg(0), itsFlags(fs), helpFor(fs))}
	case fs.NArg() == len(args) && fs.Lookup(fs.Arg(0)) != nil:
		return badInput{fmt.Errorf("there is no command %q; a flag begins with a hyphen, -%s; see sweep help", fs.Arg(0), fs.Arg(0))}
	case fs.NArg() == len(args):
		return badInput{noCommand(fs.Arg(0))}
	case slices.Contains(commandNames(), fs.Arg(0)):
		return badInput{fmt.Errorf("a command comes before its flags; write sweep %s and then the flags", fs.Arg(0))}
	}
	return badInput{fmt.Errorf("%q is not a flag; lists have no spaces, -lr 1e-4,1e-3; see sweep help", fs.Arg(0))}
}

// noCommand says that there is no command of that name.
func noCommand(name string) error {
	return fmt.Errorf("there is no command %q%s; there are %s", name, cli.DidYouMean(name, commandNames()), and(commandNames()))
}

func commandNames() []string {
	var names []string
	for _, c := range subcommands() {
		names = append(names, c.name)
	}
	return names
}

// and lists words: "a, b and c".
func and(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// helpFor returns the command that shows the help of a command's flags.
func helpFor(fs *flag.FlagSet) string {
	if fs.Name() == "sweep" {
		return "sweep help"
	}
	return "sweep help " + fs.Name()
}

// flagNames returns the flags of a command, with their hyphens.
func flagNames(fs *flag.FlagSet) []string {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return names
}

// itsFlags says which flags a command has.
func itsFlags(fs *flag.FlagSet) string {
	names := flagNames(fs)
	if len(names) == 0 {
		return "sweep " + fs.Name() + " has none"
	}
	return "sweep " + fs.Name() + " has " + and(names)
}

// noFlag says that a command has no flag of that name.
func noFlag(fs *flag.FlagSet, name string) error {
	var known []string
	fs.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
	if fs.Name() == "sweep" {
		known = append(known, "help", "version")
	}
	text := fmt.Sprintf("there is no flag -%s", name)
	near, ok := otherTools[strings.ReplaceAll(strings.ToLower(name), "_", "-")]
	if ok = ok && slices.Contains(known, near); !ok {
		near, ok = cli.Nearest(name, known)
	}
	if ok {
		text += fmt.Sprintf(" (did you mean -%s?)", near)
	}
	text += pasted(name)
	if fs.Name() != "sweep" {
		text += "; " + itsFlags(fs)
	}
	return fmt.Errorf("%s; see %s", text, helpFor(fs))
}

// otherTools holds the flags that have other names in other tools.
var otherTools = map[string]string{
	"learning-rate": "lr", "alpha": "lr", "eta": "lr",
	"weight-decay": "reg", "l2": "reg", "lambda": "reg", "regularization": "reg",
	"hidden-size": "hidden", "units": "hidden", "layers": "hidden",
	"batch-size": "batch", "bs": "batch", "minibatch": "batch",
	"lr-decay": "decay", "gamma": "decay",
	"weight-scale": "std", "init-std": "std",
	"random-seed": "seed", "random-state": "seed",
	"steps": "iters", "max-steps": "iters", "num-iters": "iters", "iterations": "iters",
	"num-epochs": "epochs", "momentum": "mu",
	"optimizer": "rule", "optim": "rule", "update-rule": "rule", "precision": "dtype",
	"jobs": "workers", "num-workers": "workers", "threads": "workers", "cores": "workers",
	"output": "out", "output-dir": "out", "data-dir": "data", "dataset": "data",
	"backend": "impl", "kernels": "impl", "save-weights": "keep", "model": "net",
}

// pasted returns in brackets what [cli.Pasted] says, if it says anything.
func pasted(word string) string {
	if why := cli.Pasted(word); why != "" {
		return " (" + why + ")"
	}
	return ""
}

// explain says in other words what package flag says.
func explain(fs *flag.FlagSet, err error) error {
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		return noFlag(fs, name)
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return fmt.Errorf("-%s needs a value; see %s", name, helpFor(fs))
	}
	m := invalid.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%w; see %s", err, helpFor(fs))
	}
	boolean, value, name, why := m[1], m[2], m[3], m[4]
	switch {
	case boolean != "":
		why = "give the flag alone, or leave it out"
	case value == `""`:
		return fmt.Errorf("-%s is empty; leave it out for the default", name)
	}
	return fmt.Errorf("-%s %s: %s", name, value, why)
}

// The functions that follow return what sets a flag.

var errEmpty = errors.New("it is empty")

// text takes what is not empty.
func text(dst *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errEmpty
		}
		*dst = s
		return nil
	}
}

// choice takes one of some words.
func choice(dst *string, words ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("there are %s%s", and(words), cli.DidYouMean(s, words))
		}
		*dst = s
		return nil
	}
}

// whole takes a whole number within bounds; remedy says what else to give.
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

// maxSeconds bounds -checkpoint so that it is a duration.
const maxSeconds = 1e6

func parseOptions(args []string) (*options, error) {
	o := &options{net: "two-layer", rule: "sgd", top: 20, args: args}
	o.DType, o.Workers, o.Checkpoint = "f32", runtime.GOMAXPROCS(0), time.Minute
	fs := newFlags("sweep")
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
			return nil, badInput{fmt.Errorf("-fuse off trains each point alone; leave -block %d out", o.Block)}
		}
		o.Block = 1
	}
	if o.Division == "true" && o.net == "fc" {
		return nil, badInput{errors.New("-division true is for the two-layer net; the Solver of -net fc divides by floor")}
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

// stopRule takes one stop rule, with the function that parses it.
func (o *options) stopRule(parse func(string) (*halving.Rule, error)) func(string) error {
	return func(s string) (err error) {
		if s == "" {
			return errEmpty
		}
		if o.Halving != nil {
			return errors.New("-halving and -stop are two ways to stop trials; give one of them, once")
		}
		o.Halving, err = parse(s)
		return err
	}
}

// crowd says that there are more workers than cores, if so.
func crowd(workers int) string {
	if cores := runtime.GOMAXPROCS(0); workers > cores {
		return fmt.Sprintf("-workers %d: there is no gain beyond the %s of this process", workers, say.Plural(cores, "core"))
	}
	return ""
}

// trainingFlags adds the flags that say how to train.
func (o *options) trainingFlags(fs *flag.FlagSet, impl, fuse *string) {
	fs.Func("net", "", choice(&o.net, "two-layer", "fc"))
	fs.Func("dtype", "", choice(&o.DType, "f32", "f64"))
	fs.Func("rule", "", choice(&o.rule, ruleNames()...))
	fs.Func("division", "", func(s string) error {
		err := choice(&o.Division, "floor", "true")(s)
		if err != nil {
			err = fmt.Errorf("%w; floor divides as Python 2, true as Python 3", err)
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
	fs.Func("block", "", whole(&o.Block, 0, grid.MaxPoints, "give the most trials of a block, or leave it out for what fits the cache"))
	fs.Func("impl", "", text(impl))
	fs.Func("workers", "", whole(&o.Workers, 1, search.MaxWorkers, fmt.Sprintf("give a number from 1 to %d, or leave it out for one per core", search.MaxWorkers)))
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

// outputFlags adds the flags that say what comes out.
func (o *options) outputFlags(fs *flag.FlagSet) {
	fs.Func("out", "", text(&o.Dir))
	fs.Func("top", "", whole(&o.top, 0, math.MaxInt, "give a number of rows, or 0 for all"))
	fs.BoolVar(&o.fresh, "fresh", false, "")
	fs.Func("checkpoint", "", func(s string) error {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v >= 0 && v <= maxSeconds) {
			return fmt.Errorf("give the seconds between two checkpoints, at most %.0f, or 0 for none but at Ctrl-C", maxSeconds)
		}
		o.Checkpoint = time.Duration(v * float64(time.Second))
		return nil
	})
	fs.Func("keep", "", func(s string) error {
		if s == "all" {
			o.Weights = math.MaxInt
			return nil
		}
		return whole(&o.Weights, 0, math.MaxInt, "give the number of best nets whose weights to keep, or all")(s)
	})
	fs.Func("states", "", func(s string) error {
		if s == "all" {
			o.States = folder.EveryTrial
			return nil
		}
		return whole(&o.States, 0, math.MaxInt, "give the number of best trials whose states to keep, or all")(s)
	})
	fs.BoolVar(&o.dryRun, "dry-run", false, "")
	fs.BoolVar(&o.quiet, "quiet", false, "")
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
