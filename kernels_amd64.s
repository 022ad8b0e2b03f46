//go:build !purego

// The matrix product's micro-kernels. kernels_amd64.go lists them in the same
// order, with the features that they require. A kernel's body stands in a file of
// its own, once for all types and widths of an instruction set:
//
//	strip_avx512_amd64.h  strip_avx2_amd64.h  t = Σ S·V, out ← β·out + α·t
//	copy_avx512_amd64.h  copy_avx2_amd64.h  transpose_avx512_amd64.h  transpose_avx2_amd64.h
//
// The operands are described at blocked.Strip and blocked.Move; const_ names are
// offsets of their fields, from kernels_offsets_amd64.go.

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
#define VECTORS(at) MOVU (at)(SI), V0; MOVU (at+64)(SI), V1
#define ROW(s, t, a, b) BCAST s, t; FMA t, V0, a; FMA t, V1, b
#define ROWMEM(s, a, b) FMABCST s, V0, a; FMABCST s, V1, b
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
#define MERGEROWWHOLE(a, b) \
	BCAST (R8), T0; \
	ADDQ  R9, R8; \
	FMA   (AX), T0, a; \
	FMA   64(AX), T0, b; \
	MOVU  a, (AX); \
	MOVU  b, 64(AX); \
	ADDQ  R10, AX; \
	DECQ  R15; \
	JZ    next
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
#define ADDSQUARES \
	MOVU (R11)(AX*1), T0; \
	MOVU 64(R11)(AX*1), T1; \
	FMA  V0, V0, T0; \
	FMA  V1, V1, T1; \
	MOVU T0, (R11)(AX*1); \
	MOVU T1, 64(R11)(AX*1); \
	ADDQ $128, AX; \
	ANDQ $(SUMBYTES-1), AX
#define SUMBYTES (128*(256>>LOG)) /* SumLanes rows of both vectors */
#define WHOLEBETA MOVU 64(R8), V1
#define MERGEWHOLE(a, b) \
	FMA  (AX), V0, a; \
	FMA  64(AX), V1, b; \
	MOVU a, (AX); \
	MOVU b, 64(AX); \
	ADDQ R10, AX; \
	DECQ R15; \
	JZ   next

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

// func avx512Strip32F32(s *blocked.Strip)
TEXT ·avx512Strip32F32(SB), NOSPLIT, $80-8
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

// func avx512Strip16F64(s *blocked.Strip)
TEXT ·avx512Strip16F64(SB), NOSPLIT, $80-8
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
#undef ROWMEM
#undef ZERO
#undef RESUME
#undef SAVE
#undef STORE
#undef SET
#undef MERGEROW
#undef MERGEROWWHOLE
#undef COLBETA
#undef MERGECOL
#undef ADDSQUARES
#undef SUMBYTES
#define ADDSQUARES
#undef WHOLEBETA
#undef MERGEWHOLE

// One vector per row: A0…A13 hold the sums.
#define ROWBYTES 64
#define VECTORS(at) MOVU (at)(SI), V0
#define ROW(s, t, a, b) FMABCST s, V0, a
#define ROWMEM(s, a, b) FMABCST s, V0, a
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
#define MERGEROWWHOLE(a, b) \
	BCAST (R8), T0; \
	ADDQ  R9, R8; \
	FMA   (AX), T0, a; \
	MOVU  a, (AX); \
	ADDQ  R10, AX; \
	DECQ  R15; \
	JZ    next
#define COLBETA \
	MOVUZ  (R8), K1, V0; \
	ISZERO $6, V0, K3; \
	KANDNW K1, K3, K3
#define MERGECOL(a, b) \
	MUL T1, a, a; \
	FMA (AX), V0, K3, a; \
	STORE(a, b)
#define WHOLEBETA
#define MERGEWHOLE(a, b) \
	FMA  (AX), V0, a; \
	MOVU a, (AX); \
	ADDQ R10, AX; \
	DECQ R15; \
	JZ   next

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

// func avx512Strip16F32(s *blocked.Strip)
TEXT ·avx512Strip16F32(SB), NOSPLIT, $80-8
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

