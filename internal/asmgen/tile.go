package main

import (
	"fmt"
	"strings"
)

// A tile is a micro-kernel while it is written.
type tile struct {
	*asm
	name    string
	vectors int // of a row: 1 or 2
	height  int // greatest number of rows
}

// tiles writes the micro-kernels, of two vectors a row, of one, and of half a vector, and the kernel that merges
// their sums.
func tiles(a *asm) {
	shapes := []struct {
		vectors int
		half    bool
	}{{2, false}, {1, false}, {1, true}}
	write := func(f32, f64 target, height func(vectors int) int, kernel func(s *tile)) {
		for _, shape := range shapes {
			for _, a.target = range []target{f32, f64} {
				a.half = shape.half
				name := a.productName(fmt.Sprint("Tile", shape.vectors*a.lanes()))
				kernel(&tile{a, name, shape.vectors, height(shape.vectors)})
			}
		}
		for _, a.target = range []target{f32, f64} {
			merge(a)
		}
	}
	for _, a.target = range []target{avx512F32, avx512F64} {
		tileWide(&tile{a, a.productName(fmt.Sprint("Tile", 3*a.lanes())), 3, wideHeight})
	}
	write(avx512F32, avx512F64, func(int) int { return 14 }, tileAVX512)
	write(avx2F32, avx2F64, func(vectors int) int { return 12 / vectors }, tileAVX2)
	a.half = false
	for _, a.target = range []target{avx2F32, avx2F64} {
		tileShared(a, 2)
		packShared(a)
	}
	a.target = avx2F32
	tileShared(a, 1)
	a.maskTable()
}

// Registers of the tiles. Some have a second meaning before or after the sum.
const (
	scalarStride  = "R12" // bytes between scalars of neighbouring rows
	scalarStride3 = "R13" // three times that
	scalarStep    = "BX"  // bytes between scalars of neighbouring steps
	vector        = "SI"  // vectors of the step
	vectorStep    = "DX"  // bytes between those of neighbouring steps
	steps         = "CX"  // left in the run
	stepsAfter    = "R14" // steps in the runs after this one
	tileRows      = "R15"
	lastMask      = "K1" // AVX-512: lanes of the last vector

	start      = "R11" // before the sum: row of Start
	out        = "AX"  // after the sum: row of Dst
	outStride  = "R10"
	beta       = "R8"
	betaStride = "R9"
)

// Variables of the tiles on the stack.
const (
	tilesLeft  = "tiles-8(SP)"
	nextScalar = "scalar-16(SP)" // of the next tile
	nextStart  = "start-24(SP)"
	nextDst    = "dst-32(SP)"
	nextBeta   = "beta-40(SP)"
	nextAdd    = "add-56(SP)"
	ahead      = "ahead-48(SP)" // AVX-512: what to prefetch of later vectors
	lastLanes  = "lanes-48(SP)" // AVX2: lanes of the last vector
	nextVec    = "vec-64(SP)"   // AVX2: vectors of the next tile
)

// tileDoc has the registers that all kernels have in common, stackDoc what they have on the stack.
const tileDoc = `
	DI  the tiles                      SI  vectors of step p              DX  bytes between steps of V
	CX  steps left in the run          R14 steps in the runs after it     R15 rows
	R12, R13  bytes between scalars of neighbouring rows, three times that
	BX  bytes between scalars of neighbouring steps
`

const stackDoc = `
On the stack, tiles is the number of tiles left, and scalar, start, add, dst and beta are the places of the next tile
in the scalars, Start, Add, Dst and β. With AVX2, vec is its place in the vectors.`

// sums returns the registers of the sums of row r of the tile.
func (s *tile) sums(r int) []vec {
	switch {
	case s.vectors == 3:
		return []vec{vec(8 + 3*r), vec(9 + 3*r), vec(10 + 3*r)}
	case s.vectors == 2:
		return []vec{vec(4 + 2*r), vec(5 + 2*r)}
	case s.avx512 && !s.half:
		return []vec{vec(4 + 2*r)}
	}
	return []vec{vec(4 + r)}
}

