package main

import (
	"fmt"
	"strings"
)

// Registers of the elementwise kernels, the same in each of them.
const (
	dst       = "DI"  // result
	src       = "SI"  // first input
	aux       = "DX"  // second input
	elem      = "AX"  // index of the next element
	count     = "R8"  // elements, or columns of a row
	limit4    = "R9"  // count − 4·lanes: if elem ≤ limit4, four whole vectors are left
	limit     = "R10" // count − lanes: if elem ≤ limit, one whole vector is left
	rest      = "CX"  // count mod lanes: elements of the tail
	tmp       = "BX"
	rows      = "R11"
	dstStride = "R12" // bytes
	srcStride = "R13" // bytes
	auxStride = "R14" // bytes

	mask = vec(15) // AVX2: the lanes of the tail; AVX-512 has them in K1
)

// The comments on these registers in the text.
const (
	loopRegisters = `
	AX  next element     R8  elements     CX  elements of the tail
	R9, R10  last element from which four vectors, or one, are left`
	rowRegisters = loopRegisters + `
	R11 rows left        R12, R13  strides of DI and SI in bytes`
)

// elementwiseKernels are the kernels of a file, in its order.
var elementwiseKernels = []func(a *asm){
	relu, reluGrad, addBias, biasReLU, softmaxRows, expKernel, scale, axpby, sumSquares, addSquares, colSums, subMean,
}

// elementwise writes the elementwise kernels of a target. AVX2 and AVX-512 apply the same operations in the
// same order to each element, so their results are bit-identical.
func elementwise(a *asm) {
	for _, kernel := range elementwiseKernels {
		kernel(a)
	}
	a.constants()
}

// start starts an elementwise kernel. requires has the features for AVX2, then those for AVX-512.
func (a *asm) start(name, params, result, requires, doc string) {
	avx2, avx512, _ := strings.Cut(requires, "; ")
	a.text(name+a.set()+a.suffix(), params, result, 0, pick(a.avx512, avx2, avx512), doc)
}

// at returns the operand of vector k from the next element of base on.
func (a *asm) at(base string, k int) string { return mem(base, k*a.width(), elem, a.size()) }

// limits prepares the loops over count elements.
func (a *asm) limits() {
	a.op("LEAQ", mem(count, -4*a.lanes()), limit4)
	a.op("LEAQ", mem(count, -a.lanes()), limit)
	a.op("MOVQ", count, rest)
	a.op("ANDQ", a.lanes()-1, rest)
	a.setMask()
}

// setMask selects the first rest elements of a vector for loads and stores of the tail. On AVX2 it clobbers
// elem.
func (a *asm) setMask() {
	if a.avx512 {
		a.op("MOVL", 1, tmp)
		a.op("SHLL", rest, tmp)
		a.op("DECL", tmp)
		a.op("KMOVW", tmp, "K1", "// the lanes of the tail")
		return
	}
	a.op("LEAQ", "rest<>+32(SB)", tmp)
	a.op("IMUL3Q", -a.size(), rest, elem)
	a.op("VMOVDQU", mem(tmp, 0, elem, 1), mask, "// the lanes of the tail")
}

// A part is what a kernel works on in one go: vector k of a block, or the tail.
type part struct {
	*asm
	k    int
	tail bool
}

// load loads the part of base. Of a tail, the other lanes are 0.
func (p part) load(base string, v vec) {
	switch {
	case !p.tail:
		p.op("VMOVUP?", p.at(base, p.k), v)
	case p.avx512:
		p.op("VMOVUP?.Z", p.at(base, 0), "K1", v)
	default:
		p.op("VMASKMOVP?", p.at(base, 0), mask, v)
	}
}

// store stores v to the part of base. On AVX2 a tail is stored in halves, because masked stores are slow on
// AMD CPUs: that clobbers elem and v, and stores nothing if rest is lanes.
func (p part) store(v vec, base string) {
	switch {
	case !p.tail:
		p.op("VMOVUP?", v, p.at(base, p.k))
		return
	case p.avx512:
		p.op("VMOVUP?", v, "K1", p.at(base, 0))
		return
	}
	to := p.at(base, 0)
	for lanes := p.lanes() / 2; lanes > 0; lanes /= 2 {
		done := fmt.Sprintf("below%d", lanes)
		p.op("TESTQ", lanes, rest)
		p.op("JZ", done)
		switch 8 * lanes * p.size() {
		case 128:
			p.op("VMOVUP?", v.x(), to)
			p.op("VEXTRACTF128", 1, v.y(), v.x())
		case 64:
			p.op("VMOVSD", v.x(), to)
			if !p.f64 {
				p.op("VMOVHLPS", v.x(), v.x(), v.x())
			}
		case 32:
			p.op("VMOVSS", v.x(), to)
		}
		if lanes > 1 {
			p.op("ADDQ", lanes, elem)
		}
		p.label(done)
	}
}

