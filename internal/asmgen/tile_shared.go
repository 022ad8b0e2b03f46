package main

import "fmt"

// A shared tile is a micro-kernel for AVX2 whose rows have whole vectors and two columns more. Several rows share a
// vector for these columns: four of float32, or two of float64.
type shared struct {
	*tile
	quads int // shared vectors of a tile
}

// tileShared writes a micro-kernel of rows of one or two vectors and two columns.
func tileShared(a *asm, vectors int) {
	s := &shared{tile: &tile{a, a.productName(fmt.Sprint("Shared", vectors*a.lanes()+2)), vectors, 8 / vectors}}
	rows := s.lanes() / 2 // that share a vector
	s.quads = s.height / rows
	size, width := s.size(), s.width()
	sum := func(r int) []vec { return []vec{vec(r * vectors), vec(r*vectors + 1)}[:vectors] }
	quad := func(q int) vec { return vec(8 + q) }
	free := vec(8 + s.quads)
	v, s0 := []any{free, free + 1}[:vectors], free+vec(vectors)
	scalars := []string{"R8", "R9"} // of rows 0 and 4
	at := func(r, offset int) string {
		return mem(scalars[r/4], offset, [][]any{nil, {scalarStride, 1}, {scalarStride, 2}, {scalarStride3, 1}}[r%4]...)
	}
	doc := ""
	for r := range s.height {
		doc += fmt.Sprintf("\n\trow %d: %s", r, s.reg(sum(r)[0]))
		if vectors == 2 {
			doc += ", " + s.reg(sum(r)[1])
		}
	}
	for q := range s.quads {
		doc += fmt.Sprintf("\n\tcolumns after the vectors of rows %d to %d: %s", q*rows, (q+1)*rows-1, s.reg(quad(q)))
	}
	s.text(s.name, "t *blocked.Tiles[T]", "", 40, "AVX2, FMA3", fmt.Sprintf(`
	t(r, c) = Σ S(r, p)·V(p, c), dst ← add + t, r < %d, c < %d

%d rows share a vector of sums of the last two columns: its halves have a column each. A step of V has the other
columns and a vector in which each of the two values is repeated %[3]d times.

	DI  the tiles                SI  vectors of step p         DX  bytes between steps of V
	CX  steps left               R8, R9  scalars of rows 0 and 4 at step p
	R12, R13  bytes between scalars of neighbouring rows, three times that
	BX  bytes between scalars of neighbouring steps
	AX  row of Dst               R10 its stride in bytes       R11 row of Add

The sums:
`, s.height, vectors*s.lanes()+2, rows)+doc)
	s.args("t", "DI")
	s.bytes("tileScalarStride", scalarStride)
	s.op("LEAQ", mem(scalarStride, 0, scalarStride, 2), scalarStride3)
	s.bytes("tileScalarKStride", scalarStep)
	s.bytes("tileVecStride", vectorStep)
	s.bytes("tileStride", outStride)
	s.bytes("tileScalarTile", "R14")
	s.op("MOVQ", s.field("tileDst"), out)
	s.op("MOVQ", s.field("tileAdd"), "R11")
	s.op("MOVQ", s.field("tileCount"), "R15")
	s.op("MOVQ", s.field("tileScalar"), "R8")
	s.op("MOVQ", "R8", "scalar-8(SP)")

	s.label("tile", "The sums of a tile start from 0.")
	for i := range vec(8 + s.quads) {
		s.op("VXORPS", i, i, i)
	}
	s.op("MOVQ", s.field("tileVec"), vector)
	s.op("MOVQ", "scalar-8(SP)", "R8")
	s.op("LEAQ", mem("R8", 0, "R14", 1), "R9")
	s.op("MOVQ", "R9", "scalar-8(SP)")
	s.op("LEAQ", mem("R8", 0, scalarStride, 4), "R9")
	s.op("MOVQ", s.field("tileK"), steps)
	s.op("TESTQ", steps, steps)
	s.op("JZ", "sums")
	s.op("CMPQ", scalarStride, size)
	s.op("JEQ", "columns")
	s.op("CMPQ", scalarStep, size)
	s.op("JNE", "one")

	turned := vec(16 - rows) // and the registers after it: scalars of several rows, twice
	// step adds the products of rows [r0, r1), and of the vectors that they share, with a step of V.
	step := func(r0, r1 int, scalar func(r int) string, shared func(quad int) vec) {
		s.load(vector, v...)
		for r := r0; r < r1; r++ {
			s.op("VBROADCASTS?", scalar(r), s0)
			for i, t := range sum(r) {
				s.op("VFMADD231P?", s0, v[i], t)
			}
		}
		for n := r0 / rows; n < r1/rows; n++ {
			s.op("VFMADD231P?", mem(vector, vectors*width), shared(n), quad(n))
		}
		s.op("ADDQ", vectorStep, vector)
	}
	// next continues a loop over steps.
	next := func(loop string) {
		s.op("ADDQ", scalarStep, "R8")
		if s.height > 4 {
			s.op("ADDQ", scalarStep, "R9")
		}
		s.op("DECQ", steps)
		s.op("JNZ", loop)
	}
	either := func(n int) vec { return turned + vec(n%2) }

	s.op("SUBQ", rows, steps)
	s.op("JLT", "few")
	s.op("PCALIGN", 32)
	s.label("rowLoop", fmt.Sprintf("Scalars of neighbouring steps are neighbours: %d steps.", rows))
	for n := range s.quads {
		r0 := n * rows
		for i := range vec(rows) {
			s.op("VMOVUP?", at(r0+int(i), 0), (turned + i).x())
		}
		for i := range rows {
			s.op("PREFETCHT0", at(r0+i, 256))
		}
		t := func(i int) string { return (turned + vec(i)).x() }
		if s.f64 {
			x := s0.x()
			s.op("VUNPCKLPD", t(1), t(0), x)
			s.op("VUNPCKHPD", t(1), t(0), t(1))
			s.op("VINSERTF128", 1, x, s0.y(), turned.y())
			s.op("VINSERTF128", 1, t(1), (turned + 1).y(), (turned + 1).y())
		} else {
			x, y := free.x(), (free + 1).x()
			s.op("VUNPCKLPS", t(1), t(0), x)
			s.op("VUNPCKHPS", t(1), t(0), t(1))
			s.op("VUNPCKLPS", t(3), t(2), y)
			s.op("VUNPCKHPS", t(3), t(2), t(3))
			s.op("VUNPCKLPD", y, x, t(0))
			s.op("VUNPCKLPD", t(3), t(1), t(2))
			s.op("VUNPCKHPD", t(3), t(1), t(3))
			s.op("VUNPCKHPD", y, x, t(1))
			for i := range rows {
				s.op("VINSERTF128", 1, t(i), (turned + vec(i)).y(), (turned + vec(i)).y())
			}
		}
		for q := range rows {
			step(r0, r0+rows, func(r int) string { return at(r, q*size) }, func(int) vec { return turned + vec(q) })
		}
		if n < s.quads-1 {
			for range rows {
				s.op("SUBQ", vectorStep, vector)
			}
		}
	}
	s.op("ADDQ", rows*size, "R8")
	if s.height > 4 {
		s.op("ADDQ", rows*size, "R9")
	}
	s.op("SUBQ", rows, steps)
	s.op("JGE", "rowLoop")
	s.label("few", "The steps that are left.")
	s.op("ADDQ", rows, steps)
	s.op("JZ", "sums")
	s.label("one", "One step.")
	for n := range s.quads {
		x := either(n).x()
		r := n * rows
		if s.f64 {
			s.op("VMOVSD", at(r, 0), x)
			s.op("VMOVHPD", at(r+1, 0), x, x)
		} else {
			s.op("VMOVSS", at(r, 0), x)
			for i := 1; i < rows; i++ {
				s.op("VINSERTPS", i<<4, at(r+i, 0), x, x)
			}
		}
		s.op("VINSERTF128", 1, x, either(n).y(), either(n).y())
	}
	step(0, s.height, func(r int) string { return at(r, 0) }, either)
	next("one")
	s.op("JMP", "sums")

	s.op("PCALIGN", 32)
	s.label("columns", "Scalars of neighbouring rows are neighbours: one step.")
	for n := range s.quads {
		s.op("VBROADCASTF128", mem("R8", n*16), either(n))
	}
	step(0, s.height, func(r int) string { return mem("R8", r*size) }, either)
	next("columns")

	s.label("sums", "Sort the shared sums by rows, and add those of earlier pieces.")
	pairs := make([]vec, s.quads) // the registers after them are for the rows of the second half
	for n := range s.quads {
		q, low, high := quad(n).y(), vec(12+2*n), vec(13+2*n)
		s.op("VEXTRACTF128", 1, q, high.x())
		s.op(pick(s.f64, "VUNPCKLPS", "VUNPCKLPD"), high.x(), quad(n).x(), low.x())
		s.op(pick(s.f64, "VUNPCKHPS", "VUNPCKHPD"), high.x(), quad(n).x(), high.x())
		pairs[n] = low
	}
	// pair returns the register of the last columns of row r, and whether they are in its upper half.
	pair := func(r int) (string, bool) {
		reg := pairs[r/rows] + vec(r%rows*2/rows)
		return reg.x(), !s.f64 && r%2 == 1
	}
	s.op("TESTQ", "R11", "R11")
	s.op("JZ", "store")
	for r := range s.height {
		base := r * (vectors*s.lanes() + 2) * size
		for i, t := range sum(r) {
			s.op("VADDP?", mem("R11", base+i*width), t, t)
		}
		reg, upper := pair(r)
		last := mem("R11", base+vectors*width)
		switch {
		case s.f64:
			s.op("VADDPD", last, reg, reg)
		case !upper:
			s.op("VMOVSD", last, vec(10).x())
		default:
			s.op("VMOVHPS", last, vec(10).x(), vec(10).x())
			s.op("VADDPS", vec(10).x(), reg, reg)
		}
	}
	s.op("ADDQ", s.height*(vectors*s.lanes()+2)*size, "R11")
	s.label("store", "dst ← sum")
	for r := range s.height {
		s.storeWhole(out, pick[[]any](vectors == 2, []any{sum(r)[0]}, []any{sum(r)[0], sum(r)[vectors-1]})...)
		reg, upper := pair(r)
		last := mem(out, vectors*width)
		switch {
		case s.f64:
			s.op("VMOVUPD", reg, last)
		case upper:
			s.op("VMOVHPS", reg, last)
		default:
			s.op("VMOVLPS", reg, last)
		}
		s.op("ADDQ", outStride, out)
	}
	s.op("DECQ", "R15")
	s.op("JNZ", "tile")
	s.ret()
}

