package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"fusegrid/internal/strictjson"
	"fusegrid/results"
	"fusegrid/search/grid"
)

// judge passes the accuracies of the nets that have reached a rung to their brackets, and removes the
// nets that do not survive. The survivors keep their bits. Nets with weights that are not finite are
// not judged, because they diverge in the next iteration. If the memory for waiting blocks is full,
// the block waits on the disk.
func (f *fit[T]) judge(ctx context.Context) error {
	brackets, done := f.hooks.brackets(), f.fused.Done()
	if !brackets.HasRung(f.block.Trials[0].Config.Iters, done) {
		return nil
	}
	var judged []int // positions in the block
	for k, id := range f.fused.IDs() {
		if brackets.Judges(f.block.Trials[id], done) {
			judged = append(judged, k)
		}
	}
	if judged == nil {
		return nil
	}
	all := f.fused.Validate()
	if f.hooks.Measured != nil {
		f.hooks.Measured(f.fused.IDs(), all)
	}
	f.time.lap(f.fused.IDs())
	keep, err := f.verdict(ctx, judged, all)
	if err != nil {
		return err
	}
	f.time.skip()
	if !slices.Contains(keep, false) {
		return nil
	}
	records := f.stopped(keep, all)
	f.fused.Keep(keep)
	f.hooks.Ended(records, false)
	return nil
}

// verdict reports the accuracies of the nets that are judged and returns which nets of the block
// survive. The argument all has the accuracies of all nets.
func (f *fit[T]) verdict(ctx context.Context, judged []int, all []float64) (keep []bool, err error) {
	brackets, done := f.hooks.brackets(), f.fused.Done()
	var at []int // positions in the block of the nets that are finite
	var trials []grid.Trial
	var vals []float64
	for _, k := range judged {
		t := f.block.Trials[f.fused.IDs()[k]]
		if math.IsNaN(all[k]) {
			brackets.Withdraw(t)
			continue
		}
		at, trials, vals = append(at, k), append(trials, t), append(vals, all[k])
	}
	away, release := f.saveToWait(trials)
	var survive []bool
	report := func() { survive = brackets.Report(ctx, done, trials, vals) }
	if brackets.Waits(done, trials) {
		f.hooks.Pause(report)
	} else { // a block that does not wait keeps its cores, so a single worker runs the blocks in order
		report()
	}
	release()
	if away {
		// After an interruption, the block has not changed since it was saved, so there is nothing
		// to restore.
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := f.restoreAfterWait(); err != nil {
			return nil, fmt.Errorf("a block that waited on the disk: %w", err)
		}
	}
	keep = slices.Repeat([]bool{true}, len(all))
	for n, k := range at {
		keep[k] = survive[n]
	}
	return keep, nil
}

// saveToWait saves the block and frees its memory if the given trials must wait at a rung and the
// referee has no memory for the block. The function release releases the memory that was reserved
// for it.
func (f *fit[T]) saveToWait(trials []grid.Trial) (away bool, release func()) {
	if f.hooks.Referee == nil || !f.hooks.brackets().Waits(f.fused.Done(), trials) {
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
	Race  string // the rule
	Rungs map[int][]results.Rung
}

// standings returns the standings of the block as text, or "" if its trials do not compete.
func (f *fit[T]) standings() string {
	s := standings{Race: f.hooks.brackets().Rule(f.block.Trials[0].Config.Iters), Rungs: map[int][]results.Rung{}}
	if s.Race == "" {
		return ""
	}
	for _, id := range f.fused.IDs() {
		_, rungs := f.hooks.brackets().Reached(f.block.Trials[id])
		if n := len(rungs); n > 0 && rungs[n-1].Step == f.fused.Done() {
			rungs = rungs[:n-1]
		}
		s.Rungs[id] = rungs
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "" // JSON cannot represent the accuracies
	}
	return string(text)
}

// restoreStandings restores the standings that the nets had when their state was saved.
func (f *fit[T]) restoreStandings(text string) error {
	brackets := f.hooks.brackets()
	rule := brackets.Rule(f.block.Trials[0].Config.Iters)
	if rule == "" {
		return nil
	}
	var s standings
	if text != "" {
		if err := strictjson.Unmarshal([]byte(text), &s); err != nil {
			return fmt.Errorf("its standings: %w", err)
		}
	}
	for _, id := range f.fused.IDs() {
		passed, ok := brackets.Before(f.block.Trials[id], f.fused.Done())
		if !ok {
			continue
		}
		if s.Race != rule && len(passed) > 0 {
			return fmt.Errorf("it was not made under the rule %q", rule)
		}
		var rungs []int
		for _, rung := range s.Rungs[id] {
			rungs = append(rungs, rung.Step)
		}
		if !slices.Equal(rungs, passed) {
			return fmt.Errorf("net %d has passed the rungs %v, want %v", id, rungs, passed)
		}
	}
	for _, id := range f.fused.IDs() {
		var vals []float64
		for _, rung := range s.Rungs[id] {
			vals = append(vals, rung.Val)
		}
		brackets.Resume(f.block.Trials[id], vals)
	}
	return nil
}
