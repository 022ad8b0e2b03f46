package results

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A State says how a trial ended. There is no state for a trial that runs, so
// none can be stuck in it.
type State string

const (
	Done     State = "done"     // all iterations
	Diverged State = "diverged" // the loss became NaN or infinite: a result, never tried again
	Stopped  State = "stopped"  // given up in favour of better ones
	Failed   State = "failed"   // an error, in Record.Error; tried again by the next run
)

// A Record is the outcome of one trial.
type Record struct {
	Key    string `json:"key"` // Config.Key()
	State  State  `json:"state"`
	Config Config `json:"config"`
	Steps  int    `json:"steps"`           // iterations trained
	Error  string `json:"error,omitempty"` // why it failed

	Accuracy Accuracy `json:"accuracy"`
	Loss     Loss     `json:"loss"`

	// Of a trial that raced others: the rule that stops those who lag behind, and what
	// it went by at each rung that the trial reached.
	Race  string `json:"race,omitempty"`
	Rungs []Rung `json:"rungs,omitempty"`

	// SHA-256 of the weights and of the loss history as little-endian bytes, to
	// compare trainings bit for bit.
	// A diverged trial has no hash of its weights: they are noise. NaN counts as one value.
	Weights string `json:"weights,omitempty"`
	Losses  string `json:"losses,omitempty"`

	DataName string    `json:"data_name"`
	Impl     string    `json:"impl"` // name of the kernel set
	Speed    Speed     `json:"speed"`
	Machine  Machine   `json:"machine"`
	Ended    time.Time `json:"ended"`
}

// Accuracy holds shares of images classified correctly, 0 to 1. A nil one was
// not measured.
//
// Final accuracies are those of the net that the training leaves: the last weights of a
// two-layer net, the best ones of the Solver, and those at its last rung if the trial was
// stopped. Epoch accuracies are the history that the assignment prints: they were measured
// during training, so the net that is left may have others.
type Accuracy struct {
	EpochTrain *float64 `json:"train,omitempty"`    // last of the history, on the sample that the training draws
	EpochVal   *float64 `json:"val,omitempty"`      // last of the history
	BestVal    *float64 `json:"best_val,omitempty"` // best of the history

	FinalVal   *float64 `json:"final_val,omitempty"`
	Test       *float64 `json:"test,omitempty"`        // of the net that is left, too
	FinalTrain *float64 `json:"final_train,omitempty"` // on 1,000 training images, evenly spread
	FinalStep  int      `json:"final_step,omitempty"`  // iterations after which the net had its weights
}

// A Rung is a point where trials are compared.
type Rung struct {
	Step int     `json:"step"` // iterations trained
	Val  float64 `json:"val"`  // validation accuracy then
}

// Loss sums up the loss history. Only finite losses count.
type Loss struct {
	First *float64 `json:"first,omitempty"`
	Last  *float64 `json:"last,omitempty"`
	Min   *float64 `json:"min,omitempty"`
}

// Speed is what the training took. Trials that are trained together share the time of their
// block: each iteration counts for every net by its part of the block's floating-point
// operations, so the seconds of all trials add up to the time that the blocks ran, and
// rates compare with those of a trial alone. A rate is that of the block on all its cores. Only
// the matrix products count as floating-point operations (see [Config.FLOPs]), but drawing weights
// and measuring accuracy take time, too: a short trial has lower rates than a long one.
type Speed struct {
	Seconds float64 `json:"seconds"` // this trial's share of its block's time
	Samples float64 `json:"samples_per_s"`
	Iters   float64 `json:"iters_per_s"`
	FLOPs   float64 `json:"flop_per_s"`
	Peak    float64 `json:"peak_flop_per_s,omitempty"` // of one core, measured; 0 if it was not
	Workers int     `json:"workers"`                   // cores that the sweep used

	Block        int     `json:"block"`                   // trials that the block began with
	BlockSeconds float64 `json:"block_seconds,omitempty"` // of the block, up to the end of this trial
	Cores        int     `json:"cores,omitempty"`         // that the block's products were split over
}

