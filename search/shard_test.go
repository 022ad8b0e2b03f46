package search

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// shardGrid has 24 trials, some of which diverge.
const shardGrid = "-lr 1e-4,1e-3,1e-2,1e30 -reg 0,0.5 -hidden 3 -iters 12 -batch 10 -std 1e-2 -seed 1..3 -keep 2 -states 2"

// shardJob returns a sweep of shard i of n into the folder out/shard-i.
func shardJob(t *testing.T, out, words string, i, n int) *job {
	t.Helper()
	c := config(t, words)
	c.Shard = Shard{i, n}
	s, _, _ := begin(t, filepath.Join(out, c.Shard.Name()), c)
	return s
}

// runShard runs a shard and returns its records.
func runShard(t *testing.T, out, words string, i, n int) []results.Record {
	t.Helper()
	s := shardJob(t, out, words, i, n)
	if _, err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return searchtest.Recorded(t, s.Dir)
}

// TestShards runs the shards of a study, with other numbers of workers. Together they must have the trials and bits of
// a sweep of the whole study.
func TestShards(t *testing.T) {
	isolate(t)
	trainGrid(t, "whole", shardGrid)
	want := results.NewTable(searchtest.Recorded(t, "whole")).Digest()
	for _, n := range []int{1, 3, 30} {
		out := fmt.Sprint("of-", n)
		var all []results.Record
		empty := 0
		for i := range n {
			records := runShard(t, out, fmt.Sprint(shardGrid, " -workers ", 1+i%3), i+1, n)
			if all = append(all, records...); len(records) == 0 {
				empty++
			}
			o, err := folder.Peek(filepath.Join(out, Shard{i + 1, n}.Name()), nil)
			if err != nil || len(o.Shards) != 2 || o.Shards[0].Ended || !o.Shards[1].Ended || o.Shards[1].Trials != len(records) || o.Shards[1].Study != 24 {
				t.Errorf("shard %d of %d: %d records, %+v, %v", i+1, n, len(records), o.Shards, err)
			}
		}
		searchtest.ByKey(t, all)
		if len(all) != 24 || results.NewTable(all).Digest() != want {
			t.Errorf("%d shards: %d trials, or other figures", n, len(all))
		}
		if want := max(0, n-24); empty != want {
			t.Errorf("%d of %d shards are empty, want %d", empty, n, want)
		}
	}
}

// TestShardsOnAnyMachine checks that the trials and blocks of a shard do not depend on the workers or on what is on
// record.
func TestShardsOnAnyMachine(t *testing.T) {
	isolate(t)
	blocks := func(words string, i int) []plan.Block {
		s := shardJob(t, "o", shardGrid+words, i, 2)
		out, err := folder.Peek(s.Dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := s.plan(t.Context(), out, s.store(), s.pending(out))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := blocks(" -workers 1", 2)
	for _, words := range []string{" -workers 2", " -workers 7"} {
		if got := blocks(words, 2); plan.SharedID(got) != plan.SharedID(want) {
			t.Errorf("%s: %s, want %s", words, plan.Describe(got), plan.Describe(want))
		}
	}
	if got := blocks(" -block 1", 2); len(got) != 12 {
		t.Errorf("-block 1: %s", plan.Describe(got))
	}

	// After some trials are on record, the rest of each block remains.
	s := shardJob(t, "o", shardGrid, 2, 2)
	s.Runner = searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		trial := b.Trials[1]
		h.Ended([]results.Record{{Key: trial.Key, Config: trial.Config, State: results.Diverged}}, true)
		return errors.New("the machine fails")
	})
	s.Workers = 1
	if _, err := s.run(t.Context()); err == nil {
		t.Fatal("no error")
	}
	got, first := blocks(" -workers 3", 2), want[0]
	rest := append(append(first.Trials[:0:0], first.Trials[0]), first.Trials[2:]...)
	last := len(got) - 1 // the smallest
	if len(got) != len(want) || got[last].ID != plan.BlockID(rest) || plan.SharedID(got[:last]) != plan.SharedID(want[1:]) {
		t.Errorf("one trial is on record: %s, want %s without it", plan.Describe(got), plan.Describe(want))
	}
}

// TestShardResumes interrupts a shard and runs it again, and then asks for more iterations: its trials must resume from
// the states of this shard.
func TestShardResumes(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0,0.5 -hidden 3 -batch 10 -std 1e-2 -seed 1..4 -states all -fuse off -workers 1"
	trainGrid(t, "whole", args+" -iters 30")
	dir := filepath.Join("o", "shard-2")
	s := shardJob(t, "o", args+" -iters 20", 2, 3)
	ctx, cancel := context.WithCancel(t.Context())
	r, steps := s.Runner, 0
	err := runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		stepped := h.Stepped
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			stepped(nets, flops)
			if steps++; steps == 35 {
				cancel()
			}
		})
		return r.Run(ctx, b, h)
	}))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if o, _ := folder.Peek(dir, nil); len(o.Records) != 1 || len(o.Shards) != 1 || o.Shards[0].Ended {
		t.Errorf("interrupted: %d records, %+v", len(o.Records), o.Shards)
	}
	first := runShard(t, "o", args+" -iters 20", 2, 3)
	if o, _ := folder.Peek(dir, nil); len(first) != 5 || len(o.Shards) != 2 || !o.Shards[1].Ended {
		t.Errorf("resumed: %d records, %+v", len(first), o.Shards)
	}
	if runShard(t, "o", args+" -iters 20", 2, 3); len(searchtest.Recorded(t, dir)) != 5 {
		t.Error("the same shard trained again")
	}
	if o, _ := folder.Peek(dir, nil); len(o.Shards) != 2 {
		t.Errorf("the third run wrote another line: %+v", o.Shards)
	}

	longer := shardJob(t, "o", args+" -iters 30", 2, 3)
	p, err := longer.dryRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(p.Notes, "\n"); !strings.Contains(text, "5 trials resume from kept states after 20 iterations") || !strings.Contains(text, "shard 2 of 3 has 5 of 16 trials") {
		t.Errorf("notes: %s", text)
	}
	if _, err := longer.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := searchtest.ByKey(t, searchtest.Recorded(t, "whole"))
	for _, rec := range searchtest.OfLength(t, dir, 30) {
		if rec.Weights != whole[rec.Key].Weights || rec.Losses != whole[rec.Key].Losses {
			t.Errorf("trial %.8s: other bits than in a sweep of the whole", rec.Key)
		}
	}
}

