package results

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"

	"fusegrid/internal/sniff"
	"fusegrid/internal/strictjson"
)

// A Journal is an append-only file of records. It loses no appended record, even if the process is
// killed. Each line has the form
//
//	{"sum":"xxxxxxxx","trial":{…}}
//
// The sum is the CRC-32C of the bytes of the record, in hex. The first line has
// "journal":{"version":1} instead of the trial. The journal of a shard also has lines with
// "shard":{…}, see [Shard]. If two records have the same key, the later record counts. A line may end
// in \r\n, because Git may convert line ends. Appended lines end in \n. Journals may be joined, end
// to end: the first line of a journal may be anywhere.
type Journal struct {
	f    File
	name string
	size int64 // number of bytes that are known to be on disk
	torn bool  // a torn line follows them, and must be cut off before the next write
	err  error // not nil if the journal accepts no more records
	buf  []byte
}

// A File is the file of a Journal. An *os.File that is opened for appending implements it.
type File interface {
	io.ReadWriteCloser
	Sync() error
	Truncate(size int64) error
}

// A Recovery describes the damage in a journal, and the shards that wrote it.
type Recovery struct {
	Cut    int64    // bytes of a torn last line, which was cut off
	Damage []Damage // lines that were skipped
	Shards []Shard  // in the order of their lines
}

// A Damage describes a line of a journal that cannot be trusted.
type Damage struct {
	Line   int // from 1
	Reason string
}

// String returns a message of one line.
func (d Damage) String() string { return fmt.Sprintf("line %d is damaged: %s", d.Line, d.Reason) }

var (
	// ErrLocked means that another process has the journal open.
	ErrLocked = errors.New("in use by another process")
	// ErrGone means that the file of a journal has been moved or removed. Appended records are only
	// in the moved file.
	ErrGone = errors.New("the file was moved or removed while it was open; move it back and repeat the command")
	// ErrNotJournal means that a file is not a journal.
	ErrNotJournal = errors.New("not a journal of trials")
)

const version = 1

// maxLine is the maximum length of a line. It limits the memory for damaged files.
const maxLine = 1 << 20

// OpenFile opens or creates the file of a journal and locks it against other processes. If another
// process has the lock, the error wraps ErrLocked.
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
	err = p.check() // another process may have replaced the file by a mended file
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

// A placed is a locked file. Each Sync checks that the file still has its name. Without the check,
// records would be lost silently if somebody removed the folder.
type placed struct {
	*os.File
	lock io.Closer
}

// Close closes the file and releases the lock.
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

// NewJournal returns the journal in f and its records, in the order in which they were written.
// OpenFile opens such files. [Journal.Close] closes f. If NewJournal returns an error, it has
// closed f. Errors start with name, and wrap ErrNotJournal if f is not a journal.
func NewJournal(f File, name string) (*Journal, []Record, Recovery, error) {
	d := newDecoding()
	j, recovery, err := newJournal(f, name, d)
	if err != nil {
		f.Close()
		return nil, nil, recovery, err
	}
	return j, d.records(), recovery, nil
}

