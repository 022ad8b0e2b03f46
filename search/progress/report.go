package progress

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"fusegrid/internal/strictjson"
	"fusegrid/results"
)

// A State says whether a sweep runs.
type State string

const (
	Running     State = "running"
	Finished    State = "finished"    // trained all trials
	Interrupted State = "interrupted" // ended by its user, and can be resumed
	Failed      State = "failed"      // ended by an error
)

// maxBlocks is the maximum number of blocks in a Status.
const maxBlocks = 64

// statusVersion is the version of the file format of a Status.
const statusVersion = 1

// A Status describes a sweep at one time. It is written to a file, so that other processes can read it. If a
// process is killed, its last status says that it runs.
type Status struct {
	Version int       `json:"version"` // of this format, 1
	State   State     `json:"state"`
	PID     int       `json:"pid"`
	Command string    `json:"command,omitempty"` // resumes the sweep
	Dir     string    `json:"dir,omitempty"`     // the working folder of the command
	Began   time.Time `json:"began"`             // of the training
	Written time.Time `json:"written"`

	Size       int     `json:"size"`             // trials of the grid
	Trials     int     `json:"trials"`           // trials that this process trains
	Ended      int     `json:"ended"`            // of Trials
	Failures   int     `json:"failures"`         // of Ended: trials that diverged or failed
	Iterations int64   `json:"iterations"`       // iterations of all nets so far
	Share      float64 `json:"share"`            // of the work that is done, from 0 to 1
	Rate       float64 `json:"iterations_per_s"` // of all nets
	FLOPs      float64 `json:"flop_per_s"`
	Cores      int     `json:"cores"`
	Left       float64 `json:"left_s"` // expected seconds to the end, or −1 if not known

	Best   *Best         `json:"best,omitempty"` // best so far; nil if no accuracy was measured
	Axes   []string      `json:"axes"`           // fields of configurations that vary
	Blocks []BlockStatus `json:"blocks"`         // the first blocks that train, at most 64

	// Workers are the processes that train the blocks, at most 64, if this one does not.
	Workers []WorkerStatus `json:"workers,omitempty"`
}

// A WorkerStatus describes another process that trains blocks of the sweep.
type WorkerStatus struct {
	Name string  `json:"name"`
	Busy int     `json:"busy"` // blocks that it trains
	Rate float64 `json:"flop_per_s"`
}

// A Best is the best trial so far, by its last measured accuracy on validation images.
type Best struct {
	Key    string         `json:"key"`
	Val    float64        `json:"val"`
	Ended  bool           `json:"ended"` // else it trains, and Val was measured at the end of an epoch or at a rung
	Config results.Config `json:"config"`
}

// String describes the trial by its values of the axes, or by learning rate and regularization if axes is empty.
func (b *Best) String(axes []string) string {
	if len(axes) == 0 && b.Config.Objective == "" {
		axes = []string{"lr", "reg"}
	} else if len(axes) == 0 {
		for _, p := range b.Config.Params {
			axes = append(axes, p.Name)
		}
	}
	var values []string
	for _, name := range axes {
		values = append(values, name+" "+b.Config.Brief(name))
	}
	word := "best"
	if !b.Ended {
		word = "best so far"
	}
	val := strconv.FormatFloat(b.Val, 'f', 4, 64)
	if b.Config.Objective != "" {
		val = strconv.FormatFloat(b.Val, 'g', 6, 64)
	}
	return fmt.Sprintf("%s %s (%s)", word, val, strings.Join(values, ", "))
}

// A BlockStatus describes a block that trains.
type BlockStatus struct {
	Number     int `json:"number"` // from 1
	Nets       int `json:"nets"`
	Done       int `json:"done"`       // iterations so far
	Iterations int `json:"iterations"` // at the end
}