// each runs a kernel over count elements: four vectors at a time, then one vector at a time, then the tail.
func (a *asm) each(kernel func(p part)) {
	a.eachBut(kernel, func() { kernel(part{asm: a, tail: true}) })
}

// eachBut is each with a tail of its own.
func (a *asm) eachBut(kernel func(p part), tail func()) {
	a.op("XORL", elem, elem)
	a.label("four", "Four vectors at a time.")
	a.op("CMPQ", elem, limit4)
	a.op("JGT", "one")
	for k := range 4 {
		kernel(part{asm: a, k: k})
	}
	a.op("ADDQ", 4*a.lanes(), elem)
	a.op("JMP", "four")
	a.label("one", "One vector at a time.")
	a.op("CMPQ", elem, limit)
	a.op("JGT", "tail")
	kernel(part{asm: a})
	a.op("ADDQ", a.lanes(), elem)
	a.op("JMP", "one")
	a.label("tail", "Part of a vector.")
	a.op("CMPQ", elem, count)
	a.op("JGE", "done")
	tail()
	a.label("done")
}

// eachRow runs a kernel over the rows of a matrix, which must have at least one row. next advances further
// registers to the next row.
func (a *asm) eachRow(kernel func(p part), next func()) {
	a.op("IMULQ", a.size(), dstStride)
	a.op("IMULQ", a.size(), srcStride)
	a.limits()
	a.label("row")
	a.each(kernel)
	a.op("ADDQ", dstStride, dst)
	a.op("ADDQ", srcStride, src)
	next()
	a.op("DECQ", rows)
	a.op("JNZ", "row")
}

func relu(a *asm) {
	const x, zero = vec(0), vec(5)
	a.start("relu", "dst, x *T, n int", "", "AVX2; AVX512F", `
	dst = max(0, x)

VMAX returns its last source, x, if an operand is NaN or both are zero, so NaN and −0 are kept. dst and x
may be the same.

	DI  dst              SI  x            V0  x, then dst    V5  0`+loopRegisters)
	a.args("dst", dst, "x", src, "n", count)
	a.limits()
	a.op("VXORPS", zero.x(), zero.x(), zero.x())
	a.each(func(p part) {
		p.load(src, x)
		p.op("VMAXP?", x, zero, x)
		p.store(x, dst)
	})
	a.ret()
}

func reluGrad(a *asm) {
	const dy, x, zero = vec(0), vec(1), vec(5)
	a.start("reluGrad", "dx, dy, x *T, rows, cols, dxStride, dyStride, xStride int", "", "AVX2; AVX512F", `
	dx(i,j) = dy(i,j) if x(i,j) > 0, else +0 (also if x is NaN)

Strides are in elements.

	DI  dx   SI  dy   DX  x               V0  dy, then dx    V1  x    V5  0`+rowRegisters+`
	R14 stride of DX in bytes`)
	a.args("dx", dst, "dy", src, "x", aux, "rows", rows, "cols", count,
		"dxStride", dstStride, "dyStride", srcStride, "xStride", auxStride)
	a.op("IMULQ", a.size(), auxStride)
	a.op("VXORPS", zero.x(), zero.x(), zero.x())
	a.eachRow(func(p part) {
		p.load(aux, x)
		p.load(src, dy)
		if p.avx512 {
			p.op("VCMPP?", "$0x11", x, zero, "K2", "// 0 < x, ordered")
			p.op("VMOVUP?.Z", dy, "K2", dy)
		} else {
			p.op("VCMPP?", "$0x11", x, zero, x, "// 0 < x, ordered")
			p.op("VANDPS", x, dy, dy)
		}
		p.store(dy, dst)
	}, func() { a.op("ADDQ", auxStride, aux) })
	a.ret()
}

