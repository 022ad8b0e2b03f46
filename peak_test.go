package fusegrid

import (
	"testing"
	"time"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

func TestPeak(t *testing.T) {
	for _, set := range native() {
		f32, ok32 := Peak[float32](set, time.Millisecond)
		f64, ok64 := Peak[float64](set, time.Millisecond)
		if !ok32 || !ok64 || f32 <= 0 || f64 <= 0 {
			t.Errorf("%s: peak is %v, %v in float32 and %v, %v in float64", set.Name, f32, ok32, f64, ok64)
		}
	}
	for _, set := range []*kernels.Set{reference.New(), reference.Gonum()} {
		if f, ok := Peak[float32](set, time.Millisecond); ok || f != 0 {
			t.Errorf("%s has a peak of %v", set.Name, f)
		}
	}
}

// TestMissing checks that every set is either offered, or missing with a reason.
func TestMissing(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		seen[s.Name] = true
	}
	for _, a := range Missing() {
		if seen[a.Name] {
			t.Errorf("%s is both offered and missing", a.Name)
		}
		if a.Reason == "" {
			t.Errorf("%s is missing without a reason", a.Name)
		}
		seen[a.Name] = true
	}
	for _, name := range []string{"avx512", "avx2", "openblas", "reference", "gonum"} {
		if !seen[name] {
			t.Errorf("%s is neither offered nor missing", name)
		}
	}
}
