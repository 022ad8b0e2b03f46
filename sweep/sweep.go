package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"fusegrid/nn/dataset"
	"fusegrid/search"
	"fusegrid/search/folder"
)

// sweep trains the trials of the grid that are not on record, and shows the table.
func sweep(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.config.print {
		return o.config.write(stdout, o.lists)
	}
	return o.config.locate(o.onData(ctx, stdout, stderr))
}

// onData reads the data and runs the sweep.
func (o *options) onData(ctx context.Context, stdout, stderr io.Writer) error {
	for _, note := range o.notes {
		logger(stderr).Print(note)
	}
	data, err := o.data.read(ctx, o.Grid.Net(), stderr)
	if err != nil {
		return err
	}
	o.StatusEvery = statusEvery
	return o.sweep(ctx, data, stdout, stderr)
}

// sweep runs the sweep on data.
func (o *options) sweep(ctx context.Context, data *dataset.Split, stdout, stderr io.Writer) error {
	o.Data, o.Log = data, logger(stderr)
	if !o.quiet {
		o.Progress = stderr
	}
	if o.Dir == "" {
		o.Dir = folder.Default(data, o.Grid.Net(), o.DType)
	}
	if o.fresh {
		o.Dir = folder.Unused(o.Dir)
	}
	if o.Shard.Of > 0 {
		o.Dir, o.whole = filepath.Join(o.Dir, o.Shard.Name()), o.Dir
	}
	if o.shared.url != "" {
		s, err := o.connect(ctx)
		if err != nil {
			return err
		}
		defer s.Close()
	}
	if o.dryRun {
		p, err := search.DryRun(ctx, o.study())
		if err != nil {
			return err
		}
		return o.showPreview(stdout, p)
	}
	stop, err := o.serve(ctx)
	if err != nil {
		return err
	}
	result, err := o.train(ctx, stdout)
	stop()
	o.notify(ctx, result, err, stderr)
	return err
}

// train trains the trials that are not on record, and shows the table.
func (o *options) train(ctx context.Context, stdout io.Writer) (search.Result, error) {
	if o.maxTime > 0 {
		limited, cancel := context.WithTimeout(ctx, o.maxTime)
		defer cancel()
		ctx = limited
	}
	again := commandLine(o.resuming())
	o.Command = again
	result, err := search.Run(ctx, o.study())
	if result.Table != nil { // also if the disk is full
		shown := o.showTable(stdout, result.Table)
		if result.Written && shown == nil && result.Table.Len() > 0 {
			o.Log.Printf("all trials and tables are in %s", o.Dir)
			if note := spaceNote(o.Dir); note != "" {
				o.Log.Print(note)
			}
		}
		if err == nil {
			err = shown
		}
	}
	var train *search.TrainError
	switch {
	case errors.As(err, &train) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		why := "interrupted"
		if errors.Is(err, context.DeadlineExceeded) {
			why = fmt.Sprintf("the time of %v is over", o.maxTime)
		}
		next := "To resume:"
		if o.shared.url != "" {
			next = "The workers go on. To come back:"
		}
		o.Log.Printf("%s; %d of %d trials are on record. %s\n  %s", why, train.Recorded, train.Trials, next, again)
		err = errors.Join(errShown, err)
	case errors.Is(err, search.ErrOtherBits):
		err = fmt.Errorf("%w; sweep verify -trial KEY shows how; -fresh starts again in a new folder", err)
	case train != nil:
		err = fmt.Errorf("%w. To resume:\n  %s", err, again)
	case err == nil:
		if err = o.failures(result, again); err == nil && o.Shard.Of > 0 {
			o.Log.Printf("%d of %d shards: when all have ended, sweep merge %s joins them", o.Shard.Index, o.Shard.Of, quote([]string{o.whole}))
		}
	}
	return result, err
}

// study returns the study with its nets.
func (o *options) study() search.Study {
	o.Objective = o.Nets
	return o.Study
}

// resuming returns the arguments that resume the sweep.
func (o *options) resuming() []string {
	args := withoutPasswords(resuming(o.args, o.fresh, o.Dir))
	if _, ok := o.config.lines["fresh"]; ok && o.fresh {
		args = append(args, "-fresh=false")
	}
	return args
}

// failures logs which trials failed, and returns an error with the command that trains them again.
func (o *options) failures(result search.Result, again string) error {
	const some = 5
	failed := result.Failed()
	for _, r := range failed[:min(some, len(failed))] {
		o.Log.Printf("lr %.6g, reg %.6g failed: %s", r.Config.LR, r.Config.Reg, r.Error)
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d trials failed; the errors are in %s/%s; to try them again:\n  %s", len(failed), len(result.Records), o.Dir, folder.JSONLName, again)
	}
	return nil
}
