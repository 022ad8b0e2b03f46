package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"fusegrid/results"
	"fusegrid/search/grid"
)

// races holds a race for each length of training in a grid: those trained
// for longer have had more time, so only trials of one length compete. A nil one
// is the sweep where all train to the end.
type races struct {
	rule    stopRule
	byIters map[int]*race
}

// newRaces returns races of nobody, for the points of a grid; nil if r is nil.
func newRaces(r *stopRule, points grid.Points) (*races, error) {
	if r == nil {
		return nil, nil
	}
	all := &races{*r, map[int]*race{}}
	for c := range points.All() {
		iters := c.Iters
		if all.byIters[iters] != nil {
			continue
		}
		if err := r.check(iters); err != nil {
			return nil, err
		}
		all.byIters[iters] = newRace(*r, iters)
	}
	return all, nil
}

// enter lets the points of a grid take part, with what is on record of them. Trials that were
// trained to the end without the rule stay out: nobody has seen them at the rungs.
func (rs *races) enter(points grid.Points, records map[string]results.Record) {
	if rs == nil {
		return
	}
	for c := range points.All() {
		race, key := rs.of(c.Iters), c.Key()
		rec, ok := records[key]
		if e, takesPart := entrantOf(race, &rec, ok); takesPart {
			race.enter(key, e)
		}
	}
}

// entrantOf returns how a trial stands by its record, if it has one, and whether it takes part.
func entrantOf(r *race, rec *results.Record, ok bool) (e entrant, takesPart bool) {
	name := r.name
	switch {
	case !ok || !rec.Settled(name):
		return entrant{}, true
	case rec.Race != name:
		// One that diverged before the first rung would have done so here.
		return entrant{gone: true}, rec.State == results.Diverged && rec.Steps < r.rungs[0]
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

// of returns the race of trials of that length, if there is one.
func (rs *races) of(iters int) *race {
	if rs == nil {
		return nil
	}
	return rs.byIters[iters]
}

// name returns what records call the rule for trials of that length.
func (rs *races) name(iters int) string {
	if race := rs.of(iters); race != nil {
		return race.name
	}
	return ""
}

// course returns the name of the rule and the rungs that a trial has reached, for its record.
func (rs *races) course(t grid.Trial) (name string, rungs []results.Rung) {
	race := rs.of(t.Config.Iters)
	if race == nil {
		return "", nil
	}
	return race.name, race.course(t.Key)
}

// leave takes out the trials that are done, diverged or failed.
func (rs *races) leave(records []results.Record) {
	for _, r := range records {
		if race := rs.of(r.Config.Iters); race != nil && r.State != results.Stopped {
			race.leave(r.Key)
		}
	}
}

// describe says where the trials of a grid will be judged and what that spares. flops is the cost of an
// iteration.
func (rs *races) describe(w io.Writer, points grid.Points, flops func(results.Config) float64) {
	if rs == nil {
		return
	}
	cost, counted := map[int]float64{}, map[int]float64{}
	for c := range points.All() {
		cost[c.Iters] += flops(c)
		counted[c.Iters]++
	}
	for _, iters := range slices.Sorted(maps.Keys(rs.byIters)) {
		r := rs.byIters[iters]
		n := len(r.entrants)
		fmt.Fprintf(w, "%s: ", r.name)
		counts, ok := rs.rule.forecast(n, iters)
		if !ok {
			fmt.Fprintf(w, "%d trials, checked after %s of %d iterations; what that spares is not known before\n", n, list(r.rungs), iters)
			continue
		}
		for i, at := range append(slices.Clone(r.rungs), iters) {
			if i > 0 {
				fmt.Fprint(w, ", ")
			}
			fmt.Fprintf(w, "%d to %d", counts[i], at)
		}
		whole := float64(n) * float64(iters) * cost[iters] / counted[iters]
		spared := 1 - rs.part(iters)
		fmt.Fprintf(w, " iterations: spares about %s of %s (%.0f%%)\n", operations(spared*whole), operations(whole), 100*spared)
	}
}

// part returns the part of all iterations of trials of that length that will be done: 1 where nobody is
// stopped, or where it is not known before.
func (rs *races) part(iters int) float64 {
	r := rs.of(iters)
	if r == nil {
		return 1
	}
	n := len(r.entrants)
	counts, ok := rs.rule.forecast(n, iters)
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

// list prints numbers, the middle of many left out.
func list(x []int) string {
	words := strings.Fields(strings.Trim(fmt.Sprint(x), "[]"))
	if len(words) > 6 {
		words = append(append(words[:3:3], "…"), words[len(words)-1])
	}
	return strings.Join(words, ", ")
}
