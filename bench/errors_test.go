package main

import (
	"strings"
	"testing"

	"fusegrid"
)

// TestErrors checks the bounds that stable sets must keep for uniform numbers: a root mean square of 3 and a maximum
// of 10. A sum in one chain exceeds both.
func TestErrors(t *testing.T) {
	for _, s := range fusegrid.All() {
		if s.Stable {
			for _, k := range []int{3072, 49000} {
				if testing.Short() && (k > 3072 || s.Name == "reference") {
					continue
				}
				if rms, most := sumErrors(s, k); !(rms > 0 && rms <= 3 && most >= rms && most <= 10) {
					t.Errorf("%s, k = %d: errors of %.3g, at most %.3g", s.Name, k, rms, most)
				}
			}
		}
	}
	code, out, errs := bench("errors", "-k", "3,700")
	if code != 0 || errs != "" || strings.Count(out, "\n") != 4 || !strings.Contains(out, "\n| 700 | ") {
		t.Errorf("exit %d, %s\n%s", code, errs, out)
	}
}