func newJournal(f File, name string, t taker) (*Journal, Recovery, error) {
	j := &Journal{f: f, name: name}
	recovery, size, err := read(f, name, t)
	if err != nil {
		return nil, recovery, err
	}
	j.size, j.torn = size, recovery.Cut > 0
	// If lines are damaged, the caller may want to set the file aside unchanged before any write.
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

// ReadJournal returns the records of a journal without changing the journal. Errors start with name.
func ReadJournal(r io.Reader, name string) ([]Record, Recovery, error) {
	d := newDecoding()
	recovery, _, err := read(r, name, d)
	if err != nil {
		return nil, recovery, err
	}
	return d.records(), recovery, nil
}

// ReadLatest returns the latest record of each trial in a journal, in the order in which the trials occur first. It
// changes nothing. It is faster than [ReadJournal] for many records, because it copies none. Errors start with name.
func ReadLatest(r io.Reader, name string) ([]*Record, Recovery, error) {
	d := newDecoding()
	recovery, _, err := read(r, name, d)
	if err != nil {
		return nil, recovery, err
	}
	return d.latest(), recovery, nil
}

// Mend copies the journal r to w and omits damaged lines. All other lines stay unchanged, except
// that \r\n becomes \n. Errors start with name.
func Mend(w io.Writer, r io.Reader, name string) error {
	if _, err := w.Write(header()); err != nil {
		return err
	}
	m := mender{w: w, decoder: newDecoder()}
	_, _, err := read(r, name, &m)
	return cmp.Or(err, m.failed)
}

// A mender writes the lines of a journal that have a record or a shard.
type mender struct {
	decoder
	w      io.Writer
	failed error
}

func (m *mender) take(_ int, raw []byte) error {
	if err := m.decode(raw, new(Record)); err != nil {
		return err
	}
	m.write("trial", raw)
	return nil
}

func (m *mender) shard(raw []byte) { m.write("shard", raw) }

func (m *mender) write(kind string, raw []byte) {
	if m.failed == nil {
		_, m.failed = m.w.Write(appendLine(nil, kind, raw))
	}
}

func (m *mender) finish() []Damage { return nil }

// Append appends the records and returns when they are on disk. After an error in writing, the journal
// accepts no more records. Records that were appended before remain safe.
func (j *Journal) Append(records ...Record) (err error) {
	if j.err != nil {
		return j.err
	}
	if j.buf, err = appendRecords(j.buf[:0], records); err != nil {
		return fmt.Errorf("%s: %w", j.name, err)
	}
	return j.flush()
}

var encoder = strictjson.NewEncoder[Record]()

// appendRecords appends the lines of records.
func appendRecords(b []byte, records []Record) ([]byte, error) {
	var raw []byte
	for i := range records {
		err := records[i].check()
		if err == nil {
			raw, err = encoder.Append(raw[:0], &records[i])
		}
		if err != nil {
			return b, fmt.Errorf("cannot append a record: %w", err)
		}
		b = appendLine(b, "trial", raw)
	}
	return b, nil
}

// Extend copies the journal r to w, like [Mend], and appends records.
func Extend(w io.Writer, r io.Reader, name string, records []Record) error {
	if err := Mend(w, r, name); err != nil {
		return err
	}
	const lot = 1000 // limits the memory
	var b []byte
	for len(records) > 0 {
		n := min(lot, len(records))
		var err error
		if b, err = appendRecords(b[:0], records[:n]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// Mark appends the line of a shard and returns when it is on disk.
func (j *Journal) Mark(s Shard) error {
	if j.err != nil {
		return j.err
	}
	raw, err := json.Marshal(s)
	if err = cmp.Or(s.check(), err); err != nil {
		return fmt.Errorf("%s: cannot append a shard: %w", j.name, err)
	}
	j.buf = appendLine(j.buf[:0], "shard", raw)
	return j.flush()
}

// Sync returns an error unless all appended records are on disk in a file with the journal's name.
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

// appendLine appends the line of a journal with the content raw.
func appendLine(b []byte, kind string, raw []byte) []byte {
	b = append(append(appendSum(b, raw), kind...), `":`...)
	return append(append(b, raw...), "}\n"...)
}

// appendSum appends the beginning of a line with the content raw, up to its kind.
func appendSum(b []byte, raw []byte) []byte {
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.Checksum(raw, castagnoli))
	return append(hex.AppendEncode(append(b, `{"sum":"`...), sum[:]), `","`...)
}

// header returns the first line of a journal.
func header() []byte {
	return appendLine(nil, "journal", fmt.Appendf(nil, `{"version":%d}`, version))
}

// cut cuts off a torn last line, if there is one.
func (j *Journal) cut() error {
	if !j.torn {
		return nil
	}
	if err := j.f.Truncate(j.size); err != nil {
		return fmt.Errorf("%s: cannot cut off a torn line: %w", j.name, err)
	}
	j.torn = false
	return nil
}

// flush writes the buffer and syncs the file.
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
		// Remove a partial write. If Truncate fails too, the next reader cuts the partial
		// write off.
		_ = j.f.Truncate(j.size)
		j.err = fmt.Errorf("%s: cannot write: %w", j.name, err)
		return j.err
	}
	j.size += int64(n)
	return nil
}

// A taker takes the records and shards of a journal, line by line. The error of take says why a line is damaged. The
// taker may also find that later. Then finish, which is called after the last line, returns these lines.
type taker interface {
	take(line int, raw []byte) error
	shard(raw []byte)
	finish() []Damage
}

// read passes the record of each line whose checksum is correct to a taker. It returns the damage,
// including what the taker finds, and the size of the journal without a torn last line.
func read(r io.Reader, name string, t taker) (recovery Recovery, size int64, err error) {
	known := false // a line that only journals have has occurred
	br := bufio.NewReaderSize(r, 64<<10)
	head, _ := br.Peek(sniff.Head) // an error occurs again when the lines are read
	head = bytes.Clone(head)
	size, cut, tail, err := lines(br, func(n int, kind string, raw []byte, reason string) error {
		switch {
		case reason != "":
		case kind == "journal":
			var header struct {
				Version int `json:"version"`
			}
			if err := strictjson.Unmarshal(raw, &header); err != nil {
				reason = err.Error()
			} else if header.Version != version {
				return fmt.Errorf("%s: the journal has version %d, but this program reads version %d; use a newer program", name, header.Version, version)
			}
			known = true
		case kind == "shard":
			if s, err := decodeShard(raw); err != nil {
				reason = err.Error()
			} else {
				recovery.Shards = append(recovery.Shards, s)
				t.shard(raw)
			}
			known = true
		default:
			if err := t.take(n, raw); err != nil {
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
	if late := t.finish(); len(late) > 0 {
		recovery.Damage = append(recovery.Damage, late...)
		slices.SortFunc(recovery.Damage, func(a, b Damage) int { return cmp.Compare(a.Line, b.Line) })
	}
	switch {
	case err != nil:
		return recovery, 0, err
	case !known && (size > 0 || !bytes.HasPrefix(header(), tail)):
		return Recovery{}, 0, notJournal(name, head)
	}
	return recovery, size, nil
}

// notJournal returns the error for a file that is not a journal. It names the format of the file if
// possible, so that users can restore a journal that another program has converted.
func notJournal(name string, head []byte) error {
	what, advice := sniff.Format(head)
	switch {
	case what != "" && advice != "":
		return fmt.Errorf("%s: %w: it %s; %s; or name another output folder", name, ErrNotJournal, what, advice)
	case what != "":
		return fmt.Errorf("%s: %w: it %s; name another output folder", name, ErrNotJournal, what)
	case bytes.Contains(head, []byte(`"journal"`)) && bytes.ContainsRune(head, '\r'):
		return fmt.Errorf("%s: %w: another program has changed its line ends; restore lines that end in LF or CRLF, or name another output folder", name, ErrNotJournal)
	}
	return fmt.Errorf("%s: %w; name another output folder", name, ErrNotJournal)
}

// lines calls fn for each line of a journal with its number, kind and content, or with the reason why
// the line cannot be trusted. It returns the number of bytes in whole lines and in a torn last line,
// and the start of the torn line.
func lines(r *bufio.Reader, fn func(n int, kind string, raw []byte, reason string) error) (size, cut int64, tail []byte, err error) {
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		var length int64
		for {
			part, err := r.ReadSlice('\n')
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
		kind, raw, reason := "", []byte(nil), fmt.Sprintf("%d bytes are too long for a record; the limit is %d", length, maxLine)
		if length <= maxLine {
			if n == 1 { // some editors add a byte order mark
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			kind, raw, reason = open(line)
		}
		if err := fn(n, kind, raw, reason); err != nil {
			return 0, 0, nil, err
		}
	}
}

// open checks the sum of a line and returns its kind and content.
func open(line []byte) (kind string, raw []byte, reason string) {
	const head = len(`{"sum":"00000000","`)
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	for _, kind := range []string{"trial", "journal", "shard"} {
		from, to := head+len(kind)+len(`":`), len(line)-len("}")
		if to < from || !bytes.HasPrefix(line[head:], []byte(kind+`":`)) {
			continue
		}
		raw := line[from:to]
		var room [head]byte
		if !bytes.Equal(line[:head], appendSum(room[:0], raw)) || !bytes.HasSuffix(line, []byte("}")) {
			return "", nil, "its checksum does not agree"
		}
		return kind, raw, ""
	}
	return "", nil, "it is not a record"
}
