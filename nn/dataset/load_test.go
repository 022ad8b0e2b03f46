package dataset

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
	row := func(set labelled.Images, i int) []float64 {
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
	shape := func(set labelled.Images) []int { return []int{set.Len(), len(set.X) / set.Len()} }
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

// TestVersionsAgree checks that both versions of the same images load to the same set. The
// images are those of the real data if it is available, else simple ones.
func TestVersionsAgree(t *testing.T) {
	dir := os.Getenv("FUSEGRID_DATA")
	if dir == "" {
		dir = t.TempDir()
		datasettest.WriteBinary(t, dir, 20)
		poke(t, filepath.Join(dir, "data_batch_2.bin"), 7*recordLen, 9)
		poke(t, filepath.Join(dir, "test_batch.bin"), 19*recordLen+Dim, 200)
	}
	bin, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	folder := filepath.Join(parent, pythonFolder)
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range trainBatches + 1 {
		name, im, n := "test_batch", bin.Test, bin.Test.Len()
		if i < trainBatches {
			name, im = fmt.Sprintf("data_batch_%d", i+1), bin.Train.Slice(i*n, (i+1)*n)
		}
		if err := os.WriteFile(filepath.Join(folder, name), datasettest.PythonBatch(im.Y, im.X), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{folder, parent} {
		py, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if py.Hash() != bin.Hash() || !slices.Equal(py.Train.Y, bin.Train.Y) {
			t.Errorf("python version: hash %s, binary version %s", py.Hash(), bin.Hash())
		}
	}
}

// TestHashSees checks that the hash depends on each part of the set.
func TestHashSees(t *testing.T) {
	fresh := func() *Dataset {
		return &Dataset{Name: "x", Classes: []string{"a", "bc"}, Train: newImages(2), Test: newImages(1)}
	}
	want := fresh().Hash()
	for name, edit := range map[string]func(d *Dataset){
		"a class":     func(d *Dataset) { d.Classes = []string{"ab", "c"} },
		"a label":     func(d *Dataset) { d.Train.Y[1] = 1 },
		"a pixel":     func(d *Dataset) { d.Test.X[Dim-1] = 1 },
		"the cut":     func(d *Dataset) { d.Train, d.Test = newImages(1), newImages(2) },
		"a new image": func(d *Dataset) { d.Test = newImages(2) },
	} {
		d := fresh()
		edit(d)
		if d.Hash() == want {
			t.Errorf("the hash does not see %s", name)
		}
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
		want []string
	}{
		{"truncated", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "data_batch_3.bin"), 61459))
		}, []string{"data_batch_3.bin", "truncated", "61459 bytes are 19 records of 3073 bytes and 3072 bytes of another record"}},
		{"a byte too long", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "test_batch.bin"), 61461))
		}, []string{"test_batch.bin", "61461 bytes are 20 records of 3073 bytes and 1 bytes of another record"}},
		{"huge", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "test_batch.bin"), maxBinary+recordLen))
		}, []string{"test_batch.bin", "307303073 bytes, want at most 307300000"}},
		{"empty file", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "data_batch_1.bin"), 0))
		}, []string{"data_batch_1.bin", `data_batch_1.bin: is empty; "sweep fetch" gets`}},
		{"label", func(t *testing.T, dir string) {
			poke(t, filepath.Join(dir, "data_batch_2.bin"), 17*recordLen, 10)
		}, []string{"data_batch_2.bin", "record 17", "byte 52241", "label 10, want 0 to 9"}},
		{"missing files", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "data_batch_4.bin")))
			must(t, os.Remove(filepath.Join(dir, "test_batch.bin")))
		}, []string{"lacks data_batch_4.bin, test_batch.bin"}},
		{"a folder for a file", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "data_batch_5.bin")))
			must(t, os.Mkdir(filepath.Join(dir, "data_batch_5.bin"), 0o777))
		}, []string{"data_batch_5.bin", "is a folder"}},
		{"a dangling link", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "data_batch_1.bin")))
			must(t, os.Symlink("nowhere", filepath.Join(dir, "data_batch_1.bin")))
		}, []string{"data_batch_1.bin", "no such file"}},
		{"few names", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "batches.meta.txt"), []byte("cat\ndog\n"), 0o666))
		}, []string{"batches.meta.txt", "2 class names, want 10"}},
		{"unprintable name", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "batches.meta.txt"), []byte("a b c d e f g h i \x1b[2J\n"), 0o666))
		}, []string{"batches.meta.txt", `class name 9 is "\x1b[2J"`}},
		{"huge names", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "batches.meta.txt"), make([]byte, maxMeta+1), 0o666))
		}, []string{"batches.meta.txt", "65537 bytes"}},
		{"empty folder", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o777))
		}, []string{"no CIFAR-10 here", "data_batch_1.bin"}},
		{"no folder", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
		}, []string{"no such file", "name the folder"}},
		{"a file", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.WriteFile(dir, nil, 0o666))
		}, []string{"is a file"}},
		{"unreadable folder", func(t *testing.T, dir string) {
			if os.Getuid() == 0 {
				t.Skip("root may read everything")
			}
			must(t, os.Chmod(dir, 0))
			t.Cleanup(func() { os.Chmod(dir, 0o777) })
		}, []string{"permission denied", "readable"}},
		{"folder that may be listed only", func(t *testing.T, dir string) {
			if os.Getuid() == 0 {
				t.Skip("root may read everything")
			}
			must(t, os.Chmod(dir, 0o600))
			t.Cleanup(func() { os.Chmod(dir, 0o777) })
		}, []string{"data_batch_1.bin", "permission denied; make the folder searchable"}},
		{"bad python batch", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o777))
			for _, name := range versions()[1].batches() {
				must(t, os.WriteFile(filepath.Join(dir, name), []byte("\x80\x06."), 0o666))
			}
		}, []string{"data_batch_1:", "byte 0: pickle protocol 6, want at most 5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			datasettest.WriteBinary(t, dir, 20)
			c.edit(t, dir)
			d, err := Load(dir)
			if err == nil || d != nil {
				t.Fatalf("Load gives %v and error %v", d, err)
			}
			msg := err.Error()
			if strings.Contains(msg, "\n") || !strings.HasPrefix(msg, "dataset: "+dir) {
				t.Errorf("error %q, want one line that starts with the folder", msg)
			}
			for _, want := range c.want {
				if !strings.Contains(msg, want) {
					t.Errorf("error %q does not say %q", msg, want)
				}
			}
		})
	}
}

