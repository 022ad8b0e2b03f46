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

func TestMemoryOfWhatTrainsSideBySide(t *testing.T) {
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
	if err := s.within(2*largest, blocks); err != nil {
		t.Error(err)
	}
	if err := s.within(2*largest-1, blocks); err == nil {
		t.Errorf("two nets of %g bytes are said to fit into a byte less", largest)
	}
	if err := s.within(0, nil); err != nil {
		t.Error(err)
	}
}
