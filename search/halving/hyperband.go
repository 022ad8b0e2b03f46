package halving

import (
	"fmt"

	"fusegrid/search/grid"
)

// brackets returns the brackets of trials with iters iterations, the one with the earliest first rung
// first. There is one bracket unless the rule is Hyperband. Hyperband with s rungs has s+1 brackets:
// bracket s has all rungs, bracket s−1 has all except the first, and so on. The trials of bracket 0
// train to the end.
func (r Rule) brackets(iters int) (all []*bracket) {
	rungs := r.Rungs(iters)
	var alone []int // rungs at which trials are judged by themselves
	if r.And != nil {
		alone = r.And.Rungs(iters)
	}
	switch {
	case r.Patience > 0:
		return []*bracket{newBracket(r, r.Name(iters), nil, rungs)}
	case !r.Hyperband:
		return []*bracket{newBracket(r, r.Name(iters), rungs, alone)}
	}
	for s := len(rungs); s >= 0; s-- {
		name := r.bracketName(iters, fmt.Sprintf(" bracket %d", s))
		all = append(all, newBracket(r, name, rungs[len(rungs)-s:], alone))
	}
	return all
}

// assign gives each trial its bracket. All seeds of a setting have the same bracket, so that their
// accuracies are measured at the same rungs. The settings with the same number of iterations get
// brackets in turn, in the order of the points. Therefore a setting keeps its bracket if settings
// are added behind it.
func (bs *Brackets) assign(points grid.Points) {
	bs.byKey = map[string]*bracket{}
	settings := map[string]*bracket{}
	turns := map[int]*turns{} // by number of iterations
	for c := range points.All() {
		key, brackets := c.Key(), bs.byIters[c.Iters]
		name := settingOf(c)
		if settings[name] == nil {
			if turns[c.Iters] == nil {
				turns[c.Iters] = newTurns(bs.rule.Eta, len(brackets))
			}
			settings[name] = brackets[turns[c.Iters].next()]
		}
		bs.byKey[key] = settings[name]
	}
}

// maxPower bounds powers of η, so that numbers of trials do not overflow.
const maxPower = 1 << 30

// shares returns the numbers of trials with which the brackets of Hyperband start, from bracket
// n−1 to bracket 0. Bracket s has ⌈n·η^s/(s+1)⌉ trials, as in algorithm 1 of the paper.
func shares(eta, n int) []int64 {
	all := make([]int64, n)
	power := int64(1)
	for s := range n {
		all[n-1-s] = (int64(n)*power + int64(s)) / int64(s+1)
		power = min(power*min(int64(eta), maxPower), maxPower)
	}
	return all
}

// turns yields brackets in the proportions of their shares. After as many turns as the sum of the
// shares, each bracket has had exactly its share.
type turns struct {
	shares, credit []int64
	sum            int64
}

func newTurns(eta, n int) *turns {
	t := &turns{shares: shares(eta, n), credit: make([]int64, n)}
	for _, share := range t.shares {
		t.sum += share
	}
	return t
}

// next returns the position of the next bracket. Each bracket gains its share as credit, and the one
// with the most credit pays the sum of all shares. Ties go to the earliest first rung.
func (t *turns) next() int {
	most := 0
	for i, share := range t.shares {
		if t.credit[i] += share; t.credit[i] > t.credit[most] {
			most = i
		}
	}
	t.credit[most] -= t.sum
	return most
}
