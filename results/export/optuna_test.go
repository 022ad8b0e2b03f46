package export

import (
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fusegrid/results"
)

func TestOptuna(t *testing.T) {
	p := python(t, "optuna", "optuna")
	for _, n := range []int{0, 1, 100} {
		table := sample(n)
		s := Source{Name: "a sweep", Table: table}
		if n > 1 {
			s.Curves = epochs
		}
		facts, rows := reading(t, exec.Command(p, "-W", "ignore", "testdata/read_optuna.py", exported(t, "optuna", s)))
		if facts["name"] != "a sweep" || facts["direction"] != "MAXIMIZE" || n > 1 && fmt.Sprint(facts["best"]) != "0" {
			t.Errorf("facts %v", facts)
		}
		if len(rows) != n {
			t.Fatalf("%d trials, want %d", len(rows), n)
		}
		attributes := facts["attributes"].(map[string]any)
		if attributes["format"] != "s:"+Version {
			t.Errorf("attributes %v", attributes)
		}
		checkOptuna(t, rows, attributes, s)
		if n > 1 {
			checkSpace(t, facts["space"].(map[string]any), table)
		}
	}
}

// epochs returns curves that have a step of a rung and values that JSON does not have. Some trials have none.
func epochs(key string) []Curve {
	name := map[bool]string{false: EpochVal, true: ReportedVal}[key[1] < '4']
	if key[0] < '3' {
		return nil
	}
	return []Curve{
		{Name: "loss", Steps: []int{1, 2}, Values: []float64{3, 2}},
		{Name: name, Steps: []int{5, 10, 15, 20, 25}, Values: []float64{0.58, 0.1, math.NaN(), math.Inf(1), 1}},
	}
}

// TestOptunaMinimizes exports trials of a function that is minimized. Optuna must find the same best trial.
func TestOptunaMinimizes(t *testing.T) {
	p := python(t, "optuna", "optuna")
	for _, minimize := range []bool{false, true} {
		var records []results.Record
		for i := range 5 {
			r := results.Record{State: results.Done, Steps: 1, Config: results.Config{Objective: "f", Minimize: minimize, Iters: 1, Params: results.Params{{Name: "x", Number: float64(i)}}}}
			r.Accuracy.FinalVal = new(math.Sin(float64(i)))
			r.Key, r.Ended = r.Config.Key(), time.Date(2024, 2, 29, 12, 0, i, 0, time.UTC)
			records = append(records, r)
		}
		table := results.NewTable(records)
		facts, rows := reading(t, exec.Command(p, "-W", "ignore", "testdata/read_optuna.py", exported(t, "optuna", Source{Name: "f", Table: table})))
		direction, value := "MAXIMIZE", math.Sin(2)
		if minimize {
			direction, value = "MINIMIZE", math.Sin(4)
		}
		if facts["direction"] != direction || fmt.Sprint(facts["best"]) != "0" || len(rows) != 5 || *rows[0]["value"] != fmt.Sprintf("n:%v", value) {
			t.Errorf("minimize %t: facts %v, rows %v", minimize, facts, rows)
		}
	}
}

// checkOptuna compares the trials that Optuna read with the table.
func checkOptuna(t *testing.T, rows []map[string]*string, attributes map[string]any, s Source) {
	t.Helper()
	table := s.Table
	states := map[results.State]string{results.Done: "COMPLETE", results.Stopped: "PRUNED", results.Diverged: "FAIL", results.Failed: "FAIL"}
	want := typed(t, table)
	for row, got := range rows {
		r := table.Record(row)
		end := r.Ended.Format("2006-01-02T15:04:05.000000")
		state := states[r.State]
		if r.State == results.Done && r.Val() == nil {
			state = "FAIL"
		}
		expected := map[string]*string{
			"state": new("s:" + state), "value": want[row]["val"],
			"start": new("s:" + r.Ended.Add(-1500*time.Millisecond).Format("2006-01-02T15:04:05.000000")), "end": new("s:" + end),
		}
		if s.Curves != nil && s.Curves(r.Key) != nil {
			expected["at.5"], expected["at.10"], expected["at.25"] = new("n:0.58"), new("n:0.1"), new("n:1.0")
		}
		for _, rung := range r.Rungs {
			expected[fmt.Sprintf("at.%d", rung.Step)] = new(fmt.Sprintf("n:%v", rung.Val))
		}
		for _, c := range table.Columns() {
			v, _ := attributes[c.Name].(string)
			switch value := want[row][c.Name]; {
			case c.Role != results.Parameter && value != nil:
				expected["user."+c.Name] = value
			case c.Role == results.Parameter && attributes[c.Name] != nil:
				if !same(&v, value) {
					t.Errorf("trial %d: %s is %s, but the study says %s", row, c.Name, shown(value), v)
				}
			case c.Role == results.Parameter && value == nil && c.Kind == results.Text && got["param."+c.Name] != nil:
				expected["param."+c.Name] = new("s:")
			case c.Role == results.Parameter && value != nil:
				expected["param."+c.Name] = value
			}
		}
		if len(got) != len(expected) {
			t.Errorf("trial %d has %d values, want %d", row, len(got), len(expected))
		}
		for name, w := range expected {
			if g, ok := got[name]; !ok || !same(g, w) {
				t.Errorf("trial %d: %s is %s, want %s", row, name, shown(g), shown(w))
			}
		}
	}
}

// checkSpace checks the distributions that all trials share, from which Optuna computes importances.
func checkSpace(t *testing.T, space map[string]any, table *results.Table) {
	t.Helper()
	for name, want := range map[string]string{
		"hidden": "CategoricalDistribution(choices=('100x100', '50'))",
		"rule":   "CategoricalDistribution(choices=('', 'momentum'))",
		"iters":  "IntDistribution(high=1002, log=False, low=1000, step=1)",
	} {
		if space[name] != want {
			t.Errorf("%s is %v, want %s", name, space[name], want)
		}
	}
	low, high := 1.0, 0.0
	for row := range table.Len() {
		lr := table.Record(row).Config.LR
		low, high = min(low, lr), max(high, lr)
	}
	lr, _ := space["lr"].(string)
	if !strings.HasPrefix(lr, "FloatDistribution(") || !strings.Contains(lr, "log=True") {
		t.Fatalf("lr is %s", lr)
	}
	var gotHigh, gotLow float64
	if _, err := fmt.Sscanf(lr, "FloatDistribution(high=%g, log=True, low=%g", &gotHigh, &gotLow); err != nil || gotHigh != high || gotLow != low {
		t.Errorf("lr is %s, want from %g to %g", lr, low, high)
	}
}
