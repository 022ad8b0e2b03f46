package main

import "fmt"

// moves writes the kernels that copy, transpose and pack operands of the product.
func moves(a *asm) {
	for _, a.target = range []target{avx512F32, avx512F64, avx2F32, avx2F64} {
		copyMatrix(a)
		packPanels(a, 2)
		if a.avx512 {
			packPanels(a, 3)
		}
		transpose(a)
	}
	for _, rows := range []int{14, 6} {
		for _, a.target = range []target{avx2F32, avx2F64} {
			packScalars(a, rows)
		}
	}
	a.maskTable()
}

// maskTable writes the lanes of AVX2.
func (a *asm) maskTable() {
	a.buf.WriteString("\n// 32 bytes of ones, then 32 of zeros: a mask of n bytes starts n bytes before the middle.\n")
	a.data("avx2Lanes<>", 0, ones, ones, ones, ones, 0, 0, 0, 0)
	a.global("avx2Lanes<>", 64)
}

// productName returns the name of a kernel of the product, whose set comes first.
func (a *asm) productName(name string) string {
	return pick(a.avx512, "avx2", "avx512") + name + a.suffix()
}

// Registers of copies and transposes.
const (
	move       = "DI"
	to         = "AX"  // row of Dst
	toStride   = "R10" // bytes
	from       = "SI"  // row, or column block, of the source
	fromStride = "DX"  // bytes
	fromBlock  = "R13"
	toBlock    = "BX"
	rowsLeft   = "R14"
	colsLeft   = "R12"
	scratch    = "CX"
	scratch2   = "R15"
)

// moveStart starts a copy or a transpose.
func (a *asm) moveStart(name string, frame int, doc string) {
	a.text(a.productName(name), "m *blocked.Move[T]", "", frame, pick(a.avx512, "AVX2, FMA3", "AVX512F, AVX512DQ"), doc)
	a.args("m", move)
	a.op("MOVQ", a.field("moveSrc"), fromBlock)
	a.op("MOVQ", a.field("moveDst"), toBlock)
	a.op("MOVQ", a.field("moveSrcStride"), fromStride)
	a.op("SHLQ", a.log(), fromStride)
	a.op("MOVQ", a.field("moveStride"), toStride)
	a.op("SHLQ", a.log(), toStride)
}

func copyMatrix(a *asm) {
	const v0, v1, lanes = vec(0), vec(1), vec(8)
	a.moveStart("Copy", 0, `
	dst(r, c) = src(r, c)

Two vectors of columns at a time, which is a whole panel of the product. If the last vector is cut, dst has
zeros there.

	DI  the move         AX  row of Dst          SI  row of the source   DX, R10  strides of SI and AX in bytes
	R13 columns of the source                    BX  columns of Dst      R14 rows left      R12 columns left
	CX, R15  scratch     `+pick(a.avx512, "Y8  lanes of a vector that is cut", "K1  lanes of the vector"))
	a.op("MOVQ", a.field("moveCols"), colsLeft)
	a.op("TESTQ", colsLeft, colsLeft)
	a.op("JLE", "done")

	// down copies rows of whole vectors and continues with the next columns.
	down := func(loop string, row func(), vectors int) {
		row()
		a.op("ADDQ", fromStride, from)
		a.op("ADDQ", toStride, to)
		a.op("DECQ", rowsLeft)
		a.op("JNZ", loop)
		if vectors > 0 {
			a.op("ADDQ", vectors*a.width(), fromBlock)
			a.op("ADDQ", vectors*a.width(), toBlock)
			a.op("SUBQ", vectors*a.lanes(), colsLeft)
			a.op("JG", "columns")
		}
	}
	a.label("columns")
	a.op("MOVQ", fromBlock, from)
	a.op("MOVQ", toBlock, to)
	a.op("MOVQ", a.field("moveRows"), rowsLeft)
	a.op("TESTQ", rowsLeft, rowsLeft)
	a.op("JLE", "done")
	a.op("CMPQ", colsLeft, 2*a.lanes())
	a.op("JGE", "pair")
	if a.avx512 {
		a.selectLanes("selected", colsLeft, "K1")
		a.op("PCALIGN", 32)
		a.label("one", "One vector, or a part of one.")
		down("one", func() {
			a.op("VMOVUP?.Z", mem(from, 0), "K1", v0)
			a.op("VMOVUP?", v0, mem(to, 0))
		}, 1)
	} else {
		a.op("CMPQ", colsLeft, a.lanes())
		a.op("JGE", "one")
		a.selectLanes("selected", colsLeft, lanes)
		a.label("cut", "A part of a vector.")
		down("cut", func() {
			a.op("VMASKMOVP?", mem(from, 0), lanes, v0)
			a.op("VMOVUP?", v0, mem(to, 0))
		}, 0)
		a.op("JMP", "done")
		a.op("PCALIGN", 32)
		a.label("one", "One vector.")
		down("one", func() {
			a.op("VMOVUP?", mem(from, 0), v0)
			a.op("VMOVUP?", v0, mem(to, 0))
		}, 1)
	}
	a.op("JMP", "done")
	a.op("PCALIGN", 32)
	a.label("pair", "Two vectors.")
	down("pair", func() {
		a.op("VMOVUP?", mem(from, 0), v0)
		a.op("VMOVUP?", mem(from, a.width()), v1)
		a.op("VMOVUP?", v0, mem(to, 0))
		a.op("VMOVUP?", v1, mem(to, a.width()))
	}, 2)
	a.label("done")
	a.ret()
}

