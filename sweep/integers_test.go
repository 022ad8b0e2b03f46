package main

import (
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
)

// TestIntegers trains with first layers in exact integers on two kernel sets, verifies both sweeps, and compares them.
func TestIntegers(t *testing.T) {
	for _, dtype := range []string{"bfp16", "bfp16d8"} {
		t.Run(dtype, func(t *testing.T) { testIntegers(t, dtype) })
	}
}

func testIntegers(t *testing.T, dtype string) {
	isolate(t)
	grid := "-dtype " + dtype + " -data synthetic -quiet -hidden 3 -iters 8 -batch 20 -std 1e-2 -lr 1e-4,1e-3,1e30 -reg 0"
	for _, out := range []string{"reference", "best"} {
		args := strings.Fields(grid + " -out " + out)
		if out == "reference" {
			args = append(args, "-impl", out)
		}
		if _, stderr, code := call(t, args...); code != exitOK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
	}
	searchtest.SameFigures(t, "the fastest kernel set", "best", "reference", 8)
	for _, args := range [][]string{{"-out", "best", "-impl", "reference"}, {"-out", "reference"}} {
		stdout, stderr, code := call(t, append([]string{"verify", "-all"}, args...)...)
		if code != exitOK || stderr != "" || strings.Count(stdout, ": the same bits\n") != 3 {
			t.Errorf("verify %v: exit code %d, stderr %q, stdout\n%s", args, code, stderr, stdout)
		}
	}
	stdout, stderr, code := call(t, "verify", "-n", "1", "-out", "best", "-impl", "gonum")
	if code != exitBadInput || !strings.Contains(stderr, "rounds as class "+dtype+"-512; no kernel set gonum does") {
		t.Errorf("verify on gonum: exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	for args, want := range map[string]string{
		"-impl gonum":           "sweep: kernel set gonum has no first layers of type " + dtype + "; the choices are ",
		"-batch 200,4000":       "sweep: first layers in integers take at most 1024 images in a minibatch; the batch has 4000\n",
		"-net fc -rule rmsprop": "sweep: first layers in integers are for sgd, momentum and nesterov; the update rule is rmsprop\n",
	} {
		stdout, stderr, code := call(t, strings.Fields("-dtype "+dtype+" -data synthetic -out o "+args)...)
		if code != exitBadInput || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr\n%s", args, code, stdout, stderr)
		}
	}
}
