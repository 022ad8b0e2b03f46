package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/cli"
	"fusegrid/internal/flagfile"
	"fusegrid/internal/searchtest"
	"fusegrid/results"
)

// config writes a file of flags into the current folder.
func config(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile("grid.toml", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestConfig trains one grid from flags, and again from a file. Both have the same records.
func TestConfig(t *testing.T) {
	isolate(t)
	if _, stderr, code := call(t, strings.Fields("-data synthetic -impl reference -quiet -hidden 5 -iters 6 -batch 50 -std 1e-2 -lr 1e-4,1e-3 -reg 0,0.5 -seed 1..2 -out a")...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	config(t, `# all of it
data = "synthetic"
impl = "reference"
quiet = true
hidden = 5
iters = 1e1        # -iters on the command line wins
batch = [50]
std = 1e-2
lr = [1e-4, 1e-3]
reg = ["0", 0.5]
seed = "1..2"
out = "elsewhere"
`)
	if _, stderr, code := call(t, "-config", "grid.toml", "-iters", "6", "-out", "b"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	want := results.NewTable(searchtest.Recorded(t, "a")).Digest()
	searchtest.Complete(t, "from the file", "b", 8, want)
	if _, err := os.Stat("elsewhere"); err == nil {
		t.Error("the file's -out won")
	}
	// A boolean flag can be switched off.
	if _, stderr, code := call(t, "-config=grid.toml", "-iters=7", "-out=b", "-quiet=false", "-dry-run"); code != exitOK {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestConfigErrors checks that each error names the file and the line.
func TestConfigErrors(t *testing.T) {
	isolate(t)
	for _, c := range []struct{ text, args, want string }{
		{"lr = 1e-3\nlearning-rate = 1", "", `grid.toml:2: there is no flag learning-rate (did you mean "lr"?); see sweep help`},
		{"lrs = 1", "", `grid.toml:1: there is no flag lrs (did you mean "lr"?); see sweep help`},
		{"frobnicate = 1", "", `grid.toml:1: there is no flag frobnicate; see sweep help`},
		{"shard = \"5/3\"", "", `grid.toml:1: -shard "5/3": there is no shard 5 of 3; they are numbered from 1 to 3`},
		{"lr = 1e-3\nshard = \"1/3\"\nhalving = \"3:100\"", "", `grid.toml:2: -shard 1/3: halving 3:100 compares trials of all shards, which do not see each other; omit it, or use patience, which judges each trial by itself`},
		{"help = true", "", `grid.toml:1: there is no flag help; see sweep help`},
		{"config = \"a\"", "", `grid.toml:1: config is only for the command line; remove the key`},
		{"print-config = true", "", `grid.toml:1: print-config is only for the command line; remove the key`},
		{"quiet = \"yes\"", "", `grid.toml:1: quiet = "yes": want true or false, without quotes`},
		{"quiet = 1", "-quiet", `grid.toml:1: quiet = "1": want true or false, without quotes`},
		{"\nlr = true", "", `grid.toml:2: lr = true: want a text, a number, or a list of them in brackets`},
		{"\nnet = false", "", `grid.toml:2: net = false: want a text or a number`},
		{"net = [\"fc\"]", "", `grid.toml:1: net = [fc]: want a text or a number, not a list`},
		{"[lr]\nx = 1", "", `grid.toml:1: lr: a file of flags has no tables; write each flag as name = value`},
		{"net = fc", "", `grid.toml:1: expected value but found "fc" instead; write texts in quotes and lists in brackets: net = "fc", lr = [1e-4, 1e-3]`},
		{"out = 'o'\nnet = 'cnn'", "", `grid.toml:2: -net "cnn": the choices are two-layer and fc`},
		{"out = ''", "", `grid.toml:1: -out is empty; omit the flag for the default`},
		{"out = 'o'\n\nlr = [0.1, -1]", "", `grid.toml:3: -lr "0.1,-1", item 2 "-1": "-1" is negative; write for example -lr 1e-4,1e-3 or log:1e-4..1e-2:5`},
		{"decay = 2.5", "", `grid.toml:1: -decay 2.5: the learning rate would grow with every epoch; give a factor above 0 and at most 1, such as 0.95`},
		{"block = 2", "-fuse off", `-fuse off trains each point alone; omit -block 2 (-block is from grid.toml:1)`},
		{"fuse = 'off'", "-block 2", `grid.toml:1: -fuse off trains each point alone; omit -block 2`},
		{"epochs = 2", "-iters 5", `-iters and -epochs both set the length of the training; give one of them (-epochs is from grid.toml:1)`},
		{"impl = 'z80'", "", "grid.toml:1: -impl: no kernel set \"z80\" on this machine"},
		{"halving = '3:4'", "-data synthetic -iters 4", `grid.toml:1: -halving 3:4: the first comparison is after 4 iterations, but training ends after 4; give a lower MIN`},
		{"data = 'synthetic'\nnorm = 'standard'", "", "dataset: split of synthetic: the normalization standard is for features in floats; these samples are bytes, so use mean or none"},
		{"lr = 0", "-lr 1e-3 -net cnn", `-net "cnn": the choices are two-layer and fc`},
		{strings.Repeat("#\n", flagfile.MaxBytes), "", "grid.toml: it has more than 262144 bytes, so it is no file of flags"},
	} {
		config(t, c.text)
		stdout, stderr, code := call(t, append(strings.Fields(c.args), "-config", "grid.toml")...)
		want := "sweep: " + c.want
		if code != exitBadInput || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q %s: exit code %d, stdout %q, stderr\n%swant\n%s", c.text, c.args, code, stdout, stderr, want)
		}
	}
	if err := os.Remove("grid.toml"); err != nil {
		t.Fatal(err)
	}
	nothingWritten(t)
}

// TestPrintConfig writes flags as a file and reads them back.
func TestPrintConfig(t *testing.T) {
	isolate(t)
	for _, args := range []string{
		"",
		"-lr 1e-4,1e-3 -seed 7 -quiet -out=o -dry-run=1 -fresh=f -impl reference -order 3",
		"-net fc -hidden 100x100,50 -epochs 3 -rule nesterov -mu 0.5..0.9:3 -dtype f64 -halving async:3 -data synthetic -split 0.8,0.1",
		"-sample lhs:7 -sample-seed 18446744073709551615 -lr log:1e-4..1e-2 -max-time 2h -states all -keep 3 -rank lower -per-seed -norm none",
		"-zip lr,reg -lr 1,2 -reg 0,1 -fuse off -checkpoint 1.5 -top 0 -workers 2 -labels coarse -resize 32x32 -division true -curves off -notify x",
		`-out a"b\c'é -data ` + "x\ty",
	} {
		words := strings.Split(args, " ")
		if args == "" {
			words = nil
		}
		want, err := parseOptions(words)
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		stdout, stderr, code := call(t, append(words, "-print-config")...)
		if code != exitOK || stderr != "" {
			t.Fatalf("%q: exit code %d, stderr %q", args, code, stderr)
		}
		config(t, stdout)
		got, err := parseOptions([]string{"-config", "grid.toml"})
		if err != nil {
			t.Fatalf("%q: %v; the file is\n%s", args, err, stdout)
		}
		sameOptions(t, args, got, want)
		again, _, code := call(t, "-config", "grid.toml", "-print-config")
		if code != exitOK || again != stdout {
			t.Errorf("%q: exit code %d, printed again:\n%swant\n%s", args, code, again, stdout)
		}
	}
	if _, stderr, code := call(t, "-print-config", "-out", "\xff"); code != exitBadInput || stderr != `sweep: -print-config: -out "\xff" is not UTF-8, which TOML needs`+"\n" {
		t.Errorf("no UTF-8: exit code %d, stderr %q", code, stderr)
	}
	if stdout, _, _ := call(t, "-print-config", "-lr", "1e-3", "-quiet"); !strings.Contains(stdout, "\nlr = \"1e-3\"\n# reg = \"0.25,0.85\"\n") || !strings.Contains(stdout, "\nquiet = true\n") {
		t.Errorf("printed:\n%s", stdout)
	}
}

// TestFlagGroups checks that each flag is in one group of the help text, and that a printed file has their order.
func TestFlagGroups(t *testing.T) {
	isolate(t)
	o, err := parseOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, g := range flagGroups() {
		if g.title == "" || len(g.flags) == 0 {
			t.Errorf("group %q has the flags %q", g.title, g.flags)
		}
		all = append(all, g.flags...)
	}
	if got, want := slices.Sorted(slices.Values(all)), cli.FlagNames(o.config.set); !slices.Equal(got, want) {
		t.Errorf("the groups have the flags %q, want %q", got, want)
	}
	stdout, _, _ := call(t, "-print-config", "-rank", "best", "-sample", "lhs:4", "-data", "d", "-lr", "log:1e-4..1")
	var printed []string
	for line := range strings.Lines(stdout) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "# "), " = "); ok {
			printed = append(printed, name)
		}
	}
	kept := slices.DeleteFunc(all, func(name string) bool { return !slices.Contains(printed, name) })
	if !slices.Equal(printed, kept) || !strings.Contains(stdout, "\n\n# Which points to train:\nsample = \"lhs:4\"\n\n# How to train:\ndata = \"d\"\n\n# Output:\nrank = \"best\"\n") {
		t.Errorf("the order is %q, want %q, in\n%s", printed, kept, stdout)
	}
}

// sameOptions checks that two command lines mean the same.
func sameOptions(t *testing.T, name string, got, want *options) {
	t.Helper()
	plain := func(o *options) map[string]string {
		all := maps.Clone(o.config.given)
		delete(all, "config")
		for _, b := range []string{"dry-run", "fresh", "quiet", "per-seed"} {
			all[b] = o.config.set.Lookup(b).Value.String()
		}
		return all
	}
	if a, b := plain(got), plain(want); !maps.Equal(a, b) {
		t.Errorf("%s: flags %v, want %v", name, a, b)
	}
	var a, b []string
	for i := range got.Grid.Len() {
		a = append(a, got.Grid.Over(results.Config{}).At(i).Key())
	}
	for i := range want.Grid.Len() {
		b = append(b, want.Grid.Over(results.Config{}).At(i).Key())
	}
	if !slices.Equal(a, b) {
		t.Errorf("%s: the grids differ", name)
	}
	if got.data != want.data || got.Dir != want.Dir || got.top != want.top || got.maxTime != want.maxTime || got.fresh != want.fresh ||
		got.dryRun != want.dryRun || got.quiet != want.quiet || got.perSeed != want.perSeed || got.sampling != want.sampling || got.Block != want.Block ||
		got.Weights != want.Weights || got.States != want.States || got.Checkpoint != want.Checkpoint || got.Workers != want.Workers {
		t.Errorf("%s: options\n%+v\nwant\n%+v", name, got, want)
	}
}

// TestConfigResumes checks that the printed command resumes a fresh sweep of a file.
func TestConfigResumes(t *testing.T) {
	isolate(t)
	config(t, "fresh = true\nout = 'a'\n")
	o := tinyOptions(t, "-config grid.toml -lr 1")
	o.Dir = "a-2"
	if got, want := quote(o.resuming()), "-config grid.toml -lr 1 -impl reference -quiet -out a-2 -fresh=false"; got != want {
		t.Errorf("resumes with %q, want %q", got, want)
	}
	o, err := parseOptions(o.resuming())
	if err != nil || o.fresh || o.Dir != "a-2" {
		t.Errorf("error %v, fresh %v, folder %q", err, o.fresh, o.Dir)
	}
	if got := quote(tinyOptions(t, "-config grid.toml -fresh=false").resuming()); got != "-config grid.toml -fresh=false -impl reference -quiet" {
		t.Errorf("resumes with %q", got)
	}
}

// FuzzConfig checks that no file makes the command panic, and that each error is one line.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{"lr = [1e-4, 1e-3]\nquiet = true\n", "iters = 1e3", "zip = ['lr', 'reg']", "[x]", "sample = 'lhs:4'\nlr = 'log:1e-4..1'"} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		name := dir + "/grid.toml"
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := parseOptions([]string{"-config", name}); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	})
}
