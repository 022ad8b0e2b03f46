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

// judge passes the accuracies of the nets to the bracket if the block has reached a rung, and
// removes the nets that do not survive. The survivors keep their bits. Nets with weights that are
// not finite are not judged, because they diverge in the next iteration. If the memory for waiting
// blocks is full, the block waits on the disk.
func (f *fit[T]) judge(ctx context.Context) error {
	bracket := f.hooks.brackets().Of(f.block.Trials[0].Config.Iters)
	i, ok := bracket.RungAt(f.fused.Done())
	if !ok {
		return nil
	}
	var at []int // positions in the block of the nets that are judged
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
	away, release := f.saveToWait(bracket, i, keys)
	var survive []bool
	report := func() { survive = bracket.Report(ctx, i, keys, vals) }
	if bracket.Waits(i, keys) {
		f.hooks.Pause(report)
	} else { // a block that does not wait keeps its cores, so a single worker runs the blocks in order
		report()
	}
	release()
	if away {
		// After an interruption, the block has not changed since it was saved, so there is nothing
		// to restore.
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.restoreAfterWait(); err != nil {
			return fmt.Errorf("a block that waited on the disk: %w", err)
		}
	}
	f.time.skip()

	keep := slices.Repeat([]bool{true}, len(all))
	for n, k := range at {
		keep[k] = survive[n]
	}
	if !slices.Contains(keep, false) {
		return nil
	}
	records := f.stopped(keep, all)
	f.fused.Keep(keep)
	f.hooks.Ended(records, false)
	return nil
}

// saveToWait saves the block and frees its memory if it must wait at rung i and the referee has no
// memory for it. The function release releases the memory that was reserved for the block.
func (f *fit[T]) saveToWait(r *halving.Bracket, i int, keys []string) (away bool, release func()) {
	if f.hooks.Referee == nil || !r.Waits(i, keys) {
		return false, func() {}
	}
	held, release := f.hooks.Reserve()
	if held {
		return false, release
	}
	if err := f.save(); err != nil {
		return false, release // if the disk fails, the block waits in memory
	}
	f.fused = nil
	return true, release
}

// restoreAfterWait restores a block that waited on the disk.
func (f *fit[T]) restoreAfterWait() error {
	file, err := f.hooks.Load()
	if err != nil {
		return err
	}
	if f.fused, err = f.newBlock(f.block); err != nil {
		return err
	}
	return f.fused.Restore(file, f.block.ID)
}

// raceName is the entry of a saved state that holds the standings of its nets.
const raceName = "race"

// standings hold the rungs of the nets that still train, by position in the block. A rung at the
// current iteration is omitted, because it will be judged again, with the same result.
type standings struct {
	Race  string
	Rungs map[int][]results.Rung
}

// standings returns the standings of the block as text, or "" if its trials do not compete.
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
		return "" // JSON cannot represent the accuracies
	}
	return string(text)
}

// restoreStandings restores the standings that the nets had when their state was saved.
func (f *fit[T]) restoreStandings(text string) error {
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
