package main

import "fmt"

// tileAVX512 writes a micro-kernel for AVX-512.
func tileAVX512(s *tile) {
	const (
		panel  = 14  // rows of a micro-panel of scalars
		packed = 128 // bytes of a step of packed vectors, and of a run of a row
		unroll = 8   // steps that the loops over packed vectors do in one go

		v0, v1 = vec(0), vec(1)
		s0, s1 = vec(2), vec(3) // scalars
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
	inPanels := func(r int) string { return atStep("R8", r*size, panel*size) }
	inRuns := func(r int) string { return atStep("R8", (panel*r-panel*panel/2)*size, size) }
	inRows := func(r int) string {
		if r < 8 {
			return atStep("R8", packed*(r-4), size)
		}
		return atStep("R10", packed*(r-12), size)
	}
	none := func(q int) {}

	s.text(s.name, "t *blocked.Tiles[T]", "", 56, "AVX512F, AVX512DQ"+pick(s.half, "", ", AVX512VL"), fmt.Sprintf(`
	t(r, c) = Σ S(r, p)·V(p, c), dst ← add + t or β·dst + (add + t), c < Cols ≤ %d

Loops over packed vectors do many steps in one go: offsets are constants then, and little stands beside the
multiply-adds. What counts is the number of operations: a core that is shared by two threads decodes for one
of them every other cycle. So most rows take their scalar in the multiply-add itself, once for each vector. If
all rows did, there would be more than two loads a cycle, which is what some CPUs have. Other loops do one
step, for each number of rows.
`+tileDoc+`	R8 … R11  scalars of rows 0, 4, 8, 12 at step p
	V0%s  vectors of the step        V2, V3  scalars                 K1  lanes of the last vector

If both sides are packed, only R8 walks the scalars. R9 prefetches a line of later vectors with each eight steps,
because a burst of lines from a far cache would hold up those that come from a near one, and R10 the
sums to add or those of the next tile, because these may have left L2. `+pick(s.vectors == 1, "R11 is at sums of squares of the vectors, which AX walks. ", "")+`If scalars lie in
runs, R9 prefetches a row of Dst with each run, R10 is the stride of Dst, and R11 leads to the next run.

After the sum, AX is the row of Dst, R8 its β, R9 the stride of β, and R10 the stride of Dst.
`+stackDoc+` ahead is what to prefetch of later vectors.

The sums:
`, s.vectors*s.lanes(), pick(s.vectors == 2, "", ", V1"))+s.sumsDoc())

	s.start()
	walkAll := func() {
		for i := range 3 {
			s.op("LEAQ", mem(scalars[i], 0, scalarStride, 4), scalars[i+1])
		}
	}
	walkAll()
	s.op("MOVQ", s.field("tileOrder"), "AX")
	s.op("CMPQ", "AX", s.enum("packed"))
	s.op("JEQ", "packed")
	s.op("CMPQ", "AX", s.enum("packedRuns"))
	s.op("JEQ", "packedRuns")
	s.label("any")
	s.op("MOVQ", steps, stepsAfter)
	s.label("run", "A run of scalars. Eight steps in one go, if there are eight rows or more.")
	s.nextRun("AX")
	s.op("CMPQ", s.field("tileOrder"), s.enum("rowRuns"))
	s.op("JNE", "steps")
	s.op("CMPQ", tileRows, 8)
	s.op("JLT", "steps")
	s.op("SUBQ", unroll, steps)
	s.op("JLT", "fewInRows")
	s.op("ADDQ", 4*packed, "R8")
	s.op("LEAQ", mem("R8", 8*packed), "R10")
	s.choose("inRows", s.height, 8)
	for n := 8; n <= s.height; n++ {
		s.inOneGo(fmt.Sprint("inRows", n), fmt.Sprintf("Eight steps of %d rows.", n), unroll,
			func() { step(n, inRows) }, none, func() {
				s.op("ADDQ", unroll*packed, vector)
				s.op("ADDQ", unroll*size, "R8")
				s.op("ADDQ", unroll*size, "R10")
			})
		if n < s.height {
			s.op("JMP", "inRows")
		}
	}
	s.label("inRows")
	s.op("SUBQ", 4*packed, "R8")
	s.label("fewInRows")
	walkAll()
	s.op("ADDQ", unroll, steps)
	s.op("JZ", "nextRun")
	s.steps(scalars, "AX", func(n int) {
		s.load(vector, vectors...)
		for r := range n {
			row(scalar(scalars[r/4], r), s0+vec(r%2), s.sums(r))
		}
	})

	s.label("packed", "Both sides are packed.")
	s.op("CMPQ", tileRows, 8)
	s.op("JLT", "any")
	s.op("SUBQ", unroll, steps)
	s.op("JLT", "fewPacked")
	s.op("MOVQ", ahead, "R9")
	s.op("MOVQ", nextAdd, "R10")
	s.op("TESTQ", "R10", "R10")
	s.op("CMOVQEQ", nextStart, "R10")
	s.op("TESTQ", "R10", "R10")
	s.op("CMOVQEQ", "R9", "R10")
	s.op("CMPQ", tileRows, s.height)
	s.op("JLT", "fewRows")
	if s.vectors == 2 {
		s.op("XORL", "AX", "AX")
		s.op("MOVQ", s.field("tileSquares"), "R11")
		s.op("TESTQ", "R11", "R11")
		s.op("JNZ", "squared14")
	}
	s.op("JMP", "packed14")
	s.label("fewRows")
	s.choose("packed", s.height-1, 8)
	packedLoop := func(loop, comment string, step func()) {
		s.inOneGo(loop, comment, unroll, step, none, func() {
			s.op("PREFETCHT1", "(R9)")
			s.op("ADDQ", 64, "R9")
			s.op("PREFETCHT0", "(R10)")
			s.op("ADDQ", 64, "R10")
			s.op("ADDQ", unroll*packed, vector)
			s.op("ADDQ", unroll*panel*size, "R8")
		})
		s.op("JMP", "packedDone")
	}
	for n := 8; n <= s.height; n++ {
		packedLoop(fmt.Sprint("packed", n), fmt.Sprintf("Eight steps of %d rows.", n), func() { step(n, inPanels) })
	}
	if s.vectors == 2 {
		packedLoop("squared14", "The same for 14 rows, with sums of squares.", func() {
			step(panel, inPanels)
			addSquares()
		})
	}
	s.label("packedDone")
	s.op("MOVQ", "R9", ahead)
	s.label("fewPacked", "The last steps, fewer than eight.")
	walkAll()
	s.op("ADDQ", unroll, steps)
	s.op("JZ", "store")
	s.op("JMP", "steps")

	s.label("packedRuns", "Both sides are packed, and scalars lie in runs. R8 is in the middle of a run: one byte of offset",
		"reaches more of it.")
	s.op("CMPQ", tileRows, s.height)
	s.op("JNE", "any")
	s.op("SUBQ", panel, steps)
	s.op("JLT", "fewInRuns")
	s.op("MOVQ", nextDst, "R9")
	s.bytes("tileStride", "R10")
	s.bytes("tileRunSkip", "R11")
	s.op("ADDQ", panel*size, "R11")
	s.op("ADDQ", panel*panel/2*size, "R8")
	s.inOneGo("inRuns14", "14 steps of 14 rows.", panel, func() { step(panel, inRuns) }, func(q int) {
		switch q {
		case 2:
			s.op("PREFETCHT0", "(R9)")
		case 9:
			s.op("PREFETCHT0", mem("R9", s.rowBytes()-1))
		}
	}, func() {
		s.op("ADDQ", "R10", "R9")
		s.op("ADDQ", panel*packed, vector)
		s.op("ADDQ", "R11", "R8")
	})
	s.op("SUBQ", panel*panel/2*size, "R8")
	s.label("fewInRuns", "The last steps, fewer than a run.")
	walkAll()
	s.op("ADDQ", panel, steps)
	s.op("JNZ", "rows14")

	s.store()
}
