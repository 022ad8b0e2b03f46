package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
	"fusegrid/search/runner"
)

// tinyOptions returns the options of a sweep of tiny images with the reference kernels.
func tinyOptions(t *testing.T, words string, args ...string) *options {
	t.Helper()
	o, err := parseOptions(append(append(strings.Fields(words), args...), "-impl", "reference", "-quiet"))
	if err != nil {
		t.Fatal(err)
	}
	o.Disk = searchtest.Unsynced{}
	return o
}

// sweepTiny runs a sweep on tiny images.
func sweepTiny(ctx context.Context, o *options) (stdout, stderr string, err error) {
	var out, said bytes.Buffer
	err = o.sweep(ctx, searchtest.Tiny(), &out, &said)
	return out.String(), said.String(), err
}

const tinyGrid = "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3,4 -iters 3 -batch 20 -std 1e-2 -seed 1,2"

// tinyRunner returns the runner of tiny images.
func tinyRunner(t *testing.T, o *options) runner.Runner {
	t.Helper()
	r, err := runner.New(o.DType, o.Kernels, searchtest.Tiny())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFailedTrial(t *testing.T) {
	isolate(t)
	o := tinyOptions(t, tinyGrid+" -fuse off -out o")
	r := tinyRunner(t, o)
	o.Runner = searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		if trial := b.Trials[0]; trial.Config.LR == 1e-3 && trial.Config.Reg == 0 {
			h.Ended([]results.Record{{Key: trial.Key, Config: trial.Config, State: results.Failed, Error: "the roof is on fire"}}, false)
			return nil
		}
		return r.Run(ctx, b, h)
	})
	_, stderr, err := sweepTiny(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "4 of 16 trials failed") || !strings.Contains(stderr, "sweep: lr 0.001, reg 0 failed: the roof is on fire") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
	if code := exitCode(err); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	// They are trained again, and the later record counts.
	if _, stderr, err := sweepTiny(t.Context(), tinyOptions(t, tinyGrid+" -out o")); err != nil || !strings.Contains(stderr, "sweep: 12 of 16 trials are on record in o; 4 to train") {
		t.Errorf("again: error %v, stderr %s", err, stderr)
	}
}

func TestDryRun(t *testing.T) {
	isolate(t)
	o := tinyOptions(t, "-lr 1e-4,1e-3 -reg 0,0.5 -seed 1..3 -hidden 5 -iters 60 -batch 50 -top 2 -workers 2 -out o -dry-run")
	o.Runner = searchtest.Hasty{Runner: tinyRunner(t, o)}
	want := `12 trials (2 lr × 2 reg × 3 seed), 12 to train into o: 0.03384 GFLOP
curves will take up to 12.5 kB
4 blocks: 2 of 4 nets, 2 of 2 nets
about
3 seeds do not fuse: another seed draws other minibatches; -order SEED gives all
  nets the same minibatches

    lr  reg  seed  state
0.0001    0     1  to train
0.0001    0     2  to train
and 10 more
`
	stdout, _, err := sweepTiny(t.Context(), o)
	got := regexp.MustCompile(`(?m)^about \d+s on this machine, at [\d.]+ GFLOP/s/core$`).ReplaceAllString(stdout, "about")
	if err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, stdout, want)
	}
	nothingWritten(t)
}

// A smallDisk has no room for tables.
type smallDisk struct{ folder.OS }

