package results

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestTail reads a journal while it grows byte by byte, and after it was replaced by another one.
func TestTail(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, records ...Record) []byte {
		t.Helper()
		f, err := OpenFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		j, _, _, err := NewJournal(f, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Append(records...), j.Close()); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	records := seeds(1e-3, 0.5, 0.4, 0.3)
	whole := write("whole", records...)
	tail := Tail{Name: filepath.Join(dir, "grows")}
	if _, _, err := tail.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	var got []Record
	grows, err := os.Create(tail.Name)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := grows.Write(whole[n : n+1]); err != nil {
			t.Fatal(err)
		}
		more, again, err := tail.Read()
		if err != nil || again {
			t.Fatalf("after %d bytes: %t, %v", n+1, again, err)
		}
		got = append(got, more...)
	}
	grows.Close()
	if len(got) != len(records) || got[0].Key != records[0].Key || got[2].Key != records[2].Key {
		t.Errorf("%d records, want %d", len(got), len(records))
	}
	if more, again, err := tail.Read(); len(more) > 0 || again || err != nil {
		t.Errorf("nothing is new, but got %d records, %t, %v", len(more), again, err)
	}
	write("other", append(records, seeds(2e-3, 0.1)...)...) // longer, so only the file tells
	if err := os.Rename(filepath.Join(dir, "other"), tail.Name); err != nil {
		t.Fatal(err)
	}
	if more, again, err := tail.Read(); len(more) != 4 || !again || err != nil {
		t.Errorf("another file: %d records, %t, %v", len(more), again, err)
	}
	if err := os.WriteFile(tail.Name, whole[:len(whole)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	if more, again, err := tail.Read(); len(more) != 1 || !again || err != nil {
		t.Errorf("a shorter file: %d records, %t, %v", len(more), again, err)
	}
	// What is in the place of the journal for a time is none.
	for _, text := range [][]byte{[]byte("no journal\n"), whole} {
		other := filepath.Join(dir, "other")
		if err := errors.Join(os.WriteFile(other, text, 0o666), os.Rename(other, tail.Name)); err != nil {
			t.Fatal(err)
		}
		more, again, err := tail.Read()
		switch {
		case len(text) < len(whole) && !errors.Is(err, ErrNotJournal):
			t.Errorf("no journal: %d records, %t, %v", len(more), again, err)
		case len(text) == len(whole) && (len(more) != len(records) || !again || err != nil):
			t.Errorf("after an error: %d records, %t, %v", len(more), again, err)
		}
	}
	if more, again, err := tail.Read(); len(more) > 0 || again || err != nil {
		t.Errorf("nothing is new, but got %d records, %t, %v", len(more), again, err)
	}
}
