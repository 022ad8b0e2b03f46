package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/atomicfile"
	"fusegrid/internal/golden"
	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/progress"
)

// writeStatus writes the status of a sweep in the folder muladd, which began a minute before.
func writeStatus(t *testing.T, state progress.State, dir string) {
	t.Helper()
	best := searchtest.Recorded(t, "muladd")[2]
	now := time.Now()
	began := now.Add(-65 * time.Second)
	if state != progress.Running {
		began = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
		now = began.Add(3*time.Minute + 5*time.Second)
	}
	s := progress.Status{
		Version: 1, State: state, PID: 7, Command: "sweep -lr 1e-3,1e-2", Dir: dir, Began: began, Written: now,
		Size: 20, Trials: 5, Ended: 2, Failures: 1, Iterations: 1234, Share: 0.25, Rate: 100, FLOPs: 4e9, Cores: 2, Left: 195,
		Best: &progress.Best{Key: best.Key, Val: 0.75, Config: best.Config}, Axes: []string{"lr", "hidden"},
		Blocks: []progress.BlockStatus{{Number: 2, Nets: 3, Done: 40, Iterations: 100}},
	}
	if err := atomicfile.Write(filepath.Join("muladd", folder.StatusName), s.Write); err != nil {
		t.Fatal(err)
	}
}

func TestStatus(t *testing.T) {
	file := goldenFile(t, "show.txt")
	copyEarlier(t, "muladd")
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	add := func(what string, args ...string) {
		fmt.Fprintf(&b, "# %s\n%s", what, said(t, append([]string{"status", "muladd"}, args...)))
	}
	add("no status")
	writeStatus(t, progress.Finished, here)
	add("finished", "-watch")
	writeStatus(t, progress.Interrupted, here)
	add("interrupted", "-watch", "-json")
	writeStatus(t, progress.Failed, "/elsewhere")
	add("failed")
	writeStatus(t, progress.Running, here)
	text := said(t, []string{"status", "muladd"})
	b.WriteString("# killed\n" + regexp.MustCompile(`20\d\d-\S+ [\d:]+`).ReplaceAllString(text, "TIME"))
	f, err := results.OpenFile(filepath.Join("muladd", folder.JournalName))
	if err != nil {
		t.Fatal(err)
	}
	add("running")
	os.Remove(filepath.Join("muladd", folder.StatusName))
	add("starting")
	writeStatus(t, progress.Finished, here)
	add("between rounds")
	f.Close()
	os.WriteFile(filepath.Join("muladd", folder.StatusName), []byte(`{"version":9}`), 0o644)
	add("of a later version")
	text = regexp.MustCompile(`training for \S+`).ReplaceAllString(b.String(), "training for TIME")
	golden.Check(t, file, strings.ReplaceAll(text, here, "/HERE"))
}

// A firstWrite calls then after the first write.
type firstWrite struct {
	io.Writer
	then func()
}

func (w *firstWrite) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if w.then != nil {
		w.then()
		w.then = nil
	}
	return n, err
}

// TestWatch watches a sweep that ends after the first look.
func TestWatch(t *testing.T) {
	copyEarlier(t, "muladd")
	writeStatus(t, progress.Running, "")
	name := filepath.Join("muladd", folder.JournalName)
	f, err := results.OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{dir: "muladd", every: time.Millisecond, journal: journalTail{Tail: results.Tail{Name: name}}}
	var b bytes.Buffer
	end := func() {
		writeStatus(t, progress.Finished, "")
		f.Close()
	}
	if err := v.watch(t.Context(), &firstWrite{&b, end}, v.text, false); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, "training for 1m") || strings.Count(text, "finished at") != 1 {
		t.Errorf("%s", text)
	}
}

// TestJournalTail reads a journal while it grows byte by byte.
func TestJournalTail(t *testing.T) {
	copyEarlier(t, "muladd")
	whole, err := os.ReadFile(filepath.Join("muladd", folder.JournalName))
	if err != nil {
		t.Fatal(err)
	}
	records := searchtest.Recorded(t, "muladd")
	j := journalTail{Tail: results.Tail{Name: "grows.jsonl"}}
	for n := 0; n <= len(whole); n += 97 {
		if len(whole)-n < 97 {
			n = len(whole)
		}
		if err := os.WriteFile(j.Name, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if err := j.read(); err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		if want := max(bytes.Count(whole[:n], []byte("\n"))-1, 0); len(j.states) != want {
			t.Fatalf("after %d bytes: %d trials, want %d", n, len(j.states), want)
		}
	}
	results.Rank(records)
	if j.best == nil || j.best.Key != records[0].Key {
		t.Errorf("best %+v, want %.12s", j.best, records[0].Key)
	}
	// A shorter file is another one.
	if err := os.WriteFile(j.Name, whole[:bytes.IndexByte(whole, '\n')+1], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := j.read(); err != nil || len(j.states) != 0 {
		t.Errorf("%v, %d trials, want none", err, len(j.states))
	}
}

// statusJSON returns the status of a folder.
func statusJSON(t *testing.T, dir string) (s struct {
	State progress.State
	Sweep *progress.Status
}) {
	t.Helper()
	stdout, stderr, code := call(t, "status", dir, "-json")
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitOK {
		t.Fatalf("%v, exit code %d, %s", err, code, stderr)
	}
	return s
}

// TestStatusOfKilled kills a sweep that writes its status, and resumes it by the command that the status names.
func TestStatusOfKilled(t *testing.T) {
	isolate(t)
	c, out := killable(waitGrid+" -out whole", 0)
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c, _ = killable(waitGrid+" -out o", 0)
	c.Env = append(c.Env, envStatus+"=1")
	begin(t, c, "o")
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join("o", folder.StatusName)); err == nil {
			if s := statusJSON(t, "o"); s.State == progress.Running && s.Sweep.Ended == 1 && len(s.Sweep.Blocks) == 1 && s.Sweep.Blocks[0].Done == 9 {
				break
			}
		}
		if time.Since(start) > time.Minute {
			t.Fatal("a minute later, the status does not say that the second trial trains")
		}
	}
	c.Process.Kill()
	c.Wait()
	s := statusJSON(t, "o")
	if s.State != killed {
		t.Errorf("state %s, want %s", s.State, killed)
	}
	words := strings.TrimPrefix(s.Sweep.Command, strings.TrimSpace(commandLine(nil))+" ")
	c, out = killable(words, 0)
	if err := c.Run(); err != nil || !strings.Contains(out.String(), "from checkpoints") {
		t.Errorf("%s: %v: %s", words, err, out)
	}
	searchtest.Complete(t, "resumed", "o", 4, results.NewTable(searchtest.Recorded(t, "whole")).Digest())
}

// TestKilledWithStatus kills sweeps that write their status all the time instead of operations on the disk.
func TestKilledWithStatus(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	c, out := killable(waitGrid+" -out whole", 0)
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	for at := 10; at <= 200; at += searchtest.Torture(37, 1) {
		dir := fmt.Sprint("o", at)
		c, out := killable(waitGrid+" -out "+dir, at)
		c.Env = append(c.Env, envStatus+"=1")
		var exit *exec.ExitError
		if err := c.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != -1) {
			t.Fatalf("operation %d: %v: %s", at, err, out)
		}
		c, out = killable(waitGrid+" -out "+dir, 0)
		if err := c.Run(); err != nil {
			t.Fatalf("operation %d, then again: %v: %s", at, err, out)
		}
		searchtest.Complete(t, fmt.Sprintf("killed at operation %d", at), dir, 4, want)
	}
}
