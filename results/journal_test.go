package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func ptr[T any](v T) *T { return &v }

// trial returns a record that is different for each n.
func trial(n int) Record {
	c := Config{
		Data: "5ad1", Split: [3]int{49000, 1000, 1000}, Pixels: "hwc", Net: "two-layer", Hidden: []int{50},
		LR: 1e-4, Reg: 0.25, Decay: 0.95, Std: 1e-4, Batch: 200, Iters: 1000, Seed: uint32(n), DType: "f32", Class: "fma",
	}
	return Record{
		Key: c.Key(), State: Done, Config: c, Steps: c.Iters, DataName: "CIFAR-10", Impl: "avx2",
		Accuracy: Accuracy{EpochTrain: ptr(0.55), EpochVal: ptr(0.47), BestVal: ptr(0.48), FinalTrain: ptr(0.5), FinalVal: ptr(0.4 + float64(n%7)/100), FinalStep: c.Iters, Test: ptr(0.45)},
		Loss:     Loss{First: ptr(2.3), Last: ptr(1.5), Min: ptr(1.25)},
		Speed:    Speed{Seconds: 2, Samples: 1e5, Iters: 500, FLOPs: 6.2e10, Block: 1, Workers: 2},
		Machine:  Machine{CPU: "Z80", Cores: 2, Platform: "linux/amd64", Go: "go1.26"},
		Ended:    time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC),
	}
}

func trials(n int) []Record {
	rs := make([]Record, n)
	for i := range rs {
		rs[i] = trial(i)
	}
	return rs
}

// A file is a File in memory. It counts calls of Write, Sync and Truncate, and one of the calls fails.
type file struct {
	data  []byte
	read  int   // number of bytes read so far
	fail  int   // number of the call that fails, from 1; 0 if no call fails
	err   error // error of the call
	short int   // number of bytes that a failing Write writes
	stays bool  // Truncate fails after that call, too
	calls int
}

func (f *file) failing() bool { f.calls++; return f.calls == f.fail }

func (f *file) Read(p []byte) (int, error) {
	if f.read == len(f.data) {
		return 0, io.EOF
	}
	n := copy(p, f.data[f.read:])
	f.read += n
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	if f.failing() {
		n := min(f.short, len(p))
		f.data = append(f.data, p[:n]...)
		return n, f.err
	}
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f *file) Sync() error {
	if f.failing() {
		return f.err
	}
	return nil
}

func (f *file) Truncate(size int64) error {
	if f.failing() || f.stays && f.calls > f.fail {
		return f.err
	}
	f.data = f.data[:size]
	return nil
}

func (f *file) Close() error { return nil }

// contents returns the bytes of a journal with the records.
func contents(t testing.TB, records []Record) []byte {
	t.Helper()
	f := new(file)
	j, _, _, err := NewJournal(f, "j")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(records...); err != nil {
		t.Fatal(err)
	}
	return f.data
}

// openJournal opens or creates the journal with this name.
func openJournal(name string) (*Journal, []Record, Recovery, error) {
	f, err := OpenFile(name)
	if err != nil {
		return nil, nil, Recovery{}, err
	}
	return NewJournal(f, name)
}

func TestJournalKeepsRecords(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trials.jsonl")
	want := trials(5)
	want[3].State, want[3].Error = Failed, "out of \"luck\"\nand more <&>"
	for i, part := range [][]Record{nil, want[:1], nil, want[1:4], want[4:]} {
		j, _, recovery, err := openJournal(name)
		if err != nil || recovery.Cut != 0 || recovery.Damage != nil {
			t.Fatalf("open %d: %v, %+v", i, err, recovery)
		}
		if err := j.Append(part...); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := j.Append(want[0]); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("Append after Close: %v", err)
		}
	}
	j, got, _, err := openJournal(name)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(raw, []byte("\n")); got != 6 {
		t.Errorf("%d lines, want a header and 5 records", got)
	}
}

