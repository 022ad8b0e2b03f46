// Package simd holds the vector kernels beside the matrix product: elementwise operations, the
// conversion of 8-bit images to the operands of a product, and the loops that measure the peak of a core. They
// are assembly for AVX2 and AVX-512; other builds have none.
package simd

import "fusegrid/kernels"

// Kernels holds one instruction set's kernels for one type.
type Kernels[T kernels.Float] struct {
	// Override sets the elementwise slots of s.
	Override func(s *kernels.Slots[T])

	// Conversions of images, as blocked.Micro describes them under the same names. PackImageLanes
	// and PackPixelLanes are nil if the instruction set has none.
	PackImages     func(dst []T, images []*uint8, mean []T, k int)
	PackImageLanes func(dst []T, src []uint8, mean []T, tiles, stride int)
	PackPixelLanes func(dst []T, src []uint8, mean []T, images int)

	// Peak runs that many rounds of PeakFLOP floating-point operations each, in registers.
	Peak     func(rounds int)
	PeakFLOP int
}
