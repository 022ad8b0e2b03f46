package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid"
	"fusegrid/internal/atomicfile"
	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/runner"
)

// A predictor classifies samples with the weights of a trial.
type predictor struct {
	weights string // file, or folder with one file
	file    string // for the predictions; "" for none
	part    string
	force   bool
	data    dataChoice
}

// predict classifies the samples of a data set, and compares the predictions with the labels.
func predict(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p, err := parsePredict(args)
	if err != nil {
		return err
	}
	w, err := folder.ReadWeights(p.weights)
	if err != nil {
		return badInput{fmt.Errorf("-weights %w", err)}
	}
	d, err := p.data.find(stderr)
	if err != nil {
		return badInput{err}
	}
	classes, err := classesOf(w, d)
	if err != nil {
		return badInput{err}
	}
	out, err := p.choose(w, d)
	if err != nil {
		return badInput{err}
	}
	out.classes = w.Classes
	if len(classes) > 0 {
		for _, y := range out.Samples.Y {
			out.labels = append(out.labels, classes[y])
		}
	}
	set, exact := alike(w.Config)
	if !exact {
		logger(stderr).Printf("no kernel set here rounds as class %s, which trained the net, so scores may differ in their last digits", w.Config.Class)
	}
	if out.found, err = runner.Predict(ctx, w, set, out.Samples); err != nil {
		return err
	}
	if p.file != "" {
		if err := atomicfile.Write(p.file, out.writeCSV); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "net %.12s, trained on %s (%.8s)\n", w.Key, w.DataName, w.Config.Data)
	out.report(&b)
	if _, err := io.WriteString(stdout, b.String()); err != nil {
		return err
	}
	if n := out.unknown(); n > 0 {
		return fmt.Errorf("the scores of %d of %s overflow, so no class is predicted for them; check the values of these samples", n, say.Plural(len(out.found), out.noun))
	}
	return nil
}

// parsePredict reads the arguments, and checks that the files are there or may be written.
func parsePredict(args []string) (*predictor, error) {
	p := new(predictor)
	fs := cli.NewFlags("predict")
	fs.Func("weights", "`file`", text(&p.weights))
	oneOf(fs, "part", &p.part, dataset.Parts()...)
	fs.Func("o", "`file`", text(&p.file))
	fs.BoolVar(&p.force, "force", false, "")
	p.data.loadFlags(fs)
	if err := parse(fs, args); err != nil {
		return nil, err
	}
	switch {
	case p.weights == "":
		return nil, badInput{errors.New("-weights is missing; name a file of the folder weights of a sweep with -keep")}
	case p.data.path == "":
		return nil, badInput{errors.New("-data is missing; name the samples to classify, as for a sweep")}
	}
	p.data.load.Unlabelled = p.data.path != builtIn
	if err := p.findWeights(); err != nil {
		return nil, badInput{fmt.Errorf("-weights %w", err)}
	}
	if err := p.mayWrite(); err != nil {
		return nil, badInput{fmt.Errorf("-o %w", err)}
	}
	return p, nil
}

// findWeights replaces a folder with one file of weights by that file.
func (p *predictor) findWeights() error {
	info, err := os.Stat(p.weights)
	if err != nil || !info.IsDir() {
		return nil // ReadWeights returns the error
	}
	files, err := filepath.Glob(filepath.Join(p.weights, "*.safetensors"))
	switch {
	case err != nil:
		return err
	case len(files) == 0:
		return fmt.Errorf("%s: there are no weights here; sweep -keep writes them into OUT/weights", p.weights)
	case len(files) > 1:
		return fmt.Errorf("%s: there are %d files of weights here; name one of them, such as %s", p.weights, len(files), files[0])
	}
	p.weights = files[0]
	return nil
}

// mayWrite returns an error if the file of the predictions exists and may not be replaced.
func (p *predictor) mayWrite() error {
	if p.file == "" {
		return nil
	}
	info, err := os.Stat(p.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if dir := filepath.Dir(p.file); !isFolder(dir) {
			return fmt.Errorf("%s: there is no folder %s; make it first", p.file, dir)
		}
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: it is a folder; name a file", p.file)
	case isFile(p.weights, info):
		return fmt.Errorf("%s: it is the file of the weights; name another", p.file)
	case precious(p.file) || p.inData(info):
		return fmt.Errorf("%s: it belongs to a sweep or to the data set; name another file", p.file)
	case !p.force:
		return fmt.Errorf("%s: the file exists; replace it with -force, or name another", p.file)
	}
	return nil
}

