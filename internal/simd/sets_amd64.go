//go:build !purego

package simd

// AVX2F32 returns the float32 kernels of AVX2. They need AVX2 and FMA3.
func AVX2F32() Kernels[float32] {
	return Kernels[float32]{
		Override:   elementwiseAVX2F32().override,
		PackImages: packImagesF32,
		Peak:       avx2PeakF32,
		PeakFLOP:   2 * peakMulAdds * 8,
	}
}

// AVX2F64 returns the float64 kernels of AVX2. They need AVX2 and FMA3.
func AVX2F64() Kernels[float64] {
	return Kernels[float64]{
		Override:   elementwiseAVX2F64().override,
		PackImages: packImagesF64,
		Peak:       avx2PeakF64,
		PeakFLOP:   2 * peakMulAdds * 4,
	}
}

// AVX512F32 returns the float32 kernels of AVX-512. They need AVX512F, AVX512BW, AVX512DQ and
// AVX512VL. The elementwise kernels return the same bits as those of [AVX2F32].
func AVX512F32() Kernels[float32] {
	return Kernels[float32]{
		Override:       elementwiseAVX512F32().override,
		PackImages:     avx512PackImagesF32,
		PackImageLanes: avx512PackImageLanesF32,
		PackPixelLanes: avx512PackPixelLanesF32,
		Peak:           avx512PeakF32,
		PeakFLOP:       2 * peakMulAdds * 16,
	}
}

// AVX512F64 returns the float64 kernels of AVX-512. They need AVX512F, AVX512BW, AVX512DQ and
// AVX512VL. The elementwise kernels return the same bits as those of [AVX2F64].
func AVX512F64() Kernels[float64] {
	return Kernels[float64]{
		Override:       elementwiseAVX512F64().override,
		PackImages:     avx512PackImagesF64,
		PackImageLanes: avx512PackImageLanesF64,
		PackPixelLanes: avx512PackPixelLanesF64,
		Peak:           avx512PeakF64,
		PeakFLOP:       2 * peakMulAdds * 8,
	}
}

// CopyTiles copies the pixels of images to tiles. The field of the same name in blocked.Micro
// describes the layout. CopyTiles needs AVX512F.
func CopyTiles(dst []uint8, images, next []*uint8, tiles, stride int) {
	avx512CopyTiles(dst, images, next, tiles, stride)
}
