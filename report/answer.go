package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"fusegrid/results"
)

// An answer is what the first cards of the page say. It is computed from all trials on record.
type answer struct {
	Best     *best // nil if no trial trained to the end
	Sure     sure
	Next     []advice
	Commands []command
	Empty    string // why there is no best setting
}

// A best is the card of the best setting.
type best struct {
	Mean, Interval string // Interval is "" if it is not known
	What           string
	Fields         []field
	Trials         string // beginnings of the keys of its trials, separated by commas
	Seeds          int
}

// A field is a parameter and its value.
type field struct{ Name, Value string }

// A sure is the card that says how sure the best setting is.
type sure struct {
	Count, Text string // Count is a number in bold, before the text
	Choice      string // what choosing among many settings does to the best mean
	Names       string // parameters of the rows
	Rows        []sureRow
	At          string // position of the best mean in percent
}

// A sureRow is a setting with its interval. Positions are percentages.
type sureRow struct {
	Setting, Value, Title string
	Low, Mid, High        string // Low and High are "" if there is no interval
}

// An advice is one sentence of what to try next.
type advice struct {
	Kind, Name, Text string // Kind is dot, edge or bad; Name is bold
}

// A command is a command to copy.
type command struct{ What, Text, Note string }

// sureRows is the number of settings that the page compares.
const sureRows = 8

// mostTied is the largest number of settings that a command trains with fresh seeds.
const mostTied = 8

// A study is the material of an answer.
type study struct {
	page     *Page
	table    *results.Table
	axes     []*axis // in the order of columns
	order    []*axis // the most important first, without the seed
	shares   results.Importance
	unknown  string // why there are no shares
	row      map[*results.Record]int
	settings []*results.Setting
	diffs    []results.Interval // of the first settings to the best, paired by seed
	tied     []int              // settings that cannot be told from the best, without the best
	apart    int                // settings that cannot be compared with the best
	seeds    int                // most seeds of a setting
	accuracy bool               // results are accuracies, from 0 to 1
}

