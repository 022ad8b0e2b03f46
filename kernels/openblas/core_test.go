package openblas

import (
	"slices"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

func TestRemedy(t *testing.T) {
	cpus := map[string][]cpuid.FeatureID{
		"avx512":     cores[0].features,
		"avx512f":    {cpuid.AVX512F, cpuid.AVX2, cpuid.FMA3}, // Knights Landing lacks BW, DQ and VL
		"avx2":       cores[1].features,
		"avx2 nofma": {cpuid.AVX2, cpuid.AVX},
		"sse":        {},
	}
	for _, tt := range []struct{ core, cpu, want string }{
		{"Prescott", "avx512", "SKYLAKEX"},
		{"Nehalem", "avx512", "SKYLAKEX"},
		{"Sandybridge", "avx512", "SKYLAKEX"},
		{"Haswell", "avx512", "SKYLAKEX"},
		{"Zen", "avx512", "SKYLAKEX"},
		{"SkylakeX", "avx512", ""},
		{"Cooperlake", "avx512", ""},
		{"SapphireRapids", "avx512", ""},
		{"Prescott", "avx512f", "HASWELL"},
		{"Haswell", "avx512f", ""},
		{"Prescott", "avx2", "HASWELL"},
		{"Excavator", "avx2", "HASWELL"},
		{"Zen", "avx2", ""},
		{"Prescott", "avx2 nofma", "SANDYBRIDGE"},
		{"Prescott", "sse", ""},
		{"neoversen1", "avx512", ""}, // not an x86 core
		{"", "avx512", ""},
	} {
		supports := func(ids ...cpuid.FeatureID) bool {
			return !slices.ContainsFunc(ids, func(id cpuid.FeatureID) bool { return !slices.Contains(cpus[tt.cpu], id) })
		}
		if got := Remedy(tt.core, supports); got != tt.want {
			t.Errorf("Remedy(%q) on a CPU with %s = %q, want %q", tt.core, tt.cpu, got, tt.want)
		}
	}
}
