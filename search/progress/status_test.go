package progress

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"fusegrid/results"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

func TestLiveLine(t *testing.T) {
	quarter := 0.25
	c := results.Config{Net: "two-layer", Batch: 1, Iters: 10, LR: 0.1, Reg: 0.5}
	b := plan.Block{Trials: []grid.Trial{{Config: c, FLOPs: 1e9}}}
	l := New([]plan.Block{b, b, b, b}, func(results.Config) float64 { return 1e9 }, func(int) float64 { return 1 })
	if got := l.line(0, 80); got != "0/4 trials    0%" {
		t.Errorf("at first: %q", got)
	}
	track := l.Begin(1, b)
	for range 15 {
		track.Stepped(1, 1e9)
	}
	l.Ended([]results.Record{
		{Config: c, State: results.Done, Steps: 10, Accuracy: results.Accuracy{FinalVal: &quarter}},
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

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := NewScreen(&b)
	if s.terminal {
		t.Fatal("a buffer is a terminal")
	}
	s.every = time.Microsecond
	shown := make(chan bool)
	var once sync.Once
	stop := s.Follow(t.Context(), func(time.Duration, int) string {
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
	s.Show("abc")
	s.Clear()
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
		t.Run(name, func(t *testing.T) {
			t.Setenv("TERM", name)
			if s := NewScreen(f); s.terminal != want {
				t.Errorf("TERM=%s: lines are redrawn: %t, want %t", name, s.terminal, want)
			}
		})
	}
}
