package results

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A State says how a trial ended. There is no state for running trials, so no trial can remain in such a
// state after a crash.
type State string

const (
	Done     State = "done"     // trained for all iterations
	Diverged State = "diverged" // the loss became NaN or infinite; a sweep does not repeat the trial
	Stopped  State = "stopped"  // stopped early in favour of better trials
	Failed   State = "failed"   // failed with Record.Error; the next sweep repeats the trial
)

// A Record is the outcome of one trial.
type Record struct {
	Key    string `json:"key"` // Config.Key()
	State  State  `json:"state"`
	Config Config `json:"config"`
	Steps  int    `json:"steps"`           // number of iterations trained
	Error  string `json:"error,omitempty"` // reason of a failure

	Accuracy Accuracy `json:"accuracy"`
	Loss     Loss     `json:"loss"`

	// Race is the stop rule and, for Hyperband, the bracket. Rungs has the accuracy at each rung that the trial reached. Both
	// are empty without a stop rule.
	Race  string `json:"race,omitempty"`
	Rungs []Rung `json:"rungs,omitempty"`

	// Weights and Losses are the SHA-256 of the weights and of the loss history as little-endian
	// bytes, to compare trainings bit for bit. All NaNs count as one value. Weights is empty for a
	// diverged trial, because its weights are noise.
	Weights string `json:"weights,omitempty"`
	Losses  string `json:"losses,omitempty"`

	DataName string    `json:"data_name"`
	Impl     string    `json:"impl"` // name of the kernel set
	Speed    Speed     `json:"speed"`
	Machine  Machine   `json:"machine"`
	Ended    time.Time `json:"ended"`
}

// An Accuracy holds accuracies from 0 to 1. A nil accuracy was not measured.
//
// Final accuracies belong to the final net of a training. A two-layer net ends with its last weights,
// and the Solver with its best weights. A stopped trial ends with the weights at the rung that
// stopped it. Epoch accuracies are the history that the assignment prints. They were measured
// during training, so the final net may have other accuracies.
type Accuracy struct {
	EpochTrain *float64 `json:"train,omitempty"`    // last of the history, on the random sample of each epoch
	EpochVal   *float64 `json:"val,omitempty"`      // last of the history
	BestVal    *float64 `json:"best_val,omitempty"` // best of the history

	FinalVal   *float64 `json:"final_val,omitempty"`
	Test       *float64 `json:"test,omitempty"`        // of the final net, too
	FinalTrain *float64 `json:"final_train,omitempty"` // on 1,000 evenly spaced training images
	FinalStep  int      `json:"final_step,omitempty"`  // iteration after which the net had its final weights
}

// A Rung is a point where trials are compared.
type Rung struct {
	Step int     `json:"step"` // number of iterations trained
	Val  float64 `json:"val"`  // validation accuracy at this step
}

// A Loss summarizes the loss history. Only finite losses count.
type Loss struct {
	First *float64 `json:"first,omitempty"`
	Last  *float64 `json:"last,omitempty"`
	Min   *float64 `json:"min,omitempty"`
}

// A Speed holds the time and the rates of a training.
//
// Trials that are trained together share the time of their block. Each net gets a share of the time
// of an iteration that is proportional to its floating-point operations. The seconds of all trials
// therefore add up to the run time of the blocks, and rates are comparable with the rates of single
// trials. A rate is that of the whole block on all its cores.
//
// Only matrix products count as floating-point operations, see [Config.FLOPs]. Drawing weights and
// measuring accuracy take time too, so a short trial has lower rates than a long trial.
type Speed struct {
	Seconds float64 `json:"seconds"` // share of this trial in the time of its block
	Samples float64 `json:"samples_per_s"`
	Iters   float64 `json:"iters_per_s"`
	FLOPs   float64 `json:"flop_per_s"`
	Peak    float64 `json:"peak_flop_per_s,omitempty"` // measured peak of one core; 0 if not measured
	Workers int     `json:"workers"`                   // number of cores that the sweep used

	Block        int     `json:"block"`                   // number of trials at the start of the block
	BlockSeconds float64 `json:"block_seconds,omitempty"` // time of the block up to the end of this trial
	Cores        int     `json:"cores,omitempty"`         // number of cores that shared the products of the block
}

