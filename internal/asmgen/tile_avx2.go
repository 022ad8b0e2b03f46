package main

import "fmt"

// avx2Panel is the number of rows of a micro-panel of scalars, and of the steps that the loops do in one go.
const avx2Panel = 6

// tileAVX2 writes a micro-kernel for AVX2.
func tileAVX2(s *tile) {
	const (
		scalars, scalars4, scalars6, scalars10 = "R8", "R9", "R10", "AX" // of rows 0, 4, 6, 10

		v0, v1 = vec(0), vec(1)
		s0     = vec(2) // a scalar
		unroll = 4      // steps that the loop over rows of scalars does in one go
	)
	const packTo = "R11" // the vectors of the step, packed
	bases := []string{scalars, scalars4, scalars6, scalars10}[:4/s.vectors]
	panels := []string{scalars, scalars6}[:2/s.vectors] // where micro-panels are
	packed := 2 * s.registerWidth()                     // bytes of a step of packed vectors

	row := func(scalar string, sums []vec) {
		s.op(s.broadcast(), scalar, s0)
		for i, v := range sums {
			s.op("VFMADD231P?", s0, v0+vec(i), v)
		}
	}
	vectors := []any{v0, v1}[:s.vectors]
	size := s.size()

	s.text(s.name, "t *blocked.Tiles[T]", "", 64, "AVX2, FMA3", fmt.Sprintf(`
	t(r, c) = Σ S(r, p)·V(p, c), dst ← add + t or β·dst + (add + t), c < Cols ≤ %d

If the last vector is cut, V has all of it nevertheless: a masked load at each step would be slower. If both
sides are packed, loops do %d steps in one go: offsets are constants then, and there is room beside the
multiply-adds for the little that is left. A loop for scalars whose steps are neighbours does %d. Other loops do
one step, for each number of rows. Scalars are fetched half a kilobyte ahead: those of a block lie in L2. The
loop over rows fetches none, because most of its tiles find the scalars in L1. If there is a place for packed
vectors, the tile stores them there.
`+tileDoc+`	R8, R9, R10, AX  scalars of rows 0, 4, 6, 10 at step p
	V0%s  vectors of the step        V2  a scalar          R10, R11  vectors to fetch, packed vectors

After the sum, AX is the row of Dst, R8 its β, R9 the stride of β, R10 the stride of Dst, and SI the lanes of the
last vector.
`+stackDoc+` lanes is the number of lanes in the last vector.

The sums:
`, s.vectors*s.lanes(), avx2Panel, unroll, pick(s.vectors == 2, "", ", V1"))+s.sumsDoc())

	s.start()
	walkAll := func() {
		s.op("LEAQ", mem(scalars, 0, scalarStride, 4), scalars4)
		if s.vectors == 1 {
			s.op("LEAQ", mem(scalars6, 0, scalarStride, 4), scalars10)
		}
	}
	if s.vectors == 1 {
		s.op("LEAQ", mem(scalars, 0, scalarStride3, 2), scalars6)
		s.bytes("tilePanelStride", "R11")
		s.op("JZ", "placed")
		s.op("LEAQ", mem(scalars, 0, "R11", 1), scalars6)
		s.label("placed")
	}
	walkAll()
	if s.vectors == 2 {
		s.op("MOVQ", s.field("tilePack"), packTo)
		s.op("TESTQ", packTo, packTo)
		s.op("JNZ", "toPack")
	}
	s.op("CMPQ", tileRows, s.height)
	s.op("JNE", "any")
	s.op("MOVQ", s.field("tileOrder"), "R11")
	s.op("CMPQ", "R11", s.enum("packed"))
	s.op("JEQ", "packed")
	s.op("CMPQ", "R11", s.enum("packedRuns"))
	s.op("JEQ", "packedRuns")
	if s.vectors == 2 {
		s.op("CMPQ", scalarStep, size)
		s.op("JNE", "any")
		s.op("CMPQ", s.field("tileRun"), steps)
		s.op("JGE", "inRow")
	}
	s.label("any")
	s.op("MOVQ", steps, stepsAfter)
	s.label("run", "A run of scalars.")
	s.nextRun("R11")
	s.steps(bases, "R11", func(n int) {
		s.load(vector, vectors...)
		s.op("PREFETCHT0", mem(scalars, 512))
		for r := range n {
			row(scalar(bases[r/6*2+r%6/4], r%6), s.sums(r))
		}
	})

	if s.vectors == 2 {
		s.label("toPack", "A whole tile, which also packs the vectors. They are fetched 32 steps ahead.")
		s.op("MOVQ", vectorStep, "R10")
		s.op("SHLQ", 5, "R10")
		s.op("ADDQ", vector, "R10")
		s.op("PCALIGN", 32)
		s.label("pack", "One step.")
		s.load(vector, vectors...)
		s.storeWhole(packTo, vectors...)
		s.op("PREFETCHT0", mem("R10", 0))
		s.op("PREFETCHT0", mem("R10", s.rowBytes()-1))
		s.op("ADDQ", vectorStep, "R10")
		for r := range s.height {
			row(scalar(bases[r/4], r), s.sums(r))
		}
		s.op("ADDQ", vectorStep, vector)
		for _, b := range bases {
			s.op("ADDQ", scalarStep, b)
		}
		s.op("ADDQ", packed, packTo)
		s.op("DECQ", steps)
		s.op("JNZ", "pack")
		s.op("JMP", "store")

		stepAt := func(base string, offset, q int) string {
			return mem(base, offset, [][]any{nil, {vectorStep, 1}, {vectorStep, 2}, {"AX", 1}}[q]...)
		}
		s.label("inRow", "Scalars of neighbouring steps are neighbours.")
		s.op("LEAQ", mem(vectorStep, 0, vectorStep, 2), "AX")
		s.op("SUBQ", unroll, steps)
		s.op("JLT", "fewInRow")
		s.op("PCALIGN", 32)
		s.label("rowLoop", "Four steps.")
		for q := range unroll {
			for i, v := range vectors {
				s.op("VMOVUP?", stepAt(vector, i*s.width(), q), v)
			}
			for r := range s.height {
				row(mem(bases[r/4], q*size, [][]any{nil, {scalarStride, 1}, {scalarStride, 2}, {scalarStride3, 1}}[r%4]...), s.sums(r))
			}
		}
		s.op("LEAQ", mem(vector, 0, vectorStep, unroll), vector)
		for _, b := range bases {
			s.op("ADDQ", unroll*size, b)
		}
		s.op("SUBQ", unroll, steps)
		s.op("JGE", "rowLoop")
		s.label("fewInRow", "The last steps, fewer than four.")
		s.op("ADDQ", unroll, steps)
		s.op("JNZ", fmt.Sprint("rows", s.height))
		s.op("JMP", "store")
	}

	// sixSteps writes a loop over packed panels.
	sixSteps := func(loop, comment string, at func(panel string, r int) string, next any) {
		s.op("SUBQ", avx2Panel, steps)
		s.op("JLT", "few")
		s.inOneGo(fmt.Sprint(loop, s.height), comment, avx2Panel, func() {
			for i, v := range vectors {
				s.op("VMOVUP?", atStep(vector, i*s.width(), packed), v)
			}
			for r := range s.height {
				row(at(panels[r/avx2Panel], r%avx2Panel), s.sums(r))
			}
		}, func(q int) {
			if q%2 == 0 {
				s.op("PREFETCHT0", mem(scalars, 512+32*q))
			}
		}, func() {
			s.op("ADDQ", avx2Panel*packed, vector)
			for _, p := range panels {
				s.op("ADDQ", next, p)
			}
		})
	}
	s.label("packed", "Both sides are packed.")
	sixSteps("packed", "Six steps.", func(panel string, r int) string {
		return atStep(panel, r*size, avx2Panel*size)
	}, avx2Panel*avx2Panel*size)
	s.op("JMP", "few")
	s.label("packedRuns", "Both sides are packed, and scalars lie in runs.")
	s.bytes("tileRunSkip", "R11")
	s.op("ADDQ", avx2Panel*size, "R11")
	sixSteps("inRuns", "Six steps.", func(panel string, r int) string {
		return atStep(panel, avx2Panel*r*size, size)
	}, "R11")
	s.label("few", "The last steps, fewer than six.")
	walkAll()
	s.op("ADDQ", avx2Panel, steps)
	s.op("JNZ", fmt.Sprint("rows", s.height))

	s.store()
}