// Write writes the status as JSON.
func (s Status) Write(w io.Writer) error {
	text, err := json.Marshal(s)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// maxStatus bounds the memory for the file of a status.
const maxStatus = 1 << 20

// ReadStatus reads what [Status.Write] has written.
func ReadStatus(r io.Reader) (*Status, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxStatus+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxStatus {
		return nil, fmt.Errorf("it has more than %d bytes, so it is no status of a sweep", maxStatus)
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("it is no status of a sweep: %w", err)
	}
	if head.Version != statusVersion {
		return nil, fmt.Errorf("it has version %d, but this program reads version %d; use a newer program", head.Version, statusVersion)
	}
	s := new(Status)
	if err := strictjson.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("it is no status of a sweep: %w", err)
	}
	switch s.State {
	case Running, Finished, Interrupted, Failed:
		return s, nil
	}
	return nil, errors.New("it is no status of a sweep: it has no state")
}

// Measured takes the accuracies of the nets of a block on the validation images, or a value that a function reported.
func (t *Block) Measured(ids []int, vals []float64) {
	best := -1
	gain := t.block.Trials[0].Config.Gain // all trials have one objective
	for k, val := range vals {
		if val == val && (best < 0 || gain(val) > gain(vals[best])) {
			best = k
		}
	}
	var leader *Best
	if best >= 0 {
		trial := &t.block.Trials[ids[best]]
		leader = &Best{Key: trial.Key, Val: vals[best], Config: trial.Config}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leader = leader
}

// gain is larger for better trials.
func (b *Best) gain() float64 { return b.Config.Gain(b.Val) }

// leading returns the best trial so far, or nil. The caller must hold l.mu.
func (l *Sweep) leading() *Best {
	var best *Best
	if l.best != nil {
		best = &Best{Key: l.best.Key, Val: *l.best.Val(), Ended: true, Config: l.best.Config}
	}
	for _, t := range l.running {
		if t.leader != nil && (best == nil || t.leader.gain() > best.gain()) {
			best = t.leader
		}
	}
	return best
}

// Status returns the status of a sweep that runs.
func (l *Sweep) Status(now time.Time) Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	work, elapsed := float64(l.work.Load()), now.Sub(l.Began).Seconds()
	if l.team != nil {
		work = l.elsewhere
	}
	s := Status{
		Version: statusVersion, State: Running, PID: os.Getpid(), Began: l.Began.UTC(), Written: now.UTC(),
		Trials: l.trials, Ended: l.done, Failures: l.failures, Iterations: l.iters.Load(), Cores: l.Cores, Left: -1,
		Axes: append([]string{}, l.Axes...), Blocks: []BlockStatus{},
	}
	if total := l.total - l.saved; total > 0 {
		s.Share = min(work/total, 1)
		if work > 0 {
			s.Left = max(total-work, 0) / work * elapsed
		}
	}
	if elapsed > 0 {
		s.Rate, s.FLOPs = float64(s.Iterations)/elapsed, work/elapsed
	}
	for _, w := range l.team[:min(len(l.team), maxBlocks)] {
		s.Workers = append(s.Workers, WorkerStatus{w.Name, w.Busy, w.Rate})
	}
	s.Best = l.leading()
	for _, t := range l.running[:min(len(l.running), maxBlocks)] {
		s.Blocks = append(s.Blocks, BlockStatus{t.n, int(t.nets.Load()), int(t.iters.Load() + t.skipped.Load()), t.block.Trials[0].Config.Iters})
	}
	return s
}

// Report calls write with the status of the sweep at intervals, from a goroutine that ends when stop is called. If a
// call of write has reported success, stop calls it a last time, with the state of the sweep at its end.
func (l *Sweep) Report(every time.Duration, write func(Status) bool) (stop func(State)) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	written := false
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				if write(l.Status(now)) {
					written = true
				}
			}
		}
	})
	return func(state State) {
		close(done)
		wg.Wait()
		if written {
			s := l.Status(time.Now())
			s.State = state
			write(s)
		}
	}
}
