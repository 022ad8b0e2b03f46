package results

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// A Setting holds the trials that differ only in their seed.
type Setting struct {
	Trials []*Record // in ascending order of seeds
	Val    Interval  // of the accuracies that are compared; it has no values if a trial diverged

	// Step is the step after which the accuracies of Val were measured if a trial was stopped: the
	// last rung that all trials reached. It is 0 if all trials trained to the end.
	Step int

	Diverged, Failed, Stopped int // number of trials in these states

	group settingGroup
	vals  []float64 // the accuracies that are compared, by trial; NaN if there is none
}

// A settingGroup ranks settings whose accuracies are not comparable.
type settingGroup int

const (
	allDone      settingGroup = iota // all trials trained to the end
	someStopped                      // some were stopped early
	someDiverged                     // some diverged
	allFailed                        // no trial has an accuracy
)

// An Order says by which figure settings are ranked.
type Order string

const (
	ByMean  Order = "mean"  // the mean over the seeds; also the meaning of ""
	ByBest  Order = "best"  // the best seed
	ByLower Order = "lower" // the lower end of the confidence interval of the mean, or the upper end if the objective is minimized
)

// Orders returns all orders.
func Orders() []Order { return []Order{ByMean, ByBest, ByLower} }

// RankSettings returns the settings of records in this order. Those of earlier versions of the kernels,
// see [Config.Earlier], follow all others, in the same order:
//   - settings whose trials all trained to the end, best figure first;
//   - settings with stopped trials, latest Step first, then best figure first;
//   - settings with diverged trials, smallest share of diverged trials first;
//   - settings whose trials all failed.
//
// A failed trial does not count otherwise, because the next sweep repeats it. With ByLower, settings
// with one seed follow those with several, because one seed has no interval. Ties are in the order
// of the means, and then of the keys of the first trials. The settings refer to records.
func RankSettings(records []Record, by Order) []*Setting {
	return RankSettingsOf(pointers(records), by)
}

// RankSettingsOf is like [RankSettings] for records that are not in one list. It copies none.
func RankSettingsOf(records []*Record, by Order) []*Setting {
	return rankSettings(bySetting(records), by)
}

func rankSettings(groups [][]*Record, by Order) []*Setting {
	var all []*Setting
	for _, trials := range groups {
		s := &Setting{Trials: trials}
		s.judge()
		all = append(all, s)
	}
	slices.SortFunc(all, func(s, t *Setting) int {
		return cmp.Or(
			cmp.Compare(s.earlier(), t.earlier()),
			cmp.Compare(s.group, t.group),
			cmp.Compare(t.Step, s.Step),
			cmp.Compare(s.diverged(), t.diverged()),
			cmp.Compare(t.gain(by), s.gain(by)), // NaN is less than all numbers
			cmp.Compare(t.gain(ByMean), s.gain(ByMean)),
			strings.Compare(s.Trials[0].Key, t.Trials[0].Key))
	})
	return all
}

// earlier returns 1 if the trials are of an earlier version of the kernels, and 0 otherwise.
func (s *Setting) earlier() int {
	if s.Trials[0].Config.Earlier() {
		return 1
	}
	return 0
}

