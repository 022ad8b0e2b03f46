//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
)

// envSlurm lets TestSlurm run. It starts the programs of Slurm and munge, which must be installed, and takes about ten
// minutes.
const envSlurm = "FUSEGRID_TORTURE_SLURM"

// slurmConfig is the configuration of a cluster of this machine.
const slurmConfig = `ClusterName=fusegrid
SlurmctldHost=HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=DIR/munge/munge.socket
CryptoType=crypto/munge
SlurmctldPort=56817
SlurmdPort=56818
SlurmctldPidFile=DIR/slurmctld.pid
SlurmdPidFile=DIR/slurmd.pid
StateSaveLocation=DIR/state
SlurmdSpoolDir=DIR/spool
SlurmctldLogFile=DIR/slurmctld.log
SlurmdLogFile=DIR/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=30
MinJobAge=7200
MaxArraySize=1001
NodeName=HOST NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=test Nodes=HOST Default=YES MaxTime=INFINITE State=UP
`

// startSlurm starts a cluster of this machine, and stops it at the end of the test.
func startSlurm(t *testing.T, dir string) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	for _, name := range []string{"state", "spool", "munge"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	munge, err := user.Lookup("munge")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(munge.Uid)
	gid, _ := strconv.Atoi(munge.Gid)
	if err := os.Chown(filepath.Join(dir, "munge"), uid, gid); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "slurm.conf")
	if err := os.WriteFile(config, []byte(strings.NewReplacer("HOST", host, "DIR", dir).Replace(slurmConfig)), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLURM_CONF", config)
	in := func(name string) string { return filepath.Join(dir, "munge", name) }
	start := func(pidFile string, words ...string) {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", words, err, out)
		}
		t.Cleanup(func() {
			text, _ := os.ReadFile(pidFile)
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				syscall.Kill(pid, syscall.SIGTERM)
				for syscall.Kill(pid, 0) == nil {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	start(in("munged.pid"), "runuser", "-u", "munge", "--", "munged", "--socket="+in("munge.socket"), "--pid-file="+in("munged.pid"), "--log-file="+in("munged.log"), "--seed-file="+in("munged.seed"))
	start(filepath.Join(dir, "slurmctld.pid"), "slurmctld", "-f", config, "-c")
	start(filepath.Join(dir, "slurmd.pid"), "slurmd", "-f", config, "-N", host)
}

// output runs a program and returns its output.
func output(t *testing.T, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", words, err, out)
	}
	return string(out)
}

// A slurmArrayTask is one task of an array.
type slurmArrayTask struct {
	*testing.T
	name string // such as 7_3
	log  string
}

// show returns a field of the task, such as JobState.
func (k slurmArrayTask) show(field string) string {
	k.Helper()
	m := regexp.MustCompile(`\b` + field + `=(\S*)`).FindStringSubmatch(output(k.T, "scontrol", "show", "job", k.name))
	if m == nil {
		k.Fatalf("task %s has no %s", k.name, field)
	}
	return m[1]
}

// until waits until a condition holds.
func (k slurmArrayTask) until(what string, holds func() bool) {
	k.Helper()
	for start := time.Now(); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Since(start) > 15*time.Minute {
			text, _ := os.ReadFile(k.log)
			k.Fatalf("task %s: after a quarter of an hour not %s; its log:\n%s%s", k.name, what, text, output(k.T, "scontrol", "show", "job", k.name))
		}
	}
	k.Logf("task %s: %s", k.name, what)
}

// untilState waits until the task has a state.
func (k slurmArrayTask) untilState(state string) {
	k.Helper()
	k.until(state, func() bool { return k.show("JobState") == state })
}

// untilSaid waits until the log of the task has a text a number of times.
func (k slurmArrayTask) untilSaid(text string, times int) {
	k.Helper()
	k.until("said "+text, func() bool {
		log, _ := os.ReadFile(k.log)
		return strings.Count(string(log), text) >= times
	})
}

// processes returns the processes of a task: the script and the sweep.
func processes(t *testing.T, task int) (script, sweep int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		environ, _ := os.ReadFile(name) // the process may have ended
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		switch {
		case err != nil || !strings.Contains("\x00"+string(environ), fmt.Sprintf("\x00SLURM_ARRAY_TASK_ID=%d\x00", task)):
		case strings.Contains(string(line), "slurm_script"):
			script = pid
		case strings.Contains(string(line), "-shard"):
			sweep = pid
		}
	}
	if script == 0 || sweep == 0 {
		t.Fatalf("task %d has the script %d and the sweep %d", task, script, sweep)
	}
	return script, sweep
}

// send sends a signal to processes.
func send(t *testing.T, sig syscall.Signal, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
}