// packPanels writes the copy of rows to panels of so many vectors. It goes through the rows, so it reads memory in
// order.
func packPanels(a *asm, vectors int) {
	const row, panelStride = "R13", "R10"
	rowBytes := vectors * a.width()
	a.moveStart(fmt.Sprint("Panels", vectors*a.lanes()), 0, fmt.Sprintf(`
	dst(r, c) = src(r, c), where element (r, c) of dst is at c/%[1]d·Stride + r·%[1]d + c mod %[1]d

All panels of %[1]d columns are whole.

	DI  the move              SI  the row at this panel       DX  bytes between rows of the source
	R13 row of the source     AX  its place in the panel      R10 bytes between panels
	BX  its place in the first panel      R14 rows left       R12 columns left`, vectors*a.lanes()))
	a.op("MOVQ", a.field("moveRows"), rowsLeft)
	a.op("TESTQ", rowsLeft, rowsLeft)
	a.op("JLE", "done")
	a.op("PCALIGN", 32)
	a.label("row", "A row.")
	a.op("MOVQ", row, from)
	a.op("MOVQ", toBlock, to)
	a.op("MOVQ", a.field("moveCols"), colsLeft)
	a.op("ADDQ", fromStride, row)
	a.op("ADDQ", rowBytes, toBlock)
	a.label("panel", "Its part of a panel.")
	for v := range vectors {
		a.op("VMOVUP?", mem(from, v*a.width()), vec(v))
	}
	for v := range vectors {
		a.op("VMOVUP?", vec(v), mem(to, v*a.width()))
	}
	a.op("ADDQ", rowBytes, from)
	a.op("ADDQ", panelStride, to)
	a.op("SUBQ", vectors*a.lanes(), colsLeft)
	a.op("JG", "panel")
	a.op("DECQ", rowsLeft)
	a.op("JNZ", "row")
	a.label("done")
	a.ret()
}

const transposeDoc = `
	dst(c, r) = src(r, c), or β·dst(c, r) + src(r, c)

Squares of a vector by a vector are transposed in registers.

	DI  the move         AX  row of Dst          SI  column block of the source   DX, R10  strides of SI and AX in bytes
	R13 row block of the source                  BX  row block of Dst    R14 rows left      R12 columns left
	R11 row of the source                        CX  rows of the square, then columns       R15 scratch
	R8  β of the row, or of the columns          R9  its stride in bytes
`

