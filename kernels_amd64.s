//go:build !purego

// The matrix product's micro-kernels. kernels_amd64.go lists them in the same
// order, with the features that they require. A kernel's body stands in a file of
// its own, once for all types and widths of an instruction set:
//
//	strip_avx512_amd64.h  strip_avx2_amd64.h  t = Σ S·V, out ← β·out + α·t
//	move_avx512_amd64.h   move_avx2_amd64.h   copies and transposes
//
// The operands are described at kernels.Strip and kernels.Move; const_ names are
// offsets of their fields, from kernels_amd64.go.

#include "go_asm.h"
#include "textflag.h"

// ---- AVX-512 ----------------------------------------------------------------
//
// Requires: AVX512F, AVX512DQ (VFPCLASS), AVX512VL (the narrow strips).

#define A0 Z4
#define A1 Z6
#define A2 Z8
#define A3 Z10
#define A4 Z12
#define A5 Z14
#define A6 Z16
#define A7 Z18
#define A8 Z20
#define A9 Z22
#define A10 Z24
#define A11 Z26
#define A12 Z28
#define A13 Z30
#define B0 Z5
#define B1 Z7
#define B2 Z9
#define B3 Z11
#define B4 Z13
#define B5 Z15
#define B6 Z17
#define B7 Z19
#define B8 Z21
#define B9 Z23
#define B10 Z25
#define B11 Z27
#define B12 Z29
#define B13 Z31

// Two vectors per row: Z4…Z31 hold the sums.
#define V0 Z0
#define V1 Z1
#define T0 Z2
#define T1 Z3
#define ROWBYTES 128
#define VECTORS MOVU (SI), V0; MOVUZ 64(SI), K1, V1
#define ROW(s, t, a, b) BCAST s, t; FMA t, V0, a; FMA t, V1, b
#define ZERO(a, b) VPXORQ a, a, a; VPXORQ b, b, b
#define RESUME(a, b) MOVU (R11), a; MOVU 64(R11), b; ADDQ $128, R11; DECQ CX; JZ start
#define SAVE(a, b) MOVU a, (R11); MOVU b, 64(R11); ADDQ $128, R11; DECQ R15; JZ next
#define STORE(a, b) MOVU a, (AX); MOVU b, K1, 64(AX); ADDQ R10, AX; DECQ R15; JZ next
#define SET(a, b) MUL T1, a, a; MUL T1, b, b; STORE(a, b)
#define MERGEROW(a, b) \
	BCAST  (R8), T0; \
	ADDQ   R9, R8; \
	ISZERO $6, T0, K3; \
	KNOTW  K3, K2; \
	KANDNW K1, K3, K3; \
	MUL    T1, a, a; \
	MUL    T1, b, b; \
	FMA    (AX), T0, K2, a; \
	FMA    64(AX), T0, K3, b; \
	STORE(a, b)
#define COLBETA \
	MOVU   (R8), V0; \
	MOVUZ  64(R8), K1, V1; \
	ISZERO $6, V0, K2; \
	ISZERO $6, V1, K3; \
	KNOTW  K2, K2; \
	KANDNW K1, K3, K3
#define MERGECOL(a, b) \
	MUL T1, a, a; \
	MUL T1, b, b; \
	FMA (AX), V0, K2, a; \
	FMA 64(AX), V1, K3, b; \
	STORE(a, b)


#define LOG 2
#define LANEMASK 15
#define LANES 16
#define FMA VFMADD231PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MOVUZ VMOVUPS.Z
#define BCAST VBROADCASTSS
#define ISZERO VFPCLASSPSZ
#define FMABCST VFMADD231PS.BCST

// func avx512Strip32F32(s *kernels.Strip)
TEXT ·avx512Strip32F32(SB), NOSPLIT, $32-8
	MOVQ s+0(FP), DI
#include "strip_avx512_amd64.h"

#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST

#define LOG 3
#define LANEMASK 7
#define LANES 8
#define FMA VFMADD231PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MOVUZ VMOVUPD.Z
#define BCAST VBROADCASTSD
#define ISZERO VFPCLASSPDZ
#define FMABCST VFMADD231PD.BCST

// func avx512Strip16F64(s *kernels.Strip)
TEXT ·avx512Strip16F64(SB), NOSPLIT, $32-8
	MOVQ s+0(FP), DI
#include "strip_avx512_amd64.h"

#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST

