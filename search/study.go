// Package search searches for good values of parameters and records every trial.
//
// A [Study] has an [Objective] and an output folder. The objective is [Nets], which trains many small
// nets together, or [Func], which is any Go function. [Run] runs the trials that are not on record, and
// resumes a run that was interrupted. [DryRun] predicts the trials and the time of a Run. [Verify]
// trains a recorded net again.
//
// The packages below this one are the parts of a search: grid and sample, which say what is tried, and halving, plan,
// runner, folder and progress. The command sweep is a thin program around this package.
package search

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"time"

	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A Study holds the settings of a search. Objective and Dir must be set. The zero value of each other
// field is its default.
type Study struct {
	Objective Objective     // what is tried: [Nets] or [Func]
	Halving   *halving.Rule // the rule that stops trials early; nil if all trials run to the end
	Shard     Shard         // the part of the trials that this study has; the zero value means all

	// The fields of this group determine the speed of a search. Results do not depend on them,
	// unless the kernel set is not stable or the stop rule is asynchronous.
	Workers int   // the number of blocks that train at the same time; 0 means one for each core
	Waiting int64 // bytes for blocks that wait at a rung in memory; 0 means 240 MB. Further blocks wait on the disk.

	// Scheduler has the blocks trained. Nil means that this process trains them on Workers cores. With another
	// scheduler, checkpoints and kept states of Dir are not used.
	Scheduler Scheduler

	// Rank is the figure by which settings are ranked if the seed varies: the tables show the best
	// setting first, and Weights counts settings in this order. "" means results.ByMean.
	Rank results.Order

	// The fields of this group determine the files that are kept.
	Dir        string        // the output folder, which is created if it does not exist
	Checkpoint time.Duration // the time between two checkpoints of a block; 0 means only at an interruption
	Weights    int           // the number of best settings in Dir whose weights are kept, of all seeds; math.MaxInt means all
	NoCurves   bool          // learning curves are neither kept nor drawn
	States     int           // the number of best trials in Dir whose states are kept, or [folder.EveryTrial]

	// Log and Progress receive messages. If one of them is nil, its messages are dropped. Run
	// writes to both from several goroutines, and returns only after these writes have returned.
	// Therefore a writer that blocks makes Run wait, even if its context is done. If both write to
	// one writer, it must be safe for concurrent use.
	Log      *log.Logger // messages of one line each
	Progress io.Writer   // status lines while blocks train; a terminal shows them in place

	// StatusEvery is the time between two versions of the file [folder.StatusName] in Dir. It describes the
	// sweep while it runs, so that other processes can show it. 0 means that there is no such file. Errors
	// of this file are dropped. Command is the command that resumes the sweep, for this file only.
	StatusEvery time.Duration
	Command     string

	// Disk and Runner replace the access to the disk, and the training. Tests use disks that fail,
	// and runners that do not train.
	Disk   folder.Disk   // nil means the disk of the operating system
	Runner runner.Runner // nil means the runner of the objective
}

// An Objective is what the trials of a study do: [Nets] train, or a [Func] is called.
type Objective interface {
	// job checks the objective, sets its defaults, and returns it as a part of a job.
	job(workers int) (objective, error)
}

// An objective is an Objective with its defaults.
type objective struct {
	Nets                                 // of a grid of nets; only the field Grid is set for a function
	base    results.Config               // the fields that all trials share
	runner  runner.Runner                // runs the blocks
	planner plan.Planner                 // makes the blocks
	flops   func(results.Config) float64 // operations of one iteration, or another measure of the work
	curves  int                          // version of the file of curves: curve.Nets or curve.Functions
	name    string                       // of the data set; "" for a function
}

// MaxWorkers is the maximum number of workers. It limits memory, because the planner makes more
// blocks for more workers.
const MaxWorkers = 4096

// waitingRoom is the memory of 20 blocks of the largest size.
const waitingRoom = 20 * plan.BlockBytes

// A job is one run of a valid Study with its defaults.
type job struct {
	Study
	objective
	races *halving.Brackets // of the round; nil if all trials train to the end
	round int               // number of the round, from 0
	soFar *grid.Grid        // the points of this round and of those before, during a Run
	last  bool              // the round is the last one
	shard *ownShard         // nil if the study has all trials
	told  []string          // messages that were logged
	fresh bool              // no trial was on record when the run began
	past  int               // number of trials of earlier rounds
	began bool              // a trial of this or an earlier round is to be trained
}

// newJob checks a study with an output folder. Its errors are of type [folder.InputError].
func newJob(c Study) (*job, error) {
	if c.Dir == "" {
		return nil, folder.InputError{Err: errors.New("search: Study.Dir is empty; name the output folder")}
	}
	return newJobAnywhere(c)
}

// newJobAnywhere checks a study, which need not have an output folder, and sets its defaults. Its errors are of type
// [folder.InputError].
func newJobAnywhere(c Study) (*job, error) {
	if err := c.check(); err != nil {
		return nil, folder.InputError{Err: err}
	}
	c.fill()
	o, err := c.Objective.job(c.Workers)
	if err != nil {
		return nil, folder.InputError{Err: err}
	}
	s := &job{Study: c, objective: o}
	if !s.trainsNets() && (c.Weights > 0 || c.States != 0) {
		return nil, folder.InputError{Err: errors.New("search: Study.Weights and Study.States are for nets; a function has none")}
	}
	if err := s.share(); err != nil {
		return nil, folder.InputError{Setting: "Shard", Err: err}
	}
	if s.races, err = halving.New(c.Halving, s.points()); err != nil {
		return nil, folder.InputError{Setting: "Halving", Err: err}
	}
	if s.Runner == nil {
		s.Runner = o.runner
	}
	return s, nil
}

// check returns an error for settings that do not describe a search.
func (c *Study) check() error {
	switch {
	case c.Objective == nil:
		return errors.New("search: Study.Objective is nil; it is Nets or a Func")
	case c.Rank != "" && !slices.Contains(results.Orders(), c.Rank):
		return fmt.Errorf("search: Study.Rank is %q; the choices are mean, best and lower", c.Rank)
	case c.States < 0 && c.States != folder.EveryTrial:
		return fmt.Errorf("search: Study.States is %d; give a number of trials, or folder.EveryTrial", c.States)
	}
	for _, n := range []struct {
		name  string
		value any
		ok    bool
	}{
		{"Workers", c.Workers, c.Workers >= 0},
		{"Waiting", c.Waiting, c.Waiting >= 0},
		{"Checkpoint", c.Checkpoint, c.Checkpoint >= 0},
		{"StatusEvery", c.StatusEvery, c.StatusEvery >= 0},
		{"Weights", c.Weights, c.Weights >= 0},
	} {
		if !n.ok {
			return fmt.Errorf("search: Study.%s is %v; give 0 or more", n.name, n.value)
		}
	}
	return nil
}

// fill replaces zero values by the defaults that they stand for.
func (c *Study) fill() {
	c.Waiting = cmp.Or(c.Waiting, waitingRoom)
	c.Workers = min(cmp.Or(c.Workers, Cores()), MaxWorkers)
	if c.Log == nil {
		c.Log = log.New(io.Discard, "", 0)
	}
	if c.Disk == nil {
		c.Disk = folder.OS{}
	}
}

// trainsNets reports whether the objective is Nets.
func (s *job) trainsNets() bool { return s.Kernels != nil }

// points returns the configurations of the grid.
func (s *job) points() grid.Points { return s.Grid.Over(s.base) }

// cores returns the number of cores that the workers can have.
func (s *job) cores() int { return min(s.Workers, Cores()) }
