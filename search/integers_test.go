package search

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/internal/searchtest"
	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// TestBFP16 trains a grid on every kernel set with first layers in exact integers, in blocks, alone, and with a stop
// rule. The figures are those of the class, and verify agrees on another set.
func TestBFP16(t *testing.T) {
	isolate(t)
	for _, rule := range []string{"sgd", "momentum", "nesterov"} {
		args := "-dtype bfp16 -rule " + rule + " -lr 1e-4,1e-3,1e30 -reg 0,0.5 -hidden 3,5 -iters 20 -batch 10 -std 1e-2 -seed 1,2"
		if rule != "sgd" {
			args += " -mu 0.5"
		}
		whole := rule + "-reference"
		trainGrid(t, whole, args+" -keep 2")
		if files, _ := filepath.Glob(filepath.Join(whole, folder.WeightsDir, "*")); len(files) != 4 {
			t.Errorf("%s: weights %v, want those of 2 settings with 2 seeds", rule, files)
		}
		var sets []*kernels.Set
		for _, set := range fusegrid.All() {
			if _, err := fusegrid.ForType(set, "bfp16"); err == nil {
				sets = append(sets, set)
			}
		}
		for _, set := range sets {
			for _, how := range []string{" -workers 3 -block 2", " -fuse off"} {
				out := rule + set.Name + strings.ReplaceAll(how, " ", "")
				c := config(t, args+how)
				c.Kernels = set
				s, r, _ := begin(t, out, c)
				if err := runWith(t.Context(), s, r); err != nil {
					t.Fatal(err)
				}
				searchtest.SameFigures(t, rule+" on "+set.Name+how, out, whole, 20)
			}
		}
		states := map[results.State]bool{}
		for _, r := range searchtest.Recorded(t, whole) {
			states[r.State] = true
			if r.Config.DType != "bfp16" || r.Config.Class != "bfp16-512" || r.Impl != "reference" {
				t.Fatalf("a record has type %s, class %s and set %s", r.Config.DType, r.Config.Class, r.Impl)
			}
			if verdict, same, err := Verify(t.Context(), r, sets[0], searchtest.Tiny(), 2); err != nil || !same {
				t.Errorf("%s: verified on %s: %s, error %v", rule, sets[0].Name, verdict, err)
			}
		}
		if !states[results.Done] || !states[results.Diverged] {
			t.Errorf("%s: states %v, want trials that are done and that diverged", rule, states)
		}
	}
}

// TestBFP16Halving checks that survivors of a stop rule have the bits of an unbroken training, and that states resume.
func TestBFP16Halving(t *testing.T) {
	isolate(t)
	const args = "-dtype bfp16 -lr 1e-4,3e-4,1e-3,3e-3 -reg 0.1 -hidden 3 -batch 10 -std 1e-2"
	trainGrid(t, "whole", args+" -iters 12")
	trainGrid(t, "halved", args+" -iters 12 -halving 2:3")
	want := map[string]string{}
	for _, r := range searchtest.Recorded(t, "whole") {
		want[r.Key] = r.Weights
	}
	survivors := 0
	for _, r := range searchtest.Recorded(t, "halved") {
		if r.State == results.Done {
			survivors++
			if r.Weights != want[r.Key] {
				t.Errorf("the survivor of lr %g has other weights", r.Config.LR)
			}
		}
	}
	if survivors == 0 || survivors == 4 {
		t.Errorf("%d of 4 trials survive", survivors)
	}
	trainGrid(t, "long", args+" -iters 20")
	trainGrid(t, "states", args+" -iters 12 -states all")
	said, steps := trainGrid(t, "states", args+" -iters 20")
	searchtest.SameFigures(t, "resumed from states", "states", "long", 20)
	if !strings.Contains(said, "resume from") || steps > 2*8 {
		t.Errorf("%d iterations: %s", steps, said)
	}
}

// TestBFP16IsNearF32 compares validation accuracies and losses with those of f32.
func TestBFP16IsNearF32(t *testing.T) {
	isolate(t)
	const args = " -lr 1e-3 -reg 0.1 -hidden 5 -iters 60 -batch 10 -std 1e-2 -fuse off"
	trainGrid(t, "f32", args)
	trainGrid(t, "bfp16", "-dtype bfp16"+args)
	a, b := searchtest.Recorded(t, "f32")[0], searchtest.Recorded(t, "bfp16")[0]
	if a.Key == b.Key {
		t.Error("both types have one key")
	}
	// A weight and a delta have 15 bits and a sign. The loss falls from 2.3, and 60 steps amplify little.
	if off := *a.Loss.Last - *b.Loss.Last; off > 1e-2 || off < -1e-2 || off == 0 {
		t.Errorf("the last loss is %v, in f32 %v", *b.Loss.Last, *a.Loss.Last)
	}
}

// TestBFP16Start starts from weights that are not finite, or whose updates overflow: the trials diverge, and no
// others.
func TestBFP16Start(t *testing.T) {
	isolate(t)
	trainGrid(t, "o", "-dtype bfp16 -lr 1e-3 -reg 0 -hidden 3 -iters 9 -batch 10 -std 1e-2,1e38,1e300")
	for _, r := range searchtest.Recorded(t, "o") {
		if want := r.Config.Std < 1; (r.State == results.Done) != want || r.State == results.Failed {
			t.Errorf("std %g: the trial is %s", r.Config.Std, r.State)
		}
	}
}

// TestBFP16Refuses checks what the type does not have. Nothing is written.
func TestBFP16Refuses(t *testing.T) {
	isolate(t)
	for want, c := range map[string]struct {
		args string
		set  *kernels.Set
	}{
		"first layers in integers take at most 1024 images in a minibatch; the batch has 1025": {args: "-batch 10,1025"},
		"first layers in integers are for sgd, momentum and nesterov; the update rule is adam": {args: "-rule adam"},
		"kernel set gonum has no first layers of type bfp16; the choices are ":                 {set: reference.Gonum()},
	} {
		config := config(t, "-dtype bfp16 -out o "+c.args)
		if c.set != nil {
			config.Kernels = c.set
		}
		_, run := Run(t.Context(), config.study())
		_, dry := DryRun(t.Context(), config.study())
		for _, err := range []error{run, dry} {
			if !isInput(err) || !strings.HasPrefix(fmt.Sprint(err), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	}
	c := config(t, "-out o")
	made, err := fusegrid.ForType(c.Kernels, "bfp16")
	if err != nil {
		t.Fatal(err)
	}
	c.Kernels = made
	if _, err := Run(t.Context(), c.study()); !isInput(err) || err.Error() != "runner: kernel set reference rounds as class bfp16-512, which is not for the type f32" {
		t.Errorf("f32 with a set of class bfp16: error %v", err)
	}
	if _, err := os.Stat("o"); err == nil {
		t.Error("a folder was made")
	}
}
