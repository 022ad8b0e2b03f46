package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// Variables of the environment make the test binary the command itself, so that it can be killed. envArgs has its
// arguments. With envCrash, it kills itself instead of an operation on the disk. With envWait, it waits during its
// second block until it is interrupted. With envHang, it prints "hanging" and hangs when, after an interruption, it
// writes a file of that folder or name.
const (
	envArgs  = "FUSEGRID_TEST_ARGS"
	envCrash = "FUSEGRID_TEST_CRASH"
	envWait  = "FUSEGRID_TEST_WAIT"
	envHang  = "FUSEGRID_TEST_HANG"
	hanging  = "the disk hangs"

	envStatus = "FUSEGRID_TEST_STATUS" // it writes its status every millisecond
)

// A waitingRunner waits during its second block until ctx is done.
type waitingRunner struct {
	runner.Runner
	blocks atomic.Int64
}

func (w *waitingRunner) Run(ctx context.Context, b plan.Block, h runner.Hooks) error {
	if w.blocks.Add(1) == 2 {
		stepped, n := h.Stepped, 0
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			stepped(nets, flops)
			if n++; n == 9 {
				<-ctx.Done()
			}
		})
	}
	return w.Runner.Run(ctx, b, h)
}

// A hangingDisk hangs, after ctx is done, when it writes a file whose path contains part.
type hangingDisk struct {
	folder.Disk
	ctx  context.Context
	part string
}

func (d hangingDisk) Swap(name string, write func(io.Writer) error) error {
	if d.ctx.Err() != nil && strings.Contains(name, d.part) {
		fmt.Fprintln(os.Stderr, hanging)
		select {}
	}
	return d.Disk.Swap(name, write)
}

func TestMain(m *testing.M) {
	if args := os.Getenv(envWorker); args != "" {
		os.Exit(beWorker(strings.Fields(args)))
	}
	if args := os.Getenv(envArgs); args != "" {
		os.Exit(beCommand(strings.Fields(args)))
	}
	synthetic = sync.OnceValue(synthetic)
	wholeSynthetic = synthetic
	synthetic = few
	os.Exit(m.Run())
}

// wholeSynthetic returns the whole synthetic set.
var wholeSynthetic = synthetic

// few returns a tenth of the synthetic set. The reference trains and measures nets on it in milliseconds.
func few() *dataset.Dataset {
	d := *wholeSynthetic()
	d.Train, d.Test = d.Train.Slice(0, 1000), d.Test.Slice(0, 100)
	return &d
}

// useWhole gives the test the whole synthetic set, because its figures or its lengths depend on all images.
func useWhole(t *testing.T) {
	t.Helper()
	synthetic = wholeSynthetic
	t.Cleanup(func() { synthetic = few })
}

// beCommand runs the command on tiny images, with the faults of the environment.
func beCommand(args []string) int {
	ctx := untilInterrupted()
	o, err := parseOptions(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitBadInput
	}
	o.Disk = searchtest.Undrawn{}
	if at := os.Getenv(envCrash); at != "" {
		b := &searchtest.Disk{Crash: func() {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {} // until the signal arrives
		}}
		fmt.Sscan(at, &b.At)
		o.Disk = b
	}
	if part := os.Getenv(envHang); part != "" {
		o.Disk = hangingDisk{o.Disk, ctx, part}
	}
	if os.Getenv(envStatus) != "" {
		o.StatusEvery = time.Millisecond
	}
	if os.Getenv(envWait) != "" {
		r, err := runner.New(o.DType, o.Kernels, searchtest.Tiny())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return exitBadInput
		}
		o.Runner = &waitingRunner{Runner: r}
	}
	err = o.sweep(ctx, searchtest.Tiny(), os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return exitCode(err)
}

// killable returns the test binary as a command that can be killed.
func killable(args string, crash int) (*exec.Cmd, *bytes.Buffer) {
	c := exec.Command(os.Args[0])
	if emulator := os.Getenv("FUSEGRID_EMULATOR"); emulator != "" { // runs binaries of another architecture, from make test-arch
		c = exec.Command(emulator, os.Args[0])
	}
	c.Env = append(os.Environ(), envArgs+"="+args)
	if crash > 0 {
		c.Env = append(c.Env, fmt.Sprintf("%s=%d", envCrash, crash))
	}
	out := new(bytes.Buffer)
	c.Stdout, c.Stderr = out, out
	return c, out
}

// waitGrid has 4 trials in sequence, with a checkpoint after each iteration.
const waitGrid = "-impl reference -quiet -lr log:1e-5..1e-3:4 -reg 0 -hidden 3 -iters 20 -batch 5 -std 1e-2 -workers 1 -fuse off -checkpoint 1e-9"