func transpose(a *asm) {
	const (
		beta, betaStride = "R8", "R9"
		row              = "R11"
		left             = "CX"

		in = vec(0) // of the rows of a square
	)
	var (
		out  = vec(pick(a.avx512, 8, 0)) // of its columns
		cols = pick[any](a.avx512, vec(8), "K1")
		rows = pick[any](a.avx512, vec(0), "K2") // loaded after the square is transposed
	)
	if a.avx512 {
		a.moveStart("Transpose", 8, transposeDoc+fmt.Sprintf(`
	K1  columns of the square     K2  its rows    K3  those of them whose β is not 0
	Z0 … Z%d  the square`, a.lanes()-1)+pick(a.f64, "   Z16 … Z31  scratch, then Z16 β", "    Z8 … Z23  scratch, then Z16 β"))
	} else {
		a.moveStart("Transpose", 8, transposeDoc+fmt.Sprintf(`
	Y8  columns of the square, while it is loaded         Y0  its rows, while it is stored
	Y0 … Y%[1]d  rows of the square   Y8 … Y%[2]d  its columns   Y1 … Y4  scratch of β and of part of a vector

In a whole square, R11 is the row in the middle of the square, and R9 and R15 are three times the strides of
the source and of Dst.`, a.lanes()-1, a.lanes()+7))
	}
	column := func(c int) { a.comment(fmt.Sprintf("Column %d of the square.", c)) }
	// store stores column c of the square.
	store := func(kind string, c int) {
		a.storeLanes(out+vec(c), rows, vec(4), rowsLeft, fmt.Sprint(kind, c))
		a.op("ADDQ", toStride, to)
		a.op("DECQ", left)
		a.op("JZ", "stored")
	}

	a.op("MOVQ", a.field("moveBeta"), beta)
	a.op("MOVQ", beta, "beta-8(SP)")
	a.op("MOVQ", a.field("moveBetaStride"), betaStride)
	a.op("SHLQ", a.log(), betaStride)
	a.op("MOVQ", a.field("moveRows"), rowsLeft)
	a.op("TESTQ", rowsLeft, rowsLeft)
	a.op("JLE", "done")
	a.label("rows", "A block of rows.")
	if a.avx512 {
		a.selectLanes("rowsOfSquare", rowsLeft, rows)
	}
	a.op("MOVQ", fromBlock, from)
	a.op("MOVQ", toBlock, to)
	a.op("MOVQ", "beta-8(SP)", beta)
	a.op("MOVQ", a.field("moveCols"), colsLeft)
	a.op("TESTQ", colsLeft, colsLeft)
	a.op("JLE", "done")
	if !a.avx512 {
		a.wholeSquares()
	}

	a.label("square")
	a.selectLanes("columnsOfSquare", colsLeft, cols)
	a.op("MOVQ", from, row)
	a.op("MOVQ", rowsLeft, left, "// a block of more rows ends with the last register")
	for r := range vec(a.lanes()) {
		if a.avx512 {
			a.op("VMOVUP?.Z", mem(row, 0), cols, in+r)
		} else {
			a.op("VMASKMOVP?", mem(row, 0), cols, in+r)
		}
		a.op("ADDQ", fromStride, row)
		a.op("DECQ", left)
		a.op("JZ", "loaded")
	}
	a.label("loaded")
	a.transposeSquare()
	if !a.avx512 {
		a.selectLanes("rowsOfSquare", rowsLeft, rows)
	}
	a.op("MOVQ", colsLeft, left)
	a.op("MOVQ", a.field("moveBetaKind"), scratch2)
	a.op("CMPQ", scratch2, a.enum("betaRows"))
	a.op("JEQ", "betaOfRow")
	a.op("JGT", "betaOfColumn")
	for c := range a.lanes() {
		column(c)
		store("set", c)
	}
	a.op("JMP", "stored")

	betas, nonzero := vec(pick(a.avx512, 1, 16)), pick[any](a.avx512, vec(2), "K3")
	a.label("betaOfRow", "A β for each row of Dst. Dst is not read if it is 0.")
	for c := range a.lanes() {
		column(c)
		a.op("VBROADCASTS?", mem(beta, 0), betas)
		a.op("ADDQ", betaStride, beta)
		a.selectNonzero(betas, rows, nonzero)
		a.addOld(betas, nonzero, out+vec(c))
		store("row", c)
	}
	a.op("JMP", "stored")

	a.label("betaOfColumn", "A β for each column of Dst.")
	a.op(pick(a.avx512, "VMASKMOVP?", "VMOVUP?.Z"), mem(beta, 0), rows, betas)
	a.selectNonzero(betas, rows, nonzero)
	for c := range a.lanes() {
		column(c)
		a.addOld(betas, nonzero, out+vec(c))
		store("column", c)
	}

	a.label("stored")
	a.op("ADDQ", a.width(), from)
	a.op("SUBQ", a.lanes(), colsLeft)
	a.op("JG", "square")
	if !a.avx512 {
		a.label("nextRows")
	}
	a.op("MOVQ", fromStride, left)
	a.op("IMULQ", a.lanes(), left)
	a.op("ADDQ", left, fromBlock)
	a.op("ADDQ", a.width(), toBlock)
	a.op("CMPQ", a.field("moveBetaKind"), a.enum("betaCols"))
	a.op("JNE", "nextBlock")
	a.op("ADDQ", a.width(), "beta-8(SP)")
	a.label("nextBlock")
	a.op("SUBQ", a.lanes(), rowsLeft)
	a.op("JG", "rows")
	a.label("done")
	a.ret()
}

