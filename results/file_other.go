//go:build !windows

package results

import (
	"path/filepath"

	"github.com/google/renameio/v2"
)

// swapIn puts data in the place of a file. They are written beside it first: in the folder for
// temporary files of the system nobody would know what they are of.
func swapIn(name string, data []byte) error {
	return renameio.WriteFile(name, data, 0o644, renameio.WithTempDir(filepath.Dir(name)))
}
