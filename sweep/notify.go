package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/progress"
)

// A notifier runs a command of the user at the end of a sweep.
type notifier struct {
	command string // for the shell; "" for none
	limit   time.Duration
}

// notifyLimit is the time after which a command of -notify is stopped.
const notifyLimit = time.Minute

// An outcome is how a sweep ended.
type outcome struct {
	dir           string
	code          int
	trials, total int    // trials on record, and of the grid
	val           string // of the best setting, or ""
	key           string // of the best trial, or "" if the seed varies
	best          string // describes the best setting, or ""
}

// newOutcome describes the end of a sweep into dir. The given axes vary.
func newOutcome(dir string, result search.Result, axes []string, err error) outcome {
	o := outcome{dir: dir, code: exitCode(err), trials: len(result.Records), total: result.Trials}
	if train, ok := errors.AsType[*search.TrainError](err); ok {
		o.trials, o.total = train.Recorded, train.Trials
	}
	if best, ok := leader(result.Table); ok {
		if best.Key == "" {
			axes = slices.DeleteFunc(slices.Clone(axes), func(name string) bool { return name == "seed" })
		}
		o.val, o.key, o.best = fmt.Sprintf("%.4f", best.Val), best.Key, best.String(axes)
	}
	return o
}

// leader returns the first row of a table. If the seed varies, it has the mean of a setting and no key.
func leader(table *results.Table) (progress.Best, bool) {
	if table == nil {
		return progress.Best{}, false
	}
	if s := table.Summary(); s != nil {
		first := s.Settings()[0]
		return progress.Best{Val: first.Val.Mean, Ended: true, Config: first.Trials[0].Config}, first.Val.N > 0
	}
	r, ok := table.Best()
	if !ok || r.Val() == nil {
		return progress.Best{}, false
	}
	return progress.Best{Key: r.Key, Val: *r.Val(), Ended: true, Config: r.Config}, true
}

// word says how the sweep ended.
func (o outcome) word() string {
	switch o.code {
	case exitOK:
		return "finished"
	case exitInterrupted:
		return "interrupted"
	}
	return "failed"
}

// message describes the outcome in one line.
func (o outcome) message() string {
	text := fmt.Sprintf("sweep %s: %d of %s on record in %s", o.word(), o.trials, say.Plural(o.total, "trial"), o.dir)
	if o.best != "" {
		text += ", " + o.best
	}
	return text
}

// environment returns the variables of the command.
func (o outcome) environment() []string {
	return []string{
		"SWEEP_OUT=" + o.dir, "SWEEP_EXIT=" + strconv.Itoa(o.code), "SWEEP_STATE=" + o.word(),
		"SWEEP_TRIALS=" + strconv.Itoa(o.trials), "SWEEP_TOTAL=" + strconv.Itoa(o.total),
		"SWEEP_BEST=" + o.val, "SWEEP_BEST_KEY=" + o.key, "SWEEP_MESSAGE=" + o.message(),
	}
}

// run runs the command, also if ctx is done. The message is its standard input. Its output goes to stderr, because
// the table is on standard output.
func (n notifier) run(ctx context.Context, o outcome, stderr io.Writer) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.limit)
	defer cancel()
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/c"}
	}
	cmd := exec.CommandContext(limit, shell[0], shell[1], n.command)
	cmd.Env = append(os.Environ(), o.environment()...)
	cmd.Stdin = strings.NewReader(o.message() + "\n")
	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.WaitDelay = time.Second // for processes that the shell has left behind
	err := cmd.Run()
	switch {
	case limit.Err() != nil:
		return fmt.Errorf("-notify: the command was stopped, because it took more than %v", n.limit)
	case errors.Is(err, exec.ErrWaitDelay):
		return nil
	case err != nil:
		return fmt.Errorf("-notify: the command failed: %w", err)
	}
	return nil
}

// notify runs the command of -notify, unless nothing was trained because of bad input.
func (o *options) notify(ctx context.Context, result search.Result, err error, stderr io.Writer) {
	if o.notifier.command == "" || exitCode(err) == exitBadInput {
		return
	}
	end := newOutcome(o.Dir, result, o.Grid.Varying(), err)
	if err := o.notifier.run(ctx, end, stderr); err != nil {
		o.Log.Print(err)
	}
}
