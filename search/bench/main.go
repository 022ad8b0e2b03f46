// Bench compares the samplers of this module with those of Optuna.
//
//	go run ./search/bench            make the table of results/samplers.md from raw results
//	go run ./search/bench -measure   measure the samplers of this module first (seconds)
//
// The script optuna_tpe.py measures Optuna. Both write one line for each study into results/raw. Nothing
// is timed, so another machine may be used, and it may be busy.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"fusegrid/internal/atomicfile"
)

const (
	tableFile  = "samplers-cifar.csv"    // the trials of case cifar
	oursFile   = "samplers-fusegrid.csv" // raw results of this module
	theirsFile = "samplers-optuna.csv"   // raw results of Optuna
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the command line and returns the exit code: 1 for a failure, 2 for a wrong command line.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("search/bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	again := f.Bool("measure", false, "measure the samplers of this module first")
	seeds := f.Int("seeds", 50, "number of studies of each case and sampler, with -measure")
	raw := f.String("raw", "results/raw", "`folder` of raw results")
	to := f.String("to", "results/samplers.md", "`file` for the table")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "search/bench: %q is not a flag; search/bench -help lists the flags\n", f.Arg(0))
		return 2
	case *seeds < 1:
		fmt.Fprintf(stderr, "search/bench: -seeds %d: there must be a study; write for example -seeds 50\n", *seeds)
		return 2
	}
	if err := compare(*again, *seeds, *raw, *to); err != nil {
		fmt.Fprintf(stderr, "search/bench: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, *to)
	return 0
}

// compare makes the table of raw results. If again is true, it measures our samplers first.
func compare(again bool, seeds int, raw, to string) error {
	if again {
		all, err := problems(filepath.Join(raw, tableFile))
		if err != nil {
			return err
		}
		write := func(w io.Writer) error { return measure(w, all, seeds) }
		if err := atomicfile.Write(filepath.Join(raw, oursFile), write); err != nil {
			return err
		}
	}
	text, err := report(raw)
	if err != nil {
		return err
	}
	return atomicfile.Write(to, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}