// func avx512Strip8F64(s *blocked.Strip)
TEXT ·avx512Strip8F64(SB), NOSPLIT, $80-8
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

// func avx512Strip8F32(s *blocked.Strip)
TEXT ·avx512Strip8F32(SB), NOSPLIT, $80-8
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

// func avx512Strip4F64(s *blocked.Strip)
TEXT ·avx512Strip4F64(SB), NOSPLIT, $80-8
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
#undef ROWMEM
#undef ZERO
#undef RESUME
#undef SAVE
#undef STORE
#undef SET
#undef MERGEROW
#undef MERGEROWWHOLE
#undef COLBETA
#undef MERGECOL
#undef WHOLEBETA
#undef MERGEWHOLE
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
#define SQUARE TRANSPOSE16
#define EACHROW(op) EACH16(op)

// func avx512CopyF32(m *blocked.Move)
TEXT ·avx512CopyF32(SB), NOSPLIT, $0-8
	MOVQ m+0(FP), DI
#include "copy_avx512_amd64.h"

// func avx512TransposeF32(m *blocked.Move)
TEXT ·avx512TransposeF32(SB), NOSPLIT, $8-8
	MOVQ m+0(FP), DI
#include "transpose_avx512_amd64.h"
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
#define SQUARE TRANSPOSE8
#define EACHROW(op) EACH8(op)

// func avx512CopyF64(m *blocked.Move)
TEXT ·avx512CopyF64(SB), NOSPLIT, $0-8
	MOVQ m+0(FP), DI
#include "copy_avx512_amd64.h"

// func avx512TransposeF64(m *blocked.Move)
TEXT ·avx512TransposeF64(SB), NOSPLIT, $8-8
	MOVQ m+0(FP), DI
#include "transpose_avx512_amd64.h"
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

// ---- AVX2 -------------------------------------------------------------------
//
// Requires: AVX2, FMA3.

// A mask of n lanes of w bytes starts n·w bytes before the middle.
DATA avx2Lanes<>+0(SB)/8, $0xffffffffffffffff
DATA avx2Lanes<>+8(SB)/8, $0xffffffffffffffff
DATA avx2Lanes<>+16(SB)/8, $0xffffffffffffffff
DATA avx2Lanes<>+24(SB)/8, $0xffffffffffffffff
DATA avx2Lanes<>+32(SB)/8, $0
DATA avx2Lanes<>+40(SB)/8, $0
DATA avx2Lanes<>+48(SB)/8, $0
DATA avx2Lanes<>+56(SB)/8, $0
GLOBL avx2Lanes<>(SB), RODATA|NOPTR, $64


// The first n lanes of y, fewer than a vector, to (at). A masked store takes dozens of
// operations on some CPUs; two or three narrow ones do not. Clobbers y and at.
#define TAILF32(n, y, x, at) \
	BTQ          $2, n; \
	JCC          4(PC); \
	VMOVUPS      x, (at); \
	VEXTRACTF128 $1, y, x; \
	ADDQ         $16, at; \
	BTQ          $1, n; \
	JCC          4(PC); \
	VMOVLPS      x, (at); \
	VPERMILPD    $1, x, x; \
	ADDQ         $8, at; \
	BTQ          $0, n; \
	JCC          2(PC); \
	VMOVSS       x, (at)
#define TAILF64(n, y, x, at) \
	BTQ          $1, n; \
	JCC          4(PC); \
	VMOVUPD      x, (at); \
	VEXTRACTF128 $1, y, x; \
	ADDQ         $16, at; \
	BTQ          $0, n; \
	JCC          2(PC); \
	VMOVSD       x, (at)

// Six steps in one go where both sides are packed: their offsets are constants then, and there is
// room beside the multiply-adds for the little that is left. GROUPED and TILED are scalar r of the
// group at p, in step q.
#define GROUPED(p, q, r) ((6*q+r)<<LOG)(p)
#define TILED(p, q, r) ((6*r+q)<<LOG)(p)
#define SIX(loop, at, by) \
	PCALIGN $32; \
