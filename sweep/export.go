package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/results/export"
	"fusegrid/search/folder"
)

// An exporter writes the trials of an output folder into a file for other programs.
type exporter struct {
	format export.Format
	dir    string // the output folder
	file   string
	top    int // number of trials; 0: all; negative: the default of the format
	force  bool
	where  string // condition on the columns; "" for all trials
}

// exportTrials is the command sweep export. A sweep may be writing to the folder.
func exportTrials(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	e, err := parseExport(args)
	if err != nil {
		return err
	}
	collectFor(0) // nearly all of the memory is records, and garbage of the same size is affordable
	table, err := e.read(stderr)
	if err != nil {
		return err
	}
	all := table.Len()
	rows, err := rowsWhere(e.where, table.Columns(), all)
	if err != nil {
		return err
	}
	if e.top > 0 {
		rows = rows[:min(e.top, len(rows))]
	}
	if len(rows) == 0 {
		return badInput{fmt.Errorf("-where %s: no trial of %s fits", e.where, e.dir)}
	}
	table = table.Select(rows)
	curves := new(folder.Curves) // none
	if e.format.Curves {
		if curves, err = (&folder.Folder{Dir: e.dir}).Curves(); err != nil {
			return err
		}
	}
	defer curves.Close()
	dir, err := filepath.Abs(e.dir)
	if err != nil {
		return err
	}
	if err := e.format.Write(ctx, export.Source{Name: filepath.Base(dir), Table: table, Curves: exported(curves)}, e.file); err != nil {
		return err
	}
	what := shareOf(table.Len(), all)
	if e.where != "" {
		what = fmt.Sprintf("%d of %s", table.Len(), say.Plural(all, "trial"))
	}
	_, err = fmt.Fprintf(stdout, "%s: %s\n", e.file, what)
	return err
}

// exported returns the kept curves in the form of an export. A damaged curve is left out.
func exported(kept *folder.Curves) export.Curves {
	return func(key string) []export.Curve {
		c, ok, err := kept.Of(key)
		if !ok || err != nil {
			return nil
		}
		if c.Values != nil {
			return []export.Curve{{Name: export.ReportedVal, Steps: c.Steps, Values: c.Values}}
		}
		return []export.Curve{
			{Name: "loss", Steps: c.LossSteps, Values: wide(c.Loss)},
			{Name: "epoch_train", Steps: c.Steps, Values: wide(c.Train)},
			{Name: export.EpochVal, Steps: c.Steps, Values: wide(c.Val)},
		}
	}
}

// wide returns the numbers with the fewest digits that identify the float32 numbers: 0.58, and not 0.5799999833106995.
func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	var text []byte
	for i, v := range x {
		text = strconv.AppendFloat(text[:0], float64(v), 'g', -1, 32)
		y[i], _ = strconv.ParseFloat(string(text), 64) // cannot fail
	}
	return y
}

// parseExport reads the arguments and checks that the file may be written.
func parseExport(args []string) (*exporter, error) {
	e := &exporter{top: -1}
	formats := formatNames()
	var format string
	fs := cli.NewFlags("export")
	oneOf(fs, "to", &format, formats...)
	fs.Func("o", "`file`", text(&e.file))
	fs.Func("top", "", whole(&e.top, 0, math.MaxInt, "give the number of best trials to export, or 0 for all"))
	fs.BoolVar(&e.force, "force", false, "")
	fs.Func("where", "", text(&e.where))
	names, err := parseNames(fs, args)
	if err != nil {
		return nil, err
	}
	if format == "" {
		return nil, badInput{fmt.Errorf("-to is missing; the formats are %s", and(formats))}
	}
	for _, f := range export.Formats() {
		if f.Name == format {
			e.format = f
		}
	}
	if why := e.format.Missing(); why != "" {
		return nil, badInput{errors.New(why)}
	}
	if e.dir, err = oneFolder(names); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(e.dir, folder.JournalName)); err != nil {
		return nil, badInput{fmt.Errorf("%w; give the folder of a sweep", err)}
	}
	if e.top < 0 {
		e.top = e.format.Most
	}
	if e.file == "" {
		e.file = filepath.Join(e.dir, "export"+e.format.Suffix)
	}
	return e, e.mayWrite()
}

// oneFolder returns the folder that the arguments name, or else the only output folder in out.
func oneFolder(names []string) (string, error) {
	switch len(names) {
	case 0:
		return onlyOut("after the command")
	case 1:
		return names[0], nil
	}
	return "", badInput{fmt.Errorf("%q: sweep export takes one folder; see sweep help export", names[1])}
}

func formatNames() (names []string) {
	for _, f := range export.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// mayWrite returns an error if the file exists, unless it may be replaced. The journal may never be replaced.
func (e *exporter) mayWrite() error {
	info, err := os.Stat(e.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(e.file)); err != nil {
			return badInput{fmt.Errorf("-o %s: there is no folder %s; make it first", e.file, filepath.Dir(e.file))}
		}
		return nil
	case err != nil:
		return badInput{fmt.Errorf("-o: %w", err)}
	}
	journal, err := os.Stat(filepath.Join(e.dir, folder.JournalName))
	switch {
	case err == nil && os.SameFile(info, journal):
		return badInput{fmt.Errorf("-o %s: it is the journal of the sweep; name another file", e.file)}
	case info.IsDir() && !e.format.Folder:
		return badInput{fmt.Errorf("-o %s: it is a folder; name a file", e.file)}
	case !info.IsDir() && e.format.Folder:
		return badInput{fmt.Errorf("-o %s: it is a file; name a folder", e.file)}
	case precious(e.file):
		return badInput{fmt.Errorf("-o %s: it is a file of a sweep; name another file", e.file)}
	case !e.force:
		return badInput{fmt.Errorf("%s exists; replace it with -force, or name another with -o", e.file)}
	}
	return nil
}

// read returns the table of the output folder.
func (e *exporter) read(stderr io.Writer) (*results.Table, error) {
	trials, _, err := folder.Trials(filepath.Join(e.dir, folder.JournalName), logger(stderr))
	if err != nil {
		return nil, err
	}
	if len(trials) == 0 {
		return nil, badInput{fmt.Errorf("%s has no trial to export", e.dir)}
	}
	return results.NewTableOf(trials, results.ByMean), nil
}

// shareOf says how many of all trials were exported.
func shareOf(n, all int) string {
	if n == all {
		return say.Plural(n, "trial")
	}
	return fmt.Sprintf("the best %d of %d trials", n, all)
}
