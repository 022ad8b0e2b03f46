//go:build !purego

// The elementwise kernels for AVX2 and FMA3 and float64; elementwise_amd64.h has their text.

#include "textflag.h"
#include "vector_avx2.h"
#include "vector_f64.h"
#include "elementwise_amd64.h"

// func reluAVX2F64(dst, x *float64, n int)
TEXT ·reluAVX2F64(SB), NOSPLIT, $0-24
	RELU
	VZEROUPPER
	RET

// func reluGradAVX2F64(dx, dy, x *float64, rows, cols, dxStride, dyStride, xStride int)
TEXT ·reluGradAVX2F64(SB), NOSPLIT, $0-64
	RELUGRAD
	VZEROUPPER
	RET

// func addBiasAVX2F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)
TEXT ·addBiasAVX2F64(SB), NOSPLIT, $0-56
	ADDBIAS
	VZEROUPPER
	RET

// func biasReLUAVX2F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)
TEXT ·biasReLUAVX2F64(SB), NOSPLIT, $0-56
	BIASRELU
	VZEROUPPER
	RET

// func softmaxRowsAVX2F64(dx, x *float64, rows, cols, dxStride, xStride int, y *int, n float64, sum, shifted *float64)
TEXT ·softmaxRowsAVX2F64(SB), NOSPLIT, $0-80
	SOFTMAXROWS
	VZEROUPPER
	RET

// func expAVX2F64(dst, x *float64, n int)
TEXT ·expAVX2F64(SB), NOSPLIT, $0-24
	EXPX
	VZEROUPPER
	RET

// func scaleAVX2F64(alpha float64, x, y *float64, n int)
TEXT ·scaleAVX2F64(SB), NOSPLIT, $0-32
	SCALEX
	VZEROUPPER
	RET

// func axpbyAVX2F64(alpha float64, x *float64, beta float64, y *float64, n int)
TEXT ·axpbyAVX2F64(SB), NOSPLIT, $0-40
	AXPBY
	VZEROUPPER
	RET

// func sumSquaresAVX2F64(x *float64, n int) float64
TEXT ·sumSquaresAVX2F64(SB), NOSPLIT, $0-24
	SUMSQUARES
	VMOVSD X4, ret+16(FP)
	VZEROUPPER
	RET

// func addSquaresAVX2F64(dst, x *float64, n, turns int)
TEXT ·addSquaresAVX2F64(SB), NOSPLIT, $0-32
	ADDSQUARES
	VZEROUPPER
	RET

// func colSumsAVX2F64(dst, x *float64, rows, cols, stride int)
TEXT ·colSumsAVX2F64(SB), NOSPLIT, $0-40
	COLSUMS
	VZEROUPPER
	RET

// func subMeanAVX2F64(dst *float64, src *uint8, mean *float64, n int)
TEXT ·subMeanAVX2F64(SB), NOSPLIT, $0-32
	SUBMEAN
	VZEROUPPER
	RET
