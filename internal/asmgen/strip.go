package main

import (
	"fmt"
	"strings"
)

// A strip is a micro-kernel while it is written.
type strip struct {
	*asm
	name    string
	vectors int // of a row: 1 or 2
	height  int // rows of a group
}

// strips writes the micro-kernels: of two vectors a row, of one, and of half a vector.
func strips(a *asm) {
	shapes := []struct {
		vectors int
		half    bool
	}{{2, false}, {1, false}, {1, true}}
	write := func(f32, f64 target, height func(vectors int) int, kernel func(s *strip)) {
		for _, shape := range shapes {
			for _, a.target = range []target{f32, f64} {
				a.half = shape.half
				name := a.productName(fmt.Sprint("Strip", shape.vectors*a.lanes()))
				kernel(&strip{a, name, shape.vectors, height(shape.vectors)})
			}
		}
	}
	write(avx512F32, avx512F64, func(int) int { return 14 }, stripAVX512)
	write(avx2F32, avx2F64, func(vectors int) int { return 12 / vectors }, stripAVX2)
	a.maskTable()
}

// Registers of the strips. Some have a second meaning after the sum.
const (
	scalarStride  = "R12" // bytes between scalars of neighbouring rows
	scalarStride3 = "R13" // three times that
	scalarStep    = "BX"  // bytes between scalars of neighbouring steps
	vector        = "SI"  // vectors of the step
	vectorStep    = "DX"  // bytes between those of neighbouring steps
	steps         = "CX"  // left
	groupRows     = "R15"
	rowsAfter     = "R14" // rows left after this group

	out       = "AX" // after the sum: row of Out
	outStride = "R10"
	beta      = "R8"
	partial   = "R11"
)

// Variables of the strips on the stack.
const (
	nextScalar  = "scalar-8(SP)"       // the next group's scalars
	thisPartial = "partial-16(SP)"     // the group's partial sums
	nextBeta    = "beta-24(SP)"        // β of the group's first row
	nextPartial = "nextPartial-32(SP)" // the next group's partial sums
	lastLanes   = "lanes-40(SP)"       // AVX2: lanes of the last vector
	nextOut     = "dst-48(SP)"         // the group's first row of Out
	stepsAfter  = "left-56(SP)"        // steps in the tiles after this one
	tileSkip    = "skip-64(SP)"        // bytes from the end of a tile to the next
	ahead       = "ahead-72(SP)"       // AVX-512: what to prefetch of the next strip's vectors
	squares     = "squares-80(SP)"     // AVX-512: sums of squares, or 0
)

const stackDoc = `
On the stack, scalar, beta, dst and nextPartial are the places of the next group in the scalars, β, Out and
Partial, partial is that of this group in Partial, left is the number of steps in the tiles of scalars after
this one, and skip the bytes from the end of a tile to the next.`

// sums returns the registers of the sums of row r of the group.
func (s *strip) sums(r int) []vec {
	switch {
	case s.vectors == 2:
		return []vec{vec(4 + 2*r), vec(5 + 2*r)}
	case s.avx512 && !s.half:
		return []vec{vec(4 + 2*r)}
	}
	return []vec{vec(4 + r)}
}

// sumsDoc lists the registers of the sums for the comment of the kernel.
func (s *strip) sumsDoc() string {
	doc := ""
	for r := range s.height {
		if r%4 == 0 {
			doc += "\n\t"
		}
		text := fmt.Sprintf("row %d: %s", r, s.reg(s.sums(r)[0]))
		if s.vectors == 2 {
			text += ", " + s.reg(s.sums(r)[1])
		}
		doc += fmt.Sprintf("%-24s", text)
	}
	return doc
}

func (s *strip) rowBytes() int { return s.vectors * s.width() }

// load loads the vectors of a row at base.
func (s *strip) load(base string, vectors ...any) {
	for i, v := range vectors {
		s.op("VMOVUP?", mem(base, i*s.width()), v)
	}
}

// storeWhole stores them.
func (s *strip) storeWhole(base string, vectors ...any) {
	for i, v := range vectors {
		s.op("VMOVUP?", v, mem(base, i*s.width()))
	}
}

// nextRow goes on to the next row of Out, or to the next group if this was the last row.
func (s *strip) nextRow() {
	s.op("ADDQ", outStride, out)
	s.op("DECQ", groupRows)
	s.op("JZ", "next")
}

// bytes turns a field of the strip, in elements, into bytes in a register.
func (s *strip) bytes(name, register string) {
	s.op("MOVQ", field(name), register)
	s.op("SHLQ", s.log(), register)
}

// keep stores a field of the strip on the stack.
func (s *strip) keep(name, register, variable string) {
	s.op("MOVQ", field(name), register)
	s.op("MOVQ", register, variable)
}

// flag tests a field of the strip that is a bool.
func (s *strip) flag(name, jump, label string) {
	s.op("CMPB", field(name), "$0")
	s.op(jump, label)
}

// zero tests a field of the strip that is an int.
func (s *strip) zero(name, jump, label string) {
	s.op("CMPQ", field(name), "$0")
	s.op(jump, label)
}

