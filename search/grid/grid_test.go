package grid

import "testing"

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
