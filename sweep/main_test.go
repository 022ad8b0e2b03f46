package main

import (
	"bytes"
	"cmp"
	"context"
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
	"fusegrid/internal/golden"
	"fusegrid/internal/required"
	"fusegrid/internal/say"
	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset/datasettest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
)

// isolate moves the test to an empty folder and hides the data of the user.
func isolate(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("FUSEGRID_DATA", "")
	t.Setenv(fusegrid.EnvImpl, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	for _, b := range batchSystems() {
		t.Setenv(b.variable, "")
	}
}

// call runs the command and returns its output and its exit code.
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

// small returns the arguments of a small grid. The reference gives the same figures on
// every machine.
func small(more ...string) []string {
	return append([]string{
		"-data", "synthetic", "-impl", "reference", "-quiet",
		"-hidden", "5", "-iters", "60", "-batch", "50", "-std", "1e-2", "-lr", "1e-4,1e-3", "-reg", "0,0.5",
	}, more...)
}

// timeless removes seconds, samples/s and GFLOP/s.
func timeless(table string) string {
	return regexp.MustCompile(`(?m)  +sec  +samples/s/core  +GFLOP/s/core|  +\d+\.\d\d  +\d+  +\d+\.\d( |$)`).ReplaceAllString(table, "$1")
}

func TestGrid(t *testing.T) {
	searchtest.Long(t)
	useWhole(t)
	file, err := filepath.Abs("testdata/grid.txt")
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	stdout, stderr, code := call(t, small("-out", "o")...)
	if code != exitOK || stderr != "sweep: all trials and tables are in o\n" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	got := timeless(stdout)
	if golden.Updating() {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
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
	for _, r := range searchtest.Recorded(t, "o") {
		if r.DataName != "synthetic" || len(r.Config.Data) != 64 || r.Accuracy.Test == nil || r.Weights == "" ||
			r.Speed.FLOPs <= 0 || r.Speed.Samples <= 0 || r.Machine.Go == "" || r.Impl != "reference" {
			t.Errorf("the record lacks something: %+v", r)
		}
	}

	// The same command trains nothing, and shows the same.
	before, _ := os.ReadFile(filepath.Join("o", folder.JournalName))
	again, stderr, code := call(t, small("-out", "o")...)
	if code != exitOK || again != stdout || !strings.Contains(stderr, "4 of 4 trials are on record in o; 0 to train") {
		t.Errorf("again: exit code %d, stderr %q, stdout\n%s", code, stderr, again)
	}
	if after, _ := os.ReadFile(filepath.Join("o", folder.JournalName)); !bytes.Equal(before, after) {
		t.Error("the journal grew though nothing was left to train")
	}

	// A larger grid trains its new trials.
	_, stderr, code = call(t, small("-out", "o", "-seed", "0,1")...)
	if code != exitOK || !strings.Contains(stderr, "4 of 8 trials are on record in o; 4 to train") {
		t.Errorf("larger: exit code %d, stderr %q", code, stderr)
	}
	if n := len(searchtest.Recorded(t, "o")); n != 8 {
		t.Errorf("%d records, want 8", n)
	}
}

func TestDefaultOut(t *testing.T) {
	isolate(t)
	_, stderr, code := call(t, "-impl", "reference", "-quiet", "-hidden", "2", "-iters", "1", "-batch", "5", "-lr", "1e-3", "-reg", "0")
	if code != exitOK || !strings.HasPrefix(stderr, "sweep: no CIFAR-10 here") {
		t.Errorf("exit code %d, stderr %q; want a word about the synthetic images", code, stderr)
	}
	if n := len(searchtest.Recorded(t, "out/synthetic-two-layer-f32")); n != 1 {
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

// TestBadInput runs the commands of testdata/errors.txt. Each must fail with exit code 2 and the line that follows it
// there, and must write nothing. With -update, the lines are replaced.
func TestBadInput(t *testing.T) {
	file, err := filepath.Abs("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	var got strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(want)), "\n\n") {
		command, line, _ := strings.Cut(block, "\n")
		args, ok := strings.CutPrefix(command, "$ sweep ")
		if !ok {
			t.Fatalf("%s: %q is not a command", file, command)
		}
		t.Run(args, func(t *testing.T) {
			stdout, stderr, code := call(t, strings.Fields(args)...)
			fmt.Fprintf(&got, "$ sweep %s\n%s\n", args, stderr)
			if code != exitBadInput || stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			if stderr != line+"\n" && !golden.Updating() {
				t.Errorf("stderr\n got %swant %s", stderr, line)
			}
		})
	}
	if golden.Updating() {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	nothingWritten(t)
}

// TestUnknownSets checks the errors for kernel sets that this machine or this build lacks.
func TestUnknownSets(t *testing.T) {
	isolate(t)
	for _, command := range [][]string{{}, {"verify"}, {"reproduce"}} {
		t.Run("sweep "+strings.Join(command, " "), func(t *testing.T) {
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
		})
	}
	nothingWritten(t)
}

// TestDecimalComma checks the message about a list that may be a number with a decimal comma.
func TestDecimalComma(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	for args, want := range map[string]string{
		"-reg 0,25":                     "sweep: -reg 0,25 is a list of two values; if it has a decimal comma, write 0.25\n",
		"-reg 0,5":                      "sweep: -reg 0,5 is a list of two values; if it has a decimal comma, write 0.5\n",
		"-reg 0,0.25":                   "",
		"-reg 0,1e-3":                   "",
		"-reg 0,25,50":                  "",
		"-reg 1,25":                     "",
		"-reg 0,log:1..4:3":             "",
		"-seed 0,1 -reg 0":              "",
		"-reg 0 -rule momentum -mu 0.9": "",
	} {
		t.Run(args, func(t *testing.T) {
			_, stderr, code := call(t, append([]string{"-data", "synthetic", "-dry-run", "-lr", "1e-3", "-iters", "1", "-hidden", "2", "-out", "o"}, strings.Fields(args)...)...)
			if code != exitOK || stderr != want {
				t.Errorf("%s: exit code %d, stderr %q, want %q", args, code, stderr, want)
			}
		})
	}
}

// TestOtherSets checks the message about trials on record by another kernel set, whose speeds differ.
func TestOtherSets(t *testing.T) {
	isolate(t)
	var sets []string
	for _, s := range fusegrid.All() {
		if s.Class == "fma-512" && s.Stable {
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
	want := fmt.Sprintf("2 trials were trained on %s; in a new folder, all are trained on %s\n", sets[0], sets[1])
	if stdout, _, code := call(t, args(sets[1], "-reg", "0,1", "-dry-run")...); code != exitOK || !strings.Contains(stdout, "\n"+want) {
		t.Errorf("dry run: exit code %d, stdout %q, want %q in it", code, stdout, want)
	}
	if _, stderr, code := call(t, args(sets[1], "-reg", "0,1")...); code != exitOK || !strings.Contains(stderr, "sweep: "+want) {
		t.Errorf("exit code %d, stderr %q, want %q in it", code, stderr, want)
	}
	want = fmt.Sprintf("sweep: 2 trials were trained on %s; in a new folder, all are trained on %s\n", sets[1], sets[0])
	if _, stderr, code := call(t, args(sets[0], "-reg", "0,1")...); code != exitOK || !strings.Contains(stderr, want) {
		t.Errorf("back: exit code %d, stderr %q, want %q in it", code, stderr, want)
	}
	if _, stderr, code := call(t, args(sets[1], "-reg", "1", "-fresh")...); code != exitOK || strings.Contains(stderr, "trained on") {
		t.Errorf("-fresh: exit code %d, stderr %q", code, stderr)
	}
}

// TestCrowd checks the message about more workers than cores, in each command that has workers.
func TestCrowd(t *testing.T) {
	searchtest.Long(t)
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

// TestEndsOfAxes checks that values at the ends of their range are accepted.
func TestEndsOfAxes(t *testing.T) {
	for _, args := range []string{"-decay 1", "-decay 1e-300,1", "-rule momentum -mu 0", "-rule nesterov -mu 0,0.9999999", "-net fc -rule momentum -mu 0..0.99:4 -decay 0.1..1:4"} {
		t.Run(args, func(t *testing.T) {
			if _, err := parseOptions(strings.Fields(args)); err != nil {
				t.Errorf("%s: %v", args, err)
			}
		})
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
	if _, stderr, code := call(t, "-out", "o"); code != exitBadInput || !strings.Contains(stderr, "no data here") {
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

// TestCustomData trains on files that are not the published CIFAR-10. They must have another name, with a message.
func TestCustomData(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	dir := t.TempDir()
	datasettest.WriteBinary(t, dir, 20)
	args := []string{"-data", dir, "-lr", "1e-3", "-reg", "0.5", "-hidden", "2", "-batch", "10", "-iters", "2", "-quiet"}
	stdout, stderr, code := call(t, args...)
	if code != exitOK || !strings.Contains(stderr, "sweep: this is not the published CIFAR-10: its 100 training and 20 test images are named custom (") ||
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

func TestInterruptedBeforeAnything(t *testing.T) {
	isolate(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, stderr, code := callContext(t, ctx, small("-out", "o")...); code != exitInterrupted || !strings.HasPrefix(stderr, "sweep: interrupted") {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitInterrupted, stderr)
	}
	if stdout, stderr, code := callContext(t, ctx, small("-out", "o", "-dry-run")...); code != exitInterrupted || stdout != "" || stderr != "sweep: interrupted\n" {
		t.Errorf("dry run: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	// A verification has nothing to resume.
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

// TestHelpNamesFlags checks that the help text of a command has each of its flags.
func TestHelpNamesFlags(t *testing.T) {
	isolate(t)
	fs := cli.NewFlags("sweep")
	new(options).trainingFlags(fs, new(string), new(string))
	new(options).outputFlags(fs)
	flags := map[string][]string{helpText(): append([]string{"-halving", "-stop", "-patience", "-mu", "-epochs"}, flagNames(fs)...)}
	for _, a := range grid.Standard() {
		flags[helpText()] = append(flags[helpText()], "-"+a.Name)
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

// TestAxisFlags checks that each entry of a table of axes has a flag, which can be given once.
func TestAxisFlags(t *testing.T) {
	axes := append(slices.Clone(grid.Standard()), grid.Axis{Name: "clip"})
	for _, a := range axes {
		fs := cli.NewFlags("sweep")
		given := axisFlags(fs, axes)
		if err := parse(fs, []string{"-" + a.Name, "1,2"}); err != nil || len(given) != 1 || given[a.Name] != "1,2" {
			t.Errorf("-%s: given %v, error %v", a.Name, given, err)
		}
		if err := parse(fs, []string{"-" + a.Name, "3"}); err == nil {
			t.Errorf("-%s twice: no error", a.Name)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, args := range []string{"version", "-version", "--version"} {
		t.Run(args, func(t *testing.T) {
			if stdout, stderr, code := call(t, args); code != exitOK || stderr != "" || stdout != cli.Version("sweep")+"\n" {
				t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
			}
		})
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

// TestAssignmentGrid compares the course's grid on the real images, digit for digit.
func TestAssignmentGrid(t *testing.T) {
	data := os.Getenv("FUSEGRID_DATA")
	switch best, _ := fusegrid.Best(); {
	case data == "":
		t.Skip("FUSEGRID_DATA is not set: it names the folder with the CIFAR-10 batches")
	case testing.Short():
		t.Skip("takes half a minute")
	case best.Class != "fma-512":
		t.Skipf("%s is too slow for this", best.Name)
	}
	isolate(t)
	for _, dtype := range []string{"f64", "f32"} {
		t.Run(dtype, func(t *testing.T) {
			if dtype == "f32" {
				required.Long(t, "the course has no figures of float32, and TestFinalAccuracyShown trains on the real images")
			}
			_, stderr, code := call(t, "-dtype", dtype, "-data", data, "-lr", "1e-3", "-reg", "0.85,0.89", "-iters", "3000", "-out", dtype, "-quiet")
			if code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			records := searchtest.Recorded(t, dtype)
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
		})
	}
}

// TestFinalAccuracyShown trains a net whose accuracy at the end differs from that of its last epoch. The table must
// show the accuracy at the end.
func TestFinalAccuracyShown(t *testing.T) {
	data := os.Getenv("FUSEGRID_DATA")
	switch best, _ := fusegrid.Best(); {
	case data == "":
		t.Skip("FUSEGRID_DATA is not set: it names the folder with the CIFAR-10 batches")
	case testing.Short():
		t.Skip("takes several seconds")
	case best.Class != "fma-512":
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
	if r := searchtest.Recorded(t, "o")[0]; *r.Accuracy.EpochVal != 0.28 {
		t.Errorf("the course's history ends with %g, want 0.28", *r.Accuracy.EpochVal)
	}
}

// TestFreshName checks that a name which no folder can have is refused in one line.
func TestFreshName(t *testing.T) {
	isolate(t)
	for _, more := range [][]string{{"-fresh"}, {"-fresh", "-dry-run"}} {
		t.Run(strings.Join(more, " "), func(t *testing.T) {
			_, stderr, code := call(t, append(small("-out", strings.Repeat("a", 5000)), more...)...)
			if code != exitBadInput || !strings.HasPrefix(stderr, "sweep: -out: ") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%v: exit code %d, stderr %.60q…", more, code, stderr)
			}
		})
	}
}