#undef ROWBYTES
#undef VECTORS
#undef ROW
#undef ZERO
#undef RESUME
#undef SAVE
#undef STORE
#undef SET
#undef MERGEROW
#undef COLBETA
#undef MERGECOL

// One vector per row: A0…A13 hold the sums.
#define ROWBYTES 64
#define VECTORS MOVUZ (SI), K1, V0
#define ROW(s, t, a, b) FMABCST s, V0, a
#define ZERO(a, b) VPXORQ a, a, a
#define RESUME(a, b) MOVU (R11), a; ADDQ $ROWBYTES, R11; DECQ CX; JZ start
#define SAVE(a, b) MOVU a, (R11); ADDQ $ROWBYTES, R11; DECQ R15; JZ next
#define STORE(a, b) MOVU a, K1, (AX); ADDQ R10, AX; DECQ R15; JZ next
#define SET(a, b) MUL T1, a, a; STORE(a, b)
#define MERGEROW(a, b) \
	BCAST  (R8), T0; \
	ADDQ   R9, R8; \
	ISZERO $6, T0, K3; \
	KANDNW K1, K3, K3; \
	MUL    T1, a, a; \
	FMA    (AX), T0, K3, a; \
	STORE(a, b)
#define COLBETA \
	MOVUZ  (R8), K1, V0; \
	ISZERO $6, V0, K3; \
	KANDNW K1, K3, K3
#define MERGECOL(a, b) \
	MUL T1, a, a; \
	FMA (AX), V0, K3, a; \
	STORE(a, b)

#define LOG 2
#define LANEMASK 15
#define LANES 16
#define FMA VFMADD231PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MOVUZ VMOVUPS.Z
#define BCAST VBROADCASTSS
#define ISZERO VFPCLASSPSZ
#define FMABCST VFMADD231PS.BCST

// func avx512Strip16F32(s *kernels.Strip)
TEXT ·avx512Strip16F32(SB), NOSPLIT, $32-8
	MOVQ s+0(FP), DI
#include "strip_avx512_amd64.h"

#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST

#define LOG 3
#define LANEMASK 7
#define LANES 8
#define FMA VFMADD231PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MOVUZ VMOVUPD.Z
#define BCAST VBROADCASTSD
#define ISZERO VFPCLASSPDZ
#define FMABCST VFMADD231PD.BCST

// func avx512Strip8F64(s *kernels.Strip)
TEXT ·avx512Strip8F64(SB), NOSPLIT, $32-8
	MOVQ s+0(FP), DI
#include "strip_avx512_amd64.h"

#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST

// One half vector per row, at half the cost: the same in Y registers.
#undef A0
#undef A1
#undef A2
#undef A3
#undef A4
#undef A5
#undef A6
#undef A7
#undef A8
#undef A9
#undef A10
#undef A11
#undef A12
#undef A13
#undef V0
#undef T0
#undef T1
#undef ROWBYTES
#define A0 Y4
#define A1 Y5
#define A2 Y6
#define A3 Y7
#define A4 Y8
#define A5 Y9
#define A6 Y10
#define A7 Y11
#define A8 Y12
#define A9 Y13
#define A10 Y14
#define A11 Y15
#define A12 Y16
#define A13 Y17
#define V0 Y0
#define T0 Y2
#define T1 Y3
#define ROWBYTES 32

#define LOG 2
#define LANEMASK 7
#define LANES 8
#define FMA VFMADD231PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MOVUZ VMOVUPS.Z
#define BCAST VBROADCASTSS
#define ISZERO VFPCLASSPSY
#define FMABCST VFMADD231PS.BCST

// func avx512Strip8F32(s *kernels.Strip)
TEXT ·avx512Strip8F32(SB), NOSPLIT, $32-8
	MOVQ s+0(FP), DI
#include "strip_avx512_amd64.h"

#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST

#define LOG 3
#define LANEMASK 3
#define LANES 4
#define FMA VFMADD231PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MOVUZ VMOVUPD.Z
#define BCAST VBROADCASTSD
#define ISZERO VFPCLASSPDY
#define FMABCST VFMADD231PD.BCST

// func avx512Strip4F64(s *kernels.Strip)
TEXT ·avx512Strip4F64(SB), NOSPLIT, $32-8
	MOVQ s+0(FP), DI
#include "strip_avx512_amd64.h"

#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST

