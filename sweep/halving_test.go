package main

import (
	"os"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
)

func TestRaceFlags(t *testing.T) {
	isolate(t)
	for _, c := range []struct{ args, want string }{
		{"-halving 1", `sweep: -halving "1": ETA must be a whole number, 2 or more, not "1"`},
		{"-stop best", `sweep: -stop "best": there is no such rule`},
		{"-halving 3 -stop median", "sweep: -stop \"median\": give -halving or -stop once, and -patience once"},
		{"-halving 3 -halving 2", "give -halving or -stop once, and -patience once"},
		{"-patience 2 -patience 3", "give -halving or -stop once, and -patience once"},
		{"-patience 2 -stop median -halving 2", "give -halving or -stop once, and -patience once"},
		{"-patience 2:60 -halving 2:20", "sweep: -patience 2:60: the first comparison is after 60"},
		{"-patience 0", `sweep: -patience "0": the number of measurements must be 1 or more, not "0"`},
		{"-patience 5:10", "sweep: -patience 5:10: no trial could be stopped with 5 checks in 60 iterations"},
		{"-halving 3:60", "the first comparison is after 60 iterations, but training ends after 60"},
		{"-halving=", "sweep: -halving is empty"},
	} {
		t.Run(c.args, func(t *testing.T) {
			stdout, stderr, code := call(t, small(append(strings.Fields(c.args), "-out", "o")...)...)
			if code != exitBadInput || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s: exit code %d, stderr %q, want %q", c.args, code, stderr, c.want)
			}
		})
	}
	o := tinyOptions(t, "-lr 1e-4,1e-3,1e-2,1e-1,1 -reg 0 -hidden 5 -iters 60 -batch 50 -halving hyperband:2:20 -dry-run -out o")
	o.Runner = searchtest.Hasty{Runner: tinyRunner(t, o)}
	stdout, _, err := sweepTiny(t.Context(), o)
	stdout = strings.ReplaceAll(stdout, "\n  ", " ") // long lines are folded
	for _, want := range []string{
		"\nhalving hyperband:2:20 bracket 2: 2 to 20, 1 to 40, 1 to 60 iterations: saves about ",
		"\nhalving hyperband:2:20 bracket 1: 2 to 40, 1 to 60 iterations: saves about ",
		"\nhalving hyperband:2:20 bracket 0: 1 to 60 iterations\n",
		"\nhalving hyperband:2:20, all brackets: saves about ",
	} {
		if err != nil || !strings.Contains(stdout, want) {
			t.Errorf("error %v, got\n%swant in it%s", err, stdout, want)
		}
	}
	o = tinyOptions(t, "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 5 -iters 60 -batch 50 -halving 2:20 -dry-run -out o")
	o.Runner = searchtest.Hasty{Runner: tinyRunner(t, o)}
	stdout, _, err = sweepTiny(t.Context(), o)
	stdout = strings.ReplaceAll(stdout, "\n  ", " ")
	want := "halving 2:20: 4 to 20, 2 to 40, 1 to 60 iterations: saves about "
	if err != nil || !strings.Contains(stdout, want) || !strings.Contains(stdout, "(42%)") {
		t.Errorf("error %v, got\n%swant in it\n%s… (42%%)", err, stdout, want)
	}
	o = tinyOptions(t, "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 5 -iters 60 -batch 50 -patience 2:15 -halving 2:20 -dry-run -out o")
	o.Runner = searchtest.Hasty{Runner: tinyRunner(t, o)}
	stdout, _, err = sweepTiny(t.Context(), o)
	stdout = strings.ReplaceAll(stdout, "\n  ", " ")
	want = "\nhalving 2:20, patience 2:15: 4 to 20, 2 to 40, 1 to 60 iterations: saves about "
	if err != nil || !strings.Contains(stdout, want) || !strings.Contains(stdout, "(42%); patience may save more\n") {
		t.Errorf("error %v, got\n%swant in it%s… (42%%); patience may save more", err, stdout, want)
	}
	if _, err := os.Stat("o"); err == nil {
		t.Error("bad input and dry runs left a folder")
	}
}
