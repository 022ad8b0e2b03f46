package say

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	for _, c := range []struct {
		flops, peak float64
		cores       int
		want        string
	}{
		{85.4e9, 178e9, 2, "42.7 GFLOP/s/core (24% of its peak)"},
		{85.4e9, 178e9, 1, "85.4 GFLOP/s/core (48% of its peak)"},
		{85.4e9, 0, 2, "42.7 GFLOP/s/core"},
	} {
		if got := Rate(c.flops, c.peak, c.cores); got != c.want {
			t.Errorf("%g on %d cores: %q, want %q", c.flops, c.cores, got, c.want)
		}
	}
	for flops, want := range map[float64]string{0: "0 GFLOP", 2.5e8: "0.25 GFLOP", 999.9e9: "999.9 GFLOP", 999.96e9: "1 TFLOP", 1.334e13: "13.34 TFLOP", 2e15: "2 PFLOP", 5e21: "5000 EFLOP"} {
		if got := Operations(flops); got != want {
			t.Errorf("Operations(%g) = %q, want %q", flops, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Clock(42 * time.Second), "42s"},
		{Clock(185 * time.Second), "3m05s"},
		{Clock(2*time.Hour + 7*time.Minute), "2h07m"},
		{Plural(1, "net"), "1 net"},
		{Plural(0, "net"), "0 nets"},
		{Are(1), "1 trial is"},
		{Are(2), "2 trials are"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0.0 kB", 1234: "1.2 kB", 999_900: "999.9 kB", 1e6: "1.0 MB", 123_456_789: "123.5 MB", 2e9: "2.0 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
