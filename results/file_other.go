//go:build !windows

package results

import (
	"bufio"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// WriteFile makes a file from what write writes. The file is swapped in whole:
// at no time is there half of one, and after an error the old one is still there.
func WriteFile(name string, write func(io.Writer) error) error {
	// It is written beside the old one: in the folder for temporary files of the system nobody
	// would know what it is.
	f, err := renameio.NewPendingFile(name, renameio.WithTempDir(filepath.Dir(name)),
		renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	defer f.Cleanup()
	w := bufio.NewWriterSize(f, 64<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}
