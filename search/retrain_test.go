package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fusegrid"
	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// filesIn returns the names of the files in a folder of an output folder.
func filesIn(out, dir string) []string {
	names, _ := filepath.Glob(filepath.Join(out, dir, "*.safetensors"))
	return names
}

// TestKeepAfterwards asks for weights and states of trials on record. The best must be trained again, once, to the
// bits on record.
func TestKeepAfterwards(t *testing.T) {
	isolate(t)
	const again = "%d trials on record to train again, because their weights or states are to be kept and are missing\n"
	for _, c := range []struct {
		grid           string
		trained, files int
	}{
		// The best trial, whose state is kept, is in none of the two best settings.
		{"-lr log:1e-4..1e-2:5 -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0 -seed 5,6", 5, 4},
		{"-net fc -lr log:1e-4..1e-2:5 -hidden 4x3 -epochs 3 -batch 10 -std 1e-2 -reg 0 -rule momentum", 2, 2},
		{"-lr log:1e-4..1e-2:9 -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0 -halving 2:2", 2, 2},
	} {
		grid := c.grid
		t.Run(grid, func(t *testing.T) {
			out := t.TempDir()
			trainGrid(t, out, grid)
			before, err := os.ReadFile(filepath.Join(out, folder.JournalName))
			if err != nil {
				t.Fatal(err)
			}
			s, _, _ := tinyJob(t, out, grid+" -keep 2 -states 1")
			if p, err := s.dryRun(t.Context()); err != nil || p.Again != c.trained {
				t.Errorf("%s: dry run: %v, %+v; want %d trials to train again", grid, err, p, c.trained)
			}
			if said, _ := trainGrid(t, out, grid+" -keep 2 -states 1"); !strings.Contains(said, fmt.Sprintf(again, c.trained)) {
				t.Errorf("%s: %s", grid, said)
			}
			weightsOfBest(t, grid, out, 2)
			if n, m := len(filesIn(out, folder.WeightsDir)), len(filesIn(out, folder.StatesDir)); n != c.files || m != 1 {
				t.Errorf("%s: weights of %d and states of %d trials, want %d and 1", grid, n, m, c.files)
			}
			if after, _ := os.ReadFile(filepath.Join(out, folder.JournalName)); !bytes.Equal(before, after) {
				t.Errorf("%s: the journal has changed", grid)
			}
			if said, _ := trainGrid(t, t.TempDir(), grid+" -keep 2"); strings.Contains(said, "on record") ||
				strings.Contains(said, "to train again, because the best settings, whose weights are kept, are known only at the end\n") != strings.Contains(grid, "-seed") {
				t.Errorf("%s: in a new folder: %s", grid, said)
			}
			if said, steps := trainGrid(t, out, grid+" -keep 2 -states 1"); steps != 0 || strings.Contains(said, "again") {
				t.Errorf("%s: once more: %d iterations; %s", grid, steps, said)
			}
		})
	}
}

// TestStatesAfterwards resumes from a state that was made by training again.
func TestStatesAfterwards(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	for _, c := range lengths {
		trainGrid(t, c.name, c.args+" "+c.long)
		out := c.name + " again"
		trainGrid(t, out, c.args+" "+c.short)
		trainGrid(t, out, c.args+" "+c.short+" -states all")
		if said, _ := trainGrid(t, out, c.args+" "+c.long); !strings.Contains(said, "from kept states after ") {
			t.Errorf("%s: %s", c.name, said)
		}
		searchtest.SameFigures(t, c.name, out, c.name, c.iters)
	}
}

// TestKeepOfAnotherGrid checks that the best trials of a folder are trained again if they belong to
// another grid, but not if they have another type.
func TestKeepOfAnotherGrid(t *testing.T) {
	isolate(t)
	const rest = " -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0"
	trainGrid(t, "o", "-lr log:1e-4..1e-2:5"+rest)
	records := searchtest.Recorded(t, "o")
	results.Rank(records)
	worst := fmt.Sprint("-lr ", records[4].Config.LR, rest)
	trainGrid(t, "p", "-lr log:1e-4..1e-2:5"+rest)
	trainGrid(t, "o", worst+" -keep 1")
	weightsOfBest(t, "another grid", "o", 1)
	if said, _ := trainGrid(t, "p", "-lr 1e-9 -dtype f64 -keep 2"+rest); !strings.Contains(said, "trials are among the best on record, but of other data, nets, types or kernels") {
		t.Errorf("another type: %s", said)
	}
	if names := filesIn("p", folder.WeightsDir); len(names) > 0 {
		t.Errorf("another type: kept %v", names)
	}
	// Here "all" means all trials of the grid.
	trainGrid(t, "o", worst+" -states all")
	if names := filesIn("o", folder.StatesDir); len(names) != 1 || !strings.Contains(names[0], records[4].Key) {
		t.Errorf("states %v, want that of %s", names, records[4].Key)
	}
}

