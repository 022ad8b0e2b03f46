package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"fusegrid"
	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/kernels"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
)

// options are the values of the flags of a sweep.
type options struct {
	search.Study // without the objective
	search.Nets  // without the data
	net, rule    string
	zip          []string
	sampling     grid.Sampling
	maxTime      time.Duration // 0 means no limit
	data         dataChoice
	whole        string // with a shard, the folder of the study
	top          int
	perSeed      bool
	color        string
	dryRun       bool
	fresh        bool
	quiet        bool
	notifier     notifier
	watched      watched
	shared       shared
	config       configFile
	lists        grid.Setting // from which the grid is made
	notes        []string     // messages for the start
	args         []string     // the arguments, for the command that resumes the sweep
}

// axisFlags adds the flags of the axes, and returns the lists that the user gives, by axis. A flag may be
// given once, because a second list would silently replace the first.
func axisFlags(fs *flag.FlagSet, axes grid.Axes) (given map[string]string) {
	given = map[string]string{}
	for _, a := range axes {
		fs.Func(a.Name, "`list`", func(list string) error {
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

// oneOf adds a flag that takes one of the words.
func oneOf(fs *flag.FlagSet, name string, dst *string, words ...string) {
	fs.Func(name, wordsUsage(words), choice(dst, words...))
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
	o := &options{net: "two-layer", rule: "sgd", top: 20, notifier: notifier{limit: notifyLimit}, args: args}
	o.DType, o.Workers, o.Checkpoint = "f32", search.Cores(), time.Minute
	fs := cli.NewFlags("sweep")
	given := axisFlags(fs, grid.Standard())
	var impl, fuse string
	o.trainingFlags(fs, &impl, &fuse)
	o.outputFlags(fs)
	o.pointFlags(fs)
	fs.Func("halving", "`2|3|4|async:|hyperband:`", o.stopRule(halving.ParseHalving))
	fs.Func("stop", "`median|median:`", o.stopRule(halving.ParseStop))
	fs.Func("patience", "", o.stopRule(halving.ParsePatience))
	o.shared.flags(fs)
	o.watched.flags(fs, "watch")
	o.config.flags(fs)
	if err := parse(fs, args); err != nil {
		return nil, err
	}
	if err := o.config.apply(); err != nil {
		return nil, err
	}
	o.lists = grid.Setting{Net: o.net, Rule: o.rule, Given: given, Prefix: "-", Zip: o.zip, Sample: o.sampling}
	if err := o.check(impl, fuse); err != nil {
		return nil, o.config.locate(err)
	}
	return o, nil
}

// check returns an error for flags that contradict each other. It sets the kernel set and the grid.
func (o *options) check(impl, fuse string) error {
	if err := o.data.check(); err != nil {
		return err
	}
	if fuse == "off" {
		if o.Block > 1 {
			return badInput{fmt.Errorf("-fuse off trains each point alone; omit -block %d", o.Block)}
		}
		o.Block = 1
	}
	if o.Division == "true" && o.net == "fc" {
		return badInput{errors.New("-division true is for the two-layer net; the Solver of -net fc rounds the quotient down")}
	}
	if err := cmp.Or(o.shared.check(o), o.watched.check("watch")); err != nil {
		return err
	}
	var err error
	if o.Kernels, err = pickSet(impl); err != nil {
		return err
	}
	if class := o.shared.class; class != "" {
		if impl != "" {
			return badInput{fmt.Errorf("-impl %s has a class; omit -class %s", impl, class)}
		}
		if o.Kernels, err = setOfClass(class, o.DType); err != nil {
			return badInput{fmt.Errorf("-class %s: %w", class, err)}
		}
	}
	if o.Grid, err = grid.Standard().Parse(o.lists); err != nil {
		return badInput{err}
	}
	if err := o.checkShard(); err != nil {
		return err
	}
	o.notes = grid.Standard().Notes(o.lists)
	if text := crowd(o.Workers); text != "" {
		o.notes = append(o.notes, text)
	}
	return nil
}

// stopRule returns a function that sets the stop rule. Patience can be combined with another rule.
func (o *options) stopRule(parse func(string) (*halving.Rule, error)) func(string) error {
	return func(s string) (err error) {
		if s == "" {
			return errEmpty
		}
		rule, err := parse(s)
		if err != nil || o.Halving == nil {
			o.Halving = rule
			return err
		}
		if o.Halving, err = halving.Combine(o.Halving, rule); err != nil {
			return errors.New("give -halving or -stop once, and -patience once")
		}
		return nil
	}
}

// pointFlags adds the flags that say which points to train.
func (o *options) pointFlags(fs *flag.FlagSet) {
	fs.Func("zip", "`list`", func(s string) error {
		o.zip = strings.Split(s, ",")
		return nil
	})
	fs.Func("sample", wordsUsage(samplers()), func(s string) error {
		chosen, err := grid.ParseSampling(s)
		o.sampling.Method, o.sampling.N = chosen.Method, chosen.N
		return err
	})
	fs.Func("sample-seed", "", func(s string) (err error) {
		if o.sampling.Seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			return fmt.Errorf("give one seed, a whole number from 0 to %d", uint64(math.MaxUint64))
		}
		return nil
	})
	fs.Func("shard", wordsUsage([]string{"env", "env/"}), func(s string) (err error) {
		o.Shard, err = parseShard(s, os.Getenv)
		return err
	})
	fs.Func("tpe-batch", "", whole(&o.sampling.Round, 1, grid.MaxPoints, fmt.Sprintf("give the number of points that are drawn together, from 1 to %d", grid.MaxPoints)))
	maxTimeFlag(fs, &o.maxTime)
}

// crowd returns a message if there are more workers than cores.
func crowd(workers int) string {
	if cores := search.Cores(); workers > cores {
		return fmt.Sprintf("-workers %d: there is no gain beyond the %s of this process", workers, say.Plural(cores, "core"))
	}
	return ""
}

// trainingFlags adds the flags of the training.
func (o *options) trainingFlags(fs *flag.FlagSet, impl, fuse *string) {
	oneOf(fs, "net", &o.net, "two-layer", "fc")
	oneOf(fs, "dtype", &o.DType, search.Types()...)
	oneOf(fs, "rule", &o.rule, ruleNames()...)
	divisions := []string{"floor", "true"}
	fs.Func("division", wordsUsage(divisions), func(s string) error {
		err := choice(&o.Division, divisions...)(s)
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
	oneOf(fs, "fuse", fuse, "on", "off")
	fs.Func("block", "", whole(&o.Block, 0, grid.MaxPoints, fmt.Sprintf("give the maximum number of nets in a block, from 1 to %d, or 0 for as many as fit the cache", grid.MaxPoints)))
	fs.Func("impl", wordsUsage(setNames()), text(impl))
	fs.Func("workers", "", whole(&o.Workers, 1, search.MaxWorkers, fmt.Sprintf("give a number from 1 to %d, or omit the flag for one per core", search.MaxWorkers)))
	o.data.loadFlags(fs)
	o.data.splitFlags(fs)
}

// samplers returns the beginnings of values of -sample.
func samplers() []string {
	words := []string{"grid"}
	for _, name := range grid.Methods() {
		words = append(words, name+":")
	}
	return words
}

// setNames returns the names of the kernel sets of this machine.
func setNames() (names []string) {
	for _, s := range fusegrid.All() {
		names = append(names, s.Name)
	}
	return names
}

// orderNames returns the figures by which settings are ranked.
func orderNames() (names []string) {
	for _, by := range results.Orders() {
		names = append(names, string(by))
	}
	return names
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
	fs.Func("out", "`folder`", text(&o.Dir))
	o.topFlag(fs)
	oneOf(fs, "rank", (*string)(&o.Rank), orderNames()...)
	fs.BoolVar(&o.perSeed, "per-seed", false, "")
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
	onOff := []string{"on", "off"}
	fs.Func("curves", wordsUsage(onOff), func(s string) error {
		var word string
		err := choice(&word, onOff...)(s)
		o.NoCurves = word == "off"
		return err
	})
	fs.Func("notify", "", text(&o.notifier.command))
	colorFlag(fs, &o.color)
	fs.BoolVar(&o.dryRun, "dry-run", false, "")
	fs.BoolVar(&o.quiet, "quiet", false, "")
}

// topFlag adds the flag of the number of rows of a table.
func (o *options) topFlag(fs *flag.FlagSet) {
	fs.Func("top", "", whole(&o.top, 0, math.MaxInt, "give a number of rows, or 0 for all"))
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
