package main

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlot draws the pictures of a sweep, and checks what is replaced and what is refused.
func TestPlot(t *testing.T) {
	isolate(t)
	grid := "-data synthetic -impl reference -quiet -hidden 2 -iters 40 -batch 5 -out o -lr 1e-3,2e-3 -reg 0,0.5 -keep 3 -block 2"
	if _, stderr, code := call(t, strings.Fields(grid)...); code != exitOK {
		t.Fatal(stderr)
	}
	stdout, stderr, code := call(t, "plot", "o")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, name := range []string{"heatmap.png", "heatmap.svg", "curves.png", "curves.svg", "weights.png"} {
		name = filepath.Join("o", "plots", name)
		if !strings.Contains(stdout, name) {
			t.Errorf("%s is not in %q", name, stdout)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".png") {
			if _, err := png.Decode(f); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		f.Close()
	}
	if _, stderr, code := call(t, "plot", "o"); code != exitOK { // replaces its own pictures
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, stderr, code := call(t, "plot", "-o", "mine", "-x", "reg", "-y", "lr", "o"); code != exitOK {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-o", "mine", "o"}, "mine/heatmap.png exists; replace it with -force, or name another folder with -o"},
		{[]string{"-x", "lr", "o"}, "-x and -y are the two axes of the heat map; give both"},
		{[]string{"-x", "lr", "-y", "lr", "o"}, "-x lr -y lr: the axes of the heat map must differ"},
		{[]string{"-x", "lr", "-y", "seed", "o"}, `"seed" is no parameter that varies; the axes of the heat map can be lr and reg`},
		{[]string{"-where", "lr>1", "o"}, "-where lr>1: no trial of o fits"},
		{[]string{"-where", "lr>", "o"}, "-where"},
		{[]string{"o", "o2"}, `"o2": sweep plot takes one folder`},
		{[]string{"nothing"}, "nothing"},
		{[]string{"-o", "o/trials.jsonl", "o"}, "o/trials.jsonl"},
	} {
		if _, stderr, code := call(t, append([]string{"plot"}, c.args...)...); code != exitBadInput || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") > 3 {
			t.Errorf("%q: exit code %d, %q, want %q", c.args, code, stderr, c.want)
		}
	}
	if _, stderr, code := call(t, "plot", "-o", "mine", "-force", "o"); code != exitOK {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
