package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"fusegrid/results"
)

// A race is the trials of one length, which compete under a rule. Unless the rule is
// asynchronous, those that have reached a rung wait there for the others, and what is decided depends
// on the accuracies alone: not on blocks, workers or the order of arrival. Any number of
// goroutines may call.
type race struct {
	rule  stopRule
	name  string // of the rule, in records
	rungs []int  // iterations

	mu       sync.Mutex
	entrants map[string]*entrant // by key of the trial
	behind   []int               // by rung: the entrants that train and have not reached it
	judged   []chan struct{}     // by rung: closed when it is judged
}

// An entrant is how a trial stands in a race.
type entrant struct {
	vals    []float64 // validation accuracy at each rung that it has reached
	passed  int       // rungs after which it went on
	stopped bool      // at the last of vals
	gone    bool      // done, diverged or failed
}

func newRace(r stopRule, iters int) *race {
	race := &race{rule: r, name: r.nameFor(iters), rungs: r.rungs(iters), entrants: map[string]*entrant{}}
	race.behind = make([]int, len(race.rungs))
	for range race.rungs {
		race.judged = append(race.judged, make(chan struct{}))
	}
	return race
}

// enter lets a trial take part. All enter before the first one meets another.
func (r *race) enter(key string, e entrant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entrants[key] = &e
	r.trains(&e, +1)
}

// resume puts a trial where it stood when a sweep was interrupted: with the accuracies that it had, and
// not judged again where it went on.
func (r *race) resume(key string, vals []float64, passed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entrants[key]
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

// trains counts e in or out wherever it is still to come.
func (r *race) trains(e *entrant, n int) {
	if e.stopped || e.gone {
		return
	}
	for i := len(e.vals); i < len(r.behind); i++ {
		r.behind[i] += n
	}
}

// leave takes a trial out that was done, diverged or failed. Nobody waits for it any more.
func (r *race) leave(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entrants[key]
	if e == nil || e.gone {
		return
	}
	r.trains(e, -1)
	e.gone = true
	for i := len(e.vals); i < len(r.rungs); i++ {
		r.settle(i)
	}
}

// meet brings trials that train together to rung i, counted from 0, with their accuracies,
// waits for all others unless the rule is asynchronous, and reports which go on. When ctx
// is done before that is known, none of them is stopped.
func (r *race) meet(ctx context.Context, i int, keys []string, vals []float64) (goOn []bool) {
	r.mu.Lock()
	for n, key := range keys {
		if e := r.entrants[key]; len(e.vals) == i {
			e.vals = append(e.vals, vals[n])
			r.behind[i]--
		}
	}
	if r.rule.async {
		r.decide(i)
	} else {
		r.settle(i)
	}
	r.mu.Unlock()
	if !r.rule.async {
		select {
		case <-r.judged[i]:
		case <-ctx.Done():
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		goOn = append(goOn, !r.entrants[key].stopped)
	}
	return goOn
}

// waits reports whether trials that come to rung i now would have to wait there for others.
func (r *race) waits(i int, keys []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rule.async {
		return false
	}
	others := r.behind[i]
	for _, key := range keys {
		if e := r.entrants[key]; len(e.vals) == i {
			others--
		}
	}
	return others > 0
}

// settle judges rung i once all have come.
func (r *race) settle(i int) {
	if r.rule.async || r.behind[i] > 0 {
		return
	}
	select {
	case <-r.judged[i]:
	default:
		r.decide(i)
		close(r.judged[i])
	}
}

// rungAt returns the number of the rung, from 0, that is reached after so many iterations.
func (r *race) rungAt(done int) (i int, ok bool) {
	if r == nil {
		return 0, false
	}
	return slices.BinarySearch(r.rungs, done)
}

// passedBefore counts the rungs that lie before the iteration that follows so many.
func (r *race) passedBefore(done int) int {
	i, _ := slices.BinarySearch(r.rungs, done)
	return i
}

// course returns the rungs that a trial has reached.
func (r *race) course(key string) (rungs []results.Rung) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, v := range r.entrants[key].vals {
		rungs = append(rungs, results.Rung{Step: r.rungs[i], Val: v})
	}
	return rungs
}

// decide judges the trials that wait at rung i and returns the keys of those that it
// stops, sorted. The others go on.
//
// Successive halving lets the best ⌈n/η⌉ go on, where n counts all that passed the rung
// before; those that diverged or failed since rank last. The asynchronous form counts those
// that have reached the rung so far. Equal accuracies rank by key.
//
// The median rule stops a trial whose best accuracy up to here is below the median of
// the others' running averages up to here: the means of their accuracies at this check and
// those before. The others are all trials that have reached this check.
func (r *race) decide(i int) (stopped []string) {
	var here []string
	field := 0
	for key, e := range r.entrants {
		if e.passed >= i {
			field++
		}
		if len(e.vals) > i {
			here = append(here, key)
		}
	}
	slices.Sort(here)
	if r.rule.async {
		field = len(here)
	}
	lags := r.below
	if r.rule.eta > 0 {
		lags = func(i int, here []string) []bool { return r.outside(i, here, ceilDiv(field, r.rule.eta)) }
	}
	for n, out := range lags(i, here) {
		e := r.entrants[here[n]]
		switch {
		case e.stopped || e.passed > i || len(e.vals) != i+1:
			// It has been judged here, or somewhere later.
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

// outside reports which of the trials here are not among the best so many at rung i.
func (r *race) outside(i int, here []string, best int) []bool {
	val := func(n int) float64 { return r.entrants[here[n]].vals[i] }
	order := make([]int, len(here))
	for n := range order {
		order[n] = n
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(val(b), val(a)), strings.Compare(here[a], here[b]))
	})
	out := make([]bool, len(here))
	for _, n := range order[min(best, len(order)):] {
		out[n] = true
	}
	return out
}

// below reports which of the trials here have a best accuracy below the median of the
// running averages of the others.
func (r *race) below(i int, here []string) []bool {
	out := make([]bool, len(here))
	if len(here) < 2 {
		return out
	}
	averages := make([]float64, len(here))
	for n, key := range here {
		vals := r.entrants[key].vals[:i+1]
		for _, v := range vals {
			averages[n] += v
		}
		// Rounding must not lift the average of equals above them.
		averages[n] = min(averages[n]/float64(i+1), slices.Max(vals))
	}
	sorted := slices.Clone(averages)
	slices.Sort(sorted)
	for n, key := range here {
		out[n] = slices.Max(r.entrants[key].vals[:i+1]) < medianWithout(sorted, averages[n])
	}
	return out
}

// medianWithout returns the median of sorted numbers, two at least, leaving out one that
// equals v: the middle one, or the mean of the middle two.
func medianWithout(sorted []float64, v float64) float64 {
	at, _ := slices.BinarySearch(sorted, v)
	rest := func(n int) float64 {
		if n >= at {
			n++
		}
		return sorted[n]
	}
	n := len(sorted) - 1
	return (rest((n-1)/2) + rest(n/2)) / 2
}
