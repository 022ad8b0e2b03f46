// Package reference has the kernel sets in plain Go. [New] defines the result of every kernel in
// class MulAdd, and [Fused] in class FMA. [Gonum] has gonum's matrix product behind the same contract.
package reference

import (
	"math"

	"fusegrid/kernels"
	"fusegrid/kernels/blocked"
)

// New returns the plain-Go set. It runs on every machine and defines what the other sets must
// compute. Its explicit conversions forbid the compiler to fuse products and sums, so its bits are
// the same on every architecture. The exception is SoftmaxLoss in float64, because math.Exp and
// math.Log may differ in the last bit between architectures.
func New() *kernels.Set {
	return &kernels.Set{
		Name:   "reference",
		Class:  kernels.MulAdd,
		Stable: true,
		F32:    slots[float32](),
		F64:    slots[float64](),
	}
}

func slots[T kernels.Float]() kernels.Slots[T] {
	micro := Micro[T]()
	return kernels.Slots[T]{
		Tile:        micro.Tile,
		Gemm:        blocked.Gemm(micro),
		ReLU:        relu[T],
		ReLUGrad:    reluGrad[T],
		AddBias:     addBias[T],
		BiasReLU:    biasReLU[T],
		SoftmaxLoss: softmaxLoss[T],
		Axpby:       axpby[T],
		SumSquares:  sumSquares[T],
		AddSquares:  addSquares[T],
		ColSums:     colSums[T],
		SubMean:     subMean[T],
		RMSProp:     rmsProp[T],
		Adam:        adam[T],
	}
}

// store sets *c ← β·*c + t. If β is 0, it does not read *c.
func store[T kernels.Float](c *T, t, beta T) {
	if beta == 0 {
		*c = t
		return
	}
	*c = T(beta**c) + t
}

func relu[T kernels.Float](dst, x []T) {
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

func reluGrad[T kernels.Float](dx, dy, x kernels.Mat[T]) {
	for i := range x.Rows {
		to, from := dx.Row(i), dy.Row(i)
		for j, v := range x.Row(i) {
			if v > 0 {
				to[j] = from[j]
			} else {
				to[j] = 0
			}
		}
	}
}

func addBias[T kernels.Float](dst, x kernels.Mat[T], bias []T) {
	for i := range x.Rows {
		d := dst.Row(i)
		for j, v := range x.Row(i) {
			d[j] = v + bias[j]
		}
	}
}

func biasReLU[T kernels.Float](dst, x kernels.Mat[T], bias []T) {
	addBias(dst, x, bias)
	for i := range dst.Rows {
		relu(dst.Row(i), dst.Row(i))
	}
}

func softmaxLoss[T kernels.Float](dx, x kernels.Mat[T], y []int) float64 {
	n := T(x.Rows)
	loss := 0.0
	for i := range x.Rows {
		row, d := x.Row(i), dx.Row(i)
		top := row[0]
		for _, v := range row[1:] {
			if v > top || v != v {
				top = v
			}
		}
		shifted := row[y[i]] - top
		var sum T
		for j, v := range row {
			d[j] = T(math.Exp(float64(v - top)))
			sum += d[j]
		}
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

func axpby[T kernels.Float](alpha T, x []T, beta T, y []T) {
	for i, v := range x {
		store(&y[i], T(alpha*v), beta)
	}
}

func sumSquares[T kernels.Float](x []T) T {
	var room [64]T
	lanes := room[:kernels.SumLanes[T]()]
	addSquares(lanes, x)
	return fold(lanes)
}

func addSquares[T kernels.Float](dst, x []T) {
	for len(x) > 0 {
		n := min(len(dst), len(x))
		for i, v := range x[:n] {
			dst[i] += T(v * v)
		}
		x = x[n:]
	}
}

func colSums[T kernels.Float](dst []T, x kernels.Mat[T]) {
	clear(dst)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			dst[j] += v
		}
	}
}

func subMean[T kernels.Float](dst []T, src []uint8, mean []T) {
	for i, v := range src {
		dst[i] = T(v) - mean[i]
	}
}

func rmsProp[T kernels.Float](f kernels.RMSPropFactors[T], w, a, g []T) {
	for i, d := range g {
		a[i] = T(f.Keep*a[i]) + T(T(f.Add*d)*d)
		w[i] -= T(f.Rate*d) / (sqrt(a[i]) + f.Epsilon)
	}
}

func adam[T kernels.Float](f kernels.AdamFactors[T], w, m, v, g []T) {
	for i, d := range g {
		m[i] = T(f.Keep1*m[i]) + T(f.Add1*d)
		v[i] = T(f.Keep2*v[i]) + T(T(f.Add2*d)*d)
		w[i] -= T(f.Rate*T(m[i]*f.Fix1)) / (sqrt(T(v[i]*f.Fix2)) + f.Epsilon)
	}
}

// sqrt returns √v, correctly rounded. That holds for float32 too, because float64 has more than
// twice its digits.
func sqrt[T kernels.Float](v T) T { return T(math.Sqrt(float64(v))) }
