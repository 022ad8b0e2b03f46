package dataset

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/nn/labelled"
)

// number writes a different number into the first four bytes of each image of a set.
func number(d *Dataset) {
	for i := range d.Train.Len() {
		binary.LittleEndian.PutUint32(d.Train.X[i*Dim:], uint32(i))
	}
	for i := range d.Test.Len() {
		binary.LittleEndian.PutUint32(d.Test.X[i*Dim:], uint32(1<<20+i))
	}
}

// copyTo copies n images from index i of one list to index j of another.
func copyTo(to labelled.Samples, j int, from labelled.Samples, i, n int) {
	copy(to.X[j*Dim:(j+n)*Dim], from.X[i*Dim:(i+n)*Dim])
}

// notesOf returns the notes of a custom set with the split of the assignment.
func notesOf(t *testing.T, d *Dataset, hash string, train, val, test int) []string {
	t.Helper()
	p, err := d.ordered(train, val, test)
	if err != nil {
		t.Fatal(err)
	}
	return d.notes(custom, hash, p)
}

func TestCustomSets(t *testing.T) {
	const size = 100 // of a batch
	d := &Dataset{Shape: cifarShape(), Train: newImages(5 * size), Test: newImages(size), batches: slices.Repeat([]int{size}, 5)}
	for _, c := range []struct {
		name string
		edit func(d *Dataset)
		want []string
	}{
		{"all differ", func(d *Dataset) {}, nil},
		{"the first batch as the test batch", func(d *Dataset) { copyTo(d.Test, 0, d.Train, 0, size) },
			[]string{"10 of 10 test images in use are training images: image 0 of test_batch is image 0 of data_batch_1"}},
		{"one test image", func(d *Dataset) { copyTo(d.Test, 7, d.Train, 321, 1) },
			[]string{"1 of 10 test images in use are training images: image 7 of test_batch is image 21 of data_batch_4"}},
		{"with another label", func(d *Dataset) { copyTo(d.Test, 7, d.Train, 321, 1); d.Test.Y[7] = 3 },
			[]string{"1 of 10 test images in use are training images: image 7 of test_batch is image 21 of data_batch_4"}},
		{"a test image that is not used", func(d *Dataset) { copyTo(d.Test, 10, d.Train, 321, 1) }, nil},
		{"the last batch as the test batch", func(d *Dataset) { copyTo(d.Test, 0, d.Train, 495, 5) },
			[]string{"5 of 10 test images in use are validation images: image 0 of test_batch is image 95 of data_batch_5"}},
		{"the first batch as the fourth", func(d *Dataset) { copyTo(d.Train, 300, d.Train, 0, size) },
			[]string{"100 of 490 training images in use repeat earlier ones: image 0 of data_batch_4 is image 0 of data_batch_1"}},
		{"the first batch as the last", func(d *Dataset) { copyTo(d.Train, 400, d.Train, 0, size) },
			[]string{"90 of 490 training images in use repeat earlier ones: image 0 of data_batch_5 is image 0 of data_batch_1",
				"10 of 10 validation images in use are training images: image 90 of data_batch_5 is image 90 of data_batch_1"}},
		{"a repeated image in the test batch", func(d *Dataset) { copyTo(d.Test, 1, d.Test, 0, 1) }, nil},
	} {
		number(d)
		c.edit(d)
		notes := notesOf(t, d, "479eb0a3f00d", 490, 10, 10)
		want := append([]string{"this is not the published CIFAR-10: its 500 training and 100 test images are named custom (479eb0a3)"}, c.want...)
		if !slices.Equal(notes, want) {
			t.Errorf("%s: %q, want %q", c.name, notes, want)
		}
		for _, note := range notes {
			if len(note) > 120 {
				t.Errorf("%s: %d characters: %s", c.name, len(note), note)
			}
		}
	}
}

// TestSplitNames checks that the name and the notes do not depend on the order of the pixels.
func TestSplitNames(t *testing.T) {
	for _, order := range []Order{CHW, HWC} {
		d := &Dataset{Shape: cifarShape(), Train: newImages(20), Test: newImages(3)}
		number(d)
		copyTo(d.Test, 1, d.Train, 5, 1)
		s, err := d.Split(order, 12, 4, 3)
		if err != nil {
			t.Fatal(err)
		}
		if want := notesOf(t, d, d.Hash(), 12, 4, 3); s.Name != "custom" || len(want) != 2 || !slices.Equal(s.Notes, want) {
			t.Errorf("%v: name %q, notes %q, want %q", order, s.Name, s.Notes, want)
		}
	}
}

func TestSyntheticHasNoNotes(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it takes seconds on a slow machine")
	}
	s, err := synthetic().DefaultSplit(CHW)
	if err != nil || s.Name != "synthetic" || s.Notes != nil {
		t.Errorf("name %q, notes %q, error %v", s.Name, s.Notes, err)
	}
}

func TestNameOf(t *testing.T) {
	for _, c := range [][3]string{
		{"cifar-10", publishedHash, "cifar-10"}, {"cifar-10", "479eb0a3", "custom"}, {"synthetic", "2255a2f5", "synthetic"}, {"custom", "479eb0a3", "custom"},
	} {
		if got := NameOf(c[0], c[1]); got != c[2] {
			t.Errorf("NameOf(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// TestPublished checks the name of the published set, which has no notes. A copy with a repeated
// batch has another name and a note.
func TestPublished(t *testing.T) {
	dir := realDir(t)
	d, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range []Order{CHW, HWC} {
		s, err := d.DefaultSplit(order)
		if err != nil || s.Name != "cifar-10" || s.Notes != nil {
			t.Errorf("name %q, notes %q, error %v", s.Name, s.Notes, err)
		}
	}
	folder, v, err := locate(dir)
	if err != nil || v.suffix == "" {
		t.Skipf("%s is not the binary version: %v", dir, err)
	}
	copied := t.TempDir()
	for _, name := range v.batches() {
		from := strings.Replace(name, "test_batch", "data_batch_1", 1)
		if err := os.Symlink(filepath.Join(folder, from), filepath.Join(copied, name)); err != nil {
			t.Fatal(err)
		}
	}
	if d, err = Load(copied); err != nil {
		t.Fatal(err)
	}
	s, err := d.DefaultSplit(HWC)
	if err != nil || s.Name != "custom" || len(s.Notes) < 2 || !strings.Contains(strings.Join(s.Notes, "\n"), "1000 of 1000 test images in use are training images") {
		t.Errorf("name %q, notes %q, error %v", s.Name, s.Notes, err)
	}
	t.Log(s.Notes)
}
