package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
)

// A live counts what a sweep has done, while it does it. Work is counted in the
// floating-point operations of training.
type live struct {
	flops        func(results.Config) float64 // of one iteration
	total        float64                      // work of all blocks
	expectedWork float64                      // what early stopping is expected to leave of total
	peak         float64                      // operations per second of one core, measured; 0 if not
	cores        int                          // that the sweep uses

	iters atomic.Int64 // model-iterations so far
	work  atomic.Uint64
	began time.Time

	predicted atomic.Int64 // nanoseconds in all; 0 before it is known

	mu       sync.Mutex
	running  []*track
	trials   int
	done     int
	failures int // trials that diverged or failed
	best     *results.Record
	spared   float64   // work that will not be done: trials that ended early or go on from a state
	steady   time.Time // when the first steps were over
	before   float64   // work until then
}

// A track follows one block.
type track struct {
	*live
	n     int // the n-th block, from 1
	block plan.Block
	began time.Time

	iters, model atomic.Int64 // iterations of the block, and of its nets together
	work         atomic.Uint64
	nets         atomic.Int64
	skipped      atomic.Int64 // iterations that an earlier run did
}

func newLive(blocks []plan.Block, flops func(results.Config) float64, races *halving.Brackets) *live {
	l := &live{flops: flops, cores: 1, began: time.Now()}
	for _, b := range blocks {
		l.trials += len(b.Active())
		l.total += b.FLOPs()
		l.expectedWork += b.FLOPs() * races.Share(b.Trials[0].Config.Iters)
	}
	return l
}

// begin follows the n-th block until end.
func (l *live) begin(n int, b plan.Block) *track {
	t := &track{live: l, n: n, block: b, began: time.Now()}
	t.nets.Store(int64(len(b.Active())))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = append(l.running, t)
	return t
}

func (t *track) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = slices.DeleteFunc(t.running, func(o *track) bool { return o == t })
}

// stepped counts one iteration of so many nets.
func (t *track) stepped(nets int, flops float64) {
	t.iters.Add(1)
	t.model.Add(int64(nets))
	t.work.Add(uint64(flops))
	t.nets.Store(int64(nets))
	t.live.iters.Add(int64(nets))
	work := t.live.work.Add(uint64(flops))
	if t.iters.Load() > 1 {
		t.predict(float64(work))
	}
}

// resumed says that the first iterations need not be done.
func (t *track) resumed(iterations int) {
	t.skipped.Store(int64(iterations))
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, trial := range t.block.Active() {
		t.spared += trial.FLOPs * float64(iterations)
	}
}

// predict says once how long all will take, from a second of work after the first steps.
func (l *live) predict(work float64) {
	if l.predicted.Load() != 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.steady.IsZero() {
		l.steady, l.before = now, work
		return
	}
	if d := now.Sub(l.steady); d >= time.Second && l.predicted.Load() == 0 {
		left := max(min(l.total-l.spared, l.expectedWork)-work, 0)
		l.predicted.Store(int64(now.Sub(l.began)) + int64(left/(work-l.before)*float64(d)))
	}
}

// verdict compares the prediction with what came, if the run was long enough for one.
func (l *live) verdict(took time.Duration) string {
	predicted := time.Duration(l.predicted.Load())
	if predicted == 0 || took < 3*time.Second {
		return ""
	}
	return fmt.Sprintf("took %s; after the first second of training %s were predicted, %+.0f%%",
		say.Clock(took), say.Clock(predicted), 100*(predicted.Seconds()/took.Seconds()-1))
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
			l.failures++
		}
		if r.Val() != nil && (l.best == nil || r.Before(l.best)) {
			l.best = r
		}
	}
}

// maxTracks bounds the blocks that are shown.
const maxTracks = 8

