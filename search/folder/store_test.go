package folder_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// trials returns trials with the given numbers of iterations and learning rates.
func trials(iters int, lrs ...float64) []grid.Trial {
	var all []grid.Trial
	for _, lr := range lrs {
		c := trial(lr, 0).Config
		c.Iters = iters
		all = append(all, grid.Trial{Key: c.Key(), Config: c})
	}
	return all
}

// state returns the state of a block after a number of iterations, with the nets that still train.
func state(b plan.Block, done, nets string) safetensors.File {
	return safetensors.File{
		Meta:    map[string]string{"identity": b.ID, "done": done, "nets": nets},
		Tensors: []safetensors.Tensor{safetensors.Of("w", []float32{1, 2, 3}, 3), safetensors.Of(folder.TimeName, []float64{1, 2, 3}, 3)},
	}
}

func block(all []grid.Trial) plan.Block { return plan.Block{Trials: all, ID: plan.BlockID(all)} }

// store returns an empty store in an output folder.
func store(t *testing.T, d folder.Disk) *folder.Store {
	return &folder.Store{Dir: filepath.Join(t.TempDir(), folder.CheckpointsDir), Kind: "checkpoints", Disk: d}
}

// list returns the IDs of the undamaged states, and the errors of the others.
func list(s *folder.Store) (ids []string, wrong string) {
	for _, v := range s.List(func(name string, err error) { wrong += name + ": " + err.Error() + "\n" }) {
		ids = append(ids, v.ID)
	}
	return ids, wrong
}

func save(t *testing.T, s *folder.Store, b plan.Block, done, nets string) {
	t.Helper()
	if err := s.Save(b, state(b, done, nets)); err != nil {
		t.Fatal(err)
	}
}

// TestSaveAndLoad checks that a state is loaded with every bit, that the state with the most
// iterations is first in List, and that Remove removes it.
func TestSaveAndLoad(t *testing.T) {
	s := store(t, folder.OS{})
	if ids, wrong := list(s); ids != nil || wrong != "" {
		t.Errorf("a store that is not there has %q; %s", ids, wrong)
	}
	near, far := block(trials(20, 1)), block(trials(20, 2, 3))
	save(t, s, near, "3", "0")
	save(t, s, far, "12", "0 1")
	if ids, wrong := list(s); !slices.Equal(ids, []string{far.ID, near.ID}) || wrong != "" {
		t.Errorf("listed %q; %s", ids, wrong)
	}
	f, err := s.Load(far.ID)
	if err != nil {
		t.Fatal(err)
	}
	if w, ok := f.Tensor("w"); !ok || !slices.Equal(w.F32, []float32{1, 2, 3}) || f.Meta["done"] != "12" {
		t.Errorf("got %+v", f)
	}
	for range 2 {
		if err := s.Remove(far.ID); err != nil {
			t.Error(err)
		}
	}
	if ids, _ := list(s); !slices.Equal(ids, []string{near.ID}) {
		t.Errorf("then %q", ids)
	}
}

// TestDamagedState flips each bit of a state in turn, or each seventh with -short. It also truncates the state, and
// gives it the name of another block. List must never return it.
func TestDamagedState(t *testing.T) {
	s := store(t, folder.OS{})
	b := block(trials(20, 2, 3))
	save(t, s, b, "12", "0 1")
	name := s.File(b.ID)
	whole := read(t, name)
	step := 1
	if testing.Short() {
		step = 7
	}
	for bit := 0; bit < 8*len(whole); bit += step {
		data := slices.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		replace(t, name, data)
		if f, err := s.Load(b.ID); err == nil && !bytes.Equal(asBytes(t, *f), asBytes(t, sealed(t, b))) {
			t.Fatalf("bit %d of byte %d: taken for whole", bit%8, bit/8)
		}
	}
	for _, n := range []int{0, 1, 7, 8, len(whole) / 2, len(whole) - 1} {
		replace(t, name, whole[:n])
		if ids, wrong := list(s); ids != nil || !strings.HasPrefix(wrong, name+": ") {
			t.Errorf("%d bytes: %q, %q", n, ids, wrong)
		}
	}
	replace(t, name, whole)
	other := s.File(plan.BlockID(trials(20, 7)))
	if err := os.Rename(name, other); err != nil {
		t.Fatal(err)
	}
	if ids, wrong := list(s); ids != nil || wrong != other+": it is of block "+b.ID[:12]+"…\n" {
		t.Errorf("with the name of another block: %q, %q", ids, wrong)
	}
}

// sealed returns the state that TestDamagedState saves.
func sealed(t *testing.T, b plan.Block) safetensors.File {
	f := state(b, "12", "0 1")
	if err := folder.Seal(&f, b.Trials); err != nil {
		t.Fatal(err)
	}
	return f
}

