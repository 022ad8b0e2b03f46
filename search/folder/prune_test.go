package folder_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
)

// full makes a folder with the curves, states and weights of four trials, a checkpoint, and files of a user. It returns
// the keys of the trials, best first.
func full(t *testing.T, dir string) []string {
	t.Helper()
	o, err := folder.Open(folder.OS{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.KeepCurves(curve.Nets, nil); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i := range 4 {
		r := results.Record{State: results.Done, Config: results.Config{LR: float64(i), Hidden: []int{1}}}
		r.Key, r.Accuracy.FinalVal = r.Config.Key(), new(0.9-0.1*float64(i))
		chunk, err := curve.AppendChunk(nil, r.Key, curve.History{Loss: make([]float64, 100)})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.AppendCurves(chunk), o.Append([]results.Record{r})); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, r.Key)
	}
	put := func(name string, size int) {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, make([]byte, size), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range keys {
		put(filepath.Join(folder.StatesDir, key+".safetensors"), 1000*(i+1))
		put(filepath.Join(folder.WeightsDir, key+".safetensors"), 100*(i+1))
	}
	put(filepath.Join(folder.CheckpointsDir, strings.Repeat("a", 64)+".safetensors"), 7)
	put(filepath.Join(folder.WeightsDir, "mine.safetensors"), 5)
	put(filepath.Join(folder.WeightsDir, keys[0]+".txt"), 5)
	put(folder.CSVName, 5)
	return keys
}

// filesOf returns the names of all files below a folder.
func filesOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	if err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all[strings.TrimPrefix(name, dir+string(filepath.Separator))] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPrune removes files of each kind. Only these may be gone, and the space must be as it was said.
func TestPrune(t *testing.T) {
	size := curve.Size(100, 0)
	for _, tt := range []struct {
		kinds string
		best  int
		gone  int // files
		freed string
	}{
		{"", 0, 0, ""},
		{"curves", 0, 1, fmt.Sprint("curves ", 16+4*size)},
		{"curves", 1, 0, fmt.Sprint("curves ", 3*size)},
		{"curves", 9, 0, "curves 0"},
		{"states", 0, 4, "states 10000"},
		{"states", 1, 3, "states 9000"},
		{"weights", 3, 1, "weights 400"},
		{"checkpoints", 3, 1, "checkpoints 7"},
		{"checkpoints weights states curves", 0, 10, fmt.Sprint("curves ", 16+4*size, " states 10000 weights 1000 checkpoints 7")},
	} {
		dir := filepath.Join(t.TempDir(), "o")
		keys := full(t, dir)
		before := filesOf(t, dir)
		journal, _ := os.ReadFile(filepath.Join(dir, folder.JournalName))
		o, err := folder.Peek(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		uses, err := o.Uses(tt.best, results.ByMean)
		if err != nil {
			t.Fatal(err)
		}
		freed, err := folder.Prune(folder.OS{}, dir, strings.Fields(tt.kinds), tt.best, results.ByMean)
		var parts []string
		for _, u := range freed {
			parts = append(parts, fmt.Sprint(u.Kind, " ", u.Free))
			for _, said := range uses {
				if said.Kind == u.Kind && !reflect.DeepEqual(said, u) {
					t.Errorf("%s: freed %+v, was said to be %+v", tt.kinds, u, said)
				}
			}
		}
		after := filesOf(t, dir)
		if got := strings.Join(parts, " "); err != nil || got != tt.freed || len(before)-len(after) != tt.gone {
			t.Errorf("%q, best %d: %v, freed %q, want %q; %d files are gone, want %d", tt.kinds, tt.best, err, got, tt.freed, len(before)-len(after), tt.gone)
		}
		for name := range before {
			kind, _, _ := strings.Cut(name, string(filepath.Separator))
			kind = strings.TrimSuffix(kind, ".bin")
			of := strings.TrimSuffix(filepath.Base(name), ".safetensors")
			mine := len(of) != 64 && name != folder.CurvesName
			best := tt.best > 0 && kind != "checkpoints" && (of == keys[0] || kind == "curves")
			if !after[name] && (mine || best || !strings.Contains(tt.kinds, kind)) {
				t.Errorf("%q, best %d: %s is gone", tt.kinds, tt.best, name)
			}
		}
		if now, _ := os.ReadFile(filepath.Join(dir, folder.JournalName)); string(now) != string(journal) {
			t.Errorf("%q: the journal has changed", tt.kinds)
		}
		if !strings.Contains(tt.kinds, "curves") {
			continue
		}
		left := searchtest.Curves(t, tt.kinds, dir)
		for i, key := range keys {
			if _, ok := left[key]; ok != (i < tt.best) {
				t.Errorf("%q, best %d: curve %d is there: %t", tt.kinds, tt.best, i, ok)
			}
		}
	}
}

// TestPruneKeepsSeeds checks that all seeds of the best setting stay, and that the order selects the setting.
func TestPruneKeepsSeeds(t *testing.T) {
	for by, want := range map[results.Order]string{
		results.ByMean:  "setting 0: 2, setting 1: 1, setting 2: 0", // the best mean, and the best trial
		results.ByBest:  "setting 0: 0, setting 1: 2, setting 2: 0",
		results.ByLower: "setting 0: 0, setting 1: 1, setting 2: 2", // the seeds of setting 0 vary more
	} {
		dir := t.TempDir()
		o, err := folder.Open(folder.OS{}, dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, folder.WeightsDir), 0o700); err != nil {
			t.Fatal(err)
		}
		var names []string
		for i, val := range []float64{0.85, 0.67, 0.9, 0.1, 0.75, 0.76} {
			r := results.Record{State: results.Done, Config: results.Config{LR: float64(i / 2), Seed: uint32(i % 2), Hidden: []int{1}}}
			r.Key, r.Accuracy.FinalVal = r.Config.Key(), &val
			names = append(names, filepath.Join(dir, folder.WeightsDir, r.Key+".safetensors"))
			if err := errors.Join(o.Append([]results.Record{r}), os.WriteFile(names[i], nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		o.Close()
		if _, err := folder.Prune(folder.OS{}, dir, folder.Kinds(), 1, by); err != nil {
			t.Fatal(err)
		}
		var left [3]int
		for i, name := range names {
			if _, err := os.Stat(name); err == nil {
				left[i/2]++
			}
		}
		if got := fmt.Sprintf("setting 0: %d, setting 1: %d, setting 2: %d", left[0], left[1], left[2]); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
}

// TestPruneRefuses checks that nothing is removed while a sweep has the folder, without a journal, from a newer file of
// curves, and if the disk fails.
func TestPruneRefuses(t *testing.T) {
	all := folder.Kinds()
	refused := func(dir, want string) {
		t.Helper()
		before := filesOf(t, dir)
		_, err := folder.Prune(folder.OS{}, dir, all, 0, results.ByMean)
		var bad folder.InputError
		if !errors.As(err, &bad) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if after := filesOf(t, dir); !reflect.DeepEqual(after, before) {
			t.Errorf("files were removed: %v are left of %v", after, before)
		}
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("empty", 0o700); err != nil {
		t.Fatal(err)
	}
	refused("empty", "stat empty/trials.jsonl: no such file or directory; name the folder of a sweep")
	full(t, "o")
	o, err := folder.Open(folder.OS{}, "o", nil)
	if err != nil {
		t.Fatal(err)
	}
	refused("o", "a sweep is writing to o; wait for it, or stop it with Ctrl-C")
	o.Close()
	if _, err := folder.Prune(&searchtest.Disk{At: 1, Err: syscall.EROFS}, "o", []string{"states"}, 0, results.ByMean); !errors.Is(err, syscall.EROFS) || !strings.HasPrefix(err.Error(), "freeing the states: ") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile("o/"+folder.CurvesName, []byte("my notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("o", "o/curves.bin: not a file of learning curves; move it away, or name another output folder")
}
