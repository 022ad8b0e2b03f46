package main

import (
	"os"
	"strings"
	"testing"
)

func TestAvailable(t *testing.T) {
	for text, want := range map[string]float64{
		"MemTotal:       24689764 kB\nMemFree:        23000000 kB\nMemAvailable:   23500000 kB\n": 23500000 * 1024,
		"MemTotal:       24689764 kB\n": 0,
		"MemAvailable:   much\n":        0,
		"":                              0,
	} {
		got, ok := available(strings.NewReader(text))
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %g, %v; want %g", text, got, ok, want)
		}
	}
}

// What cannot fit is refused in one line before it is tried, also by a dry run.
func TestTooLarge(t *testing.T) {
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		t.Skip("this system does not say how much memory is left")
	}
	isolate(t)
	huge := "65536" + strings.Repeat("x65536", 400) // 7 TB
	for _, more := range []string{"", " -dry-run"} {
		_, stderr, code := call(t, strings.Fields("-data synthetic -impl reference -quiet -net fc -epochs 1 -out o -hidden "+huge+more)...)
		if code != exitBadInput || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "GB of memory") {
			t.Errorf("%q: exit code %d, stderr %q", more, code, stderr)
		}
	}
}

func TestFitCountsWhatTrainsSideBySide(t *testing.T) {
	isolate(t)
	o, err := parseOptions(strings.Fields("-data synthetic -hidden 10,20,30 -workers 2"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := load(t.Context(), builtIn, o.net, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	s := &job{options: o, data: data, base: base(o, data)}
	var blocks []block
	for i := range o.grid.size() { // several of each size
		blocks = append(blocks, block{trials: []trial{{config: o.grid.at(i, s.base)}}})
	}
	largest := 0.0
	for _, b := range blocks {
		largest = max(largest, float64(s.stateSize(b.trials[0].config)))
	}
	if err := s.fit(blocks, 2*largest); err != nil {
		t.Error(err)
	}
	if err := s.fit(blocks, 2*largest-1); err == nil {
		t.Errorf("two nets of %g bytes are said to fit into a byte less", largest)
	}
	if err := s.fit(nil, 0); err != nil {
		t.Error(err)
	}
}
