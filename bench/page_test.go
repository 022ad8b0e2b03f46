package main

import (
	"strings"
	"testing"
)

// TestPageFigures checks the table of what tests of pages print.
func TestPageFigures(t *testing.T) {
	said := "=== RUN   TestLarge\n    large_test.go:30: figure\tgrid\tfile\t5.1 MB\n    large_test.go:31: figure\tgrid\tfilter\t43 ms\nnoise figure\n" +
		"    large_test.go:30: figure\trandom\tfile\t5.0 MB\nok\n"
	var b strings.Builder
	if err := writeFigures(&b, figuresOf(strings.NewReader(said))); err != nil {
		t.Fatal(err)
	}
	if want := "| | grid | random |\n|---|---:|---:|\n| file | 5.1 MB | 5.0 MB |\n| filter | 43 ms |  |\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
