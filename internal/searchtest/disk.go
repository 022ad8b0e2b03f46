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

// A Disk counts each write, fsync, rename and removal. The operation with the number At fails, and
// so do all later ones unless Once is set. A write that fails has written half of its data.
type Disk struct {
	At    int    // number of the operation that fails, from 1; 0 if no operation fails
	Err   error  // error of the operations that fail
	Once  bool   // later operations succeed
	Crash func() // if not nil, called instead of a failing operation

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

// Open opens a file whose operations are counted.
func (d *Disk) Open(name string) (results.File, error) {
	f, err := folder.OS{}.Open(name)
	if err != nil {
		return nil, err
	}
	return file{f, d}, nil
}

// Swap writes a whole file with a write, an fsync and a rename.
func (d *Disk) Swap(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
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
