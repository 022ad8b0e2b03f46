//go:build purego || !amd64

package fusegrid

import (
	"runtime"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
)

// native returns no set, because this build has no assembly.
func native() []*kernels.Set { return nil }

// missing returns the assembly sets of other builds.
func missing() []Absence {
	reason := "no assembly for " + runtime.GOARCH
	if runtime.GOARCH == "amd64" {
		reason = "built with -tags purego"
	}
	return []Absence{{"avx512", reason}, {"avx2", reason}}
}

func peakLoop[T kernels.Float](string) (loop func(rounds int), flopPerRound int) { return nil, 0 }

func integerKernels(string) *bfp.Kernels { return nil }