// wholeSquares writes the loop over squares that no edge cuts and that meet no β. It moves a square in halves:
// a register takes half the columns of a row from the upper half of the rows and of its fellow from the lower
// half, so nothing has to cross the middle of a register afterwards, which is what VPERM2F128 takes eight
// operations for on some CPUs.
func (a *asm) wholeSquares() {
	const middle, fromStride3, toStride3 = "R11", "R9", "R15"
	a.op("CMPQ", a.field("moveBetaKind"), a.enum("betaNone"))
	a.op("JNE", "square")
	a.op("CMPQ", rowsLeft, a.lanes())
	a.op("JLT", "square")
	a.op("LEAQ", "(DX)(DX*2)", fromStride3)
	a.op("LEAQ", "(R10)(R10*2)", toStride3)
	a.label("whole", "Squares that no edge cuts and that meet no β, in halves: a register takes half the columns of a row",
		"from the upper half of the rows and of its fellow from the lower half. So nothing has to cross the",
		"middle of a register, which takes eight operations on some CPUs.")
	a.op("SUBQ", a.lanes(), colsLeft)
	a.op("JLT", "edge")
	a.op("LEAQ", mem(from, 0, fromStride, a.lanes()/2), middle)
	for half := range 2 {
		for r, index := range [][]any{nil, {fromStride, 1}, {fromStride, 2}, {fromStride3, 1}}[:a.lanes()/2] {
			v := vec(r)
			a.op("VMOVUP?", mem(from, 16*half, index...), v.x())
			a.op("VINSERTF128", 1, mem(middle, 16*half, index...), v, v)
		}
		out := vec(a.lanes())
		if a.f64 {
			out = 2
			a.unpack("PD", vec.y, 0, 1, out)
		} else {
			a.unpackBy4(vec.y, 4, 0, 4, out)
		}
		for c, index := range [][]any{nil, {toStride, 1}, {toStride, 2}, {toStride3, 1}}[:a.lanes()/2] {
			a.op("VMOVUP?", out+vec(c), mem(to, 0, index...))
		}
		a.op("LEAQ", mem(to, 0, toStride, a.lanes()/2), to)
	}
	a.op("ADDQ", a.width(), from)
	a.op("JMP", "whole")
	a.label("edge")
	a.op("ADDQ", a.lanes(), colsLeft)
	a.op("JZ", "nextRows")
}