// begin starts the command and returns when it waits during its second trial.
func begin(t *testing.T, c *exec.Cmd, out string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no interrupt to send to another process")
	}
	c.Env = append(c.Env, envWait+"=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(3*time.Minute, func() { c.Process.Kill() })
	t.Cleanup(func() { late.Stop(); c.Process.Kill() })
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
		data, _ := os.ReadFile(filepath.Join(out, folder.JournalName))
		records, _, _ := results.ReadJournal(bytes.NewReader(data), "journal")
		states, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*.safetensors"))
		if len(records) == 1 && len(states) == 1 && !strings.Contains(states[0], plan.BlockID([]grid.Trial{{Key: records[0].Key}})) {
			return
		}
	}
	t.Fatal("a minute later the second trial has not begun")
}

// TestInterrupted sends the signals of Ctrl-C and of a terminal that closes. After one signal, ended trials must be
// on record, the running one must have a checkpoint, and the printed command must resume to the end of an unbroken
// run. After two signals, the command must end at once even if it hangs, and must be resumable.
func TestInterrupted(t *testing.T) {
	isolate(t)
	c, out := killable(waitGrid+" -out whole", 0)
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}[:searchtest.Torture(2, 3)] {
		t.Run(sig.String(), func(t *testing.T) { testInterruptedOnce(t, sig, want) })
	}
	for _, part := range []string{folder.CheckpointsDir, folder.CSVName}[:searchtest.Torture(1, 2)] {
		t.Run("twice in "+part, func(t *testing.T) { testInterruptedTwice(t, part, want) })
	}
}

func testInterruptedOnce(t *testing.T, sig os.Signal, want string) {
	// Tests may run under nohup, but the commands that they start must not ignore a hangup.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	dir := filepath.Join(t.TempDir(), "o")
	c, out := killable(waitGrid+" -out "+dir, 0)
	begin(t, c, dir)
	c.Process.Signal(sig)
	c.Wait()
	records := searchtest.Recorded(t, dir)
	said := regexp.MustCompile(`sweep: interrupted; (\d+) of 4 trials are on record\. To resume:\n  (?:go run \./)?sweep (.*)\n`).FindStringSubmatch(out.String())
	if code := c.ProcessState.ExitCode(); code != exitInterrupted || said == nil || said[1] != fmt.Sprint(len(records)) || len(records) == 4 {
		t.Fatalf("exit code %d with %d records: %s", code, len(records), out)
	}
	if states, _ := filepath.Glob(filepath.Join(dir, folder.CheckpointsDir, "*.safetensors")); len(states) != 1 {
		t.Errorf("checkpoints %v, want one of the trial that was running", states)
	}
	for _, name := range []string{folder.MarkdownName, folder.CSVName, folder.JSONLName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	c, out = killable(said[2], 0)
	if err := c.Run(); err != nil || !strings.Contains(out.String(), "from checkpoints") {
		t.Errorf("%s: %v: %s", said[2], err, out)
	}
	searchtest.Complete(t, "gone on with", dir, 4, want)
}

func testInterruptedTwice(t *testing.T, part, want string) {
	dir := filepath.Join(t.TempDir(), "o")
	c, _ := killable(waitGrid+" -out "+dir, 0)
	c.Env = append(c.Env, envHang+"="+part)
	c.Stdout, c.Stderr = nil, nil
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin(t, c, dir)
	c.Process.Signal(os.Interrupt)
	if line, err := bufio.NewReader(stderr).ReadString('\n'); line != hanging+"\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	c.Process.Signal(os.Interrupt)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	c, out := killable(waitGrid+" -out "+dir, 0)
	if err := c.Run(); err != nil {
		t.Errorf("resumed: %v: %s", err, out)
	}
	searchtest.Complete(t, "resumed", dir, 4, want)
}

// killGrid has 16 trials, two of which diverge.
const killGrid = "-impl reference -quiet -lr 1e-4,1e-3,1e-2,1e30 -reg 0,0.5 -hidden 3,4 -iters 40 -batch 20 -std 1e-2 -workers 2 -checkpoint 0.005 -keep 3"

// TestKilled kills the command at random moments, resumes it each time, and then lets it end. No trial may be lost or
// trained twice, and the figures must be those of an unbroken run.
func TestKilled(t *testing.T) {
	searchtest.Long(t)
	for _, race := range []string{"", " -block 2 -halving 2:10", " -block 3 -halving hyperband:2:10", " -block 2 -halving 2:10 -patience 2:4"} {
		t.Run(race, func(t *testing.T) { testKilled(t, killGrid+race) })
	}
}

// TestKilledSampling is the same for the samplers. All points are those of an unbroken run.
func TestKilledSampling(t *testing.T) {
	searchtest.Long(t)
	for _, m := range grid.Methods() {
		t.Run(m, func(t *testing.T) { testKilled(t, sampledGrid+" -sample "+m+":16") })
	}
}

// sampledGrid has ranges for 16 points, some of which diverge.
const sampledGrid = "-impl reference -quiet -lr log:1e-4..1e3 -reg 0..1 -hidden 2..5 -iters 30 -batch 20 -std 1e-2 -workers 2 -tpe-batch 3 -checkpoint 0.005 -keep 3"

func testKilled(t *testing.T, grid string) {
	isolate(t)
	c, out := killable(grid+" -out whole", 0)
	start := time.Now()
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	kills := searchtest.Torture(4, 200)
	rng := rand.New(rand.NewPCG(1, 2))
	for killed, sweeps := 0, 0; killed < kills; sweeps++ {
		dir := fmt.Sprint("o", sweeps)
		for again := true; again; {
			c, out := killable(grid+" -out "+dir, 0)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(rng.Float64()*float64(whole)), func() { c.Process.Kill() })
			err := c.Wait()
			timer.Stop()
			var exit *exec.ExitError
			switch {
			case err == nil:
				again = false
			case errors.As(err, &exit) && exit.ExitCode() == -1:
				killed++
			default:
				t.Fatalf("%v: %s", err, out)
			}
			if strings.Contains(out.String(), "damaged") {
				t.Errorf("after %d kills: %s", killed, out)
			}
		}
		searchtest.Complete(t, fmt.Sprintf("sweep %d, %d kills so far", sweeps, killed), dir, 16, want)
		searchtest.SameCurves(t, fmt.Sprintf("sweep %d, %d kills so far", sweeps, killed), dir, "whole", false)
	}
}

