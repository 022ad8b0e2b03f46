// Package progress shows the progress of a sweep while it runs.
//
// A [Sweep] counts the work that its blocks have done and formats status lines. A [Screen] shows
// status lines and updates them.
package progress

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/plan"
)

// A Sweep counts the work of a sweep, in floating-point operations of training. Its methods are
// safe for concurrent use.
type Sweep struct {
	flops        func(results.Config) float64 // of one iteration
	total        float64                      // work of all blocks
	expectedWork float64                      // total without the work that early stopping is expected to save
	Peak         float64                      // measured peak of one core in operations per second; 0 if not measured
	Cores        int                          // number of cores that the sweep uses
	Axes         []string                     // fields of configurations that vary
	Function     bool                         // trials are calls of a function, whose steps are counted, and not nets

	iters atomic.Int64 // model-iterations so far
	work  atomic.Uint64
	Began time.Time

	predicted atomic.Int64 // duration of the sweep in nanoseconds; 0 before it is predicted

	mu        sync.Mutex
	running   []*Block
	trials    int
	done      int
	failures  int // trials that diverged or failed
	best      *results.Record
	saved     float64   // work that is not needed, because trials ended early or resume from a state
	team      []Worker  // the processes that train; nil if this one does
	elsewhere float64   // work of trials that ended
	steady    time.Time // time when the first block had done two iterations
	before    float64   // work until that time
}

// A Block counts the work of one block.
type Block struct {
	*Sweep
	n     int // number of the block, from 1
	block plan.Block
	began time.Time

	iters, model atomic.Int64 // iterations of the block, and of its nets together
	work         atomic.Uint64
	nets         atomic.Int64
	skipped      atomic.Int64 // iterations that an earlier run did

	leader *Best // best of the nets that train, at their last measurement; nil if none was measured
}

// New returns a Sweep for the blocks. The function flops returns the operations of one iteration.
// The function share returns the expected fraction of iterations that early stopping does not save,
// for trials with iters iterations.
func New(blocks []plan.Block, flops func(results.Config) float64, share func(iters int) float64) *Sweep {
	l := &Sweep{flops: flops, Cores: 1, Began: time.Now()}
	for _, b := range blocks {
		l.trials += len(b.Active())
		l.total += b.FLOPs()
		l.expectedWork += b.FLOPs() * share(b.Trials[0].Config.Iters)
	}
	return l
}

// Begin starts to count block n. Blocks are numbered from 1.
func (l *Sweep) Begin(n int, b plan.Block) *Block {
	t := &Block{Sweep: l, n: n, block: b, began: time.Now()}
	t.nets.Store(int64(len(b.Active())))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = append(l.running, t)
	return t
}

// End removes the block from the running blocks.
func (t *Block) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = slices.DeleteFunc(t.running, func(o *Block) bool { return o == t })
}

// Stepped counts one iteration of a number of nets.
func (t *Block) Stepped(nets int, flops float64) {
	t.iters.Add(1)
	t.model.Add(int64(nets))
	t.work.Add(uint64(flops))
	t.nets.Store(int64(nets))
	t.Sweep.iters.Add(int64(nets))
	work := t.Sweep.work.Add(uint64(flops))
	if t.iters.Load() > 1 {
		t.predict(float64(work))
	}
}

// Resumed records that the given number of iterations of the block were done in an earlier run.
func (t *Block) Resumed(iterations int) {
	t.skipped.Store(int64(iterations))
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, trial := range t.block.Active() {
		t.saved += trial.FLOPs * float64(iterations)
	}
}

// predict predicts the duration of the sweep once. It extrapolates from one second of work after
// the first steps.
func (l *Sweep) predict(work float64) {
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
		left := max(min(l.total-l.saved, l.expectedWork)-work, 0)
		l.predicted.Store(int64(now.Sub(l.Began)) + int64(left/(work-l.before)*float64(d)))
	}
}

// Verdict compares the prediction with the time that the sweep took. It returns "" if the sweep was
// too short for a prediction.
func (l *Sweep) Verdict(took time.Duration) string {
	predicted := time.Duration(l.predicted.Load())
	if predicted == 0 || took < 3*time.Second {
		return ""
	}
	return fmt.Sprintf("took %s; after the first second of training %s were predicted, %+.0f%%",
		say.Clock(took), say.Clock(predicted), 100*(predicted.Seconds()/took.Seconds()-1))
}

// Ended counts trials that have ended.
func (l *Sweep) Ended(records []results.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		r := &records[i]
		l.done++
		l.elsewhere += l.flops(r.Config) * float64(r.Steps)
		l.saved += l.flops(r.Config) * float64(r.Config.Iters-r.Steps)
		if r.State == results.Diverged || r.State == results.Failed {
			l.failures++
		}
		if r.Val() != nil && (l.best == nil || r.Before(l.best)) {
			l.best = r
		}
	}
}

