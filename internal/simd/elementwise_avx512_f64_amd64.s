//go:build !purego

// The elementwise kernels for AVX-512 F, DQ and float64; elementwise_amd64.h has their text.

#include "textflag.h"
#include "vector_avx512.h"
#include "vector_f64.h"
#include "elementwise_amd64.h"

// func reluAVX512F64(dst, x *float64, n int)
TEXT ·reluAVX512F64(SB), NOSPLIT, $0-24
	RELU
	VZEROUPPER
	RET

// func reluGradAVX512F64(dx, dy, x *float64, rows, cols, dxStride, dyStride, xStride int)
TEXT ·reluGradAVX512F64(SB), NOSPLIT, $0-64
	RELUGRAD
	VZEROUPPER
	RET

// func addBiasAVX512F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)
TEXT ·addBiasAVX512F64(SB), NOSPLIT, $0-56
	ADDBIAS
	VZEROUPPER
	RET

// func biasReLUAVX512F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)
TEXT ·biasReLUAVX512F64(SB), NOSPLIT, $0-56
	BIASRELU
	VZEROUPPER
	RET

// func softmaxRowsAVX512F64(dx, x *float64, rows, cols, dxStride, xStride int, y *int, n float64, sum, shifted *float64)
TEXT ·softmaxRowsAVX512F64(SB), NOSPLIT, $0-80
	SOFTMAXROWS
	VZEROUPPER
	RET

// func expAVX512F64(dst, x *float64, n int)
TEXT ·expAVX512F64(SB), NOSPLIT, $0-24
	EXPX
	VZEROUPPER
	RET

// func scaleAVX512F64(alpha float64, x, y *float64, n int)
TEXT ·scaleAVX512F64(SB), NOSPLIT, $0-32
	SCALEX
	VZEROUPPER
	RET

// func axpbyAVX512F64(alpha float64, x *float64, beta float64, y *float64, n int)
TEXT ·axpbyAVX512F64(SB), NOSPLIT, $0-40
	AXPBY
	VZEROUPPER
	RET

// func sumSquaresAVX512F64(x *float64, n int) float64
TEXT ·sumSquaresAVX512F64(SB), NOSPLIT, $0-24
	SUMSQUARES
	VMOVSD X4, ret+16(FP)
	VZEROUPPER
	RET

// func addSquaresAVX512F64(dst, x *float64, n, turns int)
TEXT ·addSquaresAVX512F64(SB), NOSPLIT, $0-32
	ADDSQUARES
	VZEROUPPER
	RET

// func colSumsAVX512F64(dst, x *float64, rows, cols, stride int)
TEXT ·colSumsAVX512F64(SB), NOSPLIT, $0-40
	COLSUMS
	VZEROUPPER
	RET

// func subMeanAVX512F64(dst *float64, src *uint8, mean *float64, n int)
TEXT ·subMeanAVX512F64(SB), NOSPLIT, $0-32
	SUBMEAN
	VZEROUPPER
	RET
