package search

import (
	"errors"
	"fmt"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
)

// A Shard is one of several parts of a study. Machines run the shards of a study without knowing of each
// other, each into a separate folder, and [folder.Merge] joins the folders. Which trials a shard has is a
// function of the objective and of Of. It does not depend on the machine, on Workers, or on what is on record.
type Shard struct {
	Index int // from 1
	Of    int // number of shards; 0 means that there is only the study as a whole
}

// Name returns the name of the folder of a shard in the folder of its study, such as shard-3.
func (s Shard) Name() string { return fmt.Sprintf("%s%d", folder.ShardPrefix, s.Index) }

// Check returns an error if there is no such shard, or if the trials of a grid under a stop rule depend on trials of
// other shards. The rule may be nil.
func (s Shard) Check(g *grid.Grid, rule *halving.Rule) error {
	switch {
	case s == Shard{}:
		return nil
	case s.Of < 1 || s.Of > results.MaxShards:
		return fmt.Errorf("the number of shards is %d; give 1 to %d", s.Of, results.MaxShards)
	case s.Index < 1 || s.Index > s.Of:
		return fmt.Errorf("there is no shard %d of %d; they are numbered from 1 to %[2]d", s.Index, s.Of)
	case g.Learns():
		return errTPE
	case rule != nil && rule.Patience == 0:
		return fmt.Errorf("%s compares trials of all shards, which do not see each other; omit it, or use patience, which judges each trial by itself", rule)
	}
	return nil
}

// errTPE is the error for a sampler that learns.
var errTPE = errors.New("the sampler tpe learns from the trials of all shards, which do not see each other; use random, lhs or halton")

// An ownShard is the shard that a job runs.
type ownShard struct {
	results.Shard
	whole *grid.Grid // of all shards
}

// share leaves only the trials of the shard in the grid, and fixes their blocks.
func (s *job) share() error {
	if s.Shard == (Shard{}) {
		return nil
	}
	if err := s.Shard.Check(s.Grid, s.Halving); err != nil {
		return err
	}
	trials := s.points().Pending(s.flops, func(string) bool { return false })
	blocks := s.planner.Shared(trials, s.Shard.Of)
	s.planner.Fixed = append([]plan.Block{}, plan.Part(blocks, s.Shard.Index, s.Shard.Of)...) // not nil
	ours := map[string]bool{}
	for _, b := range s.planner.Fixed {
		for _, t := range b.Trials {
			ours[t.Key] = true
		}
	}
	var points []int
	for i, t := range trials {
		if ours[t.Key] {
			points = append(points, i)
		}
	}
	s.shard = &ownShard{whole: s.Grid, Shard: results.Shard{
		Index: s.Shard.Index, Of: s.Shard.Of, Plan: plan.SharedID(blocks), Trials: len(points), Study: len(trials),
		Weights: kept(s.Weights), States: kept(s.States), Rank: s.Rank,
	}}
	s.Grid = s.Grid.Pick(points)
	return nil
}

// kept returns a number of trials whose files are kept, as in the journal.
func kept(n int) int {
	if n > grid.MaxPoints {
		return results.AllFiles
	}
	return n
}

// claim returns an error if the folder belongs to another shard, or to a sweep of all trials.
func (s *job) claim(out *folder.Folder) error {
	refuse := func(format string, args ...any) error {
		return folder.InputError{Setting: "Dir", Err: fmt.Errorf(format, args...)}
	}
	for _, other := range out.Shards {
		switch {
		case s.shard == nil:
			return refuse("%s has the trials of %v; run that shard, or name the folder into which sweep merge has joined all shards", s.Dir, other)
		case other.Index != s.shard.Index || other.Of != s.shard.Of:
			return refuse("%s has the trials of %v, and this is %v; a study keeps its number of shards, so name another folder", s.Dir, other, s.shard)
		}
	}
	if s.shard != nil && len(out.Shards) == 0 && len(out.Records) > 0 {
		return refuse("%s has the trials of a sweep that is no shard; name another folder", s.Dir)
	}
	return nil
}

// mark writes the line of the shard to the journal, unless the last line of the journal about a shard is the same.
func (s *job) mark(out *folder.Folder, ended bool) error {
	if s.shard == nil {
		return nil
	}
	line := s.shard.Shard
	line.Ended = ended
	if n := len(out.Shards); n > 0 {
		// That the shard had ended remains true while the plan is the same.
		last := out.Shards[n-1]
		last.Ended = last.Ended && ended
		if last == line {
			return nil
		}
	}
	return out.Mark(line)
}

// end writes to the journal that all trials of the shard are settled, if they are.
func (s *job) end(out *folder.Folder) error {
	if s.shard == nil {
		return nil
	}
	settled := s.settled(out)
	for c := range s.points().All() {
		if !settled(c.Key()) {
			return nil
		}
	}
	return s.mark(out, true)
}

// note describes the shard, or returns "" if there is no shard.
func (s *ownShard) note() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%v has %d of %s", s, s.Trials, say.Plural(s.Study, "trial"))
}

// seeds returns the seeds of the study, also those of other shards.
func (s *job) seeds() map[uint32]bool {
	g := s.Grid
	if s.shard != nil {
		g = s.shard.whole
	}
	seeds := map[uint32]bool{}
	for c := range g.Over(s.base).All() {
		seeds[c.Seed] = true
	}
	return seeds
}
