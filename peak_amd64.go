//go:build !purego

package fusegrid

import "fusegrid/kernels"

func avx512PeakF32(rounds int)
func avx512PeakF64(rounds int)
func avx2PeakF32(rounds int)
func avx2PeakF64(rounds int)

// peakLoop returns the loop of the set's row for type T and the floating-point
// operations in one round of it, or nil.
func peakLoop[T kernels.Float](name string) (loop func(rounds int), flopPerRound int) {
	const perRound = 24 * 2 // multiply-adds per lane
	var zero T
	for _, r := range rows() {
		if r.name != name {
			continue
		}
		if _, ok := any(zero).(float32); ok {
			return r.peakF32, perRound * r.f32.Tile.Lanes
		}
		return r.peakF64, perRound * r.f64.Tile.Lanes
	}
	return nil, 0
}
