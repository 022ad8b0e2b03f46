package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fusegrid"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/progress"
)

// A Result holds the records of a grid at the end of a sweep.
type Result struct {
	Trials  int              // points of the grid
	Records []results.Record // records of the points, in the order of the grid; points that are not on record are absent
	Table   *results.Table   // the records, best first, with a summary if the seed varies; nil if the journal is gone
	Written bool             // the tables in the output folder were written
}

// Failed returns the records of the trials that failed. Each has the error of its trial. The next Run trains them again.
func (r Result) Failed() []results.Record {
	var failed []results.Record
	for i := range r.Records { // by index, because records are large and may be many
		if r.Records[i].State == results.Failed {
			failed = append(failed, r.Records[i])
		}
	}
	return failed
}

// A TrainError is the reason why a sweep ended early. The records so far are kept, and a Run of the
// same Study resumes the sweep.
type TrainError struct {
	Err      error // the cause, such as context.Canceled
	Recorded int   // trials on record
	Trials   int   // trials of the grid
}

// Error returns the cause and the number of trials that are on record.
func (e *TrainError) Error() string {
	return fmt.Sprintf("%v; %d of %d trials are on record", e.Err, e.Recorded, e.Trials)
}

// Unwrap returns the cause.
func (e *TrainError) Unwrap() error { return e.Err }

// Run trains the trials of a grid that are not on record in the output folder, and writes the tables of the folder.
//
// If the training ended early, Run returns a [*TrainError] together with the Result so far. The
// error wraps the error of ctx if ctx is done. A [folder.InputError] means that nothing was trained
// and that the caller can cure the error. An error that wraps [results.ErrGone] means that the
// journal was removed during the training. Other errors are errors of files. A trial that diverges
// or fails is not an error of Run; see [Result.Failed].
func Run(ctx context.Context, c Study) (Result, error) {
	s, err := newJob(c)
	if err != nil {
		return Result{}, err
	}
	return s.run(ctx)
}

func (s *job) run(ctx context.Context) (result Result, err error) {
	out, err := folder.Open(s.Disk, s.Dir, s.Log)
	if err != nil {
		return result, err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()

	if err := cmp.Or(s.alike(out), s.claim(out)); err != nil {
		return result, err
	}
	s.noteEarlier(out)
	if !s.NoCurves {
		if err := out.KeepCurves(s.curves, s.Log); err != nil {
			return result, err
		}
	}
	if err := s.mark(out, false); err != nil {
		return result, err
	}
	s.removeStatus()
	s.fresh = len(out.Records) == 0
	size := s.Grid.Total()
	trained, err := s.rounds(ctx, out)
	if err != nil {
		return result, err
	}
	if trained == nil {
		if err := s.end(out); err != nil {
			return result, err
		}
	}
	// The tables are written after an error, too.
	table, err := out.WriteTables(s.Rank)
	result = Result{Trials: size, Records: out.Of(s.points()), Table: table, Written: err == nil}
	if table != nil && len(result.Records) < len(out.Records) { // the folder has other trials, too
		result.Table = results.NewTableBy(result.Records, s.Rank)
	}
	if trained != nil && !errors.Is(err, results.ErrGone) { // if the journal is gone, no trial is on record
		err = &TrainError{trained, len(result.Records), size}
	}
	return result, err
}

// noteEarlier says if the folder has trials of an earlier version of the kernels. This sweep does not use them.
func (s *job) noteEarlier(out *folder.Folder) {
	n, class := 0, ""
	for _, r := range out.Records {
		if r.Config.Earlier() {
			n, class = n+1, r.Config.Class
		}
	}
	if n > 0 {
		s.Log.Printf("%s in %s: of an earlier version (class %s), shown last, not resumed or verified", say.Plural(n, "trial"), s.Dir, class)
	}
}

// alike returns an error if the folder has trials of another kind of objective. Nets and functions have no
// common tables, and values of different functions cannot be ranked.
func (s *job) alike(out *folder.Folder) error {
	for _, r := range out.Records {
		same := r.Config.Objective == s.base.Objective
		if same && r.Config.Minimize == s.base.Minimize {
			continue
		}
		what := "nets"
		switch {
		case same && r.Config.Minimize:
			what = fmt.Sprintf("the function %q that minimize it", r.Config.Objective)
		case same:
			what = fmt.Sprintf("the function %q that maximize it", r.Config.Objective)
		case r.Config.Objective != "":
			what = fmt.Sprintf("the function %q", r.Config.Objective)
		}
		return folder.InputError{Setting: "Dir", Err: fmt.Errorf("%s has trials of %s; name another folder", s.Dir, what)}
	}
	return nil
}

// notes returns the messages of a sweep before it trains.
func (s *job) notes(out *folder.Folder, blocks []plan.Block) []string {
	todo, size := plan.Trials(blocks), s.Grid.Total()
	notes := []string{s.points().DivisionNote(), s.shard.note()}
	// The rounds before the first one with a trial to train have no message.
	if on := s.past + s.Grid.Len() - todo; on > 0 && !s.began && (todo > 0 || s.last) {
		notes = append(notes, fmt.Sprintf("%d of %d trials are on record in %s; %d to train", on, size, s.Dir, size-on))
	}
	if s.trainsNets() {
		notes = append(notes, s.otherSets(out), s.points().Nearby(out.Records, folder.CSVName), plan.Resuming(blocks, s.store().Kind))
	}
	if s.States != 0 && todo > 0 {
		notes = append(notes, s.stateSpace())
	}
	return slices.DeleteFunc(notes, func(note string) bool { return note == "" })
}

// train runs the blocks and appends their records to the journal. It keeps the weights and states of the best trials.
func (s *job) train(ctx context.Context, blocks []plan.Block, out *folder.Folder, store *folder.Store) (err error) {
	best, states := s.topFiles(out)
	if best != nil {
		if err := best.Tidy(out.Lacks); err != nil {
			return err
		}
	}
	if states != nil {
		for _, b := range blocks {
			for _, o := range b.From {
				if filepath.Dir(o.File) == states.Dir {
					states.Retain(o.ID)
				}
			}
		}
		if err := states.Tidy(s.uselessState(out)); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = states.Release(s.uselessState(out))
			}
		}()
	}
	k := &recorder{job: s, output: out, store: store, weights: best, states: states, machine: results.ThisMachine()}
	k.mishaps.log = s.Log
	if s.trainsNets() {
		k.machine.Detail = s.Kernels.Detail
	}
	if len(blocks) > 0 {
		k.mishaps.note(out.CreateCurves())
		k.peak = s.peak()
		if err := s.watch(ctx, s.scheduler(), blocks, k, s.races, k.peak); err != nil {
			return err
		}
		if n := k.unrecorded(blocks); n > 0 {
			return fmt.Errorf("the runner gave no record of %s", say.Plural(n, "trial"))
		}
	}
	if err := k.mishaps.err(); err != nil {
		return err // more writes would also fail
	}
	if err := s.settle(best, out); err != nil {
		return err
	}
	if !s.last {
		return nil
	}
	if note := s.fewKept(out.Records); note != "" {
		s.Log.Print(note)
	}
	return k.trainAgain(ctx)
}

