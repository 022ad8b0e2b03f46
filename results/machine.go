package results

import (
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// ThisMachine describes the machine and the build that run the process.
func ThisMachine() Machine {
	m := Machine{
		CPU:      cpuid.CPU.BrandName,
		Cores:    runtime.GOMAXPROCS(0),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Go:       runtime.Version(),
	}
	var features []string
	for _, f := range []cpuid.FeatureID{
		cpuid.AVX2, cpuid.FMA3, cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512VNNI, cpuid.ASIMD,
	} {
		if cpuid.CPU.Supports(f) {
			features = append(features, strings.ToLower(f.String()))
		}
	}
	m.Features = strings.Join(features, " ")
	return m
}
