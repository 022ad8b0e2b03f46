package main

import "fmt"

// integers writes the kernels of first layers in integers.
func integers(a *asm) {
	for _, a.target = range []target{avx512F32, avx2F32} {
		sumProducts(a)
		top(a)
		roundToIntegers(a)
		output(a)
		step(a)
		loadPixels(a)
		interleave(a)
	}
	a.target = avx512F32
	sumAlong(a, "SumRows", false)
	sumAlong(a, "SumPixels", true)
	roundUnit(a)
	stepUnit(a)
	a.buf.WriteString("\n// VPSHUFB exchanges the middle two of four bytes.\n")
	a.data("integerBytes<>", 0, 0x0705060403010200, 0x0f0d0e0c0b090a08)
	a.global("integerBytes<>", 16)
}

// units is the number of units in a panel.
const units = 16

// vectorsOf16 returns the number of vectors of 16 numbers of 4 bytes.
func (a *asm) vectorsOf16() int { return units / a.lanes() }

// integerKernel starts a kernel whose only parameter is a struct of package bfp, which is in DI then.
func (a *asm) integerKernel(name, parameter, requires, doc string) {
	a.text(pick(a.avx512, "avx2", "vnni")+name, "p *bfp."+parameter, "", 0, pick(a.avx512, "AVX2, FMA3", requires), doc+"\n\n\tDI  the operands")
	a.args("p", "DI")
}

// integerConstant sets all 32-bit numbers of a vector.
func (a *asm) integerConstant(value uint32, v vec) {
	a.op("MOVL", fmt.Sprintf("$%#x", value), "AX")
	if a.avx512 {
		a.op("VPBROADCASTD", "AX", v)
		return
	}
	a.op("VMOVD", "AX", v.x())
	a.op("VPBROADCASTD", v.x(), v)
}

// next continues a loop that counts a register down.
func (a *asm) next(left, loop string) {
	a.op("DECQ", left)
	a.op("JNZ", loop)
}

// Registers of products.
const (
	rowStride, rowStride3 = "R12", "R13" // bytes between rows of a tile, three times that
	groupStep             = "BX"         // bytes between groups
	groupsLeft            = "CX"
	nextTile, tilesToDo   = "R14", "R15"
	sums                  = "DX"
)

// productStart loads the operands that all kernels of products have.
func (a *asm) productStart() {
	a.op("MOVQ", a.field("productsRowStride"), rowStride)
	a.op("LEAQ", mem(rowStride, 0, rowStride, 2), rowStride3)
	a.op("MOVQ", a.field("productsGroupStep"), groupStep)
	a.op("MOVQ", a.field("productsX"), nextTile)
	a.op("MOVQ", a.field("productsTiles"), tilesToDo)
	a.op("MOVQ", a.field("productsSums"), sums)
}

// tileStart starts a tile: bases are at its rows 0, 4 and 8, and integers at those of the first group.
func (a *asm) tileStart(bases []string, integers string) {
	a.label("tile")
	a.op("MOVQ", nextTile, bases[0])
	for i := range len(bases) - 1 {
		a.op("LEAQ", mem(bases[i], 0, rowStride, 4), bases[i+1])
	}
	a.op("ADDQ", a.field("productsTileStep"), nextTile)
	a.op("MOVQ", a.field("productsQ"), integers)
	a.op("MOVQ", a.field("productsGroups"), groupsLeft)
}

// productRow returns the operand of row r of a tile.
func productRow(bases []string, r int) string {
	return mem(bases[r/4], 0, [][]any{nil, {rowStride, 1}, {rowStride, 2}, {rowStride3, 1}}[r%4]...)
}

// productNext continues with the next group of a tile.
func (a *asm) productNext(bases []string) {
	for _, b := range bases {
		a.op("ADDQ", groupStep, b)
	}
	a.next(groupsLeft, "group")
}

