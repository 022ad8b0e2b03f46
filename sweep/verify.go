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

	"fusegrid"
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
	out, data      string
	impl           string
	stdout, stderr io.Writer
	splits         map[string]*dataset.Split // by net
}

// verify trains recorded trials again, each alone, and compares every bit.
func verify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	v := &verifier{n: 5, workers: 1, stdout: stdout, stderr: stderr, splits: map[string]*dataset.Split{}}
	fs := cli.NewFlags("verify")
	fs.Func("n", "", whole(&v.n, 1, math.MaxInt, "give the number of trials to train again, 1 or more"))
	fs.Func("trial", "", text(&v.key))
	fs.BoolVar(&v.all, "all", false, "")
	fs.Func("out", "", text(&v.out))
	fs.Func("data", "", text(&v.data))
	fs.Func("impl", "", text(&v.impl))
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
		fmt.Fprintf(stderr, "sweep: %s\n", text)
	}
	if v.out == "" {
		var err error
		if v.out, err = onlyOut(); err != nil {
			return err
		}
	}
	records, damaged, err := v.pick()
	if err != nil {
		return err
	}
	return v.run(ctx, records, damaged)
}

// onlyOut returns the only output folder below the folder out. If there is no such folder or several, it returns
// an error.
func onlyOut() (string, error) {
	found, _ := filepath.Glob(filepath.Join("out", "*", folder.JournalName))
	switch len(found) {
	case 0:
		return "", badInput{errors.New("there is no output folder in out; give the folder of a sweep with -out")}
	case 1:
		return filepath.Dir(found[0]), nil
	}
	return "", badInput{fmt.Errorf("there are %d output folders in out; give one of them with -out", len(found))}
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
	for _, r := range out.Records {
		if r.State != results.Failed {
			all = append(all, r)
		}
	}
	results.Rank(all)
	if v.key != "" {
		for _, r := range all {
			if strings.HasPrefix(r.Key, v.key) {
				found = append(found, r)
			}
		}
		if len(found) != 1 {
			return nil, 0, badInput{fmt.Errorf("-trial %s: the keys of %d trials in %s begin like this; the keys are in %s", v.key, len(found), v.out, folder.CSVName)}
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
			fmt.Fprintf(v.stdout, "%d/%d  %.12s  not verified: no kernel set here rounds as class %s\n", i+1, len(records), want.Key, want.Config.Class)
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
	var alike *kernels.Set
	for _, s := range fusegrid.All() {
		s, err := fusegrid.ForType(s, r.Config.DType)
		if err != nil {
			continue
		}
		switch {
		case v.impl != "" && s.Name != v.impl, string(s.Class) != r.Config.Class:
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
	s, ok := v.splits[r.Config.Net]
	if !ok {
		dir := v.data
		if dir == "" && r.DataName == builtIn {
			dir = builtIn
		}
		stderr := v.stderr
		if len(v.splits) > 0 {
			stderr = io.Discard // the messages about the data were printed before
		}
		var err error
		if s, err = load(ctx, dir, r.Config.Net, stderr); err != nil {
			return nil, err
		}
		v.splits[r.Config.Net] = s
	}
	if s.Hash != r.Config.Data {
		return nil, badInput{fmt.Errorf("trial %.12s was trained on %s (%.8s), this is %s (%.8s); give its folder with -data", r.Key, r.DataName, r.Config.Data, s.Name, s.Hash)}
	}
	return s, nil
}
