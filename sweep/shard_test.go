package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// TestShardOfTask reads the shard from the variables of batch systems.
func TestShardOfTask(t *testing.T) {
	slurm := func(id, count, first, last, step string) map[string]string {
		return map[string]string{"SLURM_ARRAY_TASK_ID": id, "SLURM_ARRAY_TASK_COUNT": count, "SLURM_ARRAY_TASK_MIN": first, "SLURM_ARRAY_TASK_MAX": last, "SLURM_ARRAY_TASK_STEP": step}
	}
	one := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, tt := range []struct {
		text string
		env  map[string]string
		want string // the shard, or a part of the error
	}{
		// --array=0-3, 1-16
		{"env", slurm("0", "4", "0", "3", "1"), "1/4"},
		{"env", slurm("3", "4", "0", "3", "1"), "4/4"},
		{"env", slurm("1", "16", "1", "16", "1"), "1/16"},
		{"env/16", slurm("16", "16", "1", "16", "1"), "16/16"},
		// --array=1,3,5-7; task 3 again alone; 0-8:4
		{"env", slurm("3", "5", "1", "7", "1"), "the array has 5 tasks from 1 to 7 with step 1, not one for each shard; write the number of shards, such as $SLURM_ARRAY_TASK_ID/16"},
		{"env", slurm("3", "1", "3", "3", "1"), "the array has 1 task from 3 to 3 with step 1, not one for each shard"},
		{"env", slurm("4", "3", "0", "8", "4"), "the array has 3 tasks from 0 to 8 with step 4, not one for each shard"},
		{"env/7", slurm("3", "5", "1", "7", "1"), "the array has 5 tasks from 1 to 7"},
		{"env/16", slurm("3", "4", "1", "4", "1"), "the array has 4 tasks, not 16; write the shard, such as $SLURM_ARRAY_TASK_ID/16"},
		{"env", slurm("3", "5000", "1", "5000", "1"), "the array has 5000 tasks; there are at most 4096 shards"},
		{"env", slurm("9", "4", "1", "4", "1"), "the array has 4 tasks from 1 to 4"},
		{"env", slurm("3", "", "1", "4", "1"), `SLURM_ARRAY_TASK_COUNT is "", not a number`},
		{"env/16", one("SLURM_ARRAY_TASK_ID", "x"), `SLURM_ARRAY_TASK_ID is "x", not a number`},

		{"env/16", one("PBS_ARRAY_INDEX", "16"), "16/16"},
		{"env/16", one("PBS_ARRAYID", "1"), "1/16"},
		{"env/16", one("LSB_JOBINDEX", "2"), "2/16"},
		{"env/16", one("SGE_TASK_ID", "3"), "3/16"},
		{"env/16", one("JOB_COMPLETION_INDEX", "0"), "1/16"},
		{"env/16", one("JOB_COMPLETION_INDEX", "15"), "16/16"},
		{"env", one("JOB_COMPLETION_INDEX", "15"), "JOB_COMPLETION_INDEX does not tell the number of tasks; write it, such as env/16"},
		{"env", one("PBS_ARRAY_INDEX", "3"), "PBS_ARRAY_INDEX does not tell the number of tasks"},
		{"env/16", one("PBS_ARRAY_INDEX", "0"), `PBS_ARRAY_INDEX is "0"; number the tasks from 1 to 16`},
		{"env/16", one("SGE_TASK_ID", "17"), `SGE_TASK_ID is "17"; number the tasks from 1 to 16`},
		{"env/16", one("JOB_COMPLETION_INDEX", "16"), `JOB_COMPLETION_INDEX is "16"; number the tasks from 0 to 15`},
		{"env/16", one("LSB_JOBINDEX", "0"), "no batch system has set SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX"},
		{"env/16", one("SGE_TASK_ID", "undefined"), "no batch system has set"},
		{"env", nil, "no batch system has set"},
		{"env/4", map[string]string{"SGE_TASK_ID": "2", "JOB_COMPLETION_INDEX": "1"}, "SGE_TASK_ID and JOB_COMPLETION_INDEX are set; write for example 3/16"},
		{"2/4", slurm("3", "16", "1", "16", "1"), "2/4"}, // the flag alone counts
	} {
		s, err := parseShard(tt.text, func(name string) string { return tt.env[name] })
		got := fmt.Sprintf("%d/%d", s.Index, s.Of)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.HasPrefix(got, tt.want)) || strings.Contains(got, "\n") {
			t.Errorf("-shard %s, %v: %s, want %s", tt.text, tt.env, got, tt.want)
		}
	}
}

