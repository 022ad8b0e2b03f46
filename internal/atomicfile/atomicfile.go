// Package atomicfile writes whole files. A file that it writes is never incomplete, except on Windows,
// which cannot replace files atomically.
package atomicfile

import (
	"os"
	"path/filepath"
	"regexp"
)

// temporary matches the names of Write's temporary files: a dot, the name and a random number.
var temporary = regexp.MustCompile(`^\.(.*?)\d{6,}$`)

// RemoveTemporary removes temporary files from a folder. Write leaves such a file if the process is
// killed while it writes. The function removes a temporary file only if belongs returns true for
// the name of the file that Write was to create. The caller must ensure that no process writes to
// the folder at the same time.
func RemoveTemporary(dir string, belongs func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if m := temporary.FindStringSubmatch(e.Name()); m != nil && belongs(m[1]) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
