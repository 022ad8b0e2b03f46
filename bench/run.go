package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/google/renameio/v2/maybe"
	"github.com/klauspost/cpuid/v2"
	"golang.org/x/perf/benchfmt"

	"fusegrid"
	"fusegrid/bench/cases"
	"fusegrid/kernels"
)

// runCommand measures and writes one raw file, whole or not at all.
func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	out := f.String("o", "results/raw/kernels.txt", "raw results are written to this `file`; - is standard output")
	var p plan
	p.flags(f, "*")
	if err := parse(f, args, stderr, 0, 0); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	if *out != "-" {
		// Better now than after the measurement.
		if err := os.Mkdir(filepath.Dir(*out), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return badUsage("-o %s: %v; run in the module's root, or make the folder", *out, err)
		}
	}

	sets := fusegrid.All()
	if !slices.ContainsFunc(sets, func(s *kernels.Set) bool { return s.Name == "openblas" }) {
		fmt.Fprintln(stderr, "no row openblas in this build: go run -tags openblas ./bench run adds it")
	}
	var raw bytes.Buffer
	w := newRaw(&raw, sets, p.clock)
	start := time.Now()
	err := p.hold(ctx, cases.Of(sets), func(c *contest) error {
		fmt.Fprintf(stderr, "%4.0fs %s/%s:", time.Since(start).Seconds(), c.group.Kernel, c.group.Name)
		for _, r := range c.rows {
			fmt.Fprintf(stderr, " %s %s", r.Impl, summary(r.rates(c.group)))
		}
		fmt.Fprintf(stderr, " %s/s\n", c.group.Unit)
		return w.contest(c)
	})
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: nothing was written")
	}
	if err != nil {
		return err
	}
	if *out == "-" {
		_, err := stdout.Write(raw.Bytes())
		return err
	}
	return maybe.WriteFile(*out, raw.Bytes(), 0o644)
}

// A rawWriter writes results in the benchmark format of Go, with the machine
// above them.
type rawWriter struct {
	w      *benchfmt.Writer
	config []benchfmt.Config
}

func newRaw(w io.Writer, sets []*kernels.Set, clock string) *rawWriter {
	lines := append([]cases.Line{
		{Key: "goos", Value: runtime.GOOS},
		{Key: "goarch", Value: runtime.GOARCH},
		{Key: "cpu", Value: cpuid.CPU.BrandName},
		{Key: "clock", Value: clock},
		{Key: "threads", Value: "1"},
	}, cases.Machine(sets)...)
	r := &rawWriter{w: benchfmt.NewWriter(w)}
	for _, l := range lines {
		r.config = append(r.config, benchfmt.Config{Key: l.Key, Value: []byte(l.Value), File: true})
	}
	for _, unit := range cases.Units {
		fmt.Fprintf(w, "Unit %s better=higher\n", unit)
	}
	return r
}

// contest writes the results of c in the order in which they were measured.
func (r *rawWriter) contest(c *contest) error {
	for round := range c.rows[0].results {
		for _, row := range c.rows {
			res := row.results[round].Clone()
			res.Config = r.config
			if err := r.w.Write(res); err != nil {
				return err
			}
		}
	}
	return nil
}
