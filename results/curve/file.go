package curve

import (
	"bytes"
	"fmt"
	"io"
)

// An Index has the place of the latest curve of each trial.
type Index map[Key]place

// Has reports whether a trial has a curve.
func (x Index) Has(key string) bool {
	k, ok := parseKey(key)
	if ok {
		_, ok = x[k]
	}
	return ok
}

// add notes a chunk.
func (x Index) add(key Key, at place, _ []byte) error {
	x[key] = at
	return nil
}

// Read reads a whole file and returns its index. Errors start with name, and wrap [ErrNotCurves] or
// [ErrVersion] if the file has another format.
func Read(r io.Reader, name string) (Index, Recovery, error) {
	x := Index{}
	_, recovery, err := scan(r, name, x.add)
	return x, recovery, err
}

// Of returns the curve of a trial from the file r. It reports whether there is a curve. The curve is
// checked again, and an error starts with name.
func (x Index) Of(r io.ReaderAt, name, key string) (Curve, bool, error) {
	k, ok := parseKey(key)
	if !ok {
		return Curve{}, false, nil
	}
	at, ok := x[k]
	if !ok {
		return Curve{}, false, nil
	}
	chunk := make([]byte, at.size)
	_, err := r.ReadAt(chunk, at.offset)
	if err == nil {
		found, size, ok := parseHead(chunk)
		if !ok || found != k || size != at.size {
			err = errSum
		} else {
			err = check(chunk)
		}
	}
	if err != nil {
		return Curve{}, false, fmt.Errorf("%s: the curve at %d: %w", name, at.offset, err)
	}
	return parse(chunk), true, nil
}

// A File is the file of a Writer. An *os.File that is opened for appending implements it.
type File interface {
	io.ReadWriteCloser
	Sync() error
	Truncate(size int64) error
}

// A Writer appends curves to a file.
type Writer struct {
	Index Index // of the whole file

	f    File
	name string
	size int64 // number of bytes that are known to be on disk
	torn bool  // a torn part follows them, and must be cut off before the next write

	version int
}

// NewWriter returns a writer that continues the file f. If it returns an error, it has closed f. Errors
// start with name, and wrap [ErrNotCurves] or [ErrVersion] if the file has another format. A torn end is
// cut off with the next write. Damaged parts remain in the file; see [Mend]. If the file has no valid
// header, the version of the Recovery is 0, and nothing can be appended.
func NewWriter(f File, name string) (*Writer, Recovery, error) {
	w := &Writer{Index: Index{}, f: f, name: name}
	size, recovery, err := scan(f, name, w.Index.add)
	if err != nil {
		f.Close()
		return nil, recovery, err
	}
	w.size, w.torn, w.version = size, recovery.Cut > 0, recovery.Version
	return w, recovery, nil
}

// Append appends chunks, which [AppendChunk] made, with one write. They are on disk when it returns. After
// an error, none of them is in the file, and more chunks can be appended. Curves of functions need a file of
// version [Functions].
func (w *Writer) Append(chunks []byte) error {
	if w.version == 0 || w.version < Functions && bytes.HasPrefix(chunks, []byte(functionMarker)) {
		return fmt.Errorf("%s: the file of version %d does not take these curves", w.name, w.version)
	}
	if w.torn {
		if err := w.f.Truncate(w.size); err != nil {
			return fmt.Errorf("%s: cannot cut off a torn curve: %w", w.name, err)
		}
		w.torn = false
	}
	_, err := w.f.Write(chunks)
	if err == nil {
		err = w.f.Sync()
	}
	if err != nil {
		w.torn = w.f.Truncate(w.size) != nil // the next reader also cuts a torn part off
		return fmt.Errorf("%s: cannot write: %w", w.name, err)
	}
	for at := 0; at < len(chunks); {
		key, size, ok := parseHead(chunks[at:])
		if !ok {
			panic("curve: Append of bytes that are not chunks")
		}
		w.Index[key] = place{w.size + int64(at), size}
		at += size
	}
	w.size += int64(len(chunks))
	return nil
}

// Close closes the file.
func (w *Writer) Close() error { return w.f.Close() }
