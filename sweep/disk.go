package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"fusegrid/results"
)

// A disk is what a sweep writes with. Tests have disks that fail.
type disk interface {
	// open opens or creates a journal's file and locks it against other processes.
	open(name string) (results.File, error)
	// swap makes a file whole or not at all; after an error the old one is still there.
	swap(name string, write func(io.Writer) error) error
	remove(name string) error
}

// files is the disk of the operating system.
type files struct{}

func (files) open(name string) (results.File, error) { return results.OpenFile(name) }

func (files) swap(name string, write func(io.Writer) error) error {
	return results.WriteFile(name, write)
}

func (files) remove(name string) error { return os.Remove(name) }

// makeFolder makes a folder within the output folder, which must be there: one that was removed
// during a sweep must not come back without its journal.
func makeFolder(name string) error {
	err := os.Mkdir(name, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// look is a disk for a dry run: nothing on it is removed.
type look struct{ files }

func (look) remove(string) error { return nil }
