// Package halving stops trials early by successive halving (Jamieson and Talwalkar 2016), its
// asynchronous form ASHA (Li et al. 2020), or the median rule (Golovin et al. 2017, Vizier).
//
// A [Rule] determines the rungs, which are the iterations at which trials are judged. A [Bracket]
// holds trials with the same number of iterations. Their validation accuracies at a rung determine
// which of them survive. The package does no I/O and trains nothing.
package halving

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fusegrid/internal/say"
)

// A Rule determines when trials are judged by their validation accuracies, and which of them are
// stopped. [Bracket.Report] applies it.
type Rule struct {
	Eta   int  // halving: one in Eta survives; 0 means the median rule
	Async bool // halving: judge trials as soon as they reach a rung
	Min   int  // iterations before the first rung; 0 means a fraction of all iterations
}

// valid returns an error if no text for [ParseHalving] or [ParseStop] gives r.
func (r Rule) valid() error {
	switch {
	case r.Eta < 0 || r.Eta == 1:
		return fmt.Errorf("halving: Eta is %d; it must be 2 or more, or 0 for the median rule", r.Eta)
	case r.Async && r.Eta == 0:
		return errors.New("halving: the median rule has no asynchronous form")
	case r.Min < 0:
		return fmt.Errorf("halving: Min is %d; it must be 0 or more", r.Min)
	}
	return nil
}

// maxRungs is the maximum number of rungs of a trial.
const maxRungs = 1000

// ParseHalving reads ETA[:MIN] or async:ETA[:MIN], such as 3:100.
func ParseHalving(text string) (*Rule, error) {
	const example = "write ETA or ETA:MIN, for example 3:100 or async:3:100"
	rest, async := strings.CutPrefix(text, "async:")
	eta, first, counted := strings.Cut(rest, ":")
	n, err := strconv.Atoi(eta)
	if err != nil || n < 2 {
		return nil, fmt.Errorf("ETA must be a whole number, 2 or more, not %q; %s", eta, example)
	}
	least, err := parseMin(first, counted, example)
	return &Rule{Eta: n, Async: async, Min: least}, err
}

// ParseStop reads median or median:MIN.
func ParseStop(text string) (*Rule, error) {
	const example = "write median, or median:100 to check every 100 iterations"
	name, first, counted := strings.Cut(text, ":")
	if name != "median" {
		return nil, fmt.Errorf("there is no such rule; %s", example)
	}
	least, err := parseMin(first, counted, example)
	return &Rule{Min: least}, err
}

// parseMin reads the iterations before the first rung, which are 0 if they are not given.
func parseMin(text string, given bool, example string) (int, error) {
	if !given {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("the number of iterations must be 1 or more, not %q; %s", text, example)
	}
	return n, nil
}

// minOf returns the first rung of trials with iters iterations. By default, halving has two rungs
// and the median rule has nine.
func (r Rule) minOf(iters int) int {
	switch {
	case r.Min > 0:
		return r.Min
	case r.Eta > 0:
		return ceilDiv(ceilDiv(iters, r.Eta), r.Eta)
	}
	return ceilDiv(iters, 10)
}

// Rungs returns the numbers of iterations after which trials with iters iterations are judged. They
// are MIN, MIN·η, MIN·η², … for halving and MIN, 2·MIN, 3·MIN, … for the median rule, all before
// the end.
func (r Rule) Rungs(iters int) []int {
	first := r.minOf(iters)
	var all []int
	for at := first; at < iters && len(all) <= maxRungs; {
		all = append(all, at)
		switch {
		case r.Eta == 0:
			at += first
		case at > iters/r.Eta: // at·η would be past the end, or overflow
			return all
		default:
			at *= r.Eta
		}
	}
	return all
}

// Check returns an error if the rule has no rung or too many rungs for trials with iters
// iterations.
func (r Rule) Check(iters int) error {
	switch n := len(r.Rungs(iters)); {
	case n == 0:
		return fmt.Errorf("%s: the first comparison is after %s, but training ends after %d; give a lower MIN", r.String(), say.Plural(r.minOf(iters), "iteration"), iters)
	case n > maxRungs:
		return fmt.Errorf("%s: more than %d checks in %d iterations; give a higher MIN", r.String(), maxRungs, iters)
	}
	return nil
}

// String returns the name and the text of r, such as "halving 3:100" or "stop median".
func (r Rule) String() string {
	name := "stop median"
	if r.Eta > 0 {
		name = "halving "
		if r.Async {
			name += "async:"
		}
		name += strconv.Itoa(r.Eta)
	}
	if r.Min > 0 {
		name += ":" + strconv.Itoa(r.Min)
	}
	return name
}

// Name returns the name of the rule in the records of trials with iters iterations. Rules with the
// same name make the same decisions.
func (r Rule) Name(iters int) string {
	r.Min = r.minOf(iters)
	return strings.TrimPrefix(r.String(), "stop ")
}

// Forecast returns how many of n trials with iters iterations reach each rung. The last element is
// the number of trials that train to the end. Forecast assumes that no trial diverges. For the
// median rule, ok is false, because the numbers are not known in advance.
func (r Rule) Forecast(n, iters int) (counts []int, ok bool) {
	if r.Eta == 0 {
		return nil, false
	}
	for range r.Rungs(iters) {
		counts = append(counts, n)
		n = ceilDiv(n, r.Eta)
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