func asBytes(t *testing.T, f safetensors.File) []byte {
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSenselessState checks that a state with a right checksum but wrong content is reported.
func TestSenselessState(t *testing.T) {
	b := block(trials(20, 2, 3))
	for _, tt := range []struct{ field, value, want string }{
		{"nets", "0 2", `net "2" of 2`},
		{"nets", "-1", `net "-1" of 2`},
		{"nets", "x", `net "x" of 2`},
		{"done", "", "invalid syntax"},
		{"identity", "71", "it is of block 71…"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			s := store(t, folder.OS{})
			save(t, s, b, "12", "0 1")
			f := state(b, "12", "0 1")
			f.Meta[tt.field] = tt.value
			if err := folder.Seal(&f, b.Trials); err != nil {
				t.Fatal(err)
			}
			replace(t, s.File(b.ID), asBytes(t, f))
			if ids, wrong := list(s); ids != nil || !strings.Contains(wrong, tt.want) {
				t.Errorf("%s %q: %q, %q; want %q", tt.field, tt.value, ids, wrong, tt.want)
			}
		})
	}
}

// TestSaveOnABadDisk checks that an error keeps the previous state, and that a folder that was removed is not made
// again.
func TestSaveOnABadDisk(t *testing.T) {
	for at := 1; at <= 3; at++ {
		d := &searchtest.Disk{}
		s := store(t, d)
		b := block(trials(20, 2, 3))
		save(t, s, b, "5", "0 1")
		d.At, d.Err = d.Ops+at, syscall.ENOSPC
		if err := s.Save(b, state(b, "12", "0 1")); !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "saving the state of a block: ") {
			t.Errorf("operation %d: error %v", at, err)
		}
		if f, err := s.Load(b.ID); err != nil || f.Meta["done"] != "5" {
			t.Errorf("operation %d: %v, %+v", at, err, f)
		}
	}
	s := store(t, folder.OS{})
	if err := os.RemoveAll(filepath.Dir(s.Dir)); err != nil {
		t.Fatal(err)
	}
	b := block(trials(20, 1))
	if err := s.Save(b, state(b, "1", "0")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is gone: error %v", err)
	}
}

// TestResume checks that a state gives its block if all nets that still train are in the grid. If only some are, it
// is left. If none is, it is spent.
func TestResume(t *testing.T) {
	saved := trials(20, 1, 2, 3) // the second trial no longer trains
	b := block(saved)
	for _, tt := range []struct {
		name         string
		todo         []grid.Trial
		settled      []int // of the saved trials
		blocks, rest int
		left, spent  int
		skip         []bool
		longer       bool
	}{
		{"all", saved, nil, 1, 1, 0, 0, []bool{false, true, false}, false},
		{"with others", trials(20, 1, 2, 3, 4), nil, 1, 2, 0, 0, []bool{false, true, false}, false},
		{"one is settled", trials(20, 3), []int{0, 1}, 1, 0, 0, 0, []bool{true, true, false}, false},
		{"one is not wanted", trials(20, 1, 2), nil, 0, 2, 1, 0, nil, false},
		{"all are settled", nil, []int{0, 1, 2}, 0, 0, 0, 1, nil, false},
		{"longer ones", trials(40, 1, 2, 3), nil, 0, 3, 1, 0, nil, true},
		{"longer ones, settled", trials(40, 1, 2, 3), []int{0, 1, 2}, 0, 3, 0, 1, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := store(t, folder.OS{})
			save(t, s, b, "12", "0 2")
			settled := func(key string) bool {
				return slices.ContainsFunc(tt.settled, func(i int) bool { return saved[i].Key == key })
			}
			states := s.List(func(name string, err error) { t.Error(name, err) })
			blocks, rest, left, spent := s.Resume(states, tt.todo, settled)
			if len(blocks) != tt.blocks || len(rest) != tt.rest || len(left) != tt.left || len(spent) != tt.spent {
				t.Fatalf("%d blocks, %d trials, %d states left, %d spent; want %d, %d, %d, %d", len(blocks), len(rest), len(left), len(spent), tt.blocks, tt.rest, tt.left, tt.spent)
			}
			if tt.blocks > 0 {
				if got := blocks[0]; got.ID != b.ID || !got.Resumed || got.Done != 12 || !slices.Equal(got.Skip, tt.skip) {
					t.Errorf("got %+v", got)
				}
			}
			origins := folder.Origins(rest, slices.Concat(left, spent))
			if tt.longer != (len(origins) == 2) {
				t.Errorf("%d trials go on from the state, want the two that still train there", len(origins))
			}
			for _, o := range origins {
				if o.Done != 12 || o.File != s.File(b.ID) || o.Net == 1 || o.Kind != "checkpoints" {
					t.Errorf("origin %+v", o)
				}
			}
		})
	}
}

