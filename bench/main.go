// Bench measures the kernel sets against each other.
//
//	bench run [-o FILE] [-filter QUERY] [-n ROUNDS]    measure, write raw results
//	bench compare [-base ROW,...] [FILE...]            raw results to tables
//	bench duel [-filter QUERY] [-n ROUNDS] A B         one row against another
//
// A query selects benchmarks as in benchstat: '.name:Gemm /dtype:f32
// /impl:(avx512 OR openblas)'. The row openblas needs -tags openblas. On a machine
// that does other work too, -clock cpu counts the time of this process alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"fusegrid"
)

func main() {
	fusegrid.EnsureOpenBLAS(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `usage:
  bench run [-o FILE] [-filter QUERY] [-n ROUNDS]   measure every row, interleaved; write results/raw
  bench compare [-base ROW,...] [FILE...]           make results/tables from results/raw, or print FILEs
  bench duel [-filter QUERY] [-n ROUNDS] A B        measure row A against row B and judge
`

// run is main with its surroundings as arguments. It returns the exit code: 1
// for a failure or a lost duel, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(ctx context.Context, args []string, stdout, stderr io.Writer) error{
		"run":     runCommand,
		"compare": compareCommand,
		"duel":    duelCommand,
	}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "bench: unknown command %q\n%s", args[0], usage)
		return 2
	}
	err := command(ctx, args[1:], stdout, stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "bench %s: %v\n", args[0], err)
		return 2
	default:
		fmt.Fprintf(stderr, "bench %s: %v\n", args[0], err)
		return 1
	}
}

// A usageError is a wrong command line.
type usageError struct{ error }

func badUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// parse parses args and checks the number of those that are not flags.
func parse(f *flag.FlagSet, args []string, stderr io.Writer, least, most int) error {
	f.SetOutput(io.Discard)
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		f.SetOutput(stderr)
		f.Usage()
		return err
	} else if err != nil {
		return usageError{err}
	}
	if f.NArg() < least {
		return badUsage("%d arguments, want %d; see bench %s -h", f.NArg(), least, f.Name())
	}
	if most >= 0 && f.NArg() > most {
		return badUsage("unexpected argument %q; flags come first", f.Arg(most))
	}
	return nil
}
