package fusegrid

import (
	"time"

	"fusegrid/kernels"
)

// Peak measures the rate of fused multiply-adds that one core reaches with the widest
// vectors of set, in floating-point operations per second: chains of additions in
// registers, enough of them to hide the latency, and no memory. It is the best of many
// short runs over about d, and the ceiling of every product. A set without vector
// instructions of its own (the reference, gonum, OpenBLAS) has no peak: ok is false.
func Peak[T kernels.Float](set *kernels.Set, d time.Duration) (flopPerSec float64, ok bool) {
	run, perRound := peakLoop[T](set.Name)
	if run == nil {
		return 0, false
	}
	const rounds = 10_000 // some 50 µs: shorter than a time slice, longer than a clock tick
	run(rounds)
	for start := time.Now(); ; {
		t := time.Now()
		run(rounds)
		if s := time.Since(t).Seconds(); s > 0 {
			flopPerSec = max(flopPerSec, float64(perRound)*rounds/s)
		}
		if time.Since(start) >= d && flopPerSec > 0 {
			return flopPerSec, true
		}
	}
}
