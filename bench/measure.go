package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"

	"fusegrid/bench/cases"
)

// A plan says what to measure and how often.
type plan struct {
	filter string
	rounds int
	length time.Duration // approximate duration of one measurement
	clock  string        // "wall" or "cpu"
}

func (p *plan) flags(f *flag.FlagSet, filter string) {
	f.StringVar(&p.filter, "filter", filter, filterUsage)
	f.IntVar(&p.rounds, "n", 20, "number of `rounds`; each round measures every kernel set once")
	f.DurationVar(&p.length, "time", 10*time.Millisecond, "approximate `duration` of one measurement")
	f.StringVar(&p.clock, "clock", "wall", "`wall` or cpu; cpu counts only the CPU time of this process,\nfor machines that are busy with other work")
}

func (p *plan) check() error {
	if p.rounds < 1 {
		return badUsage("-n %d: want at least 1 round", p.rounds)
	}
	if p.length <= 0 || p.length > time.Minute {
		return badUsage("-time %v: want more than 0 and at most 1m", p.length)
	}
	if p.clock != "wall" && p.clock != "cpu" {
		return badUsage("-clock %q: want wall or cpu", p.clock)
	}
	if p.clock == "cpu" && cpuTime == nil {
		return badUsage("-clock cpu: this operating system has no CPU clock; use wall")
	}
	return nil
}

// badFilter wraps the first line of err. The other lines point into the query.
func (p *plan) badFilter(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return badUsage("-filter %q: %s", p.filter, text)
}

// A contest is a group with the rows that the filter selects.
type contest struct {
	group cases.Group
	rows  []contestant
}

type contestant struct {
	cases.Row
	calls   int                // per measurement
	results []*benchfmt.Result // one per round
}

// title returns the kernel and the type: "Gemm f32".
func (c *contest) title() string { return c.name().title() }

// label returns the whole name except the row: "Gemm f32 NN 200x3072x50".
func (c *contest) label() string { return c.title() + " " + c.name().label() }

func (c *contest) name() name {
	return split(benchfmt.Name(fullName(c.group, "*")))
}

// choose returns the benchmarks that the filter selects, or an error if it selects none.
func (p *plan) choose(groups []cases.Group) ([]*contest, error) {
	filter, err := benchproc.NewFilter(p.filter)
	if err != nil {
		return nil, p.badFilter(err)
	}
	var all, chosen []*contest
	for _, g := range groups {
		every, c := &contest{group: g}, &contest{group: g}
		for _, impl := range g.Impls {
			row := contestant{Row: cases.Row{Impl: impl}}
			every.rows = append(every.rows, row)
			match, err := filter.Apply(result(g, row.Row, 1, 1, 0))
			if err != nil {
				return nil, p.badFilter(err)
			}
			if match {
				c.rows = append(c.rows, row)
			}
		}
		all = append(all, every)
		if len(c.rows) > 0 {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		k := keysOf(all)
		return nil, badUsage("-filter %q selects no benchmark: %s; the keys are %s, as in '.name:Gemm /shape:512x512x512'; bench list prints all",
			p.filter, k.why(p.filter), strings.Join(k.keys.texts, ", "))
	}
	return chosen, nil
}

// row returns the row of a kernel set, or nil.
func (c *contest) row(impl string) *contestant {
	for i := range c.rows {
		if c.rows[i].Impl == impl {
			return &c.rows[i]
		}
	}
	return nil
}

// hold measures the groups one after the other, and the rows of each group in turns:
// A B A B …. A slowdown of the machine then affects all rows alike. After each group,
// hold calls done. It stops if done returns an error or ctx ends.
func (p *plan) hold(ctx context.Context, groups []cases.Group, done func(*contest) error) error {
	contests, err := p.choose(groups)
	if err != nil {
		return err
	}
	for _, c := range contests {
		for _, r := range c.group.Rows() {
			if row := c.row(r.Impl); row != nil {
				row.Row = r
			}
		}
		if err := p.measure(ctx, c); err != nil {
			return err
		}
		if err := done(c); err != nil {
			return err
		}
		for i := range c.rows {
			c.rows[i].Row = cases.Row{Impl: c.rows[i].Impl} // release the inputs
		}
	}
	return nil
}

func (p *plan) measure(ctx context.Context, c *contest) error {
	// Use one thread, even for rows that would use more.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC() // collect now, so that no collection falls into a round
	for i := range c.rows {
		var err error
		if c.rows[i].calls, err = p.calls(&c.rows[i].Row); err != nil {
			return err
		}
	}
	for range p.rounds {
		for i := range c.rows {
			if err := ctx.Err(); err != nil {
				return err
			}
			r := &c.rows[i]
			peak := 0.0
			if r.Peak != nil {
				peak = r.Peak(peakTime)
			}
			// These calls do not count. The caches still hold what the other rows used, and after a wait for
			// a C program, the monitor of Go's runtime wakes up 50 times in the first millisecond.
			if _, err := p.timed(&r.Row, (r.calls+1)/2); err != nil {
				return err
			}
			t, err := p.timed(&r.Row, r.calls)
			if err != nil {
				return err
			}
			seconds := t.Seconds() / float64(r.calls)
			if seconds <= 0 {
				return fmt.Errorf("%s/%s: %d calls took no time on the %s clock; want a -time longer than %v", c.group.Kernel, c.group.Name, r.calls, p.clock, p.length)
			}
			r.results = append(r.results, result(c.group, r.Row, r.calls, seconds, peak))
		}
	}
	return nil
}

// calls warms up a row and returns the number of calls for one measurement.
func (p *plan) calls(row *cases.Row) (int, error) {
	if row.Time == nil {
		row.Run()
	} else if _, err := row.Time(p.clock, 1); err != nil {
		return 0, err
	}
	for n := 1; ; n *= 2 {
		t, err := p.timed(row, n)
		if err != nil {
			return 0, err
		}
		if t >= p.length/4 || n >= 1<<30 {
			return max(1, int(float64(n)*float64(p.length)/float64(max(t, 1)))), nil
		}
	}
}

// timed returns the time that n calls take.
func (p *plan) timed(row *cases.Row, n int) (time.Duration, error) {
	if row.Time != nil {
		return row.Time(p.clock, n)
	}
	now := func() time.Duration { return time.Since(epoch) }
	if p.clock == "cpu" {
		now = cpuTime
	}
	start := now()
	for range n {
		row.Run()
	}
	return now() - start, nil
}

var epoch = time.Now()

// peakTime is the duration of the peak measurement before each row.
const peakTime = 2 * time.Millisecond

// fullName returns the benchmark name of a row.
func fullName(g cases.Group, impl string) string {
	return g.Kernel + "/" + g.Name + "/impl=" + impl
}

// result returns one measurement in the form in which `go test -bench` reports it.
func result(g cases.Group, row cases.Row, calls int, seconds, peak float64) *benchfmt.Result {
	r := &benchfmt.Result{
		Name:   benchfmt.Name(fullName(g, row.Impl)),
		Iters:  calls,
		Values: []benchfmt.Value{{Value: seconds, Unit: "sec/op", OrigValue: seconds * 1e9, OrigUnit: "ns/op"}},
	}
	for _, m := range g.Metrics(seconds, peak) {
		r.Values = append(r.Values, benchfmt.Value{Value: m.Value, Unit: m.Unit})
	}
	return r
}

// rates returns the rate of each round, in FLOP/s or B/s.
func (c *contestant) rates(g cases.Group) []float64 {
	var rates []float64
	for _, r := range c.results {
		v, _ := r.Value(g.Unit + "/s")
		rates = append(rates, v)
	}
	return rates
}
