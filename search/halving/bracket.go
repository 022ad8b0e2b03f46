package halving

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// A bracket holds the contenders, which are trials with the same number of iterations and the same
// rungs that compete under a rule. All seeds of a setting are on one side: they survive or are stopped
// together, by their mean. At some rungs, contenders are compared with each other. Unless the rule is asynchronous, a
// contender that has reached such a rung waits there for the others. At some rungs, patience judges each contender by
// itself. Except under an asynchronous rule, the decisions depend only on the
// accuracies, not on blocks, workers or the order of arrival. All methods are safe for concurrent
// use.
type bracket struct {
	rule     Rule
	name     string // name of the rule in records
	rungs    []int  // numbers of iterations
	compared []bool // by rung: contenders are compared with each other
	alone    []bool // by rung: patience judges each contender by itself

	mu         sync.Mutex
	contenders map[string]*contender // by key of the trial
	sides      map[string]*side      // by name
	behind     []int                 // by rung: number of contenders in training that have not reached it
	judged     []chan struct{}       // by rung: closed when the rung has been judged
}

// A contender is the standing of a trial in a bracket.
type contender struct {
	key     string
	vals    []float64 // at each rung that it has reached: the validation accuracy, or another number that is larger if the trial is better
	passed  int       // rungs that it has survived
	stopped bool      // stopped at the rung of the last of vals
	gone    bool      // done, diverged or failed

	diverged bool
	bored    bool // stopped by patience
}

// newBracket returns an empty bracket. At the rungs of the list compared, contenders are compared with each other, and
// at those of the list alone, patience judges each by itself. A rung may be in both lists.
func newBracket(r Rule, name string, compared, alone []int) *bracket {
	rungs := slices.Concat(compared, alone)
	slices.Sort(rungs)
	bracket := &bracket{rule: r, name: name, rungs: slices.Compact(rungs), contenders: map[string]*contender{}, sides: map[string]*side{}}
	bracket.behind = make([]int, len(bracket.rungs))
	for _, at := range bracket.rungs {
		bracket.judged = append(bracket.judged, make(chan struct{}))
		bracket.compared = append(bracket.compared, slices.Contains(compared, at))
		bracket.alone = append(bracket.alone, slices.Contains(alone, at))
	}
	return bracket
}

// enter adds a contender to the side of the given name. All trials must enter before the first report.
func (r *bracket) enter(key, name string, e contender) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.key = key
	e.bored = e.stopped && r.withoutGain(len(e.vals)-1, &e)
	r.contenders[key] = &e
	s := r.sides[name]
	if s == nil {
		s = &side{key: key}
		r.sides[name] = s
	}
	s.key, s.seeds = min(s.key, key), append(s.seeds, &e)
	r.trains(&e, +1)
}

// resume restores the standing of a trial after an interruption: its accuracies, and the number of
// rungs that it had survived. Those rungs do not judge the trial again.
func (r *bracket) resume(key string, vals []float64, passed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.contenders[key]
	if e == nil || e.stopped || e.gone || len(e.vals) > 0 {
		return
	}
	r.trains(e, -1)
	e.vals, e.passed = vals, passed
	r.trains(e, +1)
	for i := range vals {
		r.settle(i)
	}
}

// trains adds n to the contenders behind each rung that e has not reached.
func (r *bracket) trains(e *contender, n int) {
	if e.stopped || e.gone {
		return
	}
	for i := len(e.vals); i < len(r.behind); i++ {
		r.behind[i] += n
	}
}

// leave removes a trial that is done, diverged or failed. The others no longer wait for it.
func (r *bracket) leave(key string, diverged bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.contenders[key]
	if e == nil || e.gone {
		return
	}
	r.trains(e, -1)
	e.gone, e.diverged = true, diverged
	for i := len(e.vals); i < len(r.rungs); i++ {
		r.settle(i)
	}
}

// arrive takes the accuracies of trials that train together and have reached rung i, counted from 0.
// The trial with key keys[n] has the accuracy vals[n].
func (r *bracket) arrive(i int, keys []string, vals []float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, key := range keys {
		if e := r.contenders[key]; len(e.vals) == i {
			e.vals = append(e.vals, vals[n])
			r.behind[i]--
		}
	}
	r.judgeAlone(i, keys)
	if r.compared[i] && r.rule.Async {
		r.decide(i)
	}
	for j := i; j < len(r.rungs); j++ { // others may wait at a later rung for a trial that patience has stopped
		r.settle(j)
	}
}

// waits reports whether a contender waits at rung i until all others have reached it.
func (r *bracket) waits(i int) bool { return r.compared[i] && r.rule.waits() }