// sumsDoc lists the registers of the sums for the comment of the kernel.
func (s *tile) sumsDoc() string {
	doc := ""
	for r := range s.height {
		if r%4 == 0 {
			doc += "\n\t"
		}
		text := fmt.Sprintf("row %d: %s", r, s.reg(s.sums(r)[0]))
		for _, v := range s.sums(r)[1:] {
			text += ", " + s.reg(v)
		}
		doc += fmt.Sprintf("%-24s", text)
	}
	return doc
}

func (s *tile) rowBytes() int { return s.vectors * s.width() }

// load loads the vectors of a row at base.
func (s *tile) load(base string, vectors ...any) {
	for i, v := range vectors {
		s.op("VMOVUP?", mem(base, i*s.width()), v)
	}
}

// storeWhole stores them.
func (s *tile) storeWhole(base string, vectors ...any) {
	for i, v := range vectors {
		s.op("VMOVUP?", v, mem(base, i*s.width()))
	}
}

// bytes turns a field of the tile, in elements, into bytes in a register.
func (s *tile) bytes(name, register string) {
	s.op("MOVQ", s.field(name), register)
	s.op("SHLQ", s.log(), register)
}

// nextRow continues with the next row of Dst, or to done if this was the last row.
func (s *tile) nextRow() {
	s.op("ADDQ", outStride, out)
	s.op("DECQ", tileRows)
	s.op("JZ", "done")
}

// broadcast returns the operation that loads an element to all lanes of a vector.
func (s *tile) broadcast() string { return pick(s.width() == 16 && s.f64, "VBROADCASTS?", "VMOVDDUP") }

// start writes the part before the first tile, and starts the sums of a tile at 0 or at Start. Then it fetches the
// lines that they will be stored to.
func (s *tile) start() {
	s.args("t", "DI")
	s.bytes("tileScalarStride", scalarStride)
	s.op("LEAQ", mem(scalarStride, 0, scalarStride, 2), scalarStride3)
	s.bytes("tileScalarKStride", scalarStep)
	s.bytes("tileVecStride", vectorStep)
	for _, v := range [][2]string{{"tileCount", tilesLeft}, {"tileScalar", nextScalar}, {"tileStart", nextStart},
		{"tileAdd", nextAdd}, {"tileDst", nextDst}, {"tileBeta", nextBeta}} {
		s.op("MOVQ", s.field(v[0]), "AX")
		s.op("MOVQ", "AX", v[1])
	}
	s.op("MOVQ", s.field("tileCols"), "CX")
	s.op("DECQ", "CX")
	s.op("ANDQ", s.lanes()-1, "CX")
	if s.avx512 {
		s.op("MOVQ", 2, "AX")
		s.op("SHLQ", "CX", "AX")
		s.op("DECQ", "AX")
		s.op("KMOVW", "AX", lastMask)
		s.bytes("tilePrefetch", "AX")
		s.op("ADDQ", s.field("tileVec"), "AX")
		s.op("MOVQ", "AX", ahead)
	} else {
		s.op("INCQ", "CX")
		s.op("MOVQ", "CX", lastLanes)
		s.op("MOVQ", s.field("tileVec"), "AX")
		s.op("MOVQ", "AX", nextVec)
	}

	s.label("tile", "The sums of a tile start from 0.")
	s.op("MOVQ", s.field("tileRows"), tileRows)
	s.op("MOVQ", nextStart, start)
	s.op("TESTQ", start, start)
	s.op("JNZ", "continue")
	for r := range s.height {
		for _, v := range s.sums(r) {
			s.op(pick(s.avx512, "VXORPS", "VPXORQ"), v, v, v)
		}
	}
	s.op("JMP", "started")
	s.label("continue", "They go on from Start.")
	s.op("MOVQ", tileRows, "CX")
	s.byRow("continue", "A row of sums from Start.", func(sums []any) {
		s.load(start, sums...)
		s.op("ADDQ", s.rowBytes(), start)
		s.op("DECQ", "CX")
		s.op("JZ", "started")
	})
	s.label("started", "Fetch the lines that the sums will be stored to.")
	s.op("MOVQ", start, nextStart)
	s.op("CMPB", s.field("tileFetch"), "$0")
	s.op("JEQ", "sum")
	if s.avx512 {
		s.op("CMPQ", s.field("tileOrder"), s.enum("packedRuns"))
		s.op("JNE", "burst")
		s.op("CMPQ", s.field("tileK"), fmt.Sprint("$", s.height*s.height))
		s.op("JGE", "sum", "// the loop over runs does it")
		s.label("burst")
	}
	s.op("MOVQ", nextDst, "SI")
	s.bytes("tileStride", "AX")
	s.op("MOVQ", tileRows, "CX")
	s.label("fetch")
	for line := 0; line <= (s.vectors-1)*64 && (line == 0 || s.vectors == 3); line += 64 {
		s.op("PREFETCHT0", mem("SI", line))
	}
	s.op("PREFETCHT0", mem("SI", s.rowBytes()-1))
	s.op("ADDQ", "AX", "SI")
	s.op("DECQ", "CX")
	s.op("JNZ", "fetch")

	s.label("sum", "The steps.")
	s.op("MOVQ", s.field("tileK"), steps)
	s.op("TESTQ", steps, steps)
	s.op("JZ", "store")
	s.op("XORL", stepsAfter, stepsAfter)
	s.op("MOVQ", pick(s.avx512, nextVec, s.field("tileVec")), vector)
	s.op("MOVQ", nextScalar, "R8")
	s.op("MOVQ", s.field("tileScalarTile"), "AX")
	s.op("LEAQ", mem("R8", 0, "AX", s.size()), "AX")
	s.op("MOVQ", "AX", nextScalar)
}

