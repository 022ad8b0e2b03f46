package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/grid"
)

// drawnGrid returns the arguments of a small sweep over sampled points.
func drawnGrid(more string) []string {
	return strings.Fields("-data synthetic -impl reference -quiet -lr log:1e-4..1e-2 -reg 0..1 -hidden 2..6 -batch 20 -iters 12 -std 1e-2 -seed 1,2 " + more)
}

// TestSampledSweep trains sampled points at once and with interruptions. Both have the same points and figures.
func TestSampledSweep(t *testing.T) {
	isolate(t)
	for _, m := range grid.Methods() {
		whole, parts := m+"-whole", m+"-parts"
		m += ":18"
		if _, stderr, code := call(t, drawnGrid("-sample "+m+" -out "+whole)...); code != exitOK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			callContext(t, ctx, drawnGrid("-workers 2 -block 1 -checkpoint 0 -sample "+m+" -out "+parts)...)
			cancel()
		}
		if _, stderr, code := call(t, drawnGrid("-workers 2 -block 1 -sample "+m+" -out "+parts)...); code != exitOK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		searchtest.Complete(t, m, parts, 36, results.NewTable(searchtest.Recorded(t, whole)).Digest())
	}
}

// TestMaxTime ends a sweep after a time, and resumes it.
func TestMaxTime(t *testing.T) {
	isolate(t)
	long := strings.Fields("-data synthetic -impl reference -quiet -lr 1e-3 -reg 0 -hidden 2 -batch 20 -std 1e-2 -iters 100000 -out o -max-time 200ms")
	_, stderr, code := call(t, long...)
	if code != exitInterrupted || !strings.Contains(stderr, "sweep: the time of 200ms is over; 0 of 1 trials are on record. To resume:\n  ") || strings.Count(stderr, "\n") != 2 {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	_, stderr, code = call(t, long...)
	if code != exitInterrupted || !strings.Contains(stderr, "1 trial resumes from checkpoints after ") {
		t.Errorf("the second time: exit code %d, stderr %q", code, stderr)
	}
	_, stderr, code = call(t, append(long, "-max-time", "-1s")...)
	if code != exitBadInput {
		t.Errorf("-max-time -1s: exit code %d, stderr %q", code, stderr)
	}
}
