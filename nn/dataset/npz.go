package dataset

import (
	"archive/zip"
	"cmp"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/nn/labelled"
)

// A file that NumPy's savez or savez_compressed wrote is a zip archive with one array in a file of
// its own, NAME.npy. Arrays of samples are x_train, x_val and x_test, or X. Arrays of labels are
// y_train, y_val and y_test, or y. MedMNIST's names are known, too.

// npzNames are the known names of the arrays of training, validation and test.
var npzNames = [][3][2]string{
	{{"x_train", "y_train"}, {"x_val", "y_val"}, {"x_test", "y_test"}},
	{{"X_train", "y_train"}, {"X_val", "y_val"}, {"X_test", "y_test"}},
	{{"train_images", "train_labels"}, {"val_images", "val_labels"}, {"test_images", "test_labels"}},
	{{"X", "y"}, {}, {}},
	{{"x", "y"}, {}, {}},
}

// loadNPZ reads a set from the archive at path. If unlabelled is true, arrays of labels may be missing.
func loadNPZ(path, name string, unlabelled bool) (*Dataset, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: it is no archive of NumPy: %w; write it with np.savez", path, cause(err))
	}
	defer z.Close()
	files := map[string]*zip.File{}
	for _, f := range z.File {
		if array, ok := strings.CutSuffix(f.Name, ".npy"); ok {
			files[array] = f
		}
	}
	a := npzArchive{path, files}
	for _, names := range npzNames {
		if samples, ok := a.unlabelled(names); ok && unlabelled {
			names = samples
		}
		if files[names[0][0]] == nil {
			continue
		}
		d, err := a.load(names)
		if err != nil {
			return nil, err
		}
		d.Name = name
		return d, nil
	}
	return nil, fmt.Errorf("%s: it has the arrays %s; name them x_train, y_train, x_test and y_test, or X and y", path,
		cmp.Or(some(slices.Sorted(maps.Keys(files)), 8), "(none)"))
}

// An npzArchive is an open archive, with its arrays by name.
type npzArchive struct {
	path  string
	files map[string]*zip.File
}

// load reads the arrays with the given names for training, validation and test. The samples have no labels if the names
// of the labels are empty.
func (a npzArchive) load(names [3][2]string) (*Dataset, error) {
	var parts [3]npzPart
	var labels [3][]int64
	for i, pair := range names {
		if pair[0] == "" || a.files[pair[0]] == nil && a.files[pair[1]] == nil {
			continue
		}
		var err error
		if parts[i], labels[i], err = a.part(pair[0], pair[1]); err != nil {
			return nil, err
		}
		if p := parts[i]; p.shape != parts[0].shape || p.descr != parts[0].descr {
			return nil, fmt.Errorf("%s: %s has %v of type %s, but %s has %v of type %s", a.path, pair[0], p.shape, p.descr, names[0][0], parts[0].shape, parts[0].descr)
		}
	}
	var classes []string
	if names[0][1] != "" {
		var y [][]uint16
		var err error
		if classes, y, err = assign([]string{names[0][1], names[1][1], names[2][1]}, labels[:]...); err != nil {
			return nil, fmt.Errorf("%s: %w", a.path, err)
		}
		for i := range parts {
			parts[i].samples.Y = y[i]
		}
	}
	d := &Dataset{
		Shape: parts[0].shape, Classes: classes,
		Train: join(parts[0].samples, parts[1].samples), Test: parts[2].samples, sorted: true, val: parts[1].samples.Len(),
	}
	n := parts[0].samples.Len()
	d.place = func(test bool, i int) string {
		switch {
		case test:
			return inPart(d.Shape, i, names[2][0])
		case i >= n:
			return inPart(d.Shape, i-n, names[1][0])
		}
		return inPart(d.Shape, i, names[0][0])
	}
	return d, nil
}

// unlabelled returns the names of the arrays of samples, with an empty name for their labels. It reports false if
// there are arrays of labels, or none of samples.
func (a npzArchive) unlabelled(names [3][2]string) (samples [3][2]string, ok bool) {
	n := 0
	for _, pair := range names {
		if a.files[pair[1]] != nil {
			return samples, false
		}
		if a.files[pair[0]] != nil {
			samples[n][0] = pair[0]
			n++
		}
	}
	return samples, n > 0
}

// An npzPart holds the samples of one array.
type npzPart struct {
	shape   Shape
	descr   string // NumPy's name of the type
	samples labelled.Samples
}

