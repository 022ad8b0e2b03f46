package search

import (
	"strings"
	"testing"
)

// TestNearby trains numbers that differ from those on record after the sixth digit. A message must name the lists
// that find all trials on record.
func TestNearby(t *testing.T) {
	isolate(t)
	const rest = " -hidden 2 -iters 2 -batch 10 -workers 1"
	const rounded, full = "0.0001,0.000177828,0.000316228,0.000562341,0.001", "0.0001,0.00017782794100389227,0.00031622776601683794,0.0005623413251903491,0.001"
	for _, tt := range []struct{ record, grid, want, give string }{
		{"-reg 0,0.5 -lr " + rounded, "-reg 0,0.5 -lr log:1e-4..1e-3:5", "sweep: 6 trials are on record with numbers that differ from this grid's by less than 1e-5 of them; to have those instead, give -lr " + rounded + "\n", "-reg 0,0.5 -lr " + rounded},
		{"-reg 0 -lr log:1e-4..1e-3:5", "-reg 0 -lr 1e-4,0.000177828", "sweep: 1 trial is on record with numbers that differ from this grid's by less than 1e-5 of them; to have those instead, give -lr 0.0001,0.00017782794100389227\n", "-reg 0 -lr 0.0001,0.00017782794100389227"},
		{"-reg 0.333333 -lr 0.000177828", "-reg 0.33333333333 -lr log:1e-4..1e-3:5", "give -lr 0.0001,0.000177828,0.00031622776601683794,0.0005623413251903491,0.001 -reg 0.333333\n", "-reg 0.333333 -lr 0.000177828"},
		{"-reg 0 -lr 0.00017783", "-reg 0 -lr log:1e-4..1e-3:5", "", "-reg 0 -lr 0.00017783"}, // 1.2e-5 apart
		{"-reg 0 -lr 0.000177828", "-reg 0.1 -lr log:1e-4..1e-3:5", "", "-reg 0 -lr 0.000177828"},
		{"-reg 0 -lr 0.1", "-reg 0 -lr 0.1,0.10000001", "", "-reg 0 -lr 0.1"},
		{"-reg 0 -lr " + full, "-reg 0 -lr log:1e-4..1e-3:5", "", "-reg 0 -lr " + full},
	} {
		t.Run(tt.grid, func(t *testing.T) {
			out := t.TempDir()
			trainGrid(t, out, tt.record+rest)
			said, _ := trainGrid(t, out, tt.grid+rest)
			if strings.Contains(said, "differ") != (tt.want != "") || !strings.Contains(said, tt.want) {
				t.Errorf("%s, then %s: %q, want %q", tt.record, tt.grid, said, tt.want)
			}
			if said, steps := trainGrid(t, out, tt.give+rest); steps != 0 || strings.Contains(said, "differ") {
				t.Errorf("%s: %d iterations; %s", tt.give, steps, said)
			}
			// Trials that are on record now are not mentioned again.
			if said, steps := trainGrid(t, out, tt.grid+rest); steps != 0 || strings.Contains(said, "differ") {
				t.Errorf("%s again: %d iterations; %s", tt.grid, steps, said)
			}
		})
	}
}
