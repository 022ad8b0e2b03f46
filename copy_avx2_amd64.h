// The body of an AVX2 copy: dst(r, c) = src(r, c), two vectors of columns at a time,
// which is a whole panel of the product; where the last vector is cut, dst has zeros.
// kernels_amd64.s defines before: LOG, LANES
// and the instructions as for a strip.
//
// Registers:
//
//	DI  the move                     AX  row of Dst       R10 its stride in bytes
//	SI  row of the source            DX  its stride in bytes
//	R13 columns of the source        BX  columns of Dst
//	R14 rows left                    R12 columns left     CX, R15 scratch
//	Y8  lanes of a vector that the edge cuts

	MOVQ const_moveSrc(DI), R13
	MOVQ const_moveDst(DI), BX
	MOVQ const_moveSrcStride(DI), DX
	SHLQ $LOG, DX
	MOVQ const_moveStride(DI), R10
	SHLQ $LOG, R10

	// Two vectors per row, one, or a part of one.
	MOVQ  const_moveCols(DI), R12
	TESTQ R12, R12
	JLE   done

chunk:
	MOVQ  R13, SI
	MOVQ  BX, AX
	MOVQ  const_moveRows(DI), R14
	TESTQ R14, R14
	JLE   done
	CMPQ  R12, $(2*LANES)
	JGE   pair
	CMPQ  R12, $LANES
	JGE   one
	MOVQ R12, CX
	SHLQ $LOG, CX
	LEAQ avx2Lanes<>+32(SB), R15
	SUBQ CX, R15
	MOVU (R15), Y8

cut:
	MASKMOV (SI), Y8, Y0
	MOVU    Y0, (AX)
	ADDQ    DX, SI
	ADDQ    R10, AX
	DECQ    R14
	JNZ     cut
	JMP     done

one:
	MOVU (SI), Y0
	MOVU Y0, (AX)
	ADDQ DX, SI
	ADDQ R10, AX
	DECQ R14
	JNZ  one
	ADDQ $32, R13
	ADDQ $32, BX
	SUBQ $LANES, R12
	JG   chunk
	JMP  done

pair:
	MOVU (SI), Y0
	MOVU 32(SI), Y1
	MOVU Y0, (AX)
	MOVU Y1, 32(AX)
	ADDQ DX, SI
	ADDQ R10, AX
	DECQ R14
	JNZ  pair
	ADDQ $64, R13
	ADDQ $64, BX
	SUBQ $(2*LANES), R12
	JG   chunk

done:
	VZEROUPPER
	RET

