package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid"
	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/nn/dataset/datasettest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// isolate moves the test to an empty folder and hides the data of the user.
func isolate(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("FUSEGRID_DATA", "")
	t.Setenv(fusegrid.EnvImpl, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
}

// long skips a test with -short. It takes seconds, and asks nothing of the kernels that a build brings.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: it takes seconds")
	}
}

// call runs the command and returns what it says.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return callContext(t, t.Context(), args...)
}

func callContext(t *testing.T, ctx context.Context, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(ctx, args, &out, &err)
	return out.String(), err.String(), code
}

// small is a grid that trains in no time. The reference gives the same figures on
// every machine.
func small(more ...string) []string {
	return append([]string{
		"-data", "synthetic", "-impl", "reference", "-quiet",
		"-hidden", "5", "-iters", "60", "-batch", "50", "-std", "1e-2", "-lr", "1e-4,1e-3", "-reg", "0,0.5",
	}, more...)
}

// recorded returns the trials of an output folder.
func recorded(t *testing.T, dir string) []results.Record {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, folder.JournalName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, recovery, err := results.ReadJournal(f, "journal")
	if err != nil || recovery.Cut != 0 || recovery.Damage != nil {
		t.Fatalf("journal: %v, %+v", err, recovery)
	}
	return records
}

// timeless blots out seconds, samples/s and GFLOP/s.
func timeless(table string) string {
	return regexp.MustCompile(`(?m)  +sec  +samples/s/core  +GFLOP/s/core|  +\d+\.\d\d  +\d+  +\d+\.\d( |$)`).ReplaceAllString(table, "$1")
}

