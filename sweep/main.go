// Sweep trains a grid of small nets and shows which is best. "sweep help" lists its
// commands and flags.
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
	"time"

	"fusegrid"
	"fusegrid/internal/cli"
	"fusegrid/search/folder"
)

// gcPercent returns the garbage that may accumulate before it is collected, in percent of the live memory, which is
// mostly data of the given size. Garbage must not double the memory of images and weights. But 64 MB of garbage are
// few, and less would make a process with a small heap collect all the time.
func gcPercent(data int) int {
	const least, most, room = 25, 100, 64 << 20
	return max(least, min(most, room/max(data/100, 1)))
}

// collectFor sets the garbage collector for data of the given size, unless the user has set GOGC.
func collectFor(data int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent(data))
	}
}

func main() {
	fusegrid.EnsureOpenBLAS(os.Stderr)
	collectFor(math.MaxInt) // until the size of the data is known
	os.Exit(run(untilInterrupted(), os.Args[1:], os.Stdout, os.Stderr))
}

// untilInterrupted returns a context that ends at the first Ctrl-C or SIGTERM, or when the terminal closes. The second
// signal ends the process at once, which the journal survives. Batch systems send SIGTERM to a script and to its
// processes, and the script may pass it on, so a SIGTERM within a second of the first signal is not a second one.
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
		began := time.Now()
		for again := range signals {
			if again != syscall.SIGTERM || time.Since(began) > time.Second {
				os.Exit(exitInterrupted)
			}
		}
	}()
	return ctx
}

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // the command failed after it had begun
	exitBadInput    = 2 // nothing was done, because of the flags, the data or the output folder
	exitInterrupted = 130
)

// A badInput is an error that the user can cure, found before anything was done.
type badInput struct{ error }

func (b badInput) Unwrap() error { return b.error }

// errShown ends a command that has already printed its error.
var errShown = errors.New("shown")

// run is main with its arguments and streams passed in. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(ctx, args, stdout, stderr)
	switch {
	case err == context.Canceled:
		logger(stderr).Print("interrupted")
	case err != nil && !errors.Is(err, errShown):
		logger(stderr).Printf("%s%v", flagBefore(err), err)
	}
	return exitCode(err)
}

// flagBefore returns the flag of the setting that an error of package search is about. It stands before the error.
func flagBefore(err error) string {
	if errors.As(err, new(located)) {
		return ""
	}
	bad, _ := errors.AsType[folder.InputError](err)
	switch bad.Setting {
	case "Dir":
		return "-out: "
	case "Shard":
		return "-shard: "
	case "Halving": // the error begins with the rule, such as halving 3:100
		return "-"
	}
	return ""
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(badInput)), errors.As(err, new(folder.InputError)):
		return exitBadInput
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // a signal, or -max-time
		return exitInterrupted
	}
	return exitFailed
}

// logger returns a logger whose messages begin with the name of the program. A terminal shows them in lines that fit.
func logger(w io.Writer) *log.Logger { return log.New(folded(w), "sweep: ", 0) }

// A subcommand is one command of the program.
type subcommand struct {
	name, help string
	run        func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// subcommands returns the commands in the order of the help text.
func subcommands() []subcommand {
	return []subcommand{
		{"fetch", fetchHelp, fetch},
		{"data", dataHelp, describe},
		{"export", exportHelp, exportTrials},
		{"show", showHelp(), show},
		{"report", reportHelp, writeReport},
		{"watch", watchHelp, watch},
		{"plot", plotHelp, drawPlots},
		{"diff", diffHelp, diff},
		{"status", statusHelp, status},
		{"verify", verifyHelp, verify},
		{"predict", predictHelp, predict},
		{"prune", pruneHelp, prune},
		{"merge", mergeHelp, merge},
		{"slurm", slurmHelp, slurm},
		{"kube", kubeHelp, kube},
		{"reproduce", reproduceHelp, reproduce},
		{"worker", workerHelp, worker},
		{"workers", workersHelp, workers},
		{"store", storeHelp, manageStore},
		{"impl", implHelp, impl},
		{"completion", completionHelp, completion},
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

// help shows the help text of a command, or the text of the sweep itself.
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

// version shows the version that this program was built from.
func version(_ context.Context, args []string, stdout, _ io.Writer) error {
	if err := parse(cli.NewFlags("version"), args); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, cli.Version("sweep"))
	return err
}
