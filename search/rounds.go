package search

import (
	"context"
	"fmt"
	"slices"

	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/sample"
)

// rounds trains the points of a grid. A sampler that learns draws them in rounds: the points of a
// round depend on the results of all earlier rounds. Other points are one round. At the end, the
// grid of s has the points of all rounds so far. The error trained ended the training early.
func (s *job) rounds(ctx context.Context, out *folder.Folder) (trained, err error) {
	whole := s.Grid
	var grids []*grid.Grid
	var earlier []sample.Result
	defer func() { s.Grid = whole.Join(grids) }()
	for r := range whole.Rounds() {
		if err = s.draw(whole, r, earlier); err != nil {
			return nil, err
		}
		grids = append(grids, s.Grid)
		s.soFar = whole.Join(grids)
		s.last = r == whole.Rounds()-1
		if trained, err = s.trainRound(ctx, out); trained != nil || err != nil {
			return trained, err
		}
		earlier = append(earlier, s.points().Results(len(earlier), out.Records)...)
		s.past += s.Grid.Len()
	}
	return nil, nil
}

// trainRound trains the points of a round that are not on record.
func (s *job) trainRound(ctx context.Context, out *folder.Folder) (trained, err error) {
	store := s.store()
	planned := s.planning(ctx)
	blocks, spent, err := s.plan(context.WithoutCancel(ctx), out, store, s.pending(out))
	planned()
	if err != nil {
		return nil, err
	}
	for _, note := range s.notes(out, blocks) {
		if !slices.Contains(s.told, note) { // most notes are equal in all rounds
			s.Log.Print(note)
		}
		s.told = append(s.told, note)
	}
	s.began = s.began || len(blocks) > 0
	trained = s.train(ctx, blocks, out, store)
	for _, v := range spent {
		if trained == nil {
			trained = store.Remove(v.ID)
		}
	}
	return trained, nil
}

// draw sets the grid of s to the points of a round. Only the trials of one round compete.
func (s *job) draw(whole *grid.Grid, r int, earlier []sample.Result) (err error) {
	if s.Grid, err = whole.Round(r, earlier); err != nil {
		return err
	}
	if s.races, err = halving.New(s.Halving, s.points()); err != nil {
		return folder.InputError{Setting: "Halving", Err: err}
	}
	s.round = r
	return nil
}

// nextRound sets the grid of s to the points of the first round with a trial that is not on record, or
// to those of the last round. It returns a note about the round, or "" if there is only one.
func (s *job) nextRound(out *folder.Folder) (note string, err error) {
	whole := s.Grid
	var earlier []sample.Result
	for r := range whole.Rounds() {
		if err = s.draw(whole, r, earlier); err != nil {
			return "", err
		}
		s.last = r == whole.Rounds()-1
		note = fmt.Sprintf("the sampler draws %d points in %d rounds, each after the results of the rounds before; this is round %d",
			whole.Total(), whole.Rounds(), r+1)
		if s.last || !s.allSettled(out) {
			break
		}
		earlier = append(earlier, s.points().Results(len(earlier), out.Records)...)
		s.past += s.Grid.Len()
	}
	if whole.Rounds() == 1 {
		note = ""
	}
	return note, nil
}

// allSettled reports whether all points of the grid of s are settled.
func (s *job) allSettled(out *folder.Folder) bool {
	settled := s.settled(out)
	for c := range s.points().All() {
		if !settled(c.Key()) {
			return false
		}
	}
	return true
}
