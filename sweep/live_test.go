package main

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

func TestLiveLine(t *testing.T) {
	c := results.Config{Net: "two-layer", Batch: 1, Iters: 10, LR: 0.1, Reg: 0.5}
	b := plan.Block{Trials: []grid.Trial{{Config: c, FLOPs: 1e9}}}
	l := newLive([]plan.Block{b, b, b, b}, func(results.Config) float64 { return 1e9 }, nil)
	if got := l.line(0, 80); got != "0/4 trials    0%" {
		t.Errorf("at first: %q", got)
	}
	track := l.begin(1, b)
	for range 15 {
		track.stepped(1, 1e9)
	}
	l.ended([]results.Record{
		{Config: c, State: results.Done, Steps: 10, Accuracy: results.Accuracy{FinalVal: ptr(0.25)}},
		{Config: c, State: results.Diverged, Steps: 5},
	})
	want := "2/4 trials   43%  ETA 20s  best 0.2500 (lr 0.1, reg 0.5)  1 model-it/s  1.0 GFLOP/s/core  1 diverged or failed"
	if got := l.line(15*time.Second, 200); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := l.line(15*time.Second, 30); got != "2/4 trials   43%  ETA 20s" {
		t.Errorf("narrow: %q", got)
	}
}

func TestRate(t *testing.T) {
	for _, c := range []struct {
		flops, peak float64
		cores       int
		want        string
	}{
		{85.4e9, 178e9, 2, "42.7 GFLOP/s/core (24% of its peak)"},
		{85.4e9, 178e9, 1, "85.4 GFLOP/s/core (48% of its peak)"},
		{85.4e9, 0, 2, "42.7 GFLOP/s/core"},
	} {
		if got := say.Rate(c.flops, c.peak, c.cores); got != c.want {
			t.Errorf("%g on %d cores: %q, want %q", c.flops, c.cores, got, c.want)
		}
	}
	for flops, want := range map[float64]string{0: "0 GFLOP", 2.5e8: "0.25 GFLOP", 999.9e9: "999.9 GFLOP", 999.96e9: "1 TFLOP", 1.334e13: "13.34 TFLOP", 2e15: "2 PFLOP", 5e21: "5000 EFLOP"} {
		if got := say.Operations(flops); got != want {
			t.Errorf("say.Operations(%g) = %q, want %q", flops, got, want)
		}
	}
}

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := newScreen(&b)
	if s.terminal {
		t.Fatal("a buffer is a terminal")
	}
	s.every = time.Microsecond
	shown := make(chan bool)
	var once sync.Once
	stop := s.follow(t.Context(), func(time.Duration, int) string {
		once.Do(func() { close(shown) })
		return "line"
	})
	<-shown
	stop()
	if got := b.String(); strings.ReplaceAll(got, "line\n", "") != "" || got == "" {
		t.Errorf("shown: %q", got)
	}
	b.Reset()
	s.terminal = true
	s.show("abc")
	s.clear()
	if got := b.String(); got != "\r\x1b[Jabc\r\x1b[J" {
		t.Errorf("terminal: %q", got)
	}
}

func TestDumbTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to open here: %v", err)
	}
	defer f.Close()
	for name, want := range map[string]bool{"xterm": true, "dumb": false} {
		t.Setenv("TERM", name)
		if s := newScreen(f); s.terminal != want {
			t.Errorf("TERM=%s: lines are redrawn: %t, want %t", name, s.terminal, want)
		}
	}
}