// TestOrigins checks that a trial resumes from the state with the most iterations of a trial that
// differs only in its number of iterations.
func TestOrigins(t *testing.T) {
	other := trials(40, 1)[0]
	other.Config.Reg = 1
	other.Key = other.Config.Key()
	fc := func(iters int) []grid.Trial { // epochs of 5 iterations
		all := trials(iters, 1)
		c := &all[0].Config
		c.Net, c.Split = "fc", [3]int{50, 10, 10}
		all[0].Key = c.Key()
		return all
	}
	for _, tt := range []struct {
		name  string
		saved []grid.Trial
		done  string
		todo  grid.Trial
		want  int // iterations; 0 if there is no origin
	}{
		{"longer", trials(20, 1), "12", trials(40, 1)[0], 12},
		{"at its end", trials(20, 1), "20", trials(40, 1)[0], 20},
		{"shorter", trials(20, 1), "12", trials(15, 1)[0], 12},
		{"too short", trials(20, 1), "12", trials(10, 1)[0], 0},
		{"another training", trials(20, 1), "12", other, 0},
		{"the Solver, at the end of an epoch", fc(20), "20", fc(40)[0], 20},
		{"the Solver, within an epoch", fc(18), "12", fc(40)[0], 12},
		{"the Solver, at its end within an epoch", fc(18), "18", fc(40)[0], 0}, // it has drawn random numbers there
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := store(t, folder.OS{})
			save(t, s, block(tt.saved), tt.done, "0")
			got := folder.Origins([]grid.Trial{tt.todo}, s.List(func(name string, err error) { t.Error(name, err) }))
			if got[tt.todo.Key].Done != tt.want || len(got) != min(tt.want, 1) {
				t.Errorf("got %+v, want one after %d iterations", got, tt.want)
			}
		})
	}
	s := store(t, folder.OS{})
	save(t, s, block(trials(20, 1)), "12", "0")
	save(t, s, block(trials(30, 1)), "15", "0")
	if got := folder.Origins(trials(40, 1), s.List(func(name string, err error) { t.Error(name, err) })); got[trials(40, 1)[0].Key].Done != 15 {
		t.Errorf("got %+v, want the furthest", got)
	}
}

// TestGatherNeedsTimes checks that a state without the seconds of its trials is refused.
func TestGatherNeedsTimes(t *testing.T) {
	s := store(t, folder.OS{})
	b := block(trials(20, 1))
	f := state(b, "12", "0")
	f.Tensors = f.Tensors[:1]
	if err := s.Save(b, f); err != nil {
		t.Fatal(err)
	}
	longer := block(trials(40, 1))
	gather := func(net int) error {
		longer.From = []plan.Origin{{File: s.File(b.ID), ID: b.ID, Net: net, Done: 12}}
		_, err := folder.Gather(longer)
		return err
	}
	if err := gather(0); err != folder.ErrNoTime {
		t.Errorf("no times: error %v", err)
	}
	save(t, s, b, "12", "0")
	if err := gather(5); err != folder.ErrNoTime {
		t.Errorf("times of fewer nets: error %v", err)
	}
}

// TestTopFiles offers files of trials in different orders. The files of the best two must be kept in each.
func TestTopFiles(t *testing.T) {
	records := []results.Record{trial(1, 0.1), trial(2, 0.4), trial(3, 0.3), trial(4, 0.2)}
	content := safetensors.File{Meta: map[string]string{}}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), folder.StatesDir)
			g := folder.NewTopFiles(dir, "state", folder.OS{}, 2, nil)
			onRecord := map[string]results.Record{}
			for _, i := range order {
				onRecord[records[i].Key] = records[i]
				if err := g.Offer(records[i], func(w io.Writer) error { return safetensors.Write(w, content) }); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := files(t, dir), sorted(records[1].Key, records[2].Key); !slices.Equal(got, want) {
				t.Errorf("%v: kept %q, want %q", order, got, want)
			}
			// The next sweep knows the best from the records, and removes other files.
			stray := trial(5, 0.5).Key
			for _, name := range []string{stray, "notes"} {
				replace(t, filepath.Join(dir, name+".safetensors"), nil)
			}
			g = folder.NewTopFiles(dir, "state", folder.OS{}, 1, onRecord)
			g.Retain(records[2].Key)
			useless := func(key string) bool { return key != records[1].Key }
			if err := g.Tidy(useless); err != nil {
				t.Fatal(err)
			}
			if got, want := files(t, dir), sorted(records[1].Key, records[2].Key, "notes"); !slices.Equal(got, want) {
				t.Errorf("%v: tidied to %q, want %q", order, got, want)
			}
			if err := g.Release(useless); err != nil {
				t.Fatal(err)
			}
			if got, want := files(t, dir), sorted(records[1].Key, "notes"); !slices.Equal(got, want) {
				t.Errorf("%v: released to %q, want %q", order, got, want)
			}
		})
	}
}

