package dataset

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/nn/dataset/datasettest"
	"fusegrid/nn/labelled"
)

// realDir returns the folder of the real CIFAR-10, or skips the test.
func realDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("FUSEGRID_DATA")
	if dir == "" {
		t.Skip("set FUSEGRID_DATA to the folder that holds the CIFAR-10 batch files to run this test")
	}
	return dir
}

// TestPreprocessedGolden checks the assignment's preprocessing against figures that NumPy computed.
func TestPreprocessedGolden(t *testing.T) {
	dir := realDir(t)
	b, err := os.ReadFile("testdata/cifar_preprocessed.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Shapes struct {
			Train []int `json:"X_train"`
			Val   []int `json:"X_val"`
			Test  []int `json:"X_test"`
		} `json:"shapes"`
		First  []float64 `json:"X_train_row0_first6"`
		Last   []float64 `json:"X_train_row48999_last3"`
		Val    []float64 `json:"X_val_row0_first3"`
		Test   []float64 `json:"X_test_row999_last3"`
		SumAbs float64   `json:"sum_abs_first100_rows"`
		YTrain []int     `json:"y_train_first10"`
		YVal   []int     `json:"y_val_first10"`
		YTest  []int     `json:"y_test_first10"`
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	d, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Split(HWC, 49000, 1000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	row := func(set labelled.Samples, i int) []float64 {
		x := make([]float64, Dim)
		for j, v := range set.Row(i) {
			x[j] = float64(v) - s.Mean[j]
		}
		return x
	}
	check := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	shape := func(set labelled.Samples) []int { return []int{set.Len(), len(set.X) / set.Len()} }
	check("training shape", shape(s.Train), g.Shapes.Train)
	check("validation shape", shape(s.Val), g.Shapes.Val)
	check("test shape", shape(s.Test), g.Shapes.Test)
	check("training row 0", row(s.Train, 0)[:6], g.First)
	check("training row 48999", row(s.Train, 48999)[Dim-3:], g.Last)
	check("validation row 0", row(s.Val, 0)[:3], g.Val)
	check("test row 999", row(s.Test, 999)[Dim-3:], g.Test)
	check("training labels", s.Train.Y[:10], g.YTrain)
	check("validation labels", s.Val.Y[:10], g.YVal)
	check("test labels", s.Test.Y[:10], g.YTest)
	sum := 0.0
	for i := range 100 {
		for _, v := range row(s.Train, i) {
			sum += math.Abs(v)
		}
	}
	// NumPy sums the 307,200 float64 terms in another order.
	if math.Abs(sum-g.SumAbs) > 1e-12*g.SumAbs {
		t.Errorf("sum of absolute values of 100 rows: got %v, want %v", sum, g.SumAbs)
	}
	if want := "airplane automobile bird cat deer dog frog horse ship truck"; strings.Join(d.Classes, " ") != want {
		t.Errorf("classes %v, want %s", d.Classes, want)
	}
	const hash = "121dd8d928af8fe4c8b98235ef22112e776f66c3c29512175bed47f0a45b7818"
	if d.Hash() != hash || s.Hash != hash {
		t.Errorf("hash %s and of the split %s, want %s", d.Hash(), s.Hash, hash)
	}
}

// TestVersionsAgree checks that both versions of the same images load to the same set.
func TestVersionsAgree(t *testing.T) {
	const size = 20 // of a batch
	bin, parent := t.TempDir(), t.TempDir()
	python := filepath.Join(parent, pythonFolder)
	if err := os.Mkdir(python, 0o777); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var labels []uint16
	for i := range trainBatches + 1 {
		y, x := make([]byte, size), make([]byte, size*Dim)
		for j := range y {
			y[j] = byte(rng.IntN(numClasses))
			labels = append(labels, uint16(y[j]))
		}
		for j := range x {
			x[j] = byte(rng.Uint32())
		}
		name := "test_batch"
		if i < trainBatches {
			name = fmt.Sprintf("data_batch_%d", i+1)
		}
		write(t, filepath.Join(bin, name+".bin"), string(datasettest.BinaryBatch(y, x)))
		write(t, filepath.Join(python, name), string(datasettest.PythonBatch(y, x)))
	}
	want, err := Load(bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{python, parent} {
		py, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if py.Hash() != want.Hash() || !slices.Equal(slices.Concat(py.Train.Y, py.Test.Y), labels) {
			t.Errorf("python version: hash %s, labels %v and %v, binary version %s", py.Hash(), py.Train.Y, py.Test.Y, want.Hash())
		}
	}
}

// TestHashSees checks that the hash depends on each part of the set.
func TestHashSees(t *testing.T) {
	fresh := func() *Dataset {
		return &Dataset{Name: "x", Shape: cifarShape(), Classes: []string{"a", "bc"}, Train: newImages(2), Test: newImages(1)}
	}
	want := fresh().Hash()
	for _, c := range []struct {
		name string
		edit func(d *Dataset)
	}{
		{"a class", func(d *Dataset) { d.Classes = []string{"ab", "c"} }},
		{"a label", func(d *Dataset) { d.Train.Y[1] = 1 }},
		{"a pixel", func(d *Dataset) { d.Test.X[Dim-1] = 1 }},
		{"the cut", func(d *Dataset) { d.Train, d.Test = newImages(1), newImages(2) }},
		{"a new image", func(d *Dataset) { d.Test = newImages(2) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := fresh()
			c.edit(d)
			if d.Hash() == want {
				t.Errorf("the hash does not see %s", c.name)
			}
		})
	}
	d := fresh()
	d.Name = "y"
	if d.Hash() != want {
		t.Error("the hash depends on the name")
	}
}

func poke(t *testing.T, path string, at int64, v byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{v}, at); err != nil {
		t.Fatal(err)
	}
}

func TestLoadRejects(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		edit func(t *testing.T, dir string) // damages a valid folder
	}{
		{"truncated", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "data_batch_3.bin"), 61459))
		}},
		{"a byte too long", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "test_batch.bin"), 61461))
		}},
		{"huge", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "test_batch.bin"), maxBinary+recordLen))
		}},
		{"empty file", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "data_batch_1.bin"), 0))
		}},
		{"label", func(t *testing.T, dir string) {
			poke(t, filepath.Join(dir, "data_batch_2.bin"), 17*recordLen, 10)
		}},
		{"missing files", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "data_batch_4.bin")))
			must(t, os.Remove(filepath.Join(dir, "test_batch.bin")))
		}},
		{"a folder for a file", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "data_batch_5.bin")))
			must(t, os.Mkdir(filepath.Join(dir, "data_batch_5.bin"), 0o777))
		}},
		{"a dangling link", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "data_batch_1.bin")))
			must(t, os.Symlink("nowhere", filepath.Join(dir, "data_batch_1.bin")))
		}},
		{"few names", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "batches.meta.txt"), []byte("cat\ndog\n"), 0o666))
		}},
		{"unprintable name", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "batches.meta.txt"), []byte("a b c d e f g h i \x1b[2J\n"), 0o666))
		}},
		{"huge names", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "batches.meta.txt"), make([]byte, maxMeta+1), 0o666))
		}},
		{"empty folder", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o777))
		}},
		{"no folder", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
		}},
		{"a file", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.WriteFile(dir, nil, 0o666))
		}},
		{"unreadable folder", func(t *testing.T, dir string) {
			if os.Getuid() == 0 {
				t.Skip("root may read everything")
			}
			must(t, os.Chmod(dir, 0))
			t.Cleanup(func() { os.Chmod(dir, 0o777) })
		}},
		{"folder that may be listed only", func(t *testing.T, dir string) {
			if os.Getuid() == 0 {
				t.Skip("root may read everything")
			}
			must(t, os.Chmod(dir, 0o600))
			t.Cleanup(func() { os.Chmod(dir, 0o777) })
		}},
		{"bad python batch", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o777))
			for _, name := range versions()[1].batches() {
				must(t, os.WriteFile(filepath.Join(dir, name), []byte("\x80\x06."), 0o666))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			datasettest.WriteBinary(t, dir, 20)
			c.edit(t, dir)
			d, err := Load(dir)
			if err == nil || d != nil {
				t.Fatalf("Load gives %v and error %v", d, err)
			}
			checkError(t, err, dir)
		})
	}
}

