//go:build !purego

// Loops that reach the peak rate of fused multiply-adds. They run 24 or 12 independent chains
// x ← x·x + x of zeros. No CPU multiplies zeros more slowly than other numbers. A latency of four
// or five cycles times two units needs at most 10 chains.
//
// Registers: CX rounds left, Z0…Z23 or Y0…Y11 the chains.

#include "textflag.h"

#define CHAINS12(FMA, x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11) \
	FMA x0, x0, x0; \
	FMA x1, x1, x1; \
	FMA x2, x2, x2; \
	FMA x3, x3, x3; \
	FMA x4, x4, x4; \
	FMA x5, x5, x5; \
	FMA x6, x6, x6; \
	FMA x7, x7, x7; \
	FMA x8, x8, x8; \
	FMA x9, x9, x9; \
	FMA x10, x10, x10; \
	FMA x11, x11, x11

#define ZERO4(x0, x1, x2, x3) \
	VXORPS x0, x0, x0; \
	VXORPS x1, x1, x1; \
	VXORPS x2, x2, x2; \
	VXORPS x3, x3, x3

#define PEAK512(FMA) \
	MOVQ rounds+0(FP), CX; \
	VZEROALL; \
	ZERO4(Z16, Z17, Z18, Z19); \
	ZERO4(Z20, Z21, Z22, Z23); \
	PCALIGN $32; \
loop: \
	CHAINS12(FMA, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11); \
	CHAINS12(FMA, Z12, Z13, Z14, Z15, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23); \
	DECQ CX; \
	JNZ  loop; \
	VZEROUPPER; \
	RET

#define PEAK256(FMA) \
	MOVQ rounds+0(FP), CX; \
	VZEROALL; \
	PCALIGN $32; \
loop: \
	CHAINS12(FMA, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11); \
	CHAINS12(FMA, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11); \
	DECQ CX; \
	JNZ  loop; \
	VZEROUPPER; \
	RET

// func avx512PeakF32(rounds int)
// Requires: AVX512F, AVX512DQ
TEXT ·avx512PeakF32(SB), NOSPLIT, $0-8
	PEAK512(VFMADD231PS)

// func avx512PeakF64(rounds int)
// Requires: AVX512F, AVX512DQ
TEXT ·avx512PeakF64(SB), NOSPLIT, $0-8
	PEAK512(VFMADD231PD)

// func avx2PeakF32(rounds int)
// Requires: AVX2, FMA3
TEXT ·avx2PeakF32(SB), NOSPLIT, $0-8
	PEAK256(VFMADD231PS)

// func avx2PeakF64(rounds int)
// Requires: AVX2, FMA3
TEXT ·avx2PeakF64(SB), NOSPLIT, $0-8
	PEAK256(VFMADD231PD)