// topFiles returns the files of weights and of states of the best trials. They are nil if they are not kept. Which
// settings are the best is known only at the end. Until then, as many of the best trials have weights as these
// settings can have.
func (s *job) topFiles(out *folder.Folder) (best, states *folder.TopFiles) {
	if s.Weights > 0 {
		best = folder.NewTopFiles(filepath.Join(s.Dir, folder.WeightsDir), "weights", s.Disk, s.weightFiles(out), out.Records)
	}
	if s.States != 0 {
		states = folder.NewTopFiles(s.kept().Dir, "state", s.Disk, s.States, out.Records)
	}
	return best, states
}

// weightFiles returns the number of trials of the best settings whose weights are to be kept: the trials of a
// setting have different seeds.
func (s *job) weightFiles(out *folder.Folder) int {
	seeds := s.seeds()
	for _, r := range out.Records {
		seeds[r.Config.Seed] = true
	}
	if s.Weights > math.MaxInt/len(seeds) {
		return math.MaxInt
	}
	return s.Weights * len(seeds)
}

// settle keeps the weights of the best settings, and removes those of other trials that were among the best. A shard
// keeps all, because it may lack seeds of a setting.
func (s *job) settle(weights *folder.TopFiles, out *folder.Folder) error {
	if weights == nil || s.shard != nil {
		return nil
	}
	return weights.Settle(folder.OfBest(out.Records, s.Weights, s.Rank))
}

// watch has the blocks trained by a scheduler, and shows their progress.
func (s *job) watch(ctx context.Context, by Scheduler, blocks []plan.Block, k keeper, races *halving.Brackets, peak float64) (err error) {
	live := progress.New(blocks, s.flops, races.Share)
	live.Cores, live.Peak, live.Axes = s.cores(), peak, s.Grid.Varying()
	live.Function = !s.trainsNets()
	if s.StatusEvery > 0 {
		stop := live.Report(s.StatusEvery, s.writeStatus)
		defer func() { stop(stateOf(err)) }()
	}
	if s.Progress != nil {
		stop := progress.NewScreen(s.Progress).Follow(ctx, live.Text)
		defer func() {
			stop()
			if text := live.Verdict(time.Since(live.Began)); err == nil && text != "" && s.Grid.Rounds() == 1 {
				s.Log.Print(text)
			}
		}()
	}
	return by.Train(ctx, &Round{Number: s.round, Blocks: blocks, Live: live, keeper: k})
}

// stateOf returns the state of a sweep that ended with an error, or with nil.
func stateOf(err error) progress.State {
	switch {
	case err == nil:
		return progress.Finished
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return progress.Interrupted
	}
	return progress.Failed
}

// writeStatus writes the status of the sweep for other processes. It reports whether that succeeded.
func (s *job) writeStatus(status progress.Status) bool {
	status.Command, status.Size = s.Command, s.Grid.Total()
	status.Dir, _ = os.Getwd()
	return s.Disk.Swap(filepath.Join(s.Dir, folder.StatusName), status.Write) == nil
}

