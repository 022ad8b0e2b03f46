package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// trainGrid runs a grid to its end. It returns the messages and the number of iterations of its blocks.
func trainGrid(t *testing.T, out, args string) (stderr string, steps int) {
	t.Helper()
	s, r, said := tinyJob(t, out, args)
	var mu sync.Mutex
	if err := runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		stepped := h.Stepped
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			mu.Lock()
			steps++
			mu.Unlock()
			stepped(nets, flops)
		})
		return r.Run(ctx, b, h)
	})); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return said.String(), steps
}

// interrupt runs a grid and stops each of its blocks after a number of iterations.
func interrupt(t *testing.T, out, args string, after ...int) {
	t.Helper()
	s, r, stderr := tinyJob(t, out, fmt.Sprint(args, " -workers ", len(after)))
	var mu sync.Mutex
	blocks := 0
	if err := runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		mu.Lock()
		left := after[blocks]
		blocks++
		mu.Unlock()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stepped := h.Stepped
		h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
			if left--; left == 0 {
				cancel()
			}
			stepped(nets, flops)
		})
		return r.Run(ctx, b, h)
	})); !errors.Is(err, context.Canceled) {
		t.Fatalf("%s: %v, want a cancelled context; %s", args, err, stderr)
	}
	if states, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*")); len(states) != len(after) || blocks != len(after) {
		t.Fatalf("%s: %d blocks and %d checkpoints, want %d", args, blocks, len(states), len(after))
	}
}

// The grids have two blocks on the tiny images, of which three minibatches are an epoch. Some trials diverge.
var lengths = []struct {
	name, args, short, long string
	iters                   int // of the long trials
}{
	{"sgd", "-lr 1e-4,1e-3,1e30 -reg 0,0.5 -hidden 3 -batch 10 -std 1e-2 -seed 1,2", "-iters 8", "-iters 20", 20},
	{"momentum", "-rule momentum -mu 0,0.9 -lr 1e-4,1e-3,1e30 -reg 0.5 -hidden 3 -batch 10 -std 1e-2 -seed 1,2", "-iters 9", "-epochs 5", 15},
	{"fc", "-net fc -lr 1e-4,1e-3,1e30 -reg 0.1 -decay 0.5,1 -hidden 3,4x3 -batch 10 -std 1e-2", "-epochs 3", "-epochs 7", 21},
	{"fc nesterov", "-net fc -dtype f64 -rule nesterov -lr 1e-4,1e-3 -hidden 3 -batch 10 -std 1e-2 -seed 1,2", "-epochs 3", "-epochs 4", 12},
	{"bfp16", "-dtype bfp16 -lr 1e-4,1e-3,1e30 -reg 0,0.5 -hidden 3 -batch 10 -std 1e-2 -seed 1,2", "-iters 8", "-iters 20", 20},
	{"fc bfp16 nesterov", "-net fc -dtype bfp16 -rule nesterov -lr 1e-4,1e-3 -reg 0.1 -hidden 3,4x3 -batch 10 -std 1e-2", "-epochs 3", "-epochs 4", 12},
	{"rmsprop", "-rule rmsprop -lr 1e-4,1e-3,1e30 -reg 0,0.5 -hidden 3 -batch 10 -std 1e-2 -seed 1,2", "-iters 9", "-epochs 5", 15},
	{"fc adam", "-net fc -rule adam -lr 1e-4,1e-3 -reg 0.1 -hidden 3,4x3 -batch 10 -std 1e-2", "-epochs 3", "-epochs 4", 12},
}

// TestLongerResumes interrupts sweeps and asks for more iterations. Trials must resume from the checkpoints, in other
// blocks, and have the bits of an unbroken training.
func TestLongerResumes(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	for _, c := range lengths {
		trainGrid(t, c.name, c.args+" "+c.long)
		for i, after := range [][]int{{1, 1}, {5, 6}, {7, 3}, {6, 6}} {
			t.Run(fmt.Sprint("after ", after), func(t *testing.T) {
				out := fmt.Sprint(c.name, i)
				what := fmt.Sprintf("%s, stopped after %v", c.name, after)
				interrupt(t, out, c.args+" "+c.short, after...)
				said, steps := trainGrid(t, out, c.args+" "+c.long+[]string{" -workers 1", " -workers 3 -block 2", " -fuse off"}[i%3])
				words := fmt.Sprintf("resume from checkpoints after %d", min(after[0], after[1]))
				if after[0] != after[1] {
					words += fmt.Sprintf(" to %d", max(after[0], after[1]))
				}
				if !strings.Contains(said, words+" iterations\n") {
					t.Errorf("%s: %q, want %q", what, said, words)
				}
				if i == 0 && steps > 2*c.iters+2*2 {
					t.Errorf("%s: %d iterations", what, steps)
				}
				searchtest.SameFigures(t, what, out, c.name, c.iters)
				// The short trials resume unchanged.
				trainGrid(t, out, c.args+" "+c.short)
				if left, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*")); len(left) > 0 {
					t.Errorf("%s: checkpoints are left: %v", what, left)
				}
			})
		}
	}
}

