package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A stopRule says when trials that lag behind are stopped. It looks at validation
// accuracies at certain iterations, the rungs: by successive halving
// (Jamieson and Talwalkar 2016), its asynchronous form (Li et al. 2020, ASHA), or
// by the median (Golovin et al. 2017, Vizier). See [race.decide].
type stopRule struct {
	eta   int  // halving: one in eta goes on; 0 is the median rule
	async bool // halving: judge by those that have reached the rung so far
	first int  // iterations before the first rung; 0 leaves it to firstOf
}

// maxRungs bounds the pauses that a sweep makes.
const maxRungs = 1000

// parseRace reads the flags -halving and -stop; nil says that all train to the end.
func parseRace(halving, stop string) (*stopRule, error) {
	var r stopRule
	var err error
	switch {
	case halving != "" && stop != "":
		return nil, badInput{fmt.Errorf("-halving and -stop are two ways to stop trials; give one of them")}
	case halving != "":
		r, err = parseHalving(halving)
	case stop != "":
		r, err = parseStop(stop)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// parseHalving reads ETA[:MIN] or async:ETA[:MIN].
func parseHalving(text string) (stopRule, error) {
	const example = "write ETA or ETA:MIN, for example -halving 3:100 or -halving async:3:100"
	var r stopRule
	rest, async := strings.CutPrefix(text, "async:")
	eta, first, counted := strings.Cut(rest, ":")
	r.async = async
	var err error
	if r.eta, err = strconv.Atoi(eta); err != nil || r.eta < 2 {
		return r, badInput{fmt.Errorf("-halving %q: one in %q goes on, which is not a whole number, 2 or more; %s", text, eta, example)}
	}
	if counted {
		if r.first, err = strconv.Atoi(first); err != nil || r.first < 1 {
			return r, badInput{fmt.Errorf("-halving %q: %q is not a number of iterations, 1 or more; %s", text, first, example)}
		}
	}
	return r, nil
}

// parseStop reads median or median:MIN.
func parseStop(text string) (stopRule, error) {
	const example = "write -stop median, or -stop median:100 to check every 100 iterations"
	var r stopRule
	name, first, counted := strings.Cut(text, ":")
	if name != "median" {
		return r, badInput{fmt.Errorf("-stop %q: there is no such rule; %s", text, example)}
	}
	if counted {
		var err error
		if r.first, err = strconv.Atoi(first); err != nil || r.first < 1 {
			return r, badInput{fmt.Errorf("-stop %q: %q is not a number of iterations, 1 or more; %s", text, first, example)}
		}
	}
	return r, nil
}

// firstOf returns the first rung of trials of that length. By default halving has
// two rungs, and the median rule nine checks.
func (r stopRule) firstOf(iters int) int {
	switch {
	case r.first > 0:
		return r.first
	case r.eta > 0:
		return ceilDiv(ceilDiv(iters, r.eta), r.eta)
	}
	return ceilDiv(iters, 10)
}

// rungs returns the numbers of iterations after which trials of that length are
// judged: MIN, MIN·η, MIN·η², … or MIN, 2·MIN, 3·MIN, …, all before the end.
func (r stopRule) rungs(iters int) []int {
	first := r.firstOf(iters)
	var all []int
	for at := first; at < iters && len(all) <= maxRungs; {
		all = append(all, at)
		switch {
		case r.eta == 0:
			at += first
		case at > iters/r.eta: // at·η would be past the end, or overflow
			return all
		default:
			at *= r.eta
		}
	}
	return all
}

// check refuses a rule that has no rung for trials of that length, or too many.
func (r stopRule) check(iters int) error {
	switch n := len(r.rungs(iters)); {
	case n == 0:
		return badInput{fmt.Errorf("%s: the first rung, %d, is not before the end, %d iterations; give a lower MIN", r.flag(), r.firstOf(iters), iters)}
	case n > maxRungs:
		return badInput{fmt.Errorf("%s: more than %d checks in %d iterations; give a higher MIN", r.flag(), maxRungs, iters)}
	}
	return nil
}

// flag returns the flag that says r.
func (r stopRule) flag() string {
	name := "-stop median"
	if r.eta > 0 {
		name = "-halving "
		if r.async {
			name += "async:"
		}
		name += strconv.Itoa(r.eta)
	}
	if r.first > 0 {
		name += ":" + strconv.Itoa(r.first)
	}
	return name
}

// nameFor returns the name of the rule in the records of trials of that length. Rules
// of one name decide alike.
func (r stopRule) nameFor(iters int) string {
	r.first = r.firstOf(iters)
	return strings.TrimPrefix(strings.TrimPrefix(r.flag(), "-stop "), "-")
}

// forecast returns how many of n trials of that length train up to each rung and, last,
// to the end, if none diverges. The median rule cannot know.
func (r stopRule) forecast(n, iters int) (counts []int, ok bool) {
	if r.eta == 0 {
		return nil, false
	}
	for range r.rungs(iters) {
		counts = append(counts, n)
		n = ceilDiv(n, r.eta)
	}
	return append(counts, n), true
}

// ceilDiv returns ⌈n/d⌉ for n ≥ 0.
func ceilDiv(n, d int) int {
	if n == 0 {
		return 0
	}
	return (n-1)/d + 1
}
