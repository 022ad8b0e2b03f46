package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"fusegrid/internal/golden"
)

// batchCommands are commands whose output is in testdata/batch.txt.
var batchCommands = [][]string{
	{"slurm", "-shards", "16", "--", "-lr", "log:1e-4..1e-2:64", "-out", "out/study"},
	{"slurm", "-shards", "4", "-cpus", "2", "-mem", "8", "-time", "36h30m", "-name", "lr-search", "--", "-quiet", "-lr", "1e-3", "-out", "my study", "-notify", `echo "$SWEEP_MESSAGE"`},
	{"kube", "-shards", "16", "-image", "registry.example/sweep:1", "-claim", "study", "--", "-lr", "log:1e-4..1e-2:64", "-data", "data", "-out", "/study/o"},
	{"kube", "-shards", "4", "-cpus", "2", "-mem", "8", "-name", "lr-search", "-image", "i", "-claim", "null", "--", "-lr", "1e-3", "-out", "my study", "-notify", `echo "$(SWEEP_MESSAGE)"`},
}

// TestBatch compares scripts and manifests with a golden file. Package kubetest also decodes the manifests.
func TestBatch(t *testing.T) {
	var got strings.Builder
	file, err := filepath.Abs("testdata/batch.txt")
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	for _, args := range batchCommands {
		stdout, stderr, code := call(t, args...)
		if code != exitOK || stderr != "" {
			t.Fatalf("%q: exit code %d, stderr %q", args, code, stderr)
		}
		fmt.Fprintf(&got, "$ sweep %s\n%s\n", quote(args), stdout)
		for line := range strings.Lines(stdout) {
			if utf8.RuneCountInString(line) > 81 && !strings.Contains(line, "sweep -quiet") && !strings.Contains(line, "squeue") {
				t.Errorf("longer than 80 columns: %s", line)
			}
		}
	}
	golden.Check(t, file, got.String())
	nothingWritten(t)

	if _, stderr, code := call(t, "slurm", "-shards", "4", "--", "-out", "o", "-notify", "a\nb"); code != exitBadInput || stderr != "sweep: a flag of the sweep has a line break; put the flag into a file, and give its name with -config\n" {
		t.Errorf("a line break: exit code %d, stderr %q", code, stderr)
	}
}

// A task is a run of a printed script, with programs in place of those of Slurm and of the sweep.
type task struct {
	*exec.Cmd
	dir    string
	stdout *bufio.Reader
}

// newTask prepares the script as task 3 of job 7. The program sweep prints its arguments and GOMAXPROCS. If its first
// argument after -quiet is -lr 9, it then waits for SIGTERM, prints "stopped", and ends with exit code 130. Otherwise it
// ends with the exit code in the variable CODE. The task has the given state.
func newTask(t *testing.T, lr, state, code string) *task {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no bash")
	}
	script, stderr, exit := call(t, "slurm", "-shards", "4", "--", "-lr", lr, "-out", "o")
	if exit != exitOK {
		t.Fatal(stderr)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"script":   script,
		"sweep":    "#!/bin/bash\ntrap 'echo stopped; exit 130' TERM\necho \"$@\" $GOMAXPROCS\n[ $3 = 9 ] || exit $CODE\nwhile :; do sleep 0.01; done\n",
		"squeue":   "#!/bin/bash\necho \"$@\" >> asked\necho $STATE\n",
		"scontrol": "#!/bin/bash\necho \"$@\" >> requeued\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "bash", "./script")
	c.Dir, c.Stderr = dir, os.Stderr
	c.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "STATE="+state, "CODE="+code,
		"SLURM_ARRAY_JOB_ID=7", "SLURM_ARRAY_TASK_ID=3", "SLURM_JOB_ID=10", "SLURM_CPUS_ON_NODE=6", "SLURM_CPUS_PER_TASK=")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return &task{c, dir, bufio.NewReader(out)}
}

// line returns the next line that the sweep prints.
func (k *task) line(t *testing.T) string {
	t.Helper()
	line, err := k.stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// ends waits for the end and checks the exit code and what was requeued.
func (k *task) ends(t *testing.T, code int, requeued string) {
	t.Helper()
	k.Wait()
	if got := k.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	if got, _ := os.ReadFile(filepath.Join(k.dir, "requeued")); string(got) != requeued {
		t.Errorf("requeued %q, want %q", got, requeued)
	}
}

// TestSlurmScript runs the printed script. A task that SIGTERM has stopped goes back into the queue, unless Slurm has
// taken it from the node.
func TestSlurmScript(t *testing.T) {
	isolate(t)
	const args = "-quiet -lr 9 -out o -shard 3/4 "
	t.Run("ends", func(t *testing.T) {
		for code, text := range map[int]string{exitOK: "0", exitFailed: "1", exitBadInput: "2", exitInterrupted: "130"} {
			k := newTask(t, "1", "RUNNING", text)
			k.Env = append(k.Env, "SLURM_CPUS_PER_TASK=2")
			k.Start()
			if got := k.line(t); got != strings.Replace(args, "9", "1", 1)+"2" {
				t.Errorf("arguments and cores %q", got)
			}
			k.ends(t, code, "")
		}
	})
	for _, tt := range []struct{ state, requeued string }{{"RUNNING", "requeue 7_3\n"}, {"COMPLETING", ""}, {"CANCELLED", ""}, {"", ""}} {
		t.Run("stopped, "+tt.state, func(t *testing.T) {
			k := newTask(t, "9", tt.state, "")
			k.Start()
			if got := k.line(t); got != args+"6" {
				t.Errorf("arguments and cores %q", got)
			}
			for range 3 { // Slurm may repeat the signal
				k.Process.Signal(syscall.SIGTERM)
				time.Sleep(time.Millisecond)
			}
			if got := k.line(t); got != "stopped" {
				t.Errorf("the sweep printed %q", got)
			}
			k.ends(t, exitInterrupted, tt.requeued)
			if asked, _ := os.ReadFile(filepath.Join(k.dir, "asked")); string(asked) != "-h -o %T -j 7_3\n" {
				t.Errorf("squeue was asked %q", asked)
			}
		})
	}
}
