package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"

	"fusegrid/nn/labelled"
)

// CIFAR-10 has five training batches and a test batch. The published ones have 10,000 images each.
const (
	perBatch     = 10000
	trainBatches = 5
)

// remedy is the advice in errors if the user needs a good copy of the data.
const remedy = `"sweep fetch" gets a sound copy`

// remedyCopy is the same advice for files that "sweep fetch" does not get.
const remedyCopy = "get a sound copy"

// A version is one of the two forms in which CIFAR-10 is distributed.
type version struct {
	folder string // name of the folder in the archive
	suffix string // suffix of the batch files
	meta   string // name of the file with the class names
	atOnce int    // number of files to read concurrently; low for pickles, because they are held in memory
	// read returns the images of a batch file of the given size. The function room returns memory
	// for n images.
	read func(r io.Reader, size int64, room func(n int) labelled.Samples) (labelled.Samples, error)
	// classes reads the class names from the content of the meta file.
	classes func(b []byte) ([]string, error)
}

func versions() []version {
	// The binary version has one class name per line.
	lines := func(b []byte) ([]string, error) { return strings.Fields(string(b)), nil }
	return []version{
		{binaryFolder, ".bin", "batches.meta.txt", trainBatches + 1, readBinary, lines},
		{pythonFolder, "", "batches.meta", 2, readPython, pickleClasses},
	}
}

// batches returns the names of the batch files, the test batch last.
func (v version) batches() []string {
	var names []string
	for i := 1; i <= trainBatches; i++ {
		names = append(names, fmt.Sprintf("data_batch_%d%s", i, v.suffix))
	}
	return append(names, "test_batch"+v.suffix)
}

// LoadCIFAR10 reads CIFAR-10 from dir, as [LoadWith] does, and no other set.
func LoadCIFAR10(dir string) (*Dataset, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w; name the folder that holds the CIFAR-10 batch files", dir, cause(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("dataset: %w", isFile(dir))
	}
	d, err := loadCIFAR10(dir)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return d, nil
}

// loadCIFAR10 reads CIFAR-10 from dir. The folder must hold the batch files of the binary or the
// python version, or the folder that an archive unpacks to. The batch files may have any number of
// images, so dir may hold a subset of CIFAR-10. The file of class names may be missing.
func loadCIFAR10(dir string) (*Dataset, error) {
	dir, v, err := locate(dir)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Shape: cifarShape()}
	published := sync.OnceValue(func() labelled.Samples { return newImages(trainBatches * perBatch) })
	batches := make([]labelled.Samples, trainBatches+1)
	var wg sync.WaitGroup
	errs := make([]error, len(batches))
	turn := make(chan struct{}, v.atOnce)
	for i, name := range v.batches() {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			room := func(n int) labelled.Samples {
				if i < trainBatches && n == perBatch {
					return published().Slice(i*perBatch, (i+1)*perBatch)
				}
				return newImages(n)
			}
			batches[i], errs[i] = v.readFile(filepath.Join(dir, name), room)
		})
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil { // the first file with an error, in the order of batches
		return nil, err
	}
	d.join(batches[:trainBatches], published)
	d.Test = batches[trainBatches]
	d.Classes, err = v.readClasses(filepath.Join(dir, v.meta))
	return d, err
}

// join sets Train to the images of the training batches. It copies them, unless each batch has the
// published number of images. In this case, they are already in the memory that published returns.
func (d *Dataset) join(batches []labelled.Samples, published func() labelled.Samples) {
	total := 0
	for _, b := range batches {
		d.batches = append(d.batches, b.Len())
		total += b.Len()
	}
	if !slices.ContainsFunc(d.batches, func(n int) bool { return n != perBatch }) {
		d.Train = published()
		return
	}
	d.Train = newImages(total)
	at := 0
	for _, b := range batches {
		copy(d.Train.Y[at:], b.Y)
		copy(d.Train.X[at*Dim:], b.X)
		at += b.Len()
	}
}

