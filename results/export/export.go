// Package export writes tables of trials into files that other programs read.
//
// All formats have the columns of [results.Table.Columns], with the same exact values. A format that
// has room for metadata says in which version of the columns it was written.
package export

import (
	"context"
	"io"

	"fusegrid/internal/atomicfile"
	"fusegrid/results"
)

// Version names the columns and their meaning in files with room for metadata. The number grows if a
// column is renamed or changes its meaning. A new column does not change it.
const Version = "fusegrid-trials/1"

// A Source is what is exported.
type Source struct {
	Name   string // name of the sweep in programs that show several
	Table  *results.Table
	Curves Curves // nil if there are no curves
}

// Names of the curves with the value that trials are ranked by. A trial has at most one of them.
const (
	EpochVal    = "epoch_val"    // of a net: the validation accuracy
	ReportedVal = "reported_val" // of a function
)

// Curves returns the curves of the trial with the given key, or nil if it has none.
type Curves func(key string) []Curve

// A Curve has the values of one quantity during a training.
type Curve struct {
	Name   string // name of the quantity, such as loss or EpochVal
	Steps  []int  // number of iterations after which each value was measured, ascending
	Values []float64
}

// A Format is one kind of files.
type Format struct {
	Name   string // as in -to
	Suffix string // of the name of a file
	Most   int    // default number of trials, because readers are slow with more; 0 if there is no limit
	Curves bool   // the format has room for curves
	Folder bool   // the format is a folder of files

	missing string // why this build cannot write the format, if it cannot
	write   func(ctx context.Context, s Source, name string) error
}

// Formats returns all formats.
func Formats() []Format {
	return []Format{
		{Name: "csv", Suffix: ".csv", write: file(writeCSV)},
		{Name: "jsonl", Suffix: ".jsonl", write: file(writeJSONL)},
		{Name: "parquet", Suffix: ".parquet", write: file(writeParquet)},
		{Name: "npz", Suffix: ".npz", write: file(writeNPZ)},
		{Name: "sqlite", Suffix: ".sqlite", write: file(writeSQLite), missing: sqliteMissing},
		{Name: "tensorboard", Suffix: ".tensorboard", Most: 100, Curves: true, Folder: true, write: writeTensorBoard},
		{Name: "optuna", Suffix: ".optuna.log", Most: 100, Curves: true, write: file(writeOptuna)},
	}
}

// Missing returns why this build cannot write the format, or "" if it can.
func (f *Format) Missing() string { return f.missing }

// Write writes a file, or replaces it. If the context ends or an error occurs, there is no new file and
// the old one is unchanged.
func (f *Format) Write(ctx context.Context, s Source, name string) error {
	return f.write(ctx, s, name)
}

// file returns the function that writes a file with contents from write.
func file(write func(w io.Writer, s Source) error) func(context.Context, Source, string) error {
	return func(ctx context.Context, s Source, name string) error {
		return atomicfile.Write(name, func(w io.Writer) error {
			if err := write(&stoppable{ctx, w}, s); err != nil {
				return err
			}
			return ctx.Err()
		})
	}
}

// A stoppable is a writer that fails when its context ends.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s *stoppable) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}

func writeCSV(w io.Writer, s Source) error   { return s.Table.WriteCSV(w) }
func writeJSONL(w io.Writer, s Source) error { return s.Table.WriteJSONL(w) }
