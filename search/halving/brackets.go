package halving

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/grid"
)

// Brackets hold the trials of a grid. Only trials of one bracket compete. If the seed varies, settings compete by the
// means over their seeds, unless the rule is asynchronous or patience. There is one bracket for
// each number of iterations in the grid, and several if the rule is Hyperband. A block may have
// trials of several brackets. A nil *Brackets means that all trials train to the end.
type Brackets struct {
	rule    Rule
	gain    func(v float64) float64 // makes larger values better, and is its own inverse; see [results.Config.Gain]
	byIters map[int][]*bracket      // the bracket with the earliest first rung, which has all rungs, is first
	byKey   map[string]*bracket     // by key of the trial; only for Hyperband
	seeds   bool                    // seeds of a setting survive or are stopped together
}

// New returns empty brackets for the points of a grid, or nil if r is nil.
func New(r *Rule, points grid.Points) (*Brackets, error) {
	if r == nil {
		return nil, nil
	}
	if err := r.valid(); err != nil {
		return nil, err
	}
	all := &Brackets{rule: *r, byIters: map[int][]*bracket{}}
	seed := uint32(0)
	for c := range points.All() {
		if all.gain == nil {
			all.gain, seed = c.Gain, c.Seed // all points have one objective
		}
		all.seeds = all.seeds || c.Seed != seed && r.waits()
		if all.byIters[c.Iters] != nil {
			continue
		}
		if err := r.Check(c.Iters); err != nil {
			return nil, err
		}
		all.byIters[c.Iters] = r.brackets(c.Iters)
	}
	if r.Hyperband {
		all.assign(points)
	}
	return all, nil
}

// of returns the bracket of a trial with iters iterations, or nil if it has none.
func (bs *Brackets) of(key string, iters int) *bracket {
	switch {
	case bs == nil:
		return nil
	case bs.byKey != nil:
		return bs.byKey[key]
	case bs.byIters[iters] != nil:
		return bs.byIters[iters][0]
	}
	return nil
}

// Enter adds the points of a grid to the brackets, with their records. It omits trials that were
// trained to the end without the rule, because their accuracies at the rungs are not known.
func (bs *Brackets) Enter(points grid.Points, records map[string]results.Record) {
	if bs == nil {
		return
	}
	for c := range points.All() {
		key := c.Key()
		bracket := bs.of(key, c.Iters)
		rec, ok := records[key]
		if e, takesPart := contenderOf(bracket, &rec, ok); takesPart {
			name := key
			if bs.seeds {
				name = settingOf(c)
			}
			bracket.enter(key, name, e)
		}
	}
}

// settingOf returns a text that is equal for the trials that differ only in their seed.
func settingOf(c results.Config) string {
	c.Seed = 0
	return c.Key()
}

// contenderOf returns the standing of a trial, and reports whether the trial competes. If ok is
// true, rec is the record of the trial.
func contenderOf(r *bracket, rec *results.Record, ok bool) (e contender, takesPart bool) {
	name := r.name
	switch {
	case !ok || !rec.Settled(name):
		return contender{}, true
	case rec.Race != name:
		// A trial that diverged before the first rung would also have diverged in this bracket.
		return contender{gone: true, diverged: true}, rec.State == results.Diverged && len(r.rungs) > 0 && rec.Steps < r.rungs[0]
	}
	for _, rung := range rec.Rungs {
		e.vals = append(e.vals, rec.Config.Gain(rung.Val))
	}
	e.passed = len(e.vals)
	if e.stopped = rec.State == results.Stopped; e.stopped {
		e.passed--
	}
	e.gone, e.diverged = !e.stopped, rec.State == results.Diverged
	return e, true
}

// Rule returns the name of the rule for trials with iters iterations, or "" if these have no bracket.
// All brackets of these trials have the same rule.
func (bs *Brackets) Rule(iters int) string {
	if bs == nil || bs.byIters[iters] == nil {
		return ""
	}
	return bs.rule.Name(iters)
}

// Settled reports whether the trial of a record need not be trained again.
func (bs *Brackets) Settled(r *results.Record) bool {
	if bracket := bs.of(r.Key, r.Config.Iters); bracket != nil {
		return r.Settled(bracket.name)
	}
	return r.Settled("")
}

