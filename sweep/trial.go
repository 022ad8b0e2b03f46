package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/internal/textplot"
	"fusegrid/nn/dataset"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// A page shows all that is known of one trial.
type page struct {
	key  string // its first characters
	dir  string // folder for pictures; "" for none
	data dataChoice

	b bytes.Buffer
}

// sections has the names of the first column of each section of a page.
var sections = map[string]string{"data": "parameters", "train": "results", "data_name": "training"}

// show prints the page of the trial in a row, and writes its pictures.
func (p *page) show(ctx context.Context, stdout, stderr io.Writer, table *sweepTable, row int) error {
	r := table.Record(row)
	p.columns(table, row)
	p.rungs(r)
	p.machine(r)
	if err := p.curve(table.folderOf(r), r); err != nil {
		return err
	}
	pictures, err := p.pictures(ctx, stderr, table.folderOf(r), r)
	if err != nil {
		return err
	}
	p.files(table.folderOf(r), r, pictures)
	p.commands(table.folderOf(r), r)
	_, err = stdout.Write(p.b.Bytes())
	return err
}

// line prints a name and a value.
func (p *page) line(name, value string) {
	if value != "" {
		fmt.Fprintf(&p.b, "%-14s  %s\n", name, value)
	}
}

// columns prints the values of all columns.
func (p *page) columns(table *sweepTable, row int) {
	for _, c := range table.columns(table.Table) {
		if title := sections[c.Name]; title != "" {
			fmt.Fprintf(&p.b, "\n%s\n", title)
		}
		text, ok := c.Text(row)
		if !ok {
			text = implied[c.Name]
		}
		if c.Name == "rank" {
			text += fmt.Sprintf(" of %d", table.Len())
		}
		p.line(c.Name, text)
	}
}

// rungs prints the accuracies at which a stop rule compared the trial.
func (p *page) rungs(r *results.Record) {
	var rungs []string
	for _, rung := range r.Rungs {
		rungs = append(rungs, fmt.Sprintf("%.4f at %d,", rung.Val, rung.Step))
	}
	if len(rungs) == 0 {
		return
	}
	fmt.Fprintf(&p.b, "\nstop rule\n")
	p.line("race", r.Race)
	for i, line := range cli.Fold(rungs, 62) {
		p.line([]string{"val at rungs", ""}[min(i, 1)], line)
	}
	p.b.Truncate(p.b.Len() - len(",\n"))
	p.b.WriteString("\n")
}

func (p *page) machine(r *results.Record) {
	fmt.Fprintf(&p.b, "\nmachine\n")
	if r.Speed.Peak > 0 {
		p.line("peak of a core", fmt.Sprintf("%.1f GFLOP/s", r.Speed.Peak/1e9))
	}
	p.line("features", r.Machine.Features)
	p.line("cores", strconv.Itoa(r.Machine.Cores))
	p.line("platform", r.Machine.Platform)
	p.line("go", r.Machine.Go)
	p.line("detail", r.Machine.Detail)
	p.line("choices", r.Machine.Choices)
}

// curve draws the kept learning curve of a trial, or else the accuracies at its rungs.
func (p *page) curve(dir string, r *results.Record) error {
	curves, err := (&folder.Folder{Dir: dir}).Curves()
	if err != nil {
		return badInput{err}
	}
	defer curves.Close()
	c, ok, err := curves.Of(r.Key)
	if err != nil {
		return err
	}
	if ok && c.Values != nil {
		p.plot("reported value, by step", c.Steps, c.Values)
		return nil
	}
	if ok {
		p.plot("loss, by iteration", c.LossSteps, wide(c.Loss))
		p.plot("validation accuracy, by iteration", c.Steps, wide(c.Val))
		return nil
	}
	var steps []int
	var vals []float64
	for _, rung := range r.Rungs {
		steps, vals = append(steps, rung.Step), append(vals, rung.Val)
	}
	if r.Config.Objective != "" {
		p.plot("value at the rungs, by step", steps, vals)
		return nil
	}
	p.plot("validation accuracy at the rungs, by iteration", steps, vals)
	return nil
}

// plot draws a curve with its title. It draws nothing if there are too few points.
func (p *page) plot(title string, steps []int, values []float64) {
	var points []textplot.Point
	for i, step := range steps {
		points = append(points, textplot.Point{X: float64(step), Y: values[i]})
	}
	if text := textplot.Lines(points, 80, 8, textplot.Terminal()); text != "" {
		fmt.Fprintf(&p.b, "\n%s\n%s", title, text)
	}
}