// TestSettle offers the trials of three settings with two seeds. The trials of the best setting remain: one that is
// among the two best trials, and one that is not and must be trained again.
func TestSettle(t *testing.T) {
	records := map[string]results.Record{}
	var offered []results.Record
	for _, c := range []struct {
		lr   float64
		seed uint32
		val  float64
	}{{1, 1, 0.3}, {1, 2, 0.7}, {2, 1, 0.6}, {2, 2, 0.3}, {3, 1, 0.4}, {3, 2, 0.4}} {
		r := trial(1, c.val)
		r.Config.LR, r.Config.Seed = c.lr, c.seed
		r.Key = r.Config.Key()
		records[r.Key] = r
		offered = append(offered, r)
	}
	dir := filepath.Join(t.TempDir(), folder.WeightsDir)
	g := folder.NewTopFiles(dir, "weights", folder.OS{}, 2, nil)
	for _, r := range offered {
		if err := g.Offer(r, func(w io.Writer) error { return safetensors.Write(w, safetensors.File{}) }); err != nil {
			t.Fatal(err)
		}
	}
	best := folder.OfBest(records, 1, results.ByMean)
	if len(best) != 2 || best[0].Config.LR != 1 || best[1].Config.LR != 1 {
		t.Fatalf("the best setting has the trials %+v", best)
	}
	if err := g.Settle(best); err != nil {
		t.Fatal(err)
	}
	if got, want := files(t, dir), sorted(offered[1].Key); !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	if missing := g.Missing(records); !slices.ContainsFunc(missing, func(r results.Record) bool { return r.Key == offered[0].Key }) {
		t.Errorf("missing are %+v, which lacks seed 1", missing)
	}
	for n, want := range map[int]int{0: 0, 2: 4, 3: 6, math.MaxInt: 6} {
		if got := len(folder.OfBest(records, n, results.ByMean)); got != want {
			t.Errorf("the best %d settings have %d trials, want %d", n, got, want)
		}
	}
}

// twoInputs is the split of the data of a net with two features and two classes.
func twoInputs() *dataset.Split {
	return &dataset.Split{
		Name: "pairs", Hash: "71", Shape: dataset.Shape{Channels: 2}, Classes: []string{"a", "b"},
		Train: labelled.Samples{F32: []float32{1, 2}, Y: []uint16{0}}, Mean: []float64{0.1, 0.2},
	}
}

// TestMissingFiles checks that Missing returns the trials whose files do not exist or have changed.
func TestMissingFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), folder.WeightsDir)
	r := trial(1, 0.1)
	weights := [][]float32{{1, 2, 3, 4}, {5, 6}}
	r.Weights = results.Hash(weights...)
	f, err := folder.WeightsFile(r, twoInputs(), weights)
	if err != nil {
		t.Fatal(err)
	}
	onRecord := map[string]results.Record{r.Key: r}
	for _, n := range []int{1, folder.EveryTrial} {
		g := folder.NewTopFiles(dir, "weights", folder.OS{}, n, onRecord)
		os.RemoveAll(dir)
		missing := func() int { return len(g.Missing(onRecord)) }
		if missing() != 1 {
			t.Error("there is no file, and none is missing")
		}
		if err := g.Put(r.Key, func(w io.Writer) error { return safetensors.Write(w, f) }); err != nil {
			t.Fatal(err)
		}
		if missing() != 0 {
			t.Error("the file is there, and missing")
		}
		whole := read(t, g.Name(r.Key))
		for _, data := range [][]byte{nil, whole[:len(whole)-1], append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1)} {
			replace(t, g.Name(r.Key), data)
			if missing() != 1 {
				t.Errorf("a file of %d bytes that was damaged is not missing", len(data))
			}
		}
		replace(t, g.Name(r.Key), earlier(t, f))
		if missing() != 0 {
			t.Error("the file of an earlier build is missing")
		}
	}
}

// TestKeepingFails checks that errors name the kind of the file.
func TestKeepingFails(t *testing.T) {
	g := folder.NewTopFiles(filepath.Join(t.TempDir(), folder.WeightsDir), "weights", &searchtest.Disk{At: 1, Err: syscall.ENOSPC}, 1, nil)
	err := g.Offer(trial(1, 0.1), func(w io.Writer) error { return safetensors.Write(w, safetensors.File{}) })
	if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "keeping the weights of a trial: ") {
		t.Errorf("error %v", err)
	}
}

// files returns the names in a folder, without their extensions.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".safetensors"))
	}
	return sorted(names...)
}

func sorted(names ...string) []string { return slices.Sorted(slices.Values(names)) }
