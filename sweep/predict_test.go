package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset/datasettest"
	"fusegrid/nn/nprand"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// shades writes PNG files of 6×4 pixels into dir, in a folder for each class. The brightness of an image shows its class.
func shades(t *testing.T, dir string, seed uint32, n int, classes ...string) {
	t.Helper()
	rng := nprand.New(seed)
	for i := range n {
		class := i % len(classes)
		img := image.NewGray(image.Rect(0, 0, 6, 4))
		for p := range img.Pix {
			img.Pix[p] = uint8(50*slices.Index([]string{"black", "grey", "white"}, classes[class]) + 50 + rng.Intn(80))
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		writeFile(t, fmt.Sprintf("%s/%s/%02d.png", dir, classes[class], i), b.Bytes())
	}
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// An array is the content of an .npy file.
type array struct {
	name, descr string
	shape       []int
	data        []byte
}

// writeNPZ writes arrays as NumPy's savez does.
func writeNPZ(t *testing.T, name string, arrays ...array) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, a := range arrays {
		w, err := z.Create(a.name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(a.shape), " ", ","), "[]") + ","
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", a.descr, shape)
		fmt.Fprintf(w, "\x93NUMPY\x01\x00%c%c%s%s", len(head)%256, len(head)/256, head, a.data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, name, b.Bytes())
}

// madeUp returns the arrays of n samples of d numbers in three classes.
func madeUp(seed uint32, part, descr string, n int, shape ...int) []array {
	rng := nprand.New(seed)
	d := 1
	for _, s := range shape {
		d *= s
	}
	x, y := array{name: "x_" + part, descr: descr, shape: append([]int{n}, shape...)}, array{name: "y_" + part, descr: "|u1", shape: []int{n}}
	for i := range n {
		y.data = append(y.data, byte(i%3))
		for j := range d {
			v := float64((i%3+j)%3) + rng.Randn()
			if descr == "|u1" {
				x.data = append(x.data, uint8(128+20*v))
			} else {
				x.data = binary.LittleEndian.AppendUint64(x.data, math.Float64bits(v*float64(j+1)))
			}
		}
	}
	return []array{x, y}
}

// trained runs a sweep and returns the record of its best trial and the file of its weights.
func trained(t *testing.T, out, args string) (r results.Record, weights string) {
	t.Helper()
	args += " -quiet -keep 1 -out " + out
	if _, stderr, code := call(t, strings.Fields(args)...); code != exitOK {
		t.Fatalf("sweep %s: exit code %d, stderr %q", args, code, stderr)
	}
	records := searchtest.Recorded(t, out)
	results.Rank(records)
	return records[0], filepath.Join(out, folder.WeightsDir, records[0].Key+".safetensors")
}

// predicted runs sweep predict and returns its output and the rows of its table.
func predicted(t *testing.T, args ...string) (stdout string, rows [][]string) {
	t.Helper()
	stdout, stderr, code := call(t, append([]string{"predict", "-o", "p.csv", "-force"}, args...)...)
	if code != exitOK || stderr != "" {
		t.Fatalf("predict %q: exit code %d, stderr %q", args, code, stderr)
	}
	data, err := os.ReadFile("p.csv")
	if err != nil {
		t.Fatal(err)
	}
	if rows, err = csv.NewReader(bytes.NewReader(data)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"index", "place", "label", "predicted", "probability"}; !slices.Equal(rows[0], want) {
		t.Errorf("the columns are %q, want %q", rows[0], want)
	}
	for line := range strings.Lines(stdout) {
		if n := len([]rune(line)); n > 81 {
			t.Errorf("%d columns: %s", n-1, line)
		}
	}
	return stdout, rows[1:]
}

func accuracyIn(rows [][]string) float64 {
	hits := 0
	for _, row := range rows {
		if row[2] == row[3] {
			hits++
		}
	}
	return float64(hits) / float64(len(rows))
}

// TestPredict trains nets on images and on features, and classifies the parts of their split. The accuracies must be
// those on record.
func TestPredict(t *testing.T) {
	file, err := filepath.Abs(filepath.Join("testdata", "predict.txt"))
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	shades(t, "shades", 0, 90, "black", "grey", "white")
	writeNPZ(t, "features.npz", slices.Concat(madeUp(1, "train", "<f8", 60, 5), madeUp(2, "test", "<f8", 31, 5))...)
	datasettest.WriteBinary(t, "cifar", 30)
	for i, args := range []string{
		"-data cifar -iters 4 -lr 1e-4,1e-3",
		"-data shades -iters 40 -lr 1e-4,1e-3",
		"-data shades -iters 40 -lr 1e-4,1e-3 -dtype f64 -norm none",
		"-data shades -iters 40 -lr 1e-4,1e-3 -dtype bfp16 -split random:40,25,20 -split-seed 3",
		"-data shades -epochs 4 -lr 1e-3,1e-2 -net fc -hidden 5x4",
		"-data features.npz -iters 40 -lr 1e-2,1e-1 -norm standard",
		"-data features.npz -epochs 9 -lr 1e-2,1e-1 -net fc -hidden 5x4 -dtype f64",
	} {
		t.Run(args, func(t *testing.T) {
			all := args + " -impl reference -batch 10 -std 1e-1"
			if !strings.Contains(args, "-hidden") {
				all += " -hidden 8"
			}
			r, weights := trained(t, fmt.Sprintf("o%d", i), all)
			data := strings.Fields(args)[1]
			for part, want := range map[string]float64{"val": *r.Val(), "test": *r.Accuracy.Test} {
				stdout, rows := predicted(t, "-weights", weights, "-data", data, "-part", part)
				if got := accuracyIn(rows); got != want || len(rows) != r.Config.Split[slices.Index([]string{"train", "val", "test"}, part)] {
					t.Errorf("part %s: accuracy %g of %d, on record %g of %v", part, got, len(rows), want, r.Config.Split)
				}
				if text := fmt.Sprintf("\naccuracy %.4f: ", want); !strings.Contains(stdout, text) {
					t.Errorf("part %s: %q is missing in\n%s", part, text, stdout)
				}
			}
			stdout, rows := predicted(t, "-weights", filepath.Dir(weights), "-data", data)
			golden.Check(t, file, fmt.Sprintf("%s\n%q", stdout, rows[:2]))
			if _, rows := predicted(t, "-weights", weights, "-data", data, "-part", "all"); len(rows) < 90 {
				t.Errorf("there are %d samples", len(rows))
			}
		})
	}
}

// TestPredictOther classifies images of other files: with other classes and in other parts.
func TestPredictOther(t *testing.T) {
	isolate(t)
	shades(t, "shades", 0, 90, "black", "grey", "white")
	_, weights := trained(t, "o", "-data shades -iters 60 -lr 1e-3 -impl reference -hidden 8 -batch 10 -std 1e-1")
	shades(t, "new/train", 7, 30, "black", "grey", "white")
	shades(t, "new/test", 8, 40, "grey", "white")
	for part, want := range map[string]int{"train": 30, "test": 40, "all": 70, "": 70} {
		args := []string{"-weights", weights, "-data", "new"}
		if part != "" {
			args = append(args, "-part", part)
		}
		if _, rows := predicted(t, args...); len(rows) != want || accuracyIn(rows) < 0.6 {
			t.Errorf("part %q: %d images, want %d; accuracy %g", part, len(rows), want, accuracyIn(rows))
		}
	}
	if _, stderr, code := call(t, "predict", "-weights", weights, "-data", "new", "-part", "val"); code != exitBadInput || !strings.Contains(stderr, "have no such part; give -part all") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	// The numbers of the classes differ if one of them is missing, and their names do not.
	_, all := predicted(t, "-weights", weights, "-data", "new", "-part", "test")
	if err := os.Rename("new/test", "two"); err != nil {
		t.Fatal(err)
	}
	if _, two := predicted(t, "-weights", weights, "-data", "two"); !slices.EqualFunc(two, all, slices.Equal) {
		t.Errorf("without black images the predictions are %q, want %q", two, all)
	}
}

// TestPredictUnlabelled classifies samples without labels. The predictions must be those for the same samples with
// labels.
func TestPredictUnlabelled(t *testing.T) {
	isolate(t)
	shades(t, "shades", 0, 90, "black", "grey", "white")
	train, test := madeUp(1, "train", "<f8", 60, 5), madeUp(2, "test", "<f8", 31, 5)
	writeNPZ(t, "features.npz", slices.Concat(train, test)...)
	writeNPZ(t, "train.npz", train[0])
	writeNPZ(t, "test.npz", test[0])
	for _, c := range [][2]string{{"shades", "pile"}, {"features.npz", "train.npz"}, {"features.npz", "test.npz"}} {
		_, weights := trained(t, "of-"+c[1], "-iters 40 -lr 1e-3 -impl reference -hidden 8 -batch 10 -std 1e-1 -data "+c[0])
		_, all := predicted(t, "-weights", weights, "-data", c[0], "-part", "all")
		if c[1] == "pile" {
			names, err := filepath.Glob("shades/*/*.png")
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range names { // in the order of the classes
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				writeFile(t, fmt.Sprintf("pile/%03d.png", i), data)
			}
		}
		all = slices.DeleteFunc(all, func(row []string) bool {
			part, ok := strings.CutSuffix(c[1], ".npz")
			return ok && !strings.HasSuffix(row[1], " of x_"+part)
		})
		stdout, rows := predicted(t, "-weights", weights, "-data", c[1])
		if len(rows) != len(all) || strings.Contains(stdout, "accuracy") {
			t.Errorf("%s: %d rows, want %d; stdout\n%s", c[1], len(rows), len(all), stdout)
			continue
		}
		for i, row := range rows {
			if row[2] != "" || !slices.Equal(row[3:], all[i][3:]) || c[1] == "pile" && row[1] != fmt.Sprintf("%03d.png", i) || c[1] != "pile" && row[1] != all[i][1] {
				t.Errorf("%s: got %q, with labels %q", c[1], row, all[i])
			}
		}
	}
	if _, stderr, code := call(t, "-data", "pile", "-quiet"); code != exitBadInput {
		t.Errorf("a sweep on images without labels has exit code %d, stderr %q", code, stderr)
	}
	if _, stderr, code := call(t, "-data", "test.npz", "-quiet"); code != exitBadInput {
		t.Errorf("a sweep on features without labels has exit code %d, stderr %q", code, stderr)
	}
}

// TestPredictOneClass classifies images of one class only. A sweep refuses them.
func TestPredictOneClass(t *testing.T) {
	isolate(t)
	shades(t, "shades", 0, 90, "black", "grey", "white")
	_, weights := trained(t, "o", "-data shades -iters 60 -lr 1e-3 -impl reference -hidden 8 -batch 10 -std 1e-1")
	shades(t, "one", 7, 9, "grey")
	if _, rows := predicted(t, "-weights", weights, "-data", "one"); len(rows) != 9 || rows[0][2] != "grey" {
		t.Errorf("the rows are %q", rows)
	}
	if _, stderr, code := call(t, "-data", "one", "-quiet"); code != exitBadInput || !strings.Contains(stderr, "all samples are of class grey; training needs 2 or more classes") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// TestPredictOverflow classifies samples with scores that overflow. They have no class.
func TestPredictOverflow(t *testing.T) {
	isolate(t)
	writeNPZ(t, "features.npz", slices.Concat(madeUp(1, "train", "<f8", 60, 5), madeUp(2, "test", "<f8", 31, 5))...)
	_, weights := trained(t, "o", "-data features.npz -iters 40 -lr 1e-2 -impl reference -hidden 8 -batch 10 -std 1e-1")
	large := madeUp(3, "train", "<f8", 6, 5)
	for _, sample := range []int{1, 4} {
		for j := range 5 {
			binary.LittleEndian.PutUint64(large[0].data[8*(5*sample+j):], math.Float64bits(1e300))
		}
	}
	writeNPZ(t, "large.npz", large...)
	stdout, stderr, code := call(t, "predict", "-weights", weights, "-data", "large.npz", "-o", "p.csv")
	if code != exitFailed || !strings.Contains(stderr, "the scores of 2 of 6 samples overflow, so no class is predicted for them; ") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	data, err := os.ReadFile("p.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Fatalf("%v, %q", err, rows)
	}
	hits := 0
	for i, row := range rows[1:] {
		if overflows := i == 1 || i == 4; (row[3] == "") != overflows || (row[4] == "NaN") != overflows {
			t.Errorf("row %d is %q", i, row)
		}
		if row[2] == row[3] {
			hits++
		}
	}
	if want := fmt.Sprintf("accuracy %.4f: %d of 6\n", float64(hits)/6, hits); !strings.Contains(stdout, want) {
		t.Errorf("%q is missing in %s", want, stdout)
	}
}

// TestPredictErrors checks the errors about files that do not fit each other.
func TestPredictErrors(t *testing.T) {
	file, err := filepath.Abs(filepath.Join("testdata", "predict.txt"))
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	shades(t, "shades", 0, 60, "black", "grey", "white")
	shades(t, "animals", 0, 60, "cat", "dog")
	writeNPZ(t, "features.npz", madeUp(1, "train", "<f8", 60, 5)...)
	writeNPZ(t, "bytes.npz", madeUp(1, "train", "|u1", 60, 5)...)
	writeNPZ(t, "colours.npz", madeUp(1, "train", "|u1", 60, 4, 6, 3)...)
	writeNPZ(t, "large.npz", madeUp(1, "train", "|u1", 60, 8, 8)...)
	_, images := trained(t, "o", "-data shades -iters 4 -lr 1e-3 -impl reference -hidden 2 -batch 10")
	_, features := trained(t, "p", "-data features.npz -iters 4 -lr 1e-3 -impl reference -hidden 2 -batch 10")
	whole, err := os.ReadFile(images)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "torn", whole[:len(whole)/2])
	writeFile(t, "both/a.safetensors", whole)
	writeFile(t, "both/b.safetensors", whole)
	writeFile(t, "taken.csv", nil)
	for _, args := range []string{
		"-weights IMAGES -data animals", "-weights IMAGES -data features.npz", "-weights IMAGES -data large.npz", "-weights IMAGES -data colours.npz",
		"-weights IMAGES -data bytes.npz", "-weights FEATURES -data bytes.npz", "-weights torn -data shades", "-weights both -data shades",
		"-weights shades -data shades", "-weights IMAGES -data shades -o taken.csv", "-weights IMAGES -data shades -o shades -force",
		"-weights IMAGES -data shades -o none/p.csv", "-weights IMAGES -data shades -o IMAGES -force", "-weights IMAGES -data features.npz -resize 6x4", "-weights IMAGES -data shades -resize 5x5",
	} {
		t.Run(args, func(t *testing.T) {
			words := strings.Fields(strings.NewReplacer("IMAGES", images, "FEATURES", features).Replace(args))
			stdout, stderr, code := call(t, append([]string{"predict"}, words...)...)
			if code != exitBadInput || stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			golden.Check(t, file, stderr)
		})
	}
	for _, name := range []string{"none", "p.csv"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// TestNumPyReader runs the program in docs/weights.md. Its predictions must be those of sweep predict.
func TestNumPyReader(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import numpy").Run(); err != nil {
		t.Skipf("%s has no NumPy: %v", python, err)
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "weights.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(page)
	if m == nil || bytes.Count(m[1], []byte("\n")) > 12 {
		t.Fatalf("docs/weights.md has no program of at most 12 lines: %q", m)
	}
	isolate(t)
	writeFile(t, "classify.py", m[1])
	for i, c := range []struct {
		descr string
		shape []int
		args  string
	}{
		{"|u1", []int{4, 6, 3}, "-iters 60 -lr 1e-3 -hidden 8"},
		{"|u1", []int{4, 6, 3}, "-epochs 9 -lr 1e-2 -net fc -hidden 8x5 -dtype f64"},
		{"|u1", []int{4, 6}, "-iters 60 -lr 1e-3 -hidden 8 -dtype bfp16"},
		{"<f8", []int{5}, "-epochs 9 -lr 3e-1 -net fc -hidden 8x5 -norm standard"},
		{"<f8", []int{5}, "-iters 60 -lr 1e-1 -hidden 8 -norm none -dtype f64"},
	} {
		data := fmt.Sprintf("d%d.npz", i)
		writeNPZ(t, data, slices.Concat(madeUp(1, "train", c.descr, 90, c.shape...), madeUp(2, "test", c.descr, 60, c.shape...))...)
		_, weights := trained(t, fmt.Sprintf("o%d", i), c.args+" -data "+data+" -impl reference -batch 10 -std 1e-1")
		stdout, rows := predicted(t, "-weights", weights, "-data", data)
		out, err := exec.Command(python, "classify.py", weights, data).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", c.args, err, out)
			continue
		}
		var ours []string
		for _, row := range rows {
			ours = append(ours, row[3])
		}
		if got := strings.Fields(string(out)); !slices.Equal(got, ours) || len(slices.Compact(slices.Sorted(slices.Values(ours)))) < 2 || accuracyIn(rows) < 0.5 {
			t.Errorf("%s: NumPy finds %v, sweep predict %v\n%s", c.args, got, ours, stdout)
		}
	}
}

// TestMatrix checks that a wide matrix is broken into parts that fit the terminal.
func TestMatrix(t *testing.T) {
	file := filepath.Join("testdata", "predict.txt")
	const n = 20
	names, matrix := make([]string, n), make([][]int, n)
	for i := range n {
		names[i] = fmt.Sprintf("a rather long name of class %d", i)
		for j := range n {
			matrix[i] = append(matrix[i], 1000*i+j)
		}
	}
	var b bytes.Buffer
	writeMatrix(&b, names, matrix, 80)
	golden.Check(t, file, b.String())
}
