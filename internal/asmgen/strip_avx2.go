package main

import "fmt"

// avx2Group is the number of rows of a packed group of scalars, and of the steps that the loops do in one go.
const avx2Group = 6

// stripAVX2 writes a micro-kernel for AVX2.
func stripAVX2(s *strip) {
	const (
		scalars, scalars4, scalars6, scalars10 = "R8", "R9", "R10", "AX" // of rows 0, 4, 6, 10 of the group
		lanes                                  = "SI"                    // after the sum: of the last vector

		v0, v1 = vec(0), vec(1)
		s0     = vec(2) // a scalar, then α
		mask   = vec(3) // lanes of the last vector
	)
	bases := []string{scalars, scalars4, scalars6, scalars10}[:4/s.vectors]
	groups := []string{scalars, scalars6}[:2/s.vectors] // where packed groups are
	packed := 2 * s.registerWidth()                     // bytes of a step of packed vectors

	broadcast := pick(s.width() == 16 && s.f64, "VBROADCASTS?", "VMOVDDUP")
	row := func(scalar string, sums []vec) {
		s.op(broadcast, scalar, s0)
		for i, v := range sums {
			s.op("VFMADD231P?", s0, v0+vec(i), v)
		}
	}
	vectors := []any{v0, v1}[:s.vectors]

	size := s.size()

	s.text(s.name, "s *blocked.Strip[T]", "", 64, "AVX2, FMA3", fmt.Sprintf(`
	t(r, c) = Σ S(r, p)·V(p, c), out ← β·out + α·t, c < Cols ≤ %d

At most %d rows at a time, a group, whose sums are in registers. If the last vector is cut, V has all of it
nevertheless: a masked load at each step would be slower. If both sides are packed, loops do %d steps in one
go: offsets are constants then, and there is room beside the multiply-adds for the little that is left. Other
loops do one step, for each number of rows. Scalars are fetched half a kilobyte ahead: those of a block lie
in L2.
`+stackDoc+`

	DI  the strip                      SI  vectors of step p              DX  bytes between steps of V
	CX  steps left                     R14 rows left after this group     R15 rows of this group
	R8, R9, R10, AX  scalars of rows 0, 4, 6, 10 of the group at step p   BX  bytes between steps of them
	R12, R13  bytes between scalars of neighbouring rows, three times that
	V0%s  vectors of the step        V2  a scalar, then α               V3  lanes of the last vector

After the sum, AX is the row of Out, R8 its β, R9 the stride of β, R10 the stride of Out, R11 the row of
Partial, and SI the lanes of the last vector.

The sums:
`, s.vectors*s.lanes(), s.height, avx2Group, pick(s.vectors == 2, "", ", V1"))+s.sumsDoc())

	s.args("s", "DI")
	s.op("MOVQ", field("stripCols"), "CX")
	s.op("DECQ", "CX")
	s.op("ANDQ", s.lanes()-1, "CX")
	s.op("INCQ", "CX")
	s.op("MOVQ", "CX", lastLanes)
	s.op("SHLQ", s.log(), "CX")
	s.op("LEAQ", "avx2Lanes<>+32(SB)", "AX")
	s.op("SUBQ", "CX", "AX")
	s.op("VMOVUP?", "(AX)", mask)
	s.start()

	s.label("group", "In place, full groups while more than two are left, then two even ones. Packed, all that the kernel",
		"can take.")
	s.op("MOVQ", rowsAfter, groupRows)
	s.op("CMPQ", rowsAfter, s.height)
	s.op("JLE", "take")
	s.op("MOVQ", s.height, groupRows)
	s.zero("stripPanelRows", "JNE", "take")
	s.op("CMPQ", rowsAfter, 2*s.height)
	s.op("JGT", "take")
	s.op("LEAQ", mem(rowsAfter, 1), groupRows)
	s.op("SHRQ", 1, groupRows)
	s.label("take", "The scalars of this group and of the next.")
	s.op("SUBQ", groupRows, rowsAfter)
	s.op("MOVQ", nextScalar, scalars)
	s.op("LEAQ", mem(scalars, 0, scalarStride, 4), scalars4)
	s.op("LEAQ", mem(scalars, 0, scalarStride3, 2), scalars6)
	s.bytes("stripPanelStride", "CX")
	s.op("JZ", "inPlace")
	s.op("LEAQ", mem(scalars, 0, "CX", 1), scalars6)
	s.op("LEAQ", mem(scalars, 0, "CX", len(groups)), "CX")
	s.op("JMP", "taken")
	s.label("inPlace")
	s.op("MOVQ", groupRows, "CX")
	s.op("IMULQ", scalarStride, "CX")
	s.op("ADDQ", scalars, "CX")
	s.label("taken")
	s.op("MOVQ", "CX", nextScalar)
	s.takePartial()
	s.startSums("VXORPS")
	s.fetchOut(func() {})

	s.label("sum", "The sums. Whole groups of packed scalars and vectors take six steps in one go.")
	s.op("LEAQ", mem(scalars6, 0, scalarStride, 4), scalars10)
	s.op("MOVQ", field("stripVec"), vector)
	s.op("MOVQ", field("stripK"), steps)
	s.op("TESTQ", steps, steps)
	s.op("JZ", "summed")
	s.op("MOVQ", 0, stepsAfter)
	s.op("CMPQ", groupRows, s.height)
	s.op("JNE", "single")
	s.op("CMPQ", vectorStep, packed)
	s.op("JNE", "single")
	s.zero("stripPanelRows", "JEQ", "single")
	s.op("SUBQ", avx2Group, steps)
	s.op("JLT", "few")
	s.zero("stripTileK", "JNE", "tiled")

	// sixSteps writes a loop over packed groups.
	sixSteps := func(loop, comment string, at func(group string, r int) string, next any) {
		s.inOneGo(fmt.Sprint(loop, s.height), comment, avx2Group, func() {
			for i, v := range vectors {
				s.op("VMOVUP?", atStep(vector, i*s.width(), packed), v)
			}
			for r := range s.height {
				row(at(groups[r/avx2Group], r%avx2Group), s.sums(r))
			}
		}, func(q int) {
			if q%2 == 0 {
				s.op("PREFETCHT0", mem(scalars, 512+32*q))
			}
		}, func() {
			s.op("ADDQ", avx2Group*packed, vector)
			for _, g := range groups {
				s.op("ADDQ", next, g)
			}
		})
	}
	sixSteps("grouped", "Packed scalars, step by step.", func(group string, r int) string {
		return atStep(group, r*size, avx2Group*size)
	}, avx2Group*avx2Group*size)
	s.op("JMP", "few")
	s.label("tiled")
	s.op("MOVQ", tileSkip, "R11")
	s.op("ADDQ", avx2Group*size, "R11")
	sixSteps("tiled", "Packed scalars in tiles, row by row.", func(group string, r int) string {
		return atStep(group, avx2Group*r*size, size)
	}, "R11")
	s.label("few", "The last steps, fewer than six.")
	s.op("LEAQ", mem(scalars, 0, scalarStride, 4), scalars4)
	s.op("LEAQ", mem(scalars6, 0, scalarStride, 4), scalars10)
	s.op("ADDQ", avx2Group, steps)
	s.op("JZ", "summed")
	s.op("JMP", fmt.Sprint("rows", s.height))

	s.label("single", "One step at a time, and one tile after the other if scalars lie in tiles.")
	s.op("MOVQ", field("stripTileK"), "R11")
	s.op("TESTQ", "R11", "R11")
	s.op("JZ", "steps")
	s.op("CMPQ", steps, "R11")
	s.op("JLE", "steps")
	s.op("SUBQ", "R11", steps)
	s.op("MOVQ", steps, stepsAfter)
	s.op("MOVQ", "R11", steps)
	s.label("steps")
	s.choose("rows", s.height, 1)
	nextScalars := func(by string) {
		for _, b := range bases {
			s.op("ADDQ", by, b)
		}
	}
	for rows := 1; rows <= s.height; rows++ {
		loop, tile := fmt.Sprint("rows", rows), fmt.Sprint("tile", rows)
		s.op("PCALIGN", 32)
		s.label(loop, fmt.Sprintf("One step of a group of %d.", rows))
		s.load(vector, vectors...)
		s.op("PREFETCHT0", mem(scalars, 512))
		for r := range rows {
			base, i := bases[r/6*2+r%6/4], r%6%4
			row(mem(base, 0, [][]any{nil, {scalarStride, 1}, {scalarStride, 2}, {scalarStride3, 1}}[i]...), s.sums(r))
		}
		s.op("ADDQ", vectorStep, vector)
		nextScalars(scalarStep)
		s.op("DECQ", steps)
		s.op("JNZ", loop)
		s.op("MOVQ", stepsAfter, steps)
		s.op("TESTQ", steps, steps)
		s.op("JZ", "summed")
		s.op("MOVQ", tileSkip, "R11")
		nextScalars("R11")
		s.op("CMPQ", steps, field("stripTileK"))
		s.op("JLE", tile)
		s.op("MOVQ", field("stripTileK"), steps)
		s.label(tile)
		s.op("SUBQ", steps, stepsAfter)
		s.op("JMP", loop)
	}
	s.save()

	s.label("finish", "out ← β·out + α·t.")
	s.op("MOVQ", nextOut, out)
	s.op(broadcast, field("stripAlpha"), s0)
	s.bytes("stripStride", outStride)
	s.op("MOVQ", lastLanes, lanes)
	s.op("MOVQ", nextBeta, beta)
	s.op("MOVQ", field("stripBetaKind"), "CX")
	s.flag("stripUnitAlpha", "JNE", "scaled")
	for r := range s.height {
		for _, v := range s.sums(r) {
			s.op("VMULP?", s0, v, v)
		}
	}
	s.label("scaled", "From here on the sums are α·t.")
	s.op("CMPQ", "CX", "$const_betaRows")
	s.op("JEQ", "betaOfRow")
	s.op("JGT", "betaOfColumn")

	// store stores a row, whose last vector may be cut, and goes on to the next.
	store := func(sums []any) {
		last := (s.vectors - 1) * s.width()
		s.storeWhole(out, sums[:s.vectors-1]...)
		s.op("CMPQ", lanes, fmt.Sprint("$", s.lanes()))
		s.op("JNE", "cut")
		s.op("VMOVUP?", sums[s.vectors-1], mem(out, last))
		s.op("JMP", "stored")
		s.label("cut")
		if last > 0 {
			s.op("LEAQ", mem(out, last), "CX")
		} else {
			s.op("MOVQ", out, "CX")
		}
		s.op("VMOVUP?", sums[s.vectors-1], v1)
		s.storePart(v1, "CX", lanes, "stored")
		s.label("stored")
		s.nextRow()
	}
	labels := pick(s.f64, []string{"cut", "storedBut3", "storedBut1", "stored"}, []string{"cut", "storedBut1", "stored"})
	s.byRow("set", "A row: out ← sum.", store, labels...)

	s.label("betaOfRow", "A β for each row. Out is not read if it is 0.")
	s.bytes("stripBetaStride", "R9")
	s.byRow("merge", "A row: out ← β·out + sum.", func(sums []any) {
		s.op(broadcast, mem(beta, 0), v0)
		s.op(pick(s.f64, "MOVL", "MOVQ"), mem(beta, 0), "CX")
		s.op("ADDQ", "R9", beta)
		s.op(pick(s.f64, "ADDL", "ADDQ"), "CX", "CX", "// without the sign")
		s.op("JZ", "zero")
		if s.vectors == 1 {
			s.op("VMASKMOVP?", mem(out, 0), mask, v1)
			s.op("VFMADD231P?", v1, v0, sums[0])
		} else {
			s.op("VFMADD231P?", mem(out, 0), v0, sums[0])
			s.op("CMPQ", lanes, s.lanes())
			s.op("JEQ", "whole")
			s.op("VMASKMOVP?", mem(out, s.width()), mask, v1)
			s.op("VFMADD231P?", v1, v0, sums[1])
			s.op("JMP", "zero")
			s.label("whole")
			s.op("VFMADD231P?", mem(out, s.width()), v0, sums[1])
		}
		s.label("zero")
		store(sums)
	}, append(pick(s.vectors == 2, []string{"zero"}, []string{"whole", "zero"}), labels...)...)

	s.label("betaOfColumn", "A β for each column. Out is not read where it is 0.")
	s.flag("stripWholeBeta", "JNE", "wholeBeta")
	s.byRow("mergeColumns", "A row: out ← β·out + sum where β is not 0, elsewhere out ← sum.", func(sums []any) {
		for i, v := range sums {
			if i < s.vectors-1 {
				s.op("VMOVUP?", mem(beta, i*s.width()), v0)
			} else {
				s.op("VMASKMOVP?", mem(beta, i*s.width()), mask, v0)
			}
			s.op("VXORPS", s0, s0, s0)
			s.op("VCMPP?", 4, s0, v0, v1, "// β ≠ 0")
			s.op("VMASKMOVP?", mem(out, i*s.width()), v1, s0)
			s.op("VFMADD213P?", v, v0, s0)
			s.op("VBLENDVP?", v1, s0, v, v)
		}
		store(sums)
	}, labels...)
	s.label("wholeBeta", "The same if all vectors are whole and no β is 0.")
	s.load(beta, vectors...)
	s.mergeWhole(v0)
	s.end()
}