// sumProducts writes the kernel of products. VNNI multiplies bytes, so an integer is 256·hi + lo. AVX2 multiplies 16 bits.
func sumProducts(a *asm) {
	const first, integers, fetch = "R8", "SI", "R11"
	rows := pick(a.avx512, 6, 12)
	bases := []string{first, "R9", "R10"}[:rows/4+min(rows%4, 1)]
	acc := func(r, i int) vec { return vec(pick(a.avx512, 4, 8) + 2*r + i) }
	a.integerKernel("Sum", "Products", "AVX512F, AVX512_VNNI", pick(a.avx512, `
	sum(r, l) = Σ pixels(r, g)·integers(g, l)

Tiles of 6 rows of 16 units. A group has two pixels of 16 bits. If the sums are split, they are so by 16 bits.

	SI  integers of group g        CX  groups left                 DX  sums of the tile
	R8, R9  row 0 and 4 of the tile, group g                       R12, R13  bytes between rows, three times that
	BX  bytes between groups       R14 the next tile               R15 tiles left
	R11 memory to prefetch
	Y0, Y1  integers               Y2  pixels                      Y3  products
	Y(4+2r), Y(5+2r)  sums of row r`, `
	sum(r, l) = Σ pixels(r, g)·(256·hi(g, l) + lo(g, l))

Tiles of 12 rows of 16 units. A group has four pixels of one byte. hi and lo are bytes with a sign, and their sums
are separate.

	SI  integers of group g        CX  groups left                 DX  sums of the tile
	R8 … R10  row 0, 4 and 8 of the tile, group g                  R12, R13  bytes between rows, three times that
	BX  bytes between groups       R14 the next tile               R15 tiles left
	R11 memory to prefetch
	Z0, Z1  hi and lo              Z2, Z3  pixels
	Z(8+2r), Z(9+2r)  sums of hi and lo of row r`))
	a.productStart()
	a.op("MOVQ", a.field("productsFetch"), fetch)
	a.tileStart(bases, integers)
	for r := range rows {
		for i := range 2 {
			a.op(pick(a.avx512, "VPXOR", "VPXORD"), acc(r, i), acc(r, i), acc(r, i))
		}
	}
	a.op("PCALIGN", 32)
	a.label("group", "A group of pixels of each row.")
	for i := range 2 {
		a.op(pick(a.avx512, "VMOVDQU", "VMOVDQU32"), mem(integers, i*a.width()), vec(i))
	}
	for r := range rows {
		at := productRow(bases, r)
		pixels := vec(2 + pick(a.avx512, 0, r%2))
		a.op("VPBROADCASTD", at, pixels)
		for i := range 2 {
			if a.avx512 {
				a.op("VPDPBUSD", vec(i), pixels, acc(r, i))
				continue
			}
			a.op("VPMADDWD", vec(i), pixels, vec(3))
			a.op("VPADDD", vec(3), acc(r, i), acc(r, i))
		}
	}
	a.op("PREFETCHT1", mem(fetch, 0))
	a.op("ADDQ", 16, fetch)
	a.op("ADDQ", 2*a.width(), integers)
	a.productNext(bases)
	a.op("CMPQ", a.field("productsKind"), a.enum("splitSums"))
	a.op("JEQ", "split")

	store := func(size int) {
		a.op("ADDQ", rows*size*units*4, sums)
		a.next(tilesToDo, "tile")
		a.ret()
	}
	if a.avx512 {
		a.op("JGT", "pair")
	}
	a.comment("Each sum as one number.")
	for r := range rows {
		if a.avx512 {
			a.op("VPSLLD", 8, acc(r, 0), acc(r, 0))
			a.op("VPADDD", acc(r, 1), acc(r, 0), acc(r, 0))
			a.op("VMOVDQU32", acc(r, 0), mem(sums, 64*r))
			continue
		}
		for i := range 2 {
			a.op("VMOVDQU", acc(r, i), mem(sums, 64*r+32*i))
		}
	}
	store(1)

	a.label("split", "Each sum as two numbers, which are added.")
	if a.avx512 {
		for r := range rows {
			for i := range 2 {
				a.op("VPADDD", mem(sums, 128*r+64*i), acc(r, i), acc(r, i))
				a.op("VMOVDQU32", acc(r, i), mem(sums, 128*r+64*i))
			}
		}
		store(2)
		a.label("pair", "The sums of two panels.")
		for r := range rows {
			for i := range 2 {
				a.op("VMOVDQU32", acc(r, i), mem(sums, 128*r+64*i))
			}
		}
		store(2)
		return
	}
	a.op("VPCMPEQD", vec(0), vec(0), vec(0))
	a.op("VPSRLD", 16, vec(0), vec(0))
	for r := range rows {
		for i := range 2 {
			hi, lo := mem(sums, 128*r+32*i), mem(sums, 128*r+64+32*i)
			a.op("VPAND", vec(0), acc(r, i), vec(1))
			a.op("VPADDD", lo, vec(1), vec(1))
			a.op("VMOVDQU", vec(1), lo)
			a.op("VPSRAD", 16, acc(r, i), acc(r, i))
			a.op("VPADDD", hi, acc(r, i), acc(r, i))
			a.op("VMOVDQU", acc(r, i), hi)
		}
	}
	store(2)
}

// numbers starts a kernel that reads the rows of a bfp.Rounding.
func (a *asm) numbers() {
	a.op("MOVQ", a.field("roundingX"), "SI")
	a.op("MOVQ", a.field("roundingStride"), "DX")
	a.op("SHLQ", 2, "DX")
	a.op("MOVQ", a.field("roundingRows"), "CX")
}