loop: \
	ONE(at, 0); PREFETCHT0 512(R8); \
	ONE(at, 1); \
	ONE(at, 2); PREFETCHT0 576(R8); \
	ONE(at, 3); \
	ONE(at, 4); PREFETCHT0 640(R8); \
	ONE(at, 5); \
	ADDQ $384, SI; \
	NEXTGROUPS(by); \
	SUBQ $6, CX; \
	JGE  loop
#define PACKED \
	CMPQ R15, $HEIGHT; \
	JNE  single; \
	CMPQ DX, $64; \
	JNE  single; \
	CMPQ const_stripPanelRows(DI), $0; \
	JEQ  single; \
	SUBQ $6, CX; \
	JLT  few; \
	CMPQ const_stripTileK(DI), $0; \
	JNE  tiled; \
	SIX(grouped6, GROUPED, $(36<<LOG)); \
	JMP  few; \
tiled: \
	MOVQ skip-64(SP), R11; \
	ADDQ $(6<<LOG), R11; \
	SIX(tiled6, TILED, R11); \
few: \
	LEAQ (R8)(R12*4), R9; \
	LEAQ (R10)(R12*4), AX; \
	ADDQ $6, CX; \
	JZ   summed; \
	JMP  LOOPALL; \
single:

// Two vectors per row, 6 rows: Y4…Y15 hold the sums. Where the second is cut, V has all of it
// nevertheless: a masked load at each step would be slower.
#define HEIGHT 6
#define GROUPS 1
#define W0 Y0
#define W1 Y1
#define W2 Y2
#define W3 Y3
#define ROWBYTES 64
#define VECTORS MOVU (SI), Y0; MOVU 32(SI), Y1
#define ROW(s, a, b) BCAST s, Y2; FMA Y2, Y0, a; FMA Y2, Y1, b
#define ZERO(a, b) VXORPS a, a, a; VXORPS b, b, b
#define RESUME(a, b) MOVU (R11), a; MOVU 32(R11), b; ADDQ $64, R11; DECQ CX; JZ start
#define SAVE(a, b) MOVU a, (R11); MOVU b, 32(R11); ADDQ $64, R11; DECQ R15; JZ next
#define SCALE(a, b) MUL Y2, a, a; MUL Y2, b, b
#define STORE(a, b) \
	MOVU a, (AX); \
	CMPQ SI, $LANES; \
	JNE  3(PC); \
	MOVU b, 32(AX); \
	JMP  TAILED; \
	LEAQ 32(AX), CX; \
	MOVU b, Y1; \
	TAIL(SI, Y1, X1, CX); \
	ADDQ R10, AX; \
	DECQ R15; \
	JZ   next
#define MERGEROW(a, b) \
	BCAST    (R8), Y0; \
	LOADBETA (R8), CX; \
	ADDQ     R9, R8; \
	DOUBLE   CX, CX; \
	JZ       8(PC); \
	FMA      (AX), Y0, a; \
	CMPQ     SI, $LANES; \
	JEQ      4(PC); \
	MASKMOV  32(AX), Y3, Y1; \
	FMA      Y1, Y0, b; \
	JMP      2(PC); \
	FMA      32(AX), Y0, b; \
	STORE(a, b)
#define MERGECOL(a, b) \
	MOVU    (R8), Y0; \
	MERGELANES(0, a); \
	MASKMOV 32(R8), Y3, Y0; \
	MERGELANES(32, b); \
	STORE(a, b)
#define WHOLEBETA MOVU (R8), Y0; MOVU 32(R8), Y1
#define MERGEWHOLE(a, b) \
	FMA  (AX), Y0, a; \
	FMA  32(AX), Y1, b; \
	MOVU a, (AX); \
	MOVU b, 32(AX); \
	ADDQ R10, AX; \
	DECQ R15; \
	JZ   next

#define ROWS1 ROW((R8), Y4, Y5)
#define ROWS2 ROWS1; ROW((R8)(R12*1), Y6, Y7)
#define ROWS3 ROWS2; ROW((R8)(R12*2), Y8, Y9)
#define ROWS4 ROWS3; ROW((R8)(R13*1), Y10, Y11)
#define ROWS5 ROWS4; ROW((R9), Y12, Y13)
#define ROWS6 ROWS5; ROW((R9)(R12*1), Y14, Y15)
#define NEXTSCALARS(by) ADDQ by, R8; ADDQ by, R9
#define EACH(op) \
	op(Y4, Y5); op(Y6, Y7); op(Y8, Y9); op(Y10, Y11); op(Y12, Y13); op(Y14, Y15)
