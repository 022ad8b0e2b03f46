package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/results"
	"fusegrid/search/folder"
)

// pruneGrid has 4 trials of 60 iterations on tiny images.
const pruneGrid = "-impl reference -quiet -hidden 5 -iters 60 -batch 10 -lr 1e-4,1e-3 -reg 0,0.5 "

// TestPrune shows what files take and removes some. It also checks that nothing is removed while a sweep runs.
func TestPrune(t *testing.T) {
	isolate(t)
	if _, _, err := sweepTiny(t.Context(), tinyOptions(t, pruneGrid+"-states 2 -keep 1 -out out/o")); err != nil {
		t.Fatal(err)
	}
	states := func() int {
		names, _ := filepath.Glob(filepath.Join("out/o", folder.StatesDir, "*"))
		return len(names)
	}
	const table = `                files          size  can be freed
-curves             1        2.2 kB        1.6 kB
-states             2       12.4 kB        6.2 kB
-weights            1        2.7 kB        0.0 kB
-checkpoints        0        0.0 kB        0.0 kB

Nothing was removed. The flags above name the files to remove.
`
	for _, args := range []string{"prune out/o -keep 1", "prune -keep 1"} {
		if stdout, stderr, code := call(t, strings.Fields(args)...); stdout != table || stderr != "" || code != exitOK || states() != 2 {
			t.Errorf("%s: exit code %d, %s\n%s", args, code, stderr, stdout)
		}
	}
	f, err := results.OpenFile(filepath.Join("out/o", folder.JournalName))
	if err != nil {
		t.Fatal(err)
	}
	const busy = "sweep: a sweep is writing to out/o; wait for it, or stop it with Ctrl-C\n"
	if stdout, stderr, code := call(t, "prune", "out/o", "-states"); stdout != "" || stderr != busy || code != exitBadInput || states() != 2 {
		t.Errorf("while a sweep runs: exit code %d, %s\n%s", code, stderr, stdout)
	}
	f.Close()
	const freed = "curves: 1.6 kB of 2.2 kB freed, of 1 file\nstates: 6.2 kB of 12.4 kB freed, of 2 files\n"
	if stdout, stderr, code := call(t, "prune", "out/o", "-states", "-curves", "-keep", "1"); stdout != freed || stderr != "" || code != exitOK || states() != 1 {
		t.Errorf("exit code %d, %s\n%s", code, stderr, stdout)
	}
}

// TestSpaceNote checks the message about files that take much space.
func TestSpaceNote(t *testing.T) {
	isolate(t)
	if _, stderr, err := sweepTiny(t.Context(), tinyOptions(t, pruneGrid+"-out o")); err != nil || strings.Contains(stderr, "on disk") {
		t.Fatalf("%v: %s", err, stderr)
	}
	if err := os.MkdirAll("o/weights", 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create("o/weights/" + strings.Repeat("0", 64) + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(much + 1); err != nil {
		t.Fatal(err)
	}
	f.Close()
	const note = "on disk: curves 2.2 kB, weights 10.0 MB; sweep prune o frees space\n"
	if _, stderr, err := sweepTiny(t.Context(), tinyOptions(t, pruneGrid+"-out o")); err != nil || !strings.Contains(stderr, note) {
		t.Errorf("%v: %s", err, stderr)
	}
	if stdout, _, err := sweepTiny(t.Context(), tinyOptions(t, pruneGrid+"-out o -dry-run")); err != nil || !strings.Contains(stdout, note) {
		t.Errorf("dry run: %v\n%s", err, stdout)
	}
	const will = "curves will take up to 2.2 kB, weights will take up to 0.9 kB\n"
	if stdout, _, err := sweepTiny(t.Context(), tinyOptions(t, pruneGrid+"-out new -dry-run -keep 1")); err != nil || !strings.Contains(stdout, will) {
		t.Errorf("dry run: %v\n%s", err, stdout)
	}
}
