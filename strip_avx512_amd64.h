// The body of an AVX-512 micro-kernel: a strip of C, at most 14 rows at a time.
// kernels_amd64.s includes it once per type and width and defines before:
//
//	LOG            log2 of the size of an element
//	FMA FMABCST MUL MOVU MOVUZ BCAST ISZERO   the instructions of the type
//	ROWBYTES       bytes of a row of Partial: all vectors of the width
//	LANEMASK       lanes of a vector - 1
//	V0 V1 T0 T1    vectors of the step, broadcast scalars
//	A0…A13 B0…B13  sums: row r is Ar, Br (a single vector has no B)
//	VECTORS(at)    loads a step's vectors, whole, from at(SI)
//	ROW(s,t,a,b)   a, b ← a, b + s·V
//	ROWMEM(s,a,b)  the same without a register
//	COLBETA        loads β by columns and the masks of those that are not 0
//	WHOLEBETA      loads those of the second vector, all of them
//	ADDSQUARES     adds the squares of the vectors to their sums at AX from R11 on; nothing where there
//	               is one vector, for which nobody asks for squares
//
// and the op of a row of sums a, b, ending with a jump to the next group once R15 is 0
// (RESUME: to the start of the loop once CX is 0; ZERO: without one):
//
//	ZERO RESUME SAVE STORE SET MERGEROW MERGEROWWHOLE MERGECOL MERGEWHOLE
//
// Registers:
//
//	DI  the strip                  R12 bytes between scalars of neighbouring rows
//	SI  vectors of step p          R13 three times that
//	DX  bytes between steps of V   BX  bytes between scalars of neighbouring steps
//	CX  steps left                 R14 rows left after this group
//	R8…R11 scalars of rows 0, 4, 8, 12 of the group at step p
//	R15 rows of this group         K1  lanes of the last vector
//
// Where scalars lie in tiles, CX counts the steps of one, left is those of the others, and skip
// the bytes from the end of one to the next.
//
// If vectors are packed, only R8 walks the scalars, with R10 if one byte of offset does not reach
// them. R9 prefetches a line of the next strip's vectors (ahead) with each eight steps, or a row of Out with
// each tile, because a burst of lines from a far cache would hold up those that come from a near one.
// R10 prefetches the next group's partial sums with the vectors, because these may have left L2. The first
// group adds the squares of the vectors to sums, because it has the vectors in registers. AX walks these sums.
//
// After the sum, AX walks Out, R8 walks β, R9 is its stride, R10 the stride of Out and R11 walks Partial.

#define ROWS1 ROW((R8), T0, A0, B0)
#define ROWS2 ROWS1; ROW((R8)(R12*1), T1, A1, B1)
#define ROWS3 ROWS2; ROW((R8)(R12*2), T0, A2, B2)
#define ROWS4 ROWS3; ROW((R8)(R13*1), T1, A3, B3)
#define ROWS5 ROWS4; ROW((R9), T0, A4, B4)
#define ROWS6 ROWS5; ROW((R9)(R12*1), T1, A5, B5)
#define ROWS7 ROWS6; ROW((R9)(R12*2), T0, A6, B6)
#define ROWS8 ROWS7; ROW((R9)(R13*1), T1, A7, B7)
#define ROWS9 ROWS8; ROW((R10), T0, A8, B8)
#define ROWS10 ROWS9; ROW((R10)(R12*1), T1, A9, B9)
#define ROWS11 ROWS10; ROW((R10)(R12*2), T0, A10, B10)
#define ROWS12 ROWS11; ROW((R10)(R13*1), T1, A11, B11)
#define ROWS13 ROWS12; ROW((R11), T0, A12, B12)
#define ROWS14 ROWS13; ROW((R11)(R12*1), T1, A13, B13)

#define EACH(op) \
	op(A0, B0); op(A1, B1); op(A2, B2); op(A3, B3); op(A4, B4); op(A5, B5); op(A6, B6); \
	op(A7, B7); op(A8, B8); op(A9, B9); op(A10, B10); op(A11, B11); op(A12, B12); op(A13, B13)

#define NEXTSCALARS(by) ADDQ by, R8; ADDQ by, R9; ADDQ by, R10; ADDQ by, R11

