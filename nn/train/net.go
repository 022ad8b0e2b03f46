package train

import (
	"fmt"
	"slices"
)

// A Net holds what may differ between the nets of a block.
type Net struct {
	Hidden []int   // units of each hidden layer; none for a linear classifier
	LR     float64 // learning rate η
	Reg    float64 // λ of ½·λ·Σ‖W‖²
	Decay  float64 // factor of η at the end of an epoch
	Scale  float64 // standard deviation of the initial weights
	Mu     float64 // momentum μ, if the rule has one
}

// A Shape holds what the nets of a block have in common.
type Shape struct {
	Inputs  int // D
	Classes int // C
	Batch   int // N, the largest minibatch
	Rule    Rule
	// InOut says that initial weights are drawn as (in, out) matrices, as for the fully connected
	// nets. Otherwise they are drawn as (out, in), as for the two-layer net.
	InOut bool
	// Floats says that samples are [Rows] of numbers, not images of bytes.
	Floats bool
}

// sizes returns the layer sizes of n: inputs, hidden layers, classes.
func (s Shape) sizes(n Net) []int {
	return slices.Concat([]int{s.Inputs}, n.Hidden, []int{s.Classes})
}

func (s Shape) check(nets []Net) error {
	if s.Inputs < 1 || s.Classes < 1 || s.Batch < 1 {
		return fmt.Errorf("train: %d inputs, %d classes, batch %d: each must be at least 1", s.Inputs, s.Classes, s.Batch)
	}
	if !s.Rule.known() {
		return fmt.Errorf("train: unknown update rule %d", int(s.Rule))
	}
	if len(nets) == 0 {
		return fmt.Errorf("train: a block needs at least one net")
	}
	for i, n := range nets {
		if slices.ContainsFunc(n.Hidden, func(units int) bool { return units < 1 }) {
			return fmt.Errorf("train: net %d has hidden layers %v, want at least 1 unit in each", i, n.Hidden)
		}
		if len(n.Hidden) != len(nets[0].Hidden) {
			return fmt.Errorf("train: net %d has %d hidden layers, net 0 has %d: nets of a block have one depth",
				i, len(n.Hidden), len(nets[0].Hidden))
		}
	}
	return nil
}
