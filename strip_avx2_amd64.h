// The body of an AVX2 micro-kernel: a strip of C, at most HEIGHT rows at a
// time. kernels_amd64.s includes it once per type and width and defines before:
//
//	LOG LANES      log2 of the size of an element, elements of a vector
//	FMA MUL MOVU MASKMOV BCAST CMP BLENDV FMA213   the instructions of the type
//	LOADBETA DOUBLE    load β as an integer, shift its sign out
//	HEIGHT ROWBYTES    rows taken at a time, bytes of a row of Partial
//	GROUPS             groups of packed scalars that these rows are: HEIGHT is 6·GROUPS
//	W0…W3              registers 0…3 of the width: Y, or X for half a vector
//	WHOLEBETA          loads the β of the columns, whole
//	VECTORS            loads a step's vectors, whole
//	ROWS1…ROWS6         sums + s·V for a step of so many rows
//	NEXTSCALARS(by)    steps the scalars on
//	HIGHER HIGHERSTEPS choice and loops of groups of more than 6 rows, or nothing
//	ONE NEXTGROUPS LOOPALL   a step of whole packed groups, what goes on to the next ones, the
//	                   loop that does the rest: for PACKED, which kernels_amd64.s has
//	EACH(op)           op for the sums of each row
//
// and the op of a row of sums, ending with a jump to the next group once R15 is 0
// (RESUME: to the start of the loop once CX is 0; ZERO and SCALE: without one):
//
//	ZERO RESUME SAVE SCALE STORE MERGEROW MERGECOL MERGEWHOLE
//
// Registers:
//
//	DI  the strip                  R12 bytes between scalars of neighbouring rows
//	SI  vectors of step p          R13 three times that
//	DX  bytes between steps of V   BX  bytes between scalars of neighbouring steps
//	CX  steps left                 R14 rows left after this group
//	R8, R9, R10, AX scalars of rows 0, 4, 6, 10 at step p (PACKED keeps R8 and R10)
//	                               R15 rows of this group
//	W0, W1  the step's vectors     W2  the broadcast scalar, then α
//	W3  lanes of the last vector   the other registers: the sums, row by row
//
// Where scalars lie in tiles, CX counts the steps of one, left is those of the others, and skip
// the bytes from the end of one to the next.
//
// After the sum, AX walks Out, R8 walks β, R9 is its stride, R10 the stride of Out, R11 walks Partial
// and SI is the lanes of the last vector.

// MERGELANES: where β, in W0, is not 0, a = β·out + a.
#define MERGELANES(off, a) \
	VXORPS  W2, W2, W2; \
	CMP     $4, W2, W0, W1; \
	MASKMOV off(AX), W1, W2; \
	FMA213  a, W0, W2; \
	BLENDV  W1, W2, a, a

// Scalars are fetched half a kilobyte ahead: those of a block lie in L2.
#define STEP(loop, rows) \
	PCALIGN $32; \
loop: \
	VECTORS; PREFETCHT0 512(R8); \
	rows; \
	ADDQ DX, SI; \
	NEXTSCALARS(BX); \
	DECQ CX; \
	JNZ  loop; \
	MOVQ left-56(SP), CX; \
	TESTQ CX, CX; \
	JZ   summed; \
	MOVQ skip-64(SP), R11; \
	NEXTSCALARS(R11); \
	CMPQ CX, const_stripTileK(DI); \
	JLE  2(PC); \
	MOVQ const_stripTileK(DI), CX; \
	SUBQ CX, left-56(SP); \
	JMP  loop

	// Strides in bytes, the mask of the last vector.
	MOVQ const_stripCols(DI), CX
	DECQ CX
	ANDQ $(LANES-1), CX
	INCQ CX
	MOVQ CX, lanes-40(SP)
	SHLQ $LOG, CX
	LEAQ avx2Lanes<>+32(SB), AX
	SUBQ CX, AX
	MOVU (AX), W3
	MOVQ const_stripScalarStride(DI), R12
	SHLQ $LOG, R12
	LEAQ (R12)(R12*2), R13
	MOVQ const_stripScalarKStride(DI), BX
	SHLQ $LOG, BX
	MOVQ const_stripVecStride(DI), DX
	SHLQ $LOG, DX
	MOVQ const_stripScalar(DI), R8
	MOVQ R8, scalar-8(SP)
	MOVQ const_stripPartial(DI), R11
	MOVQ R11, nextPartial-32(SP)
	MOVQ const_stripBeta(DI), R8
	MOVQ R8, beta-24(SP)
	MOVQ const_stripDst(DI), AX
	MOVQ AX, dst-48(SP)
	MOVQ const_stripTileSkip(DI), AX
	SHLQ $LOG, AX
	MOVQ AX, skip-64(SP)
	MOVQ const_stripRows(DI), R14

