//go:build !purego

package fusegrid

import (
	"os"
	"strings"
	"sync"

	"github.com/klauspost/cpuid/v2"

	"fusegrid/internal/simd"
	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/blocked"
	"fusegrid/kernels/reference"
)

// The micro-kernels are assembly because the compiler emits one scalar multiply and
// one scalar add for each term of a product, where a vector instruction of these
// machines does up to sixteen of both.
//
// Each row names the CPU's features that it requires, its tiles, and its stubs. Their
// text is in kernels_amd64.s and moves_amd64.s.
func rows() []row {
	avx512F32, avx512F64 := simd.AVX512F32(), simd.AVX512F64()
	avx2F32, avx2F64 := simd.AVX2F32(), simd.AVX2F64()
	return []row{
		{
			name: "avx512",
			features: []cpuid.FeatureID{
				cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL,
			},
			f32: blocked.Micro[float32]{
				Tile:           kernels.Tile{MR: 14, NR: 32, Lanes: 16},
				KC:             768,
				Narrow:         8,
				PackMR:         14,
				PackScalars:    packScalars14F32,
				PackImages:     avx512F32.PackImages,
				PackImageLanes: avx512F32.PackImageLanes,
				PackPixelLanes: avx512F32.PackPixelLanes,
				CopyTiles:      simd.CopyTiles,
				FlipWaste:      52,
				Squares:        8,
				Kernels: []blocked.Kernel[float32]{
					{MR: 14, NR: 32, Compute: avx512Tile32F32, PanelRows: 14, VecStride: 32},
					{MR: 14, NR: 16, Compute: avx512Tile16F32, PanelRows: 14, VecStride: 32},
					{MR: 14, NR: 8, Compute: avx512Tile8F32, PanelRows: 14, VecStride: 32},
				},
				Merge:      avx512MergeF32,
				Copy:       avx512CopyF32,
				PackPanels: avx512Panels32F32,
				Transpose:  avx512TransposeF32,
			},
			f64: blocked.Micro[float64]{
				Tile:           kernels.Tile{MR: 14, NR: 16, Lanes: 8},
				KC:             384,
				Narrow:         4,
				PackMR:         14,
				PackScalars:    packScalars14F64,
				PackImages:     avx512F64.PackImages,
				PackImageLanes: avx512F64.PackImageLanes,
				PackPixelLanes: avx512F64.PackPixelLanes,
				CopyTiles:      simd.CopyTiles,
				FlipWaste:      12,
				Squares:        8,
				Kernels: []blocked.Kernel[float64]{
					{MR: 14, NR: 16, Compute: avx512Tile16F64, PanelRows: 14, VecStride: 16},
					{MR: 14, NR: 8, Compute: avx512Tile8F64, PanelRows: 14, VecStride: 16},
					{MR: 14, NR: 4, Compute: avx512Tile4F64, PanelRows: 14, VecStride: 16},
				},
				Merge:      avx512MergeF64,
				Copy:       avx512CopyF64,
				PackPanels: avx512Panels16F64,
				Transpose:  avx512TransposeF64,
			},
			wideF32:  wide[float32]{avx512Tile48F32, avx512Panels48F32},
			wideF64:  wide[float64]{avx512Tile24F64, avx512Panels24F64},
			simdF32:  avx512F32,
			simdF64:  avx512F64,
			integers: vnniIntegers(),
		},
		{
			name:     "avx2",
			features: []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3},
			f32: blocked.Micro[float32]{
				Tile:             kernels.Tile{MR: 6, NR: 16, Lanes: 8},
				Narrow:           4,
				KC:               256,
				PackMR:           6,
				PackScalars:      packScalars6F32,
				PackImages:       avx2F32.PackImages,
				OneVectorPenalty: 4,
				Kernels: []blocked.Kernel[float32]{
					{MR: 6, NR: 16, Compute: avx2Tile16F32, PanelRows: 6, VecStride: 16},
					{MR: 12, NR: 8, Compute: avx2Tile8F32, PanelRows: 6, VecStride: 16},
					{MR: 12, NR: 4, Compute: avx2Tile4F32, PanelRows: 6, VecStride: 16},
				},
				Merge:      avx2MergeF32,
				Copy:       avx2CopyF32,
				PackPanels: avx2Panels16F32,
				Transpose:  avx2TransposeF32,
			},
			f64: blocked.Micro[float64]{
				Tile:             kernels.Tile{MR: 6, NR: 8, Lanes: 4},
				Narrow:           2,
				KC:               192,
				PackMR:           6,
				PackScalars:      packScalars6F64,
				PackImages:       avx2F64.PackImages,
				OneVectorPenalty: 4,
				Kernels: []blocked.Kernel[float64]{
					{MR: 6, NR: 8, Compute: avx2Tile8F64, PanelRows: 6, VecStride: 8},
					{MR: 12, NR: 4, Compute: avx2Tile4F64, PanelRows: 6, VecStride: 8},
					{MR: 12, NR: 2, Compute: avx2Tile2F64, PanelRows: 6, VecStride: 8},
				},
				Merge:      avx2MergeF64,
				Copy:       avx2CopyF64,
				PackPanels: avx2Panels8F64,
				Transpose:  avx2TransposeF64,
			},
			sharedF32: []blocked.Kernel[float32]{
				{MR: 4, NR: 18, Compute: avx2Shared18F32},
				{MR: 8, NR: 10, Compute: avx2Shared10F32},
			},
			sharedF64: []blocked.Kernel[float64]{{MR: 4, NR: 10, Compute: avx2Shared10F64}},
			simdF32:   avx2F32,
			simdF64:   avx2F64,
			integers:  avx2Integers(),
		},
	}
}