// transposeSquare transposes the rows in V0 …, to V0 … or, on AVX2, to V8 ….
func (a *asm) transposeSquare() {
	// shuffle joins halves of v and w in both ways.
	shuffle := func(op, low, high string, v, w, toLow, toHigh vec) {
		a.op(op, low, w, v, toLow)
		a.op(op, high, w, v, toHigh)
	}
	switch {
	case a.avx512 && a.f64:
		for v := vec(0); v < 8; v += 2 {
			a.unpack("PD", vec.z, v, v+1, 16+v)
		}
		for i := range vec(2) {
			shuffle("VSHUFF64X2", "$0x88", "$0xdd", 16+i, 18+i, 8+i, 10+i)
			shuffle("VSHUFF64X2", "$0x88", "$0xdd", 20+i, 22+i, 12+i, 14+i)
		}
		for i := range vec(2) {
			shuffle("VSHUFF64X2", "$0x88", "$0xdd", 8+i, 12+i, i, 4+i)
			shuffle("VSHUFF64X2", "$0x88", "$0xdd", 10+i, 14+i, 2+i, 6+i)
		}
	case a.avx512:
		a.unpackBy4(vec.z, 16, 0, 16, 0)
		for i := range vec(4) {
			shuffle("VSHUFF32X4", "$0x88", "$0xdd", i, 4+i, 16+i, 20+i)
			shuffle("VSHUFF32X4", "$0x88", "$0xdd", 8+i, 12+i, 24+i, 28+i)
		}
		for i := range vec(4) {
			shuffle("VSHUFF32X4", "$0x88", "$0xdd", 16+i, 24+i, i, 8+i)
			shuffle("VSHUFF32X4", "$0x88", "$0xdd", 20+i, 28+i, 4+i, 12+i)
		}
	case a.f64:
		a.unpack("PD", vec.y, 0, 1, 4)
		a.unpack("PD", vec.y, 2, 3, 6)
		for i := range vec(2) {
			shuffle("VPERM2F128", "$0x20", "$0x31", 4+i, 6+i, 8+i, 10+i)
		}
	default:
		a.unpackBy4(vec.y, 8, 0, 8, 0)
		for i := range vec(4) {
			shuffle("VPERM2F128", "$0x20", "$0x31", i, 4+i, 8+i, 12+i)
		}
	}
}

// selectLanes selects the first n lanes of a vector, or all if there are more: in a mask register of AVX-512, in a
// vector of AVX2. It clobbers CX and R15. The label must be unique.
func (a *asm) selectLanes(label, n string, lanes any) {
	a.op("MOVQ", n, scratch)
	a.op("CMPQ", scratch, a.lanes())
	a.op("JLE", label)
	a.op("MOVQ", a.lanes(), scratch)
	a.label(label)
	if a.avx512 {
		a.op("MOVQ", 1, scratch2)
		a.op("SHLQ", scratch, scratch2)
		a.op("DECQ", scratch2)
		a.op("KMOVW", scratch2, lanes)
	} else {
		a.op("SHLQ", a.log(), scratch)
		a.op("LEAQ", "avx2Lanes<>+32(SB)", scratch2)
		a.op("SUBQ", scratch, scratch2)
		a.op("VMOVUP?", mem(scratch2, 0), lanes)
	}
}

// selectNonzero selects those of the lanes whose β is not 0. It clobbers K3, or Y3.
func (a *asm) selectNonzero(beta vec, lanes, nonzero any) {
	if a.avx512 {
		a.op("VFPCLASSP?Z", 6, beta, "K3", "// ±0")
		a.op("KANDNW", lanes, "K3", nonzero)
		return
	}
	a.op("VXORPS", vec(3), vec(3), vec(3))
	a.op("VCMPP?", 4, vec(3), beta, nonzero, "// β ≠ 0")
	a.op("VANDPS", lanes, nonzero, nonzero)
}

