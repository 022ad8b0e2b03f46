// The body of an AVX2 transpose: dst(c, r) = src(r, c), or β·dst(c, r) + src(r, c).
// kernels_amd64.s defines before: LOG, LANES, the instructions as for a strip, and
//
//	WHOLE, MIDDLE   moves a square that no edge cuts and that meets no β; half its rows
//	SQUARE          transposes the rows in Y0… to columns in Y8…
//	EACHROW(op)     op(Y0); op(Y1); … for all rows of the square
//	EACHCOL(op)     op(Y8); op(Y9); … for all columns
//
// Registers:
//
//	DI  the move                     AX  row of Dst       R10 its stride in bytes
//	SI  column block of the source   DX  source stride      R11 row of the source
//	R13 row block of the source      BX  row block of Dst
//	R14 rows left                    R12 columns left     CX  rows of this block
//	R8  β of the row, or of the columns                   R9  its stride in bytes
//	Y8  columns of this block (to load), then Y0 rows of this block (to store)
//
// In a whole square, R11 is the row in the middle of the block, and R9 and R15 are three
// times the strides of the source and of Dst.

#define MASK(n, y) \
	MOVQ n, CX; \
	CMPQ CX, $LANES; \
	JLE  2(PC); \
	MOVQ $LANES, CX; \
	SHLQ $LOG, CX; \
	LEAQ avx2Lanes<>+32(SB), R15; \
	SUBQ CX, R15; \
	MOVU (R15), y

	MOVQ const_moveSrc(DI), R13
	MOVQ const_moveDst(DI), BX
	MOVQ const_moveSrcStride(DI), DX
	SHLQ $LOG, DX
	MOVQ const_moveStride(DI), R10
	SHLQ $LOG, R10

#define LOAD(y) \
	MASKMOV (R11), Y8, y; \
	ADDQ    DX, R11; \
	DECQ    CX; \
	JZ      loaded

#define SET(y) \
	CMPQ R14, $LANES; \
	JLT  3(PC); \
	MOVU y, (AX); \
	JMP  TAILED; \
	MOVQ AX, R15; \
	MOVU y, Y4; \
	TAIL(R14, Y4, X4, R15); \
	ADDQ R10, AX; \
	DECQ CX; \
	JZ   stored

#define MERGEROW(y) \
	BCAST    (R8), Y1; \
	LOADBETA (R8), R11; \
	ADDQ     R9, R8; \
	DOUBLE   R11, R11; \
	JZ       3(PC); \
	MASKMOV  (AX), Y0, Y2; \
	FMA      Y2, Y1, y; \
	SET(y)

#define MERGECOL(y) \
	MASKMOV (AX), Y2, Y3; \
	FMA213  y, Y1, Y3; \
	BLENDV  Y2, Y3, y, y; \
	SET(y)

	MOVQ  const_moveBeta(DI), R8
	MOVQ  R8, beta-8(SP)
	MOVQ  const_moveBetaStride(DI), R9
	SHLQ  $LOG, R9
	MOVQ  const_moveRows(DI), R14
	TESTQ R14, R14
	JLE   done

rowblock:
	MOVQ  R13, SI
	MOVQ  BX, AX
	MOVQ  beta-8(SP), R8
	MOVQ  const_moveCols(DI), R12
	TESTQ R12, R12
	JLE   done
	CMPQ  const_moveBetaKind(DI), $const_betaNone
	JNE   square
	CMPQ  R14, $LANES
	JLT   square
	LEAQ  (DX)(DX*2), R9
	LEAQ  (R10)(R10*2), R15

whole:
	SUBQ $LANES, R12
	JLT  edge
	LEAQ (SI)(DX*MIDDLE), R11
	WHOLE
	ADDQ $32, SI
	JMP  whole

edge:
	ADDQ $LANES, R12
	JZ   nextrows

square:
	MASK(R12, Y8)
	MOVQ SI, R11
	MOVQ R14, CX // a block of more rows ends with the last register
	EACHROW(LOAD)

loaded:
	SQUARE
	MASK(R14, Y0)
	MOVQ R12, CX
	MOVQ const_moveBetaKind(DI), R15
	CMPQ R15, $const_betaRows
	JEQ  mergerow
	JGT  mergecol
	EACHCOL(SET)
	JMP  stored

mergerow:
	EACHCOL(MERGEROW)
	JMP stored

mergecol:
	MASKMOV (R8), Y0, Y1
	VXORPS  Y3, Y3, Y3
	CMP     $4, Y3, Y1, Y2
	EACHCOL(MERGECOL)

stored:
	ADDQ $32, SI
	SUBQ $LANES, R12
	JG   square

nextrows:
	MOVQ  DX, CX
	IMULQ $LANES, CX
	ADDQ  CX, R13
	ADDQ  $32, BX
	CMPQ  const_moveBetaKind(DI), $const_betaCols
	JNE   nextblock
	ADDQ  $32, beta-8(SP)

nextblock:
	SUBQ $LANES, R14
	JG   rowblock

done:
	VZEROUPPER
	RET

#undef LOAD
#undef SET
#undef MERGEROW
#undef MERGECOL
#undef MASK