// A row is one instruction set: what it asks of the CPU and what it offers.
type row struct {
	name     string
	features []cpuid.FeatureID
	f32      blocked.Micro[float32]
	f64      blocked.Micro[float64]
	wideF32  wide[float32]
	wideF64  wide[float64]
	// Kernels of blocked.Micro.Shared for products, or nil.
	sharedF32 []blocked.Kernel[float32]
	sharedF64 []blocked.Kernel[float64]
	simdF32   simd.Kernels[float32]
	simdF64   simd.Kernels[float64]
	integers  *bfp.Kernels // of first layers
}

// A wide has the tiles of 8 rows and three vectors for products whose first matrix is not transposed, and the copy of
// vectors to panels for them. The functions are nil if a set has no such tiles.
type wide[T kernels.Float] struct {
	tile   func(*blocked.Tiles[T])
	panels func(*blocked.Move[T])
}

// inPlace returns a Micro whose widest tiles are those of w, and which reads operands in place.
func inPlace[T kernels.Float](m blocked.Micro[T], w wide[T]) blocked.Micro[T] {
	m.Tile = kernels.Tile{MR: 8, NR: 3 * m.Tile.Lanes, Lanes: m.Tile.Lanes}
	m.InPlace, m.KC, m.PackMR, m.PackScalars, m.PackPanels = true, kernels.Piece, 0, nil, w.panels
	m.Kernels = append([]blocked.Kernel[T]{{MR: 8, NR: m.Tile.NR, Compute: w.tile}}, m.Kernels...)
	return m
}

// packing is the choice of the set avx2. It is a variable, because it is that of the machine: each call of All makes new
// sets, and none should measure again.
var packing choice

// A choice says when products of each type pack.
type choice struct {
	env      sync.Once
	f32, f64 blocked.Packing
}

// fix takes the choice from the environment.
func (c *choice) fix() {
	c.env.Do(func() {
		if value := os.Getenv(EnvPacking); value != "" {
			_, _ = c.f32.Fix(value), c.f64.Fix(value) // Best reports a wrong value
		}
	})
}

// String returns text such as "f32 packs before, f64 packs first", without types that had no large product.
func (c *choice) String() string {
	var all []string
	for _, t := range []struct {
		name string
		when *blocked.Packing
	}{{"f32", &c.f32}, {"f64", &c.f64}} {
		if text := t.when.String(); text != "" {
			all = append(all, t.name+" packs "+text)
		}
	}
	return strings.Join(all, ", ")
}

// grouped returns a Micro for products, which packs vectors while the first tile is computed, and whose blocks are
// whole pieces.
func grouped[T kernels.Float](m blocked.Micro[T], shared []blocked.Kernel[T], pack func(*blocked.Move[T]), when *blocked.Packing) blocked.Micro[T] {
	m.Groups, m.PackTile, m.Packing = true, true, when
	m.Block, m.KC, m.Shared, m.PackShared = 256*m.KC, kernels.Piece, shared, pack
	return m
}