// addOld adds β·dst to lanes of v. AVX2 clobbers Y3.
func (a *asm) addOld(beta vec, lanes any, v vec) {
	if a.avx512 {
		a.op("VFMADD231P?", mem(to, 0), beta, lanes, v)
		return
	}
	a.op("VMASKMOVP?", mem(to, 0), lanes, vec(3))
	a.op("VFMADD213P?", v, beta, vec(3))
	a.op("VBLENDVP?", lanes, vec(3), v, v)
}

// storeLanes stores the first n lanes of v to the row of Dst, or all if n is a vector or more. lanes are the same
// lanes for AVX-512. AVX2 clobbers part and R15. The prefix makes labels unique.
func (a *asm) storeLanes(v vec, lanes any, part vec, n, prefix string) {
	if a.avx512 {
		a.op("VMOVUP?", v, lanes, mem(to, 0))
		return
	}
	cut, stored := prefix+"Cut", prefix+"Stored"
	a.op("CMPQ", n, a.lanes())
	a.op("JLT", cut)
	a.op("VMOVUP?", v, mem(to, 0))
	a.op("JMP", stored)
	a.label(cut)
	a.op("MOVQ", to, scratch2)
	a.op("VMOVUP?", v, part)
	a.storePart(part, scratch2, n, stored)
	a.label(stored)
}

// storePart stores the first n lanes of v, fewer than a vector of AVX2, to the memory at to. A masked store
// takes dozens of operations on some CPUs, two or three narrow ones do not. storePart clobbers v and to. The
// next label must be stored.
func (a *asm) storePart(v vec, to, n, stored string) {
	for lanes := 16 / a.size(); lanes > 0; lanes /= 2 {
		below := pick(lanes == 1, fmt.Sprint(stored, "But", lanes-1), stored)
		a.op("BTQ", map[int]int{4: 2, 2: 1, 1: 0}[lanes], n)
		a.op("JCC", below)
		switch lanes * a.size() {
		case 16:
			a.op("VMOVUP?", v.x(), mem(to, 0))
			a.op("VEXTRACTF128", 1, v.y(), v.x())
			a.op("ADDQ", 16, to)
		case 8:
			if a.f64 {
				a.op("VMOVSD", v.x(), mem(to, 0))
				break
			}
			a.op("VMOVLPS", v.x(), mem(to, 0))
			a.op("VPERMILPD", 1, v.x(), v.x())
			a.op("ADDQ", 8, to)
		case 4:
			a.op("VMOVSS", v.x(), mem(to, 0))
		}
		if lanes > 1 {
			a.label(below)
		}
	}
}

func packScalars(a *asm, rows int) {
	const left = "CX"
	a.text(fmt.Sprint("packScalars", rows, a.suffix()), "dst, src []T, k, stride int", "", 0, "AVX", fmt.Sprintf(`
	dst(p, i) = src(p, i), i < %d

Rows of src are stride elements apart. The pieces of a row overlap, so that nothing beside it is read or
written.

	DI  row of dst   SI  row of src   DX  its stride in bytes   CX  rows left   vectors from 0 on: pieces of the row`, rows))
	a.args("dst_base", dst, "src_base", src, "k", left, "stride", fromStride)
	a.op("SHLQ", a.log(), fromStride)
	a.op("TESTQ", left, left)
	a.op("JZ", "done")
	a.label("row")
	bytes := rows * a.size()
	width := 32
	if bytes < width {
		width = 16
	}
	for i := 0; i*width < bytes; i++ {
		at := min(i*width, bytes-width)
		piece := pick(width == 32, vec(i).x(), vec(i).y())
		a.op("VMOVUPS", mem(src, at), piece)
		a.op("VMOVUPS", piece, mem(dst, at))
	}
	a.op("ADDQ", fromStride, src)
	a.op("ADDQ", bytes, dst)
	a.op("DECQ", left)
	a.op("JNZ", "row")
	a.label("done")
	a.ret()
}