// locate returns the folder with the batch files, which is dir or a folder in dir, and the
// version of the files.
func locate(dir string) (string, version, error) {
	for _, v := range versions() {
		for _, folder := range []string{dir, filepath.Join(dir, v.folder)} {
			var missing []string
			for _, name := range v.batches() {
				if _, err := os.Lstat(filepath.Join(folder, name)); errors.Is(err, fs.ErrNotExist) {
					missing = append(missing, name)
				}
			}
			switch len(missing) {
			case 0:
				return folder, v, nil
			case trainBatches + 1: // this folder has no batch
			default:
				return "", version{}, fmt.Errorf("%s: lacks %s; %s", folder, strings.Join(missing, ", "), cmp.Or(packed(folder), remedy))
			}
		}
	}
	for _, folder := range []string{dir, filepath.Join(dir, binaryFolder), filepath.Join(dir, pythonFolder)} {
		if text := packed(folder); text != "" {
			return "", version{}, errNone(fmt.Sprintf("%s: has no readable data; %s", folder, text))
		}
	}
	return "", version{}, errNone(fmt.Sprintf(`%s: no data here; %s; "sweep fetch" gets CIFAR-10`, dir, wantData))
}

// An errNone is the error for a folder without CIFAR-10. It says what is there.
type errNone string

func (e errNone) Error() string { return string(e) }

// readFile returns the images of the batch file at path, in memory that room returns.
func (v version) readFile(path string, room func(n int) labelled.Samples) (labelled.Samples, error) {
	f, size, err := openRegular(path, remedy)
	if err != nil {
		return labelled.Samples{}, err
	}
	defer f.Close()
	im, err := v.read(f, size, room)
	if err != nil {
		if known := v.identify(path, f, size); known != nil {
			return labelled.Samples{}, known
		}
		return labelled.Samples{}, fmt.Errorf("%s: %w; %s", path, cause(err), remedy)
	}
	return im, nil
}

// classNames returns the class names of CIFAR-10.
func classNames() []string {
	return []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
}

// maxMeta is the largest size of the file of class names. Real files have about 60 or 160 bytes.
const maxMeta = 1 << 16

// readClasses reads the class names at path. If the file does not exist, it returns the names of
// CIFAR-10.
func (v version) readClasses(path string) ([]string, error) {
	f, size, err := openRegular(path, remedy)
	if errors.Is(err, fs.ErrNotExist) {
		return classNames(), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Otherwise ten words of any other file would pass as class names.
	if what, todo := foreign(beginning(f)); what != "" {
		return nil, fmt.Errorf("%s: %s; %s", path, what, todo)
	}
	if size == 0 {
		return nil, fmt.Errorf("%s: is empty; remove it, or %s", path, remedy)
	}
	if size > maxMeta {
		return nil, fmt.Errorf("%s: %d bytes, want at most %d; %s", path, size, maxMeta, remedy)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxMeta))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	names, err := v.classes(b)
	if err == nil {
		err = checkClasses(names, numClasses)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; %s", path, err, remedy)
	}
	return names, nil
}

func checkClasses(names []string, want int) error {
	if len(names) != want {
		return fmt.Errorf("%d class names, want %d", len(names), want)
	}
	for i, name := range names {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("class name %d is %q, want printable text", i, name)
		}
	}
	return nil
}

// openRegular opens a regular file. It rejects other files, because reading them could block or
// never end. The argument todo is the advice for a file that is missing.
func openRegular(path, todo string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, 0, fmt.Errorf("%s: %w; make the folder searchable (chmod +x)", path, cause(err))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w; %s", path, cause(err), todo)
	}
	if !info.Mode().IsRegular() {
		kind := "not a regular file"
		if info.IsDir() {
			kind = "a folder"
		}
		return nil, 0, fmt.Errorf("%s: is %s, want a file; %s", path, kind, todo)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w; make the file readable", path, cause(err))
	}
	return f, info.Size(), nil
}

// cause returns err without the operation and the path that package os adds. It is for callers that
// name the path themselves.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
