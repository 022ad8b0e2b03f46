package main

import (
	"context"
	"flag"
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
	length time.Duration // of one measurement, about
	clock  string        // "wall" or "cpu"
}

func (p *plan) flags(f *flag.FlagSet, filter string) {
	f.StringVar(&p.filter, "filter", filter, "benchmarks to run, as in benchstat: '.name:Gemm /dtype:f32'")
	f.IntVar(&p.rounds, "n", 20, "`rounds`: every row is measured once in each")
	f.DurationVar(&p.length, "time", 10*time.Millisecond, "about how `long` one measurement takes")
	f.StringVar(&p.clock, "clock", "wall", "wall, or cpu: the process's own time, for a machine that is busy with other work")
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
		return badUsage("-clock cpu: this system has no such clock; use wall")
	}
	return nil
}

// badFilter keeps the first line of err: the others point into the query.
func (p *plan) badFilter(err error) error {
	what, _, _ := strings.Cut(err.Error(), "\n")
	return badUsage("-filter %q: %s", p.filter, what)
}

// A contest is one group with the rows that the filter let through.
type contest struct {
	group cases.Group
	rows  []contestant
}

type contestant struct {
	cases.Row
	calls   int                // per measurement
	results []*benchfmt.Result // one per round
}

// hold measures groups one after the other, and the rows of each in turns:
// A B A B …, so that whatever slows the machine slows all rows. After each group
// it calls done, and stops if that fails or ctx ends.
func (p *plan) hold(ctx context.Context, groups []cases.Group, done func(*contest) error) error {
	filter, err := benchproc.NewFilter(p.filter)
	if err != nil {
		return p.badFilter(err)
	}
	found := false
	for _, g := range groups {
		c := &contest{group: g}
		for _, row := range g.Rows() {
			match, err := filter.Apply(result(g, row, 1, 1, 0))
			if err != nil {
				return p.badFilter(err)
			}
			if match {
				c.rows = append(c.rows, contestant{Row: row})
			}
		}
		if len(c.rows) == 0 {
			continue
		}
		found = true
		if err := p.measure(ctx, c); err != nil {
			return err
		}
		if err := done(c); err != nil {
			return err
		}
	}
	if !found {
		return badUsage("-filter %q selects no benchmark", p.filter)
	}
	return nil
}

func (p *plan) measure(ctx context.Context, c *contest) error {
	// One thread, also for what would take more.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC() // now, not during a round
	for i := range c.rows {
		c.rows[i].calls = p.calls(c.rows[i].Run)
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
			seconds := p.timed(r.Run, r.calls).Seconds() / float64(r.calls)
			r.results = append(r.results, result(c.group, r.Row, r.calls, seconds, peak))
		}
	}
	return nil
}

// calls warms run and returns how many calls make one measurement.
func (p *plan) calls(run func()) int {
	run()
	for n := 1; ; n *= 2 {
		if t := p.timed(run, n); t >= p.length/4 || n >= 1<<30 {
			return max(1, int(float64(n)*float64(p.length)/float64(max(t, 1))))
		}
	}
}

// timed returns how long n calls take.
func (p *plan) timed(run func(), n int) time.Duration {
	now := func() time.Duration { return time.Since(epoch) }
	if p.clock == "cpu" {
		now = cpuTime
	}
	start := now()
	for range n {
		run()
	}
	return now() - start
}

var epoch = time.Now()

// peakTime is how long the peak is measured before each row.
const peakTime = 2 * time.Millisecond

// result is one measurement as `go test -bench` would report it.
func result(g cases.Group, row cases.Row, calls int, seconds, peak float64) *benchfmt.Result {
	r := &benchfmt.Result{
		Name:   benchfmt.Name(g.Kernel + "/" + g.Name + "/impl=" + row.Impl),
		Iters:  calls,
		Values: []benchfmt.Value{{Value: seconds, Unit: "sec/op", OrigValue: seconds * 1e9, OrigUnit: "ns/op"}},
	}
	for _, m := range g.Metrics(seconds, peak) {
		r.Values = append(r.Values, benchfmt.Value{Value: m.Value, Unit: m.Unit})
	}
	return r
}

// rates returns the rate, "FLOP/s" or "B/s", in each round.
func (c *contestant) rates(g cases.Group) []float64 {
	var rates []float64
	for _, r := range c.results {
		v, _ := r.Value(g.Unit + "/s")
		rates = append(rates, v)
	}
	return rates
}