func top(a *asm) {
	const mask, number, bits, sum = vec(0), vec(1), vec(2), vec(3)
	maximum := func(i int) vec { return vec(4 + i) }
	a.integerKernel("Top", "Rounding", "AVX512F", `
	top(l) = max |x(i, l)|, compared as integers, so NaN is above ∞
	squares(i mod n, l) ← fma(x(i, l), x(i, l), squares(i mod n, l))

	SI  row i      DX  bytes between rows      CX  rows left
	R8  squares    R9  bytes of them, less 1   AX  row of squares, in bytes
	V0  all bits but the sign      V1, V2  numbers and magnitudes      V3  squares      V4`+pick(a.avx512, ", Y5", "")+`  maxima`)
	a.numbers()
	a.integerConstant(0x7fffffff, mask)
	for i := range a.vectorsOf16() {
		a.op(pick(a.avx512, "VPXOR", "VPXORD"), maximum(i), maximum(i), maximum(i))
	}
	row := func(loop string, square func(i int)) {
		a.label(loop)
		for i := range a.vectorsOf16() {
			a.op("VMOVUPS", mem("SI", i*a.width()), number)
			a.op(pick(a.avx512, "VPAND", "VPANDD"), number, mask, bits)
			a.op("VPMAXUD", bits, maximum(i), maximum(i))
			square(i)
		}
		a.op("ADDQ", "DX", "SI")
	}
	a.op("MOVQ", a.field("roundingSquares"), "R8")
	a.op("MOVQ", a.fieldAt("roundingSquares", 8), "R9", "// its length")
	a.op("TESTQ", "R9", "R9")
	a.op("JNZ", "squares")
	row("row", func(int) {})
	a.next("CX", "row")
	a.op("JMP", "done")
	a.label("squares", "The same, and the squares.")
	a.op("SHLQ", 2, "R9")
	a.op("DECQ", "R9")
	a.op("XORL", "AX", "AX")
	row("square", func(i int) {
		at := mem("R8", i*a.width(), "AX", 1)
		a.op("VMOVUPS", at, sum)
		a.op("VFMADD231PS", number, number, sum)
		a.op("VMOVUPS", sum, at)
	})
	a.op("ADDQ", 64, "AX")
	a.op("ANDQ", "R9", "AX")
	a.next("CX", "square")
	a.label("done")
	for i := range a.vectorsOf16() {
		a.op("VMOVUPS", maximum(i), a.fieldAt("roundingTop", i*a.width()))
	}
	a.ret()
}

// roundToIntegers writes the kernel that rounds. The sum of a number and 1.5·2²³ has the rounded number in its last bits.
func roundToIntegers(a *asm) {
	if a.avx512 {
		roundToBytes(a)
		return
	}
	const magic, one, number, next = vec(0), vec(1), vec(6), vec(7)
	inverse := func(i int) vec { return vec(2 + i) }
	totals := func(i int) vec { return vec(4 + i) }
	a.integerKernel("Round", "Rounding", "", `
	q(i, l) = rint(x(i, l)·2^−e(l))

Two rows at a time. The sum of a number and 1.5·2²³ has the rounded number in its last 16 bits.

	SI  row i      DX  bytes between rows      CX  rows left      AX  integers
	Y0  1.5·2²³    Y1  16-bit ones             Y2, Y3  2^−e       Y4, Y5  totals      Y6, Y7  rows i and i+1`)
	a.numbers()
	a.integerConstant(0x4b400000, magic)
	a.op("VPCMPEQW", one, one, one)
	a.op("VPSRLW", 15, one, one)
	for i := range 2 {
		a.op("VMOVUPS", a.fieldAt("roundingInverse", 32*i), inverse(i))
		a.op("VMOVUPS", a.fieldAt("roundingTotals", 32*i), totals(i))
	}
	a.op("MOVQ", a.field("roundingLo"), "AX")
	a.label("group")
	for i := range 2 {
		a.op("VMOVAPS", magic, number)
		a.op("VMOVAPS", magic, next)
		a.op("VFMADD231PS", mem("SI", 32*i), inverse(i), number)
		a.op("VFMADD231PS", mem("SI", 32*i, "DX", 1), inverse(i), next)
		a.op("VPSLLD", 16, next, next)
		a.op("VPBLENDW", "$0xaa", next, number, number)
		a.op("VMOVDQU", number, mem("AX", 32*i))
		a.op("VPMADDWD", one, number, number)
		a.op("VPADDD", number, totals(i), totals(i))
	}
	a.op("LEAQ", "(SI)(DX*2)", "SI")
	a.op("ADDQ", 64, "AX")
	a.op("SUBQ", 2, "CX")
	a.op("JNZ", "group")
	for i := range 2 {
		a.op("VMOVUPS", totals(i), a.fieldAt("roundingTotals", 32*i))
	}
	a.ret()
}

