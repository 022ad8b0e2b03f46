package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// notifyTest returns options whose command writes what it receives into a file, and a function that returns the file.
func notifyTest(t *testing.T, words string) (*options, func() string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no shell sh")
	}
	isolate(t)
	o := tinyOptions(t, words, "-notify", `read line; echo "$line|$SWEEP_OUT|$SWEEP_EXIT|$SWEEP_STATE|$SWEEP_TRIALS|$SWEEP_TOTAL|$SWEEP_BEST|$SWEEP_BEST_KEY" >told; echo "$SWEEP_MESSAGE" >>told; echo to stdout`)
	return o, func() string {
		text, _ := os.ReadFile("told")
		os.Remove("told")
		return string(text)
	}
}

// twice returns what the command of notifyTest writes.
func twice(message, rest string) string { return message + "|" + rest + "\n" + message + "\n" }

func TestNotify(t *testing.T) {
	o, told := notifyTest(t, "-lr 1e-4,1e-3 -reg 0 -hidden 3 -iters 3 -batch 20 -std 1e-2 -out o")
	stdout, stderr, err := sweepTiny(t.Context(), o)
	if err != nil || !strings.HasSuffix(stderr, "\nto stdout\n") || strings.Contains(stdout, "to stdout") {
		t.Fatalf("error %v, stderr %q, stdout %q", err, stderr, stdout)
	}
	best, _ := results.NewTable(searchtest.Recorded(t, "o")).Best()
	b := shown(best)
	want := twice("sweep finished: 2 of 2 trials on record in o, best "+b.val+" (lr "+b.lr+")", "o|0|finished|2|2|"+b.val+"|"+best.Key)
	if got := told(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A shownBest has figures of a record as texts.
type shownBest struct{ val, lr string }

func shown(r *results.Record) shownBest {
	return shownBest{fmt.Sprintf("%.4f", *r.Val()), r.Config.Brief("lr")}
}

// TestNotifyOfSeeds checks that the best setting of several seeds is described by its mean.
func TestNotifyOfSeeds(t *testing.T) {
	o, told := notifyTest(t, "-lr 1e-4,1e-3 -reg 0 -seed 1,2 -hidden 3 -iters 3 -batch 20 -std 1e-2 -out o")
	if _, stderr, err := sweepTiny(t.Context(), o); err != nil {
		t.Fatalf("error %v, stderr %q", err, stderr)
	}
	first := results.NewTable(searchtest.Recorded(t, "o")).Summary().Settings()[0]
	mean := fmt.Sprintf("%.4f", first.Val.Mean)
	want := twice("sweep finished: 4 of 4 trials on record in o, best "+mean+" (lr "+first.Trials[0].Config.Brief("lr")+")", "o|0|finished|4|4|"+mean+"|")
	if got := told(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestNotifyOfTheEnd checks the ends of a sweep other than success.
func TestNotifyOfTheEnd(t *testing.T) {
	const grid = "-lr 1e-4,1e-3 -reg 0 -hidden 3 -iters 3 -batch 20 -std 1e-2 -out o"
	o, told := notifyTest(t, grid)
	o.Runner = searchtest.RunnerFunc(func(_ context.Context, b plan.Block, h runner.Hooks) error {
		for _, trial := range b.Trials {
			h.Ended([]results.Record{{Key: trial.Key, Config: trial.Config, State: results.Failed, Error: "the roof is on fire"}}, false)
		}
		return nil
	})
	_, _, err := sweepTiny(t.Context(), o)
	if got, want := told(), twice("sweep failed: 2 of 2 trials on record in o", "o|1|failed|2|2||"); exitCode(err) != exitFailed || got != want {
		t.Errorf("failed: error %v, got\n%swant\n%s", err, got, want)
	}

	o, told = notifyTest(t, grid)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = sweepTiny(ctx, o)
	if got, want := told(), twice("sweep interrupted: 0 of 2 trials on record in o", "o|130|interrupted|0|2||"); exitCode(err) != exitInterrupted || got != want {
		t.Errorf("interrupted: error %v, got\n%swant\n%s", err, got, want)
	}

	o, told = notifyTest(t, grid+" -dry-run")
	if _, _, err := sweepTiny(t.Context(), o); err != nil || told() != "" {
		t.Errorf("dry run: error %v, or the command ran", err)
	}
	o, told = notifyTest(t, grid+" -halving 3:4")
	if _, _, err := sweepTiny(t.Context(), o); exitCode(err) != exitBadInput || told() != "" {
		t.Errorf("bad input: error %v, or the command ran", err)
	}
}

// TestNotifyFails checks that a command that fails, or does not end, is one line on stderr.
func TestNotifyFails(t *testing.T) {
	for command, want := range map[string]string{
		"exit 3":                "sweep: -notify: the command failed: exit status 3\n",
		"no-such-command 2>&1":  "sweep: -notify: the command failed: exit status 127\n",
		"exec sleep 100":        "sweep: -notify: the command was stopped, because it took more than 50ms\n",
		"sleep 3 & exit 0":      "",
		"cat >/dev/null; true":  "",
		"true # reads no input": "",
	} {
		o, _ := notifyTest(t, "-lr 1e-3 -reg 0 -hidden 2 -iters 1 -batch 20 -out o")
		o.notifier.command = command
		if strings.Contains(command, "exec") {
			o.notifier.limit = 50 * time.Millisecond
		}
		_, stderr, err := sweepTiny(t.Context(), o)
		_, last, _ := strings.Cut(stderr, "are in o\n")
		if i := strings.Index(last, "sweep: -notify"); i >= 0 {
			last = last[i:]
		}
		if err != nil || last != want && !(want == "" && !strings.Contains(last, "-notify")) {
			t.Errorf("%s: error %v, stderr %q, want at its end %q", command, err, stderr, want)
		}
	}
}

// TestNotifyPipe checks that output of the command is passed on as it comes, to any writer.
func TestNotifyPipe(t *testing.T) {
	o, _ := notifyTest(t, "-lr 1e-3")
	var b bytes.Buffer
	n := notifier{`echo one; echo two >&2`, o.notifier.limit}
	if err := n.run(t.Context(), outcome{}, &b); err != nil || b.String() != "one\ntwo\n" {
		t.Errorf("error %v, output %q", err, b.String())
	}
}
