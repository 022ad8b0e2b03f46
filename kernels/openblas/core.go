package openblas

import "github.com/klauspost/cpuid/v2"

// EnvCore names the environment variable that OpenBLAS reads when it is loaded.
const EnvCore = "OPENBLAS_CORETYPE"

// A width is the widest vectors that the kernels of a core use.
type width int

const (
	sse width = 1 + iota
	avx
	avx2
	avx512
)

// widths lists the x86 cores of OpenBLAS 0.3, as openblas_get_corename spells them.
var widths = map[string]width{
	"Katmai": sse, "Coppermine": sse, "Northwood": sse, "Prescott": sse, "Banias": sse,
	"Atom": sse, "Core2": sse, "Penryn": sse, "Dunnington": sse, "Nehalem": sse,
	"Athlon": sse, "Opteron": sse, "Opteron_SSE3": sse, "Barcelona": sse, "Nano": sse, "Bobcat": sse,
	"Sandybridge": avx, "Bulldozer": avx, "Piledriver": avx, "Steamroller": avx, "Excavator": avx,
	"Haswell": avx2, "Zen": avx2,
	"SkylakeX": avx512, "Cooperlake": avx512, "SapphireRapids": avx512,
}

// cores lists, widest first, the value of OPENBLAS_CORETYPE for each width and
// the features that its kernels are compiled for.
var cores = []struct {
	width    width
	name     string
	features []cpuid.FeatureID
}{
	{avx512, "SKYLAKEX", []cpuid.FeatureID{
		cpuid.AVX512F, cpuid.AVX512CD, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX2, cpuid.FMA3}},
	{avx2, "HASWELL", []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3}},
	{avx, "SANDYBRIDGE", []cpuid.FeatureID{cpuid.AVX}},
}

// Remedy returns the value of OPENBLAS_CORETYPE that gives OpenBLAS the widest
// vectors of this CPU, or "" if core, the one it runs now, already uses them or
// is not a known x86 core. supports is [cpuid.CPUInfo.Supports] of the CPU.
//
// Width is all that it corrects. Among cores of one width, and where the CPU
// executes 512-bit vectors in two halves (Zen 4) even between widths, the faster
// one depends on the shape; OpenBLAS's choice stands there.
func Remedy(core string, supports func(...cpuid.FeatureID) bool) string {
	have, known := widths[core]
	if !known {
		return ""
	}
	for _, c := range cores {
		if c.width <= have {
			break
		}
		if supports(c.features...) {
			return c.name
		}
	}
	return ""
}