#define HIGHER
#define HIGHERSTEPS

#define ONE(at, q) \
	MOVU (64*q)(SI), Y0; MOVU (64*q+32)(SI), Y1; \
	ROW(at(R8, q, 0), Y4, Y5); ROW(at(R8, q, 1), Y6, Y7); ROW(at(R8, q, 2), Y8, Y9); \
	ROW(at(R8, q, 3), Y10, Y11); ROW(at(R8, q, 4), Y12, Y13); ROW(at(R8, q, 5), Y14, Y15)
#define NEXTGROUPS(by) ADDQ by, R8
#define LOOPALL loop6

#define LOG 2
#define LANES 8
#define FMA VFMADD231PS
#define FMA213 VFMADD213PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MASKMOV VMASKMOVPS
#define TAIL TAILF32
#define TAILED 16(PC)
#define BCAST VBROADCASTSS
#define CMP VCMPPS
#define BLENDV VBLENDVPS
#define LOADBETA MOVL
#define DOUBLE ADDL

// func avx2Strip16F32(s *blocked.Strip)
TEXT ·avx2Strip16F32(SB), NOSPLIT, $64-8
	MOVQ s+0(FP), DI
#include "strip_avx2_amd64.h"

#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#define LOG 3
#define LANES 4
#define FMA VFMADD231PD
#define FMA213 VFMADD213PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MASKMOV VMASKMOVPD
#define TAIL TAILF64
#define TAILED 11(PC)
#define BCAST VBROADCASTSD
#define CMP VCMPPD
#define BLENDV VBLENDVPD
#define LOADBETA MOVQ
#define DOUBLE ADDQ

// func avx2Strip8F64(s *blocked.Strip)
TEXT ·avx2Strip8F64(SB), NOSPLIT, $64-8
	MOVQ s+0(FP), DI
#include "strip_avx2_amd64.h"

#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#undef W0
#undef W1
#undef W2
#undef W3
#undef HEIGHT
#undef GROUPS
#undef ONE
#undef NEXTGROUPS
#undef LOOPALL
#undef ROWBYTES
#undef VECTORS
#undef ROW
#undef ZERO
#undef RESUME
#undef SAVE
#undef SCALE
#undef STORE
#undef MERGEROW
#undef MERGECOL
#undef WHOLEBETA
#undef MERGEWHOLE
#undef NEXTSCALARS
#undef HIGHER
#undef HIGHERSTEPS
#undef EACH
#undef ROWS1
#undef ROWS2
#undef ROWS3
#undef ROWS4
#undef ROWS5
#undef ROWS6

// One vector per row, 12 rows: registers 4…15 hold the sums.
#define HEIGHT 12
#define GROUPS 2
#define VECTORS MOVU (SI), W0
#define ROW(s, a) BCAST s, W2; FMA W2, W0, a
#define ZERO(a) VXORPS a, a, a
#define RESUME(a) MOVU (R11), a; ADDQ $ROWBYTES, R11; DECQ CX; JZ start
#define SAVE(a) MOVU a, (R11); ADDQ $ROWBYTES, R11; DECQ R15; JZ next
#define SCALE(a) MUL W2, a, a
#define STORE(a) \
	CMPQ SI, $LANES; \
	JNE  3(PC); \
	MOVU a, (AX); \
	JMP  TAILED; \
	MOVQ AX, CX; \
	MOVU a, W1; \
	TAIL(SI, Y1, X1, CX); \
	ADDQ R10, AX; \
	DECQ R15; \
	JZ   next
#define MERGEROW(a) \
	BCAST    (R8), W0; \
	LOADBETA (R8), CX; \
	ADDQ     R9, R8; \
	DOUBLE   CX, CX; \
	JZ       3(PC); \
	MASKMOV  (AX), W3, W1; \
	FMA      W1, W0, a; \
	STORE(a)
