package reference

import (
	"math"
	"unsafe"

	"fusegrid/kernels"
)

// Fused returns a plain-Go set of class FMA. It has the bits of the assembly sets on every
// machine, so it can check their results without their instructions. The exception is the loss of
// SoftmaxLoss, because math.Log may differ in the last bit between architectures.
func Fused() *kernels.Set {
	s := New()
	s.Name, s.Class = "fused", kernels.FMA
	fuse(&s.F32, &expF32)
	fuse(&s.F64, &expF64)
	return s
}

func fuse[T kernels.Float](s *kernels.Slots[T], e *exp[T]) {
	s.Gemm = fusedGemm[T]
	s.SoftmaxLoss = e.softmaxLoss
	s.Axpby = fusedAxpby[T]
	s.SumSquares = fusedSumSquares[T]
	s.AddSquares = fusedAddSquares[T]
}

// fma returns x·y + z with one rounding.
func fma[T kernels.Float](x, y, z T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(fma32(float32(x), float32(y), float32(z)))
	}
	return T(math.FMA(float64(x), float64(y), float64(z)))
}

// fma32 returns x·y + z with one rounding. The product is exact in float64, so the float64 sum is
// rounded once, and its conversion to float32 is a second rounding. Two roundings differ from one
// only if the first ends in the middle between two float32. Such a middle is a float64 whose last
// bit is 0. If the first rounding was not exact, the sum then moves to its odd neighbour, which lies
// on the side of the exact sum.
func fma32(x, y, z float32) float32 {
	p, c := float64(float64(x)*float64(y)), float64(z)
	s := p + c
	bits := math.Float64bits(s)
	if bits&(1<<29-1) != 1<<28 && math.Abs(s) >= 0x1p-126 {
		return float32(s) // not in the middle between two normal float32
	}
	t := s - p
	if e := (p - (s - t)) + (c - t); e != 0 && bits&1 == 0 { // s + e is the exact sum (Knuth)
		s = math.Nextafter(s, math.Copysign(math.Inf(1), e))
	}
	return float32(s)
}

// fusedGemm computes one element after the other.
func fusedGemm[T kernels.Float](p kernels.Product[T]) {
	m, n, k := p.Dims()
	if p.Alpha == 0 {
		k = 0
	}
	aRow, aStep := p.A.Stride, 1
	if p.TransA {
		aRow, aStep = aStep, aRow
	}
	bStep, bCol := p.B.Stride, 1
	if p.TransB {
		bStep, bCol = bCol, bStep
	}
	for i := range m {
		for j := range n {
			var t T
			a, b := i*aRow, j*bCol
			for from := 0; from < k; from += kernels.Piece {
				var sum T
				for range min(kernels.Piece, k-from) {
					sum = fma(p.A.Data[a], p.B.Data[b], sum)
					a, b = a+aStep, b+bStep
				}
				if from > 0 {
					sum += t
				}
				t = sum
			}
			fusedStore(&p.C.Data[i*p.C.Stride+j], T(p.Alpha*t), p.BetaAt(i, j))
		}
	}
}

// fusedStore sets *c ← fma(β, *c, t). If β is 0, it does not read *c.
func fusedStore[T kernels.Float](c *T, t, beta T) {
	if beta == 0 {
		*c = t
		return
	}
	*c = fma(beta, *c, t)
}

func fusedAxpby[T kernels.Float](alpha T, x []T, beta T, y []T) {
	if beta == 0 {
		axpby(alpha, x, beta, y)
		return
	}
	for i, v := range x {
		y[i] = fma(alpha, v, T(beta*y[i]))
	}
}

func fusedSumSquares[T kernels.Float](x []T) T {
	var room [64]T
	lanes := room[:kernels.SumLanes[T]()]
	fusedAddSquares(lanes, x)
	return fold(lanes)
}

// fold adds the upper half of the lanes to the lower half until one lane is left. The number of
// lanes must be a power of 2.
func fold[T kernels.Float](lanes []T) T {
	for l := len(lanes) / 2; l > 0; l /= 2 {
		for i := range l {
			lanes[i] += lanes[l+i]
		}
	}
	return lanes[0]
}

