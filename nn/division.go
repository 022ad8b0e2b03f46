package nn

import "fusegrid/nn/fused"

// A Division says how the course's train divides the number of training samples by the batch size.
type Division = fused.Division

// The divisions; see package fused.
const (
	FloorDivision = fused.FloorDivision
	TrueDivision  = fused.TrueDivision
)