#define MERGECOL(a) \
	MASKMOV (R8), W3, W0; \
	MERGELANES(0, a); \
	STORE(a)
#define WHOLEBETA MOVU (R8), W0
#define MERGEWHOLE(a) \
	FMA  (AX), W0, a; \
	MOVU a, (AX); \
	ADDQ R10, AX; \
	DECQ R15; \
	JZ   next

#define ONE(at, q) \
	MOVU (64*q)(SI), W0; \
	ROW(at(R8, q, 0), A0); ROW(at(R8, q, 1), A1); ROW(at(R8, q, 2), A2); \
	ROW(at(R8, q, 3), A3); ROW(at(R8, q, 4), A4); ROW(at(R8, q, 5), A5); \
	ROW(at(R10, q, 0), A6); ROW(at(R10, q, 1), A7); ROW(at(R10, q, 2), A8); \
	ROW(at(R10, q, 3), A9); ROW(at(R10, q, 4), A10); ROW(at(R10, q, 5), A11)
#define NEXTGROUPS(by) ADDQ by, R8; ADDQ by, R10
#define LOOPALL loop12
#define ROWS1 ROW((R8), A0)
#define ROWS2 ROWS1; ROW((R8)(R12*1), A1)
#define ROWS3 ROWS2; ROW((R8)(R12*2), A2)
#define ROWS4 ROWS3; ROW((R8)(R13*1), A3)
#define ROWS5 ROWS4; ROW((R9), A4)
#define ROWS6 ROWS5; ROW((R9)(R12*1), A5)
#define ROWS7 ROWS6; ROW((R10), A6)
#define ROWS8 ROWS7; ROW((R10)(R12*1), A7)
#define ROWS9 ROWS8; ROW((R10)(R12*2), A8)
#define ROWS10 ROWS9; ROW((R10)(R13*1), A9)
#define ROWS11 ROWS10; ROW((AX), A10)
#define ROWS12 ROWS11; ROW((AX)(R12*1), A11)
#define NEXTSCALARS(by) ADDQ by, R8; ADDQ by, R9; ADDQ by, R10; ADDQ by, AX
#define EACH(op) \
	op(A0); op(A1); op(A2); op(A3); op(A4); op(A5); op(A6); op(A7); op(A8); op(A9); \
	op(A10); op(A11)
#define HIGHER \
	CMPQ  R15, $12; \
	JEQ   loop12; \
	CMPQ  R15, $11; \
	JEQ   loop11; \
	CMPQ  R15, $10; \
	JEQ   loop10; \
	CMPQ  R15, $9; \
	JEQ   loop9; \
	CMPQ  R15, $8; \
	JEQ   loop8; \
	CMPQ  R15, $7; \
	JEQ   loop7
#define HIGHERSTEPS \
	STEP(loop7, ROWS7); \
	STEP(loop8, ROWS8); \
	STEP(loop9, ROWS9); \
	STEP(loop10, ROWS10); \
	STEP(loop11, ROWS11); \
	STEP(loop12, ROWS12)

#define ROWBYTES 32
#define W0 Y0
#define W1 Y1
#define W2 Y2
#define W3 Y3
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

#define LOG 2
#define LANES 8
#define FMA VFMADD231PS
#define FMA213 VFMADD213PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MASKMOV VMASKMOVPS
#define TAIL TAILF32
#define TAILED 16(PC)
#define BCAST VBROADCASTSS
#define CMP VCMPPS
#define BLENDV VBLENDVPS
#define LOADBETA MOVL
#define DOUBLE ADDL

// func avx2Strip8F32(s *blocked.Strip)
TEXT ·avx2Strip8F32(SB), NOSPLIT, $64-8
	MOVQ s+0(FP), DI
#include "strip_avx2_amd64.h"

#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#define LOG 3
#define LANES 4
#define FMA VFMADD231PD
#define FMA213 VFMADD213PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MASKMOV VMASKMOVPD
#define TAIL TAILF64
#define TAILED 11(PC)
#define BCAST VBROADCASTSD
#define CMP VCMPPD
#define BLENDV VBLENDVPD
#define LOADBETA MOVQ
#define DOUBLE ADDQ

