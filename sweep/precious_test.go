package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"fusegrid/search"
)

// TestPrecious checks that commands do not replace files of sweeps and data sets, also with -force.
func TestPrecious(t *testing.T) {
	images := numpyFile(t, "images")
	isolate(t)
	copied, err := os.ReadFile(images)
	if err == nil {
		err = os.WriteFile("d.npz", copied, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := call(t, strings.Fields("-data d.npz -impl reference -quiet -hidden 2 -batch 2 -iters 3 -keep 1 -out o")...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	kept, _ := os.ReadDir("o/weights")
	weights := "o/weights/" + kept[0].Name()
	for _, args := range []string{
		"data d.npz -mean d.npz", "data d.npz -mean o/curves.bin",
		"predict -force -weights " + weights + " -data d.npz -o d.npz",
		"predict -force -weights " + weights + " -data d.npz -o o/trials.jsonl",
		"predict -force -weights " + weights + " -data d.npz -o " + weights,
		"export -force o -to csv -o o/trials.jsonl", "export -force o -to sqlite -o o/curves.bin", "export -force o -to csv -o " + weights,
	} {
		words := strings.Fields(args)
		before, err := os.ReadFile(words[len(words)-1])
		if err != nil {
			t.Fatal(err)
		}
		_, stderr, code := call(t, words...)
		after, _ := os.ReadFile(words[len(words)-1])
		if code != exitBadInput || strings.Count(stderr, "\n") != 1 || string(after) != string(before) {
			t.Errorf("%s: exit code %d, stderr %q", args, code, stderr)
		}
	}
}

// TestFolderOfFunction looks at a folder of a function with the commands for nets.
func TestFolderOfFunction(t *testing.T) {
	isolate(t)
	f := search.Func{Name: "half", Seeds: "1,2", Space: []search.Param{search.Float("lr", "0.25,0.5"), search.Word("way", "up", "down")}, Value: half}
	if _, err := search.Run(t.Context(), search.Study{Dir: "f", Objective: f}); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS("g", os.DirFS("f")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"show f -top 2", "0.5   up  0.52", exitOK},
		{"show f -where way==up&&lr<0.3", "2 of 8 trials", exitOK},
		{"status f", "(lr 0.5, way up", exitOK},
		{"diff f g", "8 have the same bits", exitOK},
		{"export f -to sqlite -o x.sqlite", "8 trials", exitOK},
		{"verify -out f", "has trials of a function, which only the program", exitBadInput},
		{"-data synthetic -impl reference -quiet -hidden 2 -batch 20 -iters 3 -out f", `f has trials of the function "half"; name another folder`, exitBadInput},
	} {
		stdout, stderr, code := call(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%s: exit code %d, want %q\n%s%s", c.args, code, c.want, stdout, stderr)
		}
	}
	table, err := os.ReadFile("f/table.md")
	if err != nil || strings.Contains(string(table), "test accuracy") {
		t.Errorf("%s, error %v", table, err)
	}
	if _, stderr, code := call(t, strings.Fields("-data synthetic -impl reference -quiet -hidden 2 -batch 20 -iters 3 -out n")...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if _, err := search.Run(t.Context(), search.Study{Dir: "n", Objective: f}); err == nil || err.Error() != "n has trials of nets; name another folder" {
		t.Errorf("a function in a folder of nets: %v", err)
	}
}

// half is larger for larger learning rates and for the way up.
func half(_ context.Context, t *search.Trial) (float64, error) {
	if t.Word("way") == "down" {
		return -t.Float("lr"), nil
	}
	return t.Float("lr") + float64(t.Seed())/100, nil
}

// TestVerifyOtherData verifies trials with a data set that does not have their split.
func TestVerifyOtherData(t *testing.T) {
	features := numpyFile(t, "f32")
	isolate(t)
	if _, stderr, code := call(t, "-data", features, "-norm", "standard", "-impl", "reference", "-quiet", "-hidden", "2", "-batch", "2", "-iters", "3", "-out", "o"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	_, stderr, code := call(t, "verify", "-out", "o", "-data", "synthetic")
	if code != exitBadInput || !strings.Contains(stderr, "was trained on f32 (") || !strings.Contains(stderr, "this is synthetic (") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}
