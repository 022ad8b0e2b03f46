package results

import (
	"errors"
	"io"
	"os"
)

// A Tail reads a journal bit by bit while a sweep appends to it. It changes nothing.
type Tail struct {
	Name string // of the journal

	offset int64       // of the first line that was not read
	file   os.FileInfo // at the last call; nil before
	again  bool        // the next records are all of the file
}

// Read returns the records that were appended since the last call without an error. If the file is another one, for
// example because a sweep has repaired it, or if a call in between had an error, Read reports again, and the records are
// all of the file. The caller should then forget what was read before.
func (t *Tail) Read() (records []Record, again bool, err error) {
	f, err := os.Open(t.Name)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if t.file != nil && (info.Size() < t.offset || !os.SameFile(info, t.file)) {
		t.offset, t.again = 0, true
	}
	t.file = info
	if info.Size() > t.offset {
		if records, err = t.read(f); err != nil {
			t.offset, t.again = 0, t.again || t.offset > 0
			return nil, false, err
		}
	}
	again, t.again = t.again, false
	return records, again, nil
}

// read reads the file from the offset.
func (t *Tail) read(f *os.File) ([]Record, error) {
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return nil, err
	}
	r := &counted{r: f}
	records, recovery, err := ReadJournal(r, t.Name)
	switch {
	case errors.Is(err, ErrNotJournal) && t.offset > 0: // a line is being written
		return nil, nil
	case err != nil:
		return nil, err
	}
	t.offset += r.n - recovery.Cut
	return records, nil
}

// A counted counts the bytes that are read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