// perCore converts a rate of Speed to the rate per core.
func (r *Record) perCore(rate float64) float64 {
	cores := r.Speed.Cores // may exceed the cores of the machine if the sweep had too many workers
	if r.Machine.Cores > 0 {
		cores = min(cores, r.Machine.Cores)
	}
	return rate / float64(max(cores, 1))
}

// A Machine describes the machine on which a trial ran.
type Machine struct {
	CPU      string `json:"cpu"`
	Features string `json:"features"` // relevant CPU features with the names of package cpuid
	Cores    int    `json:"cores"`    // number of cores that the process may use
	Platform string `json:"platform"` // os/arch
	Go       string `json:"go"`
	Choices  string `json:"choices,omitempty"` // what the kernel set had chosen by measuring, which changes only the speed
	Detail   string `json:"detail,omitempty"`  // of a foreign library, its version and the CPU model whose kernels it uses
}

// check returns an error if r is inconsistent.
func (r *Record) check() error {
	switch r.State {
	case Done, Diverged, Stopped, Failed:
	default:
		return fmt.Errorf("unknown state %q", r.State)
	}
	if r.State == Stopped && (r.Race == "" || len(r.Rungs) == 0) {
		return fmt.Errorf("the trial is stopped, but its rule or its rungs are missing")
	}
	if r.Config.Minimize && r.Config.Objective == "" {
		return fmt.Errorf("the trial is minimized, but has no objective")
	}
	for _, p := range r.Config.Params {
		if !ParamName.MatchString(p.Name) {
			return fmt.Errorf("%.40q is not the name of a parameter", p.Name)
		}
	}
	if !r.Config.hasKey(r.Key) {
		return fmt.Errorf("key %.12s… does not match the configuration", r.Key)
	}
	return nil
}

// Val returns the validation accuracy of the final net. Tables and pictures show it, and trials are
// ranked by it. It is nil if the trial diverged or failed, because then there is no final net.
func (r *Record) Val() *float64 {
	switch {
	case r.State != Done && r.State != Stopped:
		return nil
	case r.Accuracy.FinalVal == nil && r.State == Stopped && len(r.Rungs) > 0: // in records of earlier versions
		return &r.Rungs[len(r.Rungs)-1].Val
	}
	return r.Accuracy.FinalVal
}

// Train returns the accuracy of the final net on training images, or nil if it was not measured.
func (r *Record) Train() *float64 {
	if r.Val() == nil {
		return nil
	}
	return r.Accuracy.FinalTrain
}

// Step returns the number of iterations after which the net had its final weights. It is 0 if there is no
// final net. It is also 0 in records of earlier versions that lack the step of the Solver's best
// weights.
func (r *Record) Step() int {
	switch {
	case r.Val() == nil:
		return 0
	case r.Accuracy.FinalStep == 0 && (r.State == Stopped || r.Config.Net != "fc"):
		return r.Steps
	}
	return r.Accuracy.FinalStep
}

// Rank sorts records in this order, first those of the kernels of this version and then, in the same
// order, those of earlier versions, whose accuracies cannot be computed again:
//   - trials that trained to the end, best validation accuracy first, or best value of a function;
//   - stopped trials, latest step first, then best accuracy first, because accuracies after different
//     steps are not comparable;
//   - diverged trials, then failed trials.
//
// Ties are in the order of keys. Records of one key keep their order.
func Rank(records []Record) {
	ranked := make([]Record, 0, len(records))
	for _, r := range inOrder(pointers(records)) {
		ranked = append(ranked, *r)
	}
	copy(records, ranked)
}

// Before reports whether Rank sorts r before s.
func (r *Record) Before(s *Record) bool {
	p, q := placeOf(r), placeOf(s)
	return p.compare(&q) < 0
}

// A place holds the values that determine the rank of a record.
type place struct {
	earlier int // 1 for records of earlier versions of the kernels
	order   int // rank of the state
	step    int // step at which the trial was stopped
	gain    float64
	head    uint64 // the first bytes of the key, which nearly always decide between two keys
	r       *Record
	index   int // place in the list to sort, for records with the same key
}

