package fusegrid

import (
	"time"

	"fusegrid/kernels"
)

// Peak measures the rate of fused multiply-adds of one core with the widest vectors of set, in
// floating-point operations per second. It runs enough independent chains of multiply-adds in
// registers to hide the latency, and uses no memory. The result is the best of many short runs over
// a time of about d. No product can exceed it. For sets without assembly in this module (the
// reference, gonum, OpenBLAS), ok is false.
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