// wait returns when rung i has been judged, or ctx is done. Only rules for which all contenders must
// arrive wait.
func (r *bracket) wait(ctx context.Context, i int) {
	if !r.waits(i) {
		return
	}
	select {
	case <-r.judged[i]:
	case <-ctx.Done():
	}
}

// trainsOn reports whether the bracket has not stopped the trial.
func (r *bracket) trainsOn(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.contenders[key].stopped
}

// blocks reports whether the trials with these keys would have to wait for others if they reached
// rung i now.
func (r *bracket) blocks(i int, keys []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.waits(i) {
		return false
	}
	others := r.behind[i]
	for _, key := range keys {
		if e := r.contenders[key]; len(e.vals) == i {
			others--
		}
	}
	return others > 0
}

// settle judges rung i when all contenders have reached it.
func (r *bracket) settle(i int) {
	if !r.waits(i) || r.behind[i] > 0 {
		return
	}
	select {
	case <-r.judged[i]:
	default:
		r.decide(i)
		close(r.judged[i])
	}
}

// rungAt returns the number, from 0, of the rung after the given number of iterations. It reports
// false if there is no such rung.
func (r *bracket) rungAt(done int) (i int, ok bool) { return slices.BinarySearch(r.rungs, done) }

// reached returns the accuracies of a trial at the rungs that it has reached.
func (r *bracket) reached(key string) []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.contenders[key].vals)
}

// forecast returns how many of n sides reach each rung. The last element is the number of sides
// that train to the end. It assumes that no trial diverges, and that patience stops none. For the median rule and
// patience alone, ok is false, because the numbers are not known in advance.
func (r *bracket) forecast(n int) (counts []int, ok bool) {
	if r.rule.Eta == 0 {
		return nil, false
	}
	for i := range r.rungs {
		counts = append(counts, n)
		if r.compared[i] {
			n = ceilDiv(n, r.rule.Eta)
		}
	}
	return append(counts, n), true
}

// trialsOf returns the number of trials of a number of sides. If some sides have more seeds than others, it is that
// of average sides.
func (r *bracket) trialsOf(sides int) int {
	return ceilDiv(sides*len(r.contenders), max(len(r.sides), 1))
}

// work returns the iterations that all contenders together are expected to train, if each has iters
// iterations. If that is not known in advance, it returns all iterations.
func (r *bracket) work(iters int) (sum float64) {
	counts, ok := r.forecast(len(r.sides))
	if !ok {
		return float64(len(r.contenders)) * float64(iters)
	}
	from := 0
	for i, at := range append(slices.Clone(r.rungs), iters) {
		sum += float64(r.trialsOf(counts[i])) * float64(at-from)
		from = at
	}
	return sum
}

// decide compares the sides that wait at rung i. It returns the sorted keys of the trials that it stops.
// The others survive.
//
// In successive halving, the best ⌈n/η⌉ survive, where n is the number of sides that survived the
// previous rung. Sides whose trials have all diverged or failed since then rank last. In the
// asynchronous form, n is the number of trials that have reached the rung so far. Sides with equal
// means rank by key.
//
// The median rule compares the sides that have reached rung i. It stops a side if its best mean so far
// is below the median of the other sides' running averages. A running average is the mean of the means
// at this rung and all previous rungs at which sides were compared.
//
// A trial that patience has stopped at rung i is compared there for the last time. After that, its last
// accuracy counts in the mean of its side, while other seeds of the side remain.
func (r *bracket) decide(i int) (stopped []string) {
	var here []*side
	field := 0
	for _, s := range r.sides {
		if s.passed(i) {
			field++
		}
		if s.reached(i) {
			here = append(here, s)
		}
	}
	slices.SortFunc(here, func(a, b *side) int { return strings.Compare(a.key, b.key) })
	if r.rule.Async {
		field = len(here)
	}
	var out []bool
	if r.rule.Eta > 0 {
		out = outside(i, here, ceilDiv(field, r.rule.Eta))
	} else {
		out = r.belowMedian(i, here)
	}
	for n, s := range here {
		if before, ok := s.judged(i); ok {
			out[n] = before
		}
		for _, e := range s.seeds {
			if r.judge(i, e, out[n]) {
				stopped = append(stopped, e.key)
			}
		}
	}
	slices.Sort(stopped)
	return stopped
}

// judge stops a trial that waits at rung i if it is out, and lets it survive otherwise. It reports
// whether it has stopped the trial. Other trials, which were judged at this rung before or have not reached it, stay
// as they are.
func (r *bracket) judge(i int, e *contender, out bool) (stopped bool) {
	switch {
	case e.stopped || e.passed > i || len(e.vals) != i+1:
		return false
	case out:
		r.trains(e, -1)
		e.stopped = true
		return true
	}
	e.passed = i + 1
	return false
}
