package nn

import "fusegrid/nn/train"

// A Division says how the course's train divides the number of training samples by the batch size.
type Division = train.Division

// The divisions; see package train.
const (
	FloorDivision = train.FloorDivision
	TrueDivision  = train.TrueDivision
)
