package runner

import (
	"fmt"
	"slices"
	"testing"
)

// TestNewRefuses checks that there is no runner for an unknown type.
func TestNewRefuses(t *testing.T) {
	for _, dtype := range []string{"", "f16", "F32", "float64"} {
		want := fmt.Sprintf("runner: type %q is unknown; the choices are f32, f64, bfp16, bfp16d8", dtype)
		if r, err := New(dtype, nil, nil); r != nil || err == nil || err.Error() != want {
			t.Errorf("%q: %v, error %v, want %s", dtype, r, err, want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		n, most int
		want    []int
	}{{3, 5, []int{0, 1, 2}}, {10, 5, []int{0, 2, 4, 6, 8}}, {7, 3, []int{0, 2, 4}}} {
		if got := spread(c.n, c.most); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d: %v, want %v", c.most, c.n, got, c.want)
		}
	}
	some := spread(49_000, trainImages)
	if len(some) != trainImages || some[0] != 0 || some[999] != 48_951 {
		t.Errorf("%d from %d to %d", len(some), some[0], some[len(some)-1])
	}
}

func TestTimed(t *testing.T) {
	for _, tt := range []struct {
		x    []float64
		want float64
	}{{[]float64{7}, 7}, {[]float64{4, 1}, 2.5}, {[]float64{90, 1, 3}, 3}, {[]float64{5, 90, 1, 3}, 4}} {
		if got := median(tt.x); got != tt.want {
			t.Errorf("%v: %g, want %g", tt.x, got, tt.want)
		}
	}
	n := 0
	if s := timed(t.Context(), func() { n++ }, 0); n == 0 || s < 0 {
		t.Errorf("%d calls in no time, %g seconds each", n, s)
	}
}
