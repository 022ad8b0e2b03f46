package main

import "fmt"

// wideHeight is the number of rows of the tiles of three vectors a row.
const wideHeight = 8

// tileWide writes a micro-kernel for AVX-512 with three vectors a row.
func tileWide(s *tile) {
	const (
		unroll = 4 // steps that loops do in one go
		v0     = vec(0)
		s0     = vec(3) // scalars, in turns
	)
	scalars := []string{"R8", "R9"} // of rows 0 and 4
	size := s.size()

	s.text(s.name, "t *blocked.Tiles[T]", "", 56, "AVX512F, AVX512DQ", fmt.Sprintf(`
	t(r, c) = Σ S(r, p)·V(p, c), dst ← add + t or β·dst + (add + t), c < Cols ≤ %d

Each scalar is loaded to a register once and multiplied with three vectors, so a step has 11 loads for 24
multiply-adds, and vectors may lie at any stride. There are loops for scalars whose rows are neighbours, and for
those whose steps are. They do %d steps in one go. Other loops do one step, for each number of rows.
`+tileDoc+`	R8, R9  scalars of rows 0 and 4 at step p
	AX, R10, R11  three times DX, three times BX, and the vectors of eight steps later, to prefetch
	V0 … V2  vectors of the step        V3 … V6  scalars                 K1  lanes of the last vector

After the sum, AX is the row of Dst, R8 its β, R9 the stride of β, and R10 the stride of Dst.
`+stackDoc+`

The sums:
`, s.vectors*s.lanes(), unroll)+s.sumsDoc())

	s.start()
	walk := func() { s.op("LEAQ", mem(scalars[0], 0, scalarStride, 4), scalars[1]) }
	walk()
	s.op("CMPQ", tileRows, s.height)
	s.op("JNE", "any")
	s.op("CMPQ", s.field("tileRun"), steps)
	s.op("JLT", "any")
	s.op("LEAQ", mem(vectorStep, 0, vectorStep, 2), "AX")
	s.op("LEAQ", mem(vector, 0, vectorStep, 8), "R11", "// vectors to prefetch")
	s.op("CMPQ", scalarStep, size)
	s.op("JEQ", "inRow")
	s.op("CMPQ", scalarStride, size)
	s.op("JEQ", "inColumn")
	s.label("any")
	s.op("MOVQ", steps, stepsAfter)
	s.label("run", "A run of scalars.")
	s.nextRun("AX")
	s.op("JMP", "steps")

	// row adds the products of a scalar with the vectors to the sums of row r.
	row := func(scalar string, r int) {
		t := s0 + vec(r%4)
		s.op("VBROADCASTS?", scalar, t)
		for i, v := range s.sums(r) {
			s.op("VFMADD231P?", t, v0+vec(i), v)
		}
	}
	stepAt := func(base, step, step3 string, offset, q int) string {
		return mem(base, offset, [][]any{nil, {step, 1}, {step, 2}, {step3, 1}}[q]...)
	}
	rowScalar := func(r, offset int) string {
		return mem(scalars[r/4], offset, [][]any{nil, {scalarStride, 1}, {scalarStride, 2}, {scalarStride3, 1}}[r%4]...)
	}
	// inOneGo writes a loop of several steps.
	inOneGo := func(loop, comment string, scalar func(r, q int) string, next func()) {
		s.op("SUBQ", unroll, steps)
		s.op("JLT", "few")
		s.op("PCALIGN", 32)
		s.label(loop, comment)
		for q := range unroll {
			for i := range s.vectors {
				s.op("VMOVUP?", stepAt(vector, vectorStep, "AX", i*s.width(), q), v0+vec(i))
			}
			for r := range s.height {
				row(scalar(r, q), r)
				if r%2 == 0 && r/2 < s.vectors {
					s.op("PREFETCHT0", stepAt("R11", vectorStep, "AX", r/2*s.width(), q))
				}
				if r == s.height-1 && loop == "rowLoop" { // scalars of 48 or 24 steps later, of two rows in each step
					for n := 2 * q; n < 2*q+2; n++ {
						s.op("PREFETCHT0", rowScalar(n, 192))
					}
				}
			}
		}
		s.op("LEAQ", mem(vector, 0, vectorStep, unroll), vector)
		s.op("LEAQ", mem("R11", 0, vectorStep, unroll), "R11")
		next()
		s.op("SUBQ", unroll, steps)
		s.op("JGE", loop)
		s.op("JMP", "few")
	}
	s.label("inRow", "Scalars of neighbouring steps are neighbours.")
	inOneGo("rowLoop", "Four steps.", func(r, q int) string {
		return rowScalar(r, q*size)
	}, func() {
		s.op("ADDQ", unroll*size, "R8")
		s.op("ADDQ", unroll*size, "R9")
	})
	s.label("inColumn", "Scalars of neighbouring rows are neighbours, as in micro-panels.")
	s.op("LEAQ", mem(scalarStep, 0, scalarStep, 2), "R10")
	inOneGo("columnLoop", "Four steps.", func(r, q int) string {
		return stepAt("R8", scalarStep, "R10", r*size, q)
	}, func() { s.op("LEAQ", mem("R8", 0, scalarStep, unroll), "R8") })
	s.label("few", "The last steps, fewer than four.")
	s.op("ADDQ", unroll, steps)
	s.op("JZ", "store")
	walk()
	s.steps(scalars, "AX", func(n int) {
		s.load(vector, v0, v0+1, v0+2)
		for r := range n {
			row(scalar(scalars[r/4], r), r)
		}
	})

	s.store()
}
