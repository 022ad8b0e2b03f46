package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// merge joins the folders of shards, or of other sweeps, in one folder.
func merge(_ context.Context, args []string, stdout, stderr io.Writer) error {
	o := options{top: 20}
	fs := cli.NewFlags("merge")
	o.topFlag(fs)
	colorFlag(fs, &o.color)
	names, err := parseNames(fs, args)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return badInput{errors.New("name the folder for all trials, and the folders to merge: sweep merge OUT DIR …")}
	}
	out, sources := names[0], names[1:]
	if len(sources) == 0 {
		if sources, err = shardFolders(out); err != nil || len(sources) == 0 {
			return badInput{fmt.Errorf("%s has no folders of shards, such as %[1]s/shard-1; name the folders to merge: sweep merge OUT DIR …", out)}
		}
	}
	log := logger(stderr)
	j, err := folder.Merge(folder.OS{}, out, sources, log)
	if conflict, ok := errors.AsType[*folder.ConflictError](err); ok {
		return errors.Join(err, showConflicts(stdout, conflict.Conflicts))
	}
	if bad, ok := errors.AsType[folder.InputError](err); ok {
		return badInput{bad.Err} // the folder was not given with -out
	}
	if j == nil {
		return err
	}
	if shown := o.showTable(stdout, j.Table); err == nil {
		err = shown
	}
	log.Printf("%s on record in %s, of which %d were added", say.Are(j.Trials), out, j.Added)
	if err != nil || len(j.Lacking) == 0 {
		return err
	}
	for _, what := range j.Lacking {
		log.Print(what)
	}
	return fmt.Errorf("the study in %s is not complete; merge again when it is", out)
}

// showConflicts writes the records of conflicts, one in each line.
func showConflicts(w io.Writer, conflicts []folder.Conflict) error {
	lines := json.NewEncoder(w)
	for _, c := range conflicts {
		for i := range c.Records {
			line := struct {
				Journal string          `json:"journal"`
				Trial   *results.Record `json:"trial"`
			}{c.Journals[i], &c.Records[i]}
			if err := lines.Encode(line); err != nil {
				return err
			}
		}
	}
	return nil
}
