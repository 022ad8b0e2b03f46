package searchtest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"sync"

	"fusegrid/results"
	"fusegrid/search/folder"
)

// A Disk counts its operations, which are writes, fsyncs, renames and removals, and lets one of them fail. A write
// that fails is done by half. By default, all later operations fail, too. Pictures are not drawn, because that takes
// longer than all else in a small sweep. Their files are empty, unless FUSEGRID_TORTURE is set.
type Disk struct {
	At    int    // the operation that fails, from 1; 0 for none
	Err   error  // the error of that operation
	Once  bool   // whether later operations succeed
	Crash func() // if set, is called instead of the operation that fails

	Ops        int  // operations so far
	LeftBehind bool // a removal has failed

	mu sync.Mutex
}

// op counts an operation and returns its error.
func (d *Disk) op() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Ops++
	if d.At == 0 || d.Ops < d.At || d.Once && d.Ops > d.At {
		return nil
	}
	if d.Crash != nil {
		d.Crash()
	}
	return d.Err
}

type file struct {
	results.File
	d *Disk
}

func (f file) Write(p []byte) (int, error) {
	if err := f.d.op(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f file) Sync() error {
	if err := f.d.op(); err != nil {
		return err
	}
	return f.File.Sync()
}

// An Unsynced is a disk without fsyncs and, like a [Disk], without pictures. Tests are fast on it.
type Unsynced struct{ folder.OS }

type unsynced struct{ results.File }

func (unsynced) Sync() error { return nil }

// Open opens a file that is not synced.
func (d Unsynced) Open(name string) (results.File, error) {
	f, err := d.OS.Open(name)
	return unsynced{f}, err
}

// Swap writes a whole file.
func (Unsynced) Swap(name string, write func(io.Writer) error) error {
	return new(Disk).Swap(name, write)
}

// Open opens a file whose operations are counted.
func (d *Disk) Open(name string) (results.File, error) {
	f, err := folder.OS{}.Open(name)
	if err != nil {
		return nil, err
	}
	return file{f, d}, nil
}

// Swap writes a whole file, in three operations.
func (d *Disk) Swap(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := undrawn(name, write)(&b); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".tmp")
	if err := d.op(); err != nil { // write
		os.WriteFile(temp, b.Bytes()[:b.Len()/2], 0o600)
		return err
	}
	if err := os.WriteFile(temp, b.Bytes(), 0o600); err != nil {
		return err
	}
	if err := d.op(); err != nil { // fsync
		return err
	}
	if err := d.op(); err != nil { // rename
		return err
	}
	return os.Rename(temp, name)
}

// undrawn returns the function that writes a file, or one that writes nothing if the file is a picture.
func undrawn(name string, write func(io.Writer) error) func(io.Writer) error {
	if ext := filepath.Ext(name); ext != ".png" && ext != ".svg" || Torture(0, 1) == 1 {
		return write
	}
	return func(io.Writer) error { return nil }
}

// An Undrawn is the disk of a sweep without pictures, like a [Disk].
type Undrawn struct{ folder.OS }

// Swap writes a whole file.
func (d Undrawn) Swap(name string, write func(io.Writer) error) error {
	return d.OS.Swap(name, undrawn(name, write))
}

// Remove removes a file.
func (d *Disk) Remove(name string) error {
	if _, err := os.Lstat(name); err != nil {
		return err
	}
	if err := d.op(); err != nil {
		d.LeftBehind = true
		return err
	}
	return os.Remove(name)
}