// TestCheckpointsOfSettledTrials trains longer trials from checkpoints whose own trials are settled. Such checkpoints
// remain if a sweep was killed, or if other blocks trained the trials. The last sweep that needs one must remove it.
func TestCheckpointsOfSettledTrials(t *testing.T) {
	isolate(t)
	const args = "-reg 0 -hidden 3 -batch 10 -std 1e-2 -workers 1 "
	const short, long = "-lr 1e-4,1e-3 -iters 8 " + args, "-lr 1e-4,1e-3 -iters 20 " + args
	trainGrid(t, "whole", long)
	checkpoints := func(out string) []string {
		names, _ := filepath.Glob(filepath.Join(out, folder.CheckpointsDir, "*"))
		return names
	}
	for _, out := range []string{"o", "p", "q"} {
		interrupt(t, out, strings.TrimSuffix(short, "-workers 1 "), 5)
		before := checkpoints(out)
		data, err := os.ReadFile(before[0])
		if err != nil {
			t.Fatal(err)
		}
		trainGrid(t, out, short)
		if left := checkpoints(out); len(left) > 0 {
			t.Fatalf("checkpoints are left: %v", left)
		}
		if err := os.WriteFile(before[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		const words = "2 trials resume from checkpoints after 5 iterations\n"
		switch out {
		case "o":
			said, steps := trainGrid(t, out, long)
			if !strings.Contains(said, words) || steps != 15 {
				t.Errorf("%d iterations, want 15: %s", steps, said)
			}
		case "p": // interrupted before a step
			s, r, _ := tinyJob(t, out, long)
			ctx, cancel := context.WithCancel(t.Context())
			if err := runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
				cancel()
				return r.Run(ctx, b, h)
			})); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if said, steps := trainGrid(t, out, long); !strings.Contains(said, words) || steps != 15 {
				t.Errorf("after an interruption: %d iterations, want 15: %s", steps, said)
			}
		case "q": // useless
			trainGrid(t, out, short)
			if left := checkpoints(out); len(left) > 0 {
				t.Errorf("checkpoints are left: %v", left)
			}
			continue
		}
		searchtest.SameFigures(t, out, out, "whole", 20)
		if left := checkpoints(out); len(left) > 0 {
			t.Errorf("%s: checkpoints are left: %v", out, left)
		}
	}
}

// TestKeptStatesResume trains to the end, keeps states and asks for more iterations, twice.
func TestKeptStatesResume(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	for _, c := range lengths {
		trainGrid(t, c.name, c.args+" "+c.long)
		for i, how := range []string{" -workers 1", " -workers 3 -block 2", " -fuse off"} {
			t.Run(how, func(t *testing.T) {
				out := fmt.Sprint(c.name, i)
				trainGrid(t, out, c.args+" "+c.short+" -states all"+how)
				short := searchtest.Recorded(t, out)
				done := 0
				for _, r := range short {
					_, err := os.Stat(filepath.Join(out, folder.StatesDir, r.Key+".safetensors"))
					if (err == nil) != (r.State == results.Done) {
						t.Errorf("%s: a trial is %s, its state: %v", out, r.State, err)
					}
					if r.State == results.Done {
						done++
					}
				}
				said, steps := trainGrid(t, out, c.args+" "+c.long+" -workers 1 -states all")
				if want := fmt.Sprintf("sweep: %d trials resume from kept states after %d iterations\n", done, short[0].Config.Iters); !strings.Contains(said, want) {
					t.Errorf("%s: %q, want %q", out, said, want)
				}
				if most := 2 * (c.iters - short[0].Config.Iters + 4); steps > most {
					t.Errorf("%s: %d iterations to the end, want at most %d", out, steps, most)
				}
				searchtest.SameFigures(t, out, out, c.name, c.iters)
				kept, _ := filepath.Glob(filepath.Join(out, folder.StatesDir, "*"))
				if len(kept) != 2*done {
					t.Errorf("%s: %d states, want %d", out, len(kept), 2*done)
				}
			})
		}
	}
}

