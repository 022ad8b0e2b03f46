// Package search trains a grid of small nets and records their accuracies.
//
// A [Config] holds the grid, the data and the output folder of a sweep. [Run] trains the trials
// that are not on record, and resumes a run that was interrupted. [DryRun] predicts the trials and
// the time of a Run. [Verify] trains a recorded trial again.
//
// The packages below this one are the parts of a sweep: grid, halving, plan, runner, folder and progress. The command
// sweep is a thin program around this package.
package search

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime"
	"slices"
	"strings"
	"time"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A Config holds the settings of a sweep. Grid, Data and Dir must be set. The zero value of each
// other field is its default.
type Config struct {
	// The fields of this group determine the results of the trials, and which trials are stopped.
	Grid     *grid.Grid     // the values of the hyper-parameters, the net and the update rule
	Data     *dataset.Split // the images; the assignment trains two-layer nets on HWC and fc nets on CHW
	Kernels  *kernels.Set   // nil means the best kernel set of the machine; fusegrid.ForType is applied to it
	DType    string         // one of Types(); "" means f32
	Division string         // the division of images into epochs, floor or true; "" means floor
	Order    *uint32        // a separate seed for the minibatches; nil if weights and minibatches share a stream
	Halving  *halving.Rule  // the rule that stops trials early; nil if all trials train to the end

	// The fields of this group determine the speed of a sweep. Results do not depend on them,
	// unless the kernel set is not stable or the stop rule is asynchronous.
	Workers int   // the number of blocks that train at the same time; 0 means one for each core
	Block   int   // the maximum number of trials in a block; 0 means as many as fit the cache
	Waiting int64 // bytes for blocks that wait at a rung in memory; 0 means 240 MB. Further blocks wait on the disk.

	// The fields of this group determine the files that are kept.
	Dir        string        // the output folder, which is created if it does not exist
	Checkpoint time.Duration // the time between two checkpoints of a block; 0 means only at an interruption
	Weights    int           // the number of best trials in Dir whose weights are kept; math.MaxInt means all
	States     int           // the number of best trials in Dir whose states are kept, or [folder.EveryTrial]

	// Log and Progress receive messages. If one of them is nil, its messages are dropped. Run
	// writes to both from several goroutines, and returns only after these writes have returned.
	// Therefore a writer that blocks makes Run wait, even if its context is done. If both write to
	// one writer, it must be safe for concurrent use.
	Log      *log.Logger // messages of one line each
	Progress io.Writer   // status lines while blocks train; a terminal shows them in place

	// Disk and Runner replace the access to the disk, and the training. Tests use disks that fail,
	// and runners that do not train.
	Disk   folder.Disk   // nil means the disk of the operating system
	Runner runner.Runner // nil means a runner with Kernels and Data
}

// Types returns the values of Config.DType.
func Types() []string { return runner.Types() }

// MaxWorkers is the maximum number of workers. It limits memory, because the planner makes more
// blocks for more workers.
const MaxWorkers = 4096

// waitingRoom is the memory of 20 blocks of the largest size.
const waitingRoom = 20 * plan.BlockBytes

// A job is one run of a valid Config with its defaults.
type job struct {
	Config
	base  results.Config    // the fields that all trials share
	races *halving.Brackets // nil if all trials train to the end
}

// newJob checks a configuration and sets its defaults. Its errors are of type [folder.InputError].
func newJob(c Config) (*job, error) {
	if err := cmp.Or(c.check(), c.fill()); err != nil {
		return nil, folder.InputError{Err: err}
	}
	s := &job{Config: c, base: c.base()}
	if err := s.checkPoints(); err != nil {
		return nil, folder.InputError{Err: err}
	}
	var err error
	if s.races, err = halving.New(c.Halving, s.points()); err != nil {
		return nil, folder.InputError{Setting: "Halving", Err: err}
	}
	r, err := runner.New(c.DType, s.Kernels, c.Data) // checks the data, for any runner
	if err != nil {
		return nil, folder.InputError{Err: err}
	}
	if s.Runner == nil {
		s.Runner = r
	}
	return s, nil
}

// checkPoints returns an error for a grid that was not parsed. Such a grid has no points, or its
// points lack a value. It also returns an error for a rule or a batch that the type does not have.
func (s *job) checkPoints() error {
	if s.Grid.Len() == 0 {
		return errors.New("search: Config.Grid has no points; grid.Standard().Parse makes a grid")
	}
	if c := s.points().At(0); c.Batch < 1 || c.Iters < 1 {
		return fmt.Errorf("search: Config.Grid has points with %d iterations of %d images; grid.Standard().Parse makes a grid with defaults", c.Iters, c.Batch)
	}
	if !s.Kernels.Class.Integers() {
		return nil
	}
	rule, err := train.ParseRule(s.Grid.Rule())
	for i := 0; i < s.Grid.Len() && err == nil; i++ {
		err = train.CheckIntegers(rule, s.points().At(i).Batch)
	}
	return err
}