// TestOtherBits changes the bits of trials that are trained again. On a stable kernel set, their files must not be
// kept.
func TestOtherBits(t *testing.T) {
	isolate(t)
	const grid = "-lr 1e-4,1e-3 -hidden 3 -iters 4 -batch 10 -std 1e-2 -reg 0"
	for impl, want := range map[string]string{
		"reference": "2 trials came out with other bits than on record",
		"gonum":     "2 trials trained again with other bits than on record: those of gonum depend on what is trained together",
	} {
		t.Run(impl, func(t *testing.T) {
			set, err := fusegrid.ByName(impl)
			if err != nil {
				t.Fatal(err)
			}
			with := func(args string) (*job, runner.Runner, *bytes.Buffer) {
				c := config(t, args)
				c.Kernels = set
				return begin(t, impl, c)
			}
			s, r, _ := with(grid)
			if err := runWith(t.Context(), s, r); err != nil {
				t.Fatal(err)
			}
			s, r, stderr := with(grid + " -keep 2 -workers 1")
			err = runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
				h.Observer = ending{h.Observer, func(records []results.Record) {
					for i := range records {
						records[i].Weights = "others"
					}
				}}
				return r.Run(ctx, b, h)
			}))
			said := stderr.String()
			if err != nil {
				said += err.Error()
			}
			if stable := impl == "reference"; !strings.Contains(said, want) || (err == nil) == stable || (len(filesIn(impl, folder.WeightsDir)) == 0) != stable {
				t.Errorf("%s: %s; kept %v", impl, said, filesIn(impl, folder.WeightsDir))
			}
		})
	}
}

// A fullDisk has no room in some folders. It checks that records are written before other files.
type fullDisk struct {
	searchtest.Unsynced
	t    *testing.T
	full []string
}

func (d fullDisk) Swap(name string, write func(io.Writer) error) error {
	dir := filepath.Base(filepath.Dir(name))
	if dir == folder.WeightsDir || dir == folder.StatesDir {
		key := strings.TrimSuffix(filepath.Base(name), ".safetensors")
		if journal, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(name)), folder.JournalName)); !bytes.Contains(journal, []byte(key)) {
			d.t.Errorf("%s is written before its trial is on record", name)
		}
	}
	if slices.Contains(d.full, dir) {
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return d.Unsynced.Swap(name, write)
}

// TestRecordsWithoutRoomForWeights lets the disk have no room for weights, states or checkpoints. All trials must be
// on record, with one message and an error. With room, the next sweep must make the missing files.
func TestRecordsWithoutRoomForWeights(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	const grid = "-lr log:1e-4..1e-2:4 -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0,0.5 -keep 2 -states 2 -workers 2 -block 2 -checkpoint 1e-9"
	trainGrid(t, "whole", grid)
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	for i, full := range [][]string{nil, {folder.WeightsDir}, {folder.StatesDir}, {folder.CheckpointsDir}, {folder.WeightsDir, folder.StatesDir, folder.CheckpointsDir}} {
		for _, race := range []string{"", " -halving 2:2"} {
			t.Run(fmt.Sprint(full, race), func(t *testing.T) {
				out := fmt.Sprint("o", i, len(race))
				what := fmt.Sprintf("no room in %v%s", full, race)
				s, r, stderr := tinyJob(t, out, grid+race)
				s.Disk = fullDisk{t: t, full: full}
				s.Waiting = 1 // so that blocks wait on the disk
				err := runWith(t.Context(), s, r)
				if full == nil {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					return
				}
				if !errors.Is(err, syscall.ENOSPC) || isInput(err) || strings.Contains(err.Error(), "\n") || !strings.HasSuffix(err.Error(), "; 8 of 8 trials are on record") {
					t.Errorf("%s: %v", what, err)
				}
				if n := strings.Count(stderr.String(), "no space left"); n != 1 {
					t.Errorf("%s: said %d times:\n%s", what, n, stderr)
				}
				if n := len(searchtest.Recorded(t, out)); n != 8 {
					t.Errorf("%s: %d trials are on record, want 8", what, n)
				}
				trainGrid(t, out, grid+race)
				if race == "" {
					searchtest.Complete(t, what, out, 8, want)
				}
				weightsOfBest(t, what, out, 2)
				if n, m := len(filesIn(out, folder.WeightsDir)), len(filesIn(out, folder.StatesDir)); n != 2 || m != 2 {
					t.Errorf("%s: then weights of %d and states of %d trials, want 2", what, n, m)
				}
			})
		}
	}
}

