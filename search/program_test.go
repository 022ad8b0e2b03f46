package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
)

// An elsewhere is a scheduler that trains each segment with a new program, as if in another process. Blocks take turns
// in a random order, and segments end early at random.
type elsewhere struct {
	study    func() Study
	rand     *rand.Rand
	segments int
	lost     int // segments whose outcome was dropped
}

// A remoteBlock is what other processes share about a block.
type remoteBlock struct {
	plan.Block
	state        []byte
	waits, ended bool
}

func (e *elsewhere) Train(ctx context.Context, r *Round) error {
	records, rungs := map[string]results.Record{}, map[string][]results.Rung{}
	for _, rec := range r.Records() {
		records[rec.Key] = rec
	}
	p, err := NewProgram(e.study())
	if err != nil {
		return err
	}
	part, err := p.Round(r.Number, records)
	if err != nil {
		return err
	}
	var blocks []*remoteBlock
	for i, b := range part.Blocks(func(key string) bool { _, ok := records[key]; return ok }) {
		if b.ID != r.Blocks[i].ID {
			return fmt.Errorf("block %d differs from that of the study", i)
		}
		blocks = append(blocks, &remoteBlock{Block: b})
	}
	for {
		var ready []*remoteBlock
		open := 0
		for _, b := range blocks {
			if b.ended {
				continue
			}
			open++
			if b.waits {
				races, err := part.Standings(records, rungs, nil)
				if err != nil {
					return err
				}
				b.waits = Waiting(races, b.Block)
			}
			if !b.waits {
				ready = append(ready, b)
			}
		}
		switch {
		case open == 0:
			return nil
		case len(ready) == 0:
			return errors.New("all blocks wait for each other")
		}
		b := ready[e.rand.IntN(len(ready))]
		if err := e.segment(ctx, r, b, records, rungs); err != nil {
			return err
		}
	}
}

func (e *elsewhere) segment(ctx context.Context, r *Round, b *remoteBlock, records map[string]results.Record, rungs map[string][]results.Rung) error {
	p, err := NewProgram(e.study())
	if err != nil {
		return err
	}
	part, err := p.Round(r.Number, records)
	if err != nil {
		return err
	}
	g := Segment{Block: b.Block, State: b.state, Limit: 1}
	if e.rand.IntN(8) == 0 {
		g.Limit = 0
	}
	g.Wants = func(string, results.Record) bool { return true }
	if g.Races, err = part.Standings(records, rungs, b.Active()); err != nil {
		return err
	}
	o, err := p.Train(ctx, g)
	e.segments++
	if err != nil || len(o.Notes) > 0 {
		return fmt.Errorf("segment: %w, %q", err, o.Notes)
	}
	if e.rand.IntN(5) == 0 { // the process was killed before its outcome was kept
		e.lost++
		return nil
	}
	var curves []byte
	b.Skip = append(make([]bool, 0, len(b.Trials)), b.Skip...)
	for len(b.Skip) < len(b.Trials) {
		b.Skip = append(b.Skip, false)
	}
	for _, rec := range o.Records {
		if _, twice := records[rec.Key]; twice {
			return fmt.Errorf("trial %.12s is trained twice", rec.Key)
		}
		records[rec.Key] = rec
		curves = append(curves, o.Curves[rec.Key]...)
		for i, t := range b.Trials {
			b.Skip[i] = b.Skip[i] || t.Key == rec.Key
		}
	}
	for key, all := range o.Rungs {
		rungs[key] = all
	}
	b.state, b.waits, b.ended, b.Done = o.State, o.Waits, o.Ended, o.Done
	if err := r.Keep(o.Records, curves); err != nil {
		return err
	}
	for _, f := range o.Files {
		r.File(f.Kind, records[f.Key], f.Data)
	}
	return nil
}

// TestElsewhere checks that a study whose segments are trained elsewhere has the records, the curves and the weights of
// a local run.
func TestElsewhere(t *testing.T) {
	isolate(t)
	const learns = "-lr log:1e-4..1e-2 -reg log:1e-3..1 -hidden 3,4 -iters 12 -batch 10 -std 1e-2 -seed 1,2 -sample tpe:12"
	for i, args := range []string{
		raced,
		raced + " -rule momentum -block 4",
		raced + " -halving 3:5 -block 3",
		raced + " -halving 2 -keep 3",
		raced + " -stop median:8 -block 2",
		raced + " -halving hyperband:2:5 -block 4",
		raced + " -patience 2:4",
		racedSeeds + " -halving 3:5 -block 3",
		raced + " -halving 2:5 -patience 3:4 -block 3",
		racedSeeds + " -stop median:8 -patience 3:4 -block 3",
		strings.Replace(raced, "-iters 40", "-net fc -epochs 13", 1) + " -halving 2:4 -block 5",
		learns,
		learns + " -halving 2:3 -block 3",
	} {
		t.Run(args, func(t *testing.T) {
			if testing.Short() && i%3 == 1 {
				t.Skip("only without -short")
			}
			local, remote := fmt.Sprint("local", i), fmt.Sprint("remote", i)
			s, r, _ := tinyJob(t, local, args)
			if err := runWith(t.Context(), s, r); err != nil {
				t.Fatal(err)
			}
			s, r, said := tinyJob(t, remote, args)
			e := &elsewhere{rand: rand.New(rand.NewPCG(uint64(i), 1))}
			e.study = func() Study { return config(t, args).study() }
			s.Scheduler = e
			if err := runWith(t.Context(), s, r); err != nil {
				t.Fatal(err)
			}
			if e.lost == 0 || e.segments < 20 {
				t.Errorf("%d segments, %d lost: the test is too short", e.segments, e.lost)
			}
			want := searchtest.Recorded(t, local)
			if got := digest(searchtest.ByKey(t, searchtest.Recorded(t, remote))); got != digest(searchtest.ByKey(t, want)) {
				t.Errorf("other figures than the local run")
			}
			for _, rec := range want {
				got := searchtest.ByKey(t, searchtest.Recorded(t, remote))[rec.Key]
				if err := sameTraining(rec, got); err != nil || fmt.Sprint(got.Rungs, got.Race) != fmt.Sprint(rec.Rungs, rec.Race) {
					t.Errorf("trial %.12s: %v, rungs %v and %v", rec.Key, err, rec.Rungs, got.Rungs)
				}
			}
			searchtest.SameCurves(t, args, remote, local, false)
			if s.Weights > 0 {
				weightsOfBest(t, args, remote, s.Weights)
				if strings.Contains(said.String(), "train again") {
					t.Errorf("weights did not come from the segments: %s", said)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(remote, folder.CheckpointsDir, "*")); len(left) > 0 {
				t.Errorf("checkpoints are left: %v", left)
			}
		})
	}
}
