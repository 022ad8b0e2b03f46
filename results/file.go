package results

import (
	"os"
	"path/filepath"
	"regexp"
)

// temporary matches the file that WriteFile writes first: a dot, the name, and a random number.
var temporary = regexp.MustCompile(`^\.(.*?)\d{6,}$`)

// RemoveTemporary removes what WriteFile left in a folder where the process was killed in the midst of
// writing a file that belongs there. That nobody writes now is for the caller to see to.
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