// func avx2Strip4F64(s *blocked.Strip)
TEXT ·avx2Strip4F64(SB), NOSPLIT, $64-8
	MOVQ s+0(FP), DI
#include "strip_avx2_amd64.h"

#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#undef ROWBYTES
#undef W0
#undef W1
#undef W2
#undef W3
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

// Half a vector per row, at half the cost where the CPU computes by halves: the same in X
// registers.
#define ROWBYTES 16
#define W0 X0
#define W1 X1
#define W2 X2
#define W3 X3
#define A0 X4
#define A1 X5
#define A2 X6
#define A3 X7
#define A4 X8
#define A5 X9
#define A6 X10
#define A7 X11
#define A8 X12
#define A9 X13
#define A10 X14
#define A11 X15

#define LOG 2
#define LANES 4
#define FMA VFMADD231PS
#define FMA213 VFMADD213PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MASKMOV VMASKMOVPS
#define TAIL TAILF32
#define TAILED 16(PC)
#define BCAST VBROADCASTSS
#define CMP VCMPPS
#define BLENDV VBLENDVPS
#define LOADBETA MOVL
#define DOUBLE ADDL

// func avx2Strip4F32(s *blocked.Strip)
TEXT ·avx2Strip4F32(SB), NOSPLIT, $64-8
	MOVQ s+0(FP), DI
#include "strip_avx2_amd64.h"

#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#define LOG 3
#define LANES 2
#define FMA VFMADD231PD
#define FMA213 VFMADD213PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MASKMOV VMASKMOVPD
#define TAIL TAILF64
#define TAILED 11(PC)
#define BCAST VMOVDDUP
#define CMP VCMPPD
#define BLENDV VBLENDVPD
#define LOADBETA MOVQ
#define DOUBLE ADDQ

// func avx2Strip2F64(s *blocked.Strip)
TEXT ·avx2Strip2F64(SB), NOSPLIT, $64-8
	MOVQ s+0(FP), DI
#include "strip_avx2_amd64.h"

#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#undef ROWBYTES
#undef W0
#undef W1
#undef W2
#undef W3
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

#undef HEIGHT
#undef GROUPS
#undef ONE
#undef NEXTGROUPS
#undef LOOPALL
#undef VECTORS
#undef ROW
#undef ZERO
#undef RESUME
#undef SAVE
#undef SCALE
#undef STORE
#undef MERGEROW
#undef MERGECOL
#undef WHOLEBETA
#undef MERGEWHOLE
#undef NEXTSCALARS
#undef HIGHER
#undef HIGHERSTEPS
#undef EACH
#undef ROWS1
#undef ROWS2
#undef ROWS3
#undef ROWS4
#undef ROWS5
#undef ROWS6
#undef ROWS7
#undef ROWS8
#undef ROWS9
#undef ROWS10
#undef ROWS11
#undef ROWS12

// Copies and transposes.

#define TRANSPOSE8 \
	VUNPCKLPS Y1, Y0, Y8; VUNPCKHPS Y1, Y0, Y9; \
	VUNPCKLPS Y3, Y2, Y10; VUNPCKHPS Y3, Y2, Y11; \
	VUNPCKLPS Y5, Y4, Y12; VUNPCKHPS Y5, Y4, Y13; \
	VUNPCKLPS Y7, Y6, Y14; VUNPCKHPS Y7, Y6, Y15; \
	VUNPCKLPD Y10, Y8, Y0; VUNPCKHPD Y10, Y8, Y1; \
	VUNPCKLPD Y11, Y9, Y2; VUNPCKHPD Y11, Y9, Y3; \
	VUNPCKLPD Y14, Y12, Y4; VUNPCKHPD Y14, Y12, Y5; \
	VUNPCKLPD Y15, Y13, Y6; VUNPCKHPD Y15, Y13, Y7; \
	VPERM2F128 $0x20, Y4, Y0, Y8; VPERM2F128 $0x31, Y4, Y0, Y12; \
	VPERM2F128 $0x20, Y5, Y1, Y9; VPERM2F128 $0x31, Y5, Y1, Y13; \
	VPERM2F128 $0x20, Y6, Y2, Y10; VPERM2F128 $0x31, Y6, Y2, Y14; \
	VPERM2F128 $0x20, Y7, Y3, Y11; VPERM2F128 $0x31, Y7, Y3, Y15
