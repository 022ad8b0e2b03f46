package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fusegrid/results"
)

// envArgs makes the test binary the command itself, with these arguments, so that it can be killed.
// With envCrash it kills itself in place of that operation on the disk.
const (
	envArgs  = "FUSEGRID_TEST_ARGS"
	envCrash = "FUSEGRID_TEST_CRASH"
)

func TestMain(m *testing.M) {
	if args := os.Getenv(envArgs); args != "" {
		os.Exit(beCommand(strings.Fields(args)))
	}
	os.Exit(m.Run())
}

func beCommand(args []string) int {
	var d disk = files{}
	if at := os.Getenv(envCrash); at != "" {
		b := &brittleDisk{crash: func() {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {} // until it arrives
		}}
		fmt.Sscan(at, &b.at)
		d = b
	}
	o, err := parseOptions(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitBadInput
	}
	data := tiny()
	r, err := newRunner(o.dtype, o.set, data)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitBadInput
	}
	s := &job{disk: d, options: o, data: data, base: base(o, data), stdout: os.Stdout, stderr: os.Stderr}
	if s.races, err = newRaces(o.race, o.grid, s.base); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitBadInput
	}
	if err := s.run(context.Background(), r, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitOK
}

// killable returns the test binary as the command.
func killable(args string, crash int) (*exec.Cmd, *bytes.Buffer) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), envArgs+"="+args)
	if crash > 0 {
		c.Env = append(c.Env, fmt.Sprintf("%s=%d", envCrash, crash))
	}
	out := new(bytes.Buffer)
	c.Stdout, c.Stderr = out, out
	return c, out
}

// killGrid is 16 trials, two of which diverge.
const killGrid = "-impl reference -quiet -lr 1e-4,1e-3,1e-2,1e30 -reg 0,0.5 -hidden 3,4 -iters 40 -batch 20 -std 1e-2 -workers 2 -checkpoint 0.005 -keep 3"

// torture returns many where FUSEGRID_TORTURE is set, else few.
func torture(few, many int) int {
	if os.Getenv("FUSEGRID_TORTURE") != "" {
		return many
	}
	return few
}

// TestKilled kills the command at random moments, each start going on where the one before was
// killed, and then lets it end: no trial is lost, none is there twice, the figures are those
// of an unbroken run.
func TestKilled(t *testing.T) {
	for _, race := range []string{"", " -block 2 -halving 2:10"} {
		t.Run(race, func(t *testing.T) { testKilled(t, killGrid+race) })
	}
}

func testKilled(t *testing.T, grid string) {
	isolate(t)
	c, out := killable(grid+" -out whole", 0)
	start := time.Now()
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	want := results.NewTable(recorded(t, "whole")).Digest()
	kills := torture(4, 200)
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
		complete(t, fmt.Sprintf("sweep %d, %d kills so far", sweeps, killed), dir, 16, want)
	}
}

// TestKilledAtEachOperation kills the command in place of a write, fsync, rename or removal: at
// some of them, or at all.
func TestKilledAtEachOperation(t *testing.T) {
	isolate(t)
	const args = "-impl reference -quiet " + brittleGrid
	d := &brittleDisk{}
	s, r, _ := newJob(t, "whole", brittleGrid)
	s.disk = d
	if err := s.run(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(recorded(t, "whole")).Digest()
	for at := 1; at <= d.ops; at += torture(d.ops/5, 1) {
		dir := fmt.Sprint("o", at)
		c, out := killable(args+" -out "+dir, at)
		var exit *exec.ExitError
		err := c.Run()
		if err == nil && at > d.ops-10 {
			break // this run had fewer operations: records that end close together share a write
		}
		if !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("operation %d: %v, want it killed: %s", at, err, out)
		}
		c, out = killable(args+" -out "+dir, 0)
		if err := c.Run(); err != nil {
			t.Fatalf("operation %d, then again: %v: %s", at, err, out)
		}
		complete(t, fmt.Sprintf("killed at operation %d of %d", at, d.ops), dir, 6, want)
	}
}
