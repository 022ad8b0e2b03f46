package folder_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
)

// shard returns the line of a shard.
func shard(index, of int, plan byte, ended bool) results.Shard {
	return results.Shard{Index: index, Of: of, Plan: strings.Repeat(string(plan), 64), Trials: 1, Study: of, Ended: ended}
}

// writeShard makes the folder of a shard, with curves of its trials.
func writeShard(t *testing.T, dir string, lines []results.Shard, records ...results.Record) {
	t.Helper()
	f, _ := open(t, folder.OS{}, dir)
	if err := f.KeepCurves(curve.Nets, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range lines {
		if err := f.Mark(s); err != nil {
			t.Fatal(err)
		}
	}
	var chunks []byte
	for _, r := range records {
		chunks = addCurve(t, chunks, r.Key, 3)
	}
	if err := errors.Join(f.AppendCurves(chunks), f.Append(records), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func addCurve(t *testing.T, chunks []byte, key string, iterations int) []byte {
	t.Helper()
	chunks, err := curve.AppendChunk(chunks, key, curve.History{Loss: make([]float64, iterations)})
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

// merge merges folders, and fails the test if there is an error.
func merge(t *testing.T, out string, sources ...string) (j *folder.Joined, said string) {
	t.Helper()
	var b bytes.Buffer
	j, err := folder.Merge(folder.OS{}, out, sources, log.New(&b, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	return j, b.String()
}

// TestMergeRelations merges two records of one trial, in both orders.
func TestMergeRelations(t *testing.T) {
	with := func(change func(*results.Record)) results.Record {
		r := trial(1e-3, 0.5)
		r.Weights, r.Losses = strings.Repeat("a", 64), strings.Repeat("b", 64)
		change(&r)
		return r
	}
	stopped := func(race string, steps int) func(*results.Record) {
		return func(r *results.Record) {
			r.State, r.Steps, r.Race, r.Rungs = results.Stopped, steps, race, []results.Rung{{Step: steps, Val: 0.5}}
		}
	}
	failed := func(r *results.Record) { r.State, r.Error = results.Failed, "no reason" }
	diverged := func(steps int) func(*results.Record) {
		return func(r *results.Record) { r.State, r.Steps, r.Weights = results.Diverged, steps, "" }
	}
	same := func(*results.Record) {}
	const first, second, conflict = "first", "second", "conflict"
	for _, tt := range []struct {
		name       string
		a, b       func(*results.Record)
		want, back string // the record that counts: if a comes first, and if b does
	}{
		{"the same", same, same, first, first},
		{"other times", same, func(r *results.Record) { r.Speed.Seconds, r.Machine.CPU = 7, "Z80" }, first, first},
		{"a stop rule that stopped nothing", same, func(r *results.Record) { r.Race, r.Rungs = "patience 2:5", []results.Rung{{Step: 5, Val: 0.1}} }, first, first},
		{"lacks a figure", same, func(r *results.Record) { r.Accuracy.Test, r.Weights = new(0.7), "" }, first, first},
		{"other weights", same, func(r *results.Record) { r.Weights = strings.Repeat("c", 64) }, conflict, conflict},
		{"other losses", same, func(r *results.Record) { r.Losses = strings.Repeat("c", 64) }, conflict, conflict},
		{"another accuracy", same, func(r *results.Record) { r.Accuracy.FinalVal = new(0.25) }, conflict, conflict},
		{"other steps", same, func(r *results.Record) { r.Steps-- }, conflict, conflict},
		{"diverged", same, diverged(20), conflict, conflict},
		{"diverged later", diverged(7), diverged(8), conflict, conflict},
		{"diverged alike", diverged(7), diverged(7), first, first},
		{"failed", same, failed, first, second},
		{"both failed", failed, failed, first, first},
		{"stopped", same, stopped("median:5", 10), first, second},
		{"diverged or stopped", diverged(8), stopped("median:5", 5), first, second},
		{"stopped or failed", stopped("median:5", 10), failed, first, second},
		{"stopped later", stopped("median:5", 5), stopped("median:5", 10), second, first},
		{"stopped by another rule", stopped("median:5", 10), stopped("halving 2:10", 10), first, first},
		{"stopped with another accuracy", stopped("median:5", 10), func(r *results.Record) {
			stopped("median:5", 10)(r)
			r.Rungs[0].Val = 0.4
		}, conflict, conflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, want := range []string{tt.want, tt.back} {
				dir := t.TempDir()
				records := []results.Record{with(tt.a), with(tt.b)}
				write(t, filepath.Join(dir, "a"), records[0])
				write(t, filepath.Join(dir, "b"), records[1])
				out := filepath.Join(dir, "out")
				j, err := folder.Merge(folder.OS{}, out, []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, nil)
				if want == conflict {
					bad, _ := errors.AsType[*folder.ConflictError](err)
					if bad == nil || len(bad.Conflicts) != 1 || !reflect.DeepEqual(bad.Conflicts[0].Records, [2]results.Record(records)) ||
						bad.Conflicts[0].Journals != [2]string{filepath.Join(dir, "a", folder.JournalName), filepath.Join(dir, "b", folder.JournalName)} {
						t.Errorf("error %v", err)
					}
					if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("the folder was made: %v", err)
					}
				} else {
					right := records[0]
					if want == second {
						right = records[1]
					}
					if err != nil || j.Trials != 1 || j.Added != 1 || !reflect.DeepEqual(searchtest.Recorded(t, out), []results.Record{right}) {
						t.Errorf("%s first: %+v, %v; %+v, want %+v", want, j, err, searchtest.Recorded(t, out), right)
					}
				}
				tt.a, tt.b = tt.b, tt.a
			}
		})
	}
}

// TestMergeIntoAFolder merges into a folder that has trials. Better records are added, and equal ones are not.
func TestMergeIntoAFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	a, b, c := trial(1e-4, 0.1), trial(1e-3, 0.3), trial(1e-2, 0.2)
	failed := b
	failed.State, failed.Error = results.Failed, "no reason"
	write(t, "out", a, failed)
	before := read(t, "out/trials.jsonl")
	write(t, "in", a, b, c)
	for i, want := range []int{2, 0} {
		j, _ := merge(t, "out", "in", "out", "in/trials.jsonl")
		if j.Trials != 3 || j.Added != want || j.Lacking != nil || j.Table.Len() != 3 {
			t.Errorf("merge %d: %+v", i, j)
		}
	}
	if after := read(t, "out/trials.jsonl"); !bytes.HasPrefix(after, before) {
		t.Error("lines of the journal have changed")
	}
	if got := searchtest.Recorded(t, "out"); len(got) != 4 || !reflect.DeepEqual(got[2], b) || !reflect.DeepEqual(got[3], c) {
		t.Errorf("records %+v", got)
	}
	conflict := a
	conflict.Accuracy.FinalVal = new(0.7)
	write(t, "bad", conflict)
	before = read(t, "out/trials.jsonl")
	_, err := folder.Merge(folder.OS{}, "out", []string{"bad"}, nil)
	want := fmt.Sprintf("1 trial is different in two journals, such as %.12s in out/trials.jsonl and bad/trials.jsonl; nothing was written; sweep verify tells which is right, so that the other can be left out", a.Key)
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if after := read(t, "out/trials.jsonl"); !bytes.Equal(after, before) {
		t.Error("the journal has changed")
	}
}

// TestMergeJoinedJournals merges journals that were joined end to end, whole and torn.
func TestMergeJoinedJournals(t *testing.T) {
	t.Chdir(t.TempDir())
	a, b := trial(1e-4, 0.1), trial(1e-3, 0.3)
	writeShard(t, "a", []results.Shard{shard(1, 2, '1', false), shard(1, 2, '1', true)}, a)
	writeShard(t, "b", []results.Shard{shard(2, 2, '1', false), shard(2, 2, '1', true)}, b)
	first, second := read(t, "a/trials.jsonl"), read(t, "b/trials.jsonl")
	replace(t, "both.jsonl", slices.Concat(first, second))
	if j, said := merge(t, "out", "both.jsonl"); j.Added != 2 || j.Lacking != nil || said != "" {
		t.Errorf("%+v, %s", j, said)
	}
	// The journal has no file of curves, because those beside it may be of other trials.
	if _, err := os.Stat("out/curves.bin"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("curves: %v", err)
	}
	if j, _ := merge(t, "out", "a", "b"); j.Added != 0 || len(searchtest.Curves(t, "out", "out")) != 2 {
		t.Errorf("the folders after their journals: %+v", j)
	}

	// A torn line in the middle takes the line that follows it along. The shards may then lack trials.
	replace(t, "torn.jsonl", slices.Concat(first[:len(first)-9], second))
	j, said := merge(t, "torn", "torn.jsonl")
	if want := []string{"shards 1 and 2 of 2 have not ended; run them again"}; j.Added != 1 || !slices.Equal(j.Lacking, want) || !strings.Contains(said, "line 4 is damaged") {
		t.Errorf("%+v, want %q; %s", j, want, said)
	}

	// Equal keys with unequal bits in one journal.
	conflict := a
	conflict.Accuracy.FinalVal = new(0.7)
	_, third := write(t, "c", conflict)
	replace(t, "bad.jsonl", slices.Concat(first, third))
	if _, err := folder.Merge(folder.OS{}, "none", []string{"bad.jsonl"}, nil); !errors.As(err, new(*folder.ConflictError)) {
		t.Errorf("error %v", err)
	}
}

// TestMergeSaysWhatIsMissing checks the messages about shards.
func TestMergeSaysWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		shards [][]results.Shard // of each folder
		want   []string
	}{
		{[][]results.Shard{{shard(1, 1, 'a', true)}}, nil},
		{[][]results.Shard{{}}, nil},
		{[][]results.Shard{{shard(1, 2, 'a', true)}}, []string{"shard 2 of 2 is not among the folders"}},
		{[][]results.Shard{{shard(2, 4, 'a', false)}, {shard(3, 4, 'a', false)}}, []string{"shards 1 and 4 of 4 are not among the folders", "shards 2 and 3 of 4 have not ended; run them again"}},
		{[][]results.Shard{{shard(1, 1, 'a', false)}, {shard(1, 1, 'a', true)}}, nil},
		{[][]results.Shard{{shard(1, 1, 'a', false), shard(1, 1, 'a', true), shard(1, 1, 'b', false)}}, []string{"shard 1 of 1 has not ended; run it again"}},
		{[][]results.Shard{{shard(1, 3, 'a', true)}, {shard(2, 3, 'a', true), shard(2, 3, 'b', true)}, {shard(3, 3, 'a', true)}},
			[]string{"shards 1 and 3 of 3 and shard 2 of 3 are of 2 different studies; give all shards the same flags, and run them again"}},
		{[][]results.Shard{{shard(20, 40, 'a', true)}}, []string{"shards 1, 2, 3, 4, 5, 6, 7, 8 and 31 more of 40 are not among the folders"}},
	} {
		t.Run(fmt.Sprint(tt.want), func(t *testing.T) {
			dir := t.TempDir()
			var names []string
			for i, lines := range tt.shards {
				names = append(names, filepath.Join(dir, fmt.Sprint(i)))
				writeShard(t, names[i], lines, trial(float64(i+1), 0.5))
			}
			if j, _ := merge(t, filepath.Join(dir, "out"), names...); !slices.Equal(j.Lacking, tt.want) {
				t.Errorf("%q, want %q", j.Lacking, tt.want)
			}
		})
	}
}

// TestMergeRefuses checks which folders are refused.
func TestMergeRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a", trial(1e-4, 0.1))
	writeShard(t, "s", []results.Shard{shard(1, 2, '1', true)}, trial(1e-3, 0.1))
	f := trial(1e-4, 0.1)
	f.Config = results.Config{Objective: "f", Params: []results.Param{{Name: "x"}}, Iters: 1}
	f.Key = f.Config.Key()
	write(t, "f", f)
	replace(t, "notes", []byte("my notes\n"))
	busy, _ := open(t, folder.OS{}, "busy")
	defer busy.Close()
	before := tree(t)
	for _, tt := range []struct {
		out     string
		sources []string
		want    string
	}{
		{"out", []string{"nowhere"}, "stat nowhere: no such file or directory; give folders of sweeps, or their journals"},
		{"out", []string{"."}, "stat trials.jsonl: no such file or directory; give folders of sweeps, or their journals"},
		{"out", []string{"notes"}, "notes: not a journal of trials; name another output folder"},
		{"s", []string{"a"}, "s is the folder of shard 1 of 2; name another folder for the trials of all shards"},
		{"out", []string{"a", "f"}, "a/trials.jsonl and f/trials.jsonl have trials of different objectives; merge folders of one objective"},
		{"f", []string{"a"}, "f/trials.jsonl and a/trials.jsonl have trials of different objectives; merge folders of one objective"},
		{"busy", []string{"a"}, "another sweep is writing to busy; wait for it, or name another folder"},
	} {
		_, err := folder.Merge(folder.OS{}, tt.out, tt.sources, nil)
		if !errors.As(err, new(folder.InputError)) || err.Error() != tt.want {
			t.Errorf("merge %s %q: %v, want %s", tt.out, tt.sources, err, tt.want)
		}
	}
	if after := tree(t); !reflect.DeepEqual(before, after) {
		t.Errorf("files have changed: %v, before %v", after, before)
	}
	if j, _ := merge(t, "out", "busy", "a"); j.Trials != 1 {
		t.Errorf("a source that is in use: %+v", j)
	}
}

