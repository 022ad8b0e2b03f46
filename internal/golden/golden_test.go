package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// A probe is a test that records whether Check has failed it.
type probe struct {
	testing.TB
	name   string
	failed bool
}

func (p *probe) Name() string          { return p.name }
func (p *probe) Helper()               {}
func (p *probe) Errorf(string, ...any) { p.failed = true }

func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "texts.txt")
	if err := os.WriteFile(file, []byte("-- A/x --\none line\n-- A/y --\ntwo\n\nlines\n-- B --\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, got string
		ok        bool
	}{
		{"A/x", "one line", true},
		{"A/x", "one line\n", true},
		{"A/x", "another line", false},
		{"A/y", "two\n\nlines", true},
		{"A/y", "two\n\n", false},
		{"A/z", "one line", false},
		{"A", "", false},
		{"B", "", true},
	} {
		p := &probe{TB: t, name: c.name}
		Check(p, file, c.got)
		if p.failed == c.ok {
			t.Errorf("%s, %q: failed %v", c.name, c.got, p.failed)
		}
	}
}

func TestUpdate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "texts.txt")
	*update = true
	defer func() { *update = false }()
	Check(&probe{TB: t, name: "B"}, file, "of B")
	Check(&probe{TB: t, name: "A/x"}, file, "of A/x\nin two lines\n")
	Check(&probe{TB: t, name: "B"}, file, "of B, again")
	const want = "-- A/x --\nof A/x\nin two lines\n-- B --\nof B, again\n"
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("error %v, got\n%s\nwant\n%s", err, got, want)
	}
}