// nextRun starts the next run of scalars, or the only one: its steps are among those in stepsAfter.
func (s *tile) nextRun(scratch string) {
	s.op("MOVQ", stepsAfter, steps)
	s.op("MOVQ", s.field("tileRun"), scratch)
	s.op("CMPQ", steps, scratch)
	s.op("CMOVQGT", scratch, steps)
	s.op("SUBQ", steps, stepsAfter)
}

// steps writes the loops that do one step, for each number of rows, and the jump to the next run.
func (s *tile) steps(bases []string, scratch string, step func(rows int)) {
	s.label("steps", "One step at a time.")
	s.choose("rows", s.height, 1)
	for n := 1; n <= s.height; n++ {
		loop := fmt.Sprint("rows", n)
		s.op("PCALIGN", 32)
		s.label(loop, fmt.Sprintf("One step of %d rows.", n))
		step(n)
		s.op("ADDQ", vectorStep, vector)
		for _, b := range bases {
			s.op("ADDQ", scalarStep, b)
		}
		s.op("DECQ", steps)
		s.op("JNZ", loop)
		if n < s.height {
			s.op("JMP", "nextRun")
		}
	}
	s.label("nextRun", "The next run, if there is one.")
	s.op("TESTQ", stepsAfter, stepsAfter)
	s.op("JZ", "store")
	s.bytes("tileRunSkip", scratch)
	for _, b := range bases {
		s.op("ADDQ", scratch, b)
	}
	s.op("JMP", "run")
}

// scalar returns the operand of the scalar of row r, if base is that of row r−r%4.
func scalar(base string, r int) string {
	return mem(base, 0, [][]any{nil, {scalarStride, 1}, {scalarStride, 2}, {scalarStride3, 1}}[r%4]...)
}

// choose jumps to the loop for the rows of the tile if they are more than least and at most most. Otherwise the
// loop for least rows must follow.
func (s *tile) choose(loop string, most, least int) {
	for r := most; r > least; r-- {
		s.op("CMPQ", tileRows, r)
		s.op("JEQ", fmt.Sprint(loop, r))
	}
}

