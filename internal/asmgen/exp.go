package main

import "math"

// A constant is a vector of equal elements in the table exp<>. op shows its name in a comment.
type constant struct {
	name  string
	place int // in vectors of 64 bytes
}

var (
	log2e  = constant{"log₂e", 0}
	magic  = constant{"magic", 1}
	ln2hi  = constant{"ln 2, upper part", 2}
	ln2lo  = constant{"ln 2, lower part", 3}
	one    = constant{"1", 4}
	lowest = constant{"lowest", 5}
	half   = constant{"½", 6}
)

const firstCoefficient = 7 // place of the polynomial's coefficient of r⁰

// polynomial returns the bits of the coefficients of q, in ascending order.
func (t target) polynomial() []uint64 {
	if t.f64 {
		return []uint64{
			0x3fe000000000000a, 0x3fc55555555554f9, 0x3fa5555555550826, 0x3f81111111127ec7, 0x3f56c16c1843f65b,
			0x3f2a01a0129ae40d, 0x3efa01999ce03456, 0x3ec71df262da3873, 0x3e928adafc85d301, 0x3e5ad7ef922bea35,
		}
	}
	return []uint64{0x3efffffe, 0x3e2aaa48, 0x3d2aac7a, 0x3c091d1b, 0x3ab511d6}
}

// coefficient returns the constant of q's coefficient i.
func (t target) coefficient(i int) constant {
	return constant{"q" + string([]rune("₀₁₂₃₄₅₆₇₈₉")[i]), firstCoefficient + i}
}

// lanesStep and laneNumbers are integers, for the label of softmaxRows.
func (t target) lanesStep() constant {
	return constant{"lanes of a vector", firstCoefficient + len(t.polynomial())}
}

func (t target) laneNumbers() constant {
	return constant{"number of each lane", firstCoefficient + len(t.polynomial()) + 1}
}

// constants writes the read-only data of the elementwise kernels.
func (a *asm) constants() {
	fill := func(c constant, bits uint64) {
		if !a.f64 {
			bits |= bits << 32
		}
		a.buf.WriteString("\n// " + c.name + "\n")
		a.data("exp<>", 64*c.place, bits, bits, bits, bits, bits, bits, bits, bits)
	}
	number := func(c constant, f64 float64) {
		fill(c, pick(a.f64, uint64(math.Float32bits(float32(f64))), math.Float64bits(f64)))
	}
	a.buf.WriteString("\n// The constants of exp and softmaxRows, each in all lanes of 64 bytes. The comment of exp explains them.\n")
	number(log2e, math.Log2E)
	number(magic, pick(a.f64, 1.5*(1<<23), 1.5*(1<<52)))
	fill(ln2hi, pick[uint64](a.f64, 0x3f317200, 0x3fe62e42fee00000)) // 15 bits; 32 bits: n·ln2hi is exact
	fill(ln2lo, pick[uint64](a.f64, 0x35bfbe8e, 0x3dea39ef35793c76))
	number(one, 1)
	number(lowest, pick(a.f64, -105.0, -746.0))
	number(half, 0.5)
	for i, bits := range a.polynomial() {
		fill(a.coefficient(i), bits)
	}
	fill(a.lanesStep(), uint64(a.lanes()))
	c := a.laneNumbers()
	a.buf.WriteString("\n// " + c.name + "\n")
	for i := range uint64(8) {
		a.data("exp<>", 64*c.place+8*int(i), pick(a.f64, 2*i|(2*i+1)<<32, i))
	}
	a.global("exp<>", 64*(c.place+1))
	if !a.avx512 {
		a.buf.WriteString("\n// 32 bytes of ones, then 32 of zeros: the first n bytes of a vector are selected by those from 32−n on.\n")
		a.data("rest<>", 0, ones, ones, ones, ones)
		a.global("rest<>", 64)
	}
}

const low = vec(9) // holds lowest

// exp writes x = exp(x). V1 to V3 are scratch.
func (a *asm) exp(x vec) {
	const scaled, n, q = vec(1), vec(2), vec(3)
	a.op("VMAXP?", x, low, x, "// NaN stays, for it is the last source")
	a.op("VMOVUP?", magic, scaled)
	a.op("VFMADD231P?", log2e, x, scaled)
	a.op("VSUBP?", magic, scaled, n)
	a.op("VFNMADD231P?", ln2hi, n, x)
	a.op("VFNMADD231P?", ln2lo, n, x)
	top := len(a.polynomial()) - 1
	a.op("VMOVUP?", a.coefficient(top), q)
	for i := top - 1; i >= 0; i-- {
		a.op("VFMADD213P?", a.coefficient(i), x, q)
	}
	a.op("VFMADD213P?", one, x, q)
	a.op("VFMADD213P?", one, q, x)
	if a.avx512 {
		a.op("VSCALEFP?", n, x, x, "// x·2ⁿ, rounded once")
		return
	}
	shift := pick(a.f64, 23, 52)
	a.op("VMOVUP?", magic, q)
	a.op("VFMADD231P?", half, n, q)
	a.op("VPSUB#", q, scaled, scaled, "// n − n/2, as integers")
	a.op("VPSLL#", shift, q, q)
	a.op("VPADD#", one, q, q)
	a.op("VPSLL#", shift, scaled, scaled)
	a.op("VPADD#", one, scaled, scaled)
	a.op("VMULP?", q, x, x, "// x·2^(n/2), exact")
	a.op("VMULP?", scaled, x, x)
}