// TestJournalWithByteOrderMark reads and continues a journal that an editor saved with a byte order mark.
func TestJournalWithByteOrderMark(t *testing.T) {
	want := trials(3)
	data := slices.Concat([]byte("\xef\xbb\xbf"), contents(t, want[:2]))
	name := filepath.Join(t.TempDir(), "trials.jsonl")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	j, got, recovery, err := openJournal(name)
	if err != nil || !slices.EqualFunc(got, want[:2], same) || recovery.Cut != 0 || recovery.Damage != nil {
		t.Fatalf("%d records, %+v, %v", len(got), recovery, err)
	}
	if err := errors.Join(j.Append(want[2]), j.Close()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(name); err != nil || !bytes.HasPrefix(after, data) {
		t.Errorf("the existing lines have changed (%v)", err)
	}
	j, got, _, err = openJournal(name)
	if err != nil || !slices.EqualFunc(got, want, same) {
		t.Errorf("after an append: %d records, %v", len(got), err)
	}
	j.Close()
}

// TestJournalWithCarriageReturns reads, appends to and mends journals in which some or all line ends are
// \r\n, as after a conversion by Git. Damaged lines must remain damaged with these line ends.
func TestJournalWithCarriageReturns(t *testing.T) {
	want := trials(5)
	lines := bytes.SplitAfter(contents(t, want[:4]), []byte("\n"))
	crlf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }
	for from := range len(lines) {
		data := slices.Concat(bytes.Join(lines[:from], nil), crlf(bytes.Join(lines[from:], nil)))
		name := filepath.Join(t.TempDir(), "trials.jsonl")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, got, recovery, err := openJournal(name)
		if err != nil || !slices.EqualFunc(got, want[:4], same) || recovery.Cut != 0 || recovery.Damage != nil {
			t.Fatalf("from line %d: %d records, %+v, %v", from+1, len(got), recovery, err)
		}
		if err := errors.Join(j.Append(want[4]), j.Close()); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(after, data) {
			t.Errorf("from line %d: the existing lines have changed (%v)", from+1, err)
		}
		if got, recovery, err := ReadJournal(bytes.NewReader(after), name); err != nil || !slices.EqualFunc(got, want, same) || recovery.Cut != 0 || recovery.Damage != nil {
			t.Errorf("from line %d: appended: %d records, %+v, %v", from+1, len(got), recovery, err)
		}
		var mended bytes.Buffer
		if err := Mend(&mended, bytes.NewReader(after), name); err != nil || !bytes.Equal(mended.Bytes(), contents(t, want)) {
			t.Errorf("from line %d: mended:\n%s\n%v", from+1, mended.Bytes(), err)
		}
	}
	for _, line := range []string{"\r\r\n", "x\r\n", "\n\r\n"} { // replaces the end of a line
		data := slices.Concat(crlf(lines[0]), bytes.TrimSuffix(lines[1], []byte("\n")), []byte(line), crlf(lines[2]))
		got, recovery, err := ReadJournal(bytes.NewReader(data), "j")
		if err != nil || len(got) > 2 || len(recovery.Damage) != 1 {
			t.Errorf("%q: %d records, %+v, %v; want it to be damaged", line, len(got), recovery, err)
		}
	}
}

func TestJournalRefusesWhatCannotBe(t *testing.T) {
	j, _, _, err := NewJournal(new(file), "j")
	if err != nil {
		t.Fatal(err)
	}
	other, strange := trial(1), trial(1)
	other.Config.LR *= 2
	strange.State = "running"
	for _, tt := range []struct {
		r    Record
		want string
	}{
		{other, "does not match the configuration"},
		{strange, `unknown state "running"`},
	} {
		if err := j.Append(tt.r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Append: %v, want %s", err, tt.want)
		}
	}
	if err := j.Append(trial(1)); err != nil {
		t.Errorf("a good record after refused ones: %v", err)
	}
}

func TestJournalLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trials.jsonl")
	j, _, _, err := openJournal(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := openJournal(name); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
	j.Close()
	j, _, _, err = openJournal(name)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	j.Close()
}

