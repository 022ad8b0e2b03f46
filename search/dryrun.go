package search

import (
	"context"
	"fmt"
	"time"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
)

// A Preview is the result of a DryRun.
type Preview struct {
	Trials     int           // points of the grid
	Blocks     []plan.Block  // the blocks that are left to train
	FLOPs      float64       // operations that are left
	Prediction Prediction    // zero if nothing is left to train
	Notes      []string      // the messages that Run logs before it trains
	Space      string        // the space that curves and weights will take on the disk; "" if there are none
	Reasons    []grid.Reason // reasons why the trials do not all share a block
	Again      int           // trials on record that must be trained again for their weights or states
	Halving    string        // the work that the stop rule saves, a line for each bracket; "" without a rule

	// Points are the trials of the grid, in the order of the grid. A trial on record has the State
	// of its record, but no results.
	Points []results.Record
}

// DryRun predicts the trials, the blocks and the time of a [Run]. It trains some blocks for a
// second to predict the time, and leaves no files. It returns the errors that Run returns before
// its training, but does not check whether another sweep uses the folder. If ctx is done, the error
// wraps the error of ctx.
func DryRun(ctx context.Context, c Study) (*Preview, error) {
	s, err := newJob(c)
	if err != nil {
		return nil, err
	}
	return s.dryRun(ctx)
}

// planning shows how long the planning of many trials takes, until the function that it returns is called. Few trials
// take no time that is worth a line.
func (s *job) planning(ctx context.Context) (stop func()) {
	const many = 100_000
	if s.Progress == nil || s.Grid.Total() < many {
		return func() {}
	}
	return progress.NewScreen(s.Progress).Follow(ctx, func(elapsed time.Duration, _ int) string {
		return fmt.Sprintf("planning %d trials: %s", s.Grid.Total(), say.Clock(elapsed))
	})
}

func (s *job) dryRun(ctx context.Context) (*Preview, error) {
	if err := folder.Probe(s.Dir); err != nil {
		return nil, err
	}
	out, err := folder.Peek(s.Dir, s.Log)
	if err != nil {
		return nil, err
	}
	if err := s.claim(out); err != nil {
		return nil, err
	}
	if !s.NoCurves {
		if err := out.CheckCurves(); err != nil {
			return nil, err
		}
	}
	s.Disk = folder.ReadOnly{}
	defer s.planning(ctx)()
	note, err := s.nextRound(out)
	if err != nil {
		return nil, err
	}
	todo := s.pending(out)
	blocks, _, err := s.plan(ctx, out, s.store(), todo)
	if err != nil {
		return nil, err
	}
	p := &Preview{Trials: s.Grid.Len(), Blocks: blocks, Notes: s.notes(out, blocks), Space: s.space(blocks)}
	if note != "" {
		p.Notes = append(p.Notes, note)
	}
	for _, b := range blocks {
		p.FLOPs += b.RemainingFLOPs()
	}
	if len(blocks) > 0 && s.trainsNets() {
		if p.Prediction, err = s.predict(ctx, blocks); err != nil {
			return nil, err
		}
	}
	p.Reasons = s.Grid.Axes().Reasons(todo)
	if err := causeOf(ctx); err != nil {
		return nil, err
	}
	best, states := s.topFiles(out)
	if err := s.settle(best, out); err != nil {
		return nil, err
	}
	again, _ := s.missing(best, states, out, map[string]bool{})
	p.Again = len(again)
	p.Halving = s.races.Describe(s.points(), s.flops)
	p.Points = make([]results.Record, p.Trials)
	for i := range p.Points {
		r := &p.Points[i]
		r.Config, r.DataName = s.points().At(i), s.name
		if len(out.Records) > 0 { // keys of a million trials take long
			r.State = out.Records[r.Config.Key()].State
		}
	}
	return p, nil
}
