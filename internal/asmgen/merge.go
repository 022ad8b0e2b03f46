package main

import "fmt"

// merge writes the kernel that merges the sums of a tile into a matrix.
func merge(a *asm) {
	const (
		beta, betaStride, columnsOfBeta = "R8", "R9", "R11"

		sum, v0, alpha = vec(0), vec(1), vec(2)
		zero, old      = vec(3), vec(4) // AVX2

		left, kept = "R15", "CX" // AVX2: lanes of the vector, where a part of it is stored
	)
	lanes, nonzero := pick[any](a.avx512, vec(5), "K1"), pick[any](a.avx512, vec(6), "K2")

	a.moveStart("Merge", 0, `
	dst(r, c) ← β·dst(r, c) + α·src(r, c), or α·src(r, c) if β is 0

One vector of columns at a time. Dst is not read where β is 0 or there is none. Rows of the source have whole
vectors.

	DI  the move         AX  row of Dst          SI  row of the source   DX, R10  strides of SI and AX in bytes
	R13 columns of the source                    BX  columns of Dst      R14 rows left      R12 columns left
	R8  β of the row     R11 β of the columns    R9  bytes between β of rows
	V0  the sum          V1  β                   V2  α
	`+pick(a.avx512,
		"V3  zero             V4  a row of Dst        V5  lanes of the vector    V6  those whose β is not 0\n	R15 number of lanes  CX  where a part of a vector is stored",
		"K1  lanes of the vector                      K2  those whose β is not 0                 CX, R15  scratch"))
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
	if a.avx512 {
		a.op("MOVQ", -1, scratch2)
		a.op("CMPQ", colsLeft, a.lanes())
		a.op("JGE", "masked")
		a.op("MOVQ", colsLeft, scratch)
		a.op("SHLQ", scratch, scratch2)
		a.op("NOTQ", scratch2)
		a.label("masked")
		a.op("KMOVW", scratch2, lanes)
	} else {
		a.op("MOVQ", a.lanes(), left)
		a.op("CMPQ", colsLeft, left)
		a.op("CMOVQLT", colsLeft, left)
		a.op("MOVQ", left, scratch)
		a.op("NEGQ", scratch)
		a.op("LEAQ", "avx2Lanes<>+32(SB)", from)
		a.op("VMOVUP?", mem(from, 0, scratch, a.size()), lanes)
	}
	a.op("MOVQ", fromBlock, from)
	a.op("MOVQ", toBlock, to)
	a.op("MOVQ", columnsOfBeta, beta)
	a.op("MOVQ", a.field("moveRows"), rowsLeft)
	a.op("CMPQ", a.field("moveBetaKind"), a.enum("betaCols"))
	a.op("JEQ", "betaOfColumn")

	// setNonzero selects the lanes whose β is not 0.
	setNonzero := func() {
		if a.avx512 {
			a.op("VFPCLASSP?Z", 6, v0, "K3", "// ±0")
			a.op("KANDNW", lanes, "K3", nonzero)
			return
		}
		a.op("VXORPS", zero, zero, zero)
		a.op("VCMPP?", 4, zero, v0, nonzero, "// β ≠ 0")
		a.op("VANDPS", lanes, nonzero, nonzero)
	}
	// row merges a row and goes on to the next.
	row := func(loop string) {
		a.op("VMULP?", mem(from, 0), alpha, sum)
		if a.avx512 {
			a.op("VFMADD231P?", mem(to, 0), v0, nonzero, sum)
			a.op("VMOVUP?", sum, lanes, mem(to, 0))
		} else {
			cut, stored := loop+"Cut", loop+"Stored"
			a.op("VMASKMOVP?", mem(to, 0), nonzero, old)
			a.op("VFMADD213P?", sum, v0, old)
			a.op("VBLENDVP?", nonzero, old, sum, sum)
			a.op("CMPQ", left, fmt.Sprint("$", a.lanes()))
			a.op("JLT", cut)
			a.op("VMOVUP?", sum, mem(to, 0))
			a.op("JMP", stored)
			a.label(cut)
			a.op("MOVQ", to, kept)
			a.storePart(sum, kept, left, stored)
			a.label(stored)
		}
		a.op("ADDQ", fromStride, from)
		a.op("ADDQ", toStride, to)
		a.op("DECQ", rowsLeft)
		a.op("JNZ", loop)
	}
	a.label("row", "A row whose elements have the same β.")
	a.op("VBROADCASTS?", mem(beta, 0), v0)
	a.op("ADDQ", betaStride, beta)
	setNonzero()
	row("row")
	a.op("JMP", "nextColumns")
	a.label("betaOfColumn", "Each column has its own β.")
	a.op(pick(a.avx512, "VMASKMOVP?", "VMOVUP?.Z"), mem(beta, 0), lanes, v0)
	setNonzero()
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
