package results

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"fusegrid/internal/strictjson"
)

// A Journal is an append-only file of records, safe against being killed at any
// instant. Each line is
//
//	{"sum":"xxxxxxxx","trial":{…}}
//
// where sum is the CRC-32C of the bytes of the record, in hex. The first line
// has "journal":{"version":1} in place of the trial. Of two records with one
// key the later one counts. A line may end in \r\n, as Git leaves it where it
// converts line ends; lines that are appended end in \n.
type Journal struct {
	f    File
	name string
	size int64 // bytes that are known to be on disk
	torn bool  // a torn line follows them, to be cut off before anything is written
	err  error // why the journal takes no more records
	buf  []byte
}

// A File is what a Journal asks of an *os.File that was opened to append.
type File interface {
	io.ReadWriteCloser
	Sync() error
	Truncate(size int64) error
}

// A Recovery says what was wrong with a journal.
type Recovery struct {
	Cut    int64    // bytes of a torn last line: cut off
	Damage []Damage // lines that were passed over
}

// Damage is a line of a journal that cannot be trusted.
type Damage struct {
	Line   int // from 1
	Reason string
}

// String returns one line for people.
func (d Damage) String() string { return fmt.Sprintf("line %d is damaged: %s", d.Line, d.Reason) }

var (
	// ErrLocked says that another process has the journal open.
	ErrLocked = errors.New("in use by another process")
	// ErrGone says that the file of a journal is no longer where it was: what was appended can
	// only be found where it was moved to.
	ErrGone = errors.New("it was moved or removed while it was open; bring it back and give the same command")
	// ErrNotJournal says that a file is none of ours.
	ErrNotJournal = errors.New("not a journal of trials")
)

const version = 1

// maxLine bounds the memory that a damaged file can ask for.
const maxLine = 1 << 20

// OpenFile opens or creates the file of a journal and locks it against other processes.
// Errors wrap ErrLocked where that applies.
func OpenFile(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	l, err := lock(name)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := placed{f, l}
	err = p.check() // another process may have put a mended one in its place
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	} else {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// A placed is a locked file that is synced under its name. Without the check, a folder that is removed would
// go on to swallow records until it is closed.
type placed struct {
	*os.File
	lock io.Closer
}

// Close releases the lock, too.
func (f placed) Close() error { return errors.Join(f.File.Close(), f.lock.Close()) }

func (f placed) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	return f.check()
}

func (f placed) check() error {
	open, err := f.Stat()
	if err != nil {
		return err
	}
	if named, err := os.Stat(f.Name()); err != nil || !os.SameFile(open, named) {
		return ErrGone
	}
	return nil
}

// NewJournal returns the journal in a file that OpenFile has opened, and its records in the order
// they were written. The file is closed with the journal, or after an error; name is for errors,
// which wrap ErrNotJournal where that applies.
func NewJournal(f File, name string) (*Journal, []Record, Recovery, error) {
	var records recordReader
	j, recovery, err := newJournal(f, name, records.take)
	if err != nil {
		f.Close()
		return nil, nil, recovery, err
	}
	return j, records, recovery, nil
}

func newJournal(f File, name string, take func(raw []byte) error) (*Journal, Recovery, error) {
	j := &Journal{f: f, name: name}
	recovery, size, err := read(f, name, take)
	if err != nil {
		return nil, recovery, err
	}
	j.size, j.torn = size, recovery.Cut > 0
	// What is damaged besides may be set aside as it is, before anything is written.
	if len(recovery.Damage) == 0 {
		if err := j.cut(); err != nil {
			return nil, recovery, err
		}
	}
	if size == 0 {
		j.buf = header()
		if err := j.flush(); err != nil {
			return nil, recovery, err
		}
	}
	return j, recovery, nil
}

// ReadJournal returns the records of a journal without changing it; name is for errors.
func ReadJournal(r io.Reader, name string) ([]Record, Recovery, error) {
	var records recordReader
	recovery, _, err := read(r, name, records.take)
	if err != nil {
		return nil, recovery, err
	}
	return records, recovery, nil
}

// A recordReader collects the records of a journal.
type recordReader []Record

func (r *recordReader) take(raw []byte) error {
	var rec Record
	if err := strictjson.Unmarshal(raw, &rec); err != nil {
		return err
	}
	if err := rec.check(); err != nil {
		return err
	}
	*r = append(*r, rec)
	return nil
}

// Mend writes a journal of the records in r, whose lines stay as they are; what is damaged is left out.
// The name is for errors.
func Mend(w io.Writer, r io.Reader, name string) error {
	if _, err := w.Write(header()); err != nil {
		return err
	}
	var failed error
	_, _, err := read(r, name, func(raw []byte) error {
		var one recordReader
		if err := one.take(raw); err != nil {
			return err
		}
		if failed == nil {
			_, failed = w.Write(seal("trial", raw))
		}
		return nil
	})
	return cmp.Or(err, failed)
}

// Append writes the records and returns when they are on disk. After an error the
// journal takes no more records; those appended before are safe.
func (j *Journal) Append(records ...Record) error {
	if j.err != nil {
		return j.err
	}
	j.buf = j.buf[:0]
	for i := range records {
		err := records[i].check()
		if err == nil {
			j.buf, err = appendLine(j.buf, "trial", func(b []byte) ([]byte, error) { return appendRecord(b, &records[i]) })
		}
		if err != nil {
			return fmt.Errorf("%s: record refused: %w", j.name, err)
		}
	}
	return j.flush()
}