#define STEP(loop, rows) \
	PCALIGN $32; \
loop: \
	VECTORS(0); \
	rows; \
	ADDQ DX, SI; \
	NEXTSCALARS(BX); \
	DECQ CX; \
	JNZ  loop; \
	JMP  tile

// Many steps in one go where vectors are packed: their offsets are constants then, and little
// stands beside the multiply-adds. What counts is the number of operations: a core that is shared by
// two threads decodes for one of them every other cycle. So most rows take their scalar in the
// multiply-add itself, once for each vector; all of them would be more than two loads a cycle, which
// is what some CPUs have. lo and hi give the places of the scalars of rows 0…7 and 8…13 at step q.
#define PACKED8(lo, q) \
	VECTORS(128*q); \
	ROW(lo(q, 0), T0, A0, B0); \
	ROWMEM(lo(q, 1), A1, B1); ROWMEM(lo(q, 2), A2, B2); ROWMEM(lo(q, 3), A3, B3); \
	ROW(lo(q, 4), T1, A4, B4); \
	ROWMEM(lo(q, 5), A5, B5); ROWMEM(lo(q, 6), A6, B6); ROWMEM(lo(q, 7), A7, B7)
#define PACKED9(lo, hi, q) PACKED8(lo, q); ROW(hi(q, 8), T0, A8, B8)
#define PACKED10(lo, hi, q) PACKED9(lo, hi, q); ROWMEM(hi(q, 9), A9, B9)
#define PACKED11(lo, hi, q) PACKED10(lo, hi, q); ROWMEM(hi(q, 10), A10, B10)
#define PACKED12(lo, hi, q) PACKED11(lo, hi, q); ROWMEM(hi(q, 11), A11, B11)
#define PACKED13(lo, hi, q) PACKED12(lo, hi, q); ROW(hi(q, 12), T1, A12, B12)
#define PACKED14(lo, hi, q) PACKED13(lo, hi, q); ROWMEM(hi(q, 13), A13, B13)
#define PACKED8OF(lo, hi, q) PACKED8(lo, q)
#define SQUARED14(lo, hi, q) PACKED14(lo, hi, q); ADDSQUARES

// Groups of 14, from R8. Tiles of groups, from their middle: it reaches more of it by a single byte. In tiles
// of 128 bytes a row, R8 is four rows on and R10 eight more.
#define GROUPED(q, r) ((14*q+r)<<LOG)(R8)
#define MIDDLE (7*14)
#define TILED(q, r) ((14*r+q-MIDDLE)<<LOG)(R8)
#define LOWROWS(q, r) (128*(r-4)+(q<<LOG))(R8)
#define HIGHROWS(q, r) (128*(r-12)+(q<<LOG))(R10)

#define EIGHT(rows, lo, hi) \
	rows(lo, hi, 0); rows(lo, hi, 1); rows(lo, hi, 2); rows(lo, hi, 3); \
	rows(lo, hi, 4); rows(lo, hi, 5); rows(lo, hi, 6); rows(lo, hi, 7)
#define GROUPEDLOOP(loop, rows) \
	PCALIGN $32; \
loop: \
	EIGHT(rows, GROUPED, GROUPED); \
	PREFETCHT1 (R9); \
	ADDQ $64, R9; \
	PREFETCHT0 (R10); \
	ADDQ $64, R10; \
	ADDQ $(8*128), SI; \
	ADDQ $((8*14)<<LOG), R8; \
	SUBQ $8, CX; \
	JGE  loop; \
	JMP  grouped
#define ROWSLOOP(loop, rows) \
	PCALIGN $32; \
