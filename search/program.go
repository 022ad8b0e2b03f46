package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
	"fusegrid/search/sample"
)

// The blocks of a study that several processes share are balanced for 4, 8, 12 or 16 equal parts, so that two, three or
// four workers end at the same time. Narrow blocks of small nets are slow, so a part has at least partWork operations,
// about 20 seconds of a core, unless there are 4 parts.
const (
	leastParts, mostParts = 4, 16
	partWork              = 1e12
)

// A Program is a study whose blocks several processes train. Each of them makes the same program, and gets the same
// rounds and the same blocks. So any of them can plan what follows. The methods are safe for concurrent use.
type Program struct {
	job     *job
	whole   *grid.Grid
	machine results.Machine
	peak    func() float64
	first   func() (*ProgramRound, error) // round 0, which depends on no records
}

// NewProgram checks a study. Its field Dir is not used. Errors are of type [folder.InputError].
func NewProgram(c Study) (*Program, error) {
	s, err := newJobAnywhere(c)
	if err != nil {
		return nil, err
	}
	p := &Program{job: s, whole: s.Grid, machine: results.ThisMachine(), peak: sync.OnceValue(s.peak)}
	p.first = sync.OnceValues(func() (*ProgramRound, error) { return p.draw(0, nil) })
	if s.trainsNets() {
		p.machine.Detail = s.Kernels.Detail
	}
	return p, nil
}

// Base returns the fields that all trials share. They include the hash of the data, the type and the numeric class.
func (p *Program) Base() results.Config { return p.job.base }

// Rounds returns the number of rounds. It is 1 unless a sampler learns from results.
func (p *Program) Rounds() int { return p.whole.Rounds() }

// Races reports whether a stop rule stops trials early.
func (p *Program) Races() bool { return p.job.Halving != nil }

// Waits reports whether trials wait at rungs for others.
func (p *Program) Waits() bool { return p.job.Halving.Waits() }

// A ProgramRound has the trials of one round of a program.
type ProgramRound struct {
	job    *job
	trials []grid.Trial
}

// Round returns round n, counted from 0. The argument records must have all trials of the rounds before, by key.
func (p *Program) Round(n int, records map[string]results.Record) (*ProgramRound, error) {
	if n == 0 {
		return p.first()
	}
	return p.draw(n, records)
}

// draw is Round without what is kept.
func (p *Program) draw(n int, records map[string]results.Record) (*ProgramRound, error) {
	s := *p.job
	var earlier []sample.Result
	for r := range n + 1 {
		if err := s.draw(p.whole, r, earlier); err != nil {
			return nil, err
		}
		if r < n {
			earlier = append(earlier, s.points().Results(len(earlier), records)...)
		}
	}
	return &ProgramRound{&s, s.points().Pending(s.flops, func(string) bool { return false })}, nil
}

// Blocks returns the blocks with trials that have not ended. They are the same in all processes. Trials that have ended
// are skipped.
func (r *ProgramRound) Blocks(ended func(key string) bool) []plan.Block { return r.job.shared(ended) }