// HasRung reports whether trials with iters iterations may be judged after the given number of
// iterations.
func (bs *Brackets) HasRung(iters, done int) bool {
	if bs == nil || bs.byIters[iters] == nil {
		return false
	}
	_, ok := bs.byIters[iters][0].rungAt(done)
	return ok
}

// Judges reports whether a trial is judged after the given number of iterations.
func (bs *Brackets) Judges(t grid.Trial, done int) bool {
	bracket := bs.of(t.Key, t.Config.Iters)
	if bracket == nil {
		return false
	}
	_, ok := bracket.rungAt(done)
	return ok
}

// Report takes the accuracies of trials that train together and are judged after the given number of
// iterations, or the value of a function. That of trials[n] is vals[n]. Report returns which of the trials survive.
// At a rung where trials are compared, unless the rule is asynchronous, it waits for all other trials of their brackets. If
// ctx is done before a bracket has judged its trials, these survive.
func (bs *Brackets) Report(ctx context.Context, done int, trials []grid.Trial, vals []float64) (survive []bool) {
	groups := bs.groups(done, trials, vals)
	for _, g := range groups { // before any wait, because other blocks may wait for these trials
		g.bracket.arrive(g.rung, g.keys, g.vals)
	}
	for _, g := range groups {
		g.bracket.wait(ctx, g.rung)
	}
	for _, t := range trials {
		survive = append(survive, bs.of(t.Key, t.Config.Iters).trainsOn(t.Key))
	}
	return survive
}

// Waits reports whether trials that train together would have to wait for others if they were judged
// now, after the given number of iterations.
func (bs *Brackets) Waits(done int, trials []grid.Trial) bool {
	return slices.ContainsFunc(bs.groups(done, trials, make([]float64, len(trials))), func(g group) bool {
		return g.bracket.blocks(g.rung, g.keys)
	})
}

// A group holds trials of one bracket that have reached a rung together.
type group struct {
	bracket *bracket
	rung    int
	keys    []string
	vals    []float64
}

func (bs *Brackets) groups(done int, trials []grid.Trial, vals []float64) (all []group) {
	for n, t := range trials {
		bracket := bs.of(t.Key, t.Config.Iters)
		at := slices.IndexFunc(all, func(g group) bool { return g.bracket == bracket })
		if at < 0 {
			at = len(all)
			rung, _ := bracket.rungAt(done)
			all = append(all, group{bracket: bracket, rung: rung})
		}
		g := &all[at]
		g.keys, g.vals = append(g.keys, t.Key), append(g.vals, bs.gain(vals[n]))
	}
	return all
}

// Before returns the rungs of a trial that come before the given number of iterations. It reports
// false if the trial has no bracket.
func (bs *Brackets) Before(t grid.Trial, done int) (rungs []int, ok bool) {
	bracket := bs.of(t.Key, t.Config.Iters)
	if bracket == nil {
		return nil, false
	}
	i, _ := bracket.rungAt(done)
	return bracket.rungs[:i], true
}

// Resume restores the standing of a trial after an interruption: its accuracies at the rungs that it
// has survived. Those rungs do not judge the trial again.
func (bs *Brackets) Resume(t grid.Trial, vals []float64) {
	if bracket := bs.of(t.Key, t.Config.Iters); bracket != nil {
		bracket.resume(t.Key, bs.gains(vals), len(vals))
	}
}

// Restore restores the standing of a trial that trains elsewhere: its accuracies at the rungs that it has reached. The
// last of these rungs may judge it. If gone is true, the trial has left its bracket, because it failed, or diverged.
func (bs *Brackets) Restore(t grid.Trial, vals []float64, gone, diverged bool) {
	bracket := bs.of(t.Key, t.Config.Iters)
	if bracket == nil || bracket.contenders[t.Key] == nil {
		return
	}
	vals = bs.gains(vals)
	switch n := len(vals); {
	case gone:
		bracket.resume(t.Key, vals, n)
		bracket.leave(t.Key, diverged)
	case n > 0:
		bracket.resume(t.Key, vals[:n-1], n-1)
		bracket.arrive(n-1, []string{t.Key}, vals[n-1:])
	}
}

// gains returns values of which larger ones are better.
func (bs *Brackets) gains(vals []float64) []float64 {
	all := make([]float64, len(vals))
	for i, v := range vals {
		all[i] = bs.gain(v)
	}
	return all
}

