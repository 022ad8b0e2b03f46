package folder_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// trial returns the record of a trial that ended with a validation accuracy.
func trial(lr, val float64) results.Record {
	c := results.Config{Net: "two-layer", DType: "f32", LR: lr, Hidden: []int{3}, Batch: 10, Iters: 20}
	return results.Record{Key: c.Key(), Config: c, State: results.Done, Steps: 20, Accuracy: results.Accuracy{FinalVal: &val}}
}

// open opens a folder and returns its log. It fails the test if there is an error.
func open(t *testing.T, d folder.Disk, dir string) (*folder.Folder, string) {
	t.Helper()
	var said bytes.Buffer
	f, err := folder.Open(d, dir, log.New(&said, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, said.String()
}

// write makes a folder of records and returns its journal.
func write(t *testing.T, dir string, records ...results.Record) (name string, journal []byte) {
	t.Helper()
	f, _ := open(t, folder.OS{}, dir)
	if err := errors.Join(f.Append(records), f.Close()); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, folder.JournalName), read(t, filepath.Join(dir, folder.JournalName))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func replace(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// keys returns the keys of records, sorted.
func keys(records map[string]results.Record) []string { return slices.Sorted(maps.Keys(records)) }

// TestAppendAndOpenAgain checks that appended records are read when the folder is opened again, and that the later
// record of a trial counts.
func TestAppendAndOpenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out", "o") // neither folder exists
	a, b := trial(1e-4, 0.1), trial(1e-3, 0.3)
	failed := b
	failed.State, failed.Error = results.Failed, "no reason"
	write(t, dir, a, failed)
	f, said := open(t, folder.OS{}, dir)
	if said != "" || len(f.Records) != 2 || f.Records[b.Key].State != results.Failed || !f.Lacks(b.Key) || f.Lacks(a.Key) || !f.Lacks("unknown") {
		t.Errorf("said %q, records %v", said, f.Records)
	}
	if err := errors.Join(f.Append([]results.Record{b}), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := f.Append([]results.Record{a}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("appended to a closed folder: error %v", err)
	}
	f, _ = open(t, folder.OS{}, dir)
	if r := f.Records[b.Key]; len(f.Records) != 2 || r.State != results.Done || *r.Val() != 0.3 || f.Lacks(b.Key) {
		t.Errorf("records %v", f.Records)
	}
	if n := len(searchtest.Recorded(t, dir)); n != 3 {
		t.Errorf("%d lines, want 3: nothing may be lost", n)
	}
	if got := string(read(t, filepath.Join(dir, folder.GitName))); got != folder.GitAttributes {
		t.Errorf("attributes for Git: %q", got)
	}
}

// TestOneSweepAtATime opens a folder that is open. The second Open must be refused and change nothing, while Peek can
// read the folder.
func TestOneSweepAtATime(t *testing.T) {
	dir := t.TempDir()
	first, _ := open(t, folder.OS{}, dir)
	a, b := trial(1e-4, 0.1), trial(1e-3, 0.3)
	if err := first.Append([]results.Record{a}); err != nil {
		t.Fatal(err)
	}
	_, err := folder.Open(folder.OS{}, dir, log.Default())
	if want := "another sweep is writing to " + dir + "; wait for it, or name another folder"; !errors.As(err, new(folder.InputError)) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if seen, err := folder.Peek(dir, log.Default()); err != nil || !slices.Equal(keys(seen.Records), []string{a.Key}) {
		t.Errorf("read meanwhile: error %v, %+v", err, seen)
	}
	if err := errors.Join(first.Append([]results.Record{b}), first.Close()); err != nil {
		t.Errorf("the first sweep after the second one: %v", err)
	}
	if second, _ := open(t, folder.OS{}, dir); len(second.Records) != 2 {
		t.Errorf("%d records, want 2", len(second.Records))
	}
}

// TestRefused checks that a folder which cannot be used is refused in one line with a remedy, and that nothing is
// written.
func TestRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	replace(t, "file", nil)
	for name, journal := range map[string]string{"alien": "my notes\n", "newer": `{"sum":"7a9a8b1f","journal":{"version":2}}` + "\n"} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(name, folder.JournalName), []byte(journal))
	}
	if err := os.MkdirAll("taken/"+folder.JournalName, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		dir  string
		disk folder.Disk
		want string // the beginning of the error
	}{
		{"file", folder.OS{}, "mkdir file: not a directory; name a folder that you can write to"},
		{"file/o", folder.OS{}, "mkdir file: not a directory; name a folder that you can write to"},
		{"alien", folder.OS{}, "alien/trials.jsonl: not a journal of trials; name another output folder"},
		{"newer", folder.OS{}, "newer/trials.jsonl: "},
		{"taken", folder.OS{}, "open taken/trials.jsonl: is a directory; name a folder that you can write to"},
		{"denied", deniedDisk{op: "open"}, "open denied/trials.jsonl: permission denied; name a folder that you can write to"},
		{"denied", deniedDisk{op: "swap"}, "write denied/.gitattributes: permission denied; name a folder that you can write to"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			before := tree(t)
			f, err := folder.Open(tt.disk, tt.dir, log.Default())
			if err == nil {
				f.Close()
			}
			if !errors.As(err, new(folder.InputError)) || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v, want %s", tt.dir, err, tt.want)
			}
			if after := tree(t); tt.dir != "denied" && !maps.Equal(before, after) {
				t.Errorf("%s: the files were\n%q, now\n%q", tt.dir, before, after)
			}
			// A folder that was refused is not locked.
			if tt.dir == "denied" {
				f, _ := open(t, folder.OS{}, tt.dir)
				f.Close()
				os.RemoveAll(tt.dir)
			}
		})
	}
	for dir, want := range map[string]string{"alien": "alien/trials.jsonl: not a journal of trials", "taken": "read taken/trials.jsonl: is a directory"} {
		if _, err := folder.Peek(dir, nil); !errors.As(err, new(folder.InputError)) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("read %s: error %v, want %s", dir, err, want)
		}
	}
	if f, err := folder.Peek("nowhere", log.Default()); err != nil || len(f.Records) != 0 {
		t.Errorf("read a folder that is not there: error %v, %+v", err, f)
	}
}

