package curve

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	magic      = "FGCURVES"
	headerSize = len(magic) + 4 + sumSize
)

// header returns the first bytes of a file of curves.
func header(version int) []byte {
	return appendSum(binary.LittleEndian.AppendUint32([]byte(magic), uint32(version)), 0)
}

var (
	// ErrNotCurves means that a file is not a file of curves.
	ErrNotCurves = errors.New("not a file of learning curves; move it away")
	// ErrVersion means that another version of the program wrote a file of curves.
	ErrVersion = errors.New("use a newer program")
)

// A Recovery describes a file of curves and its damage.
type Recovery struct {
	Version int      // of the file; 0 if it has no valid header
	Cut     int64    // bytes of a torn end, which a Writer cuts off
	Damage  []Damage // the first parts that were skipped, at most maxDamage
	More    int      // number of parts that were skipped and are not in Damage
}

// maxDamage limits the memory for the description of a damaged file.
const maxDamage = 100

// A Damage describes a part of a file that cannot be trusted.
type Damage struct {
	Offset, Bytes int64
	Reason        string
}

// String returns a message of one line.
func (d Damage) String() string {
	return fmt.Sprintf("the %d bytes at %d are damaged: %s", d.Bytes, d.Offset, d.Reason)
}

// A place is the position of a chunk in a file.
type place struct {
	offset int64
	size   int
}

// A scanner reads the chunks of a file in order. It holds one chunk in memory.
type scanner struct {
	r        *bufio.Reader
	name     string // for errors
	offset   int64
	good     int64 // end of the last valid part
	reason   string
	recovery Recovery
}

// scan calls take with each valid chunk of a file. It returns the size of the file without a torn end.
// Errors start with name, and wrap [ErrNotCurves] or [ErrVersion] if the file has another format.
func scan(r io.Reader, name string, take func(key Key, at place, chunk []byte) error) (size int64, _ Recovery, err error) {
	return newScanner(r, name).scan(take)
}

func newScanner(r io.Reader, name string) *scanner {
	return &scanner{r: bufio.NewReaderSize(r, max(64<<10, maxChunk)), name: name}
}

func (s *scanner) scan(take func(key Key, at place, chunk []byte) error) (size int64, _ Recovery, err error) {
	head, err := s.header()
	if err != nil {
		return 0, Recovery{}, err
	}
	for {
		key, chunk, err := s.next()
		if err != nil {
			return 0, Recovery{}, fmt.Errorf("%s: %w", s.name, err)
		}
		if chunk == nil {
			break
		}
		if err := take(key, place{s.offset, len(chunk)}, chunk); err != nil {
			return 0, Recovery{}, err
		}
		s.accept(len(chunk))
	}
	if s.good == 0 && s.offset > 0 && !beginsHeader(head) {
		return 0, Recovery{}, fmt.Errorf("%s: %w", s.name, ErrNotCurves)
	}
	s.recovery.Cut = s.offset - s.good
	return s.good, s.recovery, nil
}

// beginsHeader reports whether a header of some version begins with b.
func beginsHeader(b []byte) bool {
	return bytes.HasPrefix(header(Nets), b) || bytes.HasPrefix(header(Functions), b)
}

// header reads the header and returns its bytes. It returns an error for another version. If the header
// is not valid, it counts as damage.
func (s *scanner) header() ([]byte, error) {
	head, err := s.r.Peek(headerSize)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	head = bytes.Clone(head)
	if len(head) < headerSize || !bytes.HasPrefix(head, []byte(magic)) || !summed(head) {
		s.reason = "it is not the header of learning curves"
		return head, nil
	}
	v := binary.LittleEndian.Uint32(head[len(magic):])
	if v < Nets || v > Functions {
		return nil, fmt.Errorf("%s: the curves have version %d, but this program reads versions %d and %d; %w", s.name, v, Nets, Functions, ErrVersion)
	}
	s.accept(headerSize)
	s.recovery.Version = int(v)
	return head, nil
}

// next returns the next valid chunk, which remains to be read, or nil at the end of the file. It skips
// what is not a chunk.
func (s *scanner) next() (key Key, chunk []byte, err error) {
	for {
		head, err := s.r.Peek(headSize)
		if err != nil && err != io.EOF {
			return key, nil, err
		}
		key, size, ok := parseHead(head)
		reason := "it is not a curve"
		if ok {
			chunk, err = s.r.Peek(size)
			switch {
			case err == io.EOF:
				reason = "it is torn"
			case err != nil:
				return key, nil, err
			default:
				err := check(chunk)
				if err == nil {
					return key, chunk, nil
				}
				reason = err.Error()
			}
		}
		s.reason = cmp.Or(s.reason, reason)
		if ended, err := s.skip(); ended || err != nil {
			return key, nil, err
		}
	}
}

// skip skips at least one byte, up to the next marker of a chunk. It reports whether the file ends.
func (s *scanner) skip() (ended bool, err error) {
	// A damaged chunk is not skipped as a whole, because another may follow its torn part.
	if _, err := s.r.Peek(markerSize + 1); err == io.EOF {
		n, err := s.r.Discard(markerSize)
		s.offset += int64(n)
		if err == io.EOF {
			err = nil
		}
		return true, err
	} else if err != nil {
		return false, err
	}
	ahead, err := s.r.Peek(s.r.Buffered())
	if err != nil {
		return false, err
	}
	n := bytes.Index(ahead[1:], []byte(markers)) + 1
	if n == 0 {
		n = len(ahead) - len(markers) + 1 // a marker may begin in the last bytes
	}
	_, err = s.r.Discard(n)
	s.offset += int64(n)
	return false, err
}

// accept reads a valid part of the file. What was skipped before it counts as damage.
func (s *scanner) accept(n int) {
	if s.offset > s.good {
		if len(s.recovery.Damage) < maxDamage {
			s.recovery.Damage = append(s.recovery.Damage, Damage{s.good, s.offset - s.good, s.reason})
		} else {
			s.recovery.More++
		}
	}
	s.r.Discard(n) // cannot fail, because these bytes are in the buffer
	s.offset += int64(n)
	s.good, s.reason = s.offset, ""
}

// Create writes a file without curves.
func Create(w io.Writer, version int) error {
	_, err := w.Write(header(version))
	return err
}

// Mend copies the file r to w, with only those chunks for which keep returns true. It omits what is
// damaged. The copy has at least the given version. Errors start with name.
func Mend(w io.Writer, r io.Reader, name string, version int, keep func(key string) bool) error {
	return rewrite(w, r, name, func(w io.Writer, found int) error { return Create(w, max(version, found)) }, keep)
}

// Copy is like [Mend] without the header of the file. It continues what Mend or [Create] has written.
func Copy(w io.Writer, r io.Reader, name string, keep func(key string) bool) error {
	return rewrite(w, r, name, func(io.Writer, int) error { return nil }, keep)
}

// rewrite copies chunks. It calls begin once, with the version of r, before the first chunk.
func rewrite(w io.Writer, r io.Reader, name string, begin func(w io.Writer, version int) error, keep func(key string) bool) error {
	s := newScanner(r, name)
	out := bufio.NewWriterSize(w, 64<<10)
	begun := false
	start := func() error {
		if begun {
			return nil
		}
		begun = true
		return begin(out, s.recovery.Version)
	}
	if _, _, err := s.scan(func(key Key, _ place, chunk []byte) error {
		if err := start(); err != nil || !keep(key.String()) {
			return err
		}
		_, err := out.Write(chunk)
		return err
	}); err != nil {
		return err
	}
	if err := start(); err != nil {
		return err
	}
	return out.Flush()
}