loop: \
	EIGHT(rows, LOWROWS, HIGHROWS); \
	ADDQ $(8*128), SI; \
	ADDQ $(8<<LOG), R8; \
	ADDQ $(8<<LOG), R10; \
	SUBQ $8, CX; \
	JGE  loop; \
	JMP  inrows

	// Strides in bytes, the mask of the last vector.
	MOVQ  const_stripCols(DI), CX
	DECQ  CX
	ANDQ  $LANEMASK, CX
	MOVQ  $2, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVW AX, K1
	MOVQ  const_stripScalarStride(DI), R12
	SHLQ  $LOG, R12
	LEAQ  (R12)(R12*2), R13
	MOVQ  const_stripScalarKStride(DI), BX
	SHLQ  $LOG, BX
	MOVQ  const_stripVecStride(DI), DX
	SHLQ  $LOG, DX
	MOVQ  const_stripScalar(DI), R8
	MOVQ  R8, scalar-8(SP)
	MOVQ  const_stripPartial(DI), R11
	MOVQ  R11, nextPartial-32(SP)
	MOVQ  const_stripBeta(DI), R8
	MOVQ  R8, beta-24(SP)
	MOVQ  const_stripDst(DI), AX
	MOVQ  AX, dst-48(SP)
	MOVQ  const_stripTileSkip(DI), AX
	SHLQ  $LOG, AX
	MOVQ  AX, skip-64(SP)
	MOVQ  const_stripRows(DI), R14
	MOVQ  const_stripPrefetch(DI), AX
	SHLQ  $LOG, AX
	ADDQ  const_stripVec(DI), AX
	MOVQ  AX, ahead-72(SP)
	MOVQ  const_stripSquares(DI), AX
	MOVQ  AX, squares-80(SP)

group:
	// 14 rows at a time; in place, and packed so, the last two groups are even.
	MOVQ R14, R15
	CMPQ R14, $14
	JLE  take
	MOVQ $14, R15
	CMPB const_stripEvenPanels(DI), $0
	JNE  even
	CMPQ const_stripPanelRows(DI), $0
	JNE  take

even:
	CMPQ R14, $28
	JGT  take
	LEAQ 1(R14), R15
	SHRQ $1, R15

take:
	SUBQ R15, R14
	MOVQ scalar-8(SP), R8
	LEAQ (R8)(R12*4), R9
	LEAQ (R9)(R12*4), R10
	MOVQ const_stripPanelStride(DI), CX
	SHLQ $LOG, CX
	JNZ  3(PC)
	MOVQ R15, CX
	IMULQ R12, CX
	ADDQ R8, CX
	MOVQ CX, scalar-8(SP)
	MOVQ nextPartial-32(SP), R11
	MOVQ R11, partial-16(SP)
	IMUL3Q $ROWBYTES, R15, CX
	ADDQ R11, CX
	MOVQ CX, nextPartial-32(SP)
	CMPB const_stripResume(DI), $0
	JNE  resume
	EACH(ZERO)
	JMP  start

resume:
	MOVQ partial-16(SP), R11
	MOVQ R15, CX
	EACH(RESUME)

start:
	// Fetch the lines that the group will be written to, while it is summed. A strip
	// that is not finished is not written to: its Dst may be anything, and a fetch from
	// where nothing is mapped costs a walk through the page tables.
	CMPB const_stripUnfinished(DI), $0
	JNE  sum
	MOVQ const_stripK(DI), CX
	CMPQ CX, $64
	JLT  sum
	CMPQ CX, $(14*14)
	JLT  burst
	CMPQ const_stripTileK(DI), $0
	JNE  sum // the loop does it

burst:
	MOVQ dst-48(SP), SI
	MOVQ const_stripStride(DI), AX
	SHLQ $LOG, AX
	MOVQ R15, CX

fetch:
	PREFETCHT0 (SI)
	PREFETCHT0 (ROWBYTES-1)(SI)
	ADDQ AX, SI
	DECQ CX
	JNZ  fetch

sum:
	LEAQ (R10)(R12*4), R11
	MOVQ const_stripVec(DI), SI
	MOVQ const_stripK(DI), CX
	TESTQ CX, CX
	JZ   summed
	MOVQ $0, left-56(SP)
	CMPQ const_stripTileK(DI), $0
	JEQ  steps
	CMPQ R15, $14
	JNE  tiles
	CMPQ DX, $128
	JNE  tiles
	CMPQ const_stripPanelRows(DI), $0
	JEQ  tiles
	SUBQ $14, CX
	JLT  fewtiled

	// Whole tiles.
	MOVQ dst-48(SP), R9
	MOVQ const_stripStride(DI), R10
	SHLQ $LOG, R10
	MOVQ skip-64(SP), R11
	ADDQ $(14<<LOG), R11
	ADDQ $(MIDDLE<<LOG), R8
	PCALIGN $32

