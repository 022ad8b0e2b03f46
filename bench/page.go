package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

var pageCommand = command{
	name: "page", short: "measure the page of sweep report in Chromium",
	long: `
bench page opens pages of 50,000 trials with their learning curves in Chromium,
and prints a table: the size of the file, the times until answers and charts are
painted, the times of filters, sorts, selections and drags, and those of a page
to which 100 trials a second are added. One page has a grid of trials with five
seeds, and the other random values. Times are medians. Those of the processor
depend less on other programs.

It runs tests of the module in report/browsertest, so it needs Go, Chromium
(make deps) and a copy of the repository, in which it must run. This takes
minutes.`,
	setup: func(f *flag.FlagSet) action {
		live := f.Bool("live", true, "also measure a page to which trials are added")
		return func(ctx context.Context, _ []string, stdout, stderr io.Writer) error {
			tests := "^(TestLarge|TestLiveRate)$"
			if !*live {
				tests = "^TestLarge$"
			}
			return measurePage(ctx, tests, stdout, stderr)
		}
	},
}

// measurePage runs the tests that measure pages, and prints their figures.
func measurePage(ctx context.Context, tests string, stdout, stderr io.Writer) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "fusegrid").Output()
	dir := filepath.Join(strings.TrimSpace(string(root)), "report", "browsertest")
	if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); err != nil || statErr != nil {
		return errors.New("run it in a copy of the repository: it needs the module in report/browsertest")
	}
	c := exec.CommandContext(ctx, "go", "test", "-run", tests, "-count", "1", "-timeout", "30m", "-v", ".")
	c.Dir = dir
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, stderr
	err = c.Run()
	figures := figuresOf(&said)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("the tests in %s failed: %w\n%s", dir, err, said.Bytes())
	case len(figures) == 0:
		return errors.New("nothing was measured; make deps installs Chromium")
	}
	return writeFigures(stdout, figures)
}

// A pageFigure is one line of a test that measures pages.
type pageFigure struct{ page, what, value string }

// figuresOf returns the figures in the output of tests: lines with figure, page, what and value between tabs.
func figuresOf(r io.Reader) (all []pageFigure) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if _, text, ok := strings.Cut(lines.Text(), "figure\t"); ok {
			if cells := strings.Split(text, "\t"); len(cells) == 3 {
				all = append(all, pageFigure{cells[0], cells[1], cells[2]})
			}
		}
	}
	return all
}

// writeFigures writes a table with a row for each measure and a column for each page.
func writeFigures(w io.Writer, all []pageFigure) error {
	var pages, rows []string
	cells := map[[2]string]string{}
	for _, f := range all {
		if !slices.Contains(pages, f.page) {
			pages = append(pages, f.page)
		}
		if !slices.Contains(rows, f.what) {
			rows = append(rows, f.what)
		}
		cells[[2]string{f.what, f.page}] = f.value
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(pages, " | "), strings.Repeat("---:|", len(pages)))
	for _, what := range rows {
		fmt.Fprintf(&b, "| %s |", what)
		for _, page := range pages {
			fmt.Fprintf(&b, " %s |", cells[[2]string{what, page}])
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