func roundToBytes(a *asm) {
	const magic, inverse, flip, shuffle, one, hiTotal, loTotal, t0, u = vec(0), vec(1), vec(2), vec(3), vec(4), vec(5), vec(6), vec(8), vec(12)
	a.integerKernel("Round", "Rounding", "AVX512F, AVX512BW, AVX512_VNNI", `
	256·hi(i, l) + lo(i, l) = rint(x(i, l)·2^−e(l)), where hi and lo are in −128 … 127

Four rows at a time. The sum of a number and 1.5·2²³ + 128 has hi and lo + 128 in its last bytes.

	SI  row i      DX, R8  bytes between rows, three times that      CX  rows left      BX, AX  hi and lo
	Z0  1.5·2²³ + 128      Z1  2^−e      Z2  0x80 in each byte      Z3  order of bytes
	Z4  ones       Z5, Z6  totals of hi and lo
	Z8 … Z11  rows i … i+3      Z12, Z13  scratch
	K1, K2  odd and even 16-bit words`)
	a.numbers()
	a.op("LEAQ", "(DX)(DX*2)", "R8")
	a.integerConstant(0x4b400080, magic)
	a.integerConstant(0x80808080, flip)
	a.integerConstant(0x01010101, one)
	a.op("VBROADCASTI32X4", "integerBytes<>(SB)", shuffle)
	a.op("VMOVUPS", a.fieldAt("roundingInverse", 0), inverse)
	a.op("VPXORD", hiTotal, hiTotal, hiTotal)
	a.op("VPXORD", loTotal, loTotal, loTotal)
	a.op("MOVL", "$0xaaaaaaaa", "AX")
	a.op("KMOVD", "AX", "K1")
	a.op("KNOTD", "K1", "K2")
	a.op("MOVQ", a.field("roundingHi"), "BX")
	a.op("MOVQ", a.field("roundingLo"), "AX")
	a.label("group")
	for r, at := range []string{"(SI)", "(SI)(DX*1)", "(SI)(DX*2)", "(SI)(R8*1)"} {
		a.op("VMOVAPS", magic, t0+vec(r))
		a.op("VFMADD231PS", at, inverse, t0+vec(r))
	}
	for i := vec(0); i < 2; i++ {
		a.op("VPSLLD", 16, t0+2*i+1, u+i)
		a.op("VMOVDQU16", u+i, "K1", t0+2*i, fmt.Sprintf("// words of rows %d and %d", 2*i, 2*i+1))
		a.op("VPSHUFB", shuffle, t0+2*i, t0+2*i, "// their bytes lo, then hi")
	}
	a.op("VPSRLD", 16, t0, u)
	a.op("VPSLLD", 16, t0+2, u+1)
	a.op("VMOVDQU16", u+1, "K1", t0, "// lo of all rows")
	a.op("VMOVDQU16", u, "K2", t0+2, "// hi")
	a.op("VPXORD", flip, t0, t0)
	a.op("VMOVDQU32", t0+2, "(BX)")
	a.op("VMOVDQU32", t0, "(AX)")
	a.op("VPDPBUSD", t0+2, one, hiTotal)
	a.op("VPDPBUSD", t0, one, loTotal)
	a.op("LEAQ", "(SI)(DX*4)", "SI")
	a.op("ADDQ", 128, "AX")
	a.op("ADDQ", 128, "BX")
	a.op("SUBQ", 4, "CX")
	a.op("JNZ", "group")
	a.op("VPSLLD", 8, hiTotal, hiTotal)
	a.op("VPADDD", loTotal, hiTotal, hiTotal)
	a.op("VPADDD", a.fieldAt("roundingTotals", 0), hiTotal, hiTotal)
	a.op("VMOVDQU32", hiTotal, a.fieldAt("roundingTotals", 0))
	a.ret()
}

// doubles returns how many numbers of 8 bytes a vector holds.
func (a *asm) doubles() int { return a.width() / 8 }

// low returns the register of the lower half of v.
func (a *asm) low(v vec) string { return pick(a.avx512, v.x(), v.y()) }

// joined writes float64(Base·hi + lo) of sum i of a row that is split, for as many units as fit.
func (a *asm) joined(sums string, i int, base, hi, lo vec) {
	a.op("VCVTDQ2PD", mem(sums, i*a.width()/2), hi)
	a.op("VCVTDQ2PD", mem(sums, 64+i*a.width()/2), lo)
	a.op("VFMADD231PD", base, hi, lo)
}