// TestBestStates checks that a sweep keeps only the states of the best trials, and those from which running trials
// resume.
func TestBestStates(t *testing.T) {
	isolate(t)
	const args = "-lr log:1e-4..1e-3:6,1e30 -reg 0 -hidden 3 -batch 10 -std 1e-2 -seed 4 -block 1"
	files := func(out string) []string {
		names, _ := filepath.Glob(filepath.Join(out, folder.StatesDir, "*"))
		return names
	}
	best := func(out string, n int, records []results.Record) (names []string) {
		results.Rank(records)
		for _, r := range records[:n] {
			names = append(names, filepath.Join(out, folder.StatesDir, r.Key+".safetensors"))
		}
		slices.Sort(names)
		return names
	}
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint("states ", n), func(t *testing.T) {
			out := fmt.Sprint("o", n)
			trainGrid(t, out, args+" -iters 10 -states 3 -workers 2")
			short := searchtest.Recorded(t, out)
			if got, want := files(out), best(out, 3, short); !slices.Equal(got, want) {
				t.Errorf("kept\n%v, want\n%v", got, want)
			}
			// The best trials train longer. Each of them displaces states from which others still resume.
			on := fmt.Sprintf("-lr %g,%g,%g %s", short[0].Config.LR, short[1].Config.LR, short[2].Config.LR, strings.TrimPrefix(args, "-lr log:1e-4..1e-3:6,1e30"))
			trainGrid(t, "whole", on+" -iters 40")
			said, steps := trainGrid(t, out, fmt.Sprint(on, " -iters 40 -workers 1 -states ", n))
			if !strings.Contains(said, "sweep: 3 trials resume from kept states after 10 iterations\n") || strings.Contains(said, "cannot be used") || steps != 90 {
				t.Errorf("%d iterations, want 90; %s", steps, said)
			}
			searchtest.SameFigures(t, "best", out, "whole", 40)
			if got, want := files(out), best(out, n, searchtest.Recorded(t, out)); !slices.Equal(got, want) {
				t.Errorf("then kept\n%v, want\n%v", got, want)
			}
		})
	}
	if said, _ := trainGrid(t, "whole", args+" -iters 40 -states 2"); !strings.Contains(said, " on record to train again, because their weights or states are to be kept and are missing\n") {
		t.Errorf("asked too late: %s", said)
	}
	if got, want := files("whole"), best("whole", 2, searchtest.Recorded(t, "whole")); !slices.Equal(got, want) {
		t.Errorf("asked too late: kept\n%v, want\n%v", got, want)
	}
}