// store writes the stores of the sums and the jump to the next tile.
func (s *tile) store() {
	const v0, v1, lanes = vec(0), vec(1), "SI"
	last := (s.vectors - 1) * s.width()
	s.label("store", "The sums are complete. Add those of earlier pieces.")
	if !s.avx512 && s.vectors == 2 {
		s.storeAll()
		s.label("part", "A tile of fewer rows or columns, or with a β.")
	}
	s.op("MOVQ", nextAdd, "CX")
	s.op("TESTQ", "CX", "CX")
	s.op("JZ", "added")
	s.op("MOVQ", tileRows, "AX")
	s.byRow("add", "A row of sums from Add.", func(sums []any) {
		for i, v := range sums {
			s.op("VADDP?", mem("CX", i*s.width()), v, v)
		}
		s.op("ADDQ", s.rowBytes(), "CX")
		s.op("DECQ", "AX")
		s.op("JZ", "moved")
	})
	s.label("moved")
	s.op("MOVQ", "CX", nextAdd)
	s.label("added", "Store the sums, or merge them into Dst if there is a β.")
	s.op("MOVQ", nextDst, out)
	s.bytes("tileStride", outStride)
	s.op("MOVQ", s.field("tileBetaKind"), "CX")
	s.op("MOVQ", nextBeta, beta)
	s.op("CMPQ", "CX", s.enum("betaRows"))
	s.op("JEQ", "betaOfRow")
	s.op("JGT", "betaOfColumn")
	var labels []string
	if !s.avx512 {
		s.op("MOVQ", lastLanes, lanes)
		labels = pick(s.f64, []string{"cut", "storedBut3", "storedBut1", "stored"}, []string{"cut", "storedBut1", "stored"})
	}
	s.byRow("store", "A row, whose last vector may be cut: dst ← sum.", func(sums []any) {
		s.storeWhole(out, sums[:s.vectors-1]...)
		v := sums[s.vectors-1]
		if s.avx512 {
			s.op("VMOVUP?", v, lastMask, mem(out, last))
		} else {
			s.op("CMPQ", lanes, fmt.Sprint("$", s.lanes()))
			s.op("JNE", "cut")
			s.op("VMOVUP?", v, mem(out, last))
			s.op("JMP", "stored")
			s.label("cut")
			s.op("LEAQ", mem(out, last), "CX")
			s.op("VMOVUP?", v, v1)
			s.storePart(v1, "CX", lanes, "stored")
			s.label("stored")
		}
		s.nextRow()
	}, labels...)

	add := func(beta func(i int) vec, sums []any) {
		for i, v := range sums {
			s.op("VFMADD231P?", mem(out, i*s.width()), beta(i), v)
		}
		s.storeWhole(out, sums...)
		s.nextRow()
	}
	s.label("betaOfRow", "A β for each row.")
	s.bytes("tileBetaStride", betaStride)
	s.byRow("mergeRow", "A row: dst ← β·dst + sum.", func(sums []any) {
		s.op(s.broadcast(), mem(beta, 0), v0)
		s.op("ADDQ", betaStride, beta)
		add(func(int) vec { return v0 }, sums)
	})
	s.label("betaOfColumn", "A β for each column.")
	s.load(beta, []any{v0, v1, vec(2)}[:s.vectors]...)
	s.byRow("mergeColumns", "A row: dst ← β·dst + sum.", func(sums []any) {
		add(func(i int) vec { return v0 + vec(i) }, sums)
	})
	s.label("done", "The next tile.")
	if !s.avx512 {
		s.op("MOVQ", s.field("tileVecTile"), "CX")
		s.op("TESTQ", "CX", "CX")
		s.op("JZ", "below")
		s.comment("It lies beside this one.")
		s.op("SHLQ", s.log(), "CX")
		s.op("ADDQ", "CX", nextVec)
		s.bytes("tileDstTile", out)
		s.op("ADDQ", nextDst, out)
		s.bytes("tileSumSkip", "CX")
		s.op("CMPQ", nextStart, "$0")
		s.op("JEQ", "noStart")
		s.op("ADDQ", "CX", nextStart)
		s.label("noStart")
		s.op("CMPQ", nextAdd, "$0")
		s.op("JEQ", "below")
		s.op("ADDQ", "CX", nextAdd)
		s.label("below")
	}
	s.op("MOVQ", out, nextDst)
	s.op("MOVQ", beta, nextBeta)
	s.op("DECQ", tilesLeft)
	s.op("JNZ", "tile")
	s.ret()
}

