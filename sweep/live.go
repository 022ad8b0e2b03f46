package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"fusegrid/results"
)

// A live counts what a sweep has done, while it does it. Work is counted in the
// floating-point operations of training.
type live struct {
	flops func(results.Config) float64 // of one iteration
	total float64                      // work of all blocks

	iters atomic.Int64 // model-iterations so far
	work  atomic.Uint64

	mu     sync.Mutex
	trials int
	done   int
	worst  int // trials that diverged or failed
	best   *results.Record
	spared float64 // work that will not be done: trials that ended early
}

func newLive(blocks []block, flops func(results.Config) float64) *live {
	l := &live{flops: flops}
	for _, b := range blocks {
		l.trials += len(b.trials)
		l.total += b.flops()
	}
	return l
}

// stepped counts one iteration of so many nets.
func (l *live) stepped(nets int, flops float64) {
	l.iters.Add(int64(nets))
	l.work.Add(uint64(flops))
}

// ended counts trials.
func (l *live) ended(records []results.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		r := &records[i]
		l.done++
		l.spared += l.flops(r.Config) * float64(r.Config.Iters-r.Steps)
		if r.State == results.Diverged || r.State == results.Failed {
			l.worst++
		}
		if score, ok := r.Score(); ok {
			if l.best == nil {
				l.best = r
			} else if top, _ := l.best.Score(); score > top {
				l.best = r
			}
		}
	}
}

// line describes the state of things in at most width columns, the most important first.
func (l *live) line(elapsed time.Duration, width int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	work, seconds := float64(l.work.Load()), elapsed.Seconds()
	parts := []string{fmt.Sprintf("%d/%d trials", l.done, l.trials)}
	if total := l.total - l.spared; total > 0 {
		parts = append(parts, fmt.Sprintf("%3.0f%%", 100*min(work/total, 1)))
		if work > 0 && seconds > 0 {
			left := time.Duration(max(total-work, 0) / work * float64(elapsed))
			parts = append(parts, "ETA "+clock(left))
		}
	}
	if l.best != nil {
		score, _ := l.best.Score()
		parts = append(parts, fmt.Sprintf("best %.4f (lr %g, reg %g)", score, l.best.Config.LR, l.best.Config.Reg))
	}
	if seconds > 0 {
		parts = append(parts, fmt.Sprintf("%.0f it/s", float64(l.iters.Load())/seconds), fmt.Sprintf("%.1f GFLOP/s", work/seconds/1e9))
	}
	if l.worst > 0 {
		parts = append(parts, fmt.Sprintf("%d diverged or failed", l.worst))
	}
	line := parts[0]
	for _, p := range parts[1:] {
		if utf8.RuneCountInString(line)+2+utf8.RuneCountInString(p) > width {
			break
		}
		line += "  " + p
	}
	return line
}

// clock prints a duration as people say it: 42s, 3m05s, 2h07m.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

// A screen shows one line that changes: redrawn on a terminal, a new one every few
// seconds elsewhere.
type screen struct {
	w        io.Writer
	terminal bool
	width    int
	every    time.Duration
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: 79, every: 5 * time.Second}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal, s.every = true, 200*time.Millisecond
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			s.width = width - 1
		}
	}
	return s
}

// show prints the line, over the one before where the screen can do that.
func (s *screen) show(line string) {
	if s.terminal {
		fmt.Fprintf(s.w, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(s.w, line)
	}
}

// clear takes the line off a terminal, so that something else can be printed.
func (s *screen) clear() {
	if s.terminal {
		fmt.Fprint(s.w, "\r\x1b[K")
	}
}

// follow shows line until ctx ends, and waits for that in the function it returns.
func (s *screen) follow(ctx context.Context, line func(elapsed time.Duration, width int) string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(s.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				s.clear()
				return
			case <-tick.C:
				s.show(line(time.Since(start), s.width))
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// bar draws a progress bar such as [=====>    ].
func bar(part float64, width int) string {
	n := int(part * float64(width))
	n = max(0, min(n, width))
	head := ""
	if n < width {
		head = ">"
	}
	return "[" + strings.Repeat("=", n) + head + strings.Repeat(" ", width-n-len(head)) + "]"
}
