// The body of an AVX-512 transpose: dst(c, r) = src(r, c), or β·dst(c, r) + src(r, c).
// kernels_amd64.s defines before: LOG, LANES, the instructions as for a strip, and
//
//	SQUARE         transposes the rows in Z0… to columns in Z0…
//	EACHROW(op)    op(Z0); op(Z1); … for all rows of the square
//
// Registers:
//
//	DI  the move                     AX  row of Dst       R10 its stride in bytes
//	SI  column block of the source   DX  source stride      R11 row of the source
//	R13 row block of the source      BX  row block of Dst
//	R14 rows left                    R12 columns left     CX  rows of this block
//	R8  β of the row, or of the columns                   R9  its stride in bytes
//	K1  columns of this block        K2  rows of this block

#define MASK(n, k) \
	MOVQ  n, CX; \
	CMPQ  CX, $LANES; \
	JLE   2(PC); \
	MOVQ  $LANES, CX; \
	MOVQ  $1, R15; \
	SHLQ  CX, R15; \
	DECQ  R15; \
	KMOVW R15, k

	MOVQ const_moveSrc(DI), R13
	MOVQ const_moveDst(DI), BX
	MOVQ const_moveSrcStride(DI), DX
	SHLQ $LOG, DX
	MOVQ const_moveStride(DI), R10
	SHLQ $LOG, R10

#define LOAD(z) \
	MOVUZ (R11), K1, z; \
	ADDQ  DX, R11; \
	DECQ  CX; \
	JZ    loaded

#define SET(z) \
	MOVU z, K2, (AX); \
	ADDQ R10, AX; \
	DECQ CX; \
	JZ   stored

#define MERGEROW(z) \
	BCAST  (R8), Z16; \
	ADDQ   R9, R8; \
	ISZERO $6, Z16, K3; \
	KANDNW K2, K3, K3; \
	FMA    (AX), Z16, K3, z; \
	SET(z)

#define MERGECOL(z) \
	FMA (AX), Z16, K3, z; \
	SET(z)

	MOVQ const_moveBeta(DI), R8
	MOVQ R8, beta-8(SP)
	MOVQ const_moveBetaStride(DI), R9
	SHLQ $LOG, R9
	MOVQ const_moveRows(DI), R14
	TESTQ R14, R14
	JLE  done

rowblock:
	MASK(R14, K2)
	MOVQ R13, SI
	MOVQ BX, AX
	MOVQ beta-8(SP), R8
	MOVQ const_moveCols(DI), R12
	TESTQ R12, R12
	JLE  done

square:
	MASK(R12, K1)
	MOVQ SI, R11
	MOVQ R14, CX // a block of more rows ends with the last register
	EACHROW(LOAD)

loaded:
	SQUARE
	MOVQ R12, CX
	MOVQ const_moveBetaKind(DI), R15
	CMPQ R15, $const_betaRows
	JEQ  mergerow
	JGT  mergecol
	EACHROW(SET)
	JMP  stored

mergerow:
	EACHROW(MERGEROW)
	JMP stored

mergecol:
	MOVUZ  (R8), K2, Z16
	ISZERO $6, Z16, K3
	KANDNW K2, K3, K3
	EACHROW(MERGECOL)

stored:
	ADDQ $64, SI
	SUBQ $LANES, R12
	JG   square

	MOVQ DX, CX
	IMULQ $LANES, CX
	ADDQ CX, R13
	ADDQ $64, BX
	CMPQ const_moveBetaKind(DI), $const_betaCols
	JNE  nextblock
	ADDQ $64, beta-8(SP)

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
