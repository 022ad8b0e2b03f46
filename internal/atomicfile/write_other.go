//go:build !windows

package atomicfile

import (
	"bufio"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write creates or replaces a file. The function write must write the contents to its argument.
// Write replaces the file atomically, so the file is never incomplete. After an error, the old file
// is unchanged.
func Write(name string, write func(io.Writer) error) error {
	// The temporary file is in the same folder, because RemoveTemporary could not identify it in the
	// system's folder for temporary files.
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