// TestMergeOnABadDisk lets an operation on the disk fail, or all from then on. Afterwards, the journal must have all
// trials or none of the new ones, and the same call must do the rest.
func TestMergeOnABadDisk(t *testing.T) {
	searchtest.Long(t)
	t.Chdir(t.TempDir())
	full(t, "a")
	var more []results.Record
	for i := range 5 {
		more = append(more, trial(float64(i+1), 0.1*float64(i)))
	}
	writeShard(t, "b", nil, more...)
	for _, exists := range []bool{false, true} {
		prepare := func(dir string) (had int) {
			if exists {
				write(t, dir, trial(99, 0.9))
				return 1
			}
			return 0
		}
		d := &searchtest.Disk{}
		had := prepare("whole")
		if _, err := folder.Merge(d, "whole", []string{"a", "b"}, nil); err != nil {
			t.Fatal(err)
		}
		want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
		for at := 1; at <= d.Ops; at += searchtest.Torture(1+d.Ops/8, 1) {
			for _, once := range []bool{false, true} {
				os.RemoveAll("out")
				prepare("out")
				bad := &searchtest.Disk{At: at, Err: syscall.EIO, Once: once}
				if _, err := folder.Merge(bad, "out", []string{"a", "b"}, nil); !errors.Is(err, syscall.EIO) {
					t.Fatalf("operation %d of %d: error %v", at, d.Ops, err)
				}
				if o, err := folder.Peek("out", nil); err != nil || len(o.Records) != had && len(o.Records) != had+9 {
					t.Errorf("operation %d of %d: %d records, %v", at, d.Ops, len(o.Records), err)
				}
				if j, said := merge(t, "out", "a", "b"); said != "" && !strings.Contains(said, "torn") || j.Trials != had+9 {
					t.Errorf("operation %d of %d, and again: %+v, %s", at, d.Ops, j, said)
				}
				searchtest.Complete(t, fmt.Sprintf("operation %d of %d", at, d.Ops), "out", had+9, want)
				searchtest.SameCurves(t, fmt.Sprintf("operation %d of %d", at, d.Ops), "out", "whole", false)
			}
		}
		os.RemoveAll("whole")
	}
}

