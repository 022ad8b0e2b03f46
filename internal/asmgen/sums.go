package main

import "fmt"

func sumSquares(a *asm) {
	const (
		x     = vec(0)
		first = vec(4) // of the lanes
		bytes = 256    // of all lanes
		block = limit4 // count − all lanes
	)
	vectors, lanes := bytes/a.width(), bytes/a.size()
	top := first + vec(vectors) - 1
	a.start("sumSquares", "x *T, n int", "T", "AVX2, FMA3; AVX512F, AVX512DQ", fmt.Sprintf(`
	Σ x²

%[1]d lanes of partial sums fill 256 bytes. Lane l sums x[l]², x[l+%[1]d]², … with lane = fma(x, x, lane). Then
the upper half of the lanes is added to the lower half until one lane is left.

	SI  x                AX  next element     R8  elements    CX  elements of the tail
	R9, R10  last element from which all lanes, or a vector, are left
	V0  x                V%[2]d … V%[3]d  lanes`, lanes, first, top))
	a.args("x", src, "n", count)
	a.limits()
	a.op("LEAQ", mem(count, -lanes), block)
	for v := first; v <= top; v++ {
		a.op("VXORPS", v, v, v)
	}
	a.op("XORL", elem, elem)
	a.label("all", "All lanes at a time.")
	a.op("CMPQ", elem, block)
	a.op("JGT", "rest")
	for k := range vectors {
		part{asm: a, k: k}.load(src, x)
		a.op("VFMADD231P?", x, x, first+vec(k))
	}
	a.op("ADDQ", lanes, elem)
	a.op("JMP", "all")
	a.label("rest", "The last elements, fewer than the lanes: whole vectors, then part of one.")
	for k := range vectors {
		partOf, next := fmt.Sprint("part", k), fmt.Sprint("next", k)
		a.op("CMPQ", elem, limit)
		a.op("JGT", partOf)
		part{asm: a}.load(src, x)
		a.op("VFMADD231P?", x, x, first+vec(k))
		a.op("ADDQ", a.lanes(), elem)
		a.op("JMP", next)
		a.label(partOf)
		a.op("CMPQ", elem, count)
		a.op("JGE", "fold")
		part{asm: a, tail: true}.load(src, x)
		a.op("VFMADD231P?", x, x, first+vec(k))
		a.op("JMP", "fold")
		a.label(next)
	}
	a.label("fold")
	for n := vectors / 2; n > 0; n /= 2 {
		for v := first; v < first+vec(n); v++ {
			a.op("VADDP?", v+vec(n), v, v)
		}
	}
	a.foldHalf("VADDP?", first, 1)
	a.fold("VADDP?", first, 1)
	a.op("VMOVS?", first.x(), a.arg("ret"))
	a.ret()
}

func addSquares(a *asm) {
	const (
		sum, x = vec(0), vec(4) // the first of four

		turn  = auxStride // x at the turn
		step  = srcStride // bytes of a turn
		turns = rows
		left  = tmp // turns left
	)
	a.start("addSquares", "dst, x *T, n, turns int", "", "AVX2, FMA3; AVX512F", `
	dst = fma(x, x, dst) for n elements of dst, for each of the turns of n elements of x

Four vectors of dst stay in registers for all turns.

	DI  dst   SI  x      R14 x at the turn    R13 bytes of a turn   R11, BX  turns, those left
	V0 … V3  dst         V4 … V7  x`+loopRegisters)
	a.args("dst", dst, "x", src, "n", count, "turns", turns)
	a.op("MOVQ", count, step)
	a.op("IMULQ", a.size(), step)
	a.limits()
	a.op("XORL", elem, elem)

	// add adds the squares of the parts to their sums.
	add := func(loop string, parts ...part) {
		for k, p := range parts {
			p.load(dst, sum+vec(k))
		}
		a.op("MOVQ", src, turn)
		a.op("MOVQ", turns, left)
		a.label(loop)
		for k, p := range parts {
			p.load(turn, x+vec(k))
		}
		for k := range parts {
			a.op("VFMADD231P?", x+vec(k), x+vec(k), sum+vec(k))
		}
		a.op("ADDQ", step, turn)
		a.op("DECQ", left)
		a.op("JNZ", loop)
		for k, p := range parts {
			p.store(sum+vec(k), dst)
		}
	}
	a.label("four", "Four vectors at a time.")
	a.op("CMPQ", elem, limit4)
	a.op("JGT", "one")
	add("turnOfFour", part{asm: a}, part{asm: a, k: 1}, part{asm: a, k: 2}, part{asm: a, k: 3})
	a.op("ADDQ", 4*a.lanes(), elem)
	a.op("JMP", "four")
	a.label("one", "One vector at a time.")
	a.op("CMPQ", elem, limit)
	a.op("JGT", "tail")
	add("turnOfOne", part{asm: a})
	a.op("ADDQ", a.lanes(), elem)
	a.op("JMP", "one")
	a.label("tail", "Part of a vector.")
	a.op("CMPQ", elem, count)
	a.op("JGE", "done")
	add("turnOfTail", part{asm: a, tail: true})
	a.label("done")
	a.ret()
}