// files prints which files belong to the trial.
func (p *page) files(dir string, r *results.Record, pictures []string) {
	var lines []string
	for _, sub := range []string{folder.WeightsDir, folder.StatesDir} {
		name := filepath.Join(dir, sub, r.Key+".safetensors")
		if info, err := os.Stat(name); err == nil {
			lines = append(lines, fmt.Sprintf("%s (%d bytes)", name, info.Size()))
		}
	}
	if lines = append(lines, pictures...); len(lines) > 0 {
		fmt.Fprintf(&p.b, "\nfiles\n%s\n", strings.Join(lines, "\n"))
	}
}

// commands prints the commands that train the trial again.
func (p *page) commands(dir string, r *results.Record) {
	if r.Config.Objective != "" {
		return // only the program with the function can try it again
	}
	words, note := p.again(r)
	fmt.Fprintf(&p.b, "\nto train it again, into another folder%s:\n  %s\n", note, commandLine(words))
	if r.State != results.Failed {
		verify := []string{"verify", "-trial", r.Key[:12], "-out", dir}
		verify = append(verify, p.dataWords()...)
		fmt.Fprintf(&p.b, "to train it again and compare every bit:\n  %s\n", commandLine(verify))
	}
}

// dataWords returns the flags that choose the data set.
func (p *page) dataWords() (words []string) {
	if p.data.path != "" {
		words = append(words, "-data", p.data.path)
	}
	if p.data.labels != "" {
		words = append(words, "-labels", p.data.labels)
	}
	if size := p.data.load.Resize; size != (dataset.Size{}) {
		words = append(words, "-resize", fmt.Sprintf("%dx%d", size.Width, size.Height))
	}
	return words
}

// again returns the arguments of the sweep that trains a trial alone, and a note on them.
func (p *page) again(r *results.Record) (words []string, note string) {
	return p.againWith(r, map[string]string{"out": filepath.Join("out", "trial-"+r.Key[:12])})
}

// againWith is like again with other values of some flags.
func (p *page) againWith(r *results.Record, given map[string]string) (words []string, note string) {
	c := &r.Config
	exact := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	add := func(flag, value string) {
		if other, ok := given[flag]; ok {
			value = other
		}
		words = append(words, "-"+flag, value)
	}
	switch {
	case p.data != dataChoice{}:
		words = p.dataWords()
	case r.DataName == builtIn:
		add("data", builtIn)
	case r.DataName != "cifar-10": // which a sweep finds
		add("data", "DIR")
		note = fmt.Sprintf(", where DIR has the data set\n%s (%.8s)", r.DataName, c.Data)
	}
	draw, seed, drawn := strings.Cut(c.Partition, ":")
	if !drawn {
		draw = string(dataset.Ordered)
	}
	add("split", fmt.Sprintf("%s:%d,%d,%d", draw, c.Split[0], c.Split[1], c.Split[2]))
	if drawn {
		add("split-seed", seed)
	}
	if c.Norm != "" {
		add("norm", c.Norm)
	}
	var hidden []string
	for _, n := range c.Hidden {
		hidden = append(hidden, strconv.Itoa(n))
	}
	add("net", c.Net)
	add("hidden", strings.Join(hidden, "x"))
	add("lr", exact(c.LR))
	add("reg", exact(c.Reg))
	add("decay", exact(c.Decay))
	add("batch", strconv.Itoa(c.Batch))
	if c.Net == "fc" {
		add("epochs", strconv.Itoa(c.Iters/c.PerEpoch()))
	} else {
		add("iters", strconv.Itoa(c.Iters))
	}
	add("std", exact(c.Std))
	add("seed", strconv.FormatUint(uint64(c.Seed), 10))
	if c.Order != nil {
		add("order", strconv.FormatUint(uint64(*c.Order), 10))
	}
	if c.Rule != "" {
		add("rule", c.Rule)
		if rule, err := train.ParseRule(c.Rule); err == nil && rule.HasMomentum() {
			add("mu", exact(c.Mu))
		}
	}
	if c.Division != "" {
		add("division", c.Division)
	}
	add("dtype", c.DType)
	impl := r.Impl
	if set, err := new(verifier).set(*r); err == nil {
		impl = set.Name // one of this machine
	}
	add("impl", impl)
	if zip := given["zip"]; zip != "" {
		add("zip", zip)
	}
	add("out", given["out"])
	return words, note
}