func TestGrid(t *testing.T) {
	long(t) // the golden file is of the whole synthetic set
	golden, err := filepath.Abs("testdata/grid.txt")
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	stdout, stderr, code := call(t, small("-out", "o")...)
	if code != exitOK || stderr != "sweep: all trials and tables are in o\n" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	got := timeless(stdout)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(stdout) {
		if n := utf8.RuneCountInString(line); n > 81 {
			t.Errorf("%d columns: %s", n-1, line)
		}
	}
	for _, name := range []string{folder.JournalName, folder.MarkdownName, folder.CSVName, folder.JSONLName, folder.HeatMapName} {
		if info, err := os.Stat(filepath.Join("o", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range recorded(t, "o") {
		if r.DataName != "synthetic" || len(r.Config.Data) != 64 || r.Accuracy.Test == nil || r.Weights == "" ||
			r.Speed.FLOPs <= 0 || r.Speed.Samples <= 0 || r.Machine.Go == "" || r.Impl != "reference" {
			t.Errorf("the record lacks something: %+v", r)
		}
	}

	// The same command again has nothing to do, and shows the same.
	before, _ := os.ReadFile(filepath.Join("o", folder.JournalName))
	again, stderr, code := call(t, small("-out", "o")...)
	if code != exitOK || again != stdout || !strings.Contains(stderr, "4 of 4 trials are on record in o; 0 to train") {
		t.Errorf("again: exit code %d, stderr %q, stdout\n%s", code, stderr, again)
	}
	if after, _ := os.ReadFile(filepath.Join("o", folder.JournalName)); !bytes.Equal(before, after) {
		t.Error("the journal grew though nothing was left to train")
	}

	// A larger grid trains the difference.
	_, stderr, code = call(t, small("-out", "o", "-seed", "0,1")...)
	if code != exitOK || !strings.Contains(stderr, "4 of 8 trials are on record in o; 4 to train") {
		t.Errorf("larger: exit code %d, stderr %q", code, stderr)
	}
	if n := len(recorded(t, "o")); n != 8 {
		t.Errorf("%d records, want 8", n)
	}
}

func TestDefaultOut(t *testing.T) {
	isolate(t)
	_, stderr, code := call(t, "-impl", "reference", "-quiet", "-hidden", "2", "-iters", "1", "-batch", "5", "-lr", "1e-3", "-reg", "0")
	if code != exitOK || !strings.HasPrefix(stderr, "sweep: no CIFAR-10 here") {
		t.Errorf("exit code %d, stderr %q; want a word about the synthetic images", code, stderr)
	}
	if n := len(recorded(t, "out/synthetic-two-layer-f32")); n != 1 {
		t.Errorf("%d records", n)
	}
}

func nothingWritten(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was written", e.Name())
	}
}

// TestBadInput: one line, exit code 2, nothing written.
func TestBadInput(t *testing.T) {
	isolate(t)
	const (
		lr    = "; write for example -lr 1e-4,1e-3 or log:1e-4..1e-2:5"
		reg   = "; write for example -reg 0.25,0.85 or 0,log:1e-3..1:4"
		seed  = "; write for example -seed 0 or 1..5"
		batch = "; write for example -batch 100,200"
		units = "; write for example -hidden 50,100"
		deep  = "; write for example -hidden 200,100x100"
	)
	for _, tt := range []struct{ args, want string }{
		{"-lr=", `-lr "": a number is missing` + lr},
		{"-lr ,", `-lr ",", item 1 "": a number is missing` + lr},
		{"-lr 1e-4,,1e-3", `-lr "1e-4,,1e-3", item 2 "": a number is missing` + lr},
		{"-lr -1", `-lr "-1": "-1" is negative` + lr},
		{"-lr -0", `-lr "-0": "-0" is negative` + lr},
		{"-lr 0", `-lr "0": "0" must be more than 0` + lr},
		{"-lr nan", `-lr "nan": "nan" is no number to train with` + lr},
		{"-lr -Inf", `-lr "-Inf": "-Inf" is negative` + lr},
		{"-lr -1e999", `-lr "-1e999": "-1e999" is negative` + lr},
		{"-lr 1,Inf", `-lr "1,Inf", item 2 "Inf": "Inf" is too large` + lr},
		{"-lr 1e999", `-lr "1e999": "1e999" is too large` + lr},
		{"-lr x", `-lr "x": "x" is not a number` + lr},
		{"-lr 1e-3,0.001", `-lr "1e-3,0.001", item 2 "0.001": 0.001 is already item 1` + lr},
		{"-lr 1e-3,1e-3..1:3", `-lr "1e-3,1e-3..1:3", item 2 "1e-3..1:3": 0.001 is already item 1` + lr},
		{"-lr 1..2", `-lr "1..2": how many values? Add their number, 1..2:5` + lr},
		{"-lr 1..", `-lr "1..": a range needs two ends, a..b` + lr},
		{"-lr ..2:3", `-lr "..2:3": a range needs two ends, a..b` + lr},
		{"-lr log:1", `-lr "log:1": a range needs two ends, a..b` + lr},
		{"-lr 1:3", `-lr "1:3": a range needs two ends, a..b` + lr},
		{"-lr 1..2:1", `-lr "1..2:1": "1" is not a number of values, 2 or more` + lr},
		{"-lr 1..2:x", `-lr "1..2:x": "x" is not a number of values, 2 or more` + lr},
		{"-lr 1..2:9999999", `-lr "1..2:9999999": 9999999 values are more than 1000000` + lr},
		{"-lr 2..1:3", `-lr "2..1:3": the range must begin below its end` + lr},
		{"-lr 1..1:3", `-lr "1..1:3": the range must begin below its end` + lr},
		{"-lr 1..nan:3", `-lr "1..nan:3": "nan" is no number to train with` + lr},
		{"-reg log:0..1:3", `-reg "log:0..1:3": ratios cannot begin at 0; put the 0 before, 0,log:1e-3..1:3` + reg},
		{"-lr 1 -lr 2", `-lr "2": it is given twice; write one list, separated by commas`},
		{"-lr", `-lr needs a value; see sweep help`},
		{"-division half", `-division "half": there are floor and true; floor divides as Python 2, true as Python 3`},
		{"-rule ada", `-rule "ada": there are sgd, momentum, nesterov, rmsprop and adam (did you mean "adam"?)`},
		{"-data synthetc", `dataset: synthetc: no such file or directory; name the folder that holds the CIFAR-10 batch files (did you mean "synthetic"?)`},
		{"-keep some", `-keep "some": give the number of best nets whose weights to keep, or all`},
		{"-net fc -division true", `-division true is for the two-layer net; the Solver of -net fc divides by floor`},
		{"-lr 1 2", `"2" is not a flag; lists have no spaces, -lr 1e-4,1e-3; see sweep help`},
		{"-batch 0", `-batch "0": "0" is less than 1` + batch},
		{"-batch 1.5", `-batch "1.5": "1.5" is not a whole number` + batch},
		{"-batch 1000000", `-batch "1000000": "1000000" is more than 100000` + batch},
		{"-seed -1", `-seed "-1": "-1" is negative` + seed},
		{"-seed 4294967296", `-seed "4294967296": "4294967296" is more than 4294967295` + seed},
		{"-seed 1..4294967295", `-seed "1..4294967295": 4294967295 values are more than 1000000` + seed},
		{"-seed log:1..5", `-seed "log:1..5": how many values? Add their number, log:1..5:5` + seed},
		{"-seed log:1..5:9", `-seed "log:1..5:9": it holds 1 more than once; ask for fewer values` + seed},
		{"-hidden 100x100", `-hidden "100x100": 2 hidden layers, but the two-layer net has one; add -net fc` + units},
		{"-net fc -hidden 100x", `-hidden "100x": a number is missing` + deep},
		{"-net fc -hidden 5x0", `-hidden "5x0": "0" is less than 1` + deep},
		{"-net fc -hidden 50x5,050x5", `-hidden "50x5,050x5", item 2 "050x5": 50x5 is already item 1` + deep},
		{"-iters 5 -epochs 2", `-iters and -epochs are two ways to say how long; give one of them`},
		{"-net fc -iters 5", `-iters is for the two-layer net; the Solver of -net fc counts -epochs`},
		{"-lr 1e-3..1:2000 -reg 0..1:1000", `the grid has 2000000 points (2000 lr × 1000 reg), more than 1000000; give fewer values`},
		{"-net cnn", `-net "cnn": there are two-layer and fc`},
		{"-dtype f16", `-dtype "f16": there are f32 and f64`},
		{"-workers 0", `-workers "0": give a number from 1 to 4096, or leave it out for one per core`},
		{"-workers many", `-workers "many": give a number from 1 to 4096, or leave it out for one per core`},
		{"-workers 4097", `-workers "4097": give a number from 1 to 4096, or leave it out for one per core`},
		{"-workers=", `-workers is empty; leave it out for the default`},
		{"-iters 1e9x", `-iters "1e9x": "1e9x" is not a whole number; write for example -iters 1000,3000`},
		{"-reg a..b:0", `-reg "a..b:0": "0" is not a number of values, 2 or more` + reg},
		{"-hidden 0", `-hidden "0": "0" is less than 1` + units},
		{"-rule lion", `-rule "lion": there are sgd, momentum, nesterov, rmsprop and adam`},
		{"-rule adam -mu 0.5", `-mu is for -rule momentum and -rule nesterov; -rule is adam`},
		{"-mu 0.5", `-mu is for -rule momentum and -rule nesterov; -rule is sgd`},
		{"-rule momentum -mu 0.9,1", `-mu 1: the velocity would never fade; give a share of it to keep, 0 or more and below 1, such as 0.9`},
		{"-rule nesterov -mu 9", `-mu 9: the velocity would grow without end; give a share of it to keep, 0 or more and below 1, such as 0.9`},
		{"-rule momentum -mu -0.1", `-mu "-0.1": "-0.1" is negative; write for example -mu 0.9 or 0.5,0.9,0.95`},
		{"-decay 0.5..1.5:3", `-decay 1.5: the learning rate would grow with every epoch; give a factor above 0 and at most 1, such as 0.95`},
		{"-net fc -decay 95", `-decay 95: the learning rate would grow with every epoch; give a factor above 0 and at most 1, such as 0.95`},
		{"-decay 0", `-decay "0": "0" must be more than 0; write for example -decay 0.9,0.95`},
		{"-order x", `-order "x": give one seed, a whole number from 0 to 4294967295`},
		{"-fuse maybe", `-fuse "maybe": there are on and off`},
		{"-fuse off -block 2", `-fuse off trains each point alone; leave -block 2 out`},
		{"-block -1", `-block "-1": give the most trials of a block, or leave it out for what fits the cache`},
		{"-checkpoint -1", `-checkpoint "-1": give the seconds between two checkpoints, at most 1000000, or 0 for none but at Ctrl-C`},
		{"-checkpoint nan", `-checkpoint "nan": give the seconds between two checkpoints, at most 1000000, or 0 for none but at Ctrl-C`},
		{"-checkpoint 1m", `-checkpoint "1m": give the seconds between two checkpoints, at most 1000000, or 0 for none but at Ctrl-C`},
		{"-keep 99999999999999999999", `-keep "99999999999999999999": give the number of best nets whose weights to keep, or all`},
		{"-keep -1", `-keep "-1": give the number of best nets whose weights to keep, or all`},
		{"-states -1", `-states "-1": give the number of best trials whose states to keep, or all`},
		{"-states some", `-states "some": give the number of best trials whose states to keep, or all`},
		{"-states=", `-states is empty; leave it out for the default`},
		{"-top -1", `-top "-1": give a number of rows, or 0 for all`},
		{"-out=", `-out is empty; leave it out for the default`},
		{"-quiet=maybe", `-quiet "maybe": give the flag alone, or leave it out`},
		{"-quiet verify", `a command comes before its flags; write sweep verify and then the flags`},
		{"-frobnicate", `there is no flag -frobnicate; see sweep help`},
		{"frobnicate", `there is no command "frobnicate"; there are fetch, verify, reproduce, impl, version and help`},
		{"fecth", `there is no command "fecth" (did you mean "fetch"?); there are fetch, verify, reproduce, impl, version and help`},
		{"help fecth", `there is no command "fecth" (did you mean "fetch"?); there are fetch, verify, reproduce, impl, version and help`},
		{"lr 1e-3", `there is no command "lr"; a flag begins with a hyphen, -lr; see sweep help`},
		{"-lrs 1e-3", `there is no flag -lrs (did you mean -lr?); see sweep help`},
		{"--Hiden 50", `there is no flag -Hiden (did you mean -hidden?); see sweep help`},
		{"-verison", `there is no flag -verison (did you mean -version?); see sweep help`},
		{"---lr 1", `bad flag syntax: ---lr; see sweep help`},
		{"–lr 1e-3", `"–lr" is not as one types it: it has an en dash, U+2013; type -lr`},
		{"-reg 0 —lr=1e-3", `"—lr=1e-3" is not as one types it: it has an em dash, U+2014; type -lr=1e-3`},
		{"-lr −1", `"−1" is not as one types it: it has a minus sign, U+2212; type -1`},
		{"—help", `"—help" is not as one types it: it has an em dash, U+2014; type -help`},
		{"-data “my pictures”", `"“my" is not as one types it: it has a typographic quotation mark, U+201C; type my`},
		{"verify –n 3", `"–n" is not as one types it: it has an en dash, U+2013; type -n`},
		{"-lr 1e–3", `-lr "1e–3": "1e–3" is not a number (it has an en dash, U+2013; type 1e-3)` + lr},
		{"-seed 1…5", `-seed "1…5": "1…5" is not a whole number (it has an ellipsis, U+2026; type 1..5)` + seed},
		{"-net fc -hidden 9×9", `-hidden "9×9": "9×9" is not a whole number (it has a multiplication sign, U+00D7; type 9x9)` + deep},
		{"-lr 0,001", `-lr "0,001", item 1 "0": "0" must be more than 0` + lr + `; if that is a decimal comma, write 0.001`},
		{"-decay 0,95", `-decay "0,95", item 1 "0": "0" must be more than 0; write for example -decay 0.9,0.95; if that is a decimal comma, write 0.95`},
		{"-std 0,001", `-std "0,001", item 1 "0": "0" must be more than 0; write for example -std 1e-4,1e-3; if that is a decimal comma, write 0.001`},
		{"-rule momentum -mu 0,9", `-mu 9: the velocity would grow without end; give a share of it to keep, 0 or more and below 1, such as 0.9; if that is a decimal comma, write 0.9`},
		{"-reg 0,25,0,85", `-reg "0,25,0,85", item 3 "0": 0 is already item 1; write for example -reg 0.25,0.85 or 0,log:1e-3..1:4; if that is a decimal comma, write 0.25,0.85`},
		{"-reg 0,25 -lr 0", `-lr "0": "0" must be more than 0` + lr},
		{"-data nowhere", `dataset: nowhere: no such file or directory; name the folder that holds the CIFAR-10 batch files`},
		{"verify -n 0", `-n "0": give the number of trials to train again`},
		{"verify -n five", `-n "five": give the number of trials to train again`},
		{"verify -workers 0", `-workers "0": give a number from 1 to 4096`},
		{"verify -impl=", `-impl is empty; leave it out for the default`},
		{"fetch -url=", `-url is empty; leave it out for the default`},
		{"reproduce -data nowhere -quiet", `assignment: first run: dataset: nowhere: no such file or directory; name the folder that holds the CIFAR-10 batch files`},
		{"verify", `-out: there are 0 output folders in out; name the one to verify`},
		{"verify -out nowhere", `-out: stat nowhere/trials.jsonl: no such file or directory; name the folder of a sweep`},
		{"fetch -x", `there is no flag -x; sweep fetch has -python, -quiet and -url; see sweep help fetch`},
		{"fetch -data x", `there is no flag -data; sweep fetch has -python, -quiet and -url; see sweep help fetch`},
		{"fetch -pyhton", `there is no flag -pyhton (did you mean -python?); sweep fetch has -python, -quiet and -url; see sweep help fetch`},
		{"fetch here", `"here" is not a flag; sweep fetch has -python, -quiet and -url; see sweep help fetch`},
		{"verify -n", `-n needs a value; see sweep help verify`},
		{"verify -x", `there is no flag -x; sweep verify has -all, -data, -impl, -n, -out, -trial and -workers; see sweep help verify`},
		{"impl -x", `there is no flag -x; sweep impl has none; see sweep help impl`},
		{"version -x", `there is no flag -x; sweep version has none; see sweep help version`},
		{"reproduce -out=", `-out is empty; leave it out for the default`},
		{"impl now", `"now" is not a flag; sweep impl has none; see sweep help impl`},
	} {
		stdout, stderr, code := call(t, strings.Fields(tt.args)...)
		if stderr != "sweep: "+tt.want+"\n" || code != exitBadInput || stdout != "" {
			t.Errorf("sweep %s: exit code %d, stdout %q, stderr\n got %swant sweep: %s", tt.args, code, stdout, stderr, tt.want)
		}
	}
	for _, command := range [][]string{{}, {"verify"}, {"reproduce"}} {
		_, stderr, code := call(t, append(command, "-impl", "z80")...)
		if code != exitBadInput || !strings.Contains(stderr, `-impl: no kernel set "z80" on this machine; there are: `) || !strings.Contains(stderr, "reference") {
			t.Errorf("%v -impl z80: exit code %d, stderr %q", command, code, stderr)
		}
		for _, a := range fusegrid.Missing() {
			_, stderr, code := call(t, append(command, "-impl", a.Name)...)
			if want := fmt.Sprintf("sweep: -impl: kernel set %q is missing: %s; there are: ", a.Name, a.Reason); code != exitBadInput || !strings.HasPrefix(stderr, want) {
				t.Errorf("%v -impl %s: exit code %d, stderr %q, want %q", command, a.Name, code, stderr, want)
			}
		}
	}
	nothingWritten(t)
}

// TestDecimalComma: what is likely a slip is said, and the run goes on.
func TestDecimalComma(t *testing.T) {
	long(t)
	isolate(t)
	for args, want := range map[string]string{
		"-reg 0,25":                     "sweep: -reg 0,25 is a list of two values; if that is a decimal comma, write 0.25\n",
		"-reg 0,5":                      "sweep: -reg 0,5 is a list of two values; if that is a decimal comma, write 0.5\n",
		"-reg 0,0.25":                   "",
		"-reg 0,1e-3":                   "",
		"-reg 0,25,50":                  "",
		"-reg 1,25":                     "",
		"-reg 0,log:1..4:3":             "",
		"-seed 0,1 -reg 0":              "",
		"-reg 0 -rule momentum -mu 0.9": "",
	} {
		_, stderr, code := call(t, append([]string{"-data", "synthetic", "-dry-run", "-lr", "1e-3", "-iters", "1", "-hidden", "2", "-out", "o"}, strings.Fields(args)...)...)
		if code != exitOK || stderr != want {
			t.Errorf("%s: exit code %d, stderr %q, want %q", args, code, stderr, want)
		}
	}
}

// TestOtherSets: trials on record of another kernel set are told of, for their speeds are not of this one.
func TestOtherSets(t *testing.T) {
	isolate(t)
	var sets []string
	for _, s := range fusegrid.All() {
		if s.Class == "fma" && s.Stable {
			sets = append(sets, s.Name)
		}
	}
	if len(sets) < 2 {
		t.Skipf("two kernel sets that round alike are needed; there are %q", sets)
	}
	args := func(impl string, more ...string) []string {
		return append([]string{"-data", "synthetic", "-quiet", "-hidden", "2", "-iters", "2", "-batch", "5", "-lr", "1e-4,1e-3", "-out", "o", "-impl", impl}, more...)
	}
	if _, stderr, code := call(t, args(sets[0], "-reg", "0")...); code != exitOK || strings.Contains(stderr, "trained on") {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	want := fmt.Sprintf("2 trials were trained on %s; -fresh times %s\n", sets[0], sets[1])
	if stdout, _, code := call(t, args(sets[1], "-reg", "0,1", "-dry-run")...); code != exitOK || !strings.Contains(stdout, "\n"+want) {
		t.Errorf("dry run: exit code %d, stdout %q, want %q in it", code, stdout, want)
	}
	if _, stderr, code := call(t, args(sets[1], "-reg", "0,1")...); code != exitOK || !strings.Contains(stderr, "sweep: "+want) {
		t.Errorf("exit code %d, stderr %q, want %q in it", code, stderr, want)
	}
	want = fmt.Sprintf("sweep: 2 trials were trained on %s; -fresh times %s\n", sets[1], sets[0])
	if _, stderr, code := call(t, args(sets[0], "-reg", "0,1")...); code != exitOK || !strings.Contains(stderr, want) {
		t.Errorf("back: exit code %d, stderr %q, want %q in it", code, stderr, want)
	}
	if _, stderr, code := call(t, args(sets[1], "-reg", "1", "-fresh")...); code != exitOK || strings.Contains(stderr, "trained on") {
		t.Errorf("-fresh: exit code %d, stderr %q", code, stderr)
	}
}

// TestCrowd: more workers than cores are told of, in every command that has them.
func TestCrowd(t *testing.T) {
	long(t)
	isolate(t)
	cores := runtime.GOMAXPROCS(0)
	n := strconv.Itoa(cores + 1)
	want := fmt.Sprintf("sweep: -workers %s: there is no gain beyond the %s of this process\n", n, say.Plural(cores, "core"))
	if _, stderr, code := call(t, small("-out", "o", "-workers", n)...); code != exitOK || !strings.HasPrefix(stderr, want) {
		t.Errorf("exit code %d, stderr %q, want first %q", code, stderr, want)
	}
	if _, stderr, code := call(t, "verify", "-n", "1", "-out", "o", "-workers", n); code != exitOK || stderr != want {
		t.Errorf("verify: exit code %d, stderr %q, want %q", code, stderr, want)
	}
	if _, stderr, code := call(t, small("-out", "o", "-workers", strconv.Itoa(cores))...); code != exitOK || strings.Contains(stderr, "-workers") {
		t.Errorf("as many workers as cores: exit code %d, stderr %q", code, stderr)
	}
}

// TestEndsOfAxes: what is just inside is taken.
func TestEndsOfAxes(t *testing.T) {
	for _, args := range []string{"-decay 1", "-decay 1e-300,1", "-rule momentum -mu 0", "-rule nesterov -mu 0,0.9999999", "-net fc -rule momentum -mu 0..0.99:4 -decay 0.1..1:4"} {
		if _, err := parseOptions(strings.Fields(args)); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestBadData(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	datasettest.WriteBinary(t, dir, 20)
	name := filepath.Join(dir, "data_batch_3.bin")
	if err := os.Truncate(name, 12345); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := call(t, "-data", dir, "-out", "o")
	if code != exitBadInput || !strings.Contains(stderr, name) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, stderr %q; want one line that names %s", code, stderr, name)
	}
	t.Setenv("FUSEGRID_DATA", t.TempDir())
	if _, stderr, code := call(t, "-out", "o"); code != exitBadInput || !strings.Contains(stderr, "no CIFAR-10 here") {
		t.Errorf("empty folder: exit code %d, stderr %q", code, stderr)
	}
	nothingWritten(t)
}

// TestDataOfTheEnvironment checks that an error names the environment variable that named the folder.
func TestDataOfTheEnvironment(t *testing.T) {
	isolate(t)
	t.Setenv("FUSEGRID_DATA", "nowhere")
	if _, stderr, code := call(t, "-lr", "1e-3"); code != exitBadInput || !strings.HasSuffix(stderr, "(FUSEGRID_DATA names the folder)\n") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// Files that are not the published CIFAR-10 are never called so, and one line says what they are.
func TestCustomData(t *testing.T) {
	long(t)
	isolate(t)
	dir := t.TempDir()
	datasettest.WriteBinary(t, dir, 20)
	args := []string{"-data", dir, "-lr", "1e-3", "-reg", "0.5", "-hidden", "2", "-batch", "10", "-iters", "2", "-quiet"}
	stdout, stderr, code := call(t, args...)
	if code != exitOK || !strings.Contains(stderr, `sweep: this is not the published CIFAR-10, which "sweep fetch" gets: it is named custom (`) ||
		!strings.Contains(stderr, "sweep: 20 of 20 test images in use are training images: image 0 of test_batch is image 0 of data_batch_1") ||
		!strings.HasPrefix(stdout, "custom (") || strings.Contains(stdout, "cifar-10") {
		t.Errorf("exit code %d, stderr %q, stdout %q", code, stderr, stdout)
	}
	out, err := filepath.Glob("out/custom-????????-two-layer-f32/" + folder.JournalName)
	if err != nil || len(out) != 1 {
		t.Errorf("journals %q, error %v", out, err)
	}
	if _, stderr, code = call(t, args...); code != exitOK || !strings.Contains(stderr, "1 of 1 trials are on record") {
		t.Errorf("again: exit code %d, stderr %q", code, stderr)
	}
	if _, stderr, code = call(t, "verify", "-data", dir, "-out", filepath.Dir(out[0])); code != exitOK || strings.Count(stderr, "not the published") != 1 {
		t.Errorf("verify: exit code %d, stderr %q", code, stderr)
	}
}

// Records of earlier versions name all files cifar-10.
func TestLatestNamesData(t *testing.T) {
	const published = "121dd8d928af8fe4c8b98235ef22112e776f66c3c29512175bed47f0a45b7818"
	for hash, want := range map[string]string{published: "cifar-10", "479eb0a3": "custom"} {
		c := results.Config{Data: hash}
		if got := folder.Latest([]results.Record{{Key: c.Key(), Config: c, DataName: "cifar-10"}})[c.Key()].DataName; got != want {
			t.Errorf("hash %s: name %q, want %q", hash, got, want)
		}
	}
}

func TestInterruptedBeforeAnything(t *testing.T) {
	isolate(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, stderr, code := callContext(t, ctx, small("-out", "o")...); code != exitInterrupted || !strings.HasPrefix(stderr, "sweep: interrupted") {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitInterrupted, stderr)
	}
	// A verification has nothing to go on with.
	if _, stderr, code := call(t, small("-out", "o")...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if _, stderr, code := callContext(t, ctx, "verify", "-out", "o"); code != exitInterrupted || stderr != "sweep: interrupted\n" {
		t.Errorf("verify: exit code %d, stderr %q", code, stderr)
	}
}

func TestHelp(t *testing.T) {
	asked := map[string]string{}
	for _, args := range []string{"help", "-h", "-help", "--help", "-lr 1 -h", "help sweep", "help help", "help -lr"} {
		asked[args] = "sweep trains a grid of small nets"
	}
	for _, name := range commandNames() {
		if name != "help" {
			for _, args := range []string{"help " + name, name + " -h", name + " --help", name + " help"} {
				asked[args] = "sweep " + name + " "
			}
		}
	}
	for args, want := range asked {
		stdout, stderr, code := call(t, strings.Fields(args)...)
		if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, want) {
			t.Errorf("%q: exit code %d, stderr %q, stdout %q, want it to begin %q", args, code, stderr, stdout, want)
		}
		for line := range strings.Lines(stdout) {
			if utf8.RuneCountInString(line) > 81 {
				t.Errorf("%q: longer than 80 columns: %s", args, line)
			}
		}
	}
}

// TestHelpNamesFlags: the help text of a command has each of its flags.
func TestHelpNamesFlags(t *testing.T) {
	isolate(t)
	fs := newFlags("sweep")
	new(options).trainingFlags(fs, new(string), new(string))
	new(options).outputFlags(fs)
	flags := map[string][]string{helpText(): append([]string{"-halving", "-stop", "-mu", "-epochs"}, flagNames(fs)...)}
	for _, a := range grid.Standard() {
		flags[helpText()] = append(flags[helpText()], "-"+a.Flag)
	}
	for _, c := range subcommands() {
		if c.name != "help" {
			_, stderr, _ := call(t, c.name, "-no-such-flag")
			_, list, _ := strings.Cut(stderr, "sweep "+c.name+" has ")
			flags[c.help] = regexp.MustCompile(`-[a-z-]+`).FindAllString(list, -1)
		}
	}
	if line := "  -rule     sgd (default), momentum, nesterov, rmsprop or adam\n"; !strings.Contains(helpText(), line) {
		t.Errorf("the help does not have the line %q", line)
	}
	if got := flags[fetchHelp]; !slices.Equal(got, []string{"-python", "-quiet", "-url"}) {
		t.Errorf("flags of fetch: %q", got)
	}
	for help, names := range flags {
		for _, name := range names {
			if !regexp.MustCompile(`(?m)^  ` + name + `\s`).MatchString(help) {
				t.Errorf("%s is not in this help:\n%s", name, help)
			}
		}
	}
}

// TestAxisFlags: each entry of a table of axes has a flag, which can be given once.
func TestAxisFlags(t *testing.T) {
	axes := append(slices.Clone(grid.Standard()), grid.Axis{Flag: "clip"})
	for _, a := range axes {
		fs := newFlags("sweep")
		given := axisFlags(fs, axes)
		if err := parse(fs, []string{"-" + a.Flag, "1,2"}); err != nil || len(given) != 1 || given[a.Flag] != "1,2" {
			t.Errorf("-%s: given %v, error %v", a.Flag, given, err)
		}
		if err := parse(fs, []string{"-" + a.Flag, "3"}); err == nil {
			t.Errorf("-%s twice: no error", a.Flag)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, args := range []string{"version", "-version", "--version"} {
		if stdout, stderr, code := call(t, args); code != exitOK || stderr != "" || stdout != cli.Version("sweep")+"\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestImpl(t *testing.T) {
	isolate(t)
	stdout, stderr, code := call(t, "impl")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, s := range fusegrid.All() {
		if !strings.Contains(stdout, s.Name+" ") {
			t.Errorf("%s is not shown:\n%s", s.Name, stdout)
		}
	}
	for _, a := range fusegrid.Missing() {
		if !strings.Contains(stdout, "is missing: "+a.Reason) {
			t.Errorf("no word why %s is missing:\n%s", a.Name, stdout)
		}
	}
	t.Setenv(fusegrid.EnvImpl, "reference")
	if stdout, _, _ := call(t, "impl"); !strings.Contains(stdout, "best  reference") {
		t.Errorf("%s is not heeded:\n%s", fusegrid.EnvImpl, stdout)
	}
}

// TestAssignmentGrid is the course's grid on the real images, digit for digit.
func TestAssignmentGrid(t *testing.T) {
	data := os.Getenv("FUSEGRID_DATA")
	switch best, _ := fusegrid.Best(); {
	case data == "":
		t.Skip("FUSEGRID_DATA is not set: it names the folder with the CIFAR-10 batches")
	case testing.Short():
		t.Skip("takes half a minute")
	case best.Class != "fma":
		t.Skipf("%s is too slow for this", best.Name)
	}
	isolate(t)
	for _, dtype := range []string{"f64", "f32"} {
		_, stderr, code := call(t, "-dtype", dtype, "-data", data, "-lr", "1e-3", "-reg", "0.85,0.89", "-iters", "3000", "-out", dtype, "-quiet")
		if code != exitOK {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		records := recorded(t, dtype)
		slices.SortFunc(records, func(a, b results.Record) int { return cmp.Compare(b.Config.Reg, a.Config.Reg) })
		want := [][3]float64{{0.89, 0.575, 0.512}, {0.85, 0.54, 0.504}}
		for i, r := range records {
			got := [3]float64{r.Config.Reg, *r.Accuracy.EpochTrain, *r.Accuracy.EpochVal}
			if dtype == "f64" && got != want[i] {
				t.Errorf("reg, training and validation accuracy of the last epoch %v, want %v", got, want[i])
			}
			if *r.Accuracy.EpochVal < 0.504-0.025 {
				t.Errorf("%s, reg %g: validation accuracy %g is more than 2.5 points below", dtype, got[0], got[2])
			}
		}
		if best := records[0]; dtype == "f64" && *best.Accuracy.Test != 0.513 {
			t.Errorf("test accuracy with reg 0.89: %g, want 0.513", *best.Accuracy.Test)
		}
	}
}

// TestFinalAccuracyShown trains a net of the course that its last epoch's first step shows at another
// accuracy than it has at the end: what is shown is what one gets.
func TestFinalAccuracyShown(t *testing.T) {
	data := os.Getenv("FUSEGRID_DATA")
	switch best, _ := fusegrid.Best(); {
	case data == "":
		t.Skip("FUSEGRID_DATA is not set: it names the folder with the CIFAR-10 batches")
	case testing.Short():
		t.Skip("takes several seconds")
	case best.Class != "fma":
		t.Skipf("%s is too slow for this", best.Name)
	}
	isolate(t)
	stdout, stderr, code := call(t, "-dtype", "f64", "-data", data, "-lr", "1e-4", "-reg", "0.25", "-iters", "1000", "-out", "o", "-quiet")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if !regexp.MustCompile(`(?m)^0\.0001 +0\.25 .* 0\.2810 `).MatchString(stdout) {
		t.Errorf("the table does not show .2810, the accuracy after training:\n%s", stdout)
	}
	if r := recorded(t, "o")[0]; *r.Accuracy.EpochVal != 0.28 {
		t.Errorf("the course's history ends with %g, want 0.28", *r.Accuracy.EpochVal)
	}
}

// A fresh start under a name that no folder can have ends in one line.
func TestFreshName(t *testing.T) {
	isolate(t)
	for _, more := range [][]string{{"-fresh"}, {"-fresh", "-dry-run"}} {
		_, stderr, code := call(t, append(small("-out", strings.Repeat("a", 5000)), more...)...)
		if code != exitBadInput || !strings.HasPrefix(stderr, "sweep: -out: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, stderr %.60q…", more, code, stderr)
		}
	}
}
