package grid

import (
	"slices"
	"testing"

	"fusegrid/results"
)

// TestSettings checks that a grid knows its net and its rule, has those of a sweep by default, and
// refuses unknown ones.
func TestSettings(t *testing.T) {
	lr := map[string]string{"lr": "1e-3"}
	for _, tt := range []struct {
		name      string
		set       Setting
		net, rule string
		err       string
	}{
		{"defaults", Setting{}, "two-layer", "sgd", ""},
		{"given", Setting{Net: "fc", Rule: "adam", Given: lr}, "fc", "adam", ""},
		{"net", Setting{Net: "cnn"}, "", "", `there is no net "cnn"; the choices are two-layer and fc`},
		{"rule", Setting{Rule: "lion"}, "", "", `train: unknown update rule "lion"; the choices are sgd, momentum, nesterov, rmsprop, adam`},
		{"axis", Setting{Given: map[string]string{"lrs": "1", "reg": "0"}}, "", "", `there is no axis "lrs" (did you mean "lr"?); the choices are lr, reg, hidden, batch, decay, std, seed, iters, epochs, mu`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := Standard().Parse(tt.set)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Net() != tt.net || g.Rule() != tt.rule {
				t.Errorf("net %q, rule %q; want %q, %q", g.Net(), g.Rule(), tt.net, tt.rule)
			}
		})
	}
}

func TestVarying(t *testing.T) {
	g, err := Standard().Parse(Setting{Net: "fc", Given: map[string]string{"lr": "1,2", "epochs": "1,2", "reg": "0"}})
	if err != nil {
		t.Fatal(err)
	}
	got := g.Varying()
	slices.Sort(got)
	if !slices.Equal(got, []string{"iters", "lr"}) {
		t.Errorf("%q", got)
	}
}

// TestPick checks the points of a picked grid, also if nothing is picked.
func TestPick(t *testing.T) {
	g, err := Standard().Parse(Setting{Given: map[string]string{"lr": "1,2,3", "reg": "0,1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, points := range [][]int{{4, 0, 5}, {}, nil} {
		p := g.Pick(points)
		var got, want []string
		for c := range p.Over(results.Config{}).All() {
			got = append(got, c.Key())
		}
		for _, i := range points {
			want = append(want, g.Over(results.Config{}).At(i).Key())
		}
		todo := p.Over(results.Config{}).Pending(func(results.Config) float64 { return 1 }, func(string) bool { return false })
		if !slices.Equal(got, want) || p.Len() != len(points) || p.Total() != len(points) || len(todo) != len(points) {
			t.Errorf("%v: %d of %d points, %d pending; got %q, want %q", points, p.Len(), p.Total(), len(todo), got, want)
		}
	}
	if g.Len() != 6 {
		t.Errorf("the whole grid has %d points", g.Len())
	}
}

// TestPending checks that the trials that are not settled have the order of the points, also if there are many.
func TestPending(t *testing.T) {
	g, err := parsed(t, Setting{Sample: Sampling{Method: "random", N: 5000}}, "lr=1e-4..1e-2 reg=0 hidden=3,5")
	if err != nil {
		t.Fatal(err)
	}
	points := g.Over(results.Config{Net: "two-layer", Split: [3]int{1000, 10, 10}})
	flops := func(c results.Config) float64 { return c.LR }
	var want []Trial
	settled := map[string]bool{}
	for c := range points.All() {
		if key := c.Key(); (len(settled)+len(want))%3 == 0 {
			settled[key] = true
		} else {
			want = append(want, Trial{key, c, c.LR})
		}
	}
	got := points.Pending(flops, func(key string) bool { return settled[key] })
	if len(settled) < 1000 || !slices.EqualFunc(got, want, func(a, b Trial) bool { return a.Key == b.Key && a.Config.Equal(&b.Config) && a.FLOPs == b.FLOPs }) {
		t.Errorf("%d trials, want %d of %d", len(got), len(want), g.Len())
	}
}
