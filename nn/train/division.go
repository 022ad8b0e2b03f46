package train

import (
	"fmt"
	"math"
)

// A Division says how the course's method train divides the number of training samples by the batch
// size. The quotient, but at least 1, is the number of iterations per epoch. Both ways agree if the
// batch size divides the number of samples.
type Division int

const (
	// FloorDivision drops the remainder, as / does in Python 2. The course printed its figures with
	// Python 2.
	FloorDivision Division = iota
	// TrueDivision keeps the fraction, as / does in Python 3. Then few iteration numbers are
	// multiples of the quotient. For example, 49,000 samples in batches of 128 give 382.8125
	// iterations per epoch, and only every 6,125th iteration number is a multiple of that.
	TrueDivision
)

// String returns "floor" or "true".
func (d Division) String() string {
	switch d {
	case FloorDivision:
		return "floor"
	case TrueDivision:
		return "true"
	}
	return fmt.Sprintf("Division(%d)", int(d))
}

// Period returns the distance between two iterations at which an epoch starts, for n samples in
// batches of the given size. An epoch starts if iteration % iterations_per_epoch is 0 in Python. If
// no float64 equals the exact quotient, as for 10/3, only iteration 0 starts an epoch. Period then
// returns [math.MaxInt].
func (d Division) Period(n, batch int) int {
	if d != TrueDivision || n <= batch {
		return max(n/batch, 1)
	}
	p, q := n, batch
	for q != 0 {
		p, q = q, p%q
	}
	if parts := batch / p; parts&(parts-1) != 0 {
		return math.MaxInt // the rounded quotient has multiples, too, but none below 2⁵³/batch
	}
	return n / p
}
