package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"fusegrid"
	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/kernels"
	"fusegrid/nn/assignment"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/progress"
)

// reproduce runs the assignment's experiments and compares every printed figure.
func reproduce(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := cli.NewFlags("reproduce")
	out, dir, impl, dtype := "", "", "", "f64"
	flags.Func("out", "`file`", text(&out))
	flags.Func("data", "`folder`", text(&dir))
	flags.Func("impl", wordsUsage(setNames()), text(&impl))
	oneOf(flags, "dtype", &dtype, "f64", "bfp16", "bfp16d8")
	quiet := flags.Bool("quiet", false, "")
	if err := parse(flags, args); err != nil {
		return err
	}
	if out == "" {
		name := "assignment"
		if dtype != "f64" {
			name += "-" + dtype // a report of f64 has more figures, and is not replaced
		}
		out = filepath.Join("out", name, "report.md")
	}
	set, err := pickSet(impl)
	if err != nil {
		return err
	}
	if set, err = fusegrid.ForType(set, dtype); err != nil {
		return badInput{err}
	}
	switch dir {
	case builtIn:
		return badInput{fmt.Errorf("-data %q: the course used CIFAR-10; give its folder, or omit -data", builtIn)}
	case "":
		dir, _ = dataset.Find()
	}
	if dir == "" && dtype != "f64" {
		return badInput{fmt.Errorf(`-dtype %s trains nets on CIFAR-10, and there is none here; "sweep fetch" gets it`, dtype)}
	}
	if dir == "" {
		logger(stderr).Print(`no CIFAR-10 here, so only the experiments without it run; "sweep fetch" gets it`)
	}
	if err := folder.Probe(filepath.Dir(out)); err != nil {
		return err
	}
	before, err := figuresIn(out)
	if err != nil {
		return err
	}

	report, err := runParts(ctx, set, dir, *quiet, stderr)
	if err != nil {
		return err
	}
	v := verdict{report, string(set.Class), dir != ""}
	if len(v.Figures) < before {
		return badInput{fmt.Errorf("%s has %d figures and is kept, for this run has %d; name the folder of CIFAR-10 with -data, or give another -out", out, before, len(v.Figures))}
	}
	if err := v.writeFiles(out); err != nil {
		return err
	}
	m := results.ThisMachine()
	if err := v.text(stdout, fmt.Sprintf("Ran on %s, %s, kernel set %s.", m.CPU, m.Platform, set.Name)); err != nil {
		return err
	}
	logger(stderr).Printf("the verdicts are in %s", out)
	if !report.OK() {
		return errors.New("not every figure that must agree does")
	}
	return nil
}

// runParts runs the experiments, on the images in a folder if it is not "".
func runParts(ctx context.Context, set *kernels.Set, dir string, quiet bool, stderr io.Writer) (assignment.Report, error) {
	var p partProgress
	stop := func() {}
	if !quiet {
		stop = progress.NewScreen(stderr).Follow(ctx, p.line)
	}
	report, err := assignment.Run(ctx, set, assignment.Options{Data: dir, Progress: p.set})
	stop()
	switch {
	case ctx.Err() != nil:
		return report, fmt.Errorf("interrupted, nothing is written: %w", ctx.Err())
	case err != nil:
		return report, badInput{err}
	}
	for _, note := range report.Notes {
		logger(stderr).Print(note)
	}
	return report, nil
}

// A partProgress is the progress of the part that runs.
type partProgress struct {
	mu   sync.Mutex
	part string
	done float64
}

func (p *partProgress) set(part string, done float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part, p.done = part, done
}

func (p *partProgress) line(elapsed time.Duration, width int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s %3.0f%%  %s  %s", progress.Bar(p.done, 20), 100*p.done, say.Clock(elapsed), p.part)
}