// removeStatus removes the status of an earlier sweep. A status that remains does no harm, because it names the
// time when it was written.
func (s *job) removeStatus() {
	name := filepath.Join(s.Dir, folder.StatusName)
	if _, err := os.Lstat(name); err == nil {
		_ = s.Disk.Remove(name)
	}
}

// store returns the checkpoints of the output folder.
func (s *job) store() *folder.Store {
	return &folder.Store{Dir: filepath.Join(s.Dir, folder.CheckpointsDir), Kind: "checkpoints", Disk: s.Disk, Every: s.Checkpoint}
}

// kept returns the states of finished trials.
func (s *job) kept() *folder.Store {
	return &folder.Store{Dir: filepath.Join(s.Dir, folder.StatesDir), Kind: "kept states", Disk: s.Disk}
}

// pending returns the trials that are not settled, and enters all trials into their brackets.
func (s *job) pending(out *folder.Folder) []grid.Trial {
	s.races.Enter(s.points(), out.Records)
	return s.points().Pending(s.flops, s.settled(out))
}

// plan makes blocks of the trials that are not settled, which are todo. Trials with a checkpoint keep their block,
// and the planner makes blocks of the others. Some of these may resume from a trial with another
// number of iterations. Under a stop rule they do not, because their accuracies at its rungs are
// not known. plan removes checkpoints that no trial needs. It returns as spent the checkpoints that
// only these blocks need.
func (s *job) plan(ctx context.Context, out *folder.Folder, store *folder.Store, todo []grid.Trial) (blocks []plan.Block, spent []folder.Checkpoint, err error) {
	settled := s.settled(out)
	if s.Scheduler != nil {
		return s.shared(settled), nil, causeOf(ctx)
	}
	damaged := func(name string, err error) {
		s.Log.Printf("%s is damaged: %v; its trials start again", name, err)
	}
	if err := causeOf(ctx); err != nil {
		return nil, nil, err
	}
	blocks, rest, left, spent := store.Resume(store.List(damaged), todo, settled)
	p := s.planner
	used := map[string]bool{}
	if s.races == nil && len(rest) > 0 {
		var more []plan.Block
		more, rest = p.PlanFrom(rest, folder.Origins(rest, slices.Concat(left, spent, s.kept().List(damaged))))
		for _, b := range more {
			for _, o := range b.From {
				used[o.File] = true
			}
		}
		blocks = append(blocks, more...)
	}
	unused := func(v folder.Checkpoint) bool { return !used[store.File(v.ID)] }
	for _, v := range spent {
		if unused(v) {
			if err := store.Remove(v.ID); err != nil {
				return nil, nil, err
			}
		}
	}
	blocks = append(blocks, p.Plan(rest)...)
	if err := causeOf(ctx); err != nil {
		return nil, nil, err
	}
	p.ShareCores(blocks)
	if err := s.enoughMemory(blocks); err != nil {
		return nil, nil, err
	}
	return blocks, slices.DeleteFunc(spent, unused), nil
}

// peak measures the peak of one core. It returns 0 if the kernel set has no measure.
func (s *job) peak() float64 {
	if !s.trainsNets() {
		return 0
	}
	const short = 20 * time.Millisecond
	measure := fusegrid.Peak[float32]
	if s.DType == "f64" {
		measure = fusegrid.Peak[float64]
	}
	peak, _ := measure(s.Kernels, short)
	return peak
}

// settled returns a function that reports whether a trial need not be trained again.
func (s *job) settled(out *folder.Folder) func(key string) bool {
	return func(key string) bool {
		if _, ok := out.Records[key]; !ok { // at once, because a copy of a record is large
			return false
		}
		r := out.Records[key]
		return s.races.Settled(&r)
	}
}

// otherSets returns a message with the number of trials on record that other kernel sets trained.
// Their speeds are not the speeds of the set of the job.
func (s *job) otherSets(out *folder.Folder) string {
	ours := setName(s.Kernels.Name, s.Kernels.Detail)
	nameOf := func(r results.Record) string { return setName(r.Impl, r.Machine.Detail) }
	others := map[string]int{}
	for _, r := range out.Records { // first, because grids are large and most folders have one set
		if r.Impl != s.Kernels.Name || r.Machine.Detail != s.Kernels.Detail {
			others[nameOf(r)] = 0
		}
	}
	if delete(others, ours); len(others) == 0 {
		return ""
	}
	settled := s.settled(out)
	for _, r := range out.Of(s.points()) {
		if name := nameOf(r); name != ours && settled(r.Key) {
			others[name]++
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if n := others[name]; n == 1 {
			parts = append(parts, "1 trial was trained on "+name)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d trials were trained on %s", n, name))
		}
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("%s; in a new folder, all are trained on %s", strings.Join(parts, ", "), ours)
}

// setName returns the name of a kernel set. If detail describes a foreign library, its version and
// the CPU model whose kernels it uses follow, as in "openblas 0.3.21 Haswell".
func setName(name, detail string) string {
	fields := strings.Fields(detail)
	return strings.Join(append([]string{name}, fields[:min(2, len(fields))]...), " ")
}
