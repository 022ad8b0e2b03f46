package main

import (
	"strings"
	"testing"
)

// TestTooLarge checks that nets which do not fit the memory are refused in one line, also by a dry run.
func TestTooLarge(t *testing.T) {
	isolate(t)
	huge := "65536" + strings.Repeat("x65536", 400) // 7 TB
	for _, more := range []string{"", " -dry-run"} {
		t.Run(more, func(t *testing.T) {
			_, stderr, code := call(t, strings.Fields("-data synthetic -impl reference -quiet -net fc -epochs 1 -out o -hidden "+huge+more)...)
			if code != exitBadInput || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "GB of memory") {
				t.Errorf("%q: exit code %d, stderr %q", more, code, stderr)
			}
		})
	}
}