// shared returns the blocks of a study that several processes share. The blocks depend on all points of the round.
// Blocks whose trials are all settled are left out.
func (s *job) shared(settled func(key string) bool) (blocks []plan.Block) {
	all := s.points().Pending(s.flops, func(string) bool { return false })
	parts := mostParts
	if s.trainsNets() {
		work := 0.0
		for _, t := range all {
			work += float64(t.FLOPs * float64(t.Config.Iters)) // not fused, so that all machines have the same sum
		}
		parts = int(min(max(work/partWork, leastParts), mostParts)) / leastParts * leastParts
	}
	for _, b := range s.planner.Shared(all, parts) {
		b.Skip = make([]bool, len(b.Trials))
		for i, t := range b.Trials {
			b.Skip[i] = settled(t.Key)
		}
		if slices.Contains(b.Skip, false) {
			if !slices.Contains(b.Skip, true) {
				b.Skip = nil
			}
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// Withdrawn is the accuracy of a trial that has left its bracket at a rung, because it will diverge.
var Withdrawn = math.NaN()

// Standings returns the brackets with the standings of all trials, or nil if all trials train to the end. Records has
// the trials that have ended; of their fields, only Key, State, Steps, Race and Rungs are used. Rungs has the accuracies
// of the others at the rungs that they have reached. The trials of own are left out, because their checkpoint has them.
func (r *ProgramRound) Standings(records map[string]results.Record, rungs map[string][]results.Rung, own []grid.Trial) (*halving.Brackets, error) {
	s := r.job
	if s.Halving == nil {
		return nil, nil
	}
	races, err := halving.New(s.Halving, s.points())
	if err != nil {
		return nil, err
	}
	ended := make(map[string]results.Record, len(records))
	for key, rec := range records {
		if rec.State != results.Failed {
			ended[key] = rec
		}
	}
	races.Enter(s.points(), ended)
	skip := make(map[string]bool, len(own))
	for _, t := range own {
		skip[t.Key] = true
	}
	for _, t := range r.trials {
		if _, ok := ended[t.Key]; ok || skip[t.Key] {
			continue
		}
		_, gone := records[t.Key] // of a trial that failed
		diverged := false
		var vals []float64
		for _, rung := range rungs[t.Key] {
			if math.IsNaN(rung.Val) {
				gone, diverged = true, true
				break
			}
			vals = append(vals, rung.Val)
		}
		races.Restore(t, vals, gone, diverged)
	}
	return races, nil
}

// Waiting reports whether a block that was at a rung at the end of its last segment still waits for other trials.
func Waiting(races *halving.Brackets, b plan.Block) bool {
	var judged []grid.Trial
	for _, t := range b.Active() {
		if races.Judges(t, b.Done) {
			judged = append(judged, t)
		}
	}
	return races.Waits(b.Done, judged)
}

// A Segment is a part of the training of one block.
type Segment struct {
	Block plan.Block        // its field Skip has the trials that have ended
	State []byte            // of the block at the beginning, as in [Outcome]; nil if it begins
	Races *halving.Brackets // from Standings; nil if all trials train to the end
	Cores int               // number of cores that share the products
	Limit time.Duration     // after this time the segment ends early; 0 means no limit

	// Wants reports whether the weights or the state of a trial are wanted. It may be nil.
	Wants func(kind string, r results.Record) bool
	// Stepped is called after each iteration of a number of nets. Measured takes their validation accuracies. Both may be
	// nil.
	Stepped  func(nets int, flops float64)
	Measured func(ids []int, vals []float64)
}

// An Outcome is the result of a segment.
type Outcome struct {
	Records []results.Record
	Curves  map[string][]byte         // chunks of curves, by key
	Rungs   map[string][]results.Rung // accuracies of the trials that still train, by key; see [Withdrawn]
	Files   []TrialFile
	Ended   bool   // all trials of the block have ended
	Waits   bool   // the block is at a rung where its trials wait for others
	State   []byte // of the block; nil if it has ended, or if it must begin again
	Done    int    // iterations of State
	Notes   []string
}

// A TrialFile is the weights or the state of a trial.
type TrialFile struct {
	Kind string // WeightsFile or StateFile
	Key  string
	Data []byte
}

var (
	errLimit = errors.New("the time of the segment is over")
	errRung  = errors.New("the block waits at a rung")
)

// Train trains a segment. If ctx is done, the segment ends early, which is not an error.
func (p *Program) Train(ctx context.Context, g Segment) (Outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &training{program: p, segment: g, cancel: cancel, began: time.Now(), ended: map[string]bool{}}
	t.out.Curves = map[string][]byte{}
	b := g.Block
	b.Trials = slices.Clone(b.Trials)
	for i := range b.Trials {
		b.Trials[i].FLOPs = p.job.flops(b.Trials[i].Config)
	}
	b.Cores, b.Resumed = max(g.Cores, 1), g.State != nil
	h := runner.Hooks{Observer: t, Checkpointer: t, Measured: g.Measured}
	if !p.job.NoCurves {
		h.Curve = t.learned
	}
	if g.Races != nil {
		h.Referee = t
	}
	err := p.job.Runner.Run(ctx, b, h)
	if err != nil && ctx.Err() == nil {
		return t.out, err
	}
	err = t.finish(err == nil)
	return t.out, err
}

// A training is the training of one segment. It collects the outcome.
type training struct {
	out     Outcome
	program *Program
	segment Segment
	cancel  context.CancelCauseFunc
	began   time.Time
	ended   map[string]bool
	state   *safetensors.File
}

// finish completes the outcome. If whole is true, the runner has trained the block to its end.
func (t *training) finish(whole bool) error {
	var open []grid.Trial
	for _, trial := range t.segment.Block.Active() {
		if !t.ended[trial.Key] {
			open = append(open, trial)
		}
	}
	t.out.Ended = len(open) == 0
	switch {
	case t.out.Ended:
		t.out.Waits = false
		return nil
	case whole:
		return fmt.Errorf("the runner gave no record of trial %.12s", open[0].Key)
	case t.state == nil:
		t.out.Waits = false // the block begins again
		return nil
	}
	if err := folder.Seal(t.state, t.segment.Block.Trials); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := safetensors.Write(&text, *t.state); err != nil {
		return err
	}
	t.out.State = text.Bytes()
	var err error
	if t.out.Done, err = strconv.Atoi(t.state.Meta["done"]); err != nil || t.segment.Races == nil {
		return err
	}
	t.out.Rungs = map[string][]results.Rung{}
	for _, trial := range open {
		_, rungs := t.segment.Races.Reached(trial)
		if t.out.Waits && t.segment.Races.Judges(trial, t.out.Done) && (len(rungs) == 0 || rungs[len(rungs)-1].Step != t.out.Done) {
			rungs = append(rungs, results.Rung{Step: t.out.Done, Val: Withdrawn})
		}
		t.out.Rungs[trial.Key] = rungs
	}
	return nil
}

func (t *training) Stepped(nets int, flops float64) {
	if t.segment.Stepped != nil {
		t.segment.Stepped(nets, flops)
	}
	// At least one iteration is done in each segment.
	if limit := t.segment.Limit; limit > 0 && time.Since(t.began) >= limit {
		t.cancel(errLimit)
	}
}

func (t *training) Resumed(int) {}

func (t *training) Rejected(why error) {
	t.out.Notes = append(t.out.Notes, fmt.Sprintf("a checkpoint cannot be used: %v; its trials start again", why))
}

func (t *training) Ended(records []results.Record, _ bool) (onDisk bool) {
	t.segment.Races.Leave(records)
	for i := range records {
		t.program.job.complete(&records[i], t.program.machine, t.program.peak())
		t.ended[records[i].Key] = true
	}
	t.out.Records = append(t.out.Records, records...)
	return true
}

// learned takes the learning curve of a trial.
func (t *training) learned(key string, h curve.History) {
	chunk, err := curve.AppendChunk(nil, key, h)
	if err != nil {
		t.out.Notes = append(t.out.Notes, err.Error())
		return
	}
	t.out.Curves[key] = chunk
}

func (t *training) Due() bool { return false }

func (t *training) Save(f safetensors.File) error {
	t.state = &f
	return nil
}

func (t *training) Load() (*safetensors.File, error) {
	f, err := safetensors.Read(t.segment.State)
	if err == nil && !f.Sealed() {
		err = errors.New("its checksum does not agree")
	}
	return f, err
}

func (t *training) Weights() runner.Offer { return t.offer(WeightsFile) }
func (t *training) State() runner.Offer   { return t.offer(StateFile) }

// offer returns a function that takes the files of one kind, or nil if none are wanted.
func (t *training) offer(kind string) runner.Offer {
	s := &t.program.job.Study
	if t.segment.Wants == nil || kind == WeightsFile && s.Weights == 0 || kind == StateFile && s.States == 0 {
		return nil
	}
	return func(r results.Record, write func(io.Writer) error) {
		if !t.segment.Wants(kind, r) {
			return
		}
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.out.Notes = append(t.out.Notes, err.Error())
			return
		}
		t.out.Files = append(t.out.Files, TrialFile{kind, r.Key, b.Bytes()})
	}
}

func (t *training) Brackets() *halving.Brackets { return t.segment.Races }

// Pause ends the segment, because the others train elsewhere.
func (t *training) Pause(wait func()) {
	t.out.Waits = true
	t.cancel(errRung)
	wait()
}

// Reserve reserves nothing, so that the block is saved before it waits.
func (t *training) Reserve() (ok bool, release func()) { return false, func() {} }

// BestFiles returns the number of trials of which files of a kind are kept, or [folder.EveryTrial].
func (p *Program) BestFiles(kind string) int {
	s := p.job
	switch {
	case kind == StateFile:
		return s.States
	case s.Weights == 0:
		return 0
	}
	seeds := map[uint32]bool{}
	if first, err := p.Round(0, nil); err == nil {
		for _, t := range first.trials {
			seeds[t.Config.Seed] = true
		}
	}
	if s.Weights > math.MaxInt/max(len(seeds), 1) {
		return folder.EveryTrial
	}
	return s.Weights * max(len(seeds), 1)
}