tiled14:
	PACKED14(TILED, TILED, 0)
	PACKED14(TILED, TILED, 1)
	PACKED14(TILED, TILED, 2)
	PREFETCHT0 (R9)
	PACKED14(TILED, TILED, 3)
	PACKED14(TILED, TILED, 4)
	PACKED14(TILED, TILED, 5)
	PACKED14(TILED, TILED, 6)
	PACKED14(TILED, TILED, 7)
	PACKED14(TILED, TILED, 8)
	PACKED14(TILED, TILED, 9)
	PREFETCHT0 (ROWBYTES-1)(R9)
	PACKED14(TILED, TILED, 10)
	PACKED14(TILED, TILED, 11)
	PACKED14(TILED, TILED, 12)
	PACKED14(TILED, TILED, 13)
	ADDQ R10, R9
	ADDQ $(14*128), SI
	ADDQ R11, R8
	SUBQ $14, CX
	JGE  tiled14
	SUBQ $(MIDDLE<<LOG), R8

fewtiled:
	LEAQ (R8)(R12*4), R9
	LEAQ (R9)(R12*4), R10
	LEAQ (R10)(R12*4), R11
	ADDQ $14, CX
	JZ   summed
	JMP  loop14

tiles:
	CMPQ CX, const_stripTileK(DI)
	JLE  steps
	SUBQ const_stripTileK(DI), CX
	MOVQ CX, left-56(SP)
	MOVQ const_stripTileK(DI), CX

steps:
	CMPQ DX, $128
	JNE  fewer
	CMPQ R15, $8
	JLT  fewer
	CMPQ const_stripPanelRows(DI), $0
	JEQ  rows
	CMPQ const_stripTileK(DI), $0
	JNE  fewer
	SUBQ $8, CX
	JLT  fewgrouped
	MOVQ ahead-72(SP), R9
	MOVQ nextPartial-32(SP), R10
	CMPQ const_stripPartial(DI), $0
	CMOVQEQ R9, R10 // nothing is mapped there
	CMPQ R15, $14
	JLT  fewrows
	MOVQ squares-80(SP), R11
	TESTQ R11, R11
	JZ   grouped14
	MOVQ $0, squares-80(SP) // the next groups meet the same vectors
	XORL AX, AX
	JMP  squared14

fewrows:
	CMPQ R15, $13
	JEQ  grouped13
	CMPQ R15, $12
	JEQ  grouped12
	CMPQ R15, $11
	JEQ  grouped11
	CMPQ R15, $10
	JEQ  grouped10
	CMPQ R15, $9
	JEQ  grouped9
	GROUPEDLOOP(grouped8, PACKED8OF)
	GROUPEDLOOP(grouped9, PACKED9)
	GROUPEDLOOP(grouped10, PACKED10)
	GROUPEDLOOP(grouped11, PACKED11)
	GROUPEDLOOP(grouped12, PACKED12)
	GROUPEDLOOP(grouped13, PACKED13)
	GROUPEDLOOP(grouped14, PACKED14)
	GROUPEDLOOP(squared14, SQUARED14)

grouped:
	MOVQ R9, ahead-72(SP)

fewgrouped:
	ADDQ $8, CX
	JMP  rest

rows:
	CMPQ const_stripTileK(DI), $0
	JEQ  fewer
	CMPQ R12, $128
	JNE  fewer
	SUBQ $8, CX
	JLT  fewinrows
	ADDQ $512, R8
	LEAQ 1024(R8), R10
	CMPQ R15, $14
	JEQ  rows14
	CMPQ R15, $13
	JEQ  rows13
	CMPQ R15, $12
	JEQ  rows12
	CMPQ R15, $11
	JEQ  rows11
	CMPQ R15, $10
	JEQ  rows10
	CMPQ R15, $9
	JEQ  rows9
	ROWSLOOP(rows8, PACKED8OF)
	ROWSLOOP(rows9, PACKED9)
	ROWSLOOP(rows10, PACKED10)
	ROWSLOOP(rows11, PACKED11)
	ROWSLOOP(rows12, PACKED12)
	ROWSLOOP(rows13, PACKED13)
	ROWSLOOP(rows14, PACKED14)

