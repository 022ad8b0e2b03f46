package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// slurm prints a script of Slurm that trains the shards of a study.
func slurm(_ context.Context, args []string, stdout, _ io.Writer) error {
	b, fs := newBatch("slurm")
	fs.Func("time", "", func(s string) error {
		limit, err := time.ParseDuration(s)
		if err != nil || limit < 5*time.Minute || limit > 1000*24*time.Hour {
			return errors.New("give a duration of at least five minutes, such as 30m or 12h")
		}
		b.Time = slurmTime(limit)
		return nil
	})
	if err := b.parse(fs, args); err != nil {
		return err
	}
	return b.print(stdout, slurmScript)
}

// slurmTime returns a duration in the form days-hours:minutes:seconds.
func slurmTime(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d-%02d:%02d:%02d", s/86400, s/3600%24, s/60%60, s%60)
}

const slurmScript = `#!/bin/bash
# {{.Shards}} shards of a study, one for each task of an array. Printed by sweep slurm.
# Submit it with sbatch. When all tasks have ended, join the shards:
#   {{.Merge}}
#SBATCH --job-name={{.Name}}
#SBATCH --array=1-{{.Shards}}
#SBATCH --cpus-per-task={{.CPUs}}
#SBATCH --mem={{.Mem}}G
{{with .Time}}#SBATCH --time={{.}}
{{end}}#SBATCH --output={{.Name}}-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@60

# The sweep uses the cores of the task, even if it could use more.
export GOMAXPROCS=${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE}

# SIGTERM comes a minute before the time limit, and if the task must leave the
# node. The sweep then saves its blocks and ends with exit code 130.
stop() {
    stopped=1
    trap '' TERM
    [ -n "$!" ] || exit 143
    kill -TERM "$!"
}
stopped=
trap stop TERM
{{.Sweep}} -shard "$SLURM_ARRAY_TASK_ID/{{.Shards}}" &
wait "$!"
code=$?
if [ -n "$stopped" ]; then
    wait "$!"
    code=$?
fi

# At the time limit, this task goes back into the queue and resumes there. If
# Slurm itself requeues or cancels the task, it no longer counts as running.
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
if [ -n "$stopped" ] && [ "$code" = 130 ] && [ "$(squeue -h -o %T -j "$task")" = RUNNING ]; then
    scontrol requeue "$task"
fi
exit "$code"
`