// TestStatesDoNotPileUp interrupts sweeps. The next sweep must use the states that they left, or remove them.
func TestStatesDoNotPileUp(t *testing.T) {
	isolate(t)
	const args = "-reg 0 -hidden 3 -batch 10 -std 1e-2 -block 1 -workers 1"
	const short = "-lr log:1e-4..1e-3:6 -iters 10 " + args
	files := func(out string) (keys []string) {
		names, _ := filepath.Glob(filepath.Join(out, folder.StatesDir, "*"))
		for _, name := range names {
			keys = append(keys, strings.TrimSuffix(filepath.Base(name), ".safetensors"))
		}
		slices.Sort(keys)
		return keys
	}
	bestOf := func(out string, n int) (keys []string) {
		records := searchtest.Recorded(t, out)
		results.Rank(records)
		for _, r := range records[:n] {
			keys = append(keys, r.Key)
		}
		slices.Sort(keys)
		return keys
	}
	// A state is written although its trial is not on record, and another sweep runs first.
	for _, how := range []string{"1", "2", "all"} {
		t.Run(how, func(t *testing.T) {
			trainGrid(t, "strays", "-lr 1e-4,2e-2 -iters 10 -states all "+args)
			out := "o" + how
			if err := os.MkdirAll(filepath.Join(out, folder.StatesDir), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, name := range files("strays") {
				name = filepath.Join(folder.StatesDir, name+".safetensors")
				if err := os.Rename(filepath.Join("strays", name), filepath.Join(out, name)); err != nil {
					t.Fatal(err)
				}
			}
			os.RemoveAll("strays")
			if err := os.WriteFile(filepath.Join(out, folder.StatesDir, "notes"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			said, steps := trainGrid(t, out, short+" -states "+how)
			if !strings.Contains(said, "sweep: 1 trial resumes from kept states after 10 iterations\n") || steps != 50 {
				t.Errorf("%d iterations, want 50: the state of the trial that the grid has is there: %s", steps, said)
			}
			n := map[string]int{"1": 1, "2": 2, "all": 6}[how]
			if got, want := files(out), append(bestOf(out, n), "notes"); !slices.Equal(got, want) {
				t.Errorf("-states %s: kept\n%v, want\n%v", how, got, want)
			}
		})
	}
	// Long trials displace short ones from which others resume. Then the sweep is interrupted.
	trainGrid(t, "o", short+" -states 3")
	records := searchtest.Recorded(t, "o")
	results.Rank(records)
	last := records[5] // not among the best, but its state stays because another sweep has kept it
	trainGrid(t, "o", fmt.Sprintf("-lr %g -iters 10 -states all %s", last.Config.LR, args))
	long := fmt.Sprintf("-lr %g,%g,%g -iters 40 -states 1 %s", records[0].Config.LR, records[1].Config.LR, records[2].Config.LR, args)
	s, r, _ := tinyJob(t, "o", long)
	ctx, cancel := context.WithCancel(t.Context())
	blocks := 0
	if err := runWith(ctx, s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		if blocks++; blocks == 3 {
			stepped := h.Stepped
			h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) { cancel(); stepped(nets, flops) })
		}
		return r.Run(ctx, b, h)
	})); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if n := len(files("o")); n < 3 {
		t.Fatalf("%d states are left by the interruption; the test is too easy", n)
	}
	trainGrid(t, "o", long)
	if got, want := files("o"), slices.Sorted(slices.Values(append(bestOf("o", 1), last.Key))); !slices.Equal(got, want) {
		t.Errorf("after an interruption: kept\n%v, want\n%v", got, want)
	}
}

// TestStateSpace compares the predicted size of states with the size of their files.
func TestStateSpace(t *testing.T) {
	isolate(t)
	for i, args := range []string{
		"-hidden 3,5,20", "-hidden 3,5 -dtype f64", "-rule momentum -hidden 10", "-net fc -hidden 10,8x5", "-net fc -rule nesterov -hidden 6 -dtype f64", "-rule rmsprop -hidden 10", "-net fc -rule adam -hidden 10,8x5",
	} {
		for j, states := range []string{"all", "1"} {
			t.Run(args+" -states "+states, func(t *testing.T) {
				if testing.Short() && (i+j)%2 == 0 {
					return
				}
				out := fmt.Sprint("o", i, states)
				args := args + " -lr 1e-4,1e-3 -reg 0 -batch 10 -std 1e-3 -epochs 4 -states " + states
				s, r, said := fullJob(t, out, args)
				if err := runWith(t.Context(), s, r); err != nil {
					t.Fatal(err)
				}
				size := int64(0)
				kept, _ := filepath.Glob(filepath.Join(out, folder.StatesDir, "*"))
				for _, name := range kept {
					info, err := os.Stat(name)
					if err != nil {
						t.Fatal(err)
					}
					size += info.Size()
				}
				var n int
				var mb float64
				for line := range strings.Lines(said.String()) {
					fmt.Sscanf(strings.ReplaceAll(line, "states", "state"), "sweep: %d state will take up to %g MB in", &n, &mb)
				}
				if ratio := mb * 1e6 / float64(size); n != len(kept) || ratio < 0.9 || states == "all" && ratio > 1.1 {
					t.Errorf("%s: %d states take %d bytes; it said %s", args, len(kept), size, said)
				}
			})
		}
	}
}

