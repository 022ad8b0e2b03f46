// Sweep trains a grid of small nets and says which is best. "sweep help" tells
// the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"fusegrid"
	"fusegrid/internal/cli"
	"fusegrid/search/folder"
)

// gcPercent returns how much garbage may pile up before it is collected, in percent of what is alive,
// where that is mostly data of so many bytes. Images and weights are few and large: let them not be
// doubled by garbage. But 64 MB of it are nothing beside what a process needs anyway, and a
// small heap would be collected all the time.
func gcPercent(data int) int {
	const least, most, room = 25, 100, 64 << 20
	return max(least, min(most, room/max(data/100, 1)))
}

// collectFor sets the garbage collector up for data of so many bytes, unless the user did.
func collectFor(data int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent(data))
	}
}

func main() {
	fusegrid.EnsureOpenBLAS(os.Stderr)
	collectFor(math.MaxInt) // until it is known
	os.Exit(run(untilInterrupted(), os.Args[1:], os.Stdout, os.Stderr))
}

// untilInterrupted returns a context that the first Ctrl-C or SIGTERM ends, or the end of the terminal. The
// second one ends the process at once, whatever it is busy with: the journal takes that.
func untilInterrupted() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	return ctx
}

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // something went wrong on the way
	exitBadInput    = 2 // nothing was done: flags, data or output folder are no good
	exitInterrupted = 130
)

// A badInput is an error that the user can cure, found before anything was done.
type badInput struct{ error }

func (b badInput) Unwrap() error { return b.error }

// errShown ends a command that has said on stderr what was wrong.
var errShown = errors.New("shown")

// run is the whole command: main is a skin over it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(ctx, args, stdout, stderr)
	switch {
	case err == context.Canceled:
		fmt.Fprintln(stderr, "sweep: interrupted")
	case err != nil && !errors.Is(err, errShown):
		fmt.Fprintf(stderr, "sweep: %s%v\n", flagBefore(err), err)
	}
	return exitCode(err)
}

// flagBefore returns the flag that sets what an error of package search is about. It stands before the error.
func flagBefore(err error) string {
	var bad folder.InputError
	errors.As(err, &bad)
	switch bad.Setting {
	case "Dir":
		return "-out: "
	case "Halving": // the error begins with the rule, such as halving 3:100
		return "-"
	}
	return ""
}

func exitCode(err error) int {
	var bad badInput
	var badFolder folder.InputError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &bad), errors.As(err, &badFolder):
		return exitBadInput
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

// logger returns what a sweep says to people: lines that name the program.
func logger(w io.Writer) *log.Logger { return log.New(w, "sweep: ", 0) }

// A subcommand is what the word before the flags asks for.
type subcommand struct {
	name, help string
	run        func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// subcommands returns all of them, in the order of the help text.
func subcommands() []subcommand {
	return []subcommand{
		{"fetch", fetchHelp, fetch},
		{"verify", verifyHelp, verify},
		{"reproduce", reproduceHelp, reproduce},
		{"impl", implHelp, impl},
		{"version", versionHelp, version},
		{"help", helpText(), help},
	}
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c := subcommand{"sweep", helpText(), sweep}
	if len(args) > 0 {
		name := args[0]
		switch name {
		case "-h", "-help", "--help":
			name = "help"
		case "-version", "--version":
			name = "version"
		}
		for _, s := range subcommands() {
			if s.name == name {
				c, args = s, args[1:]
				break
			}
		}
	}
	err := c.run(ctx, args, stdout, stderr)
	if errors.Is(err, errHelp) {
		_, err = io.WriteString(stdout, c.help)
	}
	return err
}

// help shows the help text of a command, or the one for all.
func help(_ context.Context, args []string, stdout, _ io.Writer) error {
	text := helpText()
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "sweep" {
		all := subcommands()
		i := slices.IndexFunc(all, func(s subcommand) bool { return s.name == args[0] })
		if i < 0 {
			return badInput{noCommand(args[0])}
		}
		text = all[i].help
	}
	_, err := io.WriteString(stdout, text)
	return err
}

// version says what this program was built from.
func version(_ context.Context, args []string, stdout, _ io.Writer) error {
	if err := parse(newFlags("version"), args); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, cli.Version("sweep"))
	return err
}