// text describes the state of things: a line for all, and one for each block that runs.
func (l *live) text(elapsed time.Duration, width int) string {
	lines := []string{l.line(elapsed, width)}
	l.mu.Lock()
	running := slices.Clone(l.running)
	l.mu.Unlock()
	for i, t := range running {
		if i == maxTracks {
			lines = append(lines, fmt.Sprintf("  and %s more", say.Plural(len(running)-i, "block")))
			break
		}
		lines = append(lines, t.line(time.Since(t.began), width))
	}
	return strings.Join(lines, "\n")
}

// line describes all blocks in at most width columns, the most important first.
func (l *live) line(elapsed time.Duration, width int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	work, seconds := float64(l.work.Load()), elapsed.Seconds()
	parts := []string{fmt.Sprintf("%d/%d trials", l.done, l.trials)}
	if total := l.total - l.spared; total > 0 {
		parts = append(parts, fmt.Sprintf("%3.0f%%", 100*min(work/total, 1)))
		if work > 0 && seconds > 0 {
			left := time.Duration(max(total-work, 0) / work * float64(elapsed))
			parts = append(parts, "ETA "+say.Clock(left))
		}
	}
	if l.best != nil {
		parts = append(parts, fmt.Sprintf("best %.4f (lr %.6g, reg %.6g)", *l.best.Val(), l.best.Config.LR, l.best.Config.Reg))
	}
	if seconds > 0 {
		parts = append(parts, fmt.Sprintf("%.0f model-it/s", float64(l.iters.Load())/seconds), say.Rate(work/seconds, l.peak, l.cores))
	}
	if l.failures > 0 {
		parts = append(parts, fmt.Sprintf("%d diverged or failed", l.failures))
	}
	return oneLine(parts, width)
}

// line describes the block.
func (t *track) line(elapsed time.Duration, width int) string {
	iters, seconds := t.iters.Load(), elapsed.Seconds()
	at, total := iters+t.skipped.Load(), int64(t.block.Trials[0].Config.Iters)
	parts := []string{
		fmt.Sprintf("  block %d: %s", t.n, say.Plural(int(t.nets.Load()), "net")),
		fmt.Sprintf("%3.0f%%", 100*float64(at)/float64(total)),
	}
	if iters > 0 && seconds > 0 {
		parts = append(parts,
			"ETA "+say.Clock(time.Duration(float64(elapsed)*float64(max(total-at, 0))/float64(iters))),
			fmt.Sprintf("%.1f it/s", float64(iters)/seconds),
			fmt.Sprintf("%.0f model-it/s", float64(t.model.Load())/seconds),
			say.Rate(float64(t.work.Load())/seconds, t.peak, min(max(t.block.Cores, 1), t.cores)))
	}
	return oneLine(parts, width)
}

// oneLine joins the parts that fit a line.
func oneLine(parts []string, width int) string {
	line := parts[0]
	for _, p := range parts[1:] {
		if utf8.RuneCountInString(line)+2+utf8.RuneCountInString(p) > width {
			break
		}
		line += "  " + p
	}
	return line
}

// A screen shows lines that change: redrawn on a terminal, new ones every few
// seconds elsewhere.
type screen struct {
	w        io.Writer
	terminal bool
	width    int
	every    time.Duration
	lines    int // on the terminal
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: 79, every: 5 * time.Second}
	// A dumb terminal cannot move its cursor.
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.terminal, s.every = true, 200*time.Millisecond
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			s.width = width - 1
		}
	}
	return s
}

// show prints the lines, over those before where the screen can do that.
func (s *screen) show(text string) {
	if !s.terminal {
		fmt.Fprintln(s.w, text)
		return
	}
	s.clear()
	fmt.Fprint(s.w, strings.ReplaceAll(text, "\n", "\r\n"))
	s.lines = strings.Count(text, "\n")
}

// clear takes the lines off a terminal, so that something else can be printed.
func (s *screen) clear() {
	if !s.terminal {
		return
	}
	if s.lines > 0 {
		fmt.Fprintf(s.w, "\x1b[%dA", s.lines)
	}
	fmt.Fprint(s.w, "\r\x1b[J") // the cursor to the left, and all below it away
	s.lines = 0
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