// TestShorterResumes asks for fewer iterations, but more than the checkpoint has.
func TestShorterResumes(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3,1e30 -reg 0 -hidden 3 -batch 10 -std 1e-2"
	trainGrid(t, "whole", args+" -iters 7")
	interrupt(t, "o", args+" -iters 30", 6)
	if said, steps := trainGrid(t, "o", args+" -iters 7 -workers 1"); !strings.Contains(said, "2 trials resume from checkpoints after 6 iterations\n") || steps > 3 {
		t.Errorf("%d iterations, %s", steps, said)
	}
	searchtest.SameFigures(t, "shorter", "o", "whole", 7)
	if said, _ := trainGrid(t, "o", args+" -iters 6"); strings.Contains(said, "from checkpoints") {
		t.Errorf("nothing is left to do of 6 iterations: %s", said)
	}
}

// TestPartlyTheSameGrid interrupts a sweep and trains another grid, which has some of its trials and new ones.
func TestPartlyTheSameGrid(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	const rest = " -batch 10 -std 1e-2 -order 7 -reg 0"
	const short = "-lr 1e-5,1e-4,2e-4 -hidden 3,4,6 -seed 1 -iters 10" + rest
	for _, iters := range []int{10, 25} {
		long := fmt.Sprint("-lr 5e-4,1e-4,2e-4 -hidden 4,5,6 -seed 1,2 -iters ", iters, rest)
		trainGrid(t, fmt.Sprint("whole", iters), long)
		for i, how := range []string{" -workers 1", " -workers 2 -block 4", " -fuse off"} {
			out := fmt.Sprint("o", iters, i)
			interrupt(t, out, short, 4, 5)
			said, _ := trainGrid(t, out, long+how)
			if !strings.Contains(said, "sweep: 3 trials resume from checkpoints after 4 to 5 iterations\n") {
				t.Errorf("%s: %s", long, said)
			}
			searchtest.SameFigures(t, long+how, out, fmt.Sprint("whole", iters), iters)
			if iters == 10 {
				continue
			}
			trainGrid(t, "whole10b", short)
			trainGrid(t, out, short)
			searchtest.SameFigures(t, "then the short ones", out, "whole10b", 10)
		}
	}
}

// TestOtherTrialsDoNotResume checks that a trial resumes only from a trial that differs in its length alone.
func TestOtherTrialsDoNotResume(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-3 -reg 0 -hidden 3 -batch 10 -std 1e-2 -decay 0.9 -iters 9"
	interrupt(t, "o", args, 5)
	for _, other := range []string{"-lr 2e-3", "-reg 1", "-hidden 4", "-batch 15", "-std 1e-3", "-decay 1", "-seed 1", "-order 0", "-dtype f64", "-rule momentum"} {
		t.Run(other, func(t *testing.T) {
			name, value, _ := strings.Cut(other, " ")
			words := strings.Fields(strings.Replace(args, "-iters 9", "-iters 20", 1))
			if i := slices.Index(words, name); i >= 0 {
				words[i+1] = value
			} else {
				words = append(words, name, value)
			}
			if said, _ := trainGrid(t, "o", strings.Join(words, " ")); strings.Contains(said, "from checkpoints") {
				t.Errorf("%s: %s", other, said)
			}
		})
	}
	if said, _ := trainGrid(t, "o", strings.Replace(args, "-iters 9", "-iters 20", 1)); !strings.Contains(said, "1 trial resumes from checkpoints after 5 iterations") {
		t.Errorf("the same one: %s", said)
	}
}

// TestHalvingStartsAgain checks that trials under a stop rule do not resume from trials that were not judged at its
// rungs. Trials without a rule may resume from any.
func TestHalvingStartsAgain(t *testing.T) {
	isolate(t)
	const args = "-lr log:1e-5..1e-2:4 -reg 0,0.5 -hidden 3 -batch 10 -std 1e-2"
	trainGrid(t, "race", args+" -iters 30 -halving 2:5")
	interrupt(t, "o", args+" -iters 12", 7)
	if said, _ := trainGrid(t, "o", args+" -iters 30 -halving 2:5"); strings.Contains(said, "from checkpoints") {
		t.Errorf("in a race: %s", said)
	}
	searchtest.SameFigures(t, "in a race", "o", "race", 30)

	trainGrid(t, "whole", args+" -iters 30")
	interrupt(t, "p", args+" -iters 12 -halving 2:5", 7)
	if said, _ := trainGrid(t, "p", args+" -iters 30"); !strings.Contains(said, "4 trials resume from checkpoints after 7 iterations") {
		t.Errorf("after a race: %s", said)
	}
	searchtest.SameFigures(t, "after a race", "p", "whole", 30)
}

