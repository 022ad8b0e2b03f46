package main

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	for _, note := range o.notes {
		logger(stderr).Print(note)
	}
	data, err := load(ctx, o.data, o.Grid.Net(), stderr)
	if err != nil {
		return err
	}
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
	if o.dryRun {
		p, err := search.DryRun(ctx, o.Config)
		if err != nil {
			return err
		}
		return o.showPreview(stdout, p)
	}
	result, err := search.Run(ctx, o.Config)
	if result.Table != nil { // also if the disk is full
		shown := o.showTable(stdout, result.Table)
		if result.Written && shown == nil && result.Table.Len() > 0 {
			o.Log.Printf("all trials and tables are in %s", o.Dir)
		}
		if err == nil {
			err = shown
		}
	}
	again := commandLine(resuming(o.args, o.fresh, o.Dir))
	var train *search.TrainError
	switch {
	case errors.As(err, &train) && errors.Is(err, context.Canceled):
		o.Log.Printf("interrupted; %d of %d trials are on record. To resume:\n  %s", train.Recorded, train.Trials, again)
		return errors.Join(errShown, err)
	case errors.Is(err, search.ErrOtherBits):
		return fmt.Errorf("%w; sweep verify -trial KEY shows how; -fresh starts again in a new folder", err)
	case train != nil:
		return fmt.Errorf("%w; to resume: %s", err, again)
	case err != nil:
		return err
	}
	return o.failures(result, again)
}

// failures logs which trials failed, and returns an error with the command that trains them again.
func (o *options) failures(result search.Result, again string) error {
	const some = 5
	failed := result.Failed()
	for _, r := range failed[:min(some, len(failed))] {
		o.Log.Printf("lr %.6g, reg %.6g failed: %s", r.Config.LR, r.Config.Reg, r.Error)
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d trials failed; the errors are in %s/%s; to try them again: %s", len(failed), len(result.Records), o.Dir, folder.JSONLName, again)
	}
	return nil
}