// tree returns the files of the working folder with their content.
func tree(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[name] = string(read(t, name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A deniedDisk permits no operation of one kind.
type deniedDisk struct {
	folder.OS
	op string
}

func (d deniedDisk) Open(name string) (results.File, error) {
	if d.op == "open" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return d.OS.Open(name)
}

func (d deniedDisk) Swap(name string, write func(io.Writer) error) error {
	if d.op == "swap" {
		return &fs.PathError{Op: "write", Path: name, Err: syscall.EACCES}
	}
	return d.OS.Swap(name, write)
}

// TestDamage damages journals. Open must report the damage, keep the whole journal under another name, and keep all
// other lines. The next Open must report nothing. Peek must report the same and change nothing.
func TestDamage(t *testing.T) {
	t.Chdir(t.TempDir())
	all := []results.Record{trial(1e-4, 0.1), trial(1e-3, 0.3), trial(1e-2, 0.2)}
	name, whole := write(t, "o", all...)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	flip := func(n int) []byte { // line n, from 1
		l := slices.Clone(lines)
		l[n-1] = bytes.Replace(l[n-1], []byte(`"two-layer"`), []byte(`"two-slayer`), 1)
		return bytes.Join(l, nil)
	}
	for _, tt := range []struct {
		name     string
		journal  []byte
		says     []string
		peeks    string
		records  int
		setAside bool
	}{
		{"whole", whole, nil, "", 3, false},
		{"torn", whole[:len(whole)-9], []string{name + ": cut off a torn last line of ", "that trial is trained again\n"}, "the last line is torn, ", 2, false},
		{"damaged", flip(3), []string{name + ": line 3 is damaged: its checksum does not agree; it is skipped\n", name + " continues without the damaged lines; the whole file is kept in " + name + ".damaged; "}, "line 3 is damaged", 2, true},
		{"damaged and torn", flip(2)[:len(whole)-9], []string{"cut off a torn last line", "line 2 is damaged"}, "line 2 is damaged", 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			os.Remove(name + ".damaged")
			replace(t, name, tt.journal)
			var peeked bytes.Buffer
			if _, err := folder.Peek("o", nil); err != nil {
				t.Error(err)
			}
			if f, err := folder.Peek("o", log.New(&peeked, "", 0)); err != nil || len(f.Records) != tt.records || (f.Damaged > 0) != tt.setAside || !strings.Contains(peeked.String(), tt.peeks) || (tt.peeks == "") != (peeked.Len() == 0) {
				t.Errorf("read: error %v, %+v, said %q", err, f, &peeked)
			}
			if !bytes.Equal(read(t, name), tt.journal) {
				t.Error("reading has changed the journal")
			}
			f, said := open(t, folder.OS{}, "o")
			for _, part := range tt.says {
				if !strings.Contains(said, part) {
					t.Errorf("it does not say %q: %s", part, said)
				}
			}
			if len(f.Records) != tt.records || tt.says == nil && said != "" {
				t.Errorf("%d records, want %d; %s", len(f.Records), tt.records, said)
			}
			aside, err := os.ReadFile(name + ".damaged")
			if (err == nil) != tt.setAside || err == nil && !bytes.Equal(aside, tt.journal) {
				t.Errorf("set aside: %v, %d bytes", err, len(aside))
			}
			for _, r := range f.Records { // undamaged lines are unchanged
				line := lines[1+slices.IndexFunc(all, func(o results.Record) bool { return o.Key == r.Key })]
				if !bytes.Contains(read(t, name), line) {
					t.Errorf("the line of lr %g has changed", r.Config.LR)
				}
			}
			if err := errors.Join(f.Append(all[2:]), f.Close()); err != nil {
				t.Error(err)
			}
			f, said = open(t, folder.OS{}, "o")
			if said != "" || f.Lacks(all[2].Key) {
				t.Errorf("once more: %d records, %s", len(f.Records), said)
			}
			f.Close()
		})
	}
}

// TestDamageOnABadDisk lets each operation fail while a damaged journal is set aside. Open must be refused, the
// journal or its copy must be unchanged, and Open on a good disk must succeed.
func TestDamageOnABadDisk(t *testing.T) {
	all := []results.Record{trial(1e-4, 0.1), trial(1e-3, 0.3), trial(1e-2, 0.2)}
	for at := 1; ; at++ {
		dir := t.TempDir()
		name, whole := write(t, dir, all...)
		damaged := bytes.Replace(whole, []byte(`"two-layer"`), []byte(`"two-slayer`), 1)
		replace(t, name, damaged)
		f, err := folder.Open(&searchtest.Disk{At: at, Err: syscall.EIO}, dir, log.New(io.Discard, "", 0))
		if err == nil {
			f.Close()
			if at < 6 {
				t.Errorf("only %d operations", at-1)
			}
			return
		}
		if !errors.As(err, new(folder.InputError)) || !errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), "\n") {
			t.Errorf("operation %d: error %v", at, err)
		}
		if !bytes.Equal(read(t, name), damaged) && !bytes.Equal(read(t, name+".damaged"), damaged) {
			t.Errorf("operation %d: the journal as it was is not there", at)
		}
		f, _ = open(t, folder.OS{}, dir)
		if len(f.Records) != 2 {
			t.Errorf("operation %d, then a good disk: %d records, want 2", at, len(f.Records))
		}
		f.Close()
	}
}

