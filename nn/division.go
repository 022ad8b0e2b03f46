package nn

import "fusegrid/nn/train"

// A Division says how the course's method train divides the number of training samples by the batch
// size.
type Division = train.Division

// The values of Division. Package nn/train describes them.
const (
	FloorDivision = train.FloorDivision
	TrueDivision  = train.TrueDivision
)