// toFloats converts v to float32, to the lower half of v.
func (a *asm) toFloats(v vec) { a.op(pick(a.avx512, "VCVTPD2PSY", "VCVTPD2PS"), v, a.low(v)) }

func output(a *asm) {
	const base, unit, hi, lo = vec(0), vec(1), vec(2), vec(3)
	n := vec(units / a.doubles())
	mean, scale := vec(4), 4+n
	a.integerKernel("Output", "Outputs", "AVX512F", fmt.Sprintf(`
	z(n, l) = float32((2^16·(Base·hi(n, l) + lo(n, l)) − mean(l))·scale(l))

	SI  sums of image n      DX  row n of z      BX  bytes between rows      CX  images left
	V0  Base      V1  2^16      V2, V3  scratch      %s … %s  mean      %s … %s  scale`,
		a.reg(mean), a.reg(mean+n-1), a.reg(scale), a.reg(scale+n-1)))
	a.op("MOVQ", a.field("outputsSums"), "SI")
	a.op("MOVQ", a.field("outputsZ"), "DX")
	a.op("MOVQ", a.field("outputsStride"), "BX")
	a.op("SHLQ", 2, "BX")
	a.op("MOVQ", a.field("outputsRows"), "CX")
	a.op("VBROADCASTSD", a.field("outputsBase"), base)
	a.op("VBROADCASTSD", a.field("outputsUnit"), unit)
	for i := range n {
		a.op("VMOVUPD", a.fieldAt("outputsMean", int(i)*a.width()), mean+i)
		a.op("VMOVUPD", a.fieldAt("outputsScale", int(i)*a.width()), scale+i)
	}
	a.label("image")
	for i := range n {
		a.joined("SI", int(i), base, hi, lo)
		a.op("VFMSUB213PD", mean+i, unit, lo)
		a.op("VMULPD", scale+i, lo, lo)
		a.toFloats(lo)
		a.op("VMOVUPS", a.low(lo), mem("DX", int(i)*a.width()/2))
	}
	a.op("ADDQ", 128, "SI")
	a.op("ADDQ", "BX", "DX")
	a.next("CX", "image")
	a.ret()
}

func step(a *asm) {
	const minus, sum, old, base, lo, hi = vec(0), vec(1), vec(2), vec(3), vec(4), vec(5)
	n := a.vectorsOf16()
	total := func(i int) vec { return vec(6 + i) }
	scale := func(i int) vec { return vec(8 + i) }
	beta := func(i int) vec { return vec(10 + i) }
	nonzero := func(i int) any { return pick[any](a.avx512, vec(12+i), "K1") }
	a.integerKernel("Step", "Steps", "AVX512F", `
	g = fma(minus(p), total(l), float32(sum(p, l)))
	w(p, l) ← fma(β(l), w(p, l), scale(l)·g), or scale(l)·g if β(l) is 0

	SI  sums of pixel p      DX  w of pixel p      BX  minus, of pixel p      CX  pixels left
	R8  bytes between sums
	V0  minus      V1  sum      V2  w or scratch   V3  Base      V4, V5  scratch
	`+pick(a.avx512, "Y6, Y7  total      Y8, Y9  scale      Y10, Y11  β      Y12, Y13  where it is not 0",
		"Z6  total      Z8  scale      Z10  β      K1  where it is not 0"))
	a.op("MOVQ", a.field("stepsSums"), "SI")
	a.op("MOVQ", a.field("stepsW"), "DX")
	a.op("MOVQ", a.field("stepsMinus"), "BX")
	a.op("MOVQ", a.field("stepsRows"), "CX")
	a.op(pick(a.avx512, "VPXOR", "VPXORD"), vec(0), vec(0), vec(0))
	for i := range n {
		a.op("VMOVUPS", a.fieldAt("stepsTotal", i*a.width()), total(i))
		a.op("VMOVUPS", a.fieldAt("stepsScale", i*a.width()), scale(i))
		a.op("VMOVUPS", a.fieldAt("stepsBeta", i*a.width()), beta(i))
		a.op("VCMPPS", 4, vec(0), beta(i), nonzero(i), "// β ≠ 0")
	}
	a.op("VBROADCASTSD", a.field("stepsBase"), base)
	a.op("MOVQ", a.field("stepsStride"), "R8")
	a.op("SHLQ", 2, "R8")
	a.op("CMPB", a.field("stepsSplit"), "$0")
	a.op("JNE", "split")

	// pixel writes a loop. load sets sum to that of vector i, as a float32.
	pixel := func(loop string, rowBytes any, load func(i int)) {
		a.op("PCALIGN", 32)
		a.label(loop)
		a.op("VBROADCASTSS", "(BX)", minus)
		for i := range n {
			load(i)
			a.op("VFMADD231PS", total(i), minus, sum)
			a.op("VMULPS", scale(i), sum, sum)
			at := mem("DX", i*a.width())
			if a.avx512 {
				a.op("VFMADD231PS", at, beta(i), nonzero(i), sum)
			} else {
				a.op("VMOVUPS", at, old)
				a.op("VFMADD213PS", sum, beta(i), old)
				a.op("VBLENDVPS", nonzero(i), old, sum, sum)
			}
			a.op("VMOVUPS", sum, at)
		}
		a.op("ADDQ", rowBytes, "SI")
		a.op("ADDQ", 64, "DX")
		a.op("ADDQ", 4, "BX")
		a.next("CX", loop)
		a.ret()
	}
	pixel("pixel", "R8", func(i int) { a.op("VCVTDQ2PS", mem("SI", i*a.width()), sum) })
	a.comment("Sums that are split are converted by way of float64, which holds them.")
	pixel("split", 128, func(i int) {
		a.joined("SI", 2*i, base, hi, sum)
		a.toFloats(sum)
		a.joined("SI", 2*i+1, base, hi, lo)
		a.toFloats(lo)
		a.op(pick(a.avx512, "VINSERTF128", "VINSERTF64X4"), 1, a.low(lo), sum, sum)
	})
}