// checkError compares an error of Load with testdata/errors.txt, where DIR stands for the folder.
func checkError(t *testing.T, err error, dir string) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v, want one line", err)
	}
	text := err.Error()
	if dir != "" {
		text = strings.ReplaceAll(text, dir, "DIR")
	}
	golden.Check(t, "testdata/errors.txt", text)
}

// TestLoadNamesWhatLiesThere checks that errors name the format of a wrong file and a remedy.
func TestLoadNamesWhatLiesThere(t *testing.T) {
	zeros := string(make([]byte, 257))
	found := []struct{ name, content string }{
		{"HTML", "\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>404 a b c d e f</body></html>"},
		{"html", "<HTML>"},
		{"XML", `<?xml version="1.0"?><Error>AccessDenied</Error>`},
		{"LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:5d1a a b c d e f\nsize 30730000\n"},
		{"annex", "/annex/objects/MD5E-s30730000--0.bin\n"},
		{"gzip", "\x1f\x8b\x08\x00"},
		{"zip", "PK\x03\x04\x14\x00"},
		{"bzip2", "BZh91AY"},
		{"xz", "\xfd7zXZ\x00"},
		{"zstd", "\x28\xb5\x2f\xfd"},
		{"tar", zeros + "ustar\x00"},
		{"npy", "\x93NUMPY\x01"},
		{"mat", "MATLAB 5.0 MAT-file, Platform"},
		{"empty", ""},
	}
	python := t.TempDir()
	for _, name := range versions()[1].batches() {
		write(t, filepath.Join(python, name), "\x80\x06.")
	}
	binary := t.TempDir()
	for _, place := range []struct{ name, dir, file string }{
		{"a binary batch", binary, "data_batch_1.bin"}, {"a python batch", python, "data_batch_1"}, {"class names", binary, "batches.meta.txt"},
	} {
		for _, c := range found {
			t.Run(place.name+"/"+c.name, func(t *testing.T) {
				datasettest.WriteBinary(t, binary, 20)
				write(t, filepath.Join(place.dir, place.file), c.content)
				_, err := Load(place.dir)
				checkError(t, err, place.dir)
			})
		}
	}
	t.Run("a foreign file of the right size", func(t *testing.T) {
		datasettest.WriteBinary(t, binary, 20)
		poke(t, filepath.Join(binary, "data_batch_1.bin"), 0, 0x1f)
		poke(t, filepath.Join(binary, "data_batch_1.bin"), 1, 0x8b)
		_, err := Load(binary)
		checkError(t, err, binary)
	})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestLoadNamesTheOtherVersion tries files of one version under the names of the other.
func TestLoadNamesTheOtherVersion(t *testing.T) {
	python := string(datasettest.PythonBatch([]byte{1}, make([]byte, Dim)))
	t.Run("binary as python", func(t *testing.T) {
		dir := t.TempDir()
		datasettest.WriteBinary(t, dir, 20)
		for _, name := range versions()[1].batches() {
			if err := os.Rename(filepath.Join(dir, name+".bin"), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(dir)
		checkError(t, err, dir)
	})
	t.Run("python as binary", func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range versions()[0].batches() {
			write(t, filepath.Join(dir, name), python)
		}
		_, err := Load(dir)
		checkError(t, err, dir)
	})
	for _, c := range []struct{ name, content string }{
		{"LFS", "version https://git-lfs.github.com/spec/v1\n"},
		{"gzip", "\x1f\x8b"},
		{"HTML", "<html>"},
		{"empty", ""},
		{"too long", strings.Repeat("x", maxMeta+1)},
		{"no names", "}(U\x0blabel_names]u."},
		{"bad pickle", "}(U\x0blabel_names](Nee\x00u."},
	} {
		t.Run("class names/"+c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range versions()[1].batches() {
				write(t, filepath.Join(dir, name), python)
			}
			write(t, filepath.Join(dir, "batches.meta"), c.content)
			_, err := Load(dir)
			checkError(t, err, dir)
		})
	}
}

// TestLoadNamesWhatIsPacked tries folders with CIFAR-10 in forms that Load does not read.
func TestLoadNamesWhatIsPacked(t *testing.T) {
	for _, files := range []string{
		"cifar-10-binary.tar.gz",
		"cifar-10-matlab.tar.gz,cifar-10-python.tar.gz",
		"my cifar.tgz",
		"cifar-10.zip",
		"a.tar",
		"cifar-10-batches-bin/cifar-10-binary.tar.gz",
		"data_batch_1.bin.gz,test_batch.bin.gz",
		"data_batch_1.bin,data_batch_2.bin.gz",
		"cifar-10-batches-bin.tar.gz.part",
		"cifar-10-matlab.tar.gz",
		"data_batch_1.mat",
		"cifar-100-binary.tar.gz",
		"train.bin,test.bin,fine_label_names.txt",
		"notes.txt",
	} {
		t.Run(files, func(t *testing.T) {
			dir := t.TempDir()
			for name := range strings.SplitSeq(files, ",") {
				write(t, filepath.Join(dir, name), "")
			}
			_, err := Load(dir)
			checkError(t, err, dir)
		})
	}
	for _, c := range []struct{ name, content string }{
		{"cifar-10-python.tar.gz", "\x1f\x8b\x08"}, {"data_batch_1.bin", "\x00"}, {"list.txt", "x"},
	} {
		t.Run("file "+c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, c.name), c.content)
			_, err := Load(filepath.Join(dir, c.name))
			checkError(t, err, dir)
		})
	}
}