// TestManyDamagedLines checks that the first damaged lines are named, and the others counted.
func TestManyDamagedLines(t *testing.T) {
	dir := t.TempDir()
	var all []results.Record
	for i := range 9 {
		all = append(all, trial(float64(i+1), 0.1))
	}
	name, whole := write(t, dir, all...)
	replace(t, name, bytes.ReplaceAll(whole, []byte(`"two-layer"`), []byte(`"two-slayer`)))
	f, said := open(t, folder.OS{}, dir)
	if n := strings.Count(said, " is damaged: "); n != 5 || !strings.Contains(said, name+": and 4 lines more\n") || len(f.Records) != 0 {
		t.Errorf("%d lines are named, %d records: %s", n, len(f.Records), said)
	}
}

// TestTables checks that tables depend only on the journal. If a table cannot be written, the error
// must name the journal. If the folder is gone, no table is written.
func TestTables(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "o")
	write(t, dir, trial(1e-4, 0.1), trial(1e-3, 0.3))
	tables := []string{folder.MarkdownName, folder.CSVName, folder.JSONLName}
	f, _ := open(t, folder.OS{}, dir)
	table, err := f.WriteTables(results.ByMean)
	if err != nil || table.Len() != 2 {
		t.Fatalf("%v, %+v", err, table)
	}
	first := map[string][]byte{}
	for _, name := range tables {
		first[name] = read(t, filepath.Join(dir, name))
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	f.Close()
	f, _ = open(t, folder.OS{}, dir)
	if _, err := f.WriteTables(results.ByMean); err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		if !bytes.Equal(read(t, filepath.Join(dir, name)), first[name]) {
			t.Errorf("%s is not the same the second time", name)
		}
	}
	f.Close()

	f, _ = open(t, noTables{}, dir)
	table, err = f.WriteTables(results.ByMean)
	if !errors.Is(err, syscall.ENOSPC) || !strings.HasSuffix(err.Error(), "no space left on device; the trials are safe in "+filepath.Join(dir, folder.JournalName)) || table == nil {
		t.Errorf("no room: error %v, table %v", err, table)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Skip(err) // Windows cannot remove a folder with an open file
	}
	if table, err := f.WriteTables(results.ByMean); !errors.Is(err, results.ErrGone) || table != nil {
		t.Errorf("gone: error %v, table %v", err, table)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("there is a folder again")
	}
}