// bySetting returns groups of the trials that differ only in their seed. Keys must differ.
func bySetting(records []*Record) [][]*Record {
	if len(records) == 0 {
		return nil
	}
	other := func(r *Record) bool { return r.Config.Seed != records[0].Config.Seed }
	groups := make([][]*Record, 0, len(records)) // at once, because records may be many
	if !slices.ContainsFunc(records, other) {
		return slices.AppendSeq(groups, slices.Chunk(records, 1))
	}
	index := map[string]int{}
	var text []byte
	for _, r := range records {
		c := r.Config
		c.Seed = 0
		text = c.appendCanonical(text[:0])
		i, ok := index[string(text)]
		if !ok {
			i = len(groups)
			index[string(text)] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// judge computes the figures of s from its trials.
func (s *Setting) judge() {
	slices.SortFunc(s.Trials, func(a, b *Record) int { return cmp.Compare(a.Config.Seed, b.Config.Seed) })
	for _, r := range s.Trials {
		switch r.State {
		case Diverged:
			s.Diverged++
		case Failed:
			s.Failed++
		case Stopped:
			s.Stopped++
			if s.Step == 0 || r.Steps < s.Step {
				s.Step = r.Steps
			}
		}
	}
	s.vals = make([]float64, len(s.Trials))
	var vals []float64
	for i, r := range s.Trials {
		s.vals[i] = r.valAt(s.Step)
		if !math.IsNaN(s.vals[i]) {
			vals = append(vals, s.vals[i])
		}
	}
	switch {
	case s.Diverged > 0:
		s.group, s.Step, vals = someDiverged, 0, nil
	case len(vals) == 0:
		s.group, s.Step = allFailed, 0
	case s.Stopped > 0:
		s.group = someStopped
	}
	s.Val = IntervalOf(vals)
}

// valAt returns the accuracy of r at a rung, or that of its final net if step is 0. It returns NaN if
// there is none.
func (r *Record) valAt(step int) float64 {
	val := r.Val()
	if val == nil {
		return math.NaN()
	}
	if step == 0 || r.State == Stopped && r.Steps == step {
		return *val
	}
	for _, rung := range r.Rungs {
		if rung.Step == step {
			return rung.Val
		}
	}
	return math.NaN()
}

// diverged returns the share of the trials that diverged.
func (s *Setting) diverged() float64 { return float64(s.Diverged) / float64(len(s.Trials)) }

// gain returns the number by which settings are ranked, the best first, or NaN if there is none.
func (s *Setting) gain(by Order) float64 {
	figure := s.Val.Mean
	switch {
	case s.Val.N == 0:
		return math.NaN()
	case by == ByBest:
		figure = s.Best()
	case by == ByLower && s.minimized():
		figure = s.Val.High()
	case by == ByLower:
		figure = s.Val.Low()
	}
	return s.Trials[0].Config.Gain(figure)
}

func (s *Setting) minimized() bool { return s.Trials[0].Config.Minimize }

// Best returns the best value of the mean, which is the highest accuracy of a net. It is NaN if there is no mean.
func (s *Setting) Best() float64 { return s.extreme(!s.minimized()) }

// Worst returns the worst value of the mean, or NaN if there is no mean.
func (s *Setting) Worst() float64 { return s.extreme(s.minimized()) }

// extreme returns the highest or the lowest value of the mean.
func (s *Setting) extreme(highest bool) float64 {
	of, found := math.Min, math.NaN()
	if highest {
		of = math.Max
	}
	if s.Val.N == 0 {
		return found
	}
	for _, v := range s.vals {
		if math.IsNaN(found) {
			found = v
		} else if !math.IsNaN(v) {
			found = of(found, v)
		}
	}
	return found
}

// Minus returns the mean of the differences between s and t, paired by seed. Trials with equal seeds
// often see the same minibatches, so the interval of the differences is narrower than the intervals of
// both means. It has no values if the settings have no common seed, or if their accuracies are not
// comparable: one has a diverged trial, they were measured at different rungs, or one is of an earlier
// version of the kernels.
func (s *Setting) Minus(t *Setting) Interval {
	var differences []float64
	if s.earlier() == t.earlier() && s.group == t.group && s.group < someDiverged && s.Step == t.Step {
		for i, j := 0, 0; i < len(s.Trials) && j < len(t.Trials); {
			switch a, b := s.Trials[i].Config.Seed, t.Trials[j].Config.Seed; {
			case a < b:
				i++
			case a > b:
				j++
			default:
				if d := s.vals[i] - t.vals[j]; !math.IsNaN(d) {
					differences = append(differences, d)
				}
				i, j = i+1, j+1
			}
		}
	}
	return IntervalOf(differences)
}

// Tests returns the test accuracies of the trials, with their mean and its interval. It has no values
// unless all trials trained to the end and were tested.
func (s *Setting) Tests() Interval {
	var all []float64
	for _, r := range s.Trials {
		if r.State != Done || r.Accuracy.Test == nil {
			return IntervalOf(nil)
		}
		all = append(all, *r.Accuracy.Test)
	}
	return IntervalOf(all)
}