#undef ROWBYTES
#undef VECTORS
#undef ROW
#undef ZERO
#undef RESUME
#undef SAVE
#undef STORE
#undef SET
#undef MERGEROW
#undef COLBETA
#undef MERGECOL
#undef A0
#undef A1
#undef A2
#undef A3
#undef A4
#undef A5
#undef A6
#undef A7
#undef A8
#undef A9
#undef A10
#undef A11
#undef A12
#undef A13
#undef B0
#undef B1
#undef B2
#undef B3
#undef B4
#undef B5
#undef B6
#undef B7
#undef B8
#undef B9
#undef B10
#undef B11
#undef B12
#undef B13
#undef V0
#undef V1
#undef T0
#undef T1

// Copies and transposes.

#define TRANSPOSE16 \
	VUNPCKLPS Z1, Z0, Z16; VUNPCKHPS Z1, Z0, Z17; \
	VUNPCKLPS Z3, Z2, Z18; VUNPCKHPS Z3, Z2, Z19; \
	VUNPCKLPS Z5, Z4, Z20; VUNPCKHPS Z5, Z4, Z21; \
	VUNPCKLPS Z7, Z6, Z22; VUNPCKHPS Z7, Z6, Z23; \
	VUNPCKLPS Z9, Z8, Z24; VUNPCKHPS Z9, Z8, Z25; \
	VUNPCKLPS Z11, Z10, Z26; VUNPCKHPS Z11, Z10, Z27; \
	VUNPCKLPS Z13, Z12, Z28; VUNPCKHPS Z13, Z12, Z29; \
	VUNPCKLPS Z15, Z14, Z30; VUNPCKHPS Z15, Z14, Z31; \
	VUNPCKLPD Z18, Z16, Z0; VUNPCKHPD Z18, Z16, Z1; \
	VUNPCKLPD Z19, Z17, Z2; VUNPCKHPD Z19, Z17, Z3; \
	VUNPCKLPD Z22, Z20, Z4; VUNPCKHPD Z22, Z20, Z5; \
	VUNPCKLPD Z23, Z21, Z6; VUNPCKHPD Z23, Z21, Z7; \
	VUNPCKLPD Z26, Z24, Z8; VUNPCKHPD Z26, Z24, Z9; \
	VUNPCKLPD Z27, Z25, Z10; VUNPCKHPD Z27, Z25, Z11; \
	VUNPCKLPD Z30, Z28, Z12; VUNPCKHPD Z30, Z28, Z13; \
	VUNPCKLPD Z31, Z29, Z14; VUNPCKHPD Z31, Z29, Z15; \
	VSHUFF32X4 $0x88, Z4, Z0, Z16; VSHUFF32X4 $0xdd, Z4, Z0, Z20; \
	VSHUFF32X4 $0x88, Z12, Z8, Z24; VSHUFF32X4 $0xdd, Z12, Z8, Z28; \
	VSHUFF32X4 $0x88, Z5, Z1, Z17; VSHUFF32X4 $0xdd, Z5, Z1, Z21; \
	VSHUFF32X4 $0x88, Z13, Z9, Z25; VSHUFF32X4 $0xdd, Z13, Z9, Z29; \
	VSHUFF32X4 $0x88, Z6, Z2, Z18; VSHUFF32X4 $0xdd, Z6, Z2, Z22; \
	VSHUFF32X4 $0x88, Z14, Z10, Z26; VSHUFF32X4 $0xdd, Z14, Z10, Z30; \
	VSHUFF32X4 $0x88, Z7, Z3, Z19; VSHUFF32X4 $0xdd, Z7, Z3, Z23; \
	VSHUFF32X4 $0x88, Z15, Z11, Z27; VSHUFF32X4 $0xdd, Z15, Z11, Z31; \
	VSHUFF32X4 $0x88, Z24, Z16, Z0; VSHUFF32X4 $0xdd, Z24, Z16, Z8; \
	VSHUFF32X4 $0x88, Z28, Z20, Z4; VSHUFF32X4 $0xdd, Z28, Z20, Z12; \
	VSHUFF32X4 $0x88, Z25, Z17, Z1; VSHUFF32X4 $0xdd, Z25, Z17, Z9; \
	VSHUFF32X4 $0x88, Z29, Z21, Z5; VSHUFF32X4 $0xdd, Z29, Z21, Z13; \
	VSHUFF32X4 $0x88, Z26, Z18, Z2; VSHUFF32X4 $0xdd, Z26, Z18, Z10; \
	VSHUFF32X4 $0x88, Z30, Z22, Z6; VSHUFF32X4 $0xdd, Z30, Z22, Z14; \
	VSHUFF32X4 $0x88, Z27, Z19, Z3; VSHUFF32X4 $0xdd, Z27, Z19, Z11; \
	VSHUFF32X4 $0x88, Z31, Z23, Z7; VSHUFF32X4 $0xdd, Z31, Z23, Z15
