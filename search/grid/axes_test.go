package grid

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fusegrid/results"
)

// TestTable checks that each axis has the fields that help and grid need, and that no two axes
// share a name or a level.
func TestTable(t *testing.T) {
	names, levels := map[string]bool{}, map[int]bool{}
	for _, a := range Standard() {
		if names[a.Name] || levels[a.Level] {
			t.Errorf("%s: the name or the level %d occurs twice", a.Name, a.Level)
		}
		names[a.Name], levels[a.Level] = true, true
		if n := len([]rune(a.Help)); n == 0 || n > 30 {
			t.Errorf("%s: the help has %d columns, want 1 to 30", a.Name, n)
		}
		for net, list := range a.Defaults {
			if _, err := a.Values.Parse(a.Name, list, net); err != nil || !slices.Contains(nets, net) {
				t.Errorf("%s: default for %s: %v", a.Name, net, err)
			}
		}
	}
	for line := range strings.Lines(Standard().Help("-")) {
		if n := len([]rune(line)); n > 81 {
			t.Errorf("%d columns in %q", n-1, line)
		}
	}
}

// TestBlocksOfAxes checks that trials which differ in an axis have the same Common if and only if
// Reasons is empty.
func TestBlocksOfAxes(t *testing.T) {
	seed := uint32(7)
	for _, order := range []*uint32{nil, &seed} {
		for _, tt := range []struct {
			given   map[string]string
			ordered bool // they share a block if the minibatches have a seed
			always  bool
		}{
			{map[string]string{"lr": "1,2"}, true, true},
			{map[string]string{"reg": "1,2"}, true, true},
			{map[string]string{"decay": "0.1,0.2"}, true, true},
			{map[string]string{"std": "1,2"}, true, true},
			{map[string]string{"mu": "0.1,0.2"}, true, true},
			{map[string]string{"seed": "1,2"}, true, false},
			{map[string]string{"hidden": "1,2"}, true, false},
			{map[string]string{"hidden": "1,2x2"}, false, false},
			{map[string]string{"batch": "10,20"}, false, false},
			{map[string]string{"epochs": "1,2"}, false, false},
		} {
			t.Run(fmt.Sprint(tt.given, order != nil), func(t *testing.T) {
				g, err := Standard().Parse(Setting{Net: "fc", Rule: "momentum", Given: tt.given})
				if err != nil {
					t.Fatal(err)
				}
				base := results.Config{Net: "fc", Rule: "momentum", Split: [3]int{1000, 10, 10}, Order: order}
				trials := g.Over(base).Pending(func(results.Config) float64 { return 1 }, func(string) bool { return false })
				a, b := trials[0].Config, trials[1].Config
				Standard().Common(&a)
				Standard().Common(&b)
				want := tt.always || tt.ordered && order != nil
				if same, reasons := a.Equal(&b), Standard().Reasons(trials); len(trials) != 2 || same != want || (len(reasons) == 0) != want {
					t.Errorf("%v, order %v: share a block %v, want %v; reasons %v", tt.given, order != nil, same, want, reasons)
				}
				differ := tt.given["seed"] != "" || tt.given["hidden"] != "" || tt.given["std"] != ""
				if same := Standard().SameStart(&trials[0].Config, &trials[1].Config); same == differ {
					t.Errorf("%v: same initial weights %v, want %v", tt.given, same, !differ)
				}
			})
		}
	}
}

// TestAddAxis follows the recipe "Add an axis" with one more row, here for the field Order. It
// checks that the grid has the axis, that trials which differ in it have different keys, and that
// the help text has its line.
func TestAddAxis(t *testing.T) {
	axes := append(slices.Clone(Standard()), Axis{
		Name: "clip", Help: "largest gradient", Level: 10,
		Defaults: map[string]string{"two-layer": "1,2", "fc": "3"},
		Values: Ints[uint32]{Max: 9, Example: "1,2", Field: func(c *results.Config) *uint32 {
			if c.Order == nil {
				c.Order = new(uint32)
			} else {
				c.Order = func(v uint32) *uint32 { return &v }(*c.Order)
			}
			return c.Order
		}},
		Conflicts: []Conflict{{What: "limits", Why: "a block has one"}},
	})
	g, err := axes.Parse(Setting{Net: "two-layer", Rule: "sgd", Given: map[string]string{"lr": "1", "reg": "0"}})
	if err != nil {
		t.Fatal(err)
	}
	if g.Len() != 2 || g.Shape() != "2 clip" {
		t.Errorf("%d points, %s; want 2 clip", g.Len(), g.Shape())
	}
	trials := g.Over(results.Config{Net: "two-layer", Split: [3]int{1000, 10, 10}}).Pending(func(results.Config) float64 { return 1 }, func(string) bool { return false })
	if trials[0].Key == trials[1].Key {
		t.Error("trials that differ in the axis have one key")
	}
	if reasons := axes.Reasons(trials); len(reasons) != 1 || reasons[0] != (Reason{Text: "2 limits do not fuse: a block has one"}) {
		t.Errorf("reasons %v", reasons)
	}
	if want := fmt.Sprintf("  %-9s %-31s %-20s %s\n", "-clip", "largest gradient", "1,2", "3"); !strings.HasSuffix(axes.Help("-"), want) {
		t.Errorf("help:\n%s\nwant its last line\n%s", axes.Help("-"), want)
	}
	if _, err := axes.Parse(Setting{Net: "fc", Rule: "sgd", Given: map[string]string{"clip": "10"}}); err == nil || err.Error() != `clip "10": "10" is more than 9; write for example clip 1,2` {
		t.Errorf("error %v", err)
	}
}
