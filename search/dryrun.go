package search

import (
	"context"

	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// A Preview is the result of a DryRun.
type Preview struct {
	Trials     int           // points of the grid
	Blocks     []plan.Block  // the blocks that are left to train
	FLOPs      float64       // operations that are left
	Prediction Prediction    // zero if nothing is left to train
	Notes      []string      // the messages that Run logs before it trains
	Reasons    []grid.Reason // reasons why the trials do not all share a block
	Again      int           // trials on record that must be trained again for their weights or states
	Halving    string        // the work that the stop rule saves, a line for each number of iterations; "" without a rule

	// Points are the trials of the grid, in the order of the grid. A trial on record has the State
	// of its record, but no results.
	Points []results.Record
}

// DryRun predicts the trials, the blocks and the time of a [Run]. It trains some blocks for a
// second to predict the time, and leaves no files. It returns the errors that Run returns before
// its training, but does not check whether another sweep uses the folder. If ctx is done, the error
// wraps the error of ctx.
func DryRun(ctx context.Context, c Config) (*Preview, error) {
	s, err := newJob(c)
	if err != nil {
		return nil, err
	}
	return s.dryRun(ctx)
}

func (s *job) dryRun(ctx context.Context) (*Preview, error) {
	if err := folder.Probe(s.Dir); err != nil {
		return nil, err
	}
	out, err := folder.Peek(s.Dir, s.Log)
	if err != nil {
		return nil, err
	}
	s.Disk = folder.ReadOnly{}
	blocks, _, err := s.plan(ctx, out, s.store())
	if err != nil {
		return nil, err
	}
	p := &Preview{Trials: s.Grid.Len(), Blocks: blocks, Notes: s.notes(out, blocks)}
	for _, b := range blocks {
		p.FLOPs += b.RemainingFLOPs()
	}
	if len(blocks) > 0 {
		if p.Prediction, err = s.predict(ctx, blocks); err != nil {
			return nil, err
		}
	}
	p.Reasons = s.Grid.Axes().Reasons(s.points().Pending(s.flops, s.settled(out)))
	if err := causeOf(ctx); err != nil {
		return nil, err
	}
	best, states := s.topFiles(out)
	again, _ := s.missing(best, states, out, map[string]bool{})
	p.Again = len(again)
	p.Halving = s.races.Describe(s.points(), s.flops)
	p.Points = make([]results.Record, p.Trials)
	for i := range p.Points {
		r := &p.Points[i]
		r.Config, r.DataName = s.points().At(i), s.Data.Name
		r.State = out.Records[r.Config.Key()].State
	}
	return p, nil
}
