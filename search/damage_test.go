package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// TestBadOut checks that output folders which cannot be used are refused before any training.
func TestBadOut(t *testing.T) {
	isolate(t)
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("alien", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("alien/"+folder.JournalName, []byte("my notes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	locked, err := folder.Open(folder.OS{}, "locked", log.Default())
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	for _, tt := range []struct{ out, want string }{
		{"file/o", "mkdir file: not a directory; name a folder that you can write to"},
		{"file", "mkdir file: not a directory; name a folder that you can write to"},
		{"alien", "alien/trials.jsonl: not a journal of trials; name another output folder"},
		{"locked", "another sweep is writing to locked; wait for it, or name another folder"},
	} {
		t.Run(tt.out, func(t *testing.T) {
			s, _, stderr := tinyJob(t, tt.out, "-lr 1e-4 -batch 10 -iters 3")
			err := runWith(t.Context(), s, searchtest.RunnerFunc(func(context.Context, plan.Block, runner.Hooks) error {
				t.Errorf("-out %s: training began", tt.out)
				return nil
			}))
			var bad folder.InputError
			if !errors.As(err, &bad) || err.Error() != tt.want || stderr.Len() > 0 {
				t.Errorf("-out %s: error %v, want %s; stderr %s", tt.out, err, tt.want, stderr)
			}
		})
	}
	if left, _ := os.ReadFile("alien/" + folder.JournalName); string(left) != "my notes\n" {
		t.Errorf("the file of someone else now holds %q", left)
	}
}

func TestDamagedJournalIsReported(t *testing.T) {
	isolate(t)
	train := func() (table, stderr string) {
		s, r, said := tinyJob(t, "o", "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -iters 5 -batch 10")
		s.Runner = r
		result, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return result.Table.Digest(), said.String()
	}
	want, _ := train()
	name := filepath.Join("o", folder.JournalName)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.IndexByte(data, '\n')+100] ^= 4 // line 2
	data = data[:len(data)-10]                 // line 5
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got, stderr := train()
	for _, part := range []string{"cut off a torn last line of", "line 2 is damaged: its checksum does not agree", "2 of 4 trials are on record"} {
		if !strings.Contains(stderr, part) {
			t.Errorf("stderr does not say %q:\n%s", part, stderr)
		}
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDamageIsSetAside damages journals. The next sweep must report the damage, keep the whole journal under another
// name, and train the missing trials again. After that, the journal has no damage, and its other lines are unchanged.
// The same must hold if the disk fails meanwhile.
func TestDamageIsSetAside(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -iters 5 -batch 10"
	trainGrid(t, "whole", args)
	whole, err := os.ReadFile("whole/" + folder.JournalName)
	if err != nil {
		t.Fatal(err)
	}
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	lines := bytes.SplitAfter(whole, []byte("\n"))
	damage := func(n int) []byte {
		l := slices.Clone(lines)
		l[n] = bytes.Replace(l[n], []byte("0"), []byte("1"), 1)
		return bytes.Join(l, nil)
	}
	without := func(n int) []byte {
		l := slices.Clone(lines)
		if n > 0 { // the first one is made again
			l[n] = nil
		}
		return bytes.Join(l, nil)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		return b
	}
	put := func(out string, journal []byte) string {
		if err := errors.Join(os.MkdirAll(out, 0o700), os.WriteFile(filepath.Join(out, folder.JournalName), journal, 0o600)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(out, folder.JournalName)
	}
	settled := func(what, out string) {
		if said, steps := trainGrid(t, out, args); strings.Contains(said, "damage") || steps > 0 {
			t.Errorf("%s: once more: %d iterations; %s", what, steps, said)
		}
		searchtest.Complete(t, what, out, 4, want)
	}
	for n := range 5 {
		out := fmt.Sprint("o", n)
		name := put(out, damage(n))
		said, steps := trainGrid(t, out, args)
		if !strings.Contains(said, fmt.Sprintf("sweep: %s: line %d is damaged", name, n+1)) || !strings.Contains(said, "is kept in "+name+".damaged;") || steps != 5*min(n, 1) {
			t.Errorf("line %d: %d iterations; %s", n+1, steps, said)
		}
		if !bytes.Equal(read(name+".damaged"), damage(n)) {
			t.Errorf("line %d: what was set aside is not the journal as it was", n+1)
		}
		if !bytes.HasPrefix(read(name), without(n)) {
			t.Errorf("line %d: other lines than those that were not damaged", n+1)
		}
		settled(fmt.Sprint("line ", n+1), out)
	}
	// The copy has a torn last line, too.
	torn := damage(2)[:len(whole)-7]
	name := put("torn", torn)
	if said, _ := trainGrid(t, "torn", args); !strings.Contains(said, "cut off a torn last line") || !bytes.Equal(read(name+".damaged"), torn) {
		t.Errorf("damaged and torn: what was set aside is not the journal as it was; %s", said)
	}
	settled("torn", "torn")
	// The second copy gets another name.
	name = put("o1", damage(2))
	if said, _ := trainGrid(t, "o1", args); !strings.Contains(said, "is kept in "+name+".damaged-2;") || !bytes.Equal(read(name+".damaged"), damage(1)) {
		t.Errorf("damaged again: %s", said)
	}
	settled("again", "o1")
	// The disk fails while damage is set aside.
	for at := 1; ; at++ {
		out := fmt.Sprint("p", at)
		name := put(out, damage(3))
		s, r, _ := tinyJob(t, out, args)
		d := &searchtest.Disk{At: at, Err: syscall.EIO}
		s.Disk = d
		err := runWith(t.Context(), s, r)
		if err == nil {
			break
		}
		got := read(name)
		if !errors.Is(err, syscall.EIO) || !bytes.Equal(got, damage(3)) && !bytes.HasPrefix(got, without(3)) {
			t.Errorf("failure of operation %d: %v; the journal is\n%s", at, err, got)
		}
		if !bytes.Equal(got, damage(3)) && !bytes.Equal(read(name+".damaged"), damage(3)) {
			t.Errorf("failure of operation %d: the journal as it was is not there", at)
		}
		trainGrid(t, out, args)
		settled(fmt.Sprintf("failure of operation %d", at), out)
	}
}

// TestConvertedLineEnds converts the line ends of a journal as Git does. A sweep must continue it, and the attributes
// in the folder must keep Git from converting it. A file of attributes that a user wrote must not change.
func TestConvertedLineEnds(t *testing.T) {
	isolate(t)
	const args = "-reg 0,0.5 -hidden 3 -iters 5 -batch 10 -workers 1 "
	trainGrid(t, "o", args+"-lr 1e-4")
	journal, err := os.ReadFile("o/" + folder.JournalName)
	if err != nil {
		t.Fatal(err)
	}
	journal = bytes.ReplaceAll(journal, []byte("\n"), []byte("\r\n"))
	if err := os.WriteFile("o/"+folder.JournalName, journal, 0o600); err != nil {
		t.Fatal(err)
	}
	said, steps := trainGrid(t, "o", args+"-lr 1e-4,1e-3")
	if !strings.Contains(said, "2 of 4 trials are on record in o; 2 to train") || strings.Contains(said, "damage") || steps != 5 {
		t.Errorf("%d iterations; %s", steps, said)
	}
	if after, _ := os.ReadFile("o/" + folder.JournalName); !bytes.HasPrefix(after, journal) {
		t.Error("the lines that were there have changed")
	}
	trainGrid(t, "whole", args+"-lr 1e-4,1e-3")
	searchtest.Complete(t, "line ends", "o", 4, results.NewTable(searchtest.Recorded(t, "whole")).Digest())

	for _, content := range []string{folder.GitAttributes, "mine\n"} {
		if got, _ := os.ReadFile("o/" + folder.GitName); string(got) != content {
			t.Errorf("%s holds %q, want %q", folder.GitName, got, content)
		}
		if err := os.WriteFile("o/"+folder.GitName, []byte("mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		trainGrid(t, "o", args+"-lr 1e-4")
	}
	// If Git is installed, it confirms that.
	if _, err := exec.LookPath("git"); err == nil {
		if err := os.WriteFile("o/"+folder.GitName, []byte(folder.GitAttributes), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"GIT_DIR": ".git", "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": ".git/index"} {
			t.Setenv(name, value) // because a repository may surround the test
		}
		for _, args := range [][]string{{"init", "-q"}, {"config", "core.autocrlf", "true"}, {"add", "-A"}} {
			if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
				t.Fatalf("git %s: %v\n%s", args[0], err, out)
			}
		}
		if err := os.Remove("o/" + folder.JournalName); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("git", "checkout", "--", "o").CombinedOutput(); err != nil {
			t.Fatalf("git checkout: %v\n%s", err, out)
		}
		if after, _ := os.ReadFile("o/" + folder.JournalName); !bytes.HasPrefix(after, journal) {
			t.Error("Git has converted the line ends of the journal")
		}
	}
}