// TestMergeCommand trains shards, merges them, and compares with a sweep of the whole.
func TestMergeCommand(t *testing.T) {
	isolate(t)
	whole, _, code := call(t, small("-out", "whole")...)
	if code != exitOK {
		t.Fatal(code)
	}
	for i := range 3 {
		_, stderr, code := call(t, small("-out", "o", "-shard", fmt.Sprintf("%d/3", i+1))...)
		want := fmt.Sprintf("sweep: all trials and tables are in o/shard-%d\nsweep: %[1]d of 3 shards: when all have ended, sweep merge o joins them\n", i+1)
		if code != exitOK || !strings.HasPrefix(stderr, fmt.Sprintf("sweep: shard %d of 3 has ", i+1)) || !strings.HasSuffix(stderr, want) {
			t.Errorf("shard %d: exit code %d, stderr %q", i+1, code, stderr)
		}
		if i == 1 {
			_, stderr, code := call(t, "merge", "o")
			if code != exitFailed || !strings.HasSuffix(stderr, "sweep: shard 3 of 3 is not among the folders\nsweep: the study in o is not complete; merge again when it is\n") {
				t.Errorf("two of three shards: exit code %d, stderr %q", code, stderr)
			}
		}
	}
	stdout, stderr, code := call(t, "merge", "o")
	if code != exitOK || timeless(stdout) != timeless(whole) || !regexp.MustCompile(`^sweep: 4 trials are on record in o, of which [1-3] were added\n$`).MatchString(stderr) {
		t.Errorf("exit code %d, stderr %q, stdout\n%swant\n%s", code, stderr, stdout, whole)
	}
	if stdout, stderr, code := call(t, "diff", "o", "whole"); code != exitOK || !strings.HasPrefix(stdout, "4 trials in both, 0 only in o, 0 only in whole\nof those in both, 4 have the same bits, and 0 have other figures\n") {
		t.Errorf("diff: exit code %d, %s%s", code, stdout, stderr)
	}
	if stdout, stderr, code := call(t, "merge", "other", "o/shard-1", "o/shard-2/trials.jsonl", "o/shard-3", "-top", "1"); code != exitOK || strings.Count(stdout, "\n") >= strings.Count(whole, "\n") {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}

	// A record with other bits: both are printed, and nothing is written.
	o, err := folder.Open(folder.OS{}, "bad", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := searchtest.Recorded(t, "o/shard-1")[0]
	r.Weights = strings.Repeat("0", 64)
	if err := o.Append([]results.Record{r}); err != nil {
		t.Fatal(err)
	}
	o.Close()
	stdout, stderr, code = call(t, "merge", "none", "o/shard-1", "bad")
	if code != exitFailed || !strings.HasPrefix(stderr, "sweep: 1 trial is different in two journals, such as "+r.Key[:12]+" in o/shard-1/trials.jsonl and bad/trials.jsonl; nothing was written") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("conflict: exit code %d, stderr %q", code, stderr)
	}
	lines := json.NewDecoder(strings.NewReader(stdout))
	for _, name := range []string{"o/shard-1/trials.jsonl", "bad/trials.jsonl"} {
		var line struct {
			Journal string
			Trial   results.Record
		}
		if err := lines.Decode(&line); err != nil || line.Journal != name || line.Trial.Key != r.Key || (line.Trial.Weights == r.Weights) != (name == "bad/trials.jsonl") {
			t.Errorf("conflict: %+v, %v", line, err)
		}
	}
	if _, err := os.Stat("none"); err == nil {
		t.Error("the folder was made in spite of a conflict")
	}
	if _, stderr, code := call(t, "merge", "o/shard-1", "o/shard-2"); code != exitBadInput || stderr != "sweep: o/shard-1 is the folder of shard 1 of 3; name another folder for the trials of all shards\n" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// TestShardFolders checks which folders of a study are those of shards, and their order.
func TestShardFolders(t *testing.T) {
	isolate(t)
	for _, name := range []string{"shard-10", "shard-9", "shard-x", "shard-01", "shard-3x", "shards", "weights"} {
		dir := filepath.Join("o", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, folder.JournalName), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir("o/shard-4", 0o755) // without a journal
	got, err := shardFolders("o")
	if want := filepath.Join("o", "shard-9") + " " + filepath.Join("o", "shard-10"); err != nil || strings.Join(got, " ") != want {
		t.Errorf("%q, %v; want %s", got, err, want)
	}
}

// TestEmptyShard runs a shard without trials.
func TestEmptyShard(t *testing.T) {
	isolate(t)
	empty := 0
	for i := range 6 {
		stdout, stderr, code := call(t, small("-out", "o", "-shard", fmt.Sprintf("%d/6", i+1), "-notify", "cat")...)
		if code != exitOK {
			t.Errorf("shard %d: exit code %d, stderr %q", i+1, code, stderr)
		}
		if strings.Contains(stderr, "has 0 of 4 trials") {
			if empty++; stdout != "" {
				t.Errorf("shard %d: stdout %q", i+1, stdout)
			}
		}
	}
	if stdout, stderr, code := call(t, small("-out", "o", "-shard", "6/6", "-dry-run")...); code != exitOK {
		t.Errorf("dry run: exit code %d, stderr %q, stdout %q", code, stderr, stdout)
	}
	if _, stderr, code := call(t, "merge", "o"); code != exitOK || empty != 2 {
		t.Errorf("%d empty shards; merge: exit code %d, stderr %q", empty, code, stderr)
	}
}

// TestTermTwice sends SIGTERM twice, as batch systems do. The running trial must have a checkpoint.
func TestTermTwice(t *testing.T) {
	isolate(t)
	c, out := killable(waitGrid+" -out o -shard 1/1", 0)
	begin(t, c, "o/shard-1")
	c.Process.Signal(syscall.SIGTERM)
	c.Process.Signal(syscall.SIGTERM)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(out.String(), "sweep: interrupted; ") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	c, out = killable(waitGrid+" -out o -shard 1/1", 0)
	if err := c.Run(); err != nil || !strings.Contains(out.String(), "from checkpoints") {
		t.Errorf("resumed: %v: %s", err, out)
	}
}

// TestKilledShards kills shards at operations on the disk, and runs them again.
func TestKilledShards(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	if c, out := killable(killGrid+" -out whole", 0); c.Run() != nil {
		t.Fatal(out)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	for i := range 3 {
		shard := fmt.Sprintf(" -out o -shard %d/3", i+1)
		for at := 3; at < 40; at += 9 {
			c, out := killable(killGrid+shard, at)
			if _, killed := c.Run().(*exec.ExitError); killed && c.ProcessState.ExitCode() != -1 {
				t.Fatalf("operation %d: %s", at, out)
			}
		}
		if c, out := killable(killGrid+shard, 0); c.Run() != nil {
			t.Fatal(out)
		}
	}
	var b bytes.Buffer
	if code := run(t.Context(), []string{"merge", "o"}, &b, &b); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &b)
	}
	searchtest.Complete(t, "killed shards", "o", 16, want)
	searchtest.SameCurves(t, "killed shards", "o", "whole", false)
	if n, _ := filepath.Glob("o/weights/*"); len(n) != 3 {
		t.Errorf("%d weights", len(n))
	}
}