func interleave(a *asm) {
	bytes := a.avx512
	a.target = avx2F32
	name, block := pick(bytes, "avx2Interleave", "vnniInterleave"), pick(bytes, 48, 96)
	each := pick(bytes, 16, 32) // pixels at a time
	a.text(name, "p *bfp.Interleaving", "", 0, "AVX2", fmt.Sprintf(`
	group(p) = pixel p of %s rows, which have %s

Blocks of %d groups, %d groups at a time.

	DI  the operands      SI  pixels of row 0      DX, R8  bytes between rows, three times that
	AX  groups            BX  the next block       R14 blocks left      CX  groups left in the block`,
		pick(bytes, "two", "four"), pick(bytes, "16 bits a pixel", "a byte a pixel"), block, each))
	a.args("p", "DI")
	a.op("MOVQ", a.field("interleavingSrc"), "SI")
	a.op("MOVQ", a.field("interleavingSrcStride"), "DX")
	if bytes {
		a.op("LEAQ", "(DX)(DX*2)", "R8")
	}
	a.op("MOVQ", a.field("interleavingDst"), "BX")
	a.op("MOVQ", a.field("interleavingBlocks"), "R14")
	a.label("block")
	a.op("MOVQ", "BX", "AX")
	a.op("ADDQ", a.field("interleavingDstStride"), "BX")
	a.op("MOVQ", block/each, "CX")
	a.label("groups")
	rows := []string{"(SI)", "(SI)(DX*1)", "(SI)(DX*2)", "(SI)(R8*1)"}[:pick(bytes, 2, 4)]
	for r, at := range rows {
		a.op("VMOVDQU", at, vec(r))
	}
	var out []vec
	if bytes {
		for i := vec(0); i < 2; i++ {
			a.op("VPUNPCKLBW", 2*i+1, 2*i, 4+2*i, fmt.Sprintf("// rows %d and %d", 2*i, 2*i+1))
			a.op("VPUNPCKHBW", 2*i+1, 2*i, 5+2*i)
		}
		for i := vec(0); i < 2; i++ {
			a.op("VPUNPCKLWD", 6+i, 4+i, 8+2*i)
			a.op("VPUNPCKHWD", 6+i, 4+i, 9+2*i)
		}
		out = []vec{8, 10}
	} else {
		a.op("VPUNPCKLWD", vec(1), vec(0), vec(8))
		a.op("VPUNPCKHWD", vec(1), vec(0), vec(9))
		out = []vec{8}
	}
	at := 0
	for _, half := range []string{"$0x20", "$0x31"} {
		for _, v := range out {
			a.op("VPERM2I128", half, v+1, v, vec(0))
			a.op("VMOVDQU", vec(0), mem("AX", at))
			at += 32
		}
	}
	a.op("ADDQ", 32, "SI")
	a.op("ADDQ", 4*each, "AX")
	a.next("CX", "groups")
	a.next("R14", "block")
	a.ret()
}