// TestLoadNamesWhatLiesThere checks that errors name the format of a wrong file and a remedy.
func TestLoadNamesWhatLiesThere(t *testing.T) {
	zeros := string(make([]byte, 257))
	found := []struct{ name, content, want string }{
		{"HTML", "\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>404 a b c d e f</body></html>", "is an HTML page; the server sent it"},
		{"html", "<HTML>", "is an HTML page"},
		{"XML", `<?xml version="1.0"?><Error>AccessDenied</Error>`, "is an XML page"},
		{"LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:5d1a a b c d e f\nsize 30730000\n", "is a Git LFS pointer, not the file itself; get the file: git lfs pull"},
		{"annex", "/annex/objects/MD5E-s30730000--0.bin\n", "is a git-annex pointer"},
		{"gzip", "\x1f\x8b\x08\x00", "is compressed with gzip; unpack it: gunzip"},
		{"zip", "PK\x03\x04\x14\x00", "is a zip archive; unpack it: unzip"},
		{"bzip2", "BZh91AY", "is compressed with bzip2"},
		{"xz", "\xfd7zXZ\x00", "is compressed with xz"},
		{"zstd", "\x28\xb5\x2f\xfd", "is compressed with Zstandard"},
		{"tar", zeros + "ustar\x00", "is a tar archive"},
		{"npy", "\x93NUMPY\x01", "is a NumPy array"},
		{"mat", "MATLAB 5.0 MAT-file, Platform", "is a MATLAB file"},
		{"empty", "", "is empty"},
	}
	python := t.TempDir()
	for _, name := range versions()[1].batches() {
		if err := os.WriteFile(filepath.Join(python, name), []byte("\x80\x06."), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	binary := t.TempDir()
	datasettest.WriteBinary(t, binary, 20)
	for i, place := range []struct{ dir, file, good string }{
		{binary, "data_batch_1.bin", ""}, {python, "data_batch_1", "\x80\x06."}, {binary, "batches.meta.txt", "a b c d e f g h i j"},
	} {
		path := filepath.Join(place.dir, place.file)
		for _, c := range found {
			if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := Load(place.dir)
			if want := path + ": " + c.want; err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v, want one with %q", c.name, err, want)
			}
		}
		if i == 0 { // a foreign file may have the right size
			datasettest.WriteBinary(t, binary, 20)
			poke(t, path, 0, 0x1f)
			poke(t, path, 1, 0x8b)
			if _, err := Load(binary); err == nil || !strings.Contains(err.Error(), "is compressed with gzip") {
				t.Errorf("error %v", err)
			}
			datasettest.WriteBinary(t, binary, 20)
		}
	}
}

// TestLoadNamesTheOtherVersion tries files of one version under the names of the other.
func TestLoadNamesTheOtherVersion(t *testing.T) {
	dir := t.TempDir()
	datasettest.WriteBinary(t, dir, 20)
	for _, name := range versions()[1].batches() {
		if err := os.Rename(filepath.Join(dir, name+".bin"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "data_batch_1: is a batch of the binary version; give all six files names that end in .bin") {
		t.Errorf("error %v", err)
	}
	dir = t.TempDir()
	for _, name := range versions()[0].batches() {
		if err := os.WriteFile(filepath.Join(dir, name), datasettest.PythonBatch([]byte{1}, make([]byte, Dim)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "data_batch_1.bin: is a batch of the python version; give all six files names without .bin") {
		t.Errorf("error %v", err)
	}

	batch := datasettest.PythonBatch([]byte{1}, make([]byte, Dim))
	dir = t.TempDir()
	for _, name := range versions()[1].batches() {
		if err := os.WriteFile(filepath.Join(dir, name), batch, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for content, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\n": "is a Git LFS pointer",
		"\x1f\x8b":                      "is compressed with gzip",
		"<html>":                        "is an HTML page",
		"":                              "is empty; remove it",
		strings.Repeat("x", maxMeta+1):  "65537 bytes, want at most",
		"}(U\x0blabel_names]u.":         "0 class names, want 10",
		"}(U\x0blabel_names](Nee\x00u.": "batches.meta: byte",
	} {
		if err := os.WriteFile(filepath.Join(dir, "batches.meta"), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "batches.meta")+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestLoadNamesWhatIsPacked tries folders with CIFAR-10 in forms that Load does not read.
func TestLoadNamesWhatIsPacked(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"cifar-10-binary.tar.gz"}, "cifar-10-binary.tar.gz is still packed; unpack it there: tar -xzf cifar-10-binary.tar.gz"},
		{[]string{"cifar-10-matlab.tar.gz", "cifar-10-python.tar.gz"}, "unpack it there: tar -xzf cifar-10-python.tar.gz"},
		{[]string{"my cifar.tgz"}, `unpack it there: tar -xzf "my cifar.tgz"`},
		{[]string{"cifar-10.zip"}, "unpack it there: unzip cifar-10.zip"},
		{[]string{"a.tar"}, "unpack it there: tar -xf a.tar"},
		{[]string{"cifar-10-batches-bin/cifar-10-binary.tar.gz"}, "tar -xzf cifar-10-binary.tar.gz"},
		{[]string{"data_batch_1.bin.gz", "test_batch.bin.gz"}, "unpack it there: gunzip *.gz"},
		{[]string{"data_batch_1.bin", "data_batch_2.bin.gz"}, "lacks data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, test_batch.bin; data_batch_2.bin.gz is still packed"},
		{[]string{"cifar-10-batches-bin.tar.gz.part"}, `is an unfinished download; "sweep fetch"`},
		{[]string{"cifar-10-matlab.tar.gz"}, "belongs to the MATLAB version, which is not supported"},
		{[]string{"data_batch_1.mat"}, "belongs to the MATLAB version, which is not supported"},
		{[]string{"cifar-100-binary.tar.gz"}, "belongs to CIFAR-100, which is not supported"},
		{[]string{"train.bin", "test.bin", "fine_label_names.txt"}, "belongs to CIFAR-100, which is not supported"},
		{[]string{"notes.txt"}, "no CIFAR-10 here: neither data_batch_1.bin"},
	} {
		dir := t.TempDir()
		for _, name := range c.files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(dir)
		if err == nil || !strings.HasPrefix(err.Error(), "dataset: "+dir) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v, want one with %q", c.files, err, c.want)
		}
	}
	for name, c := range map[string][2]string{
		"cifar-10-python.tar.gz": {"\x1f\x8b\x08", "is compressed with gzip; unpack it: gunzip, or tar -xzf if it is an archive; then name the folder"},
		"data_batch_1.bin":       {"\x00", "is a batch file; name the folder"},
		"list.txt":               {"x", "is a file; name the folder"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(c[0]), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+": "+c[1]) {
			t.Errorf("error %v, want one with %q", err, c[1])
		}
	}
}

// TestLoadSubset loads batches with other numbers of images than the published ones, in both
// versions.
func TestLoadSubset(t *testing.T) {
	sizes := []int{3, perBatch, 1, 2, 20, 7}
	batch := func(b int) labelled.Images {
		im := newImages(sizes[b])
		for i := range sizes[b] {
			im.Y[i] = uint8((b + i) % numClasses)
			binary.LittleEndian.PutUint32(im.X[i*Dim:], uint32(b<<16+i))
		}
		return im
	}
	for _, v := range versions() {
		dir := t.TempDir()
		for b, name := range v.batches() {
			im := batch(b)
			content := datasettest.BinaryBatch(im.Y, im.X)
			if v.suffix == "" {
				content = datasettest.PythonBatch(im.Y, im.X)
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
			if got := d.trainPlace(i); got != want {
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
	d := &Dataset{Train: newImages(1), Test: newImages(1)}
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
		if sound && !slices.Equal(datasettest.BinaryBatch(im.Y, im.X), b) {
			t.Error("the images do not give the file back")
		}
	})
}