// Reached returns the name of the bracket and the rungs that a trial has reached, for its record.
func (bs *Brackets) Reached(t grid.Trial) (name string, rungs []results.Rung) {
	bracket := bs.of(t.Key, t.Config.Iters)
	if bracket == nil {
		return "", nil
	}
	for i, v := range bracket.reached(t.Key) {
		rungs = append(rungs, results.Rung{Step: bracket.rungs[i], Val: bs.gain(v)})
	}
	return bracket.name, rungs
}

// Withdraw removes a trial that will diverge from its bracket.
func (bs *Brackets) Withdraw(t grid.Trial) {
	if bracket := bs.of(t.Key, t.Config.Iters); bracket != nil {
		bracket.leave(t.Key, true)
	}
}

// Leave removes the trials that are done, diverged or failed from their brackets.
func (bs *Brackets) Leave(records []results.Record) {
	for i := range records {
		r := &records[i]
		if bracket := bs.of(r.Key, r.Config.Iters); bracket != nil && r.State != results.Stopped {
			bracket.leave(r.Key, r.State == results.Diverged)
		}
	}
}

// Describe describes the rungs and the work that they save, one line for each bracket with trials.
// The function flops returns the operations of one iteration.
func (bs *Brackets) Describe(points grid.Points, flops func(results.Config) float64) string {
	if bs == nil {
		return ""
	}
	cost, counted := map[*bracket]float64{}, map[*bracket]float64{}
	for c := range points.All() {
		bracket := bs.byIters[c.Iters][0]
		if bs.byKey != nil {
			bracket = bs.byKey[c.Key()]
		}
		cost[bracket] += flops(c)
		counted[bracket]++
	}
	var b strings.Builder
	for _, iters := range slices.Sorted(maps.Keys(bs.byIters)) {
		saved, whole := 0.0, 0.0
		for _, r := range bs.byIters[iters] {
			if counted[r] == 0 {
				continue
			}
			each := cost[r] / counted[r]
			all := float64(len(r.contenders)) * float64(iters) * each
			rest := all - r.work(iters)*each
			saved, whole = saved+rest, whole+all
			fmt.Fprintf(&b, "%s: %s\n", r.name, r.describe(iters, rest, all))
		}
		if bs.rule.Hyperband {
			fmt.Fprintf(&b, "%s, all brackets: %s\n", bs.rule.Name(iters), savings(saved, whole))
		}
	}
	return b.String()
}

// describe describes the rungs of a bracket of trials with iters iterations. They save a number of
// operations of the whole.
func (r *bracket) describe(iters int, saved, whole float64) string {
	counts, ok := r.forecast(len(r.sides))
	if !ok {
		return fmt.Sprintf("%d trials, checked after %s of %d iterations; the saving is not known in advance", len(r.contenders), list(r.rungs), iters)
	}
	var parts []string
	for i, at := range append(slices.Clone(r.rungs), iters) {
		if i == len(r.rungs) || r.compared[i] {
			parts = append(parts, fmt.Sprintf("%d to %d", r.trialsOf(counts[i]), at))
		}
	}
	text := strings.Join(parts, ", ") + " iterations"
	if len(parts) > 1 {
		text += ": " + savings(saved, whole)
	}
	if slices.Contains(r.alone, true) {
		text += "; patience may save more"
	}
	return text
}

// savings describes the operations that a rule saves.
func savings(saved, whole float64) string {
	percent := 0.0
	if whole > 0 {
		percent = 100 * saved / whole
	}
	return fmt.Sprintf("saves about %s of %s (%.0f%%)", say.Operations(saved), say.Operations(whole), percent)
}

// Share returns the fraction of their iterations that trials are expected to train, if each has
// iters iterations. It is 1 if no trial is stopped, or if the fraction is not known in advance.
func (bs *Brackets) Share(iters int) float64 {
	if bs == nil {
		return 1
	}
	done, whole := 0.0, 0.0
	for _, r := range bs.byIters[iters] {
		done += r.work(iters)
		whole += float64(len(r.contenders)) * float64(iters)
	}
	if whole == 0 {
		return 1
	}
	return done / whole
}

// list formats numbers. It omits the middle of a long list.
func list(x []int) string {
	words := strings.Fields(strings.Trim(fmt.Sprint(x), "[]"))
	if len(words) > 6 {
		words = append(append(words[:3:3], "…"), words[len(words)-1])
	}
	return strings.Join(words, ", ")
}
