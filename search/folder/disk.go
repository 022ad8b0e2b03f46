package folder

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"fusegrid/internal/atomicfile"
	"fusegrid/results"
)

// A Disk writes the files of a sweep. Tests use disks that fail.
type Disk interface {
	// Open opens or creates a journal's file and locks it against other processes.
	Open(name string) (results.File, error)
	// Swap writes a whole file. After an error, the old file is unchanged.
	Swap(name string, write func(io.Writer) error) error
	// Remove removes a file.
	Remove(name string) error
}

// OS is the disk of the operating system.
type OS struct{}

// Open opens or creates a file and locks it.
func (OS) Open(name string) (results.File, error) { return results.OpenFile(name) }

// Swap writes a whole file.
func (OS) Swap(name string, write func(io.Writer) error) error {
	return atomicfile.Write(name, write)
}

// Remove removes a file.
func (OS) Remove(name string) error { return os.Remove(name) }

// makeFolder makes a folder in the output folder. It does not make the output folder, which, if it
// was removed during a sweep, must not come back without its journal.
func makeFolder(name string) error {
	err := os.Mkdir(name, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// ReadOnly is the disk of a dry run, which removes no file.
type ReadOnly struct{ OS }

// Remove does nothing.
func (ReadOnly) Remove(string) error { return nil }