// A Worker is another process that trains blocks of the sweep.
type Worker struct {
	Name   string
	Cores  int
	Busy   int           // blocks that it trains
	Rate   float64       // operations per second
	Silent time.Duration // since its last sign of life
}

// Elsewhere takes the processes that train the blocks. Status lines then show them instead of blocks.
func (l *Sweep) Elsewhere(team []Worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.team = team
	if l.team == nil {
		l.team = []Worker{}
	}
}

// crew returns the lines of other processes, or nil if this process trains.
func (l *Sweep) crew() (lines []string) {
	if l.team == nil {
		return nil
	}
	if len(l.team) == 0 {
		return []string{"  no worker runs; start one with sweep worker"}
	}
	for _, w := range l.team {
		line := fmt.Sprintf("  %s: %s on %s", w.Name, say.Plural(w.Busy, "block"), say.Plural(w.Cores, "core"))
		if w.Silent > 20*time.Second {
			line += ", no sign of life for " + say.Clock(w.Silent)
		} else if w.Rate > 0 {
			line += ", " + say.Rate(w.Rate, 0, max(w.Cores, 1))
		}
		lines = append(lines, line)
	}
	return lines
}

// maxTracks is the maximum number of blocks that are shown.
const maxTracks = 8

// Text returns a status line for the sweep, and a line for each running block.
func (l *Sweep) Text(elapsed time.Duration, width int) string {
	lines := []string{l.line(elapsed, width)}
	l.mu.Lock()
	running, others := slices.Clone(l.running), l.crew()
	l.mu.Unlock()
	for i, line := range others {
		if i == maxTracks {
			lines = append(lines, fmt.Sprintf("  and %s more", say.Plural(len(others)-i, "worker")))
			break
		}
		lines = append(lines, oneLine([]string{line}, width))
	}
	for i, t := range running {
		if i == maxTracks {
			lines = append(lines, fmt.Sprintf("  and %s more", say.Plural(len(running)-i, "block")))
			break
		}
		lines = append(lines, t.line(time.Since(t.began), width))
	}
	return strings.Join(lines, "\n")
}

// line describes all blocks in at most width columns, with the most important part first.
func (l *Sweep) line(elapsed time.Duration, width int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	work, seconds := float64(l.work.Load()), elapsed.Seconds()
	if l.team != nil {
		work = l.elsewhere
	}
	parts := []string{fmt.Sprintf("%d/%d trials", l.done, l.trials)}
	if total := l.total - l.saved; total > 0 {
		parts = append(parts, fmt.Sprintf("%3.0f%%", 100*min(work/total, 1)))
		if work > 0 && seconds > 0 {
			left := time.Duration(max(total-work, 0) / work * float64(elapsed))
			parts = append(parts, "ETA "+say.Clock(left))
		}
	}
	if b := l.leading(); b != nil {
		parts = append(parts, b.String(l.Axes))
	}
	if seconds > 0 && l.Function {
		parts = append(parts, fmt.Sprintf("%.3g trials/s", float64(l.done)/seconds))
	} else if seconds > 0 && l.team == nil {
		parts = append(parts, fmt.Sprintf("%.0f model-it/s", float64(l.iters.Load())/seconds), say.Rate(work/seconds, l.Peak, l.Cores))
	}
	if l.failures > 0 {
		parts = append(parts, fmt.Sprintf("%d diverged or failed", l.failures))
	}
	return oneLine(parts, width)
}

// line describes the block.
func (t *Block) line(elapsed time.Duration, width int) string {
	iters, seconds := t.iters.Load(), elapsed.Seconds()
	at, total := iters+t.skipped.Load(), int64(t.block.Trials[0].Config.Iters)
	what := fmt.Sprintf("  block %d: %s", t.n, say.Plural(int(t.nets.Load()), "net"))
	if t.Function {
		what = fmt.Sprintf("  trial %d", t.n)
	}
	parts := []string{
		what,
		fmt.Sprintf("%3.0f%%", 100*float64(at)/float64(total)),
	}
	if iters > 0 && seconds > 0 {
		parts = append(parts,
			"ETA "+say.Clock(time.Duration(float64(elapsed)*float64(max(total-at, 0))/float64(iters))),
			fmt.Sprintf("%.1f it/s", float64(iters)/seconds))
	}
	if iters > 0 && seconds > 0 && !t.Function {
		parts = append(parts,
			fmt.Sprintf("%.0f model-it/s", float64(t.model.Load())/seconds),
			say.Rate(float64(t.work.Load())/seconds, t.Peak, min(max(t.block.Cores, 1), t.Cores)))
	}
	return oneLine(parts, width)
}

// oneLine joins the leading parts that fit into one line.
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