// perCore returns a rate of Speed as that of one core.
func (r *Record) perCore(rate float64) float64 {
	cores := r.Speed.Cores // more than there are where the sweep had more workers than that
	if r.Machine.Cores > 0 {
		cores = min(cores, r.Machine.Cores)
	}
	return rate / float64(max(cores, 1))
}

// Machine says where a trial ran.
type Machine struct {
	CPU      string `json:"cpu"`
	Features string `json:"features"` // that matter here, as cpuid names them
	Cores    int    `json:"cores"`    // that the process may use
	Platform string `json:"platform"` // os/arch
	Go       string `json:"go"`
	Detail   string `json:"detail,omitempty"` // version and core of a foreign library
}

// check reports what cannot be true of r.
func (r *Record) check() error {
	switch r.State {
	case Done, Diverged, Stopped, Failed:
	default:
		return fmt.Errorf("unknown state %q", r.State)
	}
	if r.State == Stopped && (r.Race == "" || len(r.Rungs) == 0) {
		return fmt.Errorf("stopped, but by what rule and at which rung is missing")
	}
	if r.Key != r.Config.Key() {
		return fmt.Errorf("key %.12s… does not follow from the configuration", r.Key)
	}
	return nil
}

// Settled reports whether the trial need not be run again by a sweep that races under that
// rule; under the empty one it trains all to the end. What one rule has stopped, another has to
// judge anew.
func (r *Record) Settled(race string) bool {
	return r.State == Done || r.State == Diverged || r.State == Stopped && r.Race == race
}

// Val returns the validation accuracy that the trial is ranked, shown, kept and drawn by: that of
// the net that it leaves. It is nil if there is no such net: the trial diverged or failed.
func (r *Record) Val() *float64 {
	switch {
	case r.State != Done && r.State != Stopped:
		return nil
	case r.Accuracy.FinalVal == nil && r.State == Stopped && len(r.Rungs) > 0: // records of earlier versions
		return &r.Rungs[len(r.Rungs)-1].Val
	}
	return r.Accuracy.FinalVal
}

// Train returns the accuracy on training images of the net whose Val is, or nil if it was not measured.
func (r *Record) Train() *float64 {
	if r.Val() == nil {
		return nil
	}
	return r.Accuracy.FinalTrain
}

// Step returns the iterations after which the net had the weights that Val and Train were measured
// with. It is 0 if there is no such net, or if an earlier version did not record the step of the
// Solver's best weights.
func (r *Record) Step() int {
	switch {
	case r.Val() == nil:
		return 0
	case r.Accuracy.FinalStep == 0 && (r.State == Stopped || r.Config.Net != "fc"):
		return r.Steps
	}
	return r.Accuracy.FinalStep
}

// Rank sorts records: what trained to the end, best validation accuracy first; then what was
// stopped, latest step first and at the same step best accuracy first, since accuracies after
// different steps do not compare; then diverged and failed. Ties are in the order of keys.
func Rank(records []Record) {
	ranked := make([]Record, 0, len(records))
	for _, r := range inOrder(records) {
		ranked = append(ranked, *r)
	}
	copy(records, ranked)
}

// Before reports whether Rank puts r before s.
func (r *Record) Before(s *Record) bool { return placeOf(r).compare(placeOf(s)) < 0 }

// A place is what a record is ranked by.
type place struct {
	order int // of its state
	step  int // at which it was stopped
	val   float64
	r     *Record
}

func placeOf(r *Record) place {
	p := place{order: slices.Index([]State{Done, Stopped, Diverged, Failed}, r.State), val: -1, r: r}
	if val := r.Val(); val != nil {
		p.val = *val
	}
	if r.State == Stopped {
		p.step = r.Step()
	}
	return p
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.order, q.order), cmp.Compare(q.step, p.step), cmp.Compare(q.val, p.val), strings.Compare(p.r.Key, q.r.Key))
}

// inOrder returns the records as Rank sorts them, but leaves them where they are: a record is
// long, and a sort would move each many times.
func inOrder(records []Record) []*Record {
	places := make([]place, len(records))
	for i := range records {
		places[i] = placeOf(&records[i])
	}
	slices.SortFunc(places, place.compare)
	ranked := make([]*Record, len(places))
	for i, p := range places {
		ranked[i] = p.r
	}
	return ranked
}
