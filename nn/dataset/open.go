package dataset

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LoadOptions choose between the forms of a set. The zero value is their default.
type LoadOptions struct {
	Labels Labels // for CIFAR-100; "" means Fine
	Resize Size   // for folders of images; the zero value keeps the size of the files

	// Unlabelled says that a set is only to be classified. It may have one class, or lack labels, such as
	// a folder of images without folders of classes. Then it has no Classes, and all its labels are 0.
	Unlabelled bool
}

// Load reads the set at path with default options; see [LoadWith].
func Load(path string) (*Dataset, error) { return LoadWith(path, LoadOptions{}) }

// LoadWith reads the set at path. The path is a file that NumPy's savez wrote (.npz), a file of
// training images in the IDX format, or a folder. A folder holds one of these sets:
//   - CIFAR-10 or CIFAR-100, in the binary or the python version, or the folder that one of their
//     archives unpacks to;
//   - files in the IDX format with the names of MNIST, such as train-images-idx3-ubyte, which may be
//     compressed with gzip;
//   - a folder for each class with its images in PNG or JPEG files, or folders train, test and
//     perhaps val with such folders;
//   - one .npz file.
//
// Without labels, it is a folder of PNG or JPEG files, or an .npz file without arrays of labels.
//
// The name of the set is the name of the file or folder. The name cifar-10 is only for the published
// CIFAR-10. Errors have one line, which names the file, the position in the file and a remedy.
func LoadWith(path string, o LoadOptions) (*Dataset, error) {
	d, err := load(path, o)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	switch {
	case o.Labels != "" && d.labels == "":
		return nil, fmt.Errorf("dataset: %s: %s labels are for CIFAR-100; this set has one kind of labels", path, o.Labels)
	case o.Resize != Size{} && !d.tree:
		return nil, fmt.Errorf("dataset: %s: only folders of image files are resized", path)
	case len(d.Classes) == 1 && !o.Unlabelled:
		return nil, fmt.Errorf("dataset: %s: all samples are of class %s; training needs 2 or more classes", path, d.Classes[0])
	}
	return d, nil
}

const wantData = "name a folder with CIFAR-10, CIFAR-100, MNIST or images, or a .npz file"

func load(path string, o LoadOptions) (*Dataset, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w; %s", path, cause(err), wantData)
	case !info.IsDir():
		return loadFile(path, o)
	}
	if _, err := os.ReadDir(path); err != nil {
		return nil, fmt.Errorf("%s: %w; make the folder readable", path, cause(err))
	}
	d, err := loadCIFAR10(path)
	if _, none := errors.AsType[errNone](err); !none {
		return d, err
	}
	if folder, binary, ok := find100(path); ok {
		return load100(nameOf(folder), folder, binary, o.Labels)
	}
	sets := findIDX(path)
	switch prefixes := slices.Sorted(maps.Keys(sets)); {
	case len(sets) == 1:
		return loadIDX(nameOf(path), *sets[prefixes[0]])
	case len(sets) > 1:
		return nil, fmt.Errorf("%s: there are %d sets here; name one of its files, %s", path, len(sets), sets[prefixes[0]].trainX)
	}
	if parts, ok := imageFolders(path); ok {
		return loadTree(nameOf(path), parts, o.Resize)
	}
	if files := picturesIn(path, 0); o.Unlabelled && len(files) > 0 {
		return loadPile(nameOf(path), files, o.Resize)
	}
	if found, _ := filepath.Glob(filepath.Join(path, "*.npz")); len(found) == 1 {
		return loadFile(found[0], o)
	} else if len(found) > 1 {
		return nil, fmt.Errorf("%s: there are %d .npz files here; name one of them, %s", path, len(found), found[0])
	}
	return nil, err
}

// loadFile reads a set from a file.
func loadFile(path string, o LoadOptions) (*Dataset, error) {
	if strings.HasSuffix(strings.ToLower(path), ".npz") {
		return loadNPZ(path, nameOf(path), o.Unlabelled)
	}
	if m := idxImages.FindStringSubmatch(filepath.Base(path)); m != nil {
		name := strings.Trim(m[1], "-_.")
		if name == "" {
			name = nameOf(filepath.Dir(path))
		}
		return loadIDX(name, *findIDX(filepath.Dir(path))[m[1]])
	}
	return nil, isFile(path)
}

// nameOf returns the name of a file or folder without its ending. Characters that are unusual in the
// names of folders become hyphens.
func nameOf(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	name := strings.TrimSuffix(filepath.Base(path), ".npz")
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(plain, r) {
			return r
		}
		return '-'
	}, name)
	return strings.Trim(name, "-.")
}
