// Package assignment runs every seeded experiment of assignment 3 of ECE 239AS, which is based
// on CS231n. It compares each figure that the assignment prints with the computed figure.
package assignment

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"
	"time"

	"fusegrid/kernels"
	"fusegrid/nn/dataset"
)

// Names of the parts, in the order in which [Run] runs them.
const (
	AutoencoderGradient = "autoencoder gradient"
	Toy                 = "toy net"
	Layers              = "layers"
	Modular             = "modular nets"
	FirstRun            = "first run"
	Grid                = "grid"
	Autoencoder         = "autoencoder"
	Overfit             = "overfitting"
	Solver              = "Solver"
)

// A Curve is a series for a plot: a loss per iteration, or an accuracy per epoch.
type Curve struct {
	Name   string
	Values []float64
}

// A Diagram is a plot of the notebooks: losses per iteration, and accuracies per epoch if Accuracies is not empty.
type Diagram struct {
	Name, Title string
	Loss        []float64
	Dots        bool // the losses are dots without a line
	Accuracies  []Curve
}

// A Picture is a row of images, each with a caption if there are several.
type Picture struct {
	Name  string // "weights-first-run", "weights-best" or "autoencoder"
	Parts []PicturePart
}

// A PicturePart is an image of a [Picture].
type PicturePart struct {
	Caption string
	Image   image.Image
}

// A Report is the result of [Run].
type Report struct {
	Notes    []string // remarks on the data that users must see; see [dataset.Split]
	Figures  []Figure
	Seconds  map[string]float64 // wall time of each part that was run
	Diagrams []Diagram          // "toy", "first-run", "overfitting" and "solver"
	Pictures []Picture          // in the order of the parts
}

// OK reports whether every figure with Must set is OK.
func (r Report) OK() bool {
	for _, f := range r.Figures {
		if f.Must && !f.OK {
			return false
		}
	}
	return true
}

// Options are the settings of [Run].
type Options struct {
	Data  string   // folder with the CIFAR-10 batches; if it is "", Run skips the parts that need images
	Parts []string // names of the parts to run; nil means all parts that the data allow

	// Progress, if not nil, is called with the name of a part and the fraction that is done, 0…1.
	Progress func(part string, done float64)
}

// Run runs the experiments in float64 on a kernel set. If the class of the set has [kernels.Class.Integers], it only
// trains the two-layer nets on CIFAR-10, and all figures are for information. Run returns an error if the
// data cannot be read, a part is unknown, or ctx is cancelled. A figure that does not agree is not an error.
func Run(ctx context.Context, set *kernels.Set, opts Options) (Report, error) {
	r := runner{
		ctx: ctx, set: set,
		report: Report{Seconds: map[string]float64{}},
	}
	for _, name := range opts.Parts {
		i := slices.IndexFunc(parts(), func(p part) bool { return p.name == name })
		if i < 0 {
			return r.report, fmt.Errorf("assignment: there is no part %q; the parts are: %s", name, partNames())
		}
		if parts()[i].images && opts.Data == "" {
			return r.report, fmt.Errorf("assignment: %s needs CIFAR-10; name the folder with its batches", name)
		}
	}
	for _, p := range parts() {
		if opts.Parts != nil && !slices.Contains(opts.Parts, p.name) || p.images && opts.Data == "" || set.Class.Integers() && !p.integers {
			continue
		}
		if err := r.runPart(p, opts); err != nil {
			return r.report, fmt.Errorf("assignment: %s: %w", p.name, err)
		}
	}
	return r.report, nil
}

// A part is one experiment.
type part struct {
	name     string
	images   bool // needs CIFAR-10
	integers bool // has nets with first layers in integers, too
	run      func(r *runner) ([]Figure, error)
}

func parts() []part {
	return []part{
		{AutoencoderGradient, false, false, func(r *runner) ([]Figure, error) { return []Figure{autoencoderGradient(r.set)}, nil }},
		{Toy, false, false, (*runner).toy},
		{Layers, false, false, func(r *runner) ([]Figure, error) { return layers(r.set), nil }},
		{Modular, false, false, func(r *runner) ([]Figure, error) { return append(modular(r.set), deep(r.set)...), nil }},
		{FirstRun, true, true, (*runner).firstRun},
		{Grid, true, true, (*runner).grid},
		{Autoencoder, true, false, (*runner).autoencoder},
		{Overfit, true, false, (*runner).overfit},
		{Solver, true, false, (*runner).solver},
	}
}

func partNames() string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// A runner holds the state that the parts share.
type runner struct {
	ctx      context.Context
	set      *kernels.Set
	progress func(done float64)
	data     *dataset.Dataset // nil before the first part that needs it
	split    *dataset.Split   // in the pixel order of the last part
	report   Report
}

func (r *runner) runPart(p part, opts Options) (err error) {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if p.images && r.data == nil {
		if r.data, err = dataset.LoadCIFAR10(opts.Data); err != nil {
			return err
		}
	}
	r.progress = func(done float64) {
		if opts.Progress != nil {
			opts.Progress(p.name, done)
		}
	}
	start := time.Now()
	r.progress(0)
	figures, err := p.run(r)
	if err != nil {
		return err
	}
	for _, f := range figures {
		f.Part = p.name
		f.Must = f.Must && !r.set.Class.Integers()
		r.report.Figures = append(r.report.Figures, f)
	}
	r.report.Seconds[p.name] = time.Since(start).Seconds()
	r.progress(1)
	return nil
}
