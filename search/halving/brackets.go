package halving

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/grid"
)

// Brackets holds a bracket for each number of iterations in a grid. Only trials with the same
// number of iterations compete. A nil *Brackets means that all trials train to the end.
type Brackets struct {
	rule    Rule
	byIters map[int]*Bracket
}

// New returns empty brackets for the points of a grid, or nil if r is nil.
func New(r *Rule, points grid.Points) (*Brackets, error) {
	if r == nil {
		return nil, nil
	}
	if err := r.valid(); err != nil {
		return nil, err
	}
	all := &Brackets{*r, map[int]*Bracket{}}
	for c := range points.All() {
		iters := c.Iters
		if all.byIters[iters] != nil {
			continue
		}
		if err := r.Check(iters); err != nil {
			return nil, err
		}
		all.byIters[iters] = newBracket(*r, iters)
	}
	return all, nil
}

// Enter adds the points of a grid to the brackets, with their records. It omits trials that were
// trained to the end without the rule, because their accuracies at the rungs are not known.
func (bs *Brackets) Enter(points grid.Points, records map[string]results.Record) {
	if bs == nil {
		return
	}
	for c := range points.All() {
		bracket, key := bs.Of(c.Iters), c.Key()
		rec, ok := records[key]
		if e, takesPart := contenderOf(bracket, &rec, ok); takesPart {
			bracket.enter(key, e)
		}
	}
}

// contenderOf returns the standing of a trial, and reports whether the trial competes. If ok is
// true, rec is the record of the trial.
func contenderOf(r *Bracket, rec *results.Record, ok bool) (e contender, takesPart bool) {
	name := r.name
	switch {
	case !ok || !rec.Settled(name):
		return contender{}, true
	case rec.Race != name:
		// A trial that diverged before the first rung would also have diverged in this bracket.
		return contender{gone: true}, rec.State == results.Diverged && rec.Steps < r.rungs[0]
	}
	for _, rung := range rec.Rungs {
		e.vals = append(e.vals, rung.Val)
	}
	e.passed = len(e.vals)
	if e.stopped = rec.State == results.Stopped; e.stopped {
		e.passed--
	}
	e.gone = !e.stopped
	return e, true
}

// Of returns the bracket of the trials with iters iterations, or nil if none of these trials
// competes.
func (bs *Brackets) Of(iters int) *Bracket {
	if bs == nil {
		return nil
	}
	return bs.byIters[iters]
}

// Name returns the name of the rule in the records of trials with iters iterations, or "" if these
// have no bracket.
func (bs *Brackets) Name(iters int) string {
	if bracket := bs.Of(iters); bracket != nil {
		return bracket.name
	}
	return ""
}

// Reached returns the name of the rule and the rungs that a trial has reached, for its record.
func (bs *Brackets) Reached(t grid.Trial) (name string, rungs []results.Rung) {
	bracket := bs.Of(t.Config.Iters)
	if bracket == nil {
		return "", nil
	}
	return bracket.name, bracket.Reached(t.Key)
}

// Leave removes the trials that are done, diverged or failed from their brackets.
func (bs *Brackets) Leave(records []results.Record) {
	for _, r := range records {
		if bracket := bs.Of(r.Config.Iters); bracket != nil && r.State != results.Stopped {
			bracket.Leave(r.Key)
		}
	}
}

// Describe describes the rungs and the work that they save, one line for each number of iterations.
// The function flops returns the operations of one iteration.
func (bs *Brackets) Describe(points grid.Points, flops func(results.Config) float64) string {
	if bs == nil {
		return ""
	}
	cost, counted := map[int]float64{}, map[int]float64{}
	for c := range points.All() {
		cost[c.Iters] += flops(c)
		counted[c.Iters]++
	}
	var b strings.Builder
	for _, iters := range slices.Sorted(maps.Keys(bs.byIters)) {
		r := bs.byIters[iters]
		n := len(r.contenders)
		fmt.Fprintf(&b, "%s: ", r.name)
		counts, ok := bs.rule.Forecast(n, iters)
		if !ok {
			fmt.Fprintf(&b, "%d trials, checked after %s of %d iterations; the saving is not known in advance\n", n, list(r.rungs), iters)
			continue
		}
		for i, at := range append(slices.Clone(r.rungs), iters) {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%d to %d", counts[i], at)
		}
		whole := float64(n) * float64(iters) * cost[iters] / counted[iters]
		saved := 1 - bs.Share(iters)
		fmt.Fprintf(&b, " iterations: saves about %s of %s (%.0f%%)\n", say.Operations(saved*whole), say.Operations(whole), 100*saved)
	}
	return b.String()
}

// Share returns the fraction of their iterations that trials are expected to train, if each has
// iters iterations. It is 1 if no trial is stopped, or if the fraction is not known in advance.
func (bs *Brackets) Share(iters int) float64 {
	r := bs.Of(iters)
	if r == nil {
		return 1
	}
	n := len(r.contenders)
	counts, ok := bs.rule.Forecast(n, iters)
	if !ok || n == 0 {
		return 1
	}
	done, from := 0.0, 0
	for i, at := range append(slices.Clone(r.rungs), iters) {
		done += float64(counts[i]) * float64(at-from)
		from = at
	}
	return done / (float64(n) * float64(iters))
}

// list formats numbers. It omits the middle of a long list.
func list(x []int) string {
	words := strings.Fields(strings.Trim(fmt.Sprint(x), "[]"))
	if len(words) > 6 {
		words = append(append(words[:3:3], "…"), words[len(words)-1])
	}
	return strings.Join(words, ", ")
}
