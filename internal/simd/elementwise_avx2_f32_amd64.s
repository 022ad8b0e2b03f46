//go:build !purego

// The elementwise kernels for AVX2 and FMA3 and float32; elementwise_amd64.h has their text.

#include "textflag.h"
#include "vector_avx2.h"
#include "vector_f32.h"
#include "elementwise_amd64.h"

// func reluAVX2F32(dst, x *float32, n int)
TEXT ·reluAVX2F32(SB), NOSPLIT, $0-24
	RELU
	VZEROUPPER
	RET

// func reluGradAVX2F32(dx, dy, x *float32, rows, cols, dxStride, dyStride, xStride int)
TEXT ·reluGradAVX2F32(SB), NOSPLIT, $0-64
	RELUGRAD
	VZEROUPPER
	RET

// func addBiasAVX2F32(dst, x, bias *float32, rows, cols, dstStride, xStride int)
TEXT ·addBiasAVX2F32(SB), NOSPLIT, $0-56
	ADDBIAS
	VZEROUPPER
	RET

// func biasReLUAVX2F32(dst, x, bias *float32, rows, cols, dstStride, xStride int)
TEXT ·biasReLUAVX2F32(SB), NOSPLIT, $0-56
	BIASRELU
	VZEROUPPER
	RET

// func softmaxRowsAVX2F32(dx, x *float32, rows, cols, dxStride, xStride int, y *int, n float32, sum, shifted *float32)
TEXT ·softmaxRowsAVX2F32(SB), NOSPLIT, $0-80
	SOFTMAXROWS
	VZEROUPPER
	RET

// func expAVX2F32(dst, x *float32, n int)
TEXT ·expAVX2F32(SB), NOSPLIT, $0-24
	EXPX
	VZEROUPPER
	RET

// func scaleAVX2F32(alpha float32, x, y *float32, n int)
TEXT ·scaleAVX2F32(SB), NOSPLIT, $0-32
	SCALEX
	VZEROUPPER
	RET

// func axpbyAVX2F32(alpha float32, x *float32, beta float32, y *float32, n int)
TEXT ·axpbyAVX2F32(SB), NOSPLIT, $0-40
	AXPBY
	VZEROUPPER
	RET

// func sumSquaresAVX2F32(x *float32, n int) float32
TEXT ·sumSquaresAVX2F32(SB), NOSPLIT, $0-20
	SUMSQUARES
	VMOVSS X4, ret+16(FP)
	VZEROUPPER
	RET

// func addSquaresAVX2F32(dst, x *float32, n, turns int)
TEXT ·addSquaresAVX2F32(SB), NOSPLIT, $0-32
	ADDSQUARES
	VZEROUPPER
	RET

// func colSumsAVX2F32(dst, x *float32, rows, cols, stride int)
TEXT ·colSumsAVX2F32(SB), NOSPLIT, $0-40
	COLSUMS
	VZEROUPPER
	RET

// func subMeanAVX2F32(dst *float32, src *uint8, mean *float32, n int)
TEXT ·subMeanAVX2F32(SB), NOSPLIT, $0-32
	SUBMEAN
	VZEROUPPER
	RET
