package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A Screen shows text that is updated. On a terminal it redraws them, and elsewhere it prints new
// lines every few seconds.
type Screen struct {
	w        io.Writer
	terminal bool
	width    int
	every    time.Duration
	lines    int // number of newlines of the text on the terminal
}

// NewScreen returns a screen on w.
func NewScreen(w io.Writer) *Screen {
	s := &Screen{w: w, width: 79, every: 5 * time.Second}
	// A terminal of type dumb cannot move its cursor.
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.terminal, s.every = true, 200*time.Millisecond
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			s.width = width - 1
		}
	}
	return s
}

// Show prints the lines. On a terminal, they replace the previous lines.
func (s *Screen) Show(text string) {
	if !s.terminal {
		fmt.Fprintln(s.w, text)
		return
	}
	s.Clear()
	fmt.Fprint(s.w, strings.ReplaceAll(text, "\n", "\r\n"))
	s.lines = strings.Count(text, "\n")
}

// Clear removes the lines from a terminal before other text is printed.
func (s *Screen) Clear() {
	if !s.terminal {
		return
	}
	if s.lines > 0 {
		fmt.Fprintf(s.w, "\x1b[%dA", s.lines)
	}
	fmt.Fprint(s.w, "\r\x1b[J") // move the cursor to the left and clear the screen below it
	s.lines = 0
}

// Follow shows the lines until ctx ends or stop is called. The function stop waits until the last line is shown.
func (s *Screen) Follow(ctx context.Context, line func(elapsed time.Duration, width int) string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(s.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				s.Clear()
				return
			case <-tick.C:
				s.Show(line(time.Since(start), s.width))
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// Bar draws a progress bar such as [=====>    ].
func Bar(part float64, width int) string {
	n := int(part * float64(width))
	n = max(0, min(n, width))
	head := ""
	if n < width {
		head = ">"
	}
	return "[" + strings.Repeat("=", n) + head + strings.Repeat(" ", width-n-len(head)) + "]"
}
