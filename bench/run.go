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
	"strings"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"

	"fusegrid"
	"fusegrid/bench/cases"
	"fusegrid/bench/peers"
	"fusegrid/internal/atomicfile"
	"fusegrid/kernels"
)

var runCommand = command{
	name:  "run",
	short: "measure every kernel set, write raw results",
	long: `
bench run measures the kernel sets in interleaved rounds: each round measures
every set once. It writes the results in the format of go test -bench, or
nothing if it is interrupted. Each rate in FLOP/s comes with the peak of one
core, which is measured just before. bench compare makes tables from the
results.
`,
	setup: func(f *flag.FlagSet) action {
		out := f.String("o", "results/raw/kernels.txt", "write raw results to this `file`; - is standard output\n")
		var p plan
		p.flags(f, "*")
		withPeers := f.Bool("peers", false, "also measure other libraries, as bench peers does")
		return func(ctx context.Context, _ []string, stdout, stderr io.Writer) error {
			if err := p.check(); err != nil {
				return err
			}
			sets := fusegrid.All()
			if _, err := p.choose(cases.Of(sets)); err != nil {
				return err
			}
			if *out != "-" {
				if err := makeFolder(*out); err != nil {
					return err
				}
			}
			var rivals []*peers.Peer
			if *withPeers {
				rivals = startPeers(ctx, peers.Widest(), stderr)
				defer closePeers(rivals)
			}
			var raw bytes.Buffer
			if err := p.record(ctx, sets, rivals, &raw, stderr); err != nil {
				return err
			}
			if *out == "-" {
				_, err := stdout.Write(raw.Bytes())
				return err
			}
			return atomicfile.Write(*out, func(w io.Writer) error { _, err := w.Write(raw.Bytes()); return err })
		}
	},
}

// makeFolder makes the folder of the file that -o names. A wrong name is then an error before the work, not after it.
func makeFolder(out string) error {
	if err := os.Mkdir(filepath.Dir(out), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return badUsage("-o %s: %v; run bench in the module's root, or create the folder", out, err)
	}
	return nil
}

// record measures the kernel sets and writes the raw results to raw and status lines to
// progress.
func (p *plan) record(ctx context.Context, sets []*kernels.Set, rivals []*peers.Peer, raw, progress io.Writer) error {
	if !slices.ContainsFunc(sets, func(s *kernels.Set) bool { return s.Name == "openblas" }) {
		fmt.Fprintln(progress, "this build lacks openblas; to include it: go run -tags openblas ./bench run")
	}
	if p.rounds < leastRounds {
		fmt.Fprintf(progress, "%d rounds: tables need at least %d rounds for confidence intervals\n", p.rounds, leastRounds)
	}
	for _, s := range sets {
		if c := weakness(s.Name, s.Detail); c != (core{}) {
			fmt.Fprintln(progress, narrow(fmt.Sprintf("openblas runs its %s kernels (%s)", c.name, c.remark)))
		}
	}
	w := newRaw(raw, sets, p.clock)
	w.peers(rivals)
	var head []string
	err := p.hold(ctx, withPeers(cases.Of(sets), rivals), func(c *contest) error {
		names, rates := []string{c.group.Unit + "/s on one core"}, []string{c.label()}
		for _, r := range c.rows {
			names = append(names, r.Impl)
			rates = append(rates, benchunit.Scale(median(r.rates(c.group)).Center, benchunit.Decimal))
		}
		if !slices.Equal(names, head) {
			head = names
			fmt.Fprintf(progress, "\n%s\n", columns(head))
		}
		fmt.Fprintln(progress, columns(rates))
		return w.contest(c)
	})
	if ctx.Err() != nil {
		return fmt.Errorf("%w; no results were written", ctx.Err())
	}
	return err
}

// columns formats a table line: the first cell left-aligned, the others right-aligned.
func columns(cells []string) string {
	line := fmt.Sprintf("%-26s", cells[0])
	for _, c := range cells[1:] {
		line += fmt.Sprintf(" %9s", c)
	}
	return line
}

// A rawWriter writes lines that describe the machine, and then results in Go's benchmark format.
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
		if l.Value == "" {
			continue // most arm64 CPUs, for example, have no brand name
		}
		r.config = append(r.config, benchfmt.Config{Key: l.Key, Value: []byte(l.Value), File: true})
	}
	for _, unit := range cases.Units {
		fmt.Fprintf(w, "Unit %s better=higher\n", unit)
	}
	return r
}

// peers adds a line for each library that runs in another process.
func (r *rawWriter) peers(rivals []*peers.Peer) {
	for _, p := range rivals {
		r.config = append(r.config, benchfmt.Config{Key: p.Row(), Value: []byte(p.Detail), File: true})
	}
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

// narrow breaks a line of more than 80 characters before its remark in parentheses.
func narrow(line string) string {
	if len(line) <= 80 {
		return line
	}
	return strings.Replace(line, " (", "\n(", 1)
}
