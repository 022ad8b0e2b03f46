package runner

import (
	"slices"
	"time"

	"fusegrid/nn/safetensors"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
)

// shares divides the time of a block among its trials by their work.
type shares struct {
	flops  []float64 // of each trial
	spent  []float64 // seconds
	whole  float64
	lapped time.Time
}

func newShares(b plan.Block) shares {
	s := shares{spent: make([]float64, len(b.Trials)), lapped: time.Now()}
	for _, t := range b.Trials {
		s.flops = append(s.flops, max(t.FLOPs, 1))
	}
	return s
}

// lap divides the time since the last lap among the trials.
func (s *shares) lap(ids []int) {
	now := time.Now()
	d := now.Sub(s.lapped).Seconds()
	s.lapped = now
	s.whole += d
	sum := 0.0
	for _, id := range ids {
		sum += s.flops[id]
	}
	for _, id := range ids {
		s.spent[id] += d * s.flops[id] / sum
	}
}

func (s *shares) save(f *safetensors.File) {
	all := append(slices.Clone(s.spent), s.whole)
	f.Tensors = append(f.Tensors, safetensors.Of(folder.TimeName, all, len(all)))
}

func (s *shares) restore(f *safetensors.File) error {
	times, err := folder.Times(f)
	if err != nil || len(times) != len(s.spent)+1 {
		return folder.ErrNoTime
	}
	copy(s.spent, times)
	s.whole = times[len(s.spent)]
	return nil
}

// skip drops the time since the last lap.
func (s *shares) skip() { s.lapped = time.Now() }

// of returns the seconds of a trial and the seconds of its block, up to the last lap.
func (s *shares) of(id int) (share, whole float64) { return s.spent[id], s.whole }
