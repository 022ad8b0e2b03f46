// Bench measures the kernel sets against each other.
//
//	bench list                     list the benchmarks, and the keys for -filter
//	bench run                      measure every kernel set, write raw results
//	bench compare [FILE...]        make tables from raw results
//	bench duel A B                 measure kernel set A against kernel set B
//	bench peers SET                measure a kernel set against other libraries
//	bench errors                   measure the errors of long sums
//	bench accuracy                 compare accuracies of two types
//	bench page                     measure the page of sweep report in Chromium
//
// "bench help COMMAND" shows the flags of a command. The flag -filter selects benchmarks
// with the syntax of benchstat: '.name:Gemm /dtype:f32 /impl:(avx512 OR openblas)'. The
// kernel set openblas is present only in builds with -tags openblas. The flag -clock cpu
// counts only the CPU time of this process, for machines that are busy with other work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"fusegrid"
	"fusegrid/internal/cli"
)

func main() {
	fusegrid.EnsureOpenBLAS(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// A command is a subcommand of bench.
type command struct {
	name, args  string // "duel", "A B"
	short, long string // a one-line summary; the help text, in lines of at most 80 columns
	least, most int    // number of arguments that are not flags; most < 0 means no limit
	// setup defines the flags and returns the action to run after they are parsed.
	setup func(*flag.FlagSet) action
}

type action func(ctx context.Context, args []string, stdout, stderr io.Writer) error

func commands() []command {
	return []command{listCommand, runCommand, compareCommand, duelCommand, peersCommand, errorsCommand, accuracyCommand, pageCommand}
}

func find(name string) (command, error) {
	names := []string{"help", "-help", "-version"}
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return command{}, badUsage("unknown command %q%s; bench help lists the commands", name, cli.DidYouMean(name, names))
}

// run runs the command line args and returns the exit code. The code is 1 for a failure or a lost
// duel, 2 for a wrong command line, and 130 after an interruption.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 2
	}
	name, err := "bench", error(nil)
	switch args[0] {
	case "-version", "--version", "version":
		fmt.Fprintln(stdout, cli.Version("bench"))
	case "-h", "-help", "--help":
		usage(stdout)
	case "help":
		err = help(args[1:], stdout)
	default:
		var c command
		if c, err = find(args[0]); err == nil {
			name = "bench " + c.name
			err = c.do(ctx, args[1:], stdout, stderr)
		}
	}
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 2
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(stderr, "%s: %s\n", name, strings.Replace(err.Error(), context.Canceled.Error(), "interrupted", 1))
		return 130
	default:
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
}

// usage prints the list of commands.
func usage(w io.Writer) {
	io.WriteString(w, "usage:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-32s %s\n", c.synopsis(), c.short)
	}
	fmt.Fprintf(w, "  %-32s %s\n", "bench help COMMAND", "show the flags of a command")
	fmt.Fprintf(w, "  %-32s %s\n", "bench -version", "show the version")
}

func (c command) synopsis() string {
	return strings.TrimSpace("bench " + c.name + " [FLAGS] " + c.args)
}

// help prints the help of the command named by args, or the list of commands if args is
// empty.
func help(args []string, stdout io.Writer) error {
	if len(args) == 0 || args[0] == "help" {
		usage(stdout)
		return nil
	}
	c, err := find(args[0])
	if err == nil {
		f := cli.NewFlags(c.name)
		c.setup(f)
		c.help(f, stdout)
	}
	return err
}

func (c command) help(f *flag.FlagSet, stdout io.Writer) {
	fmt.Fprintf(stdout, "usage: %s\n\n%s\n\nflags:\n", c.synopsis(), strings.TrimSpace(c.long))
	f.SetOutput(stdout)
	f.PrintDefaults()
}

// do parses args and runs the command.
func (c command) do(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := cli.NewFlags(c.name)
	action := c.setup(f)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		c.help(f, stdout)
		return nil
	case err != nil:
		text, ok := cli.UnknownFlag(f, err, nil)
		if !ok {
			text = err.Error()
		}
		return badUsage("%s; see bench help %s", text, c.name)
	}
	if n := f.NArg(); n < c.least {
		return badUsage("%d arguments, want %d; see bench help %s", n, c.least, c.name)
	} else if c.most >= 0 && n > c.most {
		return badUsage("unexpected argument %q; flags must come before arguments; see bench help %s", f.Arg(c.most), c.name)
	}
	return action(ctx, f.Args(), stdout, stderr)
}

// A usageError reports a wrong command line.
type usageError struct{ error }

func badUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
