// Package halving stops trials early by successive halving (Jamieson and Talwalkar 2016), its
// asynchronous form ASHA (Li et al. 2020), Hyperband (Li et al. 2018), the median rule (Golovin et
// al. 2017, Vizier), or patience.
//
// A [Rule] determines the rungs, which are the iterations at which trials are judged. A bracket
// holds trials with the same number of iterations and the same rungs. Their validation accuracies at
// a rung determine which of them survive. [Brackets] hold all trials of a grid. The package does no
// I/O and trains nothing.
package halving

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fusegrid/internal/say"
)

// A Rule determines when trials are judged by their validation accuracies, and which of them are
// stopped. [Brackets.Report] applies it.
type Rule struct {
	Eta       int  // halving: one in Eta survives; 0 means the median rule or patience
	Async     bool // halving: judge trials as soon as they reach a rung
	Hyperband bool // halving: several brackets with different first rungs
	Patience  int  // rungs without a gain that stop a trial; 0 means another rule
	Min       int  // iterations before the first rung; 0 means a fraction of all iterations

	// And is patience, which stops trials in addition to halving or the median rule, at rungs of its own.
	// It is nil if it does not.
	And *Rule
}

// Combine returns the rule of which both a and b stop trials. One of them must be patience, and the other must not.
func Combine(a, b *Rule) (*Rule, error) {
	if a.Patience > 0 {
		a, b = b, a
	}
	both := *a
	both.And = b
	if a.And != nil || b.And != nil {
		return nil, errors.New("halving: more than two rules cannot be combined")
	}
	return &both, both.valid()
}

// valid returns an error if no text for [ParseHalving], [ParseStop] or [ParsePatience] gives r.
func (r Rule) valid() error {
	switch {
	case r.Eta < 0 || r.Eta == 1:
		return fmt.Errorf("halving: Eta is %d; it must be 2 or more, or 0 for the median rule", r.Eta)
	case r.Patience < 0:
		return fmt.Errorf("halving: Patience is %d; it must be 1 or more, or 0 for another rule", r.Patience)
	case r.Patience > 0 && (r.Eta > 0 || r.Async || r.Hyperband || r.And != nil):
		return errors.New("halving: a rule with Patience has no Eta, Async, Hyperband and And; set And of a rule for halving to patience")
	case r.And != nil && r.And.Patience == 0:
		return errors.New("halving: And has no Patience; only patience can be combined with another rule")
	case r.Hyperband && (r.Eta == 0 || r.Async):
		return errors.New("halving: Hyperband needs an Eta and has no asynchronous form")
	case r.Async && r.Eta == 0:
		return errors.New("halving: the median rule has no asynchronous form")
	case r.Min < 0:
		return fmt.Errorf("halving: Min is %d; it must be 0 or more", r.Min)
	case r.And != nil:
		return r.And.valid()
	}
	return nil
}

// maxRungs is the maximum number of rungs of a trial.
const maxRungs = 1000

// ParseHalving reads ETA[:MIN], async:ETA[:MIN] or hyperband:ETA[:MIN], such as 3:100.
func ParseHalving(text string) (*Rule, error) {
	const example = "write ETA or ETA:MIN, for example 3:100, async:3:100 or hyperband:3:100"
	rest, async := strings.CutPrefix(text, "async:")
	hyperband := false
	if !async {
		rest, hyperband = strings.CutPrefix(text, "hyperband:")
	}
	eta, first, counted := strings.Cut(rest, ":")
	n, err := strconv.Atoi(eta)
	if err != nil || n < 2 {
		return nil, fmt.Errorf("ETA must be a whole number, 2 or more, not %q; %s", eta, example)
	}
	least, err := parseMin(first, counted, example)
	return &Rule{Eta: n, Async: async, Hyperband: hyperband, Min: least}, err
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

// ParsePatience reads N or N:MIN.
func ParsePatience(text string) (*Rule, error) {
	const example = "write N or N:MIN, for example 3, or 3:100 to check every 100 iterations"
	number, first, counted := strings.Cut(text, ":")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("the number of measurements must be 1 or more, not %q; %s", number, example)
	}
	least, err := parseMin(first, counted, example)
	return &Rule{Patience: n, Min: least}, err
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
// and the other rules have nine.
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
// are MIN, MIN·η, MIN·η², … for halving and MIN, 2·MIN, 3·MIN, … for the other rules, all before
// the end. Those of And are not among them.
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

// Check returns an error if the rule has too few or too many rungs for trials with iters
// iterations.
func (r Rule) Check(iters int) error {
	if r.And != nil {
		if err := r.And.Check(iters); err != nil {
			return err
		}
		r.And = nil
	}
	switch n := len(r.Rungs(iters)); {
	case n == 0:
		return fmt.Errorf("%s: the first comparison is after %s, but training ends after %d; give a lower MIN", r.String(), say.Plural(r.minOf(iters), "iteration"), iters)
	case n > maxRungs:
		return fmt.Errorf("%s: more than %d checks in %d iterations; give a higher MIN", r.String(), maxRungs, iters)
	case n <= r.Patience:
		return fmt.Errorf("%s: no trial could be stopped with %s in %d iterations; give a lower N or MIN", r.String(), say.Plural(n, "check"), iters)
	}
	return nil
}

// String returns the name and the text of r, such as "halving 3:100" or "stop median".
func (r Rule) String() string {
	name := "stop median"
	switch {
	case r.Patience > 0:
		name = "patience " + strconv.Itoa(r.Patience)
	case r.Eta > 0:
		name = "halving "
		switch {
		case r.Async:
			name += "async:"
		case r.Hyperband:
			name += "hyperband:"
		}
		name += strconv.Itoa(r.Eta)
	}
	if r.Min > 0 {
		name += ":" + strconv.Itoa(r.Min)
	}
	if r.And != nil {
		name += ", " + r.And.String()
	}
	return name
}

// Name returns the name of the rule for trials with iters iterations, with which the names of
// brackets begin. Rules with the same name make the same decisions.
func (r Rule) Name(iters int) string { return r.bracketName(iters, "") }

// bracketName returns the name of a bracket: the name of the rule with a text after its first part.
func (r Rule) bracketName(iters int, bracket string) string {
	and := r.And
	r.Min, r.And = r.minOf(iters), nil
	name := strings.TrimPrefix(r.String(), "stop ") + bracket
	if and != nil {
		name += ", " + and.Name(iters)
	}
	return name
}

// waits reports whether trials wait at a rung until all others have reached it, unless it is a rung of And.
func (r Rule) waits() bool { return !r.Async && r.Patience == 0 }

// Waits reports whether trials wait at a rung until all others have reached it. They do not if r is nil.
func (r *Rule) Waits() bool { return r != nil && r.waits() }

// ceilDiv returns ⌈n/d⌉ for n ≥ 0.
func ceilDiv(n, d int) int {
	if n == 0 {
		return 0
	}
	return (n-1)/d + 1
}
