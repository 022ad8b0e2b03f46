package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"fusegrid/internal/cli"
	"fusegrid/results"
	"fusegrid/search"
)

// A batch is a study whose shards are the tasks of a batch system.
type batch struct {
	Shards    int
	CPUs, Mem int // cores and GiB of each task
	Name      string
	Time      string   // limit of a task, for Slurm; "" for none
	Image     string   // for Kubernetes, as all that follows
	Claim     string   // of the volume
	Dir       string   // where pods see the volume
	Args      []string // of the program

	study []string // flags of the sweep
	out   string   // folder of the study
	Sweep string   // command without the shard
	Merge string   // command that joins the shards
}

// newBatch returns a batch with its defaults, and the flags of the command that prints it.
func newBatch(command string) (*batch, *flag.FlagSet) {
	b := &batch{CPUs: 4, Mem: 4, Name: "sweep"}
	fs := cli.NewFlags(command)
	fs.Func("shards", "", whole(&b.Shards, 1, results.MaxShards, fmt.Sprintf("give the number of shards, from 1 to %d", results.MaxShards)))
	fs.Func("cpus", "", whole(&b.CPUs, 1, search.MaxWorkers, fmt.Sprintf("give the cores of a task, from 1 to %d", search.MaxWorkers)))
	fs.Func("mem", "", whole(&b.Mem, 1, 1<<20, "give the memory of a task in GiB, a whole number"))
	fs.Func("name", "", func(s string) error {
		if len(s) > 50 || !label.MatchString(s) {
			return errors.New("a name has at most 50 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen")
		}
		b.Name = s
		return nil
	})
	return b, fs
}

// label matches names that both Slurm and Kubernetes take.
var label = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// parse reads the flags of the command and, after two hyphens, those of the sweep.
func (b *batch) parse(fs *flag.FlagSet, args []string) error {
	example := fmt.Sprintf("write for example sweep %s -shards 16 -- -lr 1e-4,1e-3 -out out/study", fs.Name())
	own, study := args, []string(nil)
	at := slices.Index(args, "--")
	if at >= 0 {
		own, study = args[:at], args[at+1:]
	}
	if err := parse(fs, own); err != nil {
		if bad, ok := errors.AsType[badInput](err); ok && at < 0 {
			return badInput{fmt.Errorf("%w; the flags of the sweep come after two hyphens", bad.error)}
		}
		return err
	}
	switch {
	case b.Shards == 0:
		return badInput{fmt.Errorf("-shards is missing; %s", example)}
	case at < 0:
		return badInput{fmt.Errorf("the flags of the sweep are missing; %s", example)}
	}
	o, err := parseOptions(study)
	if err != nil {
		return err
	}
	switch {
	case strings.ContainsAny(strings.Join(study, ""), "\n\r"):
		return badInput{errors.New("a flag of the sweep has a line break; put the flag into a file, and give its name with -config")}
	case o.Shard != (search.Shard{}):
		return badInput{fmt.Errorf("-shard is added for each task; omit it, and give -shards %d before --", b.Shards)}
	case o.dryRun, o.config.print:
		return badInput{errors.New("-dry-run and -print-config train nothing; omit them")}
	case o.Dir == "":
		return badInput{fmt.Errorf("-out is missing: name the folder of the study, which all tasks share; %s", example)}
	}
	if o, err = parseOptions(append(slices.Clone(study), "-shard", fmt.Sprintf("1/%d", b.Shards))); err != nil {
		return err
	}
	b.study, b.out = study, o.Dir
	if !o.quiet {
		b.study = append([]string{"-quiet"}, b.study...) // progress would fill the logs; sweep status shows it
	}
	b.Sweep, b.Merge = quote(append([]string{program()}, b.study...)), quote([]string{program(), "merge", b.out})
	return nil
}

// print writes a template, filled in.
func (b *batch) print(w io.Writer, text string) error {
	t := template.Must(template.New("").Funcs(template.FuncMap{"json": asJSON}).Parse(text))
	var filled bytes.Buffer
	if err := t.Execute(&filled, b); err != nil {
		return err
	}
	_, err := w.Write(filled.Bytes())
	return err
}

// asJSON returns a text as a JSON string, which YAML reads alike.
func asJSON(s string) (string, error) {
	text, err := json.Marshal(s)
	return string(text), err
}

// program returns the path of this program, or its name if it was built for one run.
func program() string {
	exe, err := os.Executable()
	if err != nil || strings.Contains(exe, "go-build") {
		return "sweep"
	}
	return exe
}
