package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"fusegrid"
	"fusegrid/internal/cli"
	"fusegrid/kernels"
	"fusegrid/results"
)

// peakTime is the duration of the measurement of a peak.
const peakTime = 50 * time.Millisecond

// impl shows the kernel sets of this machine and build.
func impl(_ context.Context, args []string, stdout, _ io.Writer) error {
	if err := parse(cli.NewFlags("impl"), args); err != nil {
		return err
	}
	best, err := fusegrid.Best()
	if err != nil {
		return badInput{err}
	}
	m := results.ThisMachine()
	width := terminalOf(stdout, "never").width
	var b, text bytes.Buffer
	fmt.Fprintf(&b, "%s, %d cores, %s, %s\n\n", m.CPU, m.Cores, m.Platform, m.Go)
	fmt.Fprintf(&b, "      %-10s %-9s %8s %8s  %16s  %16s\n", "set", "class", "tile f32", "tile f64", "f32 GFLOP/s/core", "f64 GFLOP/s/core")
	for _, s := range fusegrid.All() {
		mark := ""
		if s.Name == best.Name {
			mark = "best"
		}
		fmt.Fprintf(&b, "%-5s %-10s %-9s %8s %8s  %16s  %16s\n", mark, s.Name, s.Class,
			tile(s.F32.Tile), tile(s.F64.Tile), peak[float32](s), peak[float64](s))
	}
	fmt.Fprintln(&b)
	for _, s := range fusegrid.All() {
		needs := strings.Join(s.Features, ", ")
		if needs == "" {
			needs = "no feature of the CPU"
		}
		if s.Detail != "" {
			needs += "; " + s.Detail
		}
		fmt.Fprintf(&text, "%-10s needs %s\n", s.Name, needs)
	}
	for _, a := range fusegrid.Missing() {
		fmt.Fprintf(&text, "%-10s is missing: %s\n", a.Name, a.Reason)
	}
	b.WriteString(fold(text.String(), width))
	about := fmt.Sprintf("GFLOP/s/core is the peak of one core, measured: fused multiply-adds in registers alone. Sets of one class give the same bits. -impl NAME or %s=NAME chooses another set.", fusegrid.EnvImpl)
	fmt.Fprintf(&b, "\n%s\n", strings.Join(cli.Fold(strings.Fields(about), width), "\n"))
	_, err = stdout.Write(b.Bytes())
	return err
}

func tile(t kernels.Tile) string {
	if t.MR <= 1 && t.NR <= 1 {
		return "-"
	}
	return fmt.Sprintf("%dx%d", t.MR, t.NR)
}

func peak[T kernels.Float](s *kernels.Set) string {
	rate, ok := fusegrid.Peak[T](s, peakTime)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1f", rate/1e9)
}