// storeAll writes the stores of a whole tile without a β, as most tiles are, and the jump to the next tile.
func (s *tile) storeAll() {
	s.op("CMPQ", tileRows, s.height)
	s.op("JNE", "part")
	s.op("CMPQ", lastLanes, fmt.Sprint("$", s.lanes()))
	s.op("JNE", "part")
	s.op("CMPQ", s.field("tileBetaKind"), s.enum("betaNone"))
	s.op("JNE", "part")
	s.op("MOVQ", nextAdd, "CX")
	s.op("MOVQ", nextDst, out)
	s.bytes("tileStride", outStride)
	s.op("MOVQ", nextBeta, beta)
	s.op("TESTQ", "CX", "CX")
	s.op("JZ", "whole")
	for r := range s.height {
		for i, v := range s.sums(r) {
			s.op("VADDP?", mem("CX", r*s.rowBytes()+i*s.width()), v, v)
		}
	}
	s.op("ADDQ", s.height*s.rowBytes(), "CX")
	s.op("MOVQ", "CX", nextAdd)
	s.label("whole")
	for r := range s.height {
		for i, v := range s.sums(r) {
			s.op("VMOVUP?", v, mem(out, i*s.width()))
		}
		s.op("ADDQ", outStride, out)
	}
	s.op("JMP", "done")
}

// atStep returns the operand at base + offset + q·step, in the macro of step q.
func atStep(base string, offset, step int) string {
	if offset == 0 {
		return fmt.Sprintf("(%d*q)(%s)", step, base)
	}
	return fmt.Sprintf("(%d*q%+d)(%s)", step, offset, base)
}

// inOneGo writes a loop that does n steps in one go. Its macro is step q, which step writes; after writes what
// follows the step, and end writes the advance to the next steps, which sets the flags for the jump.
func (s *tile) inOneGo(loop, comment string, n int, step func(), after func(q int), end func()) {
	s.op("PCALIGN", 32)
	name := s.name + "_" + loop
	s.macro(fmt.Sprintf("Step q of the loop %s.", loop), name, []string{"q"}, step)
	s.label(loop, comment)
	for q := range n {
		s.op(fmt.Sprintf("%s(%d)", name, q))
		after(q)
	}
	end()
	s.op("SUBQ", n, steps)
	s.op("JGE", loop)
}

// byRow writes a macro for the sums of a row, under a comment, and its uses for all rows of the tile. The
// macro's registers are a and, with two vectors, b; labels are those in the macro.
func (s *tile) byRow(epilogue, comment string, op func(sums []any), labels ...string) {
	name := s.name + "_" + epilogue
	sums := []any{"a", "b", "c"}[:s.vectors]
	parameters := append([]string{"a", "b", "c"}[:s.vectors:s.vectors], labels...)
	s.macro(comment, name, parameters, func() { op(sums) })
	s.buf.WriteString("\n")
	for r := range s.height {
		var args []string
		for _, v := range s.sums(r) {
			args = append(args, s.reg(v))
		}
		for _, l := range labels {
			args = append(args, fmt.Sprint(epilogue, r, "_", l))
		}
		s.op(fmt.Sprintf("%s(%s)", name, strings.Join(args, ", ")))
	}
}
