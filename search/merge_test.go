package search

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/searchtest"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// timeless returns records without what depends on the time, sorted by key.
func timeless(records []results.Record) []results.Record {
	records = slices.Clone(records)
	for i := range records {
		records[i].Speed, records[i].Ended = results.Speed{}, time.Time{}
	}
	slices.SortFunc(records, func(a, b results.Record) int { return strings.Compare(a.Key, b.Key) })
	return records
}

// contentsOf returns the files of a folder, without what depends on the time.
func contentsOf(t *testing.T, dir string) map[string]any {
	t.Helper()
	timing := map[string]bool{}
	for _, c := range results.NewTable(nil).Columns() {
		timing[c.Name] = c.Role == results.Timing
	}
	files := map[string]any{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		switch {
		case rel == folder.JournalName:
			files[rel] = timeless(searchtest.Recorded(t, dir))
		case rel == folder.CurvesName:
			files[rel] = fmt.Sprint(searchtest.Curves(t, dir, dir)) // as text, because NaN is not equal to itself
		case rel == folder.MarkdownName, rel == folder.JSONLName: // the same columns as the CSV
			files[rel] = true
		case rel == folder.CSVName:
			rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for k := len(rows[0]) - 1; k >= 0; k-- {
				if timing[rows[0][k]] {
					for i := range rows {
						rows[i] = slices.Delete(rows[i], k, k+1)
					}
				}
			}
			files[rel] = rows
		case strings.HasPrefix(rel, folder.StatesDir):
			f, err := safetensors.Read(data)
			if err != nil {
				t.Fatal(err)
			}
			for i := range f.Tensors {
				if f.Tensors[i].Name == folder.TimeName {
					f.Tensors[i] = safetensors.Tensor{}
				}
			}
			f.Seal()
			files[rel] = fmt.Sprint(f)
		default: // pictures, weights and means over the seeds
			files[rel] = string(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameFolder fails the test unless two folders have the same files, apart from timing. If some is true, the first folder
// may have more weights and states.
func sameFolder(t *testing.T, what, dir, want string, some bool) {
	t.Helper()
	got, all := contentsOf(t, dir), contentsOf(t, want)
	for name, content := range all {
		if g, ok := got[name]; !ok {
			t.Errorf("%s: %s is missing", what, name)
		} else if !reflect.DeepEqual(g, content) {
			t.Errorf("%s: %s is\n%.2000v, want\n%.2000v", what, name, g, content)
		}
	}
	for name := range got {
		if _, ok := all[name]; !ok && (!some || !strings.HasSuffix(name, ".safetensors")) {
			t.Errorf("%s: there is also %s", what, name)
		}
	}
}

// mergeFolders merges folders, and returns what the result lacks.
func mergeFolders(t *testing.T, out string, dirs ...string) []string {
	t.Helper()
	j, err := folder.Merge(searchtest.Unsynced{}, out, dirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return j.Lacking
}

// TestMergeShards runs the shards of studies, merges them in several ways, and compares the folder with that of a sweep
// of the whole study.
func TestMergeShards(t *testing.T) {
	for _, words := range []string{
		shardGrid,
		shardGrid + " -order 0 -patience 2:3",
		"-net fc -lr 1e-3,1e-2 -reg 0.1 -hidden 3,4x3 -epochs 2 -batch 10 -std 1e-2 -keep 2 -states all",
		"-sample lhs:9 -lr log:1e-4..1e-2 -reg 0..1 -hidden 2..5 -iters 12 -batch 10 -std 1e-2 -keep 1",
	} {
		t.Run(words, func(t *testing.T) {
			isolate(t)
			trainGrid(t, "whole", words)
			var dirs []string
			for i := range 3 {
				runShard(t, "o", fmt.Sprint(words, " -workers ", 1+i), i+1, 3)
				dirs = append(dirs, filepath.Join("o", Shard{i + 1, 3}.Name()))
			}
			if lacking := mergeFolders(t, "merged", dirs...); lacking != nil {
				t.Errorf("it lacks %q", lacking)
			}
			sameFolder(t, "merged", "merged", "whole", false)

			// In another order, one by one, and again.
			var lacking []string
			for _, i := range []int{2, 0, 1, 2} {
				lacking = mergeFolders(t, "one-by-one", dirs[i])
			}
			if want := "shards 1 and 2 of 3 are not among the folders"; len(lacking) == 0 || lacking[0] != want {
				t.Errorf("the last shard alone: it lacks %q, want %q", lacking, want)
			}
			if got, want := timeless(searchtest.Recorded(t, "one-by-one")), timeless(searchtest.Recorded(t, "whole")); !reflect.DeepEqual(got, want) {
				t.Error("one by one: other records")
			}
			searchtest.SameCurves(t, "one by one", "one-by-one", "whole", false)

			// A merge copies only the weights of trials that are among the best by then, so the others follow now.
			if lacking := mergeFolders(t, "one-by-one", dirs...); lacking != nil {
				t.Errorf("one by one, and then all: it lacks %q", lacking)
			}

			// The same sweep without a shard has nothing to do, and makes the folder that of the whole.
			said, steps := trainGrid(t, "one-by-one", words)
			if steps != 0 || !strings.Contains(said, "0 to train") {
				t.Errorf("a sweep of the merged folder trains %d steps: %s", steps, said)
			}
			sameFolder(t, "after a sweep", "one-by-one", "whole", true) // those that were the best of the first folders remain
		})
	}
}

// TestMergePart merges shards of which one has not ended. A sweep of the merged folder trains the rest.
func TestMergePart(t *testing.T) {
	isolate(t)
	trainGrid(t, "whole", shardGrid)
	runShard(t, "o", shardGrid, 1, 3)
	runShard(t, "o", shardGrid, 3, 3)
	lacking := mergeFolders(t, "merged", "o/shard-1", "o/shard-3")
	if want := "shard 2 of 3 is not among the folders"; len(lacking) == 0 || lacking[0] != want {
		t.Errorf("it lacks %q, want %q", lacking, want)
	}
	said, _ := trainGrid(t, "merged", shardGrid)
	if !strings.Contains(said, "16 of 24 trials are on record in merged; 8 to train") {
		t.Errorf("%s", said)
	}
	sameFolder(t, "after a sweep", "merged", "whole", false)
}

// TestMergedWeights removes the weights of a trial. The merged folder lacks them, and a sweep makes them.
func TestMergedWeights(t *testing.T) {
	isolate(t)
	trainGrid(t, "whole", shardGrid)
	runShard(t, "o", shardGrid, 1, 2)
	runShard(t, "o", shardGrid, 2, 2)
	kept, _ := filepath.Glob("whole/weights/*")
	if len(kept) != 6 {
		t.Fatalf("%d weights", len(kept))
	}
	// A shard need not have kept the weights of all of them, because it does not know the best settings of the study.
	missing, damaged := 0, 0
	for _, name := range kept {
		copies, _ := filepath.Glob(filepath.Join("o", "shard-*", folder.WeightsDir, filepath.Base(name)))
		switch {
		case len(copies) == 0:
			missing++
		case damaged < 2:
			damaged++
			missing++
			for _, name := range copies {
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				data[len(data)-1] ^= 1
				os.WriteFile(name, data, 0o600)
			}
		}
	}
	if damaged != 2 {
		t.Fatalf("%d weights are damaged", damaged)
	}
	lacking := mergeFolders(t, "merged", "o/shard-1", "o/shard-2")
	if want := []string{fmt.Sprintf("the weights of %d trials are to be kept and missing; the same sweep into merged, without -shard, makes them", missing)}; !slices.Equal(lacking, want) {
		t.Errorf("it lacks %q, want %q", lacking, want)
	}
	if said, _ := trainGrid(t, "merged", shardGrid); !strings.Contains(said, fmt.Sprintf("%d trials on record to train again, because their weights or states are to be kept and are missing", missing)) {
		t.Error(said)
	}
	sameFolder(t, "after a sweep", "merged", "whole", false)
}