func colSums(a *asm) {
	const (
		last = vec(0) // of the block's vectors of columns: V0 … V3
		x    = vec(4)

		col = limit4 // x at the row, from the first column of the block on
	)
	a.start("colSums", "dst, x *T, rows, cols, stride int", "", "AVX2; AVX512F", `
	dst(j) = Σ x(i,j), from zero and in ascending i

rows must be at least 1. A pass goes down the rows with up to four vectors of columns in V0 … V3. If fewer
than four vectors are left, V0 holds the last vector, with 1 or more columns, and V1 … V3 those before it.

	DI  dst, SI  x: first column of the pass     R8  columns left      CX  columns of the last vector
	R9  x at the row     R11 rows left           R13 stride in bytes   AX  columns before the last vector
	V0 … V3  sums        V4  x of the last vector`)
	a.args("dst", dst, "x", src, "cols", count, "stride", srcStride)
	a.op("IMULQ", a.size(), srcStride)

	addColumn := func(k int, sum vec) { a.op("VADDP?", mem(col, k*a.width()), sum, sum) }
	nextRow := func(loop string) {
		a.op("ADDQ", srcStride, col)
		a.op("DECQ", rows)
		a.op("JNZ", loop)
	}
	a.label("pass")
	a.op("TESTQ", count, count)
	a.op("JZ", "done")
	a.args("rows", rows)
	a.op("MOVQ", src, col)
	for v := range vec(4) {
		a.op("VXORPS", v.x(), v.x(), v.x())
	}
	a.op("CMPQ", count, 4*a.lanes())
	a.op("JLT", "last")
	a.label("down", "Down the rows of four vectors of columns.")
	for v := range vec(4) {
		addColumn(int(v), v)
	}
	nextRow("down")
	for v := range vec(4) {
		a.op("VMOVUP?", v, mem(dst, int(v)*a.width()))
	}
	a.op("ADDQ", 4*a.width(), src)
	a.op("ADDQ", 4*a.width(), dst)
	a.op("SUBQ", 4*a.lanes(), count)
	a.op("JMP", "pass")

	a.label("last", "Fewer than four vectors are left.")
	a.op("LEAQ", mem(count, -1), rest)
	a.op("ANDQ", a.lanes()-1, rest)
	a.op("INCQ", rest)
	a.setMask()
	a.op("MOVQ", count, elem)
	a.op("SUBQ", rest, elem)
	for whole := 3; whole > 0; whole-- {
		a.op("CMPQ", count, whole*a.lanes())
		a.op("JGT", fmt.Sprint("down", whole))
	}
	tail := part{asm: a, tail: true}
	for whole := range 4 {
		loop := fmt.Sprint("down", whole)
		a.label(loop, fmt.Sprintf("Down the rows of %d whole vectors and the last one.", whole))
		for k := range whole {
			addColumn(k, vec(k+1))
		}
		tail.load(col, x)
		a.op("VADDP?", x, last, last)
		nextRow(loop)
		switch whole {
		case 0:
			a.op("JMP", "store")
		case 1, 2:
			a.op("JMP", fmt.Sprint("store", whole))
		}
	}
	for whole := 3; whole > 0; whole-- {
		if whole < 3 {
			a.label(fmt.Sprint("store", whole))
		}
		a.op("VMOVUP?", vec(whole), mem(dst, (whole-1)*a.width()))
	}
	a.label("store", "The last vector, which may be whole.")
	a.op("CMPQ", rest, a.lanes())
	a.op("JEQ", "whole")
	tail.store(last, dst)
	a.op("JMP", "done")
	a.label("whole")
	a.op("VMOVUP?", last, a.at(dst, 0))
	a.label("done")
	a.ret()
}
