package dataset

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fusegrid/internal/sniff"
)

// page is the advice for a file that is a web page.
const page = "the server sent it instead of the file; " + remedy

// foreign looks at the first bytes of a file, to recognize files of other formats. It returns a
// description of the file and advice, or empty texts if it does not recognize the format.
func foreign(head []byte) (what, todo string) {
	what, todo = sniff.Format(head)
	switch {
	case what == "" || todo != "":
	case strings.HasSuffix(what, " page"):
		todo = page
	default:
		todo = remedy
	}
	return what, todo
}

// beginning returns the first bytes of a file, or as many as can be read.
func beginning(f io.ReaderAt) []byte {
	head := make([]byte, sniff.Head)
	n, _ := f.ReadAt(head, 0)
	return head[:n]
}

// identify recognizes files that are not batches of this version. It returns an error with the
// format of the file and a remedy, or nil if it does not recognize the format.
func (v version) identify(path string, f io.ReaderAt, size int64) error {
	head := beginning(f)
	what, todo := foreign(head)
	switch {
	case size == 0:
		what, todo = "is empty", remedy
	case what != "":
	case v.suffix == "" && size%recordLen == 0:
		what, todo = "is a batch of the binary version", "give all six files names that end in .bin"
	case v.suffix != "" && len(head) > 1 && head[0] == 0x80 && head[1] <= 5:
		what, todo = "is a batch of the python version", "give all six files names without "+v.suffix
	default:
		return nil
	}
	return fmt.Errorf("%s: %s; %s", path, what, todo)
}

// packed looks in dir for CIFAR-10 in a form that Load does not read. It returns a description with
// advice, or "".
func packed(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	other := ""
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		name, lower := e.Name(), strings.ToLower(e.Name())
		if strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(plain, r) }) {
			name = strconv.Quote(name)
		}
		unpack := ""
		switch {
		case lower == "fine_label_names.txt":
			other = name + " belongs to CIFAR-100, but train.bin or test.bin is missing"
		case strings.Contains(lower, "matlab"), lower == "data_batch_1.mat":
			other = name + " belongs to the MATLAB version, which is not supported"
		case strings.HasSuffix(lower, ".tar.gz.part"):
			other = name + " is an unfinished download"
		case strings.HasSuffix(lower, ".tar.gz"), strings.HasSuffix(lower, ".tgz"):
			unpack = "tar -xzf " + name
		case strings.HasSuffix(lower, ".tar"):
			unpack = "tar -xf " + name
		case strings.HasSuffix(lower, ".zip"):
			unpack = "unzip " + name
		case strings.HasSuffix(lower, ".gz") && isBatch(strings.TrimSuffix(lower, ".gz")):
			unpack = "gunzip *.gz"
		}
		if unpack != "" {
			return fmt.Sprintf("%s is still packed; unpack it there: %s", name, unpack)
		}
	}
	if other != "" {
		other += "; " + remedy
	}
	return other
}

// plain lists the characters that a shell does not interpret.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+"

// isBatch reports whether name is the name of a batch file in either version.
func isBatch(name string) bool {
	return slices.ContainsFunc(versions(), func(v version) bool { return slices.Contains(v.batches(), name) })
}

// isFile returns the error for a path that is a file but should be a folder.
func isFile(path string) error {
	if isBatch(filepath.Base(path)) {
		return fmt.Errorf("%s: is a batch file; name the folder that holds the batch files", path)
	}
	if f, _, err := openRegular(path, remedy); err == nil {
		defer f.Close()
		if what, todo := foreign(beginning(f)); what != "" {
			return fmt.Errorf("%s: %s; %s; then %s", path, what, todo, wantData)
		}
	}
	return fmt.Errorf("%s: is a file of an unknown format; %s", path, wantData)
}