#define TRANSPOSE4 \
	VUNPCKLPD Y1, Y0, Y4; VUNPCKHPD Y1, Y0, Y5; \
	VUNPCKLPD Y3, Y2, Y6; VUNPCKHPD Y3, Y2, Y7; \
	VPERM2F128 $0x20, Y6, Y4, Y8; VPERM2F128 $0x31, Y6, Y4, Y10; \
	VPERM2F128 $0x20, Y7, Y5, Y9; VPERM2F128 $0x31, Y7, Y5, Y11

// A square in halves: a register takes four (two) columns of a row from the upper half of the
// rows and of its fellow from the lower half, so nothing has to cross the middle of a
// register afterwards, which is what VPERM2F128 takes eight operations for on some CPUs.
#define HALF8(at) \
	VMOVUPS at(SI), X0; VINSERTF128 $1, at(R11), Y0, Y0; \
	VMOVUPS at(SI)(DX*1), X1; VINSERTF128 $1, at(R11)(DX*1), Y1, Y1; \
	VMOVUPS at(SI)(DX*2), X2; VINSERTF128 $1, at(R11)(DX*2), Y2, Y2; \
	VMOVUPS at(SI)(R9*1), X3; VINSERTF128 $1, at(R11)(R9*1), Y3, Y3; \
	VUNPCKLPS Y1, Y0, Y4; VUNPCKHPS Y1, Y0, Y5; \
	VUNPCKLPS Y3, Y2, Y6; VUNPCKHPS Y3, Y2, Y7; \
	VUNPCKLPD Y6, Y4, Y8; VUNPCKHPD Y6, Y4, Y9; \
	VUNPCKLPD Y7, Y5, Y10; VUNPCKHPD Y7, Y5, Y11; \
	VMOVUPS Y8, (AX); VMOVUPS Y9, (AX)(R10*1); \
	VMOVUPS Y10, (AX)(R10*2); VMOVUPS Y11, (AX)(R15*1); \
	LEAQ (AX)(R10*4), AX
#define WHOLE8 HALF8(0); HALF8(16)
#define HALF4(at) \
	VMOVUPD at(SI), X0; VINSERTF128 $1, at(R11), Y0, Y0; \
	VMOVUPD at(SI)(DX*1), X1; VINSERTF128 $1, at(R11)(DX*1), Y1, Y1; \
	VUNPCKLPD Y1, Y0, Y2; VUNPCKHPD Y1, Y0, Y3; \
	VMOVUPD Y2, (AX); VMOVUPD Y3, (AX)(R10*1); \
	LEAQ (AX)(R10*2), AX
#define WHOLE4 HALF4(0); HALF4(16)

#define IN4(op) op(Y0); op(Y1); op(Y2); op(Y3)
#define IN8(op) IN4(op); op(Y4); op(Y5); op(Y6); op(Y7)
#define OUT4(op) op(Y8); op(Y9); op(Y10); op(Y11)
#define OUT8(op) OUT4(op); op(Y12); op(Y13); op(Y14); op(Y15)

#define LOG 2
#define LANES 8
#define FMA VFMADD231PS
#define FMA213 VFMADD213PS
#define MUL VMULPS
#define MOVU VMOVUPS
#define MASKMOV VMASKMOVPS
#define TAIL TAILF32
#define TAILED 16(PC)
#define BCAST VBROADCASTSS
#define CMP VCMPPS
#define BLENDV VBLENDVPS
#define LOADBETA MOVL
#define DOUBLE ADDL

// func avx2CopyF32(m *blocked.Move)
TEXT ·avx2CopyF32(SB), NOSPLIT, $0-8
	MOVQ m+0(FP), DI
#include "copy_avx2_amd64.h"

#define MIDDLE 4
#define WHOLE WHOLE8
#define SQUARE TRANSPOSE8
#define EACHROW(op) IN8(op)
#define EACHCOL(op) OUT8(op)

