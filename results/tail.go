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
	file   os.FileInfo // at the last read; nil before
}

// Read returns the records that were appended since the last call. If the file is another one than at the last call,
// for example because a sweep has repaired it, Read reports again, and the records are all of the file. The caller
// should then forget what was read before.
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
		t.offset, again = 0, true
	}
	t.file = info
	if info.Size() == t.offset {
		return nil, again, nil
	}
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return nil, again, err
	}
	r := &counted{r: f}
	records, recovery, err := ReadJournal(r, t.Name)
	if errors.Is(err, ErrNotJournal) && t.offset > 0 {
		return nil, again, nil // a line is being written
	}
	if err != nil {
		t.file = nil // the next call starts again
		t.offset = 0
		return nil, again, err
	}
	t.offset += r.n - recovery.Cut
	return records, again, nil
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