// part reads the arrays of samples and of labels with the given names. Without a name of labels, these are 0.
func (a npzArchive) part(x, y string) (p npzPart, labels []int64, err error) {
	samples, err := a.array(x)
	if err == nil {
		p, err = samples.samples()
	}
	if err != nil {
		return p, nil, fmt.Errorf("%s: %s: %w", a.path, x, err)
	}
	if y == "" {
		p.samples.Y = make([]uint16, samples.shape[0])
		return p, nil, nil
	}
	list, err := a.array(y)
	if err == nil {
		labels, err = list.labels(samples.shape[0])
	}
	if err != nil {
		return p, nil, fmt.Errorf("%s: %s: %w", a.path, y, err)
	}
	return p, labels, nil
}

// array reads an array.
func (a npzArchive) array(name string) (npy, error) {
	f := a.files[name]
	if f == nil {
		return npy{}, fmt.Errorf("%s has no such array; np.savez writes all arrays of a file together, so add %s to that call", filepath.Base(a.path), name)
	}
	r, err := f.Open()
	if err != nil {
		return npy{}, err
	}
	defer r.Close()
	return readNPY(r)
}

// samples returns the samples of an array (N, …). Bytes of shape (N, height, width) or (N, height,
// width, channels) are images. If only the second dimension is 1 or 3, it has the channels, as in
// PyTorch. All other arrays are features.
func (a npy) samples() (npzPart, error) {
	p := npzPart{descr: a.descr}
	if len(a.shape) < 2 || len(a.data) == 0 {
		return p, fmt.Errorf("its shape is %s, want (N, D) with N and D of 1 or more", shapeText(a.shape))
	}
	if a.fortran && len(a.shape) > 2 {
		return p, fmt.Errorf("it is in Fortran order; save np.ascontiguousarray of it")
	}
	n := a.shape[0]
	dim := len(a.data) / a.size / n
	p.shape = Shape{Channels: dim}
	if a.fortran {
		a.data = transposed(a.data, a.size, n, dim)
	}
	switch a.descr[1:] {
	case "u1":
		p.samples.X = a.data
		p.shape, p.samples.X = imagesOf(a.shape, dim, a.data)
	case "f4":
		p.samples.F32 = make([]float32, n*dim)
		for i := range p.samples.F32 {
			p.samples.F32[i] = math.Float32frombits(uint32(a.bits(i)))
			if v := float64(p.samples.F32[i]); math.IsNaN(v) || math.IsInf(v, 0) {
				return p, notFinite(v, i, dim)
			}
		}
	case "f8":
		p.samples.F64 = make([]float64, n*dim)
		for i := range p.samples.F64 {
			p.samples.F64[i] = math.Float64frombits(a.bits(i))
			if v := p.samples.F64[i]; math.IsNaN(v) || math.IsInf(v, 0) {
				return p, notFinite(v, i, dim)
			}
		}
	default:
		return p, fmt.Errorf("its numbers have type %s; save it as uint8, float32 or float64", a.descr)
	}
	return p, nil
}

func notFinite(v float64, i, dim int) error {
	return fmt.Errorf("feature %d of sample %d, from 0, is %v, want a finite number", i%dim, i/dim, v)
}

// transposed returns the elements of an array (n, dim) in Fortran order row by row.
func transposed(data []byte, size, n, dim int) []byte {
	t := make([]byte, len(data))
	for i := range n {
		for j := range dim {
			copy(t[(i*dim+j)*size:][:size], data[(j*n+i)*size:][:size])
		}
	}
	return t
}

// imagesOf returns the shape of the samples in an array of bytes, and the bytes in CHW order.
func imagesOf(shape []int, dim int, data []uint8) (Shape, []uint8) {
	few := func(channels int) bool { return channels == 1 || channels == 3 }
	switch {
	case len(shape) == 3:
		return Shape{shape[1], shape[2], 1}, data
	case len(shape) == 4 && few(shape[1]) && !few(shape[3]):
		return Shape{shape[2], shape[3], shape[1]}, data
	case len(shape) == 4:
		s := Shape{shape[1], shape[2], shape[3]}
		if s.Channels == 1 {
			return s, data
		}
		return s, planes(data, s)
	}
	return Shape{Channels: dim}, data
}

// planes returns images in CHW order. The argument has them in HWC order.
func planes(hwc []uint8, s Shape) []uint8 {
	x := make([]uint8, len(hwc))
	plane := s.Height * s.Width
	for at := 0; at < len(hwc); at += s.Dim() {
		src, dst := hwc[at:at+s.Dim()], x[at:at+s.Dim()]
		for p := range plane {
			for c := range s.Channels {
				dst[c*plane+p] = src[p*s.Channels+c]
			}
		}
	}
	return x
}