func expKernel(a *asm) {
	const x = vec(0)
	a.start("exp", "dst, x *T, n int", "", "AVX2, FMA3; AVX512F", `
	dst = eˣ for x ≤ 0

Let n be the integer nearest to x·log₂e, and r = x − n·ln 2. The product is subtracted in two parts, so
that only the second subtraction rounds. Then

	eˣ = 2ⁿ·(1 + r·(1 + r·q(r))),  |r| ≤ ½·ln 2,

where q is the minimax polynomial of (eʳ − 1 − r)/r² of degree 4, or 9 for float64, found by the Remez
algorithm. The error is below 0.9 ulp, also for denormal results: at worst 0.893 over every float32, 0.879
over 5 million float64. e⁰ is 1, −Inf gives 0, NaN stays NaN.

The addition of magic, which is 1.5·2ᵖ⁻¹ for p bits of significand, rounds x·log₂e and leaves n in the low
bits. Below lowest the result is always 0. AVX2 splits n in halves, so that the first product by a power of
2 is exact and only the second can round, even if 2ⁿ is denormal.

	DI  dst              SI  x            V0  x, r, then dst   V9  lowest
	V1  magic + n        V2  n            V3  q(r)`+loopRegisters)
	a.args("dst", dst, "x", src, "n", count)
	a.limits()
	a.op("VMOVUP?", lowest, low)
	a.each(func(p part) {
		p.load(src, x)
		p.exp(x)
		p.store(x, dst)
	})
	a.ret()
}

