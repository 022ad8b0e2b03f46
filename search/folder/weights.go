package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"fusegrid/internal/strictjson"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
)

// weightsVersion is the version of files of weights. A number follows. Files of earlier builds have no version.
const (
	weightsVersion = "fusegrid weights "
	weightsNumber  = 1
)

// WeightsFile returns the file with the weights and biases of a net, and with all that is needed to use them. Its
// tensors are, layer by layer, w1 (out, in), b1 (out), …, and then mean and scale (D), both in float64. A net sees
// (x − mean)·scale instead of a sample x; for images, the mean is rounded to the type of the weights before. The page
// docs/weights.md lists the metadata.
func WeightsFile[T kernels.Float](r results.Record, data *dataset.Split, weights [][]T) (safetensors.File, error) {
	var f safetensors.File
	inputs := len(data.Mean)
	for i := 0; i < len(weights); i += 2 {
		out := len(weights[i+1])
		f.Tensors = append(f.Tensors,
			safetensors.Of(fmt.Sprintf("w%d", i/2+1), weights[i], out, inputs),
			safetensors.Of(fmt.Sprintf("b%d", i/2+1), weights[i+1], out))
		inputs = out
	}
	classes, err := json.Marshal(data.Classes)
	if err != nil {
		return f, err
	}
	trial, err := json.Marshal(r.Config)
	if err != nil {
		return f, err
	}
	scale := data.Scale
	if scale == nil {
		scale = slices.Repeat([]float64{1}, len(data.Mean))
	}
	f.Tensors = append(f.Tensors, safetensors.Of("mean", data.Mean, len(data.Mean)), safetensors.Of("scale", scale, len(scale)))
	f.Meta = map[string]string{
		"version": weightsVersion + strconv.Itoa(weightsNumber),
		"key":     r.Key, "config": r.Config.Canonical(), "trial": string(trial), "weights": r.Weights,
		"data": data.Hash, "data_name": data.Name, "shape": shapeText(data.Shape), "samples": typeOf(data.Train),
		"pixels": data.PixelOrder(), "classes": string(classes), "norm": normName(data.Norm),
	}
	maps.DeleteFunc(f.Meta, func(_, value string) bool { return value == "" })
	f.Meta["about"] = aboutSum(&f)
	return f, nil
}

// shapeText returns the shape of a sample: height, width and channels, such as 32x32x3, or the number of features.
func shapeText(s dataset.Shape) string {
	if s.Image() {
		return fmt.Sprintf("%dx%dx%d", s.Height, s.Width, s.Channels)
	}
	return strconv.Itoa(s.Channels)
}

// typeOf returns the name that NumPy has for the type of samples.
func typeOf(s labelled.Samples) string {
	switch {
	case s.F32 != nil:
		return "float32"
	case s.F64 != nil:
		return "float64"
	}
	return "uint8"
}

// normName returns the name of a normalization as in -norm.
func normName(n dataset.Norm) string {
	if n == dataset.Mean {
		return "mean"
	}
	return string(n)
}

// aboutSum returns a checksum of all that a file has besides the weights. The metadatum weights is their hash.
func aboutSum(f *safetensors.File) string {
	about := safetensors.File{Meta: maps.Clone(f.Meta)}
	delete(about.Meta, "about")
	for _, t := range f.Tensors {
		if !isWeight(t) {
			about.Tensors = append(about.Tensors, t)
		}
	}
	return about.Checksum()
}

// isWeight reports whether a tensor has weights or biases.
func isWeight(t safetensors.Tensor) bool { return t.Name != "mean" && t.Name != "scale" }

// checkWeights returns an error if a file of weights is not that of a trial, or is damaged. Files of earlier builds have
// only weights.
func checkWeights(f *safetensors.File, key, dtype string) error {
	hash := hashOf[float32]
	if dtype == "f64" {
		hash = hashOf[float64]
	}
	if f.Meta["key"] != key || hash(f) != f.Meta["weights"] || f.Meta["version"] != "" && aboutSum(f) != f.Meta["about"] {
		return errChecksum
	}
	return nil
}

// hashOf returns the hash of the weights of a file, in the form of records.
func hashOf[T kernels.Float](f *safetensors.File) string {
	var all [][]T
	for _, t := range f.Tensors {
		if isWeight(t) {
			numbers, _ := safetensors.Data[T](t)
			all = append(all, numbers)
		}
	}
	return results.Hash(all...)
}

// Weights are the contents of a file that [WeightsFile] made.
type Weights struct {
	Key         string
	Config      results.Config
	DataName    string
	Shape       dataset.Shape
	Floats      bool // samples are floats, not bytes
	Classes     []string
	Mean, Scale []float64 // as in a [dataset.Split], but the scale is never nil
	file        *safetensors.File
}

// maxWeights is the maximum size of a file of weights in bytes.
const maxWeights = 4 << 30

