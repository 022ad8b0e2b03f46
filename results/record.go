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
type Accuracy struct {
	Train   *float64 `json:"train,omitempty"`    // at the last epoch, on the sample that the training draws
	Val     *float64 `json:"val,omitempty"`      // at the last epoch
	BestVal *float64 `json:"best_val,omitempty"` // best of all epochs
	// Of the net that is left at the end: the last weights of a two-layer net, the
	// best ones of the Solver.
	FinalVal *float64 `json:"final_val,omitempty"`
	Test     *float64 `json:"test,omitempty"`
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
// rates compare with those of a trial alone. Only the matrix products count as
// floating-point operations: see Config.FLOPs.
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

// Score returns the validation accuracy that trials are ranked by, if there is
// one: that of [Record.Val], or where the Solver restores its best weights, the best.
func (r *Record) Score() (float64, bool) {
	a := r.Val()
	if r.Config.Net == "fc" && r.State == Done {
		a = r.Accuracy.BestVal
	}
	if a == nil || (r.State != Done && r.State != Stopped) {
		return 0, false
	}
	return *a, true
}

// Val returns the validation accuracy that people are shown: at the last epoch, as the assignment
// prints it. What was stopped has that of the rung where it was, and a net that trained for no more than
// an epoch has the final one: the only epoch was measured after its first step.
func (r *Record) Val() *float64 {
	switch {
	case r.State == Stopped && len(r.Rungs) > 0:
		return &r.Rungs[len(r.Rungs)-1].Val
	case r.Accuracy.FinalVal != nil && r.Config.Net != "fc" && r.Steps <= r.Config.PerEpoch():
		return r.Accuracy.FinalVal
	}
	return r.Accuracy.Val
}

// Rank sorts records: best validation accuracy first, then what was stopped,
// diverged, failed. Ties are in the order of keys.
func Rank(records []Record) {
	ranked := make([]Record, 0, len(records))
	for _, r := range inOrder(records) {
		ranked = append(ranked, *r)
	}
	copy(records, ranked)
}

// inOrder returns the records as Rank sorts them, but leaves them where they are: a record is
// long, and a sort would move each many times.
func inOrder(records []Record) []*Record {
	order := map[State]int{Done: 0, Stopped: 1, Diverged: 2, Failed: 3}
	type place struct {
		order int
		score float64
		r     *Record
	}
	places := make([]place, len(records))
	for i := range records {
		r := &records[i]
		score, ok := r.Score()
		if !ok {
			score = -1
		}
		places[i] = place{order[r.State], score, r}
	}
	slices.SortFunc(places, func(a, b place) int {
		if c := cmp.Compare(a.order, b.order); c != 0 {
			return c
		}
		if c := cmp.Compare(b.score, a.score); c != 0 {
			return c
		}
		return strings.Compare(a.r.Key, b.r.Key)
	})
	ranked := make([]*Record, len(places))
	for i, p := range places {
		ranked[i] = p.r
	}
	return ranked
}