// TestJournalGone checks that Append and Sync return an error if the file was moved or removed.
func TestJournalGone(t *testing.T) {
	for _, c := range []struct {
		name string
		away func(name string) error
	}{
		{"removed", os.Remove},
		{"moved", func(name string) error { return os.Rename(name, name+"-2") }},
		{"replaced", func(name string) error { return errors.Join(os.Remove(name), os.WriteFile(name, header(), 0o600)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("Windows does not move or remove a file that is open")
			}
			name := filepath.Join(t.TempDir(), "trials.jsonl")
			j, _, _, err := openJournal(name)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if err := errors.Join(j.Append(trial(1)), j.Sync()); err != nil {
				t.Fatal(err)
			}
			if err := c.away(name); err != nil {
				t.Fatal(err)
			}
			if err := j.Sync(); !errors.Is(err, ErrGone) {
				t.Errorf("Sync: %v, want ErrGone", err)
			}
			if err := j.Append(trial(2)); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), name) {
				t.Errorf("Append: %v, want ErrGone with the name of the file", err)
			}
		})
	}
}

func TestNotAJournal(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"other text", "lr,reg\n1,2\n"},
		{"no newline", "hello"},
		{"JSON lines", `{"a":1}` + "\n"},
		{"nothing but NUL", "\x00\x00\x00"},
		{"later version", string(appendLine(nil, "journal", []byte(`{"version":2}`)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trials.jsonl")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, _, err := openJournal(path)
			if c.name == "later version" {
				if err == nil || !strings.Contains(err.Error(), "version 2") {
					t.Errorf("%v", err)
				}
			} else if !errors.Is(err, ErrNotJournal) {
				t.Errorf("%v, want ErrNotJournal", err)
			}
			if left, _ := os.ReadFile(path); string(left) != c.text {
				t.Error("the file was changed")
			}
		})
	}
}

// torture returns large if FUSEGRID_TORTURE is set, else small.
func torture(small, large int) int {
	if os.Getenv("FUSEGRID_TORTURE") != "" {
		return large
	}
	return small
}

// mixed returns n records with all states, in which all optional fields are present or absent.
func mixed(n int) []Record {
	rs := trials(n)
	for i := range rs {
		r := &rs[i]
		switch i % 5 {
		case 1:
			r.State, r.Steps, r.Accuracy, r.Loss = Diverged, 37, Accuracy{}, Loss{First: ptr(2.5e300)}
		case 2:
			r.State, r.Error = Failed, "panic: \"λ\"\n\tat <line> 7 & more\u2028"
		case 3:
			r.State, r.Race, r.Rungs = Stopped, "halving 2:10", []Rung{{10, 0.25}, {20, 0.125}}
			r.Config.Order, r.Config.Rule, r.Config.Mu = ptr(uint32(i)), "nesterov", 0.9
		case 4:
			r.Weights, r.Losses = strings.Repeat("0f", 32), strings.Repeat("a7", 32)
			r.Config.Net, r.Config.Hidden = "fc", []int{100, 100}
		}
		r.Key = r.Config.Key()
	}
	return rs
}

// A positions reads journals and returns for each record its index among the written records, or −1 if the
// record was never written. It decodes a record only if its bytes differ from those of all written
// records, or if at is nil. Decoding all records for each bit of a long journal takes most of an hour.
type positions struct {
	want []Record
	at   map[string]int // index by the bytes of a record; nil to decode all records
	got  []int
}

func newPositions(t *testing.T, want []Record, all bool) *positions {
	t.Helper()
	p := &positions{want: want}
	if all {
		return p
	}
	p.at = map[string]int{}
	for i := range want {
		raw, err := json.Marshal(&want[i])
		if err != nil {
			t.Fatal(err)
		}
		var one Record
		if err := newDecoder().decode(raw, &one); err != nil || !same(one, want[i]) {
			t.Fatalf("record %d: %v, or another than was written", i, err)
		}
		p.at[string(raw)] = i
	}
	return p
}

// open is like NewJournal.
func (p *positions) open(f File) (*Journal, Recovery, error) {
	p.got = p.got[:0]
	if p.at != nil {
		return newJournal(f, "j", p)
	}
	j, records, recovery, err := NewJournal(f, "j")
	p.note(records)
	return j, recovery, err
}