// vnniIntegers returns the kernels of the set avx512 for integers. CPUs without VNNI use those of AVX2.
func vnniIntegers() *bfp.Kernels {
	if !cpuid.CPU.Supports(cpuid.AVX512VNNI, cpuid.BMI2) {
		return avx2Integers()
	}
	return &bfp.Kernels{
		Pixels: 4, Rows: 12, Block: 96, Terms: 257, Base: 256, SplitTerms: 65792, Pairs: true, Load: vnniLoad,
		Interleave: vnniInterleave, Top: vnniTop, Round: vnniRound, Sum: vnniSum, Output: vnniOutput, Step: vnniStep,
		// On Emerald Rapids, 8 units take 0.76 of the time of a panel, or 0.96 if there are 48 other units. 11 units take 1.06 or 1.04.
		Units: &bfp.UnitKernels{Most: 8, SumRows: vnniSumRows, SumPixels: vnniSumPixels, Round: vnniRoundUnit, Step: vnniStepUnit},
	}
}

func avx2Integers() *bfp.Kernels {
	return &bfp.Kernels{
		Pixels: 2, Rows: 6, Block: 48, Terms: 258, Base: 65536, SplitTerms: 256, Load: avx2Load,
		Interleave: avx2Interleave, Top: avx2Top, Round: avx2Round, Sum: avx2Sum, Output: avx2Output, Step: avx2Step,
	}
}

// integerKernels returns the kernels of a set for first layers in integers, or nil.
func integerKernels(name string) *bfp.Kernels {
	for _, r := range rows() {
		if r.name == name {
			return r.integers
		}
	}
	return nil
}

func (r *row) set() *kernels.Set {
	s := reference.New()
	s.Name, s.Class = r.name, kernels.FMA
	for _, f := range r.features {
		s.Features = append(s.Features, f.String())
	}
	s.F32.Tile, s.F32.Gemm = r.f32.Tile, blocked.Gemm(r.f32)
	s.F64.Tile, s.F64.Gemm = r.f64.Tile, blocked.Gemm(r.f64)
	if r.sharedF32 != nil {
		s.F32.Gemm = blocked.Gemm(grouped(r.f32, r.sharedF32, avx2PackSharedF32, &packing.f32))
		s.F64.Gemm = blocked.Gemm(grouped(r.f64, r.sharedF64, avx2PackSharedF64, &packing.f64))
		s.Choices = packing.String
	}
	if r.wideF32.tile != nil {
		s.F32.Gemm = blocked.GemmOf(r.f32, inPlace(r.f32, r.wideF32))
		s.F64.Gemm = blocked.GemmOf(r.f64, inPlace(r.f64, r.wideF64))
	}
	r.simdF32.Override(&s.F32)
	r.simdF64.Override(&s.F64)
	s.F32.Layout = blocked.Layouts(r.f32, &s.F32)
	s.F64.Layout = blocked.Layouts(r.f64, &s.F64)
	return s
}

// native returns the assembly sets that this CPU and its operating system can run,
// widest first. cpuid reports a vector feature only if the system saves its registers.
func native() []*kernels.Set {
	packing.fix()
	var sets []*kernels.Set
	for _, r := range rows() {
		if cpuid.CPU.Supports(r.features...) {
			sets = append(sets, r.set())
		}
	}
	return sets
}

// missing returns the rows that this CPU or its operating system cannot run.
func missing() []Absence {
	var out []Absence
	for _, r := range rows() {
		var lacks []string
		for _, f := range r.features {
			if !cpuid.CPU.Supports(f) {
				lacks = append(lacks, f.String())
			}
		}
		if lacks != nil {
			out = append(out, Absence{r.name, "this machine lacks " + strings.Join(lacks, ", ")})
		}
	}
	return out
}

// peakLoop returns the loop of the set's row for type T and the floating-point
// operations in one round of it, or nil.
func peakLoop[T kernels.Float](name string) (loop func(rounds int), flopPerRound int) {
	var zero T
	for _, r := range rows() {
		if r.name != name {
			continue
		}
		if _, ok := any(zero).(float32); ok {
			return r.simdF32.Peak, r.simdF32.PeakFLOP
		}
		return r.simdF64.Peak, r.simdF64.PeakFLOP
	}
	return nil, 0
}
