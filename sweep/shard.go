package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/folder"
)

// shardExample tells how to write a shard.
const shardExample = "write for example 3/16 for the third of 16 shards, or env for a task of a batch system"

// parseShard reads I/N, or env or env/N. With env, the shard is that of the task of a batch system, whose variables
// getenv returns.
func parseShard(text string, getenv func(string) string) (s search.Shard, err error) {
	index, of, counted := strings.Cut(text, "/")
	if counted {
		if s.Of, err = strconv.Atoi(of); err != nil || s.Of < 1 || s.Of > results.MaxShards {
			return s, fmt.Errorf("the number of shards must be from 1 to %d; %s", results.MaxShards, shardExample)
		}
	}
	if index == "env" {
		return shardOfTask(s.Of, getenv)
	}
	if s.Index, err = strconv.Atoi(index); err != nil || !counted {
		return s, errors.New(shardExample)
	}
	if s.Index < 1 || s.Index > s.Of {
		return s, fmt.Errorf("there is no shard %d of %d; they are numbered from 1 to %[2]d", s.Index, s.Of)
	}
	return s, nil
}

// A batchSystem sets a variable of the environment to the number of a task.
type batchSystem struct {
	variable string
	none     string // the value of a job that has no tasks, besides ""
	first    int    // number of the first task
}

// slurmTask is Slurm's number of a task.
const slurmTask = "SLURM_ARRAY_TASK_ID"

// batchSystems returns the systems whose variables are known: Slurm, PBS, Torque, LSF, SGE and Kubernetes.
func batchSystems() []batchSystem {
	return []batchSystem{
		{slurmTask, "", 1}, // or 0
		{"PBS_ARRAY_INDEX", "", 1},
		{"PBS_ARRAYID", "", 1},
		{"LSB_JOBINDEX", "0", 1},
		{"SGE_TASK_ID", "undefined", 1},
		{"JOB_COMPLETION_INDEX", "", 0},
	}
}

// shardOfTask returns the shard of the task that the variables of a batch system describe. The number of shards is of,
// or 0 if the variables must tell it.
func shardOfTask(of int, getenv func(string) string) (search.Shard, error) {
	var known, set []string
	var system batchSystem
	for _, b := range batchSystems() {
		known = append(known, b.variable)
		if v := getenv(b.variable); v != "" && v != b.none {
			set, system = append(set, b.variable), b
		}
	}
	switch {
	case len(set) == 0:
		return search.Shard{}, fmt.Errorf("no batch system has set %s or %s; %s", strings.Join(known[:len(known)-1], ", "), known[len(known)-1], shardExample)
	case len(set) > 1:
		return search.Shard{}, fmt.Errorf("%s are set; %s", and(set), shardExample)
	case system.variable == slurmTask:
		return shardOfSlurm(of, getenv)
	case of == 0:
		return search.Shard{}, fmt.Errorf("%s does not tell the number of tasks; write it, such as env/16", system.variable)
	}
	task, err := strconv.Atoi(getenv(system.variable))
	index := task - system.first + 1
	if err != nil || index < 1 || index > of {
		return search.Shard{}, fmt.Errorf("%s is %q; number the tasks from %d to %d", system.variable, getenv(system.variable), system.first, of-1+system.first)
	}
	return search.Shard{Index: index, Of: of}, nil
}

// shardOfSlurm returns the shard of a task of Slurm. Slurm counts the tasks that were submitted, which are some of
// the shards if only these are repeated. Therefore it accepts only arrays from 0 or 1 without gaps.
func shardOfSlurm(of int, getenv func(string) string) (s search.Shard, err error) {
	values := map[string]int{}
	for _, name := range []string{"ID", "COUNT", "MIN", "MAX", "STEP"} {
		text := getenv("SLURM_ARRAY_TASK_" + name)
		if values[name], err = strconv.Atoi(text); err != nil {
			return s, fmt.Errorf("SLURM_ARRAY_TASK_%s is %q, not a number; write the shard, such as $%s/16", name, text, slurmTask)
		}
	}
	task, count, first, last := values["ID"], values["COUNT"], values["MIN"], values["MAX"]
	switch {
	case first != 0 && first != 1, values["STEP"] != 1, last-first+1 != count, task < first, task > last:
		return s, fmt.Errorf("the array has %s from %d to %d with step %d, not one for each shard; write the number of shards, such as $%s/16", say.Plural(count, "task"), first, last, values["STEP"], slurmTask)
	case of != 0 && of != count:
		return s, fmt.Errorf("the array has %s, not %d; write the shard, such as $%s/%[2]d", say.Plural(count, "task"), of, slurmTask)
	case count > results.MaxShards:
		return s, fmt.Errorf("the array has %d tasks; there are at most %d shards", count, results.MaxShards)
	}
	return search.Shard{Index: task - first + 1, Of: count}, nil
}

// checkShard returns an error for flags that a shard cannot have.
func (o *options) checkShard() error {
	if o.Shard == (search.Shard{}) {
		return nil
	}
	text := fmt.Sprintf("-shard %d/%d", o.Shard.Index, o.Shard.Of)
	if o.fresh {
		return badInput{fmt.Errorf("%s: -fresh would name another folder for each shard; name a new folder with -out", text)}
	}
	if err := o.Shard.Check(o.Grid, o.Halving); err != nil {
		return badInput{fmt.Errorf("%s: %w", text, err)}
	}
	return nil
}

// shardFolders returns the folders of shards in the folder of a study, in the order of the shards. Those without a
// journal have not begun.
func shardFolders(study string) (dirs []string, err error) {
	entries, err := os.ReadDir(study)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), folder.ShardPrefix)
		n, bad := strconv.Atoi(text)
		if !ok || bad != nil || strconv.Itoa(n) != text {
			continue
		}
		if _, err := os.Stat(filepath.Join(study, e.Name(), folder.JournalName)); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		dirs = append(dirs, filepath.Join(study, search.Shard{Index: n}.Name()))
	}
	return dirs, nil
}