// ReadWeights reads a file of weights. Errors have one line, which names the file and a remedy.
func ReadWeights(name string) (*Weights, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("it is a folder; name a file of the folder weights of a sweep with -keep")
	case !info.Mode().IsRegular() || info.Size() > maxWeights:
		err = fmt.Errorf("it is no regular file of at most %d bytes; name a file of the folder weights of a sweep with -keep", int64(maxWeights))
	}
	if err != nil {
		return nil, named(name, err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, named(name, err)
	}
	w, err := parseWeights(data)
	if err != nil {
		return nil, named(name, err)
	}
	return w, nil
}

// named returns an error that begins with the name of its file.
func named(file string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// again tells how to get a file of weights.
const again = "remove it, and the same sweep with -keep writes it again"

// parseWeights parses a file of weights.
func parseWeights(data []byte) (*Weights, error) {
	f, err := safetensors.Read(data)
	if err != nil {
		return nil, fmt.Errorf("it is no file of weights: %w", err)
	}
	version, known := strings.CutPrefix(f.Meta["version"], weightsVersion)
	number, err := strconv.Atoi(version)
	switch {
	case f.HasSeal():
		return nil, errors.New("it has a state, not only weights; name a file of the folder weights of a sweep with -keep")
	case f.Meta["version"] == "" && f.Meta["key"] != "" && f.Meta["weights"] != "":
		return nil, errors.New("an earlier build wrote it, without the classes and the mean that a prediction needs; " + again)
	case !known || err != nil || number < 1:
		return nil, errors.New("it is not from fusegrid; name a file of the folder weights of a sweep with -keep")
	case number > weightsNumber:
		return nil, fmt.Errorf("its version is %d, but this program reads versions up to %d; use a newer program", number, weightsNumber)
	}
	w := &Weights{Key: f.Meta["key"], DataName: f.Meta["data_name"], Floats: f.Meta["samples"] != "uint8", file: f}
	if err := w.parse(f.Meta); err != nil {
		return nil, fmt.Errorf("it is damaged: %w; %s", err, again)
	}
	return w, nil
}

// parse reads the metadata and checks the tensors.
func (w *Weights) parse(meta map[string]string) (err error) {
	if err := strictjson.UnmarshalKnown([]byte(meta["trial"]), &w.Config); err != nil {
		return fmt.Errorf("its trial: %w", err)
	}
	if w.Config.Key() != w.Key {
		return errors.New("its key does not belong to its trial")
	}
	if err := checkWeights(w.file, w.Key, w.Config.DType); err != nil {
		return err
	}
	if w.Shape, err = parseShape(meta["shape"]); err != nil {
		return err
	}
	if err := strictjson.Unmarshal([]byte(meta["classes"]), &w.Classes); err != nil {
		return fmt.Errorf("its classes: %w", err)
	}
	if w.Mean, err = safetensors.Numbers[float64](w.file, "mean", w.Shape.Dim()); err != nil {
		return err
	}
	if w.Scale, err = safetensors.Numbers[float64](w.file, "scale", w.Shape.Dim()); err != nil {
		return err
	}
	return w.checkShapes()
}

// parseShape reads what shapeText writes.
func parseShape(text string) (s dataset.Shape, err error) {
	var n []int
	size := 1
	for part := range strings.SplitSeq(text, "x") {
		v, err := strconv.Atoi(part)
		if err != nil || v < 1 || v > math.MaxInt32/size {
			return s, fmt.Errorf("its shape is %q", text)
		}
		n = append(n, v)
		size *= v
	}
	switch len(n) {
	case 1:
		return dataset.Shape{Channels: n[0]}, nil
	case 3:
		return dataset.Shape{Height: n[0], Width: n[1], Channels: n[2]}, nil
	}
	return s, fmt.Errorf("its shape is %q", text)
}

// checkShapes returns an error if the layers do not have the shapes that the trial says.
func (w *Weights) checkShapes() error {
	in := w.Shape.Dim()
	for i, out := range append(slices.Clone(w.Config.Hidden), len(w.Classes)) {
		for k, shape := range [][]int{{out, in}, {out}} {
			name := fmt.Sprintf("%c%d", "wb"[k], i+1)
			t, _ := w.file.Tensor(name)
			if !slices.Equal(t.Shape, shape) || out < 1 || (t.F64 != nil) != (w.Config.DType == "f64") {
				return fmt.Errorf("tensor %q has the shape %v, want %v", name, t.Shape, shape)
			}
		}
		in = out
	}
	if want := 2*len(w.Config.Hidden) + 4; len(w.file.Tensors) != want {
		return fmt.Errorf("it has %d tensors, want %d", len(w.file.Tensors), want)
	}
	return nil
}

// Layers returns the weights and biases of the net, layer by layer: W (out, in), then b. The type T must be float64 for
// nets of type f64, else float32.
func Layers[T kernels.Float](w *Weights) (layers [][]T) {
	for i := range len(w.Config.Hidden) + 1 {
		for _, name := range []string{"w", "b"} {
			t, _ := w.file.Tensor(name + strconv.Itoa(i+1))
			numbers, _ := safetensors.Data[T](t)
			layers = append(layers, numbers)
		}
	}
	return layers
}