// read is like ReadJournal.
func (p *positions) read(data []byte) (Recovery, error) {
	p.got = p.got[:0]
	if p.at != nil {
		recovery, _, err := read(bytes.NewReader(data), "j", p)
		return recovery, err
	}
	records, recovery, err := ReadJournal(bytes.NewReader(data), "j")
	p.note(records)
	return recovery, err
}

func (p *positions) shard([]byte) {}

func (p *positions) finish() []Damage { return nil }

func (p *positions) take(_ int, raw []byte) error {
	if i, ok := p.at[string(raw)]; ok {
		p.got = append(p.got, i)
		return nil
	}
	var one Record
	err := newDecoder().decode(raw, &one)
	if err == nil {
		p.note([]Record{one})
	}
	return err
}

func (p *positions) note(records []Record) {
	for _, r := range records {
		p.got = append(p.got, slices.IndexFunc(p.want, func(w Record) bool { return w.Key == r.Key && same(w, r) }))
	}
}

// begin reports whether got starts with the first n records.
func (p *positions) begin(n int) bool {
	for i := range n {
		if i >= len(p.got) || p.got[i] != i {
			return false
		}
	}
	return true
}

// damages runs test on a journal of 3 records, at every position, and on a journal of 100 records, at
// every stride-th position. Either each read decodes all records, or only the changed ones.
func damages(t *testing.T, stride int, test func(t *testing.T, records, stride int, all bool)) {
	each := 1
	if testing.Short() {
		each, stride = 11, stride*11 // an odd stride, so all 8 bits of a byte occur
	}
	t.Run("records=3", func(t *testing.T) { test(t, 3, each, true) })
	t.Run("records=100", func(t *testing.T) { test(t, 100, stride, true) })
	t.Run("records=100,decoded=once", func(t *testing.T) { test(t, 100, torture(stride, 1), false) })
}

// TestJournalCut cuts a journal at every byte. Whole lines must remain, the rest must be cut off, and the
// next record must follow the whole lines.
func TestJournalCut(t *testing.T) { damages(t, 149, testJournalCut) }

func testJournalCut(t *testing.T, records, stride int, all bool) {
	want := mixed(records + 1)
	p := newPositions(t, want, all)
	next := want[records]
	whole := contents(t, want[:records])
	for n := 0; n <= len(whole); n += stride {
		kept := max(0, bytes.Count(whole[:n], []byte("\n"))-1)
		torn := int64(n - 1 - bytes.LastIndexByte(whole[:n], '\n'))

		f := &file{data: slices.Clone(whole[:n])}
		j, recovery, err := p.open(f)
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if len(p.got) != kept || !p.begin(kept) || recovery.Cut != torn || recovery.Damage != nil {
			t.Fatalf("cut at %d: records %v, %+v; want the first %d and a tail of %d bytes", n, p.got, recovery, kept, torn)
		}
		if err := j.Append(next); err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		recovery, err = p.read(f.data)
		if err != nil || recovery.Cut != 0 || recovery.Damage != nil || len(p.got) != kept+1 || !p.begin(kept) || p.got[kept] != records {
			t.Fatalf("cut at %d, after Append: records %v, %+v, %v", n, p.got, recovery, err)
		}
	}
	f := &file{data: whole[:len(whole)-1], fail: 1, err: syscall.EIO}
	if _, _, _, err := NewJournal(f, "j"); !errors.Is(err, syscall.EIO) {
		t.Errorf("cannot cut: %v, want the error of the file", err)
	}
}

// TestJournalFlip flips every bit of a journal. Readers must never return a record that was not written,
// must return all records before the flipped bit, and must report the damage.
func TestJournalFlip(t *testing.T) { damages(t, 1499, testJournalFlip) }