// TestFewKept checks the message about fewer files than asked for, because a stop rule stopped trials.
func TestFewKept(t *testing.T) {
	isolate(t)
	const grid = "-lr log:1e-4..1e-2:9 -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0"
	for _, tt := range []struct{ flags, want string }{
		{" -halving 3:2 -keep 5 -states 3", "sweep: weights of 5 trials and states of 3 trials are to be kept: of 9 trials on record, 1 trained to the end; only these are kept, and none of the 8 that were stopped\n"},
		{" -halving 3:2 -keep 5", "sweep: weights of 5 trials are to be kept: of 9 trials"},
		{" -halving 3:2 -states 2", "sweep: states of 2 trials are to be kept: of 9 trials"},
		{" -halving 3:2 -states all", "sweep: states of all trials are to be kept: of 9 trials"},
		{" -halving 3:2 -keep 1 -states 1", ""},
		{" -keep 20", ""},
	} {
		t.Run(tt.flags, func(t *testing.T) {
			if said, _ := trainGrid(t, t.TempDir(), grid+tt.flags); !strings.Contains(said, tt.want) || tt.want == "" && strings.Contains(said, "kept") {
				t.Errorf("%s: %q, want %q", tt.flags, said, tt.want)
			}
		})
	}
}

// TestKeepDamaged damages weights and states. The next sweep that asks for them must train their trials again.
func TestKeepDamaged(t *testing.T) {
	isolate(t)
	const grid = "-lr 1e-4,1e-3,1e-2 -hidden 3 -iters 8 -batch 10 -std 1e-2 -reg 0 -keep 2 -states 2"
	trainGrid(t, "o", grid)
	for _, dir := range []string{folder.WeightsDir, folder.StatesDir} {
		for what, damage := range map[string]func(data []byte) []byte{
			"cut short": func(data []byte) []byte { return data[:100] },
			"empty":     func([]byte) []byte { return nil },
			"one bit":   func(data []byte) []byte { data[len(data)-5] ^= 1; return data },
		} {
			t.Run(dir+" "+what, func(t *testing.T) {
				name := filesIn("o", dir)[0]
				whole, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, damage(slices.Clone(whole)), 0o644); err != nil {
					t.Fatal(err)
				}
				if said, _ := trainGrid(t, "o", grid); !strings.Contains(said, "1 trial on record to train again") {
					t.Errorf("%s, %s: %s", dir, what, said)
				}
				weightsOfBest(t, dir+", "+what, "o", 2)
				if said, _ := trainGrid(t, "o", grid); strings.Contains(said, "train again") {
					t.Errorf("%s, %s, then: %s", dir, what, said)
				}
			})
		}
	}
}

// TestKeep checks that the weights of all seeds of the best settings, and only these, are kept, and that they are those
// on record.
func TestKeep(t *testing.T) {
	isolate(t)
	const args = "-lr log:1e-4..1e-2:6 -hidden 3 -iters 20 -batch 10 -std 1e-2 -reg 0 -keep 2 -workers 2 -block 1"
	for _, c := range []struct{ out, grid string }{{"o", args}, {"o", args + " -seed 1..3"}, {"p", args + " -seed 1..3 -keep 1"}} {
		s, r, _ := tinyJob(t, c.out, c.grid)
		if err := runWith(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		want := weightsOfBest(t, c.grid, c.out, s.Weights)
		if names := filesIn(c.out, folder.WeightsDir); len(names) != want {
			t.Errorf("%s: weights %v, want those of %d nets", c.grid, names, want)
		}
	}
}
