package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/halving"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// A retraining is the keeper for trials on record that are trained again for their weights or
// states.
type retraining struct {
	*recorder
	wanted map[string]bool  // names of the missing files
	blank  map[string]bool  // trials that have no curve
	other  []results.Record // trials that came out with other bits than on record
	failed error
}

// ErrOtherBits is the error if trials were trained again on a stable kernel set and gave other
// bits. [Verify] shows the differences. To train all trials again, start a sweep with a new output
// folder.
var ErrOtherBits = errors.New("came out with other bits than on record")

// trainAgain trains the best trials on record again if weights or states that should be kept are
// missing. It keeps them if the training has the bits on record, or if the kernel set is not
// stable.
func (k *recorder) trainAgain(ctx context.Context) error {
	m := &retraining{recorder: k, wanted: map[string]bool{}, blank: map[string]bool{}}
	again, strangers := k.missing(k.weights, k.states, k.output, m.wanted)
	if strangers > 0 {
		k.Log.Printf("%s among the best on record, but of other data, nets, types or kernels, so only a sweep of these can make their missing files", say.Are(strangers))
	}
	if len(again) == 0 {
		return nil
	}
	if k.fresh {
		k.Log.Printf("%s to train again, because the best settings, whose weights are kept, are known only at the end", say.Plural(len(again), "trial"))
	} else {
		k.Log.Printf("%s on record to train again, because their weights or states are to be kept and are missing", say.Plural(len(again), "trial"))
	}
	for _, t := range again {
		m.blank[t.Key] = !k.output.HasCurve(t.Key)
	}
	blocks := k.planner.Plan(again)
	if err := k.enoughMemory(blocks); err != nil {
		return err
	}
	if err := k.watch(ctx, here{k.job}, blocks, m, nil, k.peak); err != nil {
		return err
	}
	if len(m.other) > 0 {
		o := m.other[0]
		if k.Kernels.Stable {
			return fmt.Errorf("%s %w, such as %.12s, and nothing of them is kept", say.Plural(len(m.other), "trial"), ErrOtherBits, o.Key)
		}
		k.Log.Printf("%s trained again with other bits than on record: those of %s depend on what is trained together. The files are those of the second training", say.Plural(len(m.other), "trial"), k.Kernels.Name)
	}
	if m.failed != nil {
		return m.failed
	}
	return k.mishaps.err()
}

// missing returns those of the best trials with missing files that this job can train, and the
// number of the others. If the states of all trials are kept, only trials of the grid count. The
// names of the files are added to wanted.
func (s *job) missing(best, states *folder.TopFiles, out *folder.Folder, wanted map[string]bool) (again []grid.Trial, strangers int) {
	var lost []results.Record
	note := func(g *folder.TopFiles, r results.Record) {
		wanted[g.Name(r.Key)] = true
		if !slices.ContainsFunc(lost, func(o results.Record) bool { return o.Key == r.Key }) {
			lost = append(lost, r)
		}
	}
	if best != nil {
		for _, r := range best.Missing(out.Records) {
			note(best, r)
		}
	}
	if states != nil {
		records := out.Records
		if states.N == folder.EveryTrial {
			records = folder.Latest(out.Of(s.points()))
		}
		for _, r := range states.Missing(records) {
			note(states, r)
		}
	}
	results.Rank(lost)
	for _, r := range lost {
		if s.trains(r.Config) {
			again = append(again, grid.Trial{Key: r.Key, Config: r.Config, FLOPs: s.flops(r.Config)})
		} else {
			strangers++
		}
	}
	return again, strangers
}

// trains reports whether a trial has the data, net, type and kernels of the job.
func (s *job) trains(c results.Config) bool {
	b := s.base
	return c.Data == b.Data && c.Split == b.Split && c.Pixels == b.Pixels && c.Net == b.Net && c.DType == b.DType && c.Class == b.Class
}

// curve appends the curve of a trial to b if the trial has none and came out with the losses on record.
func (m *retraining) curve(b []byte, key string, h curve.History) []byte {
	if !m.blank[key] || results.Hash(h.Loss) != m.output.Records[key].Losses {
		return b
	}
	return m.recorder.curve(b, key, h)
}

// keep compares the records with those in the journal.
func (m *retraining) keep(records []results.Record, curves []byte) error {
	m.mishaps.note(m.output.AppendCurves(curves))
	for _, r := range records {
		switch {
		case r.State == results.Failed:
			m.failed = fmt.Errorf("a trial on record failed when it was trained again: %s", r.Error)
		case !m.same(r):
			m.other = append(m.other, r)
		}
	}
	return nil
}

// same reports whether a trial came out with the bits on record.
func (m *retraining) same(r results.Record) bool {
	want := m.output.Records[r.Key]
	return r.State == want.State && r.Weights == want.Weights
}

// brackets returns nil, because all trials that are trained again have trained to the end.
func (m *retraining) brackets() *halving.Brackets { return nil }

func (m *retraining) checkpointer(plan.Block) runner.Checkpointer {
	return retrainingFiles{retraining: m}
}

// A retrainingFiles is a checkpointer that saves only the missing files.
type retrainingFiles struct {
	runner.NoFiles
	*retraining
}

func (f retrainingFiles) Weights() runner.Offer { return f.offer(f.weights) }
func (f retrainingFiles) State() runner.Offer   { return f.offer(f.states) }

// offer returns a function that writes the missing files of the best trials. It returns nil if no files are kept.
func (m *retraining) offer(g *folder.TopFiles) runner.Offer {
	if g == nil {
		return nil
	}
	return func(r results.Record, write func(io.Writer) error) {
		if m.wanted[g.Name(r.Key)] && (m.same(r) || !m.Kernels.Stable) {
			m.mishaps.note(g.Put(r.Key, write))
		}
	}
}

func (m *retraining) done(plan.Block) error { return nil }

// fewKept returns a message if fewer trials are kept than the study asks for because a stop rule has stopped some.
func (s *job) fewKept(records map[string]results.Record) string {
	if s.Weights == 0 && s.States == 0 {
		return ""
	}
	done, stopped := len(folder.Done(records)), 0
	for _, r := range records {
		if r.State == results.Stopped {
			stopped++
		}
	}
	if stopped == 0 {
		return ""
	}
	var wanted []string
	for _, w := range []struct {
		n, all int
		what   string
	}{{s.Weights, math.MaxInt, "weights"}, {s.States, folder.EveryTrial, "states"}} {
		if w.n == w.all {
			wanted = append(wanted, w.what+" of all trials")
		} else if w.n > done {
			wanted = append(wanted, fmt.Sprintf("%s of %s", w.what, say.Plural(w.n, "trial")))
		}
	}
	if wanted == nil {
		return ""
	}
	return fmt.Sprintf("%s are to be kept: of %s on record, %d trained to the end; only these are kept, and none of the %d that were stopped", strings.Join(wanted, " and "), say.Plural(len(records), "trial"), done, stopped)
}