func testJournalFlip(t *testing.T, records, stride int, all bool) {
	want := mixed(records)
	p := newPositions(t, want, all)
	data := contents(t, want)
	for bit := 0; bit < 8*len(data); bit += stride {
		line := bytes.Count(data[:bit/8], []byte("\n")) + 1
		before := max(0, line-2)

		data[bit/8] ^= 1 << (bit % 8)
		recovery, err := p.read(data)
		data[bit/8] ^= 1 << (bit % 8)
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		if !p.begin(before) {
			t.Fatalf("bit %d: the records before it are lost", bit)
		}
		// A flipped bit damages one record, or two if it adds or removes a newline.
		if len(p.got) < records-2 {
			t.Fatalf("bit %d: %d records are left of %d", bit, len(p.got), records)
		}
		last := -1
		for _, i := range p.got {
			if i <= last {
				t.Fatalf("bit %d: records %v: one that was never written, or not in this order", bit, p.got)
			}
			last = i
		}
		switch {
		case len(recovery.Damage) > 0 && recovery.Damage[0].Line == line:
		case bit/8 == len(data)-1 && recovery.Cut > 0:
		default:
			t.Fatalf("bit %d in line %d: recovery %+v", bit, line, recovery)
		}
	}
}

// TestLinesFlip is like TestJournalFlip for 100 records, but checks only the lines.
func TestLinesFlip(t *testing.T) {
	var whole []byte
	raws := map[string]bool{}
	for i := range 100 {
		raw := fmt.Sprintf(`{"key":"%x","lr":%d}`, i*i, i)
		raws[raw] = true
		whole = append(whole, appendLine(nil, "trial", []byte(raw))...)
	}
	stride := 1
	if testing.Short() {
		stride = 11
	}
	for bit := 0; bit < 8*len(whole); bit += stride {
		whole[bit/8] ^= 1 << (bit % 8)
		good, bad := 0, 0
		_, cut, _, err := lines(bufio.NewReader(bytes.NewReader(whole)), func(n int, kind string, raw []byte, reason string) error {
			if reason != "" {
				bad++
				return nil
			}
			good++
			if !raws[string(raw)] {
				return fmt.Errorf("line %d: read %s", n, raw)
			}
			return nil
		})
		whole[bit/8] ^= 1 << (bit % 8)
		// A flipped bit damages one line, or two if it adds or removes a newline.
		if err != nil || good < 98 || bad == 0 && cut == 0 {
			t.Fatalf("bit %d: %d lines are good, %d bad, %d bytes cut, %v", bit, good, bad, cut, err)
		}
	}
}

func TestJournalOverlongLine(t *testing.T) {
	want := trials(2)
	data := contents(t, want[:1])
	data = append(data, bytes.Repeat([]byte("x"), 3*maxLine)...)
	data = append(data, '\n')
	data = append(data, contents(t, want[1:])[len(header()):]...)
	got, recovery, err := ReadJournal(bytes.NewReader(data), "j")
	if err != nil || !reflect.DeepEqual(got, want) || len(recovery.Damage) != 1 || recovery.Damage[0].Line != 3 {
		t.Errorf("%d records, %+v, %v", len(got), recovery, err)
	}
}

// TestReadLatest reads a journal in which trials have several records.
func TestReadLatest(t *testing.T) {
	all := trials(600)
	for i := range 300 {
		again := all[2*i%7]
		again.Steps = i
		all = append(all, again)
	}
	data := contents(t, all)
	data = append(data, "damaged\n{\"sum\":"...)
	got, recovery, err := ReadLatest(bytes.NewReader(data), "j")
	if err != nil || len(recovery.Damage) != 1 || recovery.Damage[0].Line != len(all)+2 || recovery.Cut != 7 {
		t.Fatalf("%+v, error %v", recovery, err)
	}
	want := map[string]Record{}
	for _, r := range all {
		want[r.Key] = r
	}
	if len(got) != len(want) {
		t.Errorf("%d trials, want %d", len(got), len(want))
	}
	for i, r := range got {
		if !same(*r, want[r.Key]) || r.Key != all[i].Key {
			t.Errorf("trial %d is %+v, want %+v", i, r, want[r.Key])
		}
	}
	if _, _, err := ReadLatest(strings.NewReader("no journal\n"), "j"); !errors.Is(err, ErrNotJournal) {
		t.Errorf("error %v", err)
	}
}

