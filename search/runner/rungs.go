package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"fusegrid/internal/strictjson"
	"fusegrid/results"
	"fusegrid/search/halving"
)

// judge reports the nets of the block at a rung, if they have reached one, and removes those that do not survive. The
// others keep their bits. Nets that are no longer finite are not judged: the next iteration finds that they diverged.
// If the memory for blocks that wait is full, the block waits on the disk.
func (f *fit[T]) judge(ctx context.Context) error {
	bracket := f.hooks.brackets().Of(f.block.Trials[0].Config.Iters)
	i, ok := bracket.RungAt(f.fused.Done())
	if !ok {
		return nil
	}
	var at []int // of the nets that are judged, in the block
	var keys []string
	var vals []float64
	all := f.fused.Validate()
	for k, val := range all {
		key := f.block.Trials[f.fused.IDs()[k]].Key
		if math.IsNaN(val) {
			bracket.Leave(key)
			continue
		}
		at, keys, vals = append(at, k), append(keys, key), append(vals, val)
	}
	f.time.lap(f.fused.IDs())
	away, release := f.leaveMemory(bracket, i, keys)
	var survive []bool
	report := func() { survive = bracket.Report(ctx, i, keys, vals) }
	if bracket.Waits(i, keys) {
		f.hooks.Pause(report)
	} else { // who need not wait keeps its place: with one worker, blocks go in their order
		report()
	}
	release()
	if away {
		// After an interruption the state on the disk is the last one: nothing has changed.
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.comeBack(); err != nil {
			return fmt.Errorf("a block that waited on the disk: %w", err)
		}
	}
	f.time.skip()

	stop := make([]bool, len(all))
	for n, k := range at {
		stop[k] = !survive[n]
	}
	if !slices.Contains(stop, true) {
		return nil
	}
	records := f.stopped(stop, all)
	keep := make([]bool, len(stop))
	for k := range keep {
		keep[k] = !stop[k]
	}
	f.fused.Keep(keep)
	f.hooks.Ended(records, false)
	return nil
}

// leaveMemory saves the block and frees its memory if it must wait at rung i and there is no memory to wait in. The
// function release gives back the memory that it waits in.
func (f *fit[T]) leaveMemory(r *halving.Bracket, i int, keys []string) (away bool, release func()) {
	if f.hooks.Referee == nil || f.hooks.Checkpointer == nil || !r.Waits(i, keys) {
		return false, func() {}
	}
	held, release := f.hooks.Reserve()
	if held {
		return false, release
	}
	if err := f.save(); err != nil {
		return false, release // it waits in memory, though there should be none
	}
	f.fused = nil
	return true, release
}

// comeBack restores a block that waited on the disk.
func (f *fit[T]) comeBack() error {
	file, err := f.hooks.Load()
	if err != nil {
		return err
	}
	if f.fused, err = f.begin(f.block); err != nil {
		return err
	}
	return f.fused.Restore(file, f.block.ID)
}

// raceName is the entry of a saved state that holds the standings of its nets.
const raceName = "race"

// standings are the rungs of the nets that still train, by position in the block. Those of the
// iteration itself are not in it: the judgement there is still to come, and will be the same.
type standings struct {
	Race  string
	Rungs map[int][]results.Rung
}

// standings returns them as text, empty where there is no bracket.
func (f *fit[T]) standings() string {
	s := standings{Rungs: map[int][]results.Rung{}}
	for _, id := range f.fused.IDs() {
		name, rungs := f.hooks.brackets().Reached(f.block.Trials[id])
		if n := len(rungs); n > 0 && rungs[n-1].Step == f.fused.Done() {
			rungs = rungs[:n-1]
		}
		s.Race, s.Rungs[id] = name, rungs
	}
	if s.Race == "" {
		return ""
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "" // no such numbers
	}
	return string(text)
}

// takeUp puts the nets where they stood when their state was saved.
func (f *fit[T]) takeUp(text string) error {
	bracket := f.hooks.brackets().Of(f.block.Trials[0].Config.Iters)
	if bracket == nil {
		return nil
	}
	var s standings
	if text != "" {
		if err := strictjson.Unmarshal([]byte(text), &s); err != nil {
			return fmt.Errorf("its standings: %w", err)
		}
	}
	passed := bracket.Passed(f.fused.Done())
	if s.Race != bracket.Name() && passed > 0 {
		return fmt.Errorf("it was not made under the rule %q", bracket.Name())
	}
	for _, id := range f.fused.IDs() {
		rungs := s.Rungs[id]
		if len(rungs) != passed {
			return fmt.Errorf("net %d has passed %d rungs, want %d", id, len(rungs), passed)
		}
	}
	for _, id := range f.fused.IDs() {
		var vals []float64
		for _, rung := range s.Rungs[id] {
			vals = append(vals, rung.Val)
		}
		bracket.Resume(f.block.Trials[id].Key, vals, passed)
	}
	return nil
}