// inData reports whether a file is the data set or lies in its folder.
func (p *predictor) inData(info os.FileInfo) bool {
	if p.data.path == "" || p.data.path == builtIn {
		return false
	}
	if isFile(p.data.path, info) {
		return true
	}
	data, err := filepath.Abs(p.data.path)
	if err != nil {
		return false
	}
	file, err := filepath.Abs(p.file)
	return err == nil && isFolder(data) && strings.HasPrefix(file, data+string(filepath.Separator))
}

// precious reports whether a file has the name of a file of a sweep that cannot be made again, or only by training.
func precious(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, folder.JournalName) || slices.Contains([]string{folder.CurvesName, folder.StatusName, folder.GitName}, base) ||
		strings.HasSuffix(base, ".safetensors")
}

// isFile reports whether a file of this name is the file of info.
func isFile(name string, info os.FileInfo) bool {
	other, err := os.Stat(name)
	return err == nil && os.SameFile(info, other)
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// classesOf returns the number that each class of a data set has in a net. Classes are the same if their names are. A
// set without labels has no classes.
func classesOf(w *folder.Weights, d *dataset.Dataset) ([]int, error) {
	if w.Shape != d.Shape || w.Floats != d.Train.Floats() {
		var remedy string
		if s := w.Shape; s.Image() && d.Shape.Image() && s.Channels == d.Shape.Channels && !w.Floats {
			remedy = fmt.Sprintf("; -resize %dx%d changes the images of a folder", s.Width, s.Height)
		}
		return nil, fmt.Errorf("the net takes %s, but -data has %s%s", kind(w.Shape, w.Floats), kind(d.Shape, d.Train.Floats()), remedy)
	}
	number := make([]int, len(d.Classes))
	for i, name := range d.Classes {
		if slices.Equal(d.Classes, w.Classes) { // names may occur twice
			number[i] = i
		} else if number[i] = slices.Index(w.Classes, name); number[i] < 0 {
			return nil, fmt.Errorf("the net has no class %q, which -data has; the classes of the net are %s", name, someOf(w.Classes))
		}
	}
	return number, nil
}

// kind describes the samples of a net or a data set.
func kind(s dataset.Shape, floats bool) string {
	numbers := map[bool]string{false: "bytes", true: "floats"}[floats]
	if s.Image() {
		return fmt.Sprintf("images of %v %s", s, numbers)
	}
	return fmt.Sprintf("samples of %v in %s", s, numbers)
}

// someOf lists the first words.
func someOf(words []string) string {
	const most = 12
	if len(words) <= most {
		return and(words)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}

// choose returns the part of the data set to classify. Its split is that of the net if the net was trained on the set.
func (p *predictor) choose(w *folder.Weights, d *dataset.Dataset) (*predictions, error) {
	hash := d.Hash()
	same := hash == w.Config.Data
	out := &predictions{set: fmt.Sprintf("%s (%.8s)", d.NameWith(hash), hash), name: p.part, noun: "sample"}
	if d.Shape.Image() {
		out.noun = "image"
	}
	options, err := p.data.ofRecord(w.Config)
	if err != nil {
		return nil, err
	}
	o := options.split
	switch {
	case out.name == "" && same:
		out.name = "test"
	case out.name == "":
		out.name = "all"
	}
	if !same {
		n := func(n int) dataset.Amount { return dataset.Amount{N: n, IsSet: true} }
		o.Draw, o.Sizes = dataset.Ordered, dataset.Sizes{Train: n(d.Train.Len()), Val: n(0), Test: n(d.Test.Len())}
	}
	if w.Config.Pixels == "hwc" {
		o.Order = dataset.HWC
	}
	if out.Part, err = d.Part(o, out.name); err != nil {
		return nil, err
	}
	if out.Samples.Len() == 0 {
		return nil, fmt.Errorf("-part %s: the net was trained on %s (%.8s), and the files of %s have no such part; give -part all", out.name, w.DataName, w.Config.Data, out.set)
	}
	out.trained = same && (out.name == "all" || out.name == "train")
	return out, nil
}

// setsOf returns the kernel sets of this machine that round as the set that trained a trial, fastest first.
func setsOf(c results.Config) (sets []*kernels.Set) {
	for _, s := range fusegrid.All() {
		if s, err := fusegrid.ForType(s, c.DType); err == nil && string(s.Class) == c.Class {
			sets = append(sets, s)
		}
	}
	return sets
}

// alike returns the fastest kernel set that rounds as the set that trained a trial. If there is none, exact is false.
func alike(c results.Config) (set *kernels.Set, exact bool) {
	if sets := setsOf(c); len(sets) > 0 {
		return sets[0], true
	}
	// In plain Go, every machine has the bits of AVX2 and AVX-512.
	fused := reference.Fused()
	if s, err := fusegrid.ForType(fused, c.DType); err == nil {
		fused = s
	}
	return fused, string(fused.Class) == c.Class
}