// TestJournalWriteErrors checks a failure of each call of the file in turn.
func TestJournalWriteErrors(t *testing.T) {
	want := trials(3)
	for _, stays := range []bool{false, true} {
		for _, short := range []int{0, 1, 100} {
			for fail := 1; fail <= 8; fail++ {
				f := &file{fail: fail, err: syscall.ENOSPC, short: short, stays: stays}
				name := fmt.Sprintf("call %d fails after %d bytes, truncate fails: %v", fail, short, stays)
				j, _, _, err := NewJournal(f, "out/trials.jsonl")
				safe := 0
				for i := 0; err == nil && i < len(want); i++ {
					if err = j.Append(want[i]); err == nil {
						safe++
					}
				}
				if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "out/trials.jsonl") {
					t.Errorf("%s: error %v", name, err)
				}
				if j != nil {
					if again := j.Append(want[2]); again == nil {
						t.Errorf("%s: the journal took a record after the error", name)
					}
				}
				got, recovery, err := ReadJournal(bytes.NewReader(f.data), "j")
				if err != nil || recovery.Damage != nil || len(got) < safe || !slices.EqualFunc(got, want[:len(got)], same) {
					t.Errorf("%s: %d records, %+v, %v; %d were safe", name, len(got), recovery, err, safe)
				}
			}
		}
	}
}

func same(a, b Record) bool { return reflect.DeepEqual(a, b) }

type readError struct{ file }

func (readError) Read([]byte) (int, error) { return 0, syscall.EIO }

func TestJournalReadError(t *testing.T) {
	if _, _, _, err := NewJournal(new(readError), "j"); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want the error of the file", err)
	}
}

func FuzzJournal(f *testing.F) {
	whole := contents(f, trials(2))
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte{})
	f.Add(header())
	f.Add(appendLine(nil, "journal", []byte(`{"version":9}`)))
	f.Add(append(header(), appendLine(nil, "trial", []byte(`{"key":"x"}`))...))
	f.Add(append(header(), appendLine(nil, "shard", []byte(`{"index":1,"of":2,"plan":"`+strings.Repeat("5a", 32)+`","trials":3,"study":4}`))...))
	f.Add(append(header(), appendLine(nil, "trial", []byte(`{"key":"x","key":"y","Steps":1,"config":{"split":[1]}}`))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, recovery, err := ReadJournal(bytes.NewReader(data), "j")
		if err != nil {
			return
		}
		for i := range got {
			if err := got[i].check(); err != nil {
				t.Error(err)
			}
		}
		// After a journal cuts off a torn line, its records are the same.
		again, second, err := ReadJournal(bytes.NewReader(data[:len(data)-int(recovery.Cut)]), "j")
		if recovery.Cut == int64(len(data)) && err == nil {
			return
		}
		if err != nil || second.Cut != 0 || len(second.Damage) != len(recovery.Damage) || !reflect.DeepEqual(again, got) {
			t.Errorf("cut journal: %v, %+v; before %+v", err, second, recovery)
		}
	})
}

