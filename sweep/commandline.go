package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"fusegrid/internal/cli"
)

// errHelp asks for the help text.
var errHelp = flag.ErrHelp

// A helpAsked is the error errHelp of a command with flags.
type helpAsked struct{ flags *flag.FlagSet }

func (helpAsked) Error() string        { return errHelp.Error() }
func (helpAsked) Is(target error) bool { return target == errHelp }

// invalid matches the error of package flag about a value that a flag does not take.
var invalid = regexp.MustCompile(`^invalid (boolean )?value (".*") for (?:flag )?-(.+?): (.*)$`)

// parse reads flags and refuses other arguments. Its errors are one line, which names the flag, its
// value and the remedy.
func parse(fs *flag.FlagSet, args []string) error {
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	switch {
	case fs.NArg() == 0:
		return nil
	case fs.Name() != "sweep" && fs.Arg(0) == "help":
		return errHelp
	case fs.Name() != "sweep":
		return badInput{fmt.Errorf("%q is not a flag; %s; see %s", fs.Arg(0), itsFlags(fs), helpFor(fs))}
	case fs.NArg() == len(args) && fs.Lookup(fs.Arg(0)) != nil:
		return badInput{fmt.Errorf("there is no command %q; a flag begins with a hyphen, -%s; see sweep help", fs.Arg(0), fs.Arg(0))}
	case fs.NArg() == len(args):
		return badInput{noCommand(fs.Arg(0))}
	case slices.Contains(commandNames(), fs.Arg(0)):
		return badInput{fmt.Errorf("a command comes before its flags; write sweep %s and then the flags", fs.Arg(0))}
	}
	return badInput{fmt.Errorf("%q is not a flag; lists have no spaces, -lr 1e-4,1e-3; see sweep help", fs.Arg(0))}
}

// parseNames reads flags, and names of files or folders before, between and after them. It returns the names.
func parseNames(fs *flag.FlagSet, args []string) (names []string, err error) {
	for {
		if err := parseFlags(fs, args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return names, nil
		}
		if names == nil && fs.Arg(0) == "help" {
			return nil, errHelp
		}
		names, args = append(names, fs.Arg(0)), fs.Args()[1:]
	}
}

// parseFlags reads the flags before the first other argument.
func parseFlags(fs *flag.FlagSet, args []string) error {
	for _, arg := range args {
		if why := cli.PastedArgument(arg); why != "" {
			return badInput{fmt.Errorf("%q %s", arg, why)}
		}
	}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return helpAsked{fs}
	case err != nil:
		return badInput{explain(fs, err)}
	}
	return nil
}

// explain returns an error of package flag in the words of this command.
func explain(fs *flag.FlagSet, err error) error {
	var words []string
	if fs.Name() == "sweep" {
		words = []string{"help", "version"}
	}
	if text, ok := cli.UnknownFlag(fs, err, otherTools, words...); ok {
		if fs.Name() != "sweep" {
			text += "; " + itsFlags(fs)
		}
		return fmt.Errorf("%s; see %s", text, helpFor(fs))
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return fmt.Errorf("-%s needs a value; see %s", name, helpFor(fs))
	}
	m := invalid.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%w; see %s", err, helpFor(fs))
	}
	boolean, value, name, why := m[1], m[2], m[3], m[4]
	if boolean != "" {
		why = "give the flag without a value, or omit it"
	}
	return refused(name, value, why)
}

// refused returns the error of a flag that refuses a value, which is quoted.
func refused(name, value, why string) error {
	if value == `""` {
		return fmt.Errorf("-%s is empty; omit the flag for the default", name)
	}
	return fmt.Errorf("-%s %s: %s", name, value, why)
}

// otherTools holds the flags that have other names in other tools.
var otherTools = map[string]string{
	"learning-rate": "lr", "alpha": "lr", "eta": "lr",
	"weight-decay": "reg", "l2": "reg", "lambda": "reg", "regularization": "reg",
	"hidden-size": "hidden", "units": "hidden", "layers": "hidden",
	"batch-size": "batch", "bs": "batch", "minibatch": "batch",
	"lr-decay": "decay", "gamma": "decay",
	"weight-scale": "std", "init-std": "std",
	"random-seed": "seed", "random-state": "seed",
	"steps": "iters", "max-steps": "iters", "num-iters": "iters", "iterations": "iters",
	"num-epochs": "epochs", "momentum": "mu",
	"optimizer": "rule", "optim": "rule", "update-rule": "rule", "precision": "dtype",
	"jobs": "workers", "num-workers": "workers", "threads": "workers", "cores": "workers",
	"output": "out", "output-dir": "out", "data-dir": "data", "dataset": "data",
	"backend": "impl", "kernels": "impl", "save-weights": "keep", "model": "net",
}

// noCommand returns the error of a command that does not exist.
func noCommand(name string) error {
	return fmt.Errorf("there is no command %q%s; the commands are %s", name, cli.DidYouMean(name, commandNames()), and(commandNames()))
}

func commandNames() (names []string) {
	for _, c := range subcommands() {
		names = append(names, c.name)
	}
	return names
}

// helpFor returns the command that shows the flags of a command.
func helpFor(fs *flag.FlagSet) string {
	return strings.TrimSuffix("sweep help "+fs.Name(), " sweep")
}

// flagNames returns the flags of a command, with their hyphens.
func flagNames(fs *flag.FlagSet) []string {
	names := cli.FlagNames(fs)
	for i := range names {
		names[i] = "-" + names[i]
	}
	return names
}

// itsFlags lists the flags of a command.
func itsFlags(fs *flag.FlagSet) string {
	return "sweep " + fs.Name() + " has " + and(flagNames(fs))
}

// and joins words: "a, b and c". Without words, it returns "none".
func and(words []string) string {
	switch last := len(words) - 1; {
	case last < 0:
		return "none"
	case last == 0:
		return words[0]
	default:
		return strings.Join(words[:last], ", ") + " and " + words[last]
	}
}

// quote returns the words of a command as a shell takes them.
func quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%", r)
		}) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// resuming returns the arguments that resume a sweep that had the arguments args. They are the same, but after a
// fresh start they name the new folder out, and -fresh is left out.
func resuming(args []string, fresh bool, out string) []string {
	if !fresh {
		return args
	}
	var rest []string
	for i := 0; i < len(args); i++ {
		name, _, valued := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch {
		case !strings.HasPrefix(args[i], "-") || (name != "fresh" && name != "out"):
			rest = append(rest, args[i])
		case name == "out" && !valued:
			i++
		}
	}
	return append(rest, "-out", out)
}

// commandLine returns the command that a user types to run this program with the arguments.
func commandLine(args []string) string {
	program := "sweep"
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		program = "go run ./sweep"
	}
	return program + " " + quote(args)
}