// func avx2TransposeF32(m *blocked.Move)
TEXT ·avx2TransposeF32(SB), NOSPLIT, $8-8
	MOVQ m+0(FP), DI
#include "transpose_avx2_amd64.h"

#undef WHOLE
#undef MIDDLE
#undef SQUARE
#undef EACHROW
#undef EACHCOL
#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#define LOG 3
#define LANES 4
#define FMA VFMADD231PD
#define FMA213 VFMADD213PD
#define MUL VMULPD
#define MOVU VMOVUPD
#define MASKMOV VMASKMOVPD
#define TAIL TAILF64
#define TAILED 11(PC)
#define BCAST VBROADCASTSD
#define CMP VCMPPD
#define BLENDV VBLENDVPD
#define LOADBETA MOVQ
#define DOUBLE ADDQ

// func avx2CopyF64(m *blocked.Move)
TEXT ·avx2CopyF64(SB), NOSPLIT, $0-8
	MOVQ m+0(FP), DI
#include "copy_avx2_amd64.h"

#define MIDDLE 2
#define WHOLE WHOLE4
#define SQUARE TRANSPOSE4
#define EACHROW(op) IN4(op)
#define EACHCOL(op) OUT4(op)

// func avx2TransposeF64(m *blocked.Move)
TEXT ·avx2TransposeF64(SB), NOSPLIT, $8-8
	MOVQ m+0(FP), DI
#include "transpose_avx2_amd64.h"

#undef WHOLE
#undef MIDDLE
#undef SQUARE
#undef EACHROW
#undef EACHCOL
#undef LOG
#undef LANES
#undef FMA
#undef FMA213
#undef MUL
#undef MOVU
#undef MASKMOV
#undef TAIL
#undef TAILED
#undef BCAST
#undef CMP
#undef BLENDV
#undef LOADBETA
#undef DOUBLE

#undef TRANSPOSE8
#undef TRANSPOSE4
#undef HALF8
#undef WHOLE8
#undef HALF4
#undef WHOLE4
#undef IN4
#undef IN8
#undef OUT4
#undef OUT8

// ---- Packing of scalars in groups ---------------------------------------------
//
// Requires: AVX.
//
//	dst(p, i) = src(p, i), i < 14 or 6, rows of src stride elements apart
//
// The pieces of a row overlap, so that nothing beside it is read or written.
//
//	DI  row of dst   SI  row of src   DX  its stride in bytes   CX  rows left

#define PACKGROUP(log, bytes, row) \
	SHLQ  $log, DX; \
	TESTQ CX, CX; \
	JZ    done; \
next: \
	row; \
	ADDQ DX, SI; \
	ADDQ $bytes, DI; \
	DECQ CX; \
	JNZ  next; \
done: \
	VZEROUPPER; \
	RET

#define PIECE(at, r) VMOVUPS at(SI), r; VMOVUPS r, at(DI)

// func packScalars14F32(dst, src []float32, k, stride int)
TEXT ·packScalars14F32(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ k+48(FP), CX
	MOVQ stride+56(FP), DX
	PACKGROUP(2, 56, PIECE(0, Y0); PIECE(24, Y1))

// func packScalars14F64(dst, src []float64, k, stride int)
TEXT ·packScalars14F64(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ k+48(FP), CX
	MOVQ stride+56(FP), DX
	PACKGROUP(3, 112, PIECE(0, Y0); PIECE(32, Y1); PIECE(64, Y2); PIECE(80, Y3))

// func packScalars6F32(dst, src []float32, k, stride int)
TEXT ·packScalars6F32(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ k+48(FP), CX
	MOVQ stride+56(FP), DX
	PACKGROUP(2, 24, PIECE(0, X0); PIECE(8, X1))

// func packScalars6F64(dst, src []float64, k, stride int)
TEXT ·packScalars6F64(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ k+48(FP), CX
	MOVQ stride+56(FP), DX
	PACKGROUP(3, 48, PIECE(0, Y0); PIECE(16, Y1))

#undef PACKGROUP
#undef PIECE
