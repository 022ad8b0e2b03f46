package main

import (
	"strings"
	"testing"
)

// TestPeers checks a run of one small product. Libraries that are not installed are named.
func TestPeers(t *testing.T) {
	code, out, errs := bench("peers", "-n", "1", "-time", "1ms", "-filter", ".name:Gemm /shape:200x50x10", "reference")
	missing := strings.Count(errs, "NOT MEASURED: ")
	if missing == 4 {
		if code != 1 || !strings.Contains(errs, "no library runs on this machine") {
			t.Fatalf("exit %d: %s", code, errs)
		}
		t.Skipf("none of the libraries is installed: %s", errs)
	}
	for _, want := range []string{"FLOP/s on one core", "\nf32 NN 200x50x10 ", "\nf32 geometric mean ", "\nf32 least "} {
		if !strings.Contains(out, want) {
			t.Errorf("no line %q:\n%s", want, out)
		}
	}
	if code != 0 || strings.Count(errs, "\n") != missing {
		t.Errorf("exit %d: %s", code, errs)
	}
	_, table, _ := strings.Cut(out, "\n\n")
	fits(t, table)
	code, out, errs = bench("peers", "-n", "1", "-time", "1ms", "-filter", ".name:Gemm /shape:200x50x10 /dtype:f32", "-each", "1e9", "-geomean", "1e9", "reference")
	if code != 1 || strings.Count(out, "below the bar of 1e+09") != 2 || !strings.Contains(errs, "reference against libraries: 2 below the bar") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
}