// sumAlong writes a kernel of products with two units, whose vectors hold pixels. The vectors of a tile are rows of
// images, or one pixel of four images each; the integers are vectors, or four of them for all lanes.
func sumAlong(a *asm, name string, broadcast bool) {
	const (
		vectors, integers = vec(24), vec(30)
		plane, plane3, q  = "R10", "R11", "SI"
	)
	bases := []string{"R8", "R9"}
	sum := func(v, i int) vec { return vec(4*v + i) }
	a.integerKernel(name, "Products", "AVX512F, AVX512VL, AVX512_VNNI", pick(broadcast, `
	sum(r, i, u) = Σ pixels(r, 16·g + u)·byte(i, 16·g + u)

Tiles of 6 rows of images, with 4 planes of bytes: hi and lo of two units. A group has 64 pixels, and 4 bytes of it
are added in each lane. The sums of four lanes remain.`, `
	sum(i, p) = Σ pixels(g, p)·byte(i, g)

Tiles of 6·16 pixels, with 4 planes of bytes: hi and lo of two units. A group has 4 images.`)+`

	SI  bytes of group g           CX  groups left                 DX  sums of the tile
	R8, R9  vectors 0 and 4 of group g                             R12, R13  bytes between vectors, three times that
	BX  bytes between groups       R14 the next tile               R15 tiles left
	R10, R11  bytes between planes, three times that
	Z(4r) … Z(4r+3)  sums of vector r      Z24 … Z29  pixels       Z30, Z31  bytes`)
	a.productStart()
	a.op("MOVQ", a.field("productsPlane"), plane)
	a.op("LEAQ", mem(plane, 0, plane, 2), plane3)
	a.tileStart(bases, q)
	for v := range vec(24) {
		a.op("VPXORD", v, v, v)
	}
	a.op("PCALIGN", 32)
	a.label("group")
	for v := range 6 {
		a.op("VMOVDQU32", productRow(bases, v), vectors+vec(v))
	}
	for i := range 4 {
		bytes := integers + vec(i%2)
		at := mem(q, 0, [][]any{nil, {plane, 1}, {plane, 2}, {plane3, 1}}[i]...)
		a.op(pick(broadcast, "VMOVDQU32", "VPBROADCASTD"), at, bytes)
		for v := range 6 {
			a.op("VPDPBUSD", bytes, vectors+vec(v), sum(v, i))
		}
	}
	a.op("ADDQ", pick(broadcast, 64, 4), q)
	a.productNext(bases)
	for v := range 6 {
		for i := range 4 {
			s := sum(v, i)
			if broadcast {
				a.op("VMOVDQU32", s, mem(sums, 64*(6*i+v)))
				continue
			}
			a.op("VEXTRACTI64X4", 1, s, vectors.y())
			a.op("VPADDD", vectors.y(), s.y(), s.y())
			a.op("VEXTRACTI32X4", 1, s.y(), vectors.x())
			a.op("VPADDD", vectors.x(), s.x(), s.x())
			a.op("VMOVDQU32", s.x(), mem(sums, 64*v+16*i))
		}
	}
	a.op("ADDQ", 6*64*pick(broadcast, 1, 4), sums)
	a.next(tilesToDo, "tile")
	a.ret()
}

// lastUnits writes the mask of the vector of the last elements: CX is left over them, and at most 16 are selected.
func (a *asm) lastUnits() {
	a.op("MOVQ", 16, "AX")
	a.op("CMPQ", "CX", "AX")
	a.op("CMOVQLT", "CX", "AX")
	a.op("MOVL", "$0xffff", "R9")
	a.op("BZHIL", "AX", "R9", "R9")
	a.op("KMOVW", "R9", "K1")
}

func roundUnit(a *asm) {
	const magic, inverse, flip, v = vec(0), vec(1), vec(2), vec(3)
	a.integerKernel("RoundUnit", "UnitRounding", "AVX512F, BMI2", `
	256·hi(i) + lo(i) = rint(x(i)·2^−e), where hi and lo are in −128 … 127

This is Round for the numbers of one unit, one after the other. The last vectors of hi and lo are padded with zeros.

	SI  numbers      DX, BX  hi and lo      CX  numbers left      AX, R9  scratch
	Z0  1.5·2²³ + 128      Z1  2^−e      X2  0x80 in each byte      Z3  numbers      K1  lanes of the vector`)
	a.op("MOVQ", a.field("unitRoundingX"), "SI")
	a.op("MOVQ", a.field("unitRoundingN"), "CX")
	a.op("MOVQ", a.field("unitRoundingHi"), "DX")
	a.op("MOVQ", a.field("unitRoundingLo"), "BX")
	a.integerConstant(0x4b400080, magic)
	a.integerConstant(0x80808080, flip)
	a.op("VBROADCASTSS", a.field("unitRoundingInverse"), inverse)
	a.label("vector")
	a.lastUnits()
	a.op("VMOVUPS.Z", "(SI)", "K1", v)
	a.op("VFMADD213PS", magic, inverse, v)
	a.op("VPMOVDB", v, vec(4).x())
	a.op("VPXOR", flip.x(), vec(4).x(), vec(4).x())
	a.op("VMOVDQU", vec(4).x(), "(BX)")
	a.op("VPSRLD", 8, v, v)
	a.op("VPMOVDB", v, "(DX)")
	a.op("ADDQ", 64, "SI")
	a.op("ADDQ", 16, "DX")
	a.op("ADDQ", 16, "BX")
	a.op("SUBQ", 16, "CX")
	a.op("JG", "vector")
	a.ret()
}