// TestOriginDamaged damages the state from which longer trials resume, or removes it after the planning. The sweep
// must report that and start the trials again.
func TestOriginDamaged(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0 -hidden 3 -batch 10 -std 1e-2"
	trainGrid(t, "whole", args+" -iters 20")
	interrupt(t, "o", args+" -iters 9", 5)
	states, _ := filepath.Glob("o/checkpoints/*")
	b, err := os.ReadFile(states[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(states[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, _ := trainGrid(t, "o", args+" -iters 20"); !strings.Contains(said, states[0]+" is damaged: its checksum does not agree; its trials start again") || strings.Contains(said, "from checkpoints") {
		t.Errorf("damaged: %s", said)
	}
	searchtest.SameFigures(t, "damaged", "o", "whole", 20)

	interrupt(t, "p", args+" -iters 9", 5)
	s, r, stderr := tinyJob(t, "p", args+" -iters 20")
	if err := runWith(t.Context(), s, searchtest.RunnerFunc(func(ctx context.Context, b plan.Block, h runner.Hooks) error {
		return errors.Join(os.RemoveAll("p/checkpoints"), r.Run(ctx, b, h))
	})); err != nil || !strings.Contains(stderr.String(), "a checkpoint cannot be used: open p/checkpoints/") {
		t.Errorf("gone: %v; %s", err, stderr)
	}
	searchtest.SameFigures(t, "gone", "p", "whole", 20)
}

// TestTimeIsResumed checks that the seconds of a resumed trial include those before the interruption.
func TestTimeIsResumed(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0 -hidden 3 -batch 10 -std 1e-2"
	interrupt(t, "o", args+" -iters 9", 5)
	states, _ := filepath.Glob("o/checkpoints/*")
	s, _, _ := tinyJob(t, "o", args+" -iters 9")
	store := s.store()
	f, err := store.Load(strings.TrimSuffix(filepath.Base(states[0]), ".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	times, _ := f.Tensor(folder.TimeName)
	for i := range times.F64 {
		times.F64[i] = 1000 * float64(i+1) // seconds
	}
	delete(f.Meta, "sum")
	v := store.List(func(string, error) {})[0]
	b := plan.Block{}
	for _, c := range v.Trials {
		b.Trials = append(b.Trials, grid.Trial{Key: c.Key(), Config: c})
	}
	if err := store.Save(b, *f); err != nil {
		t.Fatal(err)
	}
	trainGrid(t, "o", args+" -iters 20 -fuse off")
	for _, r := range searchtest.OfLength(t, "o", 20) {
		i := slices.IndexFunc(v.Trials, func(c results.Config) bool { return c.LR == r.Config.LR })
		if past := 1000 * float64(i+1); r.Speed.Seconds < past || r.Speed.Seconds > past+60 || r.Speed.BlockSeconds < 3000 || r.Speed.Iters != 20/r.Speed.Seconds {
			t.Errorf("lr %g: %+v, want %g seconds before it went on", r.Config.LR, r.Speed, past)
		}
	}
}

// TestDryRunOfResumedTrials checks that a DryRun counts only the iterations that are left, and removes no file.
func TestDryRunOfResumedTrials(t *testing.T) {
	isolate(t)
	const args = "-lr 1e-4,1e-3 -reg 0 -hidden 3 -batch 10 -std 1e-2 "
	trainGrid(t, "o", args+"-iters 6 -states all")
	before, _ := filepath.Glob("o/*/*")
	s, _, _ := tinyJob(t, "o", args+"-iters 8")
	p, err := s.dryRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := "2 trials resume from kept states after 6 iterations"; !slices.Contains(p.Notes, want) {
		t.Errorf("notes %q, want %q", p.Notes, want)
	}
	if want := 2 * 2 * s.flops(s.points().At(0)); plan.Trials(p.Blocks) != 2 || math.Abs(p.FLOPs-want) > 1e-9*want {
		t.Errorf("%d trials and %g operations to train, want 2 and %g", plan.Trials(p.Blocks), p.FLOPs, want)
	}
	if after, _ := filepath.Glob("o/*/*"); !slices.Equal(after, before) {
		t.Errorf("files %v, before %v", after, before)
	}
}