func addBias(a *asm) { bias(a, "addBias", false) }

func biasReLU(a *asm) { bias(a, "biasReLU", true) }

func bias(a *asm, name string, relu bool) {
	const x, b, zero = vec(0), vec(1), vec(5)
	a.start(name, "dst, x, bias *T, rows, cols, dstStride, xStride int", "", "AVX2; AVX512F",
		pick(relu, `
	dst(i,j) = x(i,j) + bias(j)

Strides are in elements.

	DI  dst   SI  x   DX  bias            V0  x, then dst    V1  bias`, `
	dst(i,j) = max(0, x(i,j) + bias(j))

VMAX returns its last source, the sum, if it is NaN or −0. Strides are in elements.

	DI  dst   SI  x   DX  bias            V0  x, then dst    V1  bias    V5  0`)+rowRegisters)
	if relu {
		a.op("VXORPS", zero.x(), zero.x(), zero.x())
	}
	a.args("dst", dst, "x", src, "bias", aux, "rows", rows, "cols", count,
		"dstStride", dstStride, "xStride", srcStride)
	a.eachRow(func(p part) {
		p.load(src, x)
		p.load(aux, b)
		p.op("VADDP?", b, x, x)
		if relu {
			p.op("VMAXP?", x, zero, x)
		}
		p.store(x, dst)
	}, func() {})
	a.ret()
}

func scale(a *asm) {
	const x, alpha = vec(0), vec(2)
	a.start("scale", "alpha T, x, y *T, n int", "", "AVX2; AVX512F", `
	y = α·x

	DI  y                SI  x            V0  x, then y      V2  α`+loopRegisters)
	a.op("VBROADCASTS?", a.arg("alpha"), alpha)
	a.args("x", src, "y", dst, "n", count)
	a.limits()
	a.each(func(p part) {
		p.load(src, x)
		p.op("VMULP?", x, alpha, x)
		p.store(x, dst)
	})
	a.ret()
}

func axpby(a *asm) {
	const y, x, alpha, beta = vec(0), vec(1), vec(2), vec(3)
	a.start("axpby", "alpha T, x *T, beta T, y *T, n int", "", "AVX2, FMA3; AVX512F", `
	y = fma(α, x, β·y)

	DI  y                SI  x            V0  y    V1  x     V2  α    V3  β`+loopRegisters)
	a.op("VBROADCASTS?", a.arg("alpha"), alpha)
	a.args("x", src)
	a.op("VBROADCASTS?", a.arg("beta"), beta)
	a.args("y", dst, "n", count)
	a.limits()
	a.each(func(p part) {
		p.load(src, x)
		p.load(dst, y)
		p.op("VMULP?", y, beta, y)
		p.op("VFMADD231P?", x, alpha, y, "// y += α·x")
		p.store(y, dst)
	})
	a.ret()
}

func subMean(a *asm) {
	const x, m = vec(0), vec(1)
	a.start("subMean", "dst *T, src *uint8, mean *T, n int", "", "AVX2; AVX512F", `
	dst = float(src) − mean

The tail is scalar, because images have no tail.

	DI  dst  SI  src  DX  mean            V0  src, then dst  V1  mean    BX  byte of the tail`+loopRegisters)
	a.args("dst", dst, "src", src, "mean", aux, "n", count)
	a.limits()
	a.eachBut(func(p part) {
		bytes := mem(src, p.k*p.lanes(), elem, 1)
		if p.f64 {
			half := pick(p.avx512, x.x(), x.y())
			p.op("VPMOVZXBD", bytes, half)
			p.op("VCVTDQ2PD", half, x)
		} else {
			p.op("VPMOVZXBD", bytes, x)
			p.op("VCVTDQ2PS", x, x)
		}
		p.load(aux, m)
		p.op("VSUBP?", m, x, x)
		p.store(x, dst)
	}, func() {
		a.op("MOVBLZX", mem(src, 0, elem, 1), tmp)
		a.op("VCVTSI2S?L", tmp, x.x(), x.x())
		a.op("VSUBS?", a.at(aux, 0), x.x(), x.x())
		a.op("VMOVS?", x.x(), a.at(dst, 0))
		a.op("INCQ", elem)
		a.op("JMP", "tail")
	})
	a.ret()
}