// A noTables is a disk without space for tables.
type noTables struct{ folder.OS }

func (noTables) Swap(name string, _ func(io.Writer) error) error {
	return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
}

// TestNames checks that the folder of a custom set has a part of its hash, and that Unused returns an unused name.
func TestNames(t *testing.T) {
	t.Chdir(t.TempDir())
	data := &dataset.Split{Name: "fashion-mnist", Hash: "479eb0a3aaaa", Notes: []string{"an image occurs twice"}}
	if got, want := folder.Default(data, "fc", "f64"), filepath.Join("out", "fashion-mnist-fc-f64"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	data.Name = "custom"
	if got, want := folder.Default(data, "two-layer", "f32"), filepath.Join("out", "custom-479eb0a3-two-layer-f32"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, want := range []string{"o", "o-2", "o-3"} {
		got := folder.Unused("o")
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := os.Mkdir(got, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLatestNamesData checks the name of custom data in records of earlier versions, which called all data cifar-10.
func TestLatestNamesData(t *testing.T) {
	const published = "121dd8d928af8fe4c8b98235ef22112e776f66c3c29512175bed47f0a45b7818"
	for hash, want := range map[string]string{published: "cifar-10", "479eb0a3": "custom"} {
		c := results.Config{Data: hash}
		if got := folder.Latest([]results.Record{{Key: c.Key(), Config: c, DataName: "cifar-10"}})[c.Key()].DataName; got != want {
			t.Errorf("hash %s: name %q, want %q", hash, got, want)
		}
	}
}
