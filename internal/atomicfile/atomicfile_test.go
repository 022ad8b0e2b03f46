package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "table.md")
	text := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error { io.WriteString(w, s); return err }
	}
	if err := Write(name, text("old", nil)); err != nil {
		t.Fatal(err)
	}
	oops := errors.New("oops")
	if err := Write(name, text("half", oops)); err != oops {
		t.Errorf("got %v, want %v", err, oops)
	}
	if got, _ := os.ReadFile(name); string(got) != "old" {
		t.Errorf("after an error the file holds %q", got)
	}
	if err := Write(name, text("new", nil)); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); string(got) != "new" {
		t.Errorf("the file holds %q", got)
	}
	if err := Write(filepath.Join(name, "x"), text("", nil)); err == nil {
		t.Error("no error for a file inside a file")
	}
}

// TestWriteKeepsPermissions checks that a replaced file has the permissions of the old one.
func TestWriteKeepsPermissions(t *testing.T) {
	name := filepath.Join(t.TempDir(), "table.md")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(name, func(w io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("permissions %v, want those of the old file; error %v", info.Mode(), err)
	}
}

// TestRemoveTemporary checks that only temporary files of the given names are removed.
func TestRemoveTemporary(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".table.md123456789", ".table.md12", ".other.md123456789", "table.md123456789", "table.md"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveTemporary(dir, func(name string) bool { return name == "table.md" }); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".other.md123456789", ".table.md12", "table.md", "table.md123456789"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left %q, want %q; error %v", left, want, err)
	}
	if err := RemoveTemporary(filepath.Join(dir, "missing"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}