func softmaxRows(a *asm) {
	const (
		e       = vec(0) // x, then e, then dx
		scratch = vec(1)
		label   = vec(5) // label − elem, as integers
		sum     = vec(6)
		top     = vec(7) // max x
		n       = vec(8)
		last    = vec(10) // e of the tail

		shifted = limit4 // the loops have no blocks of four vectors
		sums    = tmp
	)
	a.start("softmaxRows", "dx, x *T, rows, cols, dxStride, xStride int, y *int, n T, sum, shifted *T", "",
		"AVX2, FMA3; AVX512F", `
For each row, with label y and e = exp(x − max x):

	sum = Σ e,  shifted = x(y) − max x,  dx = (e/sum − onehot(y))/n

Lanes of partial sums fill 32 bytes. With L lanes, lane l sums e(l), e(l+L), …. Then the upper half of the
lanes is added to the lower half until one lane is left. If a row contains NaN or +Inf, or only −Inf, then
some e is NaN, and so are sum and dx. VMAX may lose a NaN, but the sum keeps it.

rows and cols must be at least 1. A row takes three passes: the maximum, e and its sum, and the quotient.
Between the last two passes, e is in dx. The tail of e stays in a register, because a load right after a
store of part of a vector would stall.

	DI  row of dx        SI  row of x     DX  place in y   BX, R9  places in sum and shifted
	AX  next element     R8  columns      CX  elements of the tail
	R10 last element from which a vector is left
	R11 rows left        R12, R13  strides of DI and SI in bytes
	V0  x, e, then dx    V1 … V3  scratch of exp          V5  y − AX, as integers
	V6  sum of e         V7  max x        V8  n            V9  lowest        V10 e of the tail`)
	a.args("dx", dst, "x", src, "rows", rows, "cols", count, "dxStride", dstStride, "xStride", srcStride, "y", aux)
	a.op("VBROADCASTS?", a.arg("n"), n)
	a.op("IMULQ", a.size(), dstStride)
	a.op("IMULQ", a.size(), srcStride)
	a.limits()
	a.args("sum", sums, "shifted", shifted)
	a.op("VMOVUP?", lowest, low)

	vector, tail := part{asm: a}, part{asm: a, tail: true}
	a.label("row")
	a.op("VBROADCASTS?", mem(src, 0), top)
	a.op("XORL", elem, elem)
	a.pass("max", "The maximum of the row.", func() {
		a.op("VMAXP?", a.at(src, 0), top, top)
	}, func() {
		a.loadTailOr(src, top, e)
		a.op("VMAXP?", e, top, top)
	})
	a.foldHalf("VMAXP?", top, scratch)
	a.fold("VMAXP?", top, scratch)
	a.op("MOVQ", mem(aux, 0), elem)
	a.op("VMOVS?", a.at(src, 0), e.x())
	a.op("VSUBS?", top.x(), e.x(), e.x())
	a.op("VMOVS?", e.x(), mem(shifted, 0))
	a.op("VBROADCASTS?", top.x(), top)
	a.op("VXORPS", sum.x(), sum.x(), sum.x())
	a.op("XORL", elem, elem)

	addLanes := func() {
		if a.avx512 {
			a.op("VADDP?", e.y(), sum.y(), sum.y())
			a.op("VEXTRACTF64X4", 1, e, scratch.y())
			a.op("VADDP?", scratch.y(), sum.y(), sum.y())
		} else {
			a.op("VADDP?", e, sum, sum)
		}
	}
	a.pass("exp", "e and its sum.", func() {
		vector.load(src, e)
		a.op("VSUBP?", top, e, e)
		a.exp(e)
		vector.store(e, dst)
		addLanes()
	}, func() {
		a.loadTailOr(src, top, e)
		a.op("VSUBP?", top, e, e)
		a.exp(e)
		if a.avx512 {
			a.op("VMOVUP?.Z", e, "K1", e)
		} else {
			a.op("VANDPS", mask, e, e)
		}
		addLanes()
		a.op("VMOVUP?", e, last)
	})
	a.fold("VADDP?", sum, scratch)
	a.op("VMOVS?", sum.x(), mem(sums, 0))
	a.op("VBROADCASTS?", sum.x(), sum)
	a.op("VPBROADCAST#", mem(aux, 0), label)
	a.op("XORL", elem, elem)

	quotient := func() {
		a.op("VDIVP?", sum, e, e)
		if a.avx512 {
			a.op("VPCMPEQ#", a.laneNumbers(), label, "K2")
			a.op("VSUBP?", one, e, "K2", e)
		} else {
			a.op("VPCMPEQ#", a.laneNumbers(), label, scratch)
			a.op("VANDPS", one, scratch, scratch)
			a.op("VSUBP?", scratch, e, e)
		}
		a.op("VDIVP?", n, e, e)
		a.op("VPSUB#", a.lanesStep(), label, label)
	}
	a.pass("quotient", "The quotient, less 1 at the label.", func() {
		vector.load(dst, e)
		quotient()
		vector.store(e, dst)
	}, func() {
		a.op("VMOVUP?", last, e)
		quotient()
		tail.store(e, dst)
	})
	a.op("ADDQ", dstStride, dst)
	a.op("ADDQ", srcStride, src)
	a.op("ADDQ", 8, aux)
	a.op("ADDQ", a.size(), sums)
	a.op("ADDQ", a.size(), shifted)
	a.op("DECQ", rows)
	a.op("JNZ", "row")
	a.ret()
}

// pass runs over a row: one vector at a time, then the tail. What follows it stands at the label name+"Done".
func (a *asm) pass(name, comment string, vector, tail func()) {
	a.label(name, comment)
	a.op("CMPQ", elem, limit)
	a.op("JGT", name+"Tail")
	vector()
	a.op("ADDQ", a.lanes(), elem)
	a.op("JMP", name)
	a.label(name + "Tail")
	a.op("CMPQ", elem, count)
	a.op("JGE", name+"Done")
	tail()
	a.label(name + "Done")
}

// loadTailOr loads the tail of base and takes the other lanes from w.
func (a *asm) loadTailOr(base string, w, v vec) {
	if a.avx512 {
		a.op("VMOVUP?", w, v)
		a.op("VMOVUP?", a.at(base, 0), "K1", v)
	} else {
		a.op("VMASKMOVP?", a.at(base, 0), mask, v)
		a.op("VBLENDVP?", mask, v, w, v)
	}
}

// foldHalf reduces a vector of 64 bytes to its lower half.
func (a *asm) foldHalf(op string, v, scratch vec) {
	if a.avx512 {
		a.op("VEXTRACTF64X4", 1, v, scratch.y(), "// fold the upper half of the lanes onto the lower")
		a.op(op, scratch.y(), v.y(), v.y())
	}
}

// fold reduces the lanes of 32 bytes to the first, by halves.
func (a *asm) fold(op string, v, scratch vec) {
	a.op("VEXTRACTF128", 1, v.y(), scratch.x(), "// fold the upper half of the lanes onto the lower, until one is left")
	a.op(op, scratch.x(), v.x(), v.x())
	a.op("VPERMILPD", 1, v.x(), scratch.x())
	a.op(op, scratch.x(), v.x(), v.x())
	if !a.f64 {
		a.op("VMOVSHDUP", v.x(), scratch.x())
		a.op(op, scratch.x(), v.x(), v.x())
	}
}