group:
	// In place, full groups while more than two are left, then two even ones. Packed, all that
	// the kernel can take.
	MOVQ R14, R15
	CMPQ R14, $HEIGHT
	JLE  take
	MOVQ $HEIGHT, R15
	CMPQ const_stripPanelRows(DI), $0
	JNE  take
	CMPQ R14, $(2*HEIGHT)
	JGT  take
	LEAQ 1(R14), R15
	SHRQ $1, R15

take:
	SUBQ   R15, R14
	MOVQ   scalar-8(SP), R8
	LEAQ   (R8)(R12*4), R9
	LEAQ   (R8)(R13*2), R10
	MOVQ   const_stripPanelStride(DI), CX
	SHLQ   $LOG, CX
	JZ     inplace
	LEAQ   (R8)(CX*1), R10
	LEAQ   (R8)(CX*GROUPS), CX
	JMP    taken

inplace:
	MOVQ   R15, CX
	IMULQ  R12, CX
	ADDQ   R8, CX

taken:
	MOVQ   CX, scalar-8(SP)
	MOVQ   nextPartial-32(SP), R11
	MOVQ   R11, partial-16(SP)
	IMUL3Q $ROWBYTES, R15, CX
	ADDQ   R11, CX
	MOVQ   CX, nextPartial-32(SP)
	CMPB   const_stripResume(DI), $0
	JNE    resume
	EACH(ZERO)
	JMP    start

resume:
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
	LEAQ  (R10)(R12*4), AX
	MOVQ  const_stripVec(DI), SI
	MOVQ  const_stripK(DI), CX
	TESTQ CX, CX
	JZ    summed
	MOVQ  $0, left-56(SP)
	PACKED
	MOVQ  const_stripTileK(DI), R11
	TESTQ R11, R11
	JZ    steps
	CMPQ  CX, R11
	JLE   steps
	SUBQ  R11, CX
	MOVQ  CX, left-56(SP)
	MOVQ  R11, CX

steps:
	HIGHER
	CMPQ  R15, $6
	JEQ   loop6
	CMPQ  R15, $5
	JEQ   loop5
	CMPQ  R15, $4
	JEQ   loop4
	CMPQ  R15, $3
	JEQ   loop3
	CMPQ  R15, $2
	JEQ   loop2
	STEP(loop1, ROWS1)
	STEP(loop2, ROWS2)
	STEP(loop3, ROWS3)
	STEP(loop4, ROWS4)
	STEP(loop5, ROWS5)
	STEP(loop6, ROWS6)
	HIGHERSTEPS

summed:
	CMPB const_stripUnfinished(DI), $0
	JEQ  finish
	MOVQ partial-16(SP), R11
	EACH(SAVE)

finish:
	MOVQ  dst-48(SP), AX
	BCAST const_stripAlpha(DI), W2
	MOVQ  const_stripStride(DI), R10
	SHLQ  $LOG, R10
	MOVQ  lanes-40(SP), SI
	MOVQ  beta-24(SP), R8
	MOVQ  const_stripBetaKind(DI), CX
	CMPB  const_stripUnitAlpha(DI), $0
	JNE   scaled
	EACH(SCALE)

scaled:
	CMPQ CX, $const_betaRows
	JEQ  mergerow
	JGT  mergecol
	EACH(STORE)

mergerow:
	MOVQ const_stripBetaStride(DI), R9
	SHLQ $LOG, R9
	EACH(MERGEROW)

mergecol:
	CMPB const_stripWholeBeta(DI), $0
	JNE  mergewhole
	EACH(MERGECOL)

mergewhole:
	WHOLEBETA
	EACH(MERGEWHOLE)

next:
	MOVQ  R8, beta-24(SP)
	MOVQ  AX, dst-48(SP)
	TESTQ R14, R14
	JNZ   group
	VZEROUPPER
	RET

#undef MERGELANES
#undef STEP