// TestLoadSubset loads batches with other numbers of images than the published ones, in both
// versions.
func TestLoadSubset(t *testing.T) {
	sizes := []int{3, perBatch, 1, 2, 20, 7}
	batch := func(b int) labelled.Samples {
		im := newImages(sizes[b])
		for i := range sizes[b] {
			im.Y[i] = uint16((b + i) % numClasses)
			binary.LittleEndian.PutUint32(im.X[i*Dim:], uint32(b<<16+i))
		}
		return im
	}
	known := versions()
	if testing.Short() {
		known = known[:1]
	}
	for _, v := range known {
		dir := t.TempDir()
		for b, name := range v.batches() {
			im := batch(b)
			content := datasettest.BinaryBatch(bytesOf(im.Y), im.X)
			if v.suffix == "" {
				content = datasettest.PythonBatch(bytesOf(im.Y), im.X)
			}
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		d, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if d.Train.Len() != 10026 || d.Test.Len() != 7 {
			t.Fatalf("%s: %d training and %d test images, want 10026 and 7", v.folder, d.Train.Len(), d.Test.Len())
		}
		at := 0
		for b, n := range sizes {
			got := d.Test
			if b < trainBatches {
				got = d.Train.Slice(at, at+n)
			}
			if want := batch(b); !slices.Equal(got.Y, want.Y) || !slices.Equal(got.X, want.X) {
				t.Errorf("%s: images of batch %d differ from the file", v.folder, b+1)
			}
			at += n
		}
		for i, want := range map[int]string{
			0: "image 0 of data_batch_1", 3: "image 0 of data_batch_2", 10002: "image 9999 of data_batch_2",
			10003: "image 0 of data_batch_3", 10025: "image 19 of data_batch_5",
		} {
			if got := d.placeOf(subset{hi: d.Train.Len()}, i); got != want {
				t.Errorf("training image %d is %s, want %s", i, got, want)
			}
		}
		s, err := d.DefaultSplit(HWC)
		if err != nil {
			t.Fatal(err)
		}
		note := fmt.Sprintf("this is not the published CIFAR-10: its 10026 training and 7 test images are named custom (%.8s)", d.Hash())
		if got := [3]int{s.Train.Len(), s.Val.Len(), s.Test.Len()}; got != [3]int{9026, 1000, 7} || s.Name != "custom" || !slices.Equal(s.Notes, []string{note}) {
			t.Errorf("%s: split %v, name %q, notes %q", v.folder, got, s.Name, s.Notes)
		}
	}
}

// TestDefaultSizes checks that a small set keeps images of each kind.
func TestDefaultSizes(t *testing.T) {
	for _, c := range []struct {
		images, tests int
		want          [3]int
	}{
		{50000, 10000, [3]int{49000, 1000, 1000}},
		{10000, 999, [3]int{9000, 1000, 999}},
		{9999, 1001, [3]int{9000, 999, 1000}},
		{20, 5, [3]int{18, 2, 5}},
		{2, 1, [3]int{1, 1, 1}},
	} {
		train, val, test := defaultSizes(c.images, c.tests)
		if got := [3]int{train, val, test}; got != c.want {
			t.Errorf("%d training and %d test images are split into %v, want %v", c.images, c.tests, got, c.want)
		}
	}
	d := &Dataset{Shape: cifarShape(), Train: newImages(1), Test: newImages(1)}
	if _, err := d.DefaultSplit(CHW); err == nil || !strings.Contains(err.Error(), "0 training") {
		t.Errorf("a single image: error %v", err)
	}
}

// TestRenamedClasses checks that a set which differs from the published one in its class names only
// is described as such.
func TestRenamedClasses(t *testing.T) {
	d, err := Load(realDir(t))
	if err != nil {
		t.Fatal(err)
	}
	d.Classes = append([]string{"plane"}, d.Classes[1:]...)
	s, err := d.DefaultSplit(CHW)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("these are the published images of CIFAR-10 with other class names: they are named custom (%.8s)", s.Hash)
	if s.Name != "custom" || !slices.Equal(s.Notes, []string{want}) {
		t.Errorf("name %q, notes %q, want %q", s.Name, s.Notes, want)
	}
}

func TestReadBinaryShortRead(t *testing.T) {
	b := datasettest.BinaryBatch([]byte{1, 2}, make([]byte, 2*Dim))
	_, err := readBinary(strings.NewReader(string(b[:len(b)-1])), int64(len(b)), newImages)
	if err == nil || !strings.Contains(err.Error(), "record 1, byte 3073: the file ends here") {
		t.Errorf("error %v", err)
	}
}

func FuzzBinary(f *testing.F) {
	good := datasettest.BinaryBatch([]byte{9, 0}, slices.Repeat([]byte{1, 2, 3}, 2*Height*Width))
	f.Add(good)
	f.Add(good[:recordLen])
	f.Add(append(slices.Clone(good), 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		im, err := readBinary(strings.NewReader(string(b)), int64(len(b)), newImages)
		sound := len(b) > 0 && len(b)%recordLen == 0
		for i := 0; sound && i < len(b); i += recordLen {
			sound = b[i] < numClasses
		}
		if sound != (err == nil) {
			t.Fatalf("sound %v, error %v", sound, err)
		}
		if sound && !slices.Equal(datasettest.BinaryBatch(bytesOf(im.Y), im.X), b) {
			t.Error("the images do not give the file back")
		}
	})
}

// bytesOf returns labels as bytes.
func bytesOf(labels []uint16) []byte {
	b := make([]byte, len(labels))
	for i, y := range labels {
		b[i] = byte(y)
	}
	return b
}
