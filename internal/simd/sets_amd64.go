//go:build !purego

package simd

// peakMulAdds is the number of multiply-adds per lane in a round of the peak loops.
const peakMulAdds = 24

// AVX2F32 returns the float32 kernels of AVX2. They need AVX2 and FMA3.
func AVX2F32() Kernels[float32] {
	return Kernels[float32]{
		Override: elementwise[float32]{
			relu:        reluAVX2F32,
			reluGrad:    reluGradAVX2F32,
			addBias:     addBiasAVX2F32,
			biasReLU:    biasReLUAVX2F32,
			softmaxLoss: softmaxLossAVX2F32,
			scale:       scaleAVX2F32,
			axpby:       axpbyAVX2F32,
			sumSquares:  sumSquaresAVX2F32,
			addSquares:  addSquaresAVX2F32,
			colSums:     colSumsAVX2F32,
			subMean:     subMeanAVX2F32,
		}.override,
		PackImages: packImagesF32,
		Peak:       avx2PeakF32,
		PeakFLOP:   2 * peakMulAdds * 8,
	}
}

// AVX2F64 returns the float64 kernels of AVX2. They need AVX2 and FMA3.
func AVX2F64() Kernels[float64] {
	return Kernels[float64]{
		Override: elementwise[float64]{
			relu:        reluAVX2F64,
			reluGrad:    reluGradAVX2F64,
			addBias:     addBiasAVX2F64,
			biasReLU:    biasReLUAVX2F64,
			softmaxLoss: softmaxLossAVX2F64,
			scale:       scaleAVX2F64,
			axpby:       axpbyAVX2F64,
			sumSquares:  sumSquaresAVX2F64,
			addSquares:  addSquaresAVX2F64,
			colSums:     colSumsAVX2F64,
			subMean:     subMeanAVX2F64,
		}.override,
		PackImages: packImagesF64,
		Peak:       avx2PeakF64,
		PeakFLOP:   2 * peakMulAdds * 4,
	}
}

// AVX512F32 returns the float32 kernels of AVX-512. They need AVX512F, AVX512BW, AVX512DQ and
// AVX512VL. The elementwise kernels return the same bits as those of [AVX2F32].
func AVX512F32() Kernels[float32] {
	return Kernels[float32]{
		Override: elementwise[float32]{
			relu:        reluAVX512F32,
			reluGrad:    reluGradAVX512F32,
			addBias:     addBiasAVX512F32,
			biasReLU:    biasReLUAVX512F32,
			softmaxLoss: softmaxLossAVX512F32,
			scale:       scaleAVX512F32,
			axpby:       axpbyAVX512F32,
			sumSquares:  sumSquaresAVX512F32,
			addSquares:  addSquaresAVX512F32,
			colSums:     colSumsAVX512F32,
			subMean:     subMeanAVX512F32,
		}.override,
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
		Override: elementwise[float64]{
			relu:        reluAVX512F64,
			reluGrad:    reluGradAVX512F64,
			addBias:     addBiasAVX512F64,
			biasReLU:    biasReLUAVX512F64,
			softmaxLoss: softmaxLossAVX512F64,
			scale:       scaleAVX512F64,
			axpby:       axpbyAVX512F64,
			sumSquares:  sumSquaresAVX512F64,
			addSquares:  addSquaresAVX512F64,
			colSums:     colSumsAVX512F64,
			subMean:     subMeanAVX512F64,
		}.override,
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
