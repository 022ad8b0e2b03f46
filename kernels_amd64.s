//go:build !purego

// The matrix product's micro-kernels. kernels_amd64.go lists them in the same
// order, with the features that they require. A kernel's body stands in a file of
// its own, once for all types and widths of an instruction set:
// strip_avx512_amd64.h and strip_avx2_amd64.h, t = Σ S·V, out ← β·out + α·t.
//
// The operands are described at blocked.Strip; const_ names are
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
