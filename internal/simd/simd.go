// Package simd holds the vector kernels other than the matrix product: elementwise operations,
// the conversion of 8-bit images to operands of a product, and loops that measure the peak of a
// core. The kernels are in assembly for AVX2 and AVX-512. Builds for other CPUs have none.
package simd

import "fusegrid/kernels"

// Kernels holds one instruction set's kernels for one type.
type Kernels[T kernels.Float] struct {
	// Override sets the elementwise slots of s.
	Override func(s *kernels.Slots[T])

	// PackImages, PackImageLanes and PackPixelLanes convert images. Fields of the same names in
	// blocked.Micro describe them. PackImageLanes and PackPixelLanes are nil if the instruction
	// set does not have them.
	PackImages     func(dst []T, images []*uint8, mean []T, k int)
	PackImageLanes func(dst []T, src []uint8, mean []T, tiles, stride int)
	PackPixelLanes func(dst []T, src []uint8, mean []T, images int)

	// Peak runs the given number of rounds in registers. Each round has PeakFLOP floating-point
	// operations.
	Peak     func(rounds int)
	PeakFLOP int
}
