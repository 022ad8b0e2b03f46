package main

import "fmt"

// stripAVX512 writes a micro-kernel for AVX-512.
func stripAVX512(s *strip) {
	const (
		group  = 14  // rows of a packed group of scalars
		packed = 128 // bytes of a step of packed vectors, and of a row of a tile of images
		unroll = 8   // steps that the loops over packed vectors do in one go

		v0, v1 = vec(0), vec(1)
		s0, s1 = vec(2), vec(3) // scalars; s1 is α after the sum
		last   = "K1"           // lanes of the last vector
	)
	scalars := []string{"R8", "R9", "R10", "R11"} // of rows 0, 4, 8, 12
	vectors := []any{v0, v1}[:s.vectors]
	size := s.size()

	// fused adds scalar·V to the sums of a row, with multiply-adds that load the scalar themselves. row does so
	// with one load of the scalar to t, if there are two vectors.
	fused := func(scalar string, sums []vec) {
		for i, v := range sums {
			s.op("VFMADD231P?.BCST", scalar, v0+vec(i), v)
		}
	}
	row := func(scalar string, t vec, sums []vec) {
		if s.vectors == 1 {
			fused(scalar, sums)
			return
		}
		s.op("VBROADCASTS?", scalar, t)
		for i, v := range sums {
			s.op("VFMADD231P?", t, v0+vec(i), v)
		}
	}
	// step writes a step of packed vectors and so many rows. Most rows take their scalar in the multiply-add
	// itself.
	step := func(rows int, at func(r int) string) {
		for i, v := range vectors {
			s.op("VMOVUP?", atStep(vector, i*s.width(), packed), v)
		}
		for r := range rows {
			if r%4 == 0 {
				row(at(r), s0+vec(r/4%2), s.sums(r))
			} else {
				fused(at(r), s.sums(r))
			}
		}
	}
	addSquares := func() {
		if s.vectors == 1 {
			return
		}
		for i := range vec(2) {
			s.op("VMOVUP?", mem("R11", 64*int(i), "AX", 1), s0+i)
		}
		for i := range vec(2) {
			s.op("VFMADD231P?", v0+i, v0+i, s0+i)
		}
		for i := range vec(2) {
			s.op("VMOVUP?", s0+i, mem("R11", 64*int(i), "AX", 1))
		}
		s.op("ADDQ", packed, "AX")
		s.op("ANDQ", packed*256/size-1, "AX")
	}
	inGroups := func(r int) string { return atStep("R8", r*size, group*size) }
	inTiles := func(r int) string { return atStep("R8", (group*r-group*group/2)*size, size) }
	inRows := func(r int) string {
		if r < 8 {
			return atStep("R8", packed*(r-4), size)
		}
		return atStep("R10", packed*(r-12), size)
	}
	none := func(q int) {}

	s.text(s.name, "s *blocked.Strip[T]", "", 80, "AVX512F, AVX512DQ"+pick(s.half, "", ", AVX512VL"), fmt.Sprintf(`
	t(r, c) = Σ S(r, p)·V(p, c), out ← β·out + α·t, c < Cols ≤ %d

At most 14 rows at a time, a group, whose sums are in registers. Loops over packed vectors do many steps in
one go: offsets are constants then, and little stands beside the multiply-adds. What counts is the number of
operations: a core that is shared by two threads decodes for one of them every other cycle. So most rows
take their scalar in the multiply-add itself, once for each vector. If all rows did, there would be more than
two loads a cycle, which is what some CPUs have. Other loops do one step, for each number of rows.
`+stackDoc+` ahead is what to prefetch of the next strip's
vectors, and squares the sums of squares, or 0.

	DI  the strip                      SI  vectors of step p              DX  bytes between steps of V
	CX  steps left                     R14 rows left after this group     R15 rows of this group
	R8 … R11  scalars of rows 0, 4, 8, 12 of the group at step p          BX  bytes between steps of them
	R12, R13  bytes between scalars of neighbouring rows, three times that
	V0%s  vectors of the step        V2, V3  scalars, then V3 α         K1  lanes of the last vector

If vectors are packed, only R8 walks the scalars, with R10 if one byte of offset does not reach them. R9
prefetches a line of the next strip's vectors (ahead) with each eight steps, or a row of Out with each tile,
because a burst of lines from a far cache would hold up those that come from a near one. R10 prefetches the
next group's partial sums with the vectors, because these may have left L2. The first group adds the squares
of the vectors to sums, because it has the vectors in registers. AX walks these sums from R11 on.

After the sum, AX is the row of Out, R8 its β, R9 the stride of β, R10 the stride of Out, and R11 the row of
Partial.

The sums:
`, s.vectors*s.lanes(), pick(s.vectors == 2, "", ", V1"))+s.sumsDoc())

	s.args("s", "DI")
	s.op("MOVQ", field("stripCols"), "CX")
	s.op("DECQ", "CX")
	s.op("ANDQ", s.lanes()-1, "CX")
	s.op("MOVQ", 2, "AX")
	s.op("SHLQ", "CX", "AX")
	s.op("DECQ", "AX")
	s.op("KMOVW", "AX", last)
	s.start()
	s.bytes("stripPrefetch", "AX")
	s.op("ADDQ", field("stripVec"), "AX")
	s.op("MOVQ", "AX", ahead)
	s.keep("stripSquares", "AX", squares)

	s.label("group", "14 rows at a time. In place, and packed so, the last two groups are even.")
	s.op("MOVQ", rowsAfter, groupRows)
	s.op("CMPQ", rowsAfter, s.height)
	s.op("JLE", "take")
	s.op("MOVQ", s.height, groupRows)
	s.flag("stripEvenPanels", "JNE", "even")
	s.zero("stripPanelRows", "JNE", "take")
	s.label("even")
	s.op("CMPQ", rowsAfter, 2*s.height)
	s.op("JGT", "take")
	s.op("LEAQ", mem(rowsAfter, 1), groupRows)
	s.op("SHRQ", 1, groupRows)
	s.label("take", "The scalars of this group and of the next.")
	s.op("SUBQ", groupRows, rowsAfter)
	s.op("MOVQ", nextScalar, "R8")
	s.op("LEAQ", mem("R8", 0, scalarStride, 4), "R9")
	s.op("LEAQ", mem("R9", 0, scalarStride, 4), "R10")
	s.bytes("stripPanelStride", "CX")
	s.op("JNZ", "taken")
	s.op("MOVQ", groupRows, "CX")
	s.op("IMULQ", scalarStride, "CX")
	s.label("taken")
	s.op("ADDQ", "R8", "CX")
	s.op("MOVQ", "CX", nextScalar)
	s.takePartial()
	s.startSums("VPXORQ")
	s.fetchOut(func() {
		s.op("CMPQ", "CX", group*group)
		s.op("JLT", "burst")
		s.op("CMPQ", field("stripTileK"), "$0")
		s.op("JNE", "sum", "// the loop over tiles does it")
		s.label("burst")
	})

	s.label("sum", "The sums. First, whole tiles of packed groups.")
	s.op("LEAQ", mem("R10", 0, scalarStride, 4), "R11")
	s.op("MOVQ", field("stripVec"), vector)
	s.op("MOVQ", field("stripK"), steps)
	s.op("TESTQ", steps, steps)
	s.op("JZ", "summed")
	s.op("MOVQ", 0, stepsAfter)
	s.zero("stripTileK", "JEQ", "steps")
	s.op("CMPQ", groupRows, s.height)
	s.op("JNE", "tiles")
	s.op("CMPQ", vectorStep, packed)
	s.op("JNE", "tiles")
	s.zero("stripPanelRows", "JEQ", "tiles")
	s.op("SUBQ", group, steps)
	s.op("JLT", "fewTiled")
	s.comment("Whole tiles of groups, from their middle: one byte of offset reaches more of them.")
	s.op("MOVQ", nextOut, "R9")
	s.bytes("stripStride", "R10")
	s.op("MOVQ", tileSkip, "R11")
	s.op("ADDQ", group*size, "R11")
	s.op("ADDQ", group*group/2*size, "R8")
	s.inOneGo("tiled14", "14 steps of 14 rows.", group, func() { step(group, inTiles) }, func(q int) {
		switch q {
		case 2:
			s.op("PREFETCHT0", "(R9)")
		case 9:
			s.op("PREFETCHT0", mem("R9", s.rowBytes()-1))
		}
	}, func() {
		s.op("ADDQ", "R10", "R9")
		s.op("ADDQ", group*packed, vector)
		s.op("ADDQ", "R11", "R8")
	})
	s.op("SUBQ", group*group/2*size, "R8")
	walkAll := func() {
		for i := range 3 {
			s.op("LEAQ", mem(scalars[i], 0, scalarStride, 4), scalars[i+1])
		}
	}
	s.label("fewTiled", "The last steps, fewer than a tile.")
	walkAll()
	s.op("ADDQ", group, steps)
	s.op("JZ", "summed")
	s.op("JMP", "rows14")

	s.label("tiles", "The first of other tiles, whose steps are in CX.")
	s.op("CMPQ", steps, field("stripTileK"))
	s.op("JLE", "steps")
	s.op("SUBQ", field("stripTileK"), steps)
	s.op("MOVQ", steps, stepsAfter)
	s.op("MOVQ", field("stripTileK"), steps)
	s.label("steps", "Eight steps in one go, if vectors are packed and there are eight rows or more.")
	s.op("CMPQ", vectorStep, packed)
	s.op("JNE", "fewer")
	s.op("CMPQ", groupRows, 8)
	s.op("JLT", "fewer")
	s.zero("stripPanelRows", "JEQ", "inRows")
	s.zero("stripTileK", "JNE", "fewer")
	s.op("SUBQ", unroll, steps)
	s.op("JLT", "fewGrouped")
	s.op("MOVQ", ahead, "R9")
	s.op("MOVQ", nextPartial, "R10")
	s.op("CMPQ", field("stripPartial"), "$0")
	s.op("CMOVQEQ", "R9", "R10", "// nothing is mapped there")
	s.op("CMPQ", groupRows, s.height)
	s.op("JLT", "fewRows")
	s.op("MOVQ", squares, "R11")
	s.op("TESTQ", "R11", "R11")
	s.op("JZ", "grouped14")
	s.op("MOVQ", 0, squares, "// the next groups meet the same vectors")
	s.op("XORL", "AX", "AX")
	s.op("JMP", "squared14")
	s.label("fewRows")
	s.choose("grouped", s.height-1, 8)
	grouped := func(loop, comment string, step func()) {
		s.inOneGo(loop, comment, unroll, step, none, func() {
			s.op("PREFETCHT1", "(R9)")
			s.op("ADDQ", 64, "R9")
			s.op("PREFETCHT0", "(R10)")
			s.op("ADDQ", 64, "R10")
			s.op("ADDQ", unroll*packed, vector)
			s.op("ADDQ", unroll*group*size, "R8")
		})
		s.op("JMP", "grouped")
	}
	for rows := 8; rows <= s.height; rows++ {
		grouped(fmt.Sprint("grouped", rows), fmt.Sprintf("Eight steps of %d rows, whose scalars are packed.", rows),
			func() { step(rows, inGroups) })
	}
	grouped("squared14", "The same for 14 rows, with sums of squares.", func() {
		step(group, inGroups)
		addSquares()
	})
	s.label("grouped")
	s.op("MOVQ", "R9", ahead)
	s.label("fewGrouped")
	s.op("ADDQ", unroll, steps)
	s.op("JMP", "rest")

	s.label("inRows", "Scalars in tiles of 128 bytes a row: R8 is four rows on and R10 eight more.")
	s.zero("stripTileK", "JEQ", "fewer")
	s.op("CMPQ", scalarStride, packed)
	s.op("JNE", "fewer")
	s.op("SUBQ", unroll, steps)
	s.op("JLT", "fewInRows")
	s.op("ADDQ", 4*packed, "R8")
	s.op("LEAQ", mem("R8", 8*packed), "R10")
	s.choose("inRows", s.height, 8)
	for rows := 8; rows <= s.height; rows++ {
		s.inOneGo(fmt.Sprint("inRows", rows), fmt.Sprintf("Eight steps of %d rows.", rows), unroll,
			func() { step(rows, inRows) }, none, func() {
				s.op("ADDQ", unroll*packed, vector)
				s.op("ADDQ", unroll*size, "R8")
				s.op("ADDQ", unroll*size, "R10")
			})
		s.op("JMP", "walked")
	}
	s.label("walked")
	s.op("SUBQ", 4*packed, "R8")
	s.label("fewInRows")
	s.op("ADDQ", unroll, steps)

	s.label("rest", "The last steps, fewer than eight.")
	walkAll()
	s.op("TESTQ", steps, steps)
	s.op("JZ", "tile")
	s.label("fewer", "One step at a time.")
	s.choose("rows", s.height, 1)
	for rows := 1; rows <= s.height; rows++ {
		loop := fmt.Sprint("rows", rows)
		s.op("PCALIGN", 32)
		s.label(loop, fmt.Sprintf("One step of a group of %d.", rows))
		s.load(vector, vectors...)
		for r := range rows {
			row(mem(scalars[r/4], 0, [][]any{nil, {scalarStride, 1}, {scalarStride, 2}, {scalarStride3, 1}}[r%4]...),
				s0+vec(r%2), s.sums(r))
		}
		s.op("ADDQ", vectorStep, vector)
		for _, b := range scalars {
			s.op("ADDQ", scalarStep, b)
		}
		s.op("DECQ", steps)
		s.op("JNZ", loop)
		s.op("JMP", "tile")
	}
	s.label("tile", "The next tile, if there is one.")
	s.op("MOVQ", stepsAfter, steps)
	s.op("TESTQ", steps, steps)
	s.op("JZ", "summed")
	for _, b := range scalars {
		s.op("ADDQ", tileSkip, b)
	}
	s.op("CMPQ", steps, field("stripTileK"))
	s.op("JLE", "lastTile")
	s.op("MOVQ", field("stripTileK"), steps)
	s.label("lastTile")
	s.op("SUBQ", steps, stepsAfter)
	s.op("JMP", "steps")
	s.save()

	s.label("finish", "out ← β·out + α·t.")
	s.op("MOVQ", nextOut, out)
	s.op("VBROADCASTS?", field("stripAlpha"), s1)
	s.bytes("stripStride", outStride)
	s.op("MOVQ", field("stripBetaKind"), "CX")
	s.op("MOVQ", nextBeta, beta)
	s.op("CMPQ", "CX", "$const_betaRows")
	s.op("JEQ", "betaOfRow")
	s.op("JGT", "betaOfColumn")
	s.flag("stripUnitAlpha", "JEQ", "scale")

	multiply := func(sums []any) {
		for _, v := range sums {
			s.op("VMULP?", s1, v, v)
		}
	}
	store := func(sums []any) {
		n := s.vectors - 1
		s.storeWhole(out, sums[:n]...)
		s.op("VMOVUP?", sums[n], last, mem(out, n*s.width()))
		s.nextRow()
	}
	isZero := "VFPCLASSP?" + pick(s.half, "Z", "Y")
	s.byRow("set", "A row: out ← sum.", store)
	s.label("scale", "The same with an α other than 1.")
	s.byRow("scale", "A row: out ← α·sum.", func(sums []any) {
		multiply(sums)
		store(sums)
	})

	s.label("betaOfRow", "A β for each row. Out is not read if it is 0.")
	s.bytes("stripBetaStride", "R9")
	s.flag("stripWholeBeta", "JEQ", "anyBetaOfRow")
	s.flag("stripUnitAlpha", "JEQ", "anyBetaOfRow")
	s.byRow("mergeWhole", "A row: out ← β·out + sum.", func(sums []any) {
		s.op("VBROADCASTS?", mem(beta, 0), s0)
		s.op("ADDQ", "R9", beta)
		for i, v := range sums {
			s.op("VFMADD231P?", mem(out, i*s.width()), s0, v)
		}
		s.storeWhole(out, sums...)
		s.nextRow()
	})
	masks := []string{"K2", "K3"}[2-s.vectors:]
	merge := func(beta func(i int) vec, sums []any) {
		multiply(sums)
		for i, v := range sums {
			s.op("VFMADD231P?", mem(out, i*s.width()), beta(i), masks[i], v)
		}
		store(sums)
	}
	s.label("anyBetaOfRow", "The same if an α is not 1, a β may be 0, or the last vector is cut.")
	s.byRow("merge", "A row: out ← β·out + α·sum, or α·sum if β is 0.", func(sums []any) {
		s.op("VBROADCASTS?", mem(beta, 0), s0)
		s.op("ADDQ", "R9", beta)
		s.op(isZero, 6, s0, "K3", "// ±0")
		if s.vectors == 2 {
			s.op("KNOTW", "K3", "K2")
		}
		s.op("KANDNW", last, "K3", "K3")
		merge(func(int) vec { return s0 }, sums)
	})

	s.label("betaOfColumn", "A β for each column. Out is not read where it is 0.")
	s.flag("stripWholeBeta", "JEQ", "anyBetaOfColumn")
	s.flag("stripUnitAlpha", "JEQ", "anyBetaOfColumn")
	s.load(beta, vectors...)
	s.mergeWhole(v0)
	s.label("anyBetaOfColumn", "The same if an α is not 1, a β may be 0, or the last vector is cut.")
	if s.vectors == 2 {
		s.op("VMOVUP?", mem(beta, 0), v0)
	}
	s.op("VMOVUP?.Z", mem(beta, (s.vectors-1)*s.width()), last, vectors[s.vectors-1])
	for i, v := range vectors {
		s.op(isZero, 6, v, masks[i], "// ±0")
	}
	if s.vectors == 2 {
		s.op("KNOTW", "K2", "K2")
	}
	s.op("KANDNW", last, "K3", "K3")
	s.byRow("mergeColumns", "A row: out ← β·out + α·sum where β is not 0, elsewhere out ← α·sum.", func(sums []any) { merge(func(i int) vec { return v0 + vec(i) }, sums) })
	s.end()
}
