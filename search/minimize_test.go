package search

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/halving"
)

// wave returns a study of a function with a value after each of 12 steps. If it is minimized, all values are negated.
func wave(dir, sample string, minimize bool) Study {
	return Study{Dir: dir, Disk: searchtest.Unsynced{}, Objective: Func{
		Name: "wave", Minimize: minimize, Sample: sample, Seeds: "1..3", Steps: 12,
		Space: []Param{Float("x", "-1..1"), Word("kind", "flat", "steep", "lost")},
		Value: func(_ context.Context, t *Trial) (float64, error) {
			v := 0.0
			for step := 1; step <= 12; step++ {
				slope := 0.1
				if t.Word("kind") == "steep" {
					slope = 0.3
				}
				v = 5 + slope*math.Sqrt(float64(step)) - math.Abs(t.Float("x")-0.3) + math.Sin(float64(t.Seed())*t.Float("x")*float64(7*step))/20
				if t.Word("kind") == "lost" && step > 4 && t.Float("x") > 0.33 && t.Float("x") < 0.36 && t.Seed() == 1 {
					v = math.NaN() // of one trial, because equal values rank by their keys, which differ
				}
				if minimize {
					v = -v
				}
				if !t.Report(step, v) {
					break
				}
			}
			return v, nil
		},
	}}
}

// TestMinimize runs a function that is maximized and its negative, which is minimized. The points, the outcomes, the
// trials that are stopped and all orders must be the same, and the values negated.
func TestMinimize(t *testing.T) {
	isolate(t)
	for i, tt := range []struct {
		sample string
		rule   *halving.Rule
	}{
		{"tpe:40", nil}, {"lhs:20", &halving.Rule{Eta: 2, Min: 2}}, {"tpe:24", &halving.Rule{Eta: 2, Min: 2, Hyperband: true}},
		{"lhs:20", &halving.Rule{Min: 2}}, {"lhs:20", &halving.Rule{Patience: 2, Min: 1}}, {"lhs:20", &halving.Rule{Eta: 2, Min: 3, And: &halving.Rule{Patience: 2, Min: 1}}},
	} {
		var outcomes, best, said [2]string
		for k, minimize := range []bool{false, true} {
			study := wave(fmt.Sprintf("o%d%d", i, k), tt.sample, minimize)
			study.Halving = tt.rule
			result, err := Run(t.Context(), study)
			if err != nil {
				t.Fatal(err)
			}
			sign := 1.0
			if minimize {
				sign = -1
			}
			var b strings.Builder
			stopped := 0
			for _, r := range result.Records {
				fmt.Fprint(&b, r.Config.Params, " ", r.Config.Seed, " ", r.State, " ", r.Steps)
				if r.Val() != nil {
					fmt.Fprint(&b, " ", sign**r.Val())
				}
				for _, rung := range r.Rungs {
					val := sign * rung.Val
					if val == -math.MaxFloat64 { // stands for NaN, which is worst
						val = math.Inf(-1)
					}
					fmt.Fprint(&b, " ", rung.Step, ":", val)
				}
				fmt.Fprintln(&b)
				if r.State == results.Stopped {
					stopped++
				}
			}
			if (stopped > 0) != (tt.rule != nil) {
				t.Errorf("%v, %v: %d trials were stopped", tt.sample, tt.rule, stopped)
			}
			outcomes[k] = b.String()
			for _, by := range results.Orders() {
				for _, s := range results.RankSettings(result.Records, by) {
					if s.Val.N == 0 {
						continue // the keys determine the order, and they differ
					}
					best[k] += fmt.Sprintln(s.Trials[0].Config.Params, sign*s.Best(), sign*s.Worst())
				}
			}
			im, err := result.Table.Importance()
			said[k] = fmt.Sprint(im, err)
		}
		if outcomes[0] != outcomes[1] || best[0] != best[1] || said[0] != said[1] {
			t.Errorf("%s, %v: maximized\n%s%s%s\nminimized\n%s%s%s", tt.sample, tt.rule, outcomes[0], best[0], said[0], outcomes[1], best[1], said[1])
		}
	}
	if _, err := Run(t.Context(), wave("o00", "tpe:40", true)); !isInput(err) || err.Error() != `o00 has trials of the function "wave" that maximize it; name another folder` {
		t.Errorf("the other direction: %v", err)
	}
	if _, err := Run(t.Context(), wave("o01", "tpe:40", false)); !isInput(err) || err.Error() != `o01 has trials of the function "wave" that minimize it; name another folder` {
		t.Errorf("the other direction: %v", err)
	}
	again, err := Run(t.Context(), wave("o01", "tpe:40", true))
	if err != nil || len(again.Records) != 120 || len(searchtest.Recorded(t, "o01")) != 120 {
		t.Errorf("another Run: %d records, %v", len(again.Records), err)
	}
	table, err := os.ReadFile("o01/table.md")
	if err != nil || !strings.HasPrefix(string(table), "objective wave, minimized, iters 12\n") {
		t.Errorf("%.200s, %v", table, err)
	}
	f := wave("p", "grid", true).Objective.(Func)
	f.Space = []Param{Word("minimize", "a", "b")}
	if _, err := Run(t.Context(), Study{Dir: "p", Objective: f}); err == nil || !strings.Contains(err.Error(), "parameter minimize has the name of a column of the tables") {
		t.Errorf("a parameter minimize: %v", err)
	}
	f.Minimize = false
	if _, err := Run(t.Context(), Study{Dir: "p", Objective: f}); err != nil {
		t.Errorf("a parameter minimize of a function that is maximized: %v", err)
	}
}
