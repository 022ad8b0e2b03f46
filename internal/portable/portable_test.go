package portable

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	b, err := os.ReadFile("testdata/log.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var x, want uint64
		if _, err := fmt.Sscanf(line, "%x %x", &x, &want); err != nil {
			t.Fatalf("testdata/log.txt: %q: %v", line, err)
		}
		n++
		if got := Log(math.Float64frombits(x)); math.Float64bits(got) != want {
			t.Errorf("Log(%v) = %v, want %v", math.Float64frombits(x), got, math.Float64frombits(want))
		}
	}
	if n != 256 {
		t.Errorf("%d vectors, want 256", n)
	}
}

// ulps returns the distance of two numbers in units of the last place of want.
func ulps(got, want float64) float64 {
	return math.Abs(got-want) / (math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want))
}

// TestLogAndExp compares with package math, whose errors are below 1 unit in the last place.
func TestLogAndExp(t *testing.T) {
	for i := range 20_000 {
		x := float64(i-10_000)*0.0708 + 0.0137
		if got, want := Exp(x), math.Exp(x); ulps(got, want) > 3 {
			t.Errorf("Exp(%v) = %v, want %v", x, got, want)
		}
		if x > 0 {
			for _, x := range []float64{x, 1 / x, x * 1e300, x * 1e-300} {
				if got, want := Log(x), math.Log(x); ulps(got, want) > 1 {
					t.Errorf("Log(%v) = %v, want %v", x, got, want)
				}
			}
		}
	}
	for _, x := range []float64{0, -745, -746, -1e300, 709.7, 710, 1e300, math.Inf(1), math.Inf(-1)} {
		if got, want := Exp(x), math.Exp(x); ulps(got, want) > 2 && got != want {
			t.Errorf("Exp(%v) = %v, want %v", x, got, want)
		}
	}
	if !math.IsNaN(Exp(math.NaN())) {
		t.Error("Exp(NaN) is a number")
	}
}

func TestNormalCDF(t *testing.T) {
	for i := range 20_001 {
		x := float64(i-10_000) / 1000
		if got, want := NormalCDF(x), math.Erfc(-x/math.Sqrt2)/2; math.Abs(got-want) > 1e-15 {
			t.Errorf("NormalCDF(%v) = %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{math.Inf(-1), -40, 40, math.Inf(1)} {
		if got, want := NormalCDF(x), math.Erfc(-x/math.Sqrt2)/2; got != want && want > 1e-300 {
			t.Errorf("NormalCDF(%v) = %v, want %v", x, got, want)
		}
	}
}