// TestShardFolders checks that the folder of a shard takes no other trials.
func TestShardFolders(t *testing.T) {
	isolate(t)
	runShard(t, "o", shardGrid, 2, 3)
	trainGrid(t, "whole", shardGrid)
	refused := func(what string, s *job, want string) {
		t.Helper()
		_, err := s.run(t.Context())
		if !isInput(err) || err.Error() != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
		if _, err := s.dryRun(t.Context()); !isInput(err) || err.Error() != want {
			t.Errorf("%s, dry run: %v, want %s", what, err, want)
		}
	}
	refused("another n", shardJob(t, "o", shardGrid, 2, 4), "o/shard-2 has the trials of shard 2 of 3, and this is shard 2 of 4; a study keeps its number of shards, so name another folder")
	s, _, _ := tinyJob(t, "o/shard-2", shardGrid)
	refused("no shard", s, "o/shard-2 has the trials of shard 2 of 3; run that shard, or name the folder into which sweep merge has joined all shards")
	other := shardJob(t, "o", shardGrid, 2, 3)
	other.Dir = "whole"
	refused("a sweep", other, "whole has the trials of a sweep that is no shard; name another folder")
	third := shardJob(t, "o", shardGrid, 3, 3)
	third.Dir = "o/shard-2"
	refused("another shard", third, "o/shard-2 has the trials of shard 2 of 3, and this is shard 3 of 3; a study keeps its number of shards, so name another folder")

	// A larger grid is another plan, in the same folder.
	runShard(t, "o", strings.Replace(shardGrid, "1..3", "1..4", 1), 2, 3)
	if o, _ := folder.Peek("o/shard-2", nil); len(o.Shards) != 4 || o.Shards[1].Plan == o.Shards[2].Plan || o.Shards[3].Plan != o.Shards[2].Plan || !o.Shards[3].Ended {
		t.Errorf("a larger grid: %+v", o.Shards)
	}
}

// TestNoShard checks which shards are refused.
func TestNoShard(t *testing.T) {
	isolate(t)
	for _, tt := range []struct {
		words string
		shard Shard
		want  string
	}{
		{"", Shard{0, 3}, "there is no shard 0 of 3; they are numbered from 1 to 3"},
		{"", Shard{4, 3}, "there is no shard 4 of 3; they are numbered from 1 to 3"},
		{"", Shard{1, 0}, "the number of shards is 0; give 1 to 4096"},
		{"", Shard{1, 5000}, "the number of shards is 5000; give 1 to 4096"},
		{"-halving 2:3", Shard{1, 2}, "halving 2:3 compares trials of all shards, which do not see each other; omit it, or use patience, which judges each trial by itself"},
		{"-halving async:2:3", Shard{1, 2}, "halving async:2:3 compares trials of all shards, which do not see each other; omit it, or use patience, which judges each trial by itself"},
		{"-stop median", Shard{1, 2}, "stop median compares trials of all shards, which do not see each other; omit it, or use patience, which judges each trial by itself"},
		{"-halving 2:3 -patience 2:2", Shard{1, 2}, "halving 2:3, patience 2:2 compares trials of all shards, which do not see each other; omit it, or use patience, which judges each trial by itself"},
		{"-sample tpe:4", Shard{1, 2}, "the sampler tpe learns from the trials of all shards, which do not see each other; use random, lhs or halton"},
		{"-patience 2:2", Shard{1, 2}, ""},
		{"-sample halton:4", Shard{2, 2}, ""},
	} {
		axes := "-lr 1e-4,1e-3 -reg 0,1 -iters 12 "
		if strings.Contains(tt.words, "sample") {
			axes = "-lr log:1e-4..1e-2 -reg 0..1 -iters 12 "
		}
		c := config(t, axes+tt.words)
		c.Dir, c.Shard = "o", tt.shard
		_, err := newJob(c.study())
		if tt.want == "" && err != nil || tt.want != "" && (!isInput(err) || err.Error() != tt.want) {
			t.Errorf("%s, %+v: %v, want %s", tt.words, tt.shard, err, tt.want)
		}
	}
	if entries, _ := os.ReadDir("."); len(entries) > 0 {
		t.Errorf("%v was written", entries)
	}
}

// TestShardsOfFunctions shards a study of a Go function.
func TestShardsOfFunctions(t *testing.T) {
	isolate(t)
	seen := map[string]int{}
	for i := range 3 {
		study := Study{Dir: fmt.Sprint("o/", i), Workers: 1, Shard: Shard{i + 1, 3}, Objective: Func{
			Name: "f", Space: []Param{Float("x", "0..1:10")},
			Value: func(_ context.Context, tr *Trial) (float64, error) { return tr.Float("x"), nil },
		}}
		result, err := Run(t.Context(), study)
		if err != nil || result.Trials < 3 || result.Trials > 4 {
			t.Fatalf("%d trials, %v", result.Trials, err)
		}
		for _, r := range result.Records {
			seen[r.Key]++
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d trials", len(seen))
	}
}