// pending reports whether a process that is stopped has received SIGTERM.
func pending(pid int) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := regexp.MustCompile(`ShdPnd:\s+([0-9a-f]+)`).FindStringSubmatch(string(status))
	if m == nil {
		return false
	}
	set, err := strconv.ParseUint(m[1], 16, 64)
	return err == nil && set>>(syscall.SIGTERM-1)&1 == 1
}

// TestSlurm submits the printed script to Slurm on this machine. One task is requeued, one killed, one reaches its time
// limit, and one is cancelled and submitted again. The merged folder must have the bits of a sweep of the whole.
func TestSlurm(t *testing.T) {
	if os.Getenv(envSlurm) == "" {
		t.Skipf("%s is not set: the test takes about ten minutes", envSlurm)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "sweep")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = here
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	isolate(t)
	dir, err := os.MkdirTemp("/tmp", "fusegrid-slurm-") // munge refuses sockets in folders of others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	startSlurm(t, dir)

	// Each task trains for about a minute on its core, however fast the machine is.
	grid := func(iters int) []string {
		return strings.Fields(fmt.Sprintf("-data synthetic -impl reference -hidden 10 -batch 50 -std 1e-2 -lr log:1e-4..1e-3:8 -reg 0,0.5 -keep 2 -checkpoint 2 -iters %d", iters))
	}
	train := func(out string, iters int) time.Duration {
		start := time.Now()
		output(t, append([]string{bin, "-quiet", "-workers", "2", "-out", out}, grid(iters)...)...)
		t.Logf("%d iterations took %v", iters, time.Since(start).Round(time.Second))
		return time.Since(start)
	}
	const first = 300
	iters := int(first * float64(2*time.Minute) / float64(train("first", first)))
	train("whole", iters)
	script := output(t, append([]string{bin, "slurm", "-shards", "4", "-cpus", "1", "-mem", "1", "--", "-out", "study"}, grid(iters)...)...)
	if err := os.WriteFile("study.sh", []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	submit := func(words ...string) func(i int) slurmArrayTask {
		job := strings.TrimSpace(output(t, append([]string{"sbatch", "--parsable"}, words...)...))
		return func(i int) slurmArrayTask {
			return slurmArrayTask{t, fmt.Sprintf("%s_%d", job, i), fmt.Sprintf("sweep-%s_%d.log", job, i)}
		}
	}
	task := submit("study.sh")

	// Task 1 is requeued, and task 2 is killed while it runs.
	journal := func(i int) string { return fmt.Sprintf("study/shard-%d/trials.jsonl", i) }
	begun := func(i int) {
		task(i).untilState("RUNNING")
		task(i).until("begun", func() bool { return results.InUse(journal(i)) })
		time.Sleep(3 * time.Second)
	}
	begun(1)
	output(t, "scontrol", "requeue", task(1).name)
	task(1).untilSaid("sweep: interrupted; ", 1)
	begun(2)
	script2, sweep2 := processes(t, 2)
	send(t, syscall.SIGKILL, script2, sweep2)
	task(2).untilState("FAILED")
	output(t, "scontrol", "requeue", task(2).name)

	// Task 3 is held until it has been told that its time limit comes, and then goes back into the queue by itself.
	begun(3)
	_, sweep3 := processes(t, 3)
	send(t, syscall.SIGSTOP, sweep3)
	output(t, "scontrol", "update", "JobId="+task(3).name, "TimeLimit=1")

	// Task 4 is cancelled, and must stay so.
	begun(4)
	output(t, "scancel", task(4).name)
	task(3).until("told to stop", func() bool { return pending(sweep3) })
	send(t, syscall.SIGCONT, sweep3)
	task(4).untilSaid("sweep: interrupted; ", 1)
	task(4).untilState("CANCELLED")
	time.Sleep(3 * time.Second)
	if state := task(4).show("JobState"); state != "CANCELLED" {
		t.Errorf("task 4 is %s", state)
	}
	again := submit("--array=4", "study.sh")

	task(3).untilSaid("sweep: interrupted; ", 1)
	task(3).untilState("PENDING")
	output(t, "scontrol", "update", "JobId="+task(3).name, "TimeLimit=60")
	for _, k := range []slurmArrayTask{task(1), task(2), task(3), again(4)} {
		k.untilState("COMPLETED")
		k.untilSaid("from checkpoints", 1)
	}
	for i := range 3 {
		if n := task(i + 1).show("Restarts"); n == "0" {
			t.Errorf("task %d has no restart", i+1)
		}
	}

	t.Log(output(t, bin, "merge", "study", "-top", "3"))
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	searchtest.Complete(t, "merged", "study", 16, want)
	searchtest.SameCurves(t, "merged", "study", "whole", false)
	t.Log(output(t, bin, "diff", "study", "whole"))
	for i := range 4 {
		searchtest.ByKey(t, searchtest.Recorded(t, filepath.Dir(journal(i+1))))
	}
}