// brittleGrid has two blocks, one trial that diverges, and a checkpoint after each iteration.
const brittleGrid = "-lr 1e-4,1e-3,1e30 -reg 0 -hidden 3 -iters 3 -batch 10 -std 1e-2 -seed 1,2 -workers 1 -checkpoint 1e-9 -keep 1"

// TestKilledAtEachOperation kills the command instead of a write, fsync, rename or removal. With -short, it does so
// for a few of these operations.
func TestKilledAtEachOperation(t *testing.T) {
	isolate(t)
	const args = "-impl reference -quiet " + brittleGrid
	d := &searchtest.Disk{}
	o := tinyOptions(t, brittleGrid+" -out whole")
	o.Disk = d
	if _, _, err := sweepTiny(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	for at := 1; at <= d.Ops; at += searchtest.Torture(d.Ops/5, 1) {
		dir := fmt.Sprint("o", at)
		c, out := killable(args+" -out "+dir, at)
		var exit *exec.ExitError
		err := c.Run()
		if err == nil && at > d.Ops-10 {
			break // this run had fewer operations, because records that end at nearly the same time share a write
		}
		if !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("operation %d: %v, want it killed: %s", at, err, out)
		}
		c, out = killable(args+" -out "+dir, 0)
		if err := c.Run(); err != nil {
			t.Fatalf("operation %d, then again: %v: %s", at, err, out)
		}
		searchtest.Complete(t, fmt.Sprintf("killed at operation %d of %d", at, d.Ops), dir, 6, want)
		searchtest.SameCurves(t, fmt.Sprintf("killed at operation %d of %d", at, d.Ops), dir, "whole", false)
	}
}

// TestLongerKilled kills a short sweep, and then a longer one that resumes from it, instead of each operation on the
// disk. A third sweep must end with the figures of an unbroken one.
func TestLongerKilled(t *testing.T) {
	searchtest.Long(t)
	for _, states := range []string{"", " -states 2"} {
		t.Run(states, func(t *testing.T) { testLongerKilled(t, states) })
	}
}

func testLongerKilled(t *testing.T, states string) {
	isolate(t)
	const args = "-lr 1e-4,1e-3,1e30 -reg 0 -hidden 3 -batch 10 -std 1e-2 -seed 1,2 -workers 1 -checkpoint 1e-9"
	command := "-impl reference -quiet " + args + states
	if c, out := killable(command+" -iters 6 -out whole", 0); c.Run() != nil {
		t.Fatal(out)
	}
	tookOver := 0
	for at := 8; at <= 40; at += searchtest.Torture(10, 1) {
		for then := 2; ; then += searchtest.Torture(13, 1) {
			dir := fmt.Sprintf("o%d-%d", at, then)
			what := fmt.Sprintf("killed at operation %d, then %d", at, then)
			crash := func(iters string, op int) (ended bool) {
				c, out := killable(command+iters+" -out "+dir, op)
				err := c.Run()
				var exit *exec.ExitError
				if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != -1) {
					t.Fatalf("%s: %v: %s", what, err, out)
				}
				return err == nil
			}
			if crash(" -iters 3", at) {
				break
			}
			ended := crash(" -iters 6", then)
			c, out := killable(command+" -iters 6 -out "+dir, 0)
			if err := c.Run(); err != nil {
				t.Fatalf("%s: %v: %s", what, err, out)
			}
			if bytes.Contains(out.Bytes(), []byte("damaged")) {
				t.Errorf("%s: %s", what, out)
			}
			if bytes.Contains(out.Bytes(), []byte("resume from ")) {
				tookOver++
			}
			searchtest.SameFigures(t, what, dir, "whole", 6)
			if states != "" {
				best := searchtest.Recorded(t, dir)
				results.Rank(best)
				for _, r := range best[:2] {
					if _, err := os.Stat(filepath.Join(dir, folder.StatesDir, r.Key+".safetensors")); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			os.RemoveAll(dir)
			if ended {
				break
			}
		}
	}
	if tookOver < 5 {
		t.Errorf("only %d sweeps went on from a checkpoint", tookOver)
	}
}
