package train

import (
	"fmt"
	"math"
)

// A Division says how the course's train divides the number of training samples by the batch
// size. The quotient, but at least 1, is the number of iterations of an epoch. Both ways agree if the
// batch size divides the number of samples.
type Division int

const (
	// FloorDivision drops the remainder, as / does in Python 2, with which the course's figures
	// were printed.
	FloorDivision Division = iota
	// TrueDivision keeps the fraction, as / does in Python 3. Few iterations are then a multiple of
	// an epoch: with 49,000 samples in batches of 128 an epoch has 382.8125, and every 6,125th
	// iteration is one.
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

// Period returns the number of iterations between two at which iteration % iterations_per_epoch is
// 0, as Python calculates it, for n samples in batches of the given size. If no float64 equals the true
// quotient, as for 10/3, only the first iteration is such. The period is then [math.MaxInt].
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