// Sync reports whether all that was appended is on disk, where it can be found again.
func (j *Journal) Sync() error {
	if j.err == nil {
		j.buf = j.buf[:0]
		return j.flush()
	}
	return j.err
}

// Close releases the file and its lock.
func (j *Journal) Close() error {
	if j.err == nil {
		j.err = fmt.Errorf("%s: %w", j.name, os.ErrClosed)
	}
	return j.f.Close()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendLine appends the line of a journal that holds what raw appends.
func appendLine(b []byte, kind string, raw func(b []byte) ([]byte, error)) ([]byte, error) {
	const head = len(`{"sum":"`)
	line := len(b)
	b = append(b, `{"sum":"00000000","`...)
	b = append(b, kind...)
	b = append(b, `":`...)
	from := len(b)
	b, err := raw(b)
	if err != nil {
		return b[:line], err
	}
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(b[from:], castagnoli))
	hex.Encode(b[line+head:], sum)
	return append(b, "}\n"...), nil
}

// seal returns the line of a journal that holds raw.
func seal(kind string, raw []byte) []byte {
	line, _ := appendLine(nil, kind, func(b []byte) ([]byte, error) { return append(b, raw...), nil })
	return line
}

// header returns the first line of a journal.
func header() []byte {
	return seal("journal", fmt.Appendf(nil, `{"version":%d}`, version))
}

// cut cuts off a torn line, where there is one.
func (j *Journal) cut() error {
	if !j.torn {
		return nil
	}
	if err := j.f.Truncate(j.size); err != nil {
		return fmt.Errorf("%s: cutting off a torn line: %w", j.name, err)
	}
	j.torn = false
	return nil
}

// flush brings the buffer to the disk.
func (j *Journal) flush() error {
	if err := j.cut(); err != nil {
		j.err = err
		return err
	}
	n, err := j.f.Write(j.buf)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		// What got out is of no use: the next reader would cut it off as well. Should
		// the cut fail, that reader still does it.
		_ = j.f.Truncate(j.size)
		j.err = fmt.Errorf("%s: writing: %w", j.name, err)
		return j.err
	}
	j.size += int64(n)
	return nil
}

// read gives take the record of each line whose checksum agrees. It returns what is wrong, with what
// take says, and the size without a torn tail.
func read(r io.Reader, name string, take func(raw []byte) error) (recovery Recovery, size int64, err error) {
	known := false // whether a line has been seen that only a journal has
	size, cut, tail, err := lines(r, func(n int, kind string, raw []byte, reason string) error {
		switch {
		case reason != "":
		case kind == "journal":
			var header struct {
				Version int `json:"version"`
			}
			if err := strictjson.Unmarshal(raw, &header); err != nil || n != 1 {
				reason = "a header out of place"
			} else if header.Version != version {
				return fmt.Errorf("%s: version %d of the journal; this program reads version %d: use a newer one", name, header.Version, version)
			}
			known = true
		default:
			if err := take(raw); err != nil {
				reason = err.Error()
			}
			known = true
		}
		if reason != "" {
			recovery.Damage = append(recovery.Damage, Damage{n, reason})
		}
		return nil
	})
	recovery.Cut = cut
	switch {
	case err != nil:
		return recovery, 0, err
	case !known && (size > 0 || !bytes.HasPrefix(header(), tail)):
		return Recovery{}, 0, fmt.Errorf("%s: %w; name another output folder", name, ErrNotJournal)
	}
	return recovery, size, nil
}

// lines calls fn for each line of a journal: with its number, kind and bytes, or
// with the reason why it cannot be trusted. It returns the bytes in whole lines
// and in a torn last one, and the beginning of that.
func lines(r io.Reader, fn func(n int, kind string, raw []byte, reason string) error) (size, cut int64, tail []byte, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		var length int64
		for {
			part, err := br.ReadSlice('\n')
			length += int64(len(part))
			if length <= maxLine {
				line = append(line, part...)
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err == io.EOF {
				return size, length, line, nil
			}
			if err != nil {
				return 0, 0, nil, err
			}
			break
		}
		size += length
		kind, raw, reason := "", []byte(nil), fmt.Sprintf("%d bytes is longer than a record", length)
		if length <= maxLine {
			kind, raw, reason = open(line)
		}
		if err := fn(n, kind, raw, reason); err != nil {
			return 0, 0, nil, err
		}
	}
}

// open takes the envelope of a line off and checks its sum.
func open(line []byte) (kind string, raw []byte, reason string) {
	const head = len(`{"sum":"00000000","`)
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	for _, kind := range []string{"trial", "journal"} {
		from, to := head+len(kind)+len(`":`), len(line)-len("}")
		if to < from || !bytes.HasPrefix(line[head:], []byte(kind+`":`)) {
			continue
		}
		raw := line[from:to]
		want := fmt.Appendf(nil, `{"sum":"%08x","`, crc32.Checksum(raw, castagnoli))
		if !bytes.Equal(line[:head], want) || !bytes.HasSuffix(line, []byte("}")) {
			return "", nil, "its checksum does not agree"
		}
		return kind, raw, ""
	}
	return "", nil, "it is not a record"
}