// start writes the part before the first group.
func (s *strip) start() {
	s.bytes("stripScalarStride", scalarStride)
	s.op("LEAQ", mem(scalarStride, 0, scalarStride, 2), scalarStride3)
	s.bytes("stripScalarKStride", scalarStep)
	s.bytes("stripVecStride", vectorStep)
	s.keep("stripScalar", "R8", nextScalar)
	s.keep("stripPartial", partial, nextPartial)
	s.keep("stripBeta", "R8", nextBeta)
	s.keep("stripDst", out, nextOut)
	s.bytes("stripTileSkip", "AX")
	s.op("MOVQ", "AX", tileSkip)
	s.op("MOVQ", field("stripRows"), rowsAfter)
}

// startSums starts the sums at 0, or at Partial.
func (s *strip) startSums(zero string) {
	s.flag("stripResume", "JNE", "resume")
	for r := range s.height {
		for _, v := range s.sums(r) {
			s.op(zero, v, v, v)
		}
	}
	s.op("JMP", "start")
	s.label("resume", "Go on from Partial.")
	if s.avx512 {
		s.op("MOVQ", thisPartial, partial)
	}
	s.op("MOVQ", groupRows, "CX")
	s.byRow("resume", "A row of sums from Partial.", func(sums []any) {
		s.load(partial, sums...)
		s.op("ADDQ", s.rowBytes(), partial)
		s.op("DECQ", "CX")
		s.op("JZ", "start")
	})
}

// takePartial goes on in Partial by the rows of the group.
func (s *strip) takePartial() {
	s.op("MOVQ", nextPartial, partial)
	s.op("MOVQ", partial, thisPartial)
	s.op("IMUL3Q", s.rowBytes(), groupRows, "CX")
	s.op("ADDQ", partial, "CX")
	s.op("MOVQ", "CX", nextPartial)
}

// fetchOut prefetches the rows of Out, unless the strip is unfinished, its sums are short, or tests jumps to sum.
func (s *strip) fetchOut(tests func()) {
	s.label("start",
		"Fetch the lines that the group will be written to, while it is summed. A strip that is not finished is",
		"not written to: its Dst may be anything, and a fetch from where nothing is mapped costs a walk through",
		"the page tables.")
	s.flag("stripUnfinished", "JNE", "sum")
	s.op("MOVQ", field("stripK"), "CX")
	s.op("CMPQ", "CX", 64)
	s.op("JLT", "sum")
	tests()
	s.op("MOVQ", nextOut, "SI")
	s.bytes("stripStride", "AX")
	s.op("MOVQ", groupRows, "CX")
	s.label("fetch")
	s.op("PREFETCHT0", "(SI)")
	s.op("PREFETCHT0", mem("SI", s.rowBytes()-1))
	s.op("ADDQ", "AX", "SI")
	s.op("DECQ", "CX")
	s.op("JNZ", "fetch")
}

// choose jumps to the loop for the rows of the group if they are more than least and at most most. Otherwise the
// loop for least rows must follow.
func (s *strip) choose(loop string, most, least int) {
	for rows := most; rows > least; rows-- {
		s.op("CMPQ", groupRows, rows)
		s.op("JEQ", fmt.Sprint(loop, rows))
	}
}

// save leaves the sums of an unfinished strip in Partial.
func (s *strip) save() {
	s.label("summed", "An unfinished strip leaves its sums in Partial.")
	s.flag("stripUnfinished", "JEQ", "finish")
	s.op("MOVQ", thisPartial, partial)
	s.byRow("save", "A row of sums to Partial.", func(sums []any) {
		s.storeWhole(partial, sums...)
		s.op("ADDQ", s.rowBytes(), partial)
		s.op("DECQ", groupRows)
		s.op("JZ", "next")
	})
}

// mergeWhole writes β·out + α·t where the last vector is whole and α is 1 or already multiplied.
func (s *strip) mergeWhole(v0 vec) {
	s.byRow("mergeColumnsWhole", "A row: out ← β·out + sum.", func(sums []any) {
		for i, v := range sums {
			s.op("VFMADD231P?", mem(out, i*s.width()), v0+vec(i), v)
		}
		s.storeWhole(out, sums...)
		s.nextRow()
	})
}

// end goes on to the next group.
func (s *strip) end() {
	s.label("next", "The next group.")
	s.op("MOVQ", beta, nextBeta)
	s.op("MOVQ", out, nextOut)
	s.op("TESTQ", rowsAfter, rowsAfter)
	s.op("JNZ", "group")
	s.ret()
}

// atStep returns the operand at base + offset + q·step, in the macro of step q.
func atStep(base string, offset, step int) string {
	if offset == 0 {
		return fmt.Sprintf("(%d*q)(%s)", step, base)
	}
	return fmt.Sprintf("(%d*q%+d)(%s)", step, offset, base)
}

// inOneGo writes a loop that does n steps in one go. Its macro is step q, which step writes; after writes what
// follows the step, and end what goes on to the next steps and sets the flags for the jump.
func (s *strip) inOneGo(loop, comment string, n int, step func(), after func(q int), end func()) {
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

// byRow writes a macro for the sums of a row, under a comment, and its uses for all rows of the group. The
// macro's registers are a and, with two vectors, b; labels are those in the macro.
func (s *strip) byRow(epilogue, comment string, op func(sums []any), labels ...string) {
	name := s.name + "_" + epilogue
	sums := []any{"a", "b"}[:s.vectors]
	parameters := append([]string{"a", "b"}[:s.vectors:s.vectors], labels...)
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
