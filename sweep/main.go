// Sweep trains a grid of small nets and says which is best. "sweep help" tells
// the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"fusegrid"
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
		fmt.Fprintf(stderr, "sweep: %v\n", err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var bad badInput
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &bad):
		return exitBadInput
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch name {
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(stdout, helpText)
		return err
	case "fetch":
		return fetch(ctx, args[1:], stdout, stderr)
	case "verify":
		return verify(ctx, args[1:], stdout, stderr)
	case "reproduce":
		return reproduce(ctx, args[1:], stdout, stderr)
	case "impl":
		return impl(args[1:], stdout)
	}
	return sweep(ctx, args, stdout, stderr)
}
