package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/folder"
)

// A verifier trains recorded trials again.
type verifier struct {
	n, workers     int
	key            string // the beginning of the key of one trial
	all            bool
	out            string
	data           dataChoice
	impl           string
	stdout, stderr io.Writer
	splits         map[string]*dataset.Split // by net and split
}

// verify trains recorded trials again, each alone, and compares every bit.
func verify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	v := &verifier{n: 5, workers: 1, stdout: stdout, stderr: stderr, splits: map[string]*dataset.Split{}}
	fs := cli.NewFlags("verify")
	fs.Func("n", "", whole(&v.n, 1, math.MaxInt, "give the number of trials to train again, 1 or more"))
	fs.Func("trial", "", text(&v.key))
	fs.BoolVar(&v.all, "all", false, "")
	fs.Func("out", "`folder`", text(&v.out))
	v.data.loadFlags(fs)
	fs.Func("impl", wordsUsage(setNames()), text(&v.impl))
	fs.Func("workers", "", whole(&v.workers, 1, search.MaxWorkers, fmt.Sprintf("give a number from 1 to %d", search.MaxWorkers)))
	if err := parse(fs, args); err != nil {
		return err
	}
	if v.impl != "" {
		if _, err := pickSet(v.impl); err != nil {
			return err
		}
	}
	if text := crowd(v.workers); text != "" {
		logger(stderr).Print(text)
	}
	if v.out == "" {
		var err error
		if v.out, err = onlyOut("with -out"); err != nil {
			return err
		}
	}
	records, damaged, err := v.pick()
	if err != nil {
		return err
	}
	return v.run(ctx, records, damaged)
}

// pick returns the records to verify, best first: the best one, and others evenly from all ranks. It also returns
// the number of damaged lines of the journal. A torn last line does not count, because a crash or a sweep that is
// writing leaves one, and no trial was on record with it.
func (v *verifier) pick() (found []results.Record, damaged int, err error) {
	if _, err := os.Stat(filepath.Join(v.out, folder.JournalName)); err != nil {
		return nil, 0, badInput{fmt.Errorf("-out: %w; give the folder of a sweep", err)}
	}
	out, err := folder.Peek(v.out, logger(v.stderr))
	if err != nil {
		return nil, 0, err
	}
	var all []results.Record
	functions := 0
	for _, r := range out.Records {
		if r.Config.Objective != "" {
			functions++
		} else if r.State != results.Failed {
			all = append(all, r)
		}
	}
	if functions > 0 && len(all) == 0 {
		return nil, 0, badInput{fmt.Errorf("%s has trials of a function, which only the program with the function can try again", v.out)}
	}
	results.Rank(all)
	if v.key != "" {
		for _, r := range all {
			if strings.HasPrefix(r.Key, v.key) {
				found = append(found, r)
			}
		}
		if len(found) != 1 {
			return nil, 0, noSuchTrial(v.key, len(found), v.out)
		}
		return found, out.Damaged, nil
	}
	if len(all) == 0 {
		return nil, 0, badInput{fmt.Errorf("%s has no trial to verify", v.out)}
	}
	n := min(v.n, len(all))
	if v.all {
		n = len(all)
	}
	for i := range n {
		found = append(found, all[i*len(all)/n])
	}
	return found, out.Damaged, nil
}

func (v *verifier) run(ctx context.Context, records []results.Record, damaged int) error {
	differ, skipped := 0, 0
	var why error // for the first trial that is skipped
	for i, want := range records {
		set, err := v.set(want)
		if err != nil {
			if skipped++; skipped == 1 {
				why = err
			}
			reason := "no kernel set here rounds as class " + want.Config.Class
			if want.Config.Earlier() {
				reason = "an earlier version trained it, with class " + want.Config.Class
			}
			fmt.Fprintf(v.stdout, "%d/%d  %.12s  not verified: %s\n", i+1, len(records), want.Key, reason)
			continue
		}
		data, err := v.split(ctx, want)
		if err != nil {
			return err
		}
		verdict, same, err := search.Verify(ctx, want, set, data, v.workers)
		if err != nil {
			return err
		}
		if !same {
			differ++
		}
		fmt.Fprintf(v.stdout, "%d/%d  %.12s  lr %.6g, reg %.6g, seed %d: %s\n", i+1, len(records), want.Key, want.Config.LR, want.Config.Reg, want.Config.Seed, verdict)
	}
	journal := filepath.Join(v.out, folder.JournalName)
	var wrong []string
	if differ > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of %d trials came out differently than %s says", differ, len(records), journal))
	}
	if damaged > 0 {
		wrong = append(wrong, fmt.Sprintf("%s has %s, which cannot be verified; the next sweep into the folder sets them aside and trains again what it misses", journal, say.Plural(damaged, "damaged line")))
	}
	switch {
	case len(wrong) > 0:
		return errors.New(strings.Join(wrong, "; "))
	case skipped > 0:
		return badInput{fmt.Errorf("%d of %d trials were not verified: %w", skipped, len(records), why)}
	}
	return nil
}

// set returns the kernel set of the record, or another one that rounds alike.
func (v *verifier) set(r results.Record) (*kernels.Set, error) {
	if r.Config.Earlier() {
		return nil, badInput{fmt.Errorf("trial %.12s was trained by an earlier version, whose kernels of class %s summed all terms of a product in one chain; train it again",
			r.Key, r.Config.Class)}
	}
	var alike *kernels.Set
	for _, s := range setsOf(r.Config) {
		switch {
		case v.impl != "" && s.Name != v.impl:
		case s.Name == r.Impl:
			return s, nil
		case alike == nil:
			alike = s
		}
	}
	if alike == nil {
		name := cmp.Or(v.impl, "of this machine")
		return nil, badInput{fmt.Errorf("trial %.12s was trained by %s, which rounds as class %s; no kernel set %s does", r.Key, r.Impl, r.Config.Class, name)}
	}
	return alike, nil
}

// split returns the data of a record.
func (v *verifier) split(ctx context.Context, r results.Record) (*dataset.Split, error) {
	name := fmt.Sprint(r.Config.Net, r.Config.Split, r.Config.Partition, r.Config.Norm)
	s, ok := v.splits[name]
	if !ok {
		choice, err := v.data.ofRecord(r.Config)
		if err != nil {
			return nil, err
		}
		if choice.path == "" && r.DataName == builtIn {
			choice.path = builtIn
		}
		stderr := v.stderr
		if len(v.splits) > 0 {
			stderr = io.Discard // the messages about the data were printed before
		}
		if s, err = choice.read(ctx, r.Config.Net, stderr); err != nil {
			// Another set may not have the split on record.
			if d, found := choice.find(io.Discard); found == nil && d.Hash() != r.Config.Data {
				err = otherData(r, cmp.Or(d.Name, filepath.Base(choice.path)), d.Hash())
			}
			return nil, err
		}
		v.splits[name] = s
	}
	if s.Hash != r.Config.Data {
		return nil, otherData(r, s.Name, s.Hash)
	}
	return s, nil
}

// otherData returns the error for a data set that is not the one of a record.
func otherData(r results.Record, name, hash string) error {
	return badInput{fmt.Errorf("trial %.12s was trained on %s (%.8s), this is %s (%.8s); give its folder with -data", r.Key, r.DataName, r.Config.Data, name, hash)}
}
