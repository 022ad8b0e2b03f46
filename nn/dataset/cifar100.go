package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/internal/pages"
	"fusegrid/nn/labelled"
)

// Labels chooses the labels of a set that has several, which is CIFAR-100.
type Labels string

const (
	Fine   Labels = "fine"   // 100 classes
	Coarse Labels = "coarse" // 20 superclasses
)

// record100 is the length of a record of the binary version of CIFAR-100: the coarse label, the fine
// label and an image in CHW order.
const record100 = 2 + Dim

// max100 is the maximum number of images in a file of CIFAR-100, four times as many as in the published one.
const max100 = 4 * 50000

// find100 returns the folder with CIFAR-100, which is dir or the folder that an archive unpacks to,
// and reports whether its files have the binary version.
func find100(dir string) (folder string, binary, ok bool) {
	has := func(folder string, names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			info, err := os.Stat(filepath.Join(folder, name))
			return err != nil || info.IsDir()
		})
	}
	for _, sub := range []string{"", "cifar-100-binary", "cifar-100-python"} {
		switch folder := filepath.Join(dir, sub); {
		case has(folder, "train.bin", "test.bin"):
			return folder, true, true
		case has(folder, "train", "test", "meta"):
			return folder, false, true
		}
	}
	return "", false, false
}

// load100 reads CIFAR-100 from a folder.
func load100(name, dir string, binary bool, labels Labels) (*Dataset, error) {
	if labels == "" {
		labels = Fine
	}
	d := &Dataset{Name: name, Shape: cifarShape(), labels: labels}
	if labels == Coarse {
		d.Name += "-coarse"
	}
	files := [2]string{"train", "test"}
	var err error
	if binary {
		files = [2]string{"train.bin", "test.bin"}
		d.Classes, err = names100(filepath.Join(dir, string(labels)+"_label_names.txt"), labels)
	} else {
		d.Classes, err = meta100(filepath.Join(dir, "meta"), labels)
	}
	if err != nil {
		return nil, err
	}
	for i, s := range []*labelled.Samples{&d.Train, &d.Test} {
		if *s, err = read100(filepath.Join(dir, files[i]), binary, labels, len(d.Classes)); err != nil {
			return nil, err
		}
	}
	d.place = func(test bool, i int) string {
		if test {
			return inPart(d.Shape, i, files[1])
		}
		return inPart(d.Shape, i, files[0])
	}
	return d, nil
}

// remedy100 is the advice in errors if the user needs a good copy of the data.
const remedy100 = "get a sound copy of CIFAR-100"

// read100 reads a file of images.
func read100(path string, binary bool, labels Labels, classes int) (labelled.Samples, error) {
	f, size, err := openRegular(path, remedy100)
	if err != nil {
		return labelled.Samples{}, err
	}
	defer f.Close()
	read := readPython100
	if binary {
		read = readBinary100
	}
	s, err := read(f, size, labels, classes)
	if err == nil {
		return s, nil
	}
	if what, _ := foreign(beginning(f)); what != "" {
		err = errors.New(what)
	}
	return s, fmt.Errorf("%s: %w; %s", path, cause(err), remedy100)
}

func readBinary100(r io.Reader, size int64, labels Labels, classes int) (s labelled.Samples, err error) {
	n := size / record100
	switch rest := size % record100; {
	case n > max100:
		return s, fmt.Errorf("%d bytes, want at most %d", size, max100*record100)
	case rest != 0 || n == 0:
		return s, fmt.Errorf("truncated: %d bytes are %d records of %d bytes and %d bytes of another record", size, n, record100, rest)
	}
	s = labelled.Samples{X: pages.Make[uint8](int(n) * Dim), Y: make([]uint16, n)}
	at := 0 // place of the label
	if labels == Fine {
		at = 1
	}
	b := make([]byte, record100)
	for i := range s.Y {
		if _, err := io.ReadFull(r, b); err != nil {
			return s, fmt.Errorf("record %d, byte %d: the file ends here, want %d records", i, i*record100, n)
		}
		if int(b[at]) >= classes {
			return s, fmt.Errorf("record %d, byte %d: %s label %d, want 0 to %d", i, i*record100+at, labels, b[at], classes-1)
		}
		s.Y[i] = uint16(b[at])
		copy(s.X[i*Dim:], b[2:])
	}
	return s, nil
}

func readPython100(r io.Reader, size int64, labels Labels, classes int) (labelled.Samples, error) {
	room := func(n int) labelled.Samples {
		return labelled.Samples{X: pages.Make[uint8](n * Dim), Y: make([]uint16, n)}
	}
	return readPickled(r, size, string(labels)+"_labels", classes, room)
}

// count returns the number of classes.
func (l Labels) count() int {
	if l == Coarse {
		return 20
	}
	return 100
}

// names100 reads the names of the classes of the binary version, one a line. If there is no such
// file, the names are numbers.
func names100(path string, labels Labels) ([]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var names []string
		for i := range labels.count() {
			names = append(names, fmt.Sprint(i))
		}
		return names, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	return check100(path, strings.Fields(string(b)), labels)
}

// meta100 reads the names of the classes of the python version.
func meta100(path string, labels Labels) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	if len(b) > maxMeta {
		return nil, fmt.Errorf("%s: %d bytes, want at most %d; %s", path, len(b), maxMeta, remedy100)
	}
	names, err := pickledNames(b, string(labels)+"_label_names")
	if err != nil {
		return nil, fmt.Errorf("%s: %w; %s", path, err, remedy100)
	}
	return check100(path, names, labels)
}

func check100(path string, names []string, labels Labels) ([]string, error) {
	if err := checkClasses(names, labels.count()); err != nil {
		return nil, fmt.Errorf("%s: %w; %s", path, err, remedy100)
	}
	return names, nil
}