func (smallDisk) Swap(name string, write func(io.Writer) error) error {
	if filepath.Base(name) == folder.CSVName {
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return folder.OS{}.Swap(name, write)
}

// TestTableWithoutRoom shows the table in the terminal even if its files cannot be written.
func TestTableWithoutRoom(t *testing.T) {
	isolate(t)
	o := tinyOptions(t, "-lr 1e-4,1e-3 -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0 -out o")
	o.Disk = smallDisk{}
	shown, stderr, err := sweepTiny(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "no space left on device; the trials are safe in") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(shown, "test accuracy of the best net: ") || strings.Contains(stderr, "all trials and tables are in") {
		t.Errorf("stdout %s\nstderr %s", shown, stderr)
	}
}

// TestCommandThatResumes checks the command that is printed after an interruption, and if the disk is full.
func TestCommandThatResumes(t *testing.T) {
	isolate(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := tinyOptions(t, "-lr 1e-4,1e-3 -iters 3 -hidden 2 -reg 0", "-out", "a b")
	shown, stderr, err := sweepTiny(ctx, o)
	want := "sweep: interrupted; 0 of 2 trials are on record. To resume:\n  " + commandLine(o.args) + "\n"
	if exitCode(err) != exitInterrupted || stderr != want || shown != "" || !strings.HasSuffix(want, "-lr 1e-4,1e-3 -iters 3 -hidden 2 -reg 0 -out 'a b' -impl reference -quiet\n") {
		t.Errorf("interrupted: error %v, stdout %q, stderr %q, want %q", err, shown, stderr, want)
	}
	o = tinyOptions(t, "-lr 1e-4,1e-3 -iters 3 -hidden 2 -reg 0 -keep 1 -out o")
	o.Disk = fullDisk{}
	shown, stderr, err = sweepTiny(t.Context(), o)
	want = "no space left on device; 2 of 2 trials are on record. To resume:\n  " + commandLine(o.args)
	if exitCode(err) != exitFailed || !strings.HasSuffix(err.Error(), want) || !strings.Contains(stderr, "sweep: all trials and tables are in o\n") || shown == "" {
		t.Errorf("no room: error %v, want at its end %q; stdout %q, stderr %q", err, want, shown, stderr)
	}
}

// A fullDisk has no room for weights.
type fullDisk struct{ folder.OS }

func (fullDisk) Swap(name string, write func(io.Writer) error) error {
	if filepath.Base(filepath.Dir(name)) == folder.WeightsDir {
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return folder.OS{}.Swap(name, write)
}

func TestSmallTexts(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{progress.Bar(0, 4), "[>   ]"},
		{progress.Bar(0.5, 4), "[==> ]"},
		{progress.Bar(1, 4), "[====]"},
		{quote([]string{"-lr", "1e-4,1e-3", "a b", "it's", ""}), `-lr 1e-4,1e-3 'a b' 'it'\''s' ''`},
		{wrap("aaa 1, bbb 2, ccc 3", 14), "aaa 1, bbb 2,\nccc 3"},
		{clip("abcdefghijklmnop", 9), "abcdef … "},
		{clip("short", 9), "short"},
		{quote(resuming(strings.Fields("-lr 1 -out a"), false, "a")), "-lr 1 -out a"},
		{quote(resuming(strings.Fields("-fresh -lr 1 -out a -reg 0 --fresh=true"), true, "a-2")), "-lr 1 -reg 0 -out a-2"},
		{quote(resuming(strings.Fields("-lr 1 -out=a --fresh"), true, "a-2")), "-lr 1 -out a-2"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// TestSeveralSeeds checks that a table has one row for each setting, and with -per-seed one for each seed.
func TestSeveralSeeds(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0 -hidden 3 -iters 3 -batch 20 -std 1e-2 -seed 1..3 -quiet -out o"
	rows := func(more string) (rows int, text string) {
		stdout, _, err := sweepTiny(t.Context(), tinyOptions(t, args+more))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(strings.Split(stdout, "\n\n")[1], "\n"), stdout
	}
	for _, by := range []string{"", " -rank mean", " -rank best", " -rank lower"} {
		if n, text := rows(by); n != 2 || !strings.Contains(text, " best\n") || !strings.Contains(text, "\ntest accuracy of the best setting: ") {
			t.Errorf("%q: %d rows:\n%s", by, n, text)
		}
	}
	if n, text := rows(" -per-seed"); n != 6 || !strings.Contains(text, "  seed  ") || !strings.Contains(text, "\ntest accuracy of the best setting: ") {
		t.Errorf("-per-seed: %d rows:\n%s", n, text)
	}
	for _, name := range []string{folder.SettingsName, folder.CSVName} {
		if _, err := os.Stat(filepath.Join("o", name)); err != nil {
			t.Error(err)
		}
	}
}
