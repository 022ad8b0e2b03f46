package search

import (
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
)

// A Preview is what a sweep would do.
type Preview struct {
	Trials     int          // points of the grid
	Blocks     []plan.Block // what is left to train, and how
	FLOPs      float64      // of what is left to train
	Prediction Prediction   // zero if nothing is left to train
	Notes      []string     // what a sweep would say before it trains
	Reasons    []string     // why not all trials share a block
	States     string       // the room that states take; "" if none are kept
	Again      int          // trials on record that must be trained again for their weights or states
	Halving    string       // what the rule spares, a line for each length; "" if all trials train to the end

	// Points are the trials of the grid in its order, each with its state if it is on record, but without figures.
	Points []results.Record
}

// DryRun says what [Run] would do. It trains some blocks for a second to predict the time, and writes no file. Its
// errors are those of Run that come before the training.
func DryRun(c Config) (*Preview, error) {
	s, err := newJob(c)
	if err != nil {
		return nil, err
	}
	return s.dryRun()
}

func (s *job) dryRun() (*Preview, error) {
	s.notes(s.points().DivisionNote())
	out, err := folder.Peek(s.Dir, s.Log)
	if err != nil {
		return nil, err
	}
	s.Disk = folder.ReadOnly{}
	store := s.store()
	blocks, _, err := s.plan(out, store)
	if err != nil {
		return nil, err
	}
	p := &Preview{Trials: s.Grid.Len(), Blocks: blocks}
	for _, b := range blocks {
		p.FLOPs += b.RemainingFLOPs()
	}
	for _, text := range []string{s.otherSets(out), s.points().Nearby(out.Records, folder.CSVName), plan.Resuming(blocks, store.Kind)} {
		if text != "" {
			p.Notes = append(p.Notes, text)
		}
	}
	if len(blocks) > 0 {
		if p.Prediction, err = s.predict(blocks); err != nil {
			return nil, err
		}
	}
	p.Reasons = s.Grid.Axes().Reasons(s.points().Pending(s.flops, s.settled(out)))
	if s.States != 0 {
		p.States = s.stateSpace()
	}
	again, _ := s.lacking(out)
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