// check returns an error for a configuration that does not describe a sweep.
func (c *Config) check() error {
	switch {
	case c.Grid == nil:
		return errors.New("search: Config.Grid is nil; grid.Standard().Parse makes one")
	case c.Data == nil:
		return errors.New("search: Config.Data is nil; the DefaultSplit of a data set is one")
	case c.Dir == "":
		return errors.New("search: Config.Dir is empty; name the output folder")
	case c.Data.Hash == "":
		return errors.New("search: Config.Data has no Hash, which tells its records from those of other data; the DefaultSplit of a data set has one")
	case c.Data.Val.Len() == 0:
		return errors.New("search: Config.Data has no validation images, by which trials are ranked")
	case c.DType != "" && !slices.Contains(Types(), c.DType):
		return fmt.Errorf("search: Config.DType is %q; the choices are %s", c.DType, strings.Join(Types(), ", "))
	case c.Division != "" && c.Division != "floor" && c.Division != "true":
		return fmt.Errorf("search: Config.Division is %q; the choices are floor and true", c.Division)
	case c.Division == "true" && c.Grid.Net() == "fc":
		return errors.New("search: Config.Division is true, which is for the two-layer net; leave it empty for the net fc")
	case c.States < 0 && c.States != folder.EveryTrial:
		return fmt.Errorf("search: Config.States is %d; give a number of trials, or folder.EveryTrial", c.States)
	}
	for _, n := range []struct {
		name  string
		value any
		ok    bool
	}{
		{"Workers", c.Workers, c.Workers >= 0},
		{"Block", c.Block, c.Block >= 0},
		{"Waiting", c.Waiting, c.Waiting >= 0},
		{"Checkpoint", c.Checkpoint, c.Checkpoint >= 0},
		{"Weights", c.Weights, c.Weights >= 0},
	} {
		if !n.ok {
			return fmt.Errorf("search: Config.%s is %v; give 0 or more", n.name, n.value)
		}
	}
	return nil
}

// fill replaces zero values by the defaults that they stand for.
func (c *Config) fill() (err error) {
	if c.Kernels == nil {
		if c.Kernels, err = fusegrid.Best(); err != nil {
			return err
		}
	}
	c.DType, c.Waiting = cmp.Or(c.DType, "f32"), cmp.Or(c.Waiting, waitingRoom)
	if c.Kernels, err = fusegrid.ForType(c.Kernels, c.DType); err != nil {
		return err
	}
	c.Workers, c.Block = min(cmp.Or(c.Workers, runtime.GOMAXPROCS(0)), MaxWorkers), min(c.Block, grid.MaxPoints)
	if c.Order != nil { // the caller may change the variable
		order := *c.Order
		c.Order = &order
	}
	if c.Log == nil {
		c.Log = log.New(io.Discard, "", 0)
	}
	if c.Disk == nil {
		c.Disk = folder.OS{}
	}
	return nil
}

// base returns the fields that all points of a grid share.
func (c *Config) base() results.Config {
	rule := c.Grid.Rule()
	if rule == train.SGD.String() {
		rule = "" // omitted, so that keys of versions without rules remain valid
	}
	division := c.Division
	if division != "true" {
		division = "" // omitted, so that keys of versions without this choice remain valid
	}
	return results.Config{
		Order: c.Order, Rule: rule, Division: division,
		Data: c.Data.Hash, Split: [3]int{c.Data.Train.Len(), c.Data.Val.Len(), c.Data.Test.Len()},
		Pixels: strings.ToLower(c.Data.Order.String()),
		Net:    c.Grid.Net(), DType: c.DType, Class: string(c.Kernels.Class),
	}
}

// points returns the configurations of the grid.
func (s *job) points() grid.Points { return s.Grid.Over(s.base) }

// cores returns the number of cores that the workers can have.
func (s *job) cores() int { return min(s.Workers, runtime.GOMAXPROCS(0)) }

// planner returns the planner of the job's blocks.
func (s *job) planner() plan.Planner {
	p := plan.Planner{Workers: s.Workers, Width: s.Block, Inputs: len(s.Data.Mean), Classes: len(s.Data.Classes), Bytes: 4}
	if s.DType == "f64" {
		p.Bytes = 8
	}
	return p
}

// flops returns the operations of one iteration.
func (s *job) flops(c results.Config) float64 {
	return c.FLOPs(len(s.Data.Mean), len(s.Data.Classes))
}
