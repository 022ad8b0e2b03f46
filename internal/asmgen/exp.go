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
