package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/nn/labelled"
)

// numpyFile returns the path of a file that testdata/numpy/make.py wrote.
func numpyFile(name string) string { return filepath.Join("testdata", "numpy", name+".npz") }

// counted returns the bytes of the images that make.py wrote, in CHW order.
func counted(order Order, channels int) []uint8 {
	const height, width, all = 2, 4, 3
	var x []uint8
	for i := range 7 {
		for c := range channels {
			for y := range height {
				for w := range width {
					x = append(x, uint8(((i*height+y)*width+w)*all+c))
				}
			}
		}
	}
	return x
}

func TestNPZ(t *testing.T) {
	classes := []string{"1", "3", "9"}
	y := []uint16{1, 0, 1, 2, 0, 2, 2}
	features := make([]float32, 35)
	wide := make([]float64, 35)
	for i := range features {
		features[i], wide[i] = float32(i)/8-2, float64(i)/8-2
	}
	for _, c := range []struct {
		name    string
		shape   Shape
		classes []string
		all     labelled.Samples
		train   int // number of training samples; the others are for the test
	}{
		{"images", Shape{2, 4, 3}, classes, labelled.Samples{X: counted(CHW, 3), Y: y}, 5},
		{"first", Shape{2, 4, 3}, classes, labelled.Samples{X: counted(CHW, 3), Y: y}, 7},
		{"grey", Shape{2, 4, 1}, classes, labelled.Samples{X: counted(CHW, 1), Y: y}, 7},
		{"f32", Shape{0, 0, 5}, classes, labelled.Samples{F32: features, Y: y}, 7},
		{"f64", Shape{0, 0, 5}, classes, labelled.Samples{F64: wide, Y: y}, 7},
		{"big", Shape{0, 0, 5}, classes, labelled.Samples{F32: features, Y: y}, 7},
		{"deep", Shape{0, 0, 5}, []string{"0", "1"}, labelled.Samples{F32: features, Y: []uint16{1, 0, 1, 1, 0, 1, 1}}, 7},
	} {
		d, err := Load(numpyFile(c.name))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d.Name != c.name || d.Shape != c.shape || !slices.Equal(d.Classes, c.classes) {
			t.Errorf("%s: name %q, shape %v, classes %q", c.name, d.Name, d.Shape, d.Classes)
		}
		for _, part := range [][2]labelled.Samples{{d.Train, c.all.Slice(0, c.train)}, {d.Test, c.all.Slice(c.train, 7)}} {
			got, want := part[0], part[1]
			if got.Len() > 0 && (!slices.Equal(got.X, want.X) || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64, want.F64)) || !slices.Equal(got.Y, want.Y) {
				t.Errorf("%s: got %v, want %v", c.name, got, want)
			}
		}
	}
	flat, err := Load(numpyFile("flat"))
	if err != nil || flat.Shape != (Shape{0, 0, 24}) || flat.Train.X[167] != 167 {
		t.Errorf("flat: %v, error %v", flat, err)
	}
}

// TestNPZValidation uses the samples that a file sets apart for validation.
func TestNPZValidation(t *testing.T) {
	d, err := Load(numpyFile("images"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.DefaultSplit(HWC)
	if err != nil {
		t.Fatal(err)
	}
	if s.Sizes() != [3]int{4, 1, 2} || s.Partition != "" || s.Name != "images" || s.PixelOrder() != "hwc" {
		t.Errorf("split %v %q of %s in order %q", s.Sizes(), s.Partition, s.Name, s.PixelOrder())
	}
	if s.Val.Row(0)[0] != 96 || s.Val.Row(0)[1] != 97 || s.Test.Row(0)[0] != 120 {
		t.Errorf("validation image %v, test image %v", s.Val.Row(0), s.Test.Row(0))
	}
	want := []string{"2 of 3 classes have no validation images: 3, 9", "2 of 3 classes have no test images: 1, 3"}
	if !slices.Equal(s.Notes, want) {
		t.Errorf("notes %q, want %q", s.Notes, want)
	}
	for i, place := range map[int]string{0: "image 0 of x_train", 4: "image 0 of x_val"} {
		if got := d.place(false, i); got != place {
			t.Errorf("image %d is %s, want %s", i, got, place)
		}
	}
	if got := d.place(true, 1); got != "image 1 of x_test" {
		t.Error(got)
	}
}

func TestNPZRejects(t *testing.T) {
	for _, name := range strings.Fields("objects ints half floats short nan one new shapes types names none nolabels empty flatlist fortran") {
		t.Run(name, func(t *testing.T) {
			d, err := Load(numpyFile(name))
			if err == nil {
				t.Fatalf("%v is a set", d)
			}
			golden.Check(t, "testdata/errors.txt", err.Error())
		})
	}
	html := filepath.Join(t.TempDir(), "page.npz")
	if err := os.WriteFile(html, []byte("<!DOCTYPE html>"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(html); err == nil || !strings.Contains(err.Error(), "it is no archive of NumPy") {
		t.Errorf("a page: %v", err)
	}
}

// header returns the start of an array in the .npy format.
func header(text string) string {
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(text)), byte(len(text) >> 8)}) + text
}

func TestNPYRejects(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"", "ends in its header"},
		{"\x93NUMPY\x01", "ends in its header"},
		{"\x93NUMPX\x01\x00\x02\x00{}", "not an array"},
		{"\x93NUMPY\x01\x00\xff\x00{}", "ends in its header"},
		{"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "4294967295 bytes"},
		{"\x93NUMPY\x09\x00\x02\x00\x00\x00{}", "version 9"},
		{header("{}"), `its header is "{}"`},
		{header("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }"), "its header is"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"), "ends after 0 of 8 bytes"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n") + "123456789", "goes on"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000, 2000000000, 2000000000), }\n"), "too large"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }\n"), "too large"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }\n"), "9 dimensions"},
		{header("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }\n"), "type <f16"},
		{header("{'descr': '<U5', 'fortran_order': False, 'shape': (1,), }\n"), "type <U5"},
	} {
		if _, err := readNPY(strings.NewReader(c.content)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: error %v, want one with %q", c.content, err, c.want)
		}
	}
}