// number returns a result as the page shows it.
func (s *study) number(x float64) string {
	if s.accuracy {
		return strconv.FormatFloat(x, 'f', 4, 64)
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// size returns the size of a difference or of half an interval as the page shows it.
func (s *study) size(x float64) string {
	if s.accuracy {
		return strconv.FormatFloat(x, 'f', 4, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// minimized reports whether smaller results are better.
func (s *study) minimized() bool { return s.table.Record(0).Config.Minimize }

// gap returns by how much one result is better than another.
func (s *study) gap(better, worse float64) float64 {
	c := &s.table.Record(0).Config
	return c.Gain(better) - c.Gain(worse)
}

// worse returns a word for worse results: "less" and "below", or "more" and "above" if smaller ones are better.
func (s *study) worse(less, more string) string {
	if s.minimized() {
		return more
	}
	return less
}

// what names the result.
func (s *study) what() string {
	if s.accuracy {
		return "validation accuracy"
	}
	return "value"
}

// compare fills what a study says about its settings.
func (s *study) compare() {
	for _, t := range s.settings {
		s.seeds = max(s.seeds, t.Val.N)
	}
	if len(s.settings) == 0 || s.settings[0].Val.N == 0 {
		return
	}
	first := s.settings[0]
	low, _, known := s.interval(first)
	for i, t := range s.settings {
		d := t.Minus(first)
		if i < sureRows {
			s.diffs = append(s.diffs, d)
		}
		if i == 0 {
			continue
		}
		switch {
		case d.N < min(s.seeds, 2):
			s.apart++
		case d.N >= 2 && d.Holds(0), // paired by seed
			s.seeds < 2 && known && t.Val.Mean >= low: // one seed: the choice of images alone
			s.tied = append(s.tied, i)
		}
	}
}

// interval returns the 95 % interval of the result of a setting: over its seeds, or over the choice of images if it has
// one seed. It reports false if that is not known.
func (s *study) interval(t *results.Setting) (low, high float64, known bool) {
	images := t.Trials[0].Config.Split[1]
	switch {
	case t.Val.N > 1:
		return t.Val.Low(), t.Val.High(), true
	case t.Val.N == 1 && s.accuracy && images > 0:
		low, high = results.Wilson(t.Val.Mean, images)
		return low, high, true
	}
	return t.Val.Mean, t.Val.Mean, false
}

// answer returns the cards.
func (s *study) answer() answer {
	var a answer
	if len(s.settings) == 0 || s.settings[0].Val.N == 0 {
		a.Empty = "No trial has trained to its end yet, so there is no best setting."
		if n := s.count(results.Diverged); n > 0 && n == s.table.Len() {
			a.Empty = "All trials on record diverged, so there is no best setting. Lower learning rates may help."
		}
		return a
	}
	a.Best, a.Sure = s.best(), s.sure()
	a.Next = s.next()
	a.Commands = s.commands()
	return a
}

// fields returns the values that vary among the settings, in the order of importance.
func (s *study) fields(row int) []field {
	var all []field
	for _, x := range s.order {
		all = append(all, field{x.name, x.show(row)})
	}
	return all
}

func (s *study) best() *best {
	first := s.settings[0]
	b := &best{Mean: s.number(first.Val.Mean), Fields: s.fields(s.row[first.Trials[0]]), Seeds: len(first.Trials)}
	low, high, known := s.interval(first)
	switch {
	case first.Val.N > 1:
		b.Interval = "± " + s.size(first.Val.Half)
		b.What = fmt.Sprintf("mean %s over %d seeds, 95 %% interval", s.what(), first.Val.N)
	case known:
		b.Interval = fmt.Sprintf("(%s to %s)", s.number(low), s.number(high))
		b.What = fmt.Sprintf("%s with one seed; 95 %% interval over the choice of %d images", s.what(), first.Trials[0].Config.Split[1])
	default:
		b.What = s.what() + " with one seed"
	}
	if first.Step > 0 {
		b.What += fmt.Sprintf(", after %d iterations", first.Step)
	}
	var keys []string
	for _, r := range first.Trials {
		keys = append(keys, r.Key)
	}
	b.Trials = strings.Join(keys, ",")
	return b
}

// spread returns the standard deviation between the seeds of a setting, pooled over the best and the tied ones.
func (s *study) spread() float64 {
	var sum, n float64
	for _, i := range append([]int{0}, s.tied...) {
		if v := s.settings[i].Val; v.N > 1 {
			sum += v.Deviation * v.Deviation * float64(v.N-1)
			n += float64(v.N - 1)
		}
	}
	return math.Sqrt(sum / n) // 0/0 is NaN
}

func (s *study) sure() sure {
	first := s.settings[0]
	n := len(s.settings)
	c := sure{Count: group(len(s.tied))}
	others, lie := fmt.Sprintf("of the %s other settings", group(n-1)), "lie"
	if n == 2 {
		others = "other setting"
	}
	if len(s.tied) == 1 {
		lie = "lies"
	}
	low, _, known := s.interval(first)
	switch {
	case n == 1:
		c.Count, c.Text = "1", "setting was tried, so nothing is compared."
	case s.apart == n-1:
		c.Count, c.Text = "", fmt.Sprintf("No other setting of %s is compared with the best, because %s.", group(n), s.incomparable())
	case s.seeds > 1:
		c.Text = others + " cannot be told from the best, compared seed by seed"
		if sd := s.spread(); !math.IsNaN(sd) {
			c.Text += fmt.Sprintf(" (standard deviation between seeds %s)", s.size(sd))
		}
		c.Text += "."
	case known:
		c.Text = fmt.Sprintf("%s %s above %s, the lower end of the interval of the best: the choice of the images alone may explain that. One seed does not show the spread between seeds.",
			others, lie, s.number(low))
	default:
		c.Count, c.Text = "", "One seed for each setting does not show how much chance matters."
	}
	if s.apart > 0 && s.apart < n-1 {
		c.Text += fmt.Sprintf(" %s not compared, because %s.", are(s.apart), s.incomparable())
	}
	if n > 1 {
		c.Choice = fmt.Sprintf("The best of %s is in part the luckiest: with fresh seeds, expect %s than %s.", group(n), s.worse("less", "more"), s.number(first.Val.Mean))
	}
	var names []string
	for _, x := range s.order {
		names = append(names, x.name)
	}
	c.Names = strings.Join(names, " · ")
	s.scale(&c)
	return c
}

// incomparable says why settings are not compared with the best.
func (s *study) incomparable() string {
	if s.seeds > 1 {
		return "fewer than two seeds have comparable results in both"
	}
	return "no seed has comparable results in both"
}

// are returns a number of settings with a verb.
func are(n int) string {
	if n == 1 {
		return "1 setting is"
	}
	return group(n) + " settings are"
}

// scale adds the rows of the first settings on one scale.
func (s *study) scale(c *sure) {
	var shown []*results.Setting
	low, high := math.Inf(1), math.Inf(-1)
	for _, t := range s.settings[:min(sureRows, len(s.settings))] {
		if t.Val.N == 0 {
			break
		}
		shown = append(shown, t)
		from, to, _ := s.interval(t)
		low, high = min(low, from), max(high, to)
	}
	if !(high > low) {
		low, high = low-1, high+1
	}
	at := func(x float64) string { return fmt.Sprintf("%.2f%%", 3+94*(x-low)/(high-low)) }
	c.At = at(s.settings[0].Val.Mean)
	for i, t := range shown {
		var values []string
		for _, f := range s.fields(s.row[t.Trials[0]]) {
			values = append(values, f.Value)
		}
		r := sureRow{Setting: strings.Join(values, " · "), Value: s.number(t.Val.Mean), Mid: at(t.Val.Mean), Title: "the best setting"}
		if from, to, known := s.interval(t); known {
			r.Low, r.High = at(from), at(to)
		}
		if d := s.diffs[i]; i > 0 && d.N > 1 {
			sign := "+"
			if d.Mean < 0 {
				sign = "-"
			}
			r.Title = fmt.Sprintf("%s%s ± %s to the best, over %d common seeds", sign, s.size(math.Abs(d.Mean)), s.size(d.Half), d.N)
		} else if i > 0 {
			r.Title = s.size(s.gap(s.settings[0].Val.Mean, t.Val.Mean)) + " " + s.worse("below", "above") + " the best"
		}
		c.Rows = append(c.Rows, r)
	}
}

func (s *study) count(state results.State) (n int) {
	for row := range s.table.Len() {
		if s.table.Record(row).State == state {
			n++
		}
	}
	return n
}

// A span is where the tied settings lie on a numeric axis.
type span struct {
	*axis
	low, high   float64 // of the best setting and those tied with it
	best        float64
	atLow, atHi bool // the best setting has the lowest or the highest value
}

// anywhere reports whether tied settings have the lowest value and the highest one.
func (p span) anywhere() bool {
	return p.low == p.values[0] && p.high == p.values[len(p.values)-1]
}

// spans returns the spans of the most important numeric axes, at most n.
func (s *study) spans(n int) []span {
	var all []span
	for _, x := range s.order {
		if !x.numeric || len(all) == n {
			continue
		}
		first := x.number[s.row[s.settings[0].Trials[0]]]
		p := span{axis: x, low: first, high: first, best: first}
		for _, i := range s.tied {
			if row, ok := s.row[s.settings[i].Trials[0]]; ok {
				p.low, p.high = min(p.low, x.number[row]), max(p.high, x.number[row])
			}
		}
		p.atLow, p.atHi = first == x.values[0], first == x.values[len(x.values)-1]
		all = append(all, p)
	}
	return all
}

// growing are the parameters of which values beyond those tried make sense.
var growing = []string{"lr", "reg", "std", "hidden", "iters"}

// next returns what to try next.
func (s *study) next() []advice {
	var all []advice
	for _, p := range s.spans(3) {
		lo, hi := short(p.low, p.digits), short(p.high, p.digits)
		switch {
		case p.anywhere():
			all = append(all, advice{"dot", p.name, fmt.Sprintf(": tied settings have values from %s to %s, so it hardly matters.", lo, hi)})
		case p.atHi && slices.Contains(growing, p.name):
			all = append(all, advice{"edge", p.name, fmt.Sprintf(" is best at the highest tried (%s): go higher.", short(p.best, p.digits))})
		case p.atLow && p.best > 0 && slices.Contains(growing, p.name):
			all = append(all, advice{"edge", p.name, fmt.Sprintf(" is best at the lowest tried (%s): go lower.", short(p.best, p.digits))})
		case p.low == p.high:
			all = append(all, advice{"dot", p.name, fmt.Sprintf(": the best value is %s; try values beside it.", lo)})
		case p.high == p.values[len(p.values)-1]:
			all = append(all, advice{"dot", p.name, fmt.Sprintf(": every tied setting lies in %s to %s, the highest tried.", lo, hi)})
		case p.low == p.values[0]:
			all = append(all, advice{"dot", p.name, fmt.Sprintf(": every tied setting lies in %s, the lowest tried, to %s.", lo, hi)})
		default:
			all = append(all, advice{"dot", p.name, fmt.Sprintf(": every tied setting lies in %s to %s.", lo, hi)})
		}
	}
	if len(s.tied) > 0 {
		all = append(all, s.parting())
	} else if s.seeds > 1 && len(s.settings) > 1 && s.apart == 0 {
		all = append(all, advice{"dot", "", "Every other setting differs from the best, seed by seed."})
	}
	if n := s.count(results.Diverged); n > 0 {
		all = append(all, s.divergedFrom(n))
	}
	if n := s.count(results.Failed); n > 0 {
		all = append(all, advice{"bad", "", fmt.Sprintf("%s of %s failed; the same sweep trains them again.", group(n), trials(s.table.Len()))})
	}
	return all
}

// parting says how many seeds tell the first two settings apart.
func (s *study) parting() advice {
	d := s.settings[s.tied[0]].Minus(s.settings[0])
	gap := s.gap(s.settings[0].Val.Mean, s.settings[s.tied[0]].Val.Mean)
	if d.N < 2 {
		return advice{"dot", "", fmt.Sprintf("%s tie. Several seeds, the same for each setting, would show how much chance matters.", group(len(s.tied)+1)+" settings")}
	}
	// The half width for n seeds is about 1.96·σ/√n, where σ is the deviation of the differences.
	need := math.Ceil(math.Pow(1.96*d.Deviation/gap, 2))
	switch {
	case gap <= 0 || need > 50:
		return advice{"dot", "", fmt.Sprintf("The best and the first tied setting differ by %s: seeds alone will hardly tell them apart.", s.size(math.Abs(gap)))}
	}
	need = max(need, float64(d.N+1))
	return advice{"dot", "", fmt.Sprintf("The best and the first tied setting differ by %s: about %.0f seeds each may tell them apart.", s.size(gap), need)}
}

// divergedFrom says how many trials diverged, and from which learning rate on.
func (s *study) divergedFrom(n int) advice {
	text := fmt.Sprintf("%s of %s diverged (%s)", group(n), trials(s.table.Len()), percent(float64(n)/float64(s.table.Len())))
	for _, x := range s.axes {
		if x.name != "lr" || !x.numeric {
			continue
		}
		lowest := math.Inf(1)
		for row := range s.table.Len() {
			if s.table.Record(row).State == results.Diverged {
				lowest = min(lowest, x.number[row])
			}
		}
		text += ", the lowest at lr " + short(lowest, x.digits)
	}
	return advice{"bad", "", text + "."}
}

// percent returns a share in percent with two digits below 10.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.0005:
		return "<0.1 %"
	case share < 0.0995:
		return strconv.FormatFloat(100*share, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(100*share, 'f', 0, 64) + " %"
}

// group returns a number with a comma after each three digits.
func group(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// trials returns a number of trials.
func trials(n int) string {
	if n == 1 {
		return "1 trial"
	}
	return group(n) + " trials"
}

// commands returns the commands that try next what the advice says.
func (s *study) commands() []command {
	first := s.settings[0].Trials[0]
	if s.page.Command == nil || first.Config.Objective != "" {
		return nil
	}
	var all []command
	add := func(what string, zip bool, lists []List) {
		text, note := s.page.Command(first, lists, zip)
		all = append(all, command{what, text, note})
	}
	fresh := List{"seed", s.freshSeeds()}
	if len(s.tied) > 0 {
		some := []int{0}
		for _, i := range s.tied {
			if len(some) < mostTied && s.alike(i) {
				some = append(some, i)
			}
		}
		what := fmt.Sprintf("Fresh seeds for the best and the %s tied with it", settingsOf(len(s.tied)))
		if len(some)-1 < len(s.tied) {
			what = fmt.Sprintf("Fresh seeds for the first %d of the %s tied settings", len(some), group(len(s.tied)+1))
		}
		add(what, true, append(s.zipped(some), fresh))
	} else if len(s.settings) > 1 {
		add("Fresh seeds for the best setting", true, append(s.zipped([]int{0}), fresh))
	}
	if lists := s.further(); len(lists) > 0 {
		add("New values near the best", false, append(lists, List{"seed", s.sameSeeds()}))
	}
	return all
}

func settingsOf(n int) string {
	if n == 1 {
		return "setting"
	}
	return group(n) + " settings"
}

// alike reports whether a setting differs from the best only in parameters of which a command takes lists.
func (s *study) alike(i int) bool {
	a, b := &s.settings[0].Trials[0].Config, &s.settings[i].Trials[0].Config
	for _, x := range s.axes {
		if x.name != "seed" && x.name != folderColumn && !slices.Contains(s.page.Lists, x.name) && a.Exact(x.name) != b.Exact(x.name) {
			return false
		}
	}
	return true
}

// zipped returns, for each axis that varies among some settings, the list of their values.
func (s *study) zipped(some []int) []List {
	var lists []List
	for _, x := range s.order {
		if !slices.Contains(s.page.Lists, x.name) {
			continue
		}
		var values []string
		for _, i := range some {
			values = append(values, s.table.Record(s.row[s.settings[i].Trials[0]]).Config.Exact(x.name))
		}
		if slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
			lists = append(lists, List{x.name, strings.Join(values, ",")})
		}
	}
	return lists
}

// freshSeeds returns as many seeds as a setting has, and at least five, all above those on record.
func (s *study) freshSeeds() string {
	var most uint32
	for _, t := range s.settings {
		for _, r := range t.Trials {
			most = max(most, r.Config.Seed)
		}
	}
	n := uint32(max(5, min(s.seeds, 20)))
	if most > math.MaxUint32-n {
		most = 0 // the seeds on record are at the end of the range
	}
	return fmt.Sprintf("%d..%d", most+1, most+n)
}

// sameSeeds returns the seeds of the best setting.
func (s *study) sameSeeds() string {
	var all []string
	for _, r := range s.settings[0].Trials {
		all = append(all, strconv.FormatUint(uint64(r.Config.Seed), 10))
	}
	return strings.Join(all, ",")
}

// further returns new values of the most important axes.
func (s *study) further() []List {
	var lists []List
	for _, p := range s.spans(3) {
		if !slices.Contains(s.page.Lists, p.name) || !slices.Contains(growing, p.name) || p.anywhere() {
			continue
		}
		whole := p.name == "hidden" || p.name == "iters"
		step := 2.0
		if n := len(p.values); !whole && n > 1 && p.values[max(n-2, 0)] > 0 {
			step = min(max(p.values[n-1]/p.values[n-2], 1.25), 4)
		}
		show := func(x float64) string {
			if whole {
				return strconv.FormatFloat(math.Round(x), 'f', 0, 64)
			}
			return strconv.FormatFloat(x, 'g', 3, 64)
		}
		i, _ := slices.BinarySearch(p.values, p.best)
		switch {
		case p.atHi:
			lists = append(lists, List{p.name, strings.Join([]string{exact(p.best), show(p.best * step), show(p.best * step * step)}, ",")})
		case p.atLow && p.best > 0:
			lists = append(lists, List{p.name, strings.Join([]string{show(p.best / step / step), show(p.best / step), exact(p.best)}, ",")})
		case p.atLow || whole: // the best is 0, or between whole numbers that may be neighbours
		default:
			low, high, scale := p.values[i-1], p.values[i+1], ""
			if i+2 == len(p.values) && p.high == high { // a tied setting has the highest value
				high *= step
			}
			if low > 0 && p.log {
				scale = "log:"
			}
			lists = append(lists, List{p.name, fmt.Sprintf("%s%s..%s:5", scale, show(low), show(high))})
		}
	}
	return lists
}