func stepUnit(a *asm) {
	const base, total, scale, beta, hi, sum, high = vec(0), vec(1), vec(2), vec(3), vec(4), vec(5), vec(6)
	a.integerKernel("StepUnit", "UnitSteps", "AVX512F, BMI2", `
	g = fma(minus(p), total, float32(Base·hi(p) + lo(p)))
	w(p) ← fma(β, w(p), scale·g), or scale·g if β is 0

This is Step for one unit, whose sums are split.

	SI, R8  hi and lo of pixel p      DX  w of pixel p      BX  minus, of pixel p      CX  pixels left
	AX, R9  scratch                   K1  lanes of the vector      K2  those to which β·w is added
	Z0  Base      Z1  total      Z2  scale      Z3  β      Z4 … Z6  sums`)
	a.op("MOVQ", a.field("unitStepsHi"), "SI")
	a.op("MOVQ", a.field("unitStepsLo"), "R8")
	a.op("MOVQ", a.field("unitStepsW"), "DX")
	a.op("MOVQ", a.field("unitStepsMinus"), "BX")
	a.op("MOVQ", a.field("unitStepsRows"), "CX")
	a.op("VBROADCASTSD", a.field("unitStepsBase"), base)
	a.op("VBROADCASTSS", a.field("unitStepsTotal"), total)
	a.op("VBROADCASTSS", a.field("unitStepsScale"), scale)
	a.op("VBROADCASTSS", a.field("unitStepsBeta"), beta)
	a.op("VPXORD", hi, hi, hi)
	a.op("VCMPPS", 4, hi, beta, "K3", "// β ≠ 0")
	a.label("vector")
	a.lastUnits()
	a.op("KANDW", "K1", "K3", "K2")
	for i, to := range []vec{sum, high} {
		a.op("VCVTDQ2PD", mem("SI", 32*i), hi)
		a.op("VCVTDQ2PD", mem("R8", 32*i), to)
		a.op("VFMADD231PD", base, hi, to)
		a.toFloats(to)
	}
	a.op("VINSERTF64X4", 1, a.low(high), sum, sum)
	a.op("VMOVUPS.Z", "(BX)", "K1", hi)
	a.op("VFMADD231PS", total, hi, sum)
	a.op("VMULPS", scale, sum, sum)
	a.op("VFMADD231PS", "(DX)", beta, "K2", sum)
	a.op("VMOVUPS", sum, "K1", "(DX)")
	for _, r := range []string{"SI", "R8", "DX", "BX"} {
		a.op("ADDQ", 64, r)
	}
	a.op("SUBQ", 16, "CX")
	a.op("JG", "vector")
	a.ret()
}

// loadPixels writes the kernel that copies pixels of one byte, as they are or with 16 bits each.
func loadPixels(a *asm) {
	size := pick(a.avx512, 2, 1) // of a pixel of dst
	each := a.width() / size
	a.text(pick(a.avx512, "avx2", "vnni")+"Load", "dst, src, next []uint8", "", 0, pick(a.avx512, "AVX2", "AVX512F"), fmt.Sprintf(`
	dst(p) = src(p), with %d bits each

Next is prefetched.

	DI  dst      SI  src      DX  next      CX  pixels left      AX  pixel`, 8*size))
	a.args("dst_base", "DI", "src_base", "SI", "next_base", "DX", "src_len", "CX")
	a.op("SUBQ", each, "CX")
	a.op("JLT", "few")
	a.label("vector")
	if a.avx512 {
		a.op("VMOVDQU32", "(SI)", vec(0))
		a.op("VMOVDQU32", vec(0), "(DI)")
	} else {
		a.op("VPMOVZXBW", "(SI)", vec(0))
		a.op("VMOVDQU", vec(0), "(DI)")
	}
	a.op("PREFETCHT0", "(DX)")
	a.op("ADDQ", each, "SI")
	a.op("ADDQ", each, "DX")
	a.op("ADDQ", a.width(), "DI")
	a.op("SUBQ", each, "CX")
	a.op("JGE", "vector")
	a.label("few")
	a.op("ADDQ", each, "CX")
	a.op("JZ", "done")
	a.label("one")
	a.op("MOVBLZX", "(SI)", "AX")
	a.op(pick(a.avx512, "MOVW", "MOVB"), "AX", "(DI)")
	a.op("INCQ", "SI")
	a.op("ADDQ", size, "DI")
	a.next("CX", "one")
	a.label("done")
	a.ret()
}