func FuzzNPY(f *testing.F) {
	f.Add([]byte(header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n") + "12345678"))
	f.Add([]byte(header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n") + "123456"))
	f.Add([]byte(header("{'descr': '<i8', 'fortran_order': False, 'shape': (0,), }\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := readNPY(bytes.NewReader(b))
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.shape {
			n *= d
		}
		if len(a.data) != n*a.size || len(a.data) > len(b) {
			t.Fatalf("%d bytes for shape %v", len(a.data), a.shape)
		}
		if p, err := a.samples(); err == nil {
			p.samples.Y = make([]uint16, a.shape[0])
			if err := p.samples.Check(p.shape.Dim()); err != nil {
				t.Fatal(err)
			}
		}
		if len(a.shape) > 0 {
			a.labels(a.shape[0])
		}
	})
}

// FuzzNPZ reads damaged archives.
func FuzzNPZ(f *testing.F) {
	for _, name := range []string{"images", "f32", "names"} {
		b, err := os.ReadFile(numpyFile(name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if z, err := zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil || len(z.File) > 10 {
			return
		}
		path := filepath.Join(t.TempDir(), "fuzz.npz")
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if d, err := LoadWith(path, LoadOptions{Unlabelled: true}); err == nil && (d.Train.Len() < 1 || d.Train.Check(d.Shape.Dim()) != nil || d.Test.Check(d.Shape.Dim()) != nil) {
			t.Fatalf("a set of %d and %d samples of %v", d.Train.Len(), d.Test.Len(), d.Shape)
		}
		d, err := Load(path)
		if err != nil {
			return
		}
		if d.Train.Len() < 1 || len(d.Classes) < 2 || int(slices.Max(d.Train.Y)) >= len(d.Classes) {
			t.Fatalf("a set of %d samples and classes %q", d.Train.Len(), d.Classes)
		}
	})
}

// draws are the figures of make.py.
type draws struct {
	Random          []int
	Classes         [][]int
	Mean, Deviation []float64
}

func readDraws(t *testing.T) (d draws) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "numpy", "draws.json"))
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNormalize(t *testing.T) {
	want := readDraws(t)
	for _, name := range []string{"f32", "f64"} {
		d, err := Load(numpyFile(name))
		if err != nil {
			t.Fatal(err)
		}
		mean, scale := normalize(d.Train, 5, Standard)
		for j := range mean {
			if math.Abs(mean[j]-want.Mean[j]) > 1e-15 || math.Abs(scale[j]*want.Deviation[j]-1) > 1e-15 {
				t.Errorf("%s: feature %d has mean %v and scale %v, want %v and 1/%v", name, j, mean[j], scale[j], want.Mean[j], want.Deviation[j])
			}
		}
		if mean, scale := normalize(d.Train, 5, Mean); mean[4] != want.Mean[4] || scale != nil {
			t.Errorf("%s: mean %v, scale %v", name, mean, scale)
		}
		if mean, scale := normalize(d.Train, 5, NoNorm); len(mean) != 5 || mean[4] != 0 || scale != nil {
			t.Errorf("%s: mean %v, scale %v", name, mean, scale)
		}
	}
	if _, scale := normalize(labelled.Samples{F32: []float32{1, 2, 1, 4}, Y: make([]uint16, 2)}, 2, Standard); scale[0] != 1 || scale[1] != 1 {
		t.Errorf("the scales of a constant feature and of 2 and 4 are %v", scale)
	}
}
