package folder

import (
	"errors"

	"fusegrid/nn/safetensors"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// Origins returns, by the key of each trial, the saved net with the most iterations from which the
// trial can resume. The net may be of a training with another number of iterations, because both
// have the same bits up to that iteration.
func Origins(todo []grid.Trial, states []Checkpoint) map[string]plan.Origin {
	if len(states) == 0 {
		return nil
	}
	wanted := map[string][]grid.Trial{}
	for _, t := range todo {
		name := plan.Lengthless(t.Config)
		wanted[name] = append(wanted[name], t)
	}
	found := map[string]plan.Origin{}
	for _, v := range states {
		for _, i := range v.live {
			c := v.Trials[i]
			for _, t := range wanted[plan.Lengthless(c)] {
				fits := c.Iters == t.Config.Iters || v.done < t.Config.Iters && beginsLonger(c, v.done)
				if fits && v.done > found[t.Key].Done {
					found[t.Key] = plan.Origin{Kind: v.store.Kind, File: v.store.File(v.ID), ID: v.ID, Net: i, Done: v.done}
				}
			}
		}
	}
	return found
}

// beginsLonger reports whether the state of trial c after a number of iterations is also the state
// of the same trial with more iterations. At the end of a training, the Solver draws random
// numbers to measure accuracies. With more iterations, it draws them there only if an epoch ends.
func beginsLonger(c results.Config, done int) bool {
	return done < c.Iters || c.Net != "fc" || c.Iters%c.PerEpoch() == 0
}

// Gather makes the state of a block from the origins of its trials. It keeps the time of each trial. The time of the
// block is the longest time of the origins' blocks.
func Gather(b plan.Block) (*safetensors.File, error) {
	files := map[string]*safetensors.File{}
	var parts []train.Part
	var spent []float64
	whole := 0.0
	for _, o := range b.From {
		f := files[o.File]
		if f == nil {
			var err error
			if f, err = readState(o.File); err != nil {
				return nil, err
			}
			files[o.File] = f
		}
		times, err := Times(f)
		if err != nil {
			return nil, err
		}
		if o.Net > len(times)-2 {
			return nil, ErrNoTime
		}
		spent, whole = append(spent, times[o.Net]), max(whole, times[len(times)-1])
		parts = append(parts, train.Part{File: f, ID: o.Net})
	}
	f, err := train.Gather(b.ID, parts)
	if err != nil {
		return nil, err
	}
	f.Tensors = append(f.Tensors, safetensors.Of(TimeName, append(spent, whole), len(spent)+1))
	return &f, nil
}

// TimeName names the tensor of a state that holds the seconds of each trial, followed by the seconds
// of the block.
const TimeName = "sweep.seconds"

// ErrNoTime is the error for a state without valid times.
var ErrNoTime = errors.New("the times of its trials are missing")

// Times returns the seconds of the trials and of the block in a state.
func Times(f *safetensors.File) ([]float64, error) {
	t, ok := f.Tensor(TimeName)
	if !ok || len(t.F64) == 0 {
		return nil, ErrNoTime
	}
	return t.F64, nil
}
