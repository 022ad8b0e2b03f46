package results

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestLockAcrossProcesses lets another process open a journal while this process has the journal open, and
// again after this process has closed it.
func TestLockAcrossProcesses(t *testing.T) {
	const variable = "FUSEGRID_TEST_OPEN"
	if name := os.Getenv(variable); name != "" {
		used := InUse(name)
		f, err := OpenFile(name)
		if used != errors.Is(err, ErrLocked) {
			t.Fatalf("InUse reports %t, and opening the journal has the error %v", used, err)
		}
		if errors.Is(err, ErrLocked) {
			os.Stdout.WriteString("locked\n")
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		os.Stdout.WriteString("free\n")
		return
	}
	name := filepath.Join(t.TempDir(), "trials.jsonl")
	other := func() string {
		const self = "-test.run=^TestLockAcrossProcesses$"
		cmd := exec.Command(os.Args[0], self)
		if emulator := os.Getenv("FUSEGRID_EMULATOR"); emulator != "" { // of another architecture, from make test-arch
			cmd = exec.Command(emulator, os.Args[0], self)
		}
		cmd.Env = append(os.Environ(), variable+"="+name)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		word, _, _ := bytes.Cut(out, []byte("\n"))
		return string(word)
	}
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := other(); got != "locked" {
		t.Errorf("open here, and for another process %s", got)
	}
	// Reading the journal does not release the lock.
	if _, err := os.ReadFile(name); err != nil {
		t.Fatal(err)
	}
	if got := other(); got != "locked" {
		t.Errorf("open here and read meanwhile, and for another process %s", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := other(); got != "free" {
		t.Errorf("closed here, and for another process %s", got)
	}
}
