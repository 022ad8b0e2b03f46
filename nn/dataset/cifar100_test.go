package dataset

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
)

// files100 are a set of five training and two test images in the binary version. Image i has the
// coarse label i, the fine label 20·i, and pixels that count from i.
func files100() map[string][]byte {
	var train, test []byte
	for i := range 7 {
		record := append([]byte{byte(i % 3), byte(20 * (i % 3))}, numbers(i, Dim)...)
		if i < 5 {
			train = append(train, record...)
		} else {
			test = append(test, record...)
		}
	}
	names := func(kind string, n int) (b []byte) {
		for i := range n {
			b = fmt.Appendf(b, "%s%d\n", kind, i)
		}
		return b
	}
	return map[string][]byte{"train.bin": train, "test.bin": test, "fine_label_names.txt": names("fine", 100), "coarse_label_names.txt": names("coarse", 20)}
}

func Test100(t *testing.T) {
	inFolder := map[string][]byte{}
	for name, b := range files100() {
		inFolder[filepath.Join("cifar-100-binary", name)] = b
	}
	for _, c := range []struct {
		files   map[string][]byte
		labels  Labels
		name    string
		classes int
		y       []uint16
	}{
		{files100(), "", "little-mnist", 100, []uint16{0, 20, 40, 0, 20}},
		{files100(), Coarse, "little-mnist-coarse", 20, []uint16{0, 1, 2, 0, 1}},
		{inFolder, Fine, "cifar-100-binary", 100, []uint16{0, 20, 40, 0, 20}},
	} {
		d, err := LoadWith(writeFiles(t, c.files), LoadOptions{Labels: c.labels})
		if err != nil {
			t.Error(err)
			continue
		}
		if d.Name != c.name || len(d.Classes) != c.classes || d.Classes[1] != string(d.labels)+"1" || !slices.Equal(d.Train.Y, c.y) {
			t.Errorf("%s: name %q, %d classes, labels %v", c.labels, d.Name, len(d.Classes), d.Train.Y)
		}
		if !bytes.Equal(d.Train.Row(4), numbers(4, Dim)) || !bytes.Equal(d.Test.Row(1), numbers(6, Dim)) || d.Test.Len() != 2 {
			t.Errorf("%s: the pixels differ", c.labels)
		}
	}
}

// pickle100 returns the pickle of {"data": array of n images, KEY: labels}, in the form that Python 2 writes.
func pickle100(key string, labels ...byte) []byte {
	n := len(labels)
	b := []byte("\x80\x02}q\x01(U" + string(rune(len(key))) + key + "q\x04]q\x05(")
	for _, label := range labels {
		b = append(b, 'K', label)
	}
	b = append(b, "eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09(K\x01K"...)
	b = append(b, byte(n))
	b = append(b, "M\x00\x0c\x86cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"...)
	b = append(b, byte(n*Dim), byte(n*Dim>>8), byte(n*Dim>>16), 0)
	b = append(b, numbers(1, n*Dim)...)
	return append(b, "tbu."...)
}

func Test100Python(t *testing.T) {
	meta := []byte("\x80\x02}q\x01(U\x10fine_label_namesq\x02]q\x03(")
	for i := range 100 {
		meta = append(meta, fmt.Sprintf("U\x03f%02d", i)...)
	}
	meta = append(meta, "eu."...)
	dir := writeFiles(t, map[string][]byte{"train": pickle100("fine_labels", 3, 99), "test": pickle100("fine_labels", 3), "meta": meta})
	d, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Classes) != 100 || d.Classes[99] != "f99" || !slices.Equal(d.Train.Y, []uint16{3, 99}) || !bytes.Equal(d.Train.X, numbers(1, 2*Dim)) {
		t.Errorf("classes %q, labels %v", d.Classes, d.Train.Y)
	}
	if _, err := LoadWith(dir, LoadOptions{Labels: Coarse}); err == nil || !strings.Contains(err.Error(), `"coarse_label_names" is`) {
		t.Errorf("coarse: %v", err)
	}
}

func Test100Rejects(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(files map[string][]byte)
	}{
		{"truncated", func(f map[string][]byte) { f["train.bin"] = f["train.bin"][:5000] }},
		{"empty", func(f map[string][]byte) { f["train.bin"] = nil }},
		{"fine label", func(f map[string][]byte) { f["train.bin"][record100+1] = 100 }},
		{"names", func(f map[string][]byte) { f["fine_label_names.txt"] = []byte("a b c") }},
		{"a page", func(f map[string][]byte) { f["test.bin"] = []byte("<html>") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := files100()
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