// TestMergeAgain checks that a second call leaves all files but the tables as they are.
func TestMergeAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	writeShard(t, "a", nil, trial(1e-4, 0.1), trial(1e-3, 0.2))
	merge(t, "out", "a")
	before := map[string]fs.FileInfo{}
	for _, name := range []string{folder.JournalName, folder.CurvesName} {
		before[name], _ = os.Stat(filepath.Join("out", name))
	}
	if j, _ := merge(t, "out", "a"); j.Added != 0 || j.Trials != 2 {
		t.Errorf("%+v", j)
	}
	for name, was := range before {
		if is, err := os.Stat(filepath.Join("out", name)); err != nil || !os.SameFile(was, is) || was.Size() != is.Size() {
			t.Errorf("%s was written again", name)
		}
	}
}

// TestMergeReplacesCurves checks that the curve of a longer training replaces that of a shorter one in the folder.
func TestMergeReplacesCurves(t *testing.T) {
	dir := t.TempDir()
	short, long := trial(1e-3, 0.5), trial(1e-3, 0.5)
	short.State, short.Race, short.Steps, short.Rungs = results.Stopped, "median:5", 5, []results.Rung{{Step: 5, Val: 0.5}}
	for name, r := range map[string]results.Record{"out": short, "shard": long} {
		f, _ := open(t, folder.OS{}, filepath.Join(dir, name))
		err := f.KeepCurves(curve.Nets, nil)
		chunks := addCurve(t, nil, r.Key, r.Steps)
		if err := errors.Join(err, f.AppendCurves(chunks), f.Append([]results.Record{r}), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	for range 2 {
		if _, err := folder.Merge(folder.OS{}, out, []string{filepath.Join(dir, "shard")}, nil); err != nil {
			t.Fatal(err)
		}
		if got := searchtest.Curves(t, out, out); len(got) != 1 || len(got[long.Key].Loss) != long.Steps {
			t.Errorf("curves %v, want one of %d iterations", got, long.Steps)
		}
	}
}
