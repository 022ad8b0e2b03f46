package plan

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"fusegrid/search/grid"
)

// TestShared checks that the blocks of a study do not depend on the workers, on the order of the trials or on their
// length. The parts must have each trial once, and nearly equal work.
func TestShared(t *testing.T) {
	order := uint32(0)
	for _, tt := range []struct {
		given map[string]string
		order *uint32
		width int
		parts int
		want  string // blocks
		most  float64
	}{
		{map[string]string{"lr": "log:1e-5..1e-3:64", "reg": "0"}, nil, 0, 16, "16 blocks: 16 of 4 nets", 1},
		{map[string]string{"lr": "log:1e-5..1e-3:64", "reg": "0"}, nil, 0, 3, "6 blocks: 4 of 11 nets, 2 of 10 nets", 1.04},
		{map[string]string{"lr": "log:1e-5..1e-3:64", "reg": "0"}, nil, 3, 2, "22 blocks: 20 of 3 nets, 2 of 2 nets", 1},
		{map[string]string{"lr": "1e-4,1e-3", "reg": "0"}, nil, 0, 5, "2 blocks: 2 of 1 net", 2.5},
		{map[string]string{"lr": "1", "reg": "0", "seed": "1..6", "hidden": "5,10,200"}, nil, 0, 3, "18 blocks: 18 of 1 net", 1.01},
		{map[string]string{"lr": "1..8:8", "reg": "0", "seed": "1..3"}, nil, 0, 30, "24 blocks: 24 of 1 net", 1.25},
		{map[string]string{"lr": "1..8:8", "reg": "0", "seed": "1..5"}, nil, 0, 4, "20 blocks: 20 of 2 nets", 1},
		{map[string]string{"lr": "1..100:100", "reg": "0"}, nil, 0, 16, "16 blocks: 4 of 7 nets, 12 of 6 nets", 1.12},
		{map[string]string{"lr": "1,2", "reg": "0", "seed": "1..6", "hidden": "5,10,200"}, &order, 0, 4, "8 blocks: 4 of 5 nets, 4 of 4 nets", 1.05},
	} {
		t.Run(tt.want, func(t *testing.T) {
			p := Planner{Width: tt.width, Inputs: 3072, Classes: 10, Bytes: 4}
			trials := trialsOf(t, tt.given, tt.order)
			before := slices.Clone(trials)
			blocks := p.Shared(trials, tt.parts)
			if got := Describe(blocks); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if !slices.EqualFunc(trials, before, func(a, b grid.Trial) bool { return a.Key == b.Key }) {
				t.Error("the trials of the caller were moved")
			}
			for workers := range 5 {
				p.Workers = workers
				rand.New(rand.NewPCG(uint64(workers), 0)).Shuffle(len(trials), func(i, j int) { trials[i], trials[j] = trials[j], trials[i] })
				if other := p.Shared(trials, tt.parts); SharedID(other) != SharedID(blocks) {
					t.Errorf("%d workers, another order: %s", workers, Describe(other))
				}
			}
			longer := maps.Clone(tt.given)
			longer["iters"] = "4321"
			for i, b := range p.Shared(trialsOf(t, longer, tt.order), tt.parts) {
				for k, trial := range b.Trials {
					if Lengthless(trial.Config) != Lengthless(blocks[i].Trials[k].Config) {
						t.Fatalf("trial %d of block %d is another one if all trials are longer", k, i)
					}
				}
			}
			whole, most, seen := 0.0, 0.0, map[string]int{}
			for i := range tt.parts {
				work := 0.0
				for _, b := range Part(blocks, i+1, tt.parts) {
					work += b.FLOPs()
					for _, trial := range b.Trials {
						seen[trial.Key]++
					}
				}
				whole, most = whole+work, max(most, work)
			}
			for _, trial := range trials {
				if seen[trial.Key] != 1 {
					t.Errorf("trial %.8s is in %d parts", trial.Key, seen[trial.Key])
				}
			}
			if got := most * float64(tt.parts) / whole; got > tt.most {
				t.Errorf("the largest part has %.4g times the mean work, want at most %g", got, tt.most)
			}
		})
	}
}

// TestSharedOnEveryMachine compares the plan of a grid, and the parts, with those of another machine: the parts of a
// study fit together only if all machines make the same plan.
func TestSharedOnEveryMachine(t *testing.T) {
	order := uint32(7)
	trials := trialsOf(t, map[string]string{"lr": "log:1e-5..1e-3:9", "reg": "0.1..0.9:3", "hidden": "10,30,77", "batch": "64,100", "iters": "123457"}, &order)
	blocks := Planner{Inputs: 3072, Classes: 10, Bytes: 4}.Shared(trials, 4)
	if got, want := SharedID(blocks), "06a6b5ef8cff3d07363940f6469bc25bb67fcf04bd9760ce5a22e76da447ab5c"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for i, want := range []string{
		"a8d8cf5b2321a0f6fe933e2fb3f26d2b4204bd284ec8cbf67295c75629573fbe",
		"21eaf9b3264317621a11c8441cdfb6085fb72e193432c7d99392002c182952d4",
		"218cd196531318c2ca74569705549943c29a83f1cd9b0badae7a8f69e3dbe001",
		"e8947182da428c07284afb5e992f89f97977d74ad613ef16871fdbbb436c50a1",
	} {
		if got := SharedID(Part(blocks, i+1, 4)); got != want {
			t.Errorf("part %d is %s, want %s", i+1, got, want)
		}
	}
}

// TestNoTrials checks that a part without trials is empty.
func TestNoTrials(t *testing.T) {
	p := Planner{Inputs: 3072, Classes: 10, Bytes: 4}
	if blocks := p.Shared(nil, 3); len(blocks) > 0 {
		t.Errorf("%s", Describe(blocks))
	}
	blocks := p.Shared(trialsOf(t, map[string]string{"lr": "1", "reg": "0"}, nil), 3)
	for i, want := range []int{1, 0, 0} {
		if got := len(Part(blocks, i+1, 3)); got != want {
			t.Errorf("part %d has %d blocks, want %d", i+1, got, want)
		}
	}
}

// TestFixed plans the blocks of a part again and again while its trials end. Blocks lose trials, and neither workers nor
// other trials change them.
func TestFixed(t *testing.T) {
	given := map[string]string{"lr": "log:1e-5..1e-3:64", "reg": "0"}
	trials := trialsOf(t, given, nil)
	p := Planner{Inputs: 3072, Classes: 10, Bytes: 4}
	part := Part(p.Shared(trials, 3), 2, 3)
	all := p
	all.Workers, all.Fixed = 7, part
	var todo []grid.Trial
	for _, b := range part {
		todo = append(todo, b.Trials...)
	}
	if blocks := all.Plan(todo); SharedID(blocks) != SharedID(part) || blocks[0].Cores != 4 || blocks[1].Cores != 3 {
		t.Errorf("%s", Describe(blocks))
	}
	if got, want := Describe(all.Plan(todo[5:])), "2 blocks: 1 of 10 nets on 4 cores, 1 of 6 nets on 3 cores"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	strangers := trialsOf(t, map[string]string{"lr": "1,2,3", "reg": "0"}, nil)
	if got, want := Describe(all.Plan(append(strangers, todo[11:]...))), "2 blocks: 1 of 10 nets on 4 cores, 1 of 3 nets on 3 cores"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	all.Fixed = []Block{}
	if got := Describe(all.Plan(strangers)); got != "1 block: 1 of 3 nets on 7 cores" {
		t.Errorf("no fixed blocks: %s", got)
	}
}
