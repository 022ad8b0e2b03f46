package main

// merge writes the kernel that merges the sums of tiles into a matrix.
func merge(a *asm) {
	const (
		beta, betaStride, columnsOfBeta = "R8", "R9", "R11"

		sum, betas, alpha, part = vec(0), vec(1), vec(2), vec(4)
	)
	lanes, nonzero := pick[any](a.avx512, vec(5), "K1"), pick[any](a.avx512, vec(6), "K2")

	a.moveStart("Merge", 0, `
	dst(r, c) ← β·dst(r, c) + α·src(r, c), or α·src(r, c) if β is 0

One vector of columns at a time. Dst is not read where β is 0 or there is none. Rows of the source have whole
vectors.

	DI  the move         AX  row of Dst          SI  row of the source   DX, R10  strides of SI and AX in bytes
	R13 columns of the source                    BX  columns of Dst      R14 rows left      R12 columns left
	R8  β of the row     R11 β of the columns    R9  bytes between β of rows                CX, R15  scratch
	V0  the sum          V1  β                   V2  α
	`+pick(a.avx512, "V3, V4  scratch      V5  lanes of the vector", "K1  lanes of the vector                     ")+
		pick(a.avx512, "                    V6  ", "K2  ")+"those whose β is not 0")
	a.op("MOVQ", a.field("moveCols"), colsLeft)
	a.op("VBROADCASTS?", a.field("moveAlpha"), alpha)
	a.op("MOVQ", a.field("moveBeta"), columnsOfBeta)
	a.op("MOVQ", a.field("moveBetaStride"), betaStride)
	a.op("SHLQ", a.log(), betaStride)
	a.op("CMPQ", a.field("moveBetaKind"), a.enum("betaNone"))
	a.op("JNE", "columns")
	a.op("LEAQ", "avx2Lanes<>+32(SB)", columnsOfBeta, "// a zero")
	a.op("XORL", betaStride, betaStride)

	a.label("columns", "A vector of columns.")
	a.selectLanes("selected", colsLeft, lanes)
	a.op("MOVQ", fromBlock, from)
	a.op("MOVQ", toBlock, to)
	a.op("MOVQ", columnsOfBeta, beta)
	a.op("MOVQ", a.field("moveRows"), rowsLeft)
	a.op("CMPQ", a.field("moveBetaKind"), a.enum("betaCols"))
	a.op("JEQ", "betaOfColumn")

	// row merges a row and continues with the next.
	row := func(loop string) {
		a.op("VMULP?", mem(from, 0), alpha, sum)
		a.addOld(betas, nonzero, sum)
		a.storeLanes(sum, lanes, part, colsLeft, loop)
		a.op("ADDQ", fromStride, from)
		a.op("ADDQ", toStride, to)
		a.op("DECQ", rowsLeft)
		a.op("JNZ", loop)
	}
	a.label("row", "A row whose elements have the same β.")
	a.op("VBROADCASTS?", mem(beta, 0), betas)
	a.op("ADDQ", betaStride, beta)
	a.selectNonzero(betas, lanes, nonzero)
	row("row")
	a.op("JMP", "nextColumns")
	a.label("betaOfColumn", "Each column has its own β.")
	a.op(pick(a.avx512, "VMASKMOVP?", "VMOVUP?.Z"), mem(beta, 0), lanes, betas)
	a.selectNonzero(betas, lanes, nonzero)
	a.op("ADDQ", a.width(), columnsOfBeta)
	a.label("rowOfColumns")
	row("rowOfColumns")
	a.label("nextColumns")
	a.op("ADDQ", a.width(), fromBlock)
	a.op("ADDQ", a.width(), toBlock)
	a.op("SUBQ", a.lanes(), colsLeft)
	a.op("JG", "columns")
	a.ret()
}