inrows:
	SUBQ $512, R8

fewinrows:
	ADDQ $8, CX

rest:
	LEAQ (R8)(R12*4), R9
	LEAQ (R9)(R12*4), R10
	LEAQ (R10)(R12*4), R11
	TESTQ CX, CX
	JZ   tile

fewer:
	CMPQ R15, $14
	JEQ  loop14
	CMPQ R15, $13
	JEQ  loop13
	CMPQ R15, $12
	JEQ  loop12
	CMPQ R15, $11
	JEQ  loop11
	CMPQ R15, $10
	JEQ  loop10
	CMPQ R15, $9
	JEQ  loop9
	CMPQ R15, $8
	JEQ  loop8
	CMPQ R15, $7
	JEQ  loop7
	CMPQ R15, $6
	JEQ  loop6
	CMPQ R15, $5
	JEQ  loop5
	CMPQ R15, $4
	JEQ  loop4
	CMPQ R15, $3
	JEQ  loop3
	CMPQ R15, $2
	JEQ  loop2
	STEP(loop1, ROWS1)
	STEP(loop2, ROWS2)
	STEP(loop3, ROWS3)
	STEP(loop4, ROWS4)
	STEP(loop5, ROWS5)
	STEP(loop6, ROWS6)
	STEP(loop7, ROWS7)
	STEP(loop8, ROWS8)
	STEP(loop9, ROWS9)
	STEP(loop10, ROWS10)
	STEP(loop11, ROWS11)
	STEP(loop12, ROWS12)
	STEP(loop13, ROWS13)
	STEP(loop14, ROWS14)

tile:
	MOVQ left-56(SP), CX
	TESTQ CX, CX
	JZ   summed
	NEXTSCALARS(skip-64(SP))
	CMPQ CX, const_stripTileK(DI)
	JLE  2(PC)
	MOVQ const_stripTileK(DI), CX
	SUBQ CX, left-56(SP)
	JMP  steps

summed:
	CMPB const_stripUnfinished(DI), $0
	JEQ  finish
	MOVQ partial-16(SP), R11
	EACH(SAVE)

finish:
	MOVQ  dst-48(SP), AX
	BCAST const_stripAlpha(DI), T1
	MOVQ  const_stripStride(DI), R10
	SHLQ  $LOG, R10
	MOVQ  const_stripBetaKind(DI), CX
	MOVQ  beta-24(SP), R8
	CMPQ  CX, $const_betaRows
	JEQ   mergerow
	JGT   mergecol
	CMPB  const_stripUnitAlpha(DI), $0
	JEQ   set
	EACH(STORE)

set:
	EACH(SET)

mergerow:
	MOVQ const_stripBetaStride(DI), R9
	SHLQ $LOG, R9
	CMPB const_stripWholeBeta(DI), $0
	JEQ  masked
	CMPB const_stripUnitAlpha(DI), $0
	JEQ  masked
	EACH(MERGEROWWHOLE)

masked:
	EACH(MERGEROW)

mergecol:
	CMPB const_stripWholeBeta(DI), $0
	JEQ  anycol
	CMPB const_stripUnitAlpha(DI), $0
	JEQ  anycol
	MOVU (R8), V0
	WHOLEBETA
	EACH(MERGEWHOLE)

anycol:
	COLBETA
	EACH(MERGECOL)

next:
	MOVQ  R8, beta-24(SP)
	MOVQ  AX, dst-48(SP)
	TESTQ R14, R14
	JNZ   group
	VZEROUPPER
	RET

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
#undef ROWS13
#undef ROWS14
#undef EACH
#undef STEP
#undef GROUPED
#undef TILED
#undef MIDDLE
#undef LOWROWS
#undef HIGHROWS
#undef EIGHT
#undef GROUPEDLOOP
#undef ROWSLOOP
#undef PACKED8
#undef PACKED9
#undef PACKED10
#undef PACKED11
#undef PACKED12
#undef PACKED13
#undef PACKED14
#undef PACKED8OF
#undef SQUARED14
#undef NEXTSCALARS
