package search

import (
	"strings"
	"testing"

	"fusegrid/search/plan"
)

// TestPlan checks that each trial is in one block, that no worker is idle, and that no block is too wide.
func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"-lr log:1e-5..1e-3:32 -reg 0 -workers 2 -hidden 50", "2 blocks: 2 of 16 nets"},
		{"-lr log:1e-5..1e-3:32 -reg 0 -workers 2 -hidden 50 -dtype f64", "4 blocks: 4 of 8 nets"},
		{"-lr log:1e-5..1e-3:33 -reg 0 -workers 2 -hidden 50", "2 blocks: 1 of 17 nets, 1 of 16 nets"},
		{"-lr 1e-4,1e-3 -reg 0 -workers 2 -hidden 50", "2 blocks: 2 of 1 net"},
		{"-lr 1e-4,1e-3 -reg 0 -workers 5 -hidden 50", "2 blocks: 1 of 1 net on 3 cores, 1 of 1 net on 2 cores"},
		{"-lr 1e-4 -reg 0 -workers 2", "1 block: 1 of 1 net on 2 cores"},
		{"-lr 1e-4 -reg 0 -workers 2 -seed 1..6 -hidden 5,10", "12 blocks: 12 of 1 net"},
		{"-lr 1e-4 -reg 0 -workers 2 -seed 1..6 -hidden 5,10 -order 0", "2 blocks: 2 of 6 nets"},
		{"-lr log:1e-5..1e-3:8 -reg 0 -workers 1 -block 3", "3 blocks: 2 of 3 nets, 1 of 2 nets"},
		{"-lr log:1e-5..1e-3:8 -reg 0 -workers 1 -fuse off", "8 blocks: 8 of 1 net"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			s, _, _ := fullJob(t, "o", tt.args)
			todo := s.todo()
			blocks := s.planner.Plan(todo)
			if got := plan.Describe(blocks); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.args, got, tt.want)
			}
			seen := map[string]bool{}
			for _, b := range blocks {
				for _, trial := range b.Trials {
					seen[trial.Key] = true
				}
			}
			if len(seen) != len(todo) || plan.Trials(blocks) != len(todo) {
				t.Errorf("%s: %d trials in the blocks, %d different, want %d", tt.args, plan.Trials(blocks), len(seen), len(todo))
			}
		})
	}
}

// TestPredictFails measures two blocks, of which one cannot be made. The other must not wait for it.
func TestPredictFails(t *testing.T) {
	s, _, _ := tinyJob(t, "o", "-lr 1e-4,1e-3 -reg 0 -hidden 5 -iters 5 -batch 10 -workers 2")
	blocks := s.planner.Plan(s.todo())
	blocks[1].Trials[0].Config.Hidden = []int{0}
	if _, err := s.predict(t.Context(), blocks); err == nil || !strings.Contains(err.Error(), "hidden layers [0]") {
		t.Errorf("error %v, want one about the hidden layers", err)
	}
}
