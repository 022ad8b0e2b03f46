package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/results"
	"fusegrid/search/folder"
)

// onlyOut returns the only output folder below the folder out. If there is no such folder or several, it returns
// an error, which says how to name the folder.
func onlyOut(how string) (string, error) {
	found, _ := filepath.Glob(filepath.Join("out", "*", folder.JournalName))
	switch len(found) {
	case 0:
		return "", badInput{fmt.Errorf("there is no output folder in out; give the folder of a sweep %s", how)}
	case 1:
		return filepath.Dir(found[0]), nil
	}
	return "", badInput{fmt.Errorf("there are %d output folders in out; give one of them %s", len(found), how)}
}

// trialsIn returns the records in an output folder or a journal, and changes nothing.
func trialsIn(name string, stderr io.Writer) ([]*results.Record, error) {
	info, err := os.Stat(name)
	journal := name
	if err == nil && info.IsDir() {
		journal = filepath.Join(name, folder.JournalName)
		_, err = os.Stat(journal)
	}
	if err != nil {
		return nil, badInput{fmt.Errorf("%w; give the folder of a sweep", err)}
	}
	trials, _, err := folder.Trials(journal, logger(stderr))
	if bad, ok := errors.AsType[folder.InputError](err); ok {
		err = badInput{bad.Err}
	}
	return trials, err
}

// A sweepTable is the table of the trials of some folders.
type sweepTable struct {
	*results.Table
	dirs []string
	out  map[*results.Record]string // the folder of each record; nil if there is one folder
}

// readTable returns the table of the trials of some folders, or of the only folder in out.
func readTable(names []string, stderr io.Writer) (*sweepTable, error) {
	if len(names) == 0 {
		only, err := onlyOut("after the command")
		if err != nil {
			return nil, err
		}
		names = []string{only}
	}
	if err := different(names); err != nil {
		return nil, err
	}
	var all []*results.Record
	var out map[*results.Record]string
	if len(names) > 1 {
		out = map[*results.Record]string{}
	}
	for _, name := range names {
		trials, err := trialsIn(name, stderr)
		if err != nil {
			return nil, err
		}
		all = append(all, trials...)
		if out != nil {
			for _, r := range trials {
				out[r] = name
			}
		}
	}
	return &sweepTable{Table: results.NewTableOf(all, results.ByMean), dirs: names, out: out}, nil
}

// different returns an error if two names are of the same folder or journal.
func different(names []string) error {
	var before []os.FileInfo
	for i, name := range names {
		info, err := os.Stat(name)
		if err == nil && info.IsDir() {
			info, err = os.Stat(filepath.Join(name, folder.JournalName))
		}
		if err != nil {
			return nil // the reader has a better error
		}
		if first := slices.IndexFunc(before, func(other os.FileInfo) bool { return os.SameFile(info, other) }); first >= 0 {
			return badInput{fmt.Errorf("%s and %s are the same sweep; name each once", names[first], names[i])}
		}
		before = append(before, info)
	}
	return nil
}

// folderOf returns the folder of a record.
func (s *sweepTable) folderOf(r *results.Record) string {
	if s.out == nil {
		return s.dirs[0]
	}
	return s.out[r]
}

// columns returns the columns of a selection of the table. The column out comes first if there are several folders.
func (s *sweepTable) columns(selection *results.Table) []results.Column {
	all := selection.Columns()
	if s.out != nil {
		out := results.NewColumn("out", results.Text, func(b []byte, row int) []byte { return append(b, s.out[selection.Record(row)]...) })
		all = append([]results.Column{out}, all...)
	}
	return all
}

// find returns the row of the trial whose key begins with prefix.
func (s *sweepTable) find(prefix string) (row int, err error) {
	n := 0
	for i := range s.Len() {
		if strings.HasPrefix(s.Record(i).Key, prefix) {
			n++
			row = i
		}
	}
	if n != 1 {
		return 0, noSuchTrial(prefix, n, strings.Join(s.dirs, ", "))
	}
	return row, nil
}

// noSuchTrial returns the error about the beginning of a key that n trials have.
func noSuchTrial(prefix string, n int, where string) error {
	return badInput{fmt.Errorf("-trial %s: the keys of %d trials in %s begin like this; the keys are in %s", prefix, n, where, folder.CSVName)}
}
