package openblas

import "github.com/klauspost/cpuid/v2"

// EnvCore names the environment variable that OpenBLAS reads when it is loaded.
const EnvCore = "OPENBLAS_CORETYPE"

// A width is the size of the widest vectors that the kernels of a core use. A core is a CPU model
// for which OpenBLAS has kernels.
type width int

const (
	sse width = 1 + iota
	avx
	avx2
	avx512
)

// widths lists the x86 cores of OpenBLAS 0.3 in the spelling of openblas_get_corename.
var widths = map[string]width{
	"Katmai": sse, "Coppermine": sse, "Northwood": sse, "Prescott": sse, "Banias": sse,
	"Atom": sse, "Core2": sse, "Penryn": sse, "Dunnington": sse, "Nehalem": sse,
	"Athlon": sse, "Opteron": sse, "Opteron_SSE3": sse, "Barcelona": sse, "Nano": sse, "Bobcat": sse,
	"Sandybridge": avx, "Bulldozer": avx, "Piledriver": avx, "Steamroller": avx, "Excavator": avx,
	"Haswell": avx2, "Zen": avx2,
	"SkylakeX": avx512, "Cooperlake": avx512, "SapphireRapids": avx512,
}

// cores lists the value of OPENBLAS_CORETYPE for each width, widest first, with the CPU
// features that the kernels of the core need.
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

// Remedy returns the value of OPENBLAS_CORETYPE that makes OpenBLAS use the widest vectors of this
// CPU. The argument core is the CPU model whose kernels OpenBLAS uses now. Remedy returns "" if
// these kernels already use the widest vectors, or if core is not a known x86 core. The function
// supports must be [cpuid.CPUInfo.Supports] of the CPU.
//
// Remedy corrects only the width. Among cores of one width, the fastest depends on the shape of
// the product, so Remedy accepts the choice of OpenBLAS. On CPUs that execute 512-bit vectors in
// two halves, such as Zen 4, even the faster width depends on the shape.
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