#define TRANSPOSE8 \
	VUNPCKLPD Z1, Z0, Z16; VUNPCKHPD Z1, Z0, Z17; \
	VUNPCKLPD Z3, Z2, Z18; VUNPCKHPD Z3, Z2, Z19; \
	VUNPCKLPD Z5, Z4, Z20; VUNPCKHPD Z5, Z4, Z21; \
	VUNPCKLPD Z7, Z6, Z22; VUNPCKHPD Z7, Z6, Z23; \
	VSHUFF64X2 $0x88, Z18, Z16, Z8; VSHUFF64X2 $0xdd, Z18, Z16, Z10; \
	VSHUFF64X2 $0x88, Z22, Z20, Z12; VSHUFF64X2 $0xdd, Z22, Z20, Z14; \
	VSHUFF64X2 $0x88, Z19, Z17, Z9; VSHUFF64X2 $0xdd, Z19, Z17, Z11; \
	VSHUFF64X2 $0x88, Z23, Z21, Z13; VSHUFF64X2 $0xdd, Z23, Z21, Z15; \
	VSHUFF64X2 $0x88, Z12, Z8, Z0; VSHUFF64X2 $0xdd, Z12, Z8, Z4; \
	VSHUFF64X2 $0x88, Z14, Z10, Z2; VSHUFF64X2 $0xdd, Z14, Z10, Z6; \
	VSHUFF64X2 $0x88, Z13, Z9, Z1; VSHUFF64X2 $0xdd, Z13, Z9, Z5; \
	VSHUFF64X2 $0x88, Z15, Z11, Z3; VSHUFF64X2 $0xdd, Z15, Z11, Z7

#define EACH8(op) \
	op(Z0); op(Z1); op(Z2); op(Z3); op(Z4); op(Z5); op(Z6); op(Z7)
#define EACH16(op) \
	EACH8(op); op(Z8); op(Z9); op(Z10); op(Z11); op(Z12); op(Z13); op(Z14); op(Z15)

#define LOG 2
#define LANEMASK 15
#define LANES 16
#define FMA VFMADD231PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MOVUZ VMOVUPS.Z
#define BCAST VBROADCASTSS
#define ISZERO VFPCLASSPSZ
#define FMABCST VFMADD231PS.BCST
#define COPY
// func avx512CopyF32(m *kernels.Move)
TEXT ·avx512CopyF32(SB), NOSPLIT, $0-8
	MOVQ m+0(FP), DI
#include "move_avx512_amd64.h"
#undef COPY

#define SQUARE TRANSPOSE16
#define EACHROW(op) EACH16(op)
// func avx512TransposeF32(m *kernels.Move)
TEXT ·avx512TransposeF32(SB), NOSPLIT, $8-8
	MOVQ m+0(FP), DI
#include "move_avx512_amd64.h"
#undef SQUARE
#undef EACHROW
#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST

#define LOG 3
#define LANEMASK 7
#define LANES 8
#define FMA VFMADD231PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MOVUZ VMOVUPD.Z
#define BCAST VBROADCASTSD
#define ISZERO VFPCLASSPDZ
#define FMABCST VFMADD231PD.BCST
#define COPY
// func avx512CopyF64(m *kernels.Move)
TEXT ·avx512CopyF64(SB), NOSPLIT, $0-8
	MOVQ m+0(FP), DI
#include "move_avx512_amd64.h"
#undef COPY

#define SQUARE TRANSPOSE8
#define EACHROW(op) EACH8(op)
// func avx512TransposeF64(m *kernels.Move)
TEXT ·avx512TransposeF64(SB), NOSPLIT, $8-8
	MOVQ m+0(FP), DI
#include "move_avx512_amd64.h"
#undef SQUARE
#undef EACHROW
#undef LOG
#undef LANEMASK
#undef LANES
#undef FMA
#undef MUL
#undef MOVU
#undef MOVUZ
#undef BCAST
#undef ISZERO
#undef FMABCST
#undef TRANSPOSE16
#undef TRANSPOSE8
#undef EACH8
#undef EACH16
