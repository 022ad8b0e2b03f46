package halving

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"fusegrid/results"
)

// A Bracket holds the contenders, which are trials with the same number of iterations that compete
// under a rule. Unless the rule is asynchronous, a contender that has reached a rung waits there
// for the others. The decisions then depend only on the accuracies, not on blocks, workers or the
// order of arrival. All methods are safe for concurrent use.
type Bracket struct {
	rule  Rule
	name  string // name of the rule in records
	rungs []int  // numbers of iterations

	mu         sync.Mutex
	contenders map[string]*contender // by key of the trial
	behind     []int                 // by rung: number of contenders in training that have not reached it
	judged     []chan struct{}       // by rung: closed when the rung has been judged
}

// A contender is the standing of a trial in a bracket.
type contender struct {
	vals    []float64 // validation accuracy at each rung that it has reached
	passed  int       // rungs that it has survived
	stopped bool      // stopped at the rung of the last of vals
	gone    bool      // done, diverged or failed
}

func newBracket(r Rule, iters int) *Bracket {
	bracket := &Bracket{rule: r, name: r.Name(iters), rungs: r.Rungs(iters), contenders: map[string]*contender{}}
	bracket.behind = make([]int, len(bracket.rungs))
	for range bracket.rungs {
		bracket.judged = append(bracket.judged, make(chan struct{}))
	}
	return bracket
}

// enter adds a contender. All trials must enter before the first report.
func (r *Bracket) enter(key string, e contender) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contenders[key] = &e
	r.trains(&e, +1)
}

// Name returns the name of the rule in records.
func (r *Bracket) Name() string { return r.name }

// Resume restores the standing of a trial after an interruption: its accuracies, and the number of
// rungs that it had survived. Those rungs do not judge the trial again.
func (r *Bracket) Resume(key string, vals []float64, passed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.contenders[key]
	if e.stopped || e.gone || len(e.vals) > 0 {
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
func (r *Bracket) trains(e *contender, n int) {
	if e.stopped || e.gone {
		return
	}
	for i := len(e.vals); i < len(r.behind); i++ {
		r.behind[i] += n
	}
}

// Leave removes a trial that is done, diverged or failed. The others no longer wait for it.
func (r *Bracket) Leave(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.contenders[key]
	if e == nil || e.gone {
		return
	}
	r.trains(e, -1)
	e.gone = true
	for i := len(e.vals); i < len(r.rungs); i++ {
		r.settle(i)
	}
}

// Report takes the accuracies of trials that train together and have reached rung i, counted from
// 0. The trial with key keys[n] has the accuracy vals[n]. Report returns which of the trials
// survive. Unless the rule is asynchronous, it waits for all other contenders. If ctx is done
// before the rung is judged, all of them survive.
func (r *Bracket) Report(ctx context.Context, i int, keys []string, vals []float64) (survive []bool) {
	r.mu.Lock()
	for n, key := range keys {
		if e := r.contenders[key]; len(e.vals) == i {
			e.vals = append(e.vals, vals[n])
			r.behind[i]--
		}
	}
	if r.rule.Async {
		r.decide(i)
	} else {
		r.settle(i)
	}
	r.mu.Unlock()
	if !r.rule.Async {
		select {
		case <-r.judged[i]:
		case <-ctx.Done():
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		survive = append(survive, !r.contenders[key].stopped)
	}
	return survive
}

// Waits reports whether the trials with these keys would have to wait for others if they reached
// rung i now.
func (r *Bracket) Waits(i int, keys []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rule.Async {
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
func (r *Bracket) settle(i int) {
	if r.rule.Async || r.behind[i] > 0 {
		return
	}
	select {
	case <-r.judged[i]:
	default:
		r.decide(i)
		close(r.judged[i])
	}
}

// RungAt returns the number, from 0, of the rung after the given number of iterations. It reports
// false if there is no such rung.
func (r *Bracket) RungAt(done int) (i int, ok bool) {
	if r == nil {
		return 0, false
	}
	return slices.BinarySearch(r.rungs, done)
}

// Passed returns the number of rungs that come before the given number of iterations.
func (r *Bracket) Passed(done int) int {
	i, _ := slices.BinarySearch(r.rungs, done)
	return i
}

// Reached returns the rungs that a trial has reached.
func (r *Bracket) Reached(key string) (rungs []results.Rung) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, v := range r.contenders[key].vals {
		rungs = append(rungs, results.Rung{Step: r.rungs[i], Val: v})
	}
	return rungs
}

// decide judges the trials that wait at rung i. It returns the sorted keys of the trials that it
// stops. The others survive.
//
// In successive halving, the best ⌈n/η⌉ survive, where n is the number of survivors of the previous
// rung. Trials that have diverged or failed since then rank last. In the asynchronous form, n is
// the number of trials that have reached the rung so far. Equal accuracies rank by key.
//
// The median rule compares the trials that have reached rung i. It stops a trial if its best
// accuracy so far is below the median of the other trials' running averages. A running average is
// the mean of the accuracies at this rung and all previous rungs.
func (r *Bracket) decide(i int) (stopped []string) {
	var here []string
	field := 0
	for key, e := range r.contenders {
		if e.passed >= i {
			field++
		}
		if len(e.vals) > i {
			here = append(here, key)
		}
	}
	slices.Sort(here)
	if r.rule.Async {
		field = len(here)
	}
	lags := r.belowMedian
	if r.rule.Eta > 0 {
		lags = func(i int, here []string) []bool { return r.outside(i, here, ceilDiv(field, r.rule.Eta)) }
	}
	for n, out := range lags(i, here) {
		e := r.contenders[here[n]]
		switch {
		case e.stopped || e.passed > i || len(e.vals) != i+1:
			// The trial was judged at this rung before.
		case out:
			r.trains(e, -1)
			e.stopped = true
			stopped = append(stopped, here[n])
		default:
			e.passed = i + 1
		}
	}
	return stopped
}

// outside reports which of the trials with these keys are not among the best at rung i. The
// argument best is the number of the best trials.
func (r *Bracket) outside(i int, keys []string, best int) []bool {
	val := func(n int) float64 { return r.contenders[keys[n]].vals[i] }
	order := make([]int, len(keys))
	for n := range order {
		order[n] = n
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(val(b), val(a)), strings.Compare(keys[a], keys[b]))
	})
	out := make([]bool, len(keys))
	for _, n := range order[min(best, len(order)):] {
		out[n] = true
	}
	return out
}
