package plan

import (
	"fmt"
	"slices"
	"testing"

	"fusegrid/results"
	"fusegrid/search/grid"
)

// trialsOf returns the trials of a grid of two-layer nets.
func trialsOf(t *testing.T, given map[string]string, order *uint32) []grid.Trial {
	t.Helper()
	g, err := grid.Standard().Parse(grid.Setting{Net: "two-layer", Rule: "sgd", Given: given})
	if err != nil {
		t.Fatal(err)
	}
	base := results.Config{Net: "two-layer", Split: [3]int{1000, 100, 100}, Order: order}
	flops := func(c results.Config) float64 { return c.FLOPs(3072, 10) }
	return g.Over(base).Pending(flops, func(string) bool { return false })
}

// TestPlan checks that each trial is in one block, and that no block is too wide. The blocks must
// have as many cores as there are workers.
func TestPlan(t *testing.T) {
	order := uint32(0)
	for _, tt := range []struct {
		planner Planner
		given   map[string]string
		order   *uint32
		want    string
	}{
		{Planner{Workers: 2, Bytes: 4}, map[string]string{"lr": "log:1e-5..1e-3:32", "reg": "0"}, nil, "2 blocks: 2 of 16 nets"},
		{Planner{Workers: 2, Bytes: 8}, map[string]string{"lr": "log:1e-5..1e-3:32", "reg": "0"}, nil, "4 blocks: 4 of 8 nets"},
		{Planner{Workers: 5, Bytes: 4}, map[string]string{"lr": "1e-4,1e-3", "reg": "0"}, nil, "2 blocks: 1 of 1 net on 3 cores, 1 of 1 net on 2 cores"},
		{Planner{Workers: 2, Bytes: 4}, map[string]string{"lr": "1", "reg": "0", "seed": "1..6", "hidden": "5,10"}, nil, "12 blocks: 12 of 1 net"},
		{Planner{Workers: 2, Bytes: 4}, map[string]string{"lr": "1", "reg": "0", "seed": "1..6", "hidden": "5,10"}, &order, "2 blocks: 2 of 6 nets"},
		{Planner{Workers: 1, Bytes: 4, Width: 3}, map[string]string{"lr": "log:1e-5..1e-3:8", "reg": "0"}, nil, "3 blocks: 2 of 3 nets, 1 of 2 nets"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			tt.planner.Inputs, tt.planner.Classes = 3072, 10
			todo := trialsOf(t, tt.given, tt.order)
			blocks := tt.planner.Plan(todo)
			if got := Describe(blocks); got != tt.want {
				t.Errorf("%v: %s, want %s", tt.given, got, tt.want)
			}
			seen := map[string]bool{}
			cores := 0
			for _, b := range blocks {
				cores += b.Cores
				for _, trial := range b.Trials {
					seen[trial.Key] = true
				}
			}
			if len(seen) != len(todo) || Trials(blocks) != len(todo) || len(blocks) < tt.planner.Workers && cores != tt.planner.Workers {
				t.Errorf("%v: %d trials, %d different, want %d; %d cores", tt.given, Trials(blocks), len(seen), len(todo), cores)
			}
		})
	}
}

// TestPlanFrom checks that trials with origins are in separate blocks, of nets that have done the
// same number of iterations.
func TestPlanFrom(t *testing.T) {
	todo := trialsOf(t, map[string]string{"lr": "1,2,3,4,5", "reg": "0"}, nil)
	from := map[string]Origin{}
	for i, done := range []int{10, 20, 10, 20} {
		from[todo[i].Key] = Origin{Kind: "kept states", ID: fmt.Sprint(i), Done: done}
	}
	blocks, rest := Planner{Workers: 1, Inputs: 3072, Classes: 10, Bytes: 4}.PlanFrom(todo, from)
	if len(rest) != 1 || rest[0].Key != todo[4].Key {
		t.Errorf("%d trials without an origin, want the last", len(rest))
	}
	var done []int
	for _, b := range blocks {
		done = append(done, b.Done)
		for i, o := range b.From {
			if o != from[b.Trials[i].Key] || o.Done != b.Done || !b.Resumed {
				t.Errorf("trial %d of a block after %d iterations has origin %+v", i, b.Done, o)
			}
		}
	}
	if !slices.Equal(done, []int{20, 10}) {
		t.Errorf("blocks after %v iterations, want 20 and 10", done)
	}
	if got, want := Resuming(blocks, "checkpoints"), "4 trials resume from kept states after 10 to 20 iterations"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestMemory compares with the sizes of the largest blocks that train at the same time.
func TestMemory(t *testing.T) {
	p := Planner{Workers: 2, Inputs: 3, Classes: 2, Bytes: 4}
	size := func(c results.Config) float64 { return float64(p.StateSize(c)) }
	small, large := results.Config{Hidden: []int{4}, Iters: 5}, results.Config{Net: "fc", Rule: "momentum", Hidden: []int{1 << 20}, Iters: 5}
	if want := float64((4*4+5*2)*4 + 8*5); size(small) != want {
		t.Errorf("a state of %g bytes, want %g", size(small), want)
	}
	if want := float64((4*(1<<20)+(1<<20+1)*2)*3*4 + 8*5); size(large) != want {
		t.Errorf("a state with velocities and best weights of %g bytes, want %g", size(large), want)
	}
	block := func(c results.Config) Block { return Block{Trials: []grid.Trial{{Config: c}}} }
	if got, want := p.Memory([]Block{block(small), block(large), block(small)}), size(small)+size(large); got != want {
		t.Errorf("two blocks need %g bytes, want %g", got, want)
	}
	if got := p.Memory(nil); got != 0 {
		t.Errorf("no block needs %g bytes", got)
	}
	// A minibatch needs images, the activations of two first layers and of the deeper layers of one
	// net, and deltas.
	deep := results.Config{Net: "fc", Hidden: []int{4, 6}, Batch: 10}
	pair := Block{Trials: []grid.Trial{{Config: deep}, {Config: deep}}}
	if got, want := p.Memory([]Block{pair}), 2*size(deep)+10*(3+4*(4+4+6+2+6)); got != want {
		t.Errorf("a block with its minibatch needs %g bytes, want %g", got, want)
	}
}
