package main

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
