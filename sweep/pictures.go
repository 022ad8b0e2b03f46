package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"fusegrid/internal/atomicfile"
	"fusegrid/internal/say"
	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/runner"
)

// pictures writes files about the weights of a trial into the folder of -o, and returns their names: a picture of the
// first layer, and with -data the confusion matrix of the validation images.
func (p *page) pictures(ctx context.Context, stderr io.Writer, dir string, r *results.Record) ([]string, error) {
	if p.dir == "" {
		if p.data != (dataChoice{}) {
			return nil, badInput{errors.New("-data is for the confusion matrix; give the folder for its file with -o")}
		}
		return nil, nil
	}
	w, err := readWeights(filepath.Join(dir, folder.WeightsDir, r.Key+".safetensors"), r)
	if err != nil {
		return nil, badInput{fmt.Errorf("-o: %w", err)}
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, badInput{fmt.Errorf("-o: %w", err)}
	}
	return p.drawNet(ctx, stderr, w, r)
}

// readWeights reads the file of the weights of a trial.
func readWeights(name string, r *results.Record) (*folder.Weights, error) {
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the weights of trial %.12s are not kept; sweep -keep N keeps those of the N best trials", r.Key)
	}
	w, err := folder.ReadWeights(name)
	if err == nil && w.Key != r.Key {
		return nil, fmt.Errorf("%s: it has the weights of trial %.12s; remove it, and the same sweep with -keep writes it again", name, w.Key)
	}
	return w, err
}

// drawNet writes the files about a net.
func (p *page) drawNet(ctx context.Context, stderr io.Writer, w *folder.Weights, r *results.Record) (names []string, err error) {
	write := func(what string, content func(io.Writer) error) error {
		name := filepath.Join(p.dir, fmt.Sprintf("%.12s-%s", r.Key, what))
		names = append(names, name)
		return atomicfile.Write(name, content)
	}
	if img := tiles(w); img == nil {
		logger(stderr).Printf("no picture of the weights: they are for %s, not for images of 1 or 3 channels", kind(w.Shape, w.Floats))
	} else if err := write("weights.png", func(w io.Writer) error { return png.Encode(w, results.Enlarge(img, 2)) }); err != nil {
		return nil, err
	}
	if p.data == (dataChoice{}) {
		return names, nil
	}
	v := &verifier{data: p.data, stderr: stderr, splits: map[string]*dataset.Split{}}
	data, err := v.split(ctx, *r)
	if err != nil {
		return nil, err
	}
	val, err := predictVal(ctx, w, data)
	if err != nil {
		return nil, err
	}
	if n := val.unknown(); n > 0 {
		logger(stderr).Printf("the scores of %d of %s overflow; the confusion matrix has none of them", n, say.Plural(len(val.found), "sample"))
	}
	return names, write("confusion.csv", func(w io.Writer) error { return writeConfusion(w, data.Classes, val.confusion()) })
}

// tiles returns a picture of the weights of each unit of the first layer, or nil if the inputs are no RGB images.
func tiles(w *folder.Weights) image.Image {
	switch {
	case w.Shape.Channels != 3 && w.Shape.Channels != 1 || !w.Shape.Image():
		return nil
	case w.Config.DType == "f64":
		return tilesOf(w, folder.Layers[float64](w)[0])
	}
	return tilesOf(w, folder.Layers[float32](w)[0])
}

// tilesOf draws the weights (units, inputs) of a first layer.
func tilesOf[T kernels.Float](w *folder.Weights, first []T) image.Image {
	inputs, plane := w.Shape.Dim(), w.Shape.Height*w.Shape.Width
	units := kernels.NewMat[T](len(first)/inputs, 3*plane)
	for u := range units.Rows {
		for i := range units.Row(u) {
			p, c := i/3, i%3
			from := i
			switch {
			case w.Shape.Channels == 1:
				from = p
			case w.Config.Pixels == "chw":
				from = c*plane + p
			}
			units.Row(u)[i] = first[u*inputs+from]
		}
	}
	return nn.WeightGrid(units, w.Shape.Height, w.Shape.Width, 3)
}

// predictVal returns what a net finds for the validation samples.
func predictVal(ctx context.Context, w *folder.Weights, data *dataset.Split) (*predictions, error) {
	set, _ := alike(w.Config)
	found, err := runner.Predict(ctx, w, set, data.Val)
	if err != nil {
		return nil, err
	}
	p := &predictions{classes: data.Classes, found: found}
	for _, y := range data.Val.Y {
		p.labels = append(p.labels, int(y))
	}
	return p, nil
}

// writeConfusion writes the confusion matrix with one row per class.
func writeConfusion(w io.Writer, classes []string, matrix [][]int) error {
	out := csv.NewWriter(w)
	_ = out.Write(append([]string{"class"}, classes...)) // an error of the writer remains, and Error returns it
	for i, row := range matrix {
		cells := []string{classes[i]}
		for _, n := range row {
			cells = append(cells, strconv.Itoa(n))
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return out.Error()
}