// TestJournalReadsOneMeaning uses records that different readers could understand differently. The
// checksum of each line is correct.
func TestJournalReadsOneMeaning(t *testing.T) {
	raw, err := json.Marshal(trial(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"steps":1000`, `"steps":7,"steps":1000`, `"steps" occurs twice`},
		{`"steps":1000`, `"Steps":7,"steps":1000`, `the name "Steps", want "steps"`},
		{`"val":0.47`, `"Val":0.47`, `the name "Val", want "val"`},
		{`"lr":0.0001`, `"lr":0.5,"lr":0.0001`, `"lr" occurs twice`},
		{`[49000,1000,1000]`, `[49000,1000,1000,5]`, `an array has 4 values, want 3`},
		{`"cpu":"Z80"`, `"later":{"a":1,"a":2},"cpu":"Z80"`, `"a" occurs twice`},
		{`"cpu":"Z80"`, `"later":{"a":1,"A":2},"cpu":"Z80"`, ``}, // the record of a newer version
	} {
		line := strings.Replace(string(raw), c.old, c.new, 1)
		if line == string(raw) {
			t.Fatalf("no %s in %s", c.old, raw)
		}
		records, recovery, err := ReadJournal(bytes.NewReader(append(header(), appendLine(nil, "trial", []byte(line))...)), "j")
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.new, err)
		case c.want == "" && (len(records) != 1 || !same(records[0], trial(1))):
			t.Errorf("%s: %+v, %+v", c.new, records, recovery)
		case c.want != "" && (len(records) != 0 || len(recovery.Damage) != 1 || !strings.Contains(recovery.Damage[0].Reason, c.want)):
			t.Errorf("%s: %d records, %+v, want damage with %q", c.new, len(records), recovery, c.want)
		}
	}
	for _, text := range []string{`{"Version":1}`, `{"version":9,"version":1}`} {
		_, recovery, _ := ReadJournal(bytes.NewReader(appendLine(nil, "journal", []byte(text))), "j")
		if len(recovery.Damage) != 1 {
			t.Errorf("header %s is accepted", text)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	f, records := &file{}, trials(1000)
	j, _, _, err := NewJournal(f, "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.data = f.data[:0]
		if err := j.Append(records...); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(f.data)))
}

func BenchmarkReadJournal(b *testing.B) {
	f := &file{}
	j, _, _, err := NewJournal(f, "bench")
	if err != nil {
		b.Fatal(err)
	}
	if err := j.Append(trials(1000)...); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(f.data)))
	for b.Loop() {
		records, _, err := ReadJournal(bytes.NewReader(f.data), "bench")
		if err != nil || len(records) != 1000 {
			b.Fatalf("%d records, error %v", len(records), err)
		}
	}
}

// TestForeignJournals checks that the error for a converted journal names the conversion.
func TestForeignJournals(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"UTF-16", "\xff\xfe{\x00\"\x00", "it is text in UTF-16"},
		{"gzip", "\x1f\x8b\x08\x00 and more\n", "it is compressed with gzip; unpack it"},
		{"Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "it is a Git LFS pointer"},
		{"HTML", "<!DOCTYPE html>\n", "it is an HTML page; name another"},
		{"lone CR", "{\"sum\":\"9906ed9a\",\"journal\":{\"version\":1}}\r{}\r", "changed its line ends"},
		{"something other", "a,b\n1,2\n", "not a journal of trials; name another output folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := ReadJournal(strings.NewReader(c.text), "trials.jsonl")
			if !errors.Is(err, ErrNotJournal) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestManyLines reads a journal of several lots in which some lines are damaged: by their checksum, or by their
// content.
func TestManyLines(t *testing.T) {
	want := trials(5*lotSize + 7)
	lines := bytes.SplitAfter(contents(t, want), []byte("\n"))
	lines = lines[:len(lines)-1] // the last one is empty
	var damaged []int
	for _, at := range []int{3, lotSize, lotSize + 1, 2*lotSize + 5, 5*lotSize + 6} {
		if at%2 == 0 {
			lines[at] = bytes.Replace(lines[at], []byte("done"), []byte("dnoe"), 1)
		} else {
			raw := bytes.Replace(lines[at][len(`{"sum":"00000000","trial":`):len(lines[at])-2], []byte(`"done"`), []byte(`"dnoe"`), 1)
			lines[at] = appendLine(nil, "trial", raw)
		}
		damaged = append(damaged, at+1)
	}
	got, recovery, err := ReadJournal(bytes.NewReader(bytes.Join(lines, nil)), "j")
	if err != nil || recovery.Cut != 0 {
		t.Fatal(err, recovery)
	}
	var found []int
	for _, d := range recovery.Damage {
		found = append(found, d.Line)
	}
	if !slices.Equal(found, damaged) {
		t.Errorf("damaged lines %d, want %d", found, damaged)
	}
	for i := len(damaged) - 1; i >= 0; i-- { // line 1 is the header
		want = slices.Delete(want, damaged[i]-2, damaged[i]-1)
	}
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("%d records, want %d in their order", len(got), len(want))
	}
}