func fusedAddSquares[T kernels.Float](dst, x []T) {
	for len(x) > 0 {
		n := min(len(dst), len(x))
		for i, v := range x[:n] {
			dst[i] = fma(v, v, dst[i])
		}
		x = x[n:]
	}
}

// An exp computes eˣ for x ≤ 0 with the operations of the assembly sets.
//
// Let n be the integer nearest to x·log₂e, and r = x − n·ln 2. Then eˣ = 2ⁿ·(1 + r·(1 + r·q(r))),
// where q is a polynomial. ln 2 is subtracted in two parts, so that only the second subtraction
// rounds.
type exp[T kernels.Float] struct {
	log2e  T
	magic  T // the sum of x and magic has the integer nearest to x in its last bits
	ln2    [2]T
	lowest T   // exp is 0 below
	q      []T // from the coefficient of the highest power to that of r⁰
}

var (
	expF32 = exp[float32]{
		log2e: math.Log2E, magic: 1.5 * (1 << 23), lowest: -105,
		ln2: [2]float32{math.Float32frombits(0x3f317200), math.Float32frombits(0x35bfbe8e)},
		q: []float32{
			math.Float32frombits(0x3ab511d6), math.Float32frombits(0x3c091d1b), math.Float32frombits(0x3d2aac7a),
			math.Float32frombits(0x3e2aaa48), math.Float32frombits(0x3efffffe),
		},
	}
	expF64 = exp[float64]{
		log2e: math.Log2E, magic: 1.5 * (1 << 52), lowest: -746,
		ln2: [2]float64{math.Float64frombits(0x3fe62e42fee00000), math.Float64frombits(0x3dea39ef35793c76)},
		q: []float64{
			math.Float64frombits(0x3e5ad7ef922bea35), math.Float64frombits(0x3e928adafc85d301), math.Float64frombits(0x3ec71df262da3873),
			math.Float64frombits(0x3efa01999ce03456), math.Float64frombits(0x3f2a01a0129ae40d), math.Float64frombits(0x3f56c16c1843f65b),
			math.Float64frombits(0x3f81111111127ec7), math.Float64frombits(0x3fa5555555550826), math.Float64frombits(0x3fc55555555554f9),
			math.Float64frombits(0x3fe000000000000a),
		},
	}
)

func (e *exp[T]) of(x T) T {
	if x != x {
		return x
	}
	x = max(x, e.lowest)
	n := fma(x, e.log2e, e.magic) - e.magic
	r := fma(-e.ln2[0], n, x)
	r = fma(-e.ln2[1], n, r)
	q := e.q[0]
	for _, c := range e.q[1:] {
		q = fma(q, r, c)
	}
	q = fma(q, r, 1)
	return T(math.Ldexp(float64(fma(q, r, 1)), int(n))) // rounded once, even if it is denormal
}

// softmaxLoss sums e of a row in as many lanes as fill 32 bytes: lane l sums elements l, l + lanes, ….
func (e *exp[T]) softmaxLoss(dx, x kernels.Mat[T], y []int) float64 {
	var room [8]T
	lanes := room[:kernels.SumLanes[T]()/8]
	n, loss := T(x.Rows), 0.0
	for i := range x.Rows {
		row, d := x.Row(i), dx.Row(i)
		top := row[0]
		for _, v := range row[1:] {
			if v > top || v != v {
				top = v
			}
		}
		shifted := row[y[i]] - top
		clear(lanes)
		for j, v := range row {
			d[j] = e.of(v - top)
			lanes[j%len(lanes)] += d[j]
		}
		sum := fold(lanes)
		for j := range d {
			p := d[j] / sum
			if j == y[i] {
				p--
			}
			d[j] = p / n
		}
		loss += math.Log(float64(sum)) - float64(shifted)
	}
	return loss / float64(x.Rows)
}