func placeOf(r *Record) place {
	p := place{order: slices.Index([]State{Done, Stopped, Diverged, Failed}, r.State), gain: math.Inf(-1), r: r}
	if r.Config.Earlier() {
		p.earlier = 1
	}
	if val := r.Val(); val != nil {
		p.gain = r.Config.Gain(*val)
	}
	if r.State == Stopped {
		p.step = r.Step()
	}
	var head [8]byte
	copy(head[:], r.Key)
	p.head = binary.BigEndian.Uint64(head[:])
	return p
}

func (p *place) compare(q *place) int {
	switch {
	case p.earlier != q.earlier:
		return cmp.Compare(p.earlier, q.earlier)
	case p.order != q.order:
		return cmp.Compare(p.order, q.order)
	case p.step != q.step:
		return cmp.Compare(q.step, p.step)
	}
	if c := cmp.Compare(q.gain, p.gain); c != 0 { // NaN equals NaN
		return c
	}
	if p.head != q.head {
		return cmp.Compare(p.head, q.head)
	}
	return cmp.Or(strings.Compare(p.r.Key, q.r.Key), cmp.Compare(p.index, q.index))
}

// inOrder returns the records in the order of Rank. It does not move the records, because
// they are large and a sort would move each of them many times.
func inOrder(records []*Record) []*Record {
	places := make([]place, len(records))
	for i, r := range records {
		places[i] = placeOf(r)
		places[i].index = i
	}
	slices.SortFunc(places, func(p, q place) int { return p.compare(&q) })
	ranked := make([]*Record, len(places))
	for i, p := range places {
		ranked[i] = p.r
	}
	return ranked
}

// Settled reports whether a sweep with the given stop rule need not run the trial again. The rule is
// empty if the sweep trains all trials to the end. A trial that another stop rule has stopped is not
// settled, because the new rule must judge it.
func (r *Record) Settled(race string) bool {
	return r.State == Done || r.State == Diverged || r.State == Stopped && r.Race == race
}

// SameBits reports whether two records of a trial have the same hashes, accuracies and losses. Rungs are compared if
// both have the same stop rule. What one of the records lacks is not compared.
func (r *Record) SameBits(o *Record) bool {
	a, b := &r.Accuracy, &o.Accuracy
	for _, figures := range [][2]*float64{
		{a.EpochTrain, b.EpochTrain}, {a.EpochVal, b.EpochVal}, {a.BestVal, b.BestVal}, {a.FinalVal, b.FinalVal},
		{a.Test, b.Test}, {a.FinalTrain, b.FinalTrain}, {r.Loss.First, o.Loss.First}, {r.Loss.Last, o.Loss.Last}, {r.Loss.Min, o.Loss.Min},
	} {
		if figures[0] != nil && figures[1] != nil && *figures[0] != *figures[1] {
			return false
		}
	}
	differ := func(s, t string) bool { return s != "" && t != "" && s != t }
	return !differ(r.Weights, o.Weights) && !differ(r.Losses, o.Losses) &&
		(a.FinalStep == b.FinalStep || a.FinalStep == 0 || b.FinalStep == 0) &&
		(r.Race != o.Race || slices.Equal(r.Rungs, o.Rungs))
}

// A Relation is that of a record to another one of the same trial.
type Relation int

// The relations of a record.
const (
	Worse Relation = iota
	Equal
	Better
	Contrary // both cannot be right
)

// RelationTo returns the relation of the record to another one. A failed trial has no result, and a stopped one has a
// result up to its last step, so any trial that went further is better.
func (r *Record) RelationTo(o *Record) Relation {
	order := cmp.Compare(r.State.progress(), o.State.progress())
	if order == 0 && r.State == Stopped { // by the stop rules of two sweeps
		order = cmp.Compare(r.Steps, o.Steps)
	}
	switch {
	case order > 0:
		return Better
	case order < 0 || r.State == Failed:
		return Worse
	case r.State == o.State && r.Steps == o.Steps && r.SameBits(o):
		return Equal
	}
	return Contrary
}

// progress is greater for a state in which a trial has got further.
func (s State) progress() int {
	switch s {
	case Failed:
		return 0
	case Stopped:
		return 1
	}
	return 2
}