// packShared writes the kernel that packs the vectors of shared tiles.
func packShared(a *asm) {
	const v0, pair, left, count, vectors = vec(0), vec(1), "CX", "R8", "R9"
	a.moveStart("PackShared", 0, fmt.Sprintf(`
	dst(r, c) = src(r, c) for whole vectors; in the vector after them, each of the last two columns %d times

	DI  the move         AX  row of Dst          SI  row of the source   DX, R10  strides of SI and AX in bytes
	CX  rows left        R8  bytes of the whole vectors                  R9  byte in the row
	V0  a vector         V1  the last two columns`, a.lanes()/2))
	a.op("MOVQ", fromBlock, from)
	a.op("MOVQ", toBlock, to)
	a.op("MOVQ", a.field("moveRows"), left)
	a.op("MOVQ", a.field("moveCols"), count)
	a.op("SUBQ", 2, count)
	a.op("SHLQ", a.log(), count)
	a.op("TESTQ", left, left)
	a.op("JZ", "done")
	a.label("row")
	a.op("XORL", vectors, vectors)
	a.label("vector")
	a.op("VMOVUP?", mem(from, 0, vectors, 1), v0)
	a.op("VMOVUP?", v0, mem(to, 0, vectors, 1))
	a.op("ADDQ", a.width(), vectors)
	a.op("CMPQ", vectors, count)
	a.op("JLT", "vector")
	broadcast := pick(a.f64, "VBROADCASTSS", "VMOVDDUP")
	a.op(broadcast, mem(from, 0, count, 1), pair.x())
	a.op("VMOVUP?", pair.x(), mem(to, 0, count, 1))
	a.op(broadcast, mem(from, a.size(), count, 1), pair.x())
	a.op("VMOVUP?", pair.x(), mem(to, 16, count, 1))
	a.op("ADDQ", fromStride, from)
	a.op("ADDQ", toStride, to)
	a.op("DECQ", left)
	a.op("JNZ", "row")
	a.label("done")
	a.ret()
}
