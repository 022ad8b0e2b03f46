package folder_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/internal/searchtest"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// bytesOf returns a file of weights as bytes.
func bytesOf(t testing.TB, f safetensors.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// earlier returns what earlier builds wrote instead of f: only the weights, without a version.
func earlier(t testing.TB, f safetensors.File) []byte {
	t.Helper()
	f.Meta = map[string]string{"key": f.Meta["key"], "config": f.Meta["config"], "weights": f.Meta["weights"]}
	f.Tensors = slices.DeleteFunc(slices.Clone(f.Tensors), func(t safetensors.Tensor) bool { return t.Name == "mean" || t.Name == "scale" })
	return bytesOf(t, f)
}

// madeOf returns the file of a net with made-up weights, and these weights.
func madeOf[T kernels.Float](t testing.TB, c results.Config, data *dataset.Split) (safetensors.File, [][]T) {
	t.Helper()
	var weights [][]T
	in := len(data.Mean)
	for _, out := range append(slices.Clone(c.Hidden), len(data.Classes)) {
		w, b := make([]T, in*out), make([]T, out)
		for i := range w {
			w[i] = T(i) / 7
		}
		for i := range b {
			b[i] = T(i) / 3
		}
		weights = append(weights, w, b)
		in = out
	}
	f, err := folder.WeightsFile(results.Record{Key: c.Key(), Config: c, Weights: results.Hash(weights...)}, data, weights)
	if err != nil {
		t.Fatal(err)
	}
	return f, weights
}

// TestWeights writes weights and reads them again.
func TestWeights(t *testing.T) {
	features := twoInputs()
	features.Norm, features.Scale = dataset.Standard, []float64{0.3, 1 / 0.7}
	images := searchtest.Tiny()
	images.Shape, images.Classes[0] = dataset.Shape{Height: 4, Width: 4, Channels: 2}, "a\"b\n☃"
	for name, data := range map[string]*dataset.Split{"features": features, "images": images} {
		for _, hidden := range [][]int{nil, {3}, {5, 2, 4}} {
			c := results.Config{Net: "fc", DType: "f64", Data: data.Hash, Pixels: data.PixelOrder(), Hidden: hidden, LR: 1e-3, Batch: 10, Norm: string(data.Norm)}
			f, want := madeOf[float64](t, c, data)
			file := filepath.Join(t.TempDir(), "w.safetensors")
			replace(t, file, bytesOf(t, f))
			w, err := folder.ReadWeights(file)
			if err != nil {
				t.Fatalf("%s, hidden %v: %v", name, hidden, err)
			}
			scale := data.Scale
			if scale == nil {
				scale = slices.Repeat([]float64{1}, len(data.Mean))
			}
			if w.Key != c.Key() || !w.Config.Equal(&c) || w.DataName != data.Name || w.Shape != data.Shape || w.Floats != data.Train.Floats() ||
				!slices.Equal(w.Classes, data.Classes) || !slices.Equal(w.Mean, data.Mean) || !slices.Equal(w.Scale, scale) {
				t.Errorf("%s, hidden %v: got %+v", name, hidden, w)
			}
			if got := folder.Layers[float64](w); !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("%s, hidden %v: layers %v, want %v", name, hidden, got, want)
			}
		}
	}
}

// TestWeightsErrors reads files that are damaged, of other versions, or of another kind.
func TestWeightsErrors(t *testing.T) {
	c := results.Config{Net: "two-layer", DType: "f32", Data: "71", Hidden: []int{3}, LR: 1e-3, Batch: 10}
	f, _ := madeOf[float32](t, c, twoInputs())
	with := func(name, value string) []byte {
		g := f
		g.Meta = maps.Clone(f.Meta)
		if g.Meta[name] = value; value == "" {
			delete(g.Meta, name)
		}
		delete(g.Meta, "about")
		g.Meta["about"] = folder.AboutSum(&g)
		return bytesOf(t, g)
	}
	without := func(tensor string) []byte {
		g := f
		g.Tensors = slices.DeleteFunc(slices.Clone(f.Tensors), func(t safetensors.Tensor) bool { return t.Name == tensor })
		return bytesOf(t, g)
	}
	state := safetensors.File{Meta: map[string]string{}, Tensors: slices.Clone(f.Tensors)}
	state.Seal()
	whole := bytesOf(t, f)
	flipped := func(at int) []byte {
		b := slices.Clone(whole)
		b[len(b)-at] ^= 1
		return b
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"empty":             {},
		"text":              []byte("a table of weights, in words"),
		"torn":              whole[:len(whole)-9],
		"other program":     bytesOf(t, safetensors.File{Tensors: f.Tensors}),
		"state":             bytesOf(t, state),
		"earlier":           earlier(t, f),
		"newer":             with("version", "fusegrid weights 2"),
		"odd version":       with("version", "fusegrid weights 1.5"),
		"other weights":     flipped(34),
		"other key":         with("key", strings.Repeat("0", 64)),
		"no trial":          with("trial", ""),
		"unknown parameter": with("trial", `{"dropout":1}`),
		"no classes":        with("classes", ""),
		"one class more":    with("classes", `["a","b","c"]`),
		"no shape":          with("shape", ""),
		"shape of 1e9":      with("shape", "1000x1000x1000"),
		"shape of 4 images": with("shape", "4x1x1x2"),
		"other shape":       with("shape", "3"),
		"no mean":           without("mean"),
		"no scale":          without("scale"),
		"no bias":           without("b2"),
		"changed name":      bytes.Replace(whole, []byte(`"pairs"`), []byte(`"hairs"`), 1),
		"changed mean":      flipped(17),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "w.safetensors")
			replace(t, file, data)
			_, err := folder.ReadWeights(file)
			if err == nil {
				t.Fatal("no error")
			}
			golden.Check(t, "testdata/weights.txt", strings.ReplaceAll(err.Error(), dir, "DIR"))
		})
	}
	for _, name := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := folder.ReadWeights(name); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzWeights reads files with any bytes. What is accepted must have the shapes that it says.
func FuzzWeights(f *testing.F) {
	c := results.Config{Net: "two-layer", DType: "f32", Data: "71", Hidden: []int{3}, LR: 1e-3, Batch: 10}
	file, _ := madeOf[float32](f, c, twoInputs())
	f.Add(bytesOf(f, file))
	f.Add(earlier(f, file))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := folder.ParseWeights(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
			return
		}
		in := w.Shape.Dim()
		layers := folder.Layers[float32](w)
		for i, out := range append(slices.Clone(w.Config.Hidden), len(w.Classes)) {
			if len(layers[2*i]) != in*out || len(layers[2*i+1]) != out {
				t.Errorf("layer %d has %d and %d numbers, want %d×%d and %[5]d", i, len(layers[2*i]), len(layers[2*i+1]), in, out)
			}
			in = out
		}
		if len(w.Mean) != w.Shape.Dim() || len(w.Scale) != w.Shape.Dim() {
			t.Errorf("mean and scale have %d and %d numbers, want %d", len(w.Mean), len(w.Scale), w.Shape.Dim())
		}
	})
}
