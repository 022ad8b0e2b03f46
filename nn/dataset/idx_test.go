package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/nn/labelled"
)

// idxFile returns a file in the IDX format.
func idxFile(data []byte, shape ...int) []byte {
	b := []byte{0, 0, 8, byte(len(shape))}
	for _, d := range shape {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, data...)
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// numbers returns n bytes that count from from.
func numbers(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(from + i)
	}
	return b
}

// writeFiles writes files into a new folder, which it returns.
func writeFiles(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "little mnist")
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// idxFiles are a set of five training and two test images of 2×3 pixels.
func idxFiles() map[string][]byte {
	return map[string][]byte{
		"train-images-idx3-ubyte": idxFile(numbers(0, 30), 5, 2, 3),
		"train-labels-idx1-ubyte": idxFile([]byte{7, 0, 2, 7, 2}, 5),
		"t10k-images-idx3-ubyte":  idxFile(numbers(30, 12), 2, 2, 3),
		"t10k-labels-idx1-ubyte":  idxFile([]byte{2, 0}, 2),
	}
}

func TestIDX(t *testing.T) {
	plainFiles, packedFiles, prefixed := idxFiles(), map[string][]byte{}, map[string][]byte{}
	for name, b := range plainFiles {
		packedFiles[name+".gz"] = zipped(b)
		prefixed["emnist-letters-"+strings.Replace(name, "t10k", "test", 1)] = b
	}
	dotted := map[string][]byte{}
	for name, b := range plainFiles {
		dotted[strings.Replace(name, "-idx", ".idx", 1)] = b
	}
	for _, c := range []struct {
		files      map[string][]byte
		file, name string
	}{
		{plainFiles, "", "little-mnist"}, {packedFiles, "", "little-mnist"}, {dotted, "", "little-mnist"}, {prefixed, "", "little-mnist"},
		{packedFiles, "train-images-idx3-ubyte.gz", "little-mnist"}, {prefixed, "emnist-letters-test-images-idx3-ubyte", "emnist-letters"},
	} {
		d, err := Load(filepath.Join(writeFiles(t, c.files), c.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if d.Name != c.name || d.Shape != (Shape{2, 3, 1}) || !slices.Equal(d.Classes, []string{"0", "2", "7"}) {
			t.Errorf("name %q, shape %v, classes %q", d.Name, d.Shape, d.Classes)
		}
		if !bytes.Equal(d.Train.X, numbers(0, 30)) || !bytes.Equal(d.Test.X, numbers(30, 12)) ||
			!slices.Equal(d.Train.Y, []uint16{2, 0, 1, 2, 1}) || !slices.Equal(d.Test.Y, []uint16{1, 0}) {
			t.Errorf("%s: %v and %v", c.name, d.Train, d.Test)
		}
	}
}

// TestIDXWithoutTest splits a set that has training files only.
func TestIDXWithoutTest(t *testing.T) {
	files := idxFiles()
	delete(files, "t10k-images-idx3-ubyte")
	d, err := Load(writeFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.DefaultSplit(HWC)
	if err != nil || s.Sizes() != [3]int{3, 1, 1} || s.Partition != "stratified:0" {
		t.Errorf("%v, error %v", s, err)
	}
}

func TestIDXRejects(t *testing.T) {
	const images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
	for _, c := range []struct {
		name string
		edit func(files map[string][]byte)
	}{
		{"truncated", func(f map[string][]byte) { f[images] = f[images][:40] }},
		{"truncated gzip", func(f map[string][]byte) {
			f[images+".gz"] = zipped(f[images])[:30]
			delete(f, images)
		}},
		{"not gzip", func(f map[string][]byte) {
			f[images+".gz"] = f[images]
			delete(f, images)
		}},
		{"too long", func(f map[string][]byte) { f[images] = append(f[images], 1) }},
		{"huge", func(f map[string][]byte) { f[images] = idxFile(numbers(0, 30), 1<<30, 1<<30, 1<<30) }},
		{"lying", func(f map[string][]byte) { f[images] = idxFile(numbers(0, 30), 1<<20, 28, 28) }},
		{"no images", func(f map[string][]byte) { f[images] = idxFile(nil, 0, 28, 28) }},
		{"floats", func(f map[string][]byte) { f[images][2] = 0x0d }},
		{"labels as images", func(f map[string][]byte) { f[images] = f[labels] }},
		{"four dimensions", func(f map[string][]byte) { f[images] = idxFile(numbers(0, 30), 5, 1, 2, 3) }},
		{"few labels", func(f map[string][]byte) { f[labels] = idxFile([]byte{1, 2, 3, 4}, 4) }},
		{"no labels", func(f map[string][]byte) { delete(f, labels) }},
		{"one class", func(f map[string][]byte) { f[labels] = idxFile([]byte{4, 4, 4, 4, 4}, 5) }},
		{"a new class in the test", func(f map[string][]byte) { f["t10k-labels-idx1-ubyte"] = idxFile([]byte{2, 5}, 2) }},
		{"other test images", func(f map[string][]byte) { f["t10k-images-idx3-ubyte"] = idxFile(numbers(0, 8), 2, 2, 2) }},
		{"a page", func(f map[string][]byte) { f[images] = []byte("<!DOCTYPE html>\n<html>") }},
		{"empty", func(f map[string][]byte) { f[images] = nil }},
		{"test only", func(f map[string][]byte) { delete(f, images) }},
		{"two sets", func(f map[string][]byte) { f["emnist-"+images] = f[images] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := idxFiles()
			c.edit(files)
			dir := writeFiles(t, files)
			d, err := Load(dir)
			if err == nil {
				t.Fatalf("%v is a set", d)
			}
			golden.Check(t, "testdata/errors.txt", strings.ReplaceAll(err.Error(), dir, "DIR"))
		})
	}
}

// TestFashionMNIST reads the real set, which is Debian's package dataset-fashion-mnist.
func TestFashionMNIST(t *testing.T) {
	const dir = "/usr/share/datasets/fashion-mnist"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there is no Fashion-MNIST here; Debian's package is dataset-fashion-mnist")
	}
	if testing.Short() {
		t.Skip("left out with -short: it unpacks 55 MB")
	}
	d, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "fashion-mnist" || d.Shape != (Shape{28, 28, 1}) || len(d.Classes) != 10 || d.Train.Len() != 60000 || d.Test.Len() != 10000 {
		t.Errorf("%s: shape %v, %d classes, %d and %d images", d.Name, d.Shape, len(d.Classes), d.Train.Len(), d.Test.Len())
	}
	var count [10]int
	for _, y := range d.Train.Y {
		count[y]++
	}
	// The set's paper says that each class has 6,000 training images. The first one is an ankle boot, class 9.
	if count != [10]int{6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000} || d.Train.Y[0] != 9 {
		t.Errorf("classes %v, first label %d", count, d.Train.Y[0])
	}
	s, err := d.DefaultSplit(HWC)
	if err != nil {
		t.Fatal(err)
	}
	if s.Sizes() != [3]int{59000, 1000, 1000} || s.Mean[14*28+14] < 50 {
		t.Errorf("split %v, mean of the middle pixel %v", s.Sizes(), s.Mean[14*28+14])
	}
	t.Logf("notes: %q", s.Notes)
}

func FuzzIDX(f *testing.F) {
	f.Add(idxFile(numbers(0, 30), 5, 2, 3))
	f.Add(idxFile(nil, 0))
	f.Add(idxFile(numbers(0, 4), 1<<31-1, 1<<31-1))
	f.Fuzz(func(t *testing.T, b []byte) {
		shape, data, err := readIDX(bytes.NewReader(b))
		if err != nil {
			return
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		if n != len(data) || !bytes.Equal(idxFile(data, shape...), b) {
			t.Fatalf("%d bytes for shape %v", len(data), shape)
		}
	})
}

// TestClasses numbers many classes, with gaps and negative labels.
func TestClasses(t *testing.T) {
	many := make([]int64, labelled.MaxClasses)
	for i := range many {
		many[i] = int64(5 * i)
	}
	names, y, err := assign([]string{"a", "b"}, many, []int64{49995, 0})
	if err != nil || len(names) != 10_000 || names[9999] != "49995" || !slices.Equal(y[1], []uint16{9999, 0}) {
		t.Errorf("%d names, labels %v, error %v", len(names), y[1], err)
	}
	if names, y, err := assign([]string{"a"}, []int64{1, -1, 1}); err != nil || !slices.Equal(names, []string{"-1", "1"}) || !slices.Equal(y[0], []uint16{1, 0, 1}) {
		t.Errorf("names %q, labels %v, error %v", names, y, err)
	}
	if _, _, err := assign([]string{"a"}, append(many, 3)); err == nil || err.Error() != "a: more than 10000 different labels; labels are the numbers of classes" {
		t.Errorf("error %v", err)
	}
}
