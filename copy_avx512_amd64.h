// The body of an AVX-512 copy: dst(r, c) = src(r, c), two vectors of columns at a time,
// which is a whole panel of the product. kernels_amd64.s defines before: LOG, LANES
// and the instructions as for a strip.
//
// Registers:
//
//	DI  the move                     AX  row of Dst       R10 its step in bytes
//	SI  row of the source            DX  its step in bytes
//	R13 columns of the source        BX  columns of Dst
//	R14 rows left                    R12 columns left     CX, R15 scratch
//	K1  lanes of a vector that the edge cuts

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
	MOVQ const_moveSrcStep(DI), DX
	SHLQ $LOG, DX
	MOVQ const_moveStep(DI), R10
	SHLQ $LOG, R10

	// One or two vectors per row.
	MOVQ const_moveCols(DI), R12
	TESTQ R12, R12
	JLE  done

chunk:
	MOVQ R13, SI
	MOVQ BX, AX
	MOVQ const_moveRows(DI), R14
	TESTQ R14, R14
	JLE  done
	CMPQ R12, $LANES
	JG   two
	MASK(R12, K1)

one:
	MOVUZ (SI), K1, Z0
	MOVU  Z0, K1, (AX)
	ADDQ  DX, SI
	ADDQ  R10, AX
	DECQ  R14
	JNZ   one
	JMP   done

two:
	SUBQ $LANES, R12
	MASK(R12, K1)

pair:
	MOVU  (SI), Z0
	MOVUZ 64(SI), K1, Z1
	MOVU  Z0, (AX)
	MOVU  Z1, K1, 64(AX)
	ADDQ  DX, SI
	ADDQ  R10, AX
	DECQ  R14
	JNZ   pair
	ADDQ  $128, R13
	ADDQ  $128, BX
	SUBQ  $LANES, R12
	JG    chunk

done:
	VZEROUPPER
	RET

#undef MASK
