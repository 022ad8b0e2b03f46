package kernels

import "math"

// Reference returns the plain-Go set: it runs on every machine and says what
// the others must compute. Its explicit conversions keep the compiler from
// fusing multiply and add where the architecture could, so its bits are the
// same everywhere, but for SoftmaxLoss in float64: math.Exp and math.Log are other code on
// each architecture and may differ in the last bit.
func Reference() *Set {
	return &Set{
		Name:   "reference",
		Class:  MulAdd,
		Stable: true,
		F32:    referenceSlots[float32](),
		F64:    referenceSlots[float64](),
	}
}

func referenceSlots[T Float]() Slots[T] {
	micro := referenceMicro[T]()
	return Slots[T]{
		Tile:        micro.Tile,
		Gemm:        NewGemm(micro),
		ReLU:        refReLU[T],
		ReLUGrad:    refReLUGrad[T],
		AddBias:     refAddBias[T],
		BiasReLU:    refBiasReLU[T],
		SoftmaxLoss: refSoftmaxLoss[T],
		Axpby:       refAxpby[T],
		SumSquares:  refSumSquares[T],
		AddSquares:  refAddSquares[T],
		ColSums:     refColSums[T],
		SubMean:     refSubMean[T],
	}
}

// store sets *c ← β·*c + t, not reading *c where β = 0.
func store[T Float](c *T, t, beta T) {
	if beta == 0 {
		*c = t
		return
	}
	*c = T(beta**c) + t
}

func refReLU[T Float](dst, x []T) {
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

func refReLUGrad[T Float](dx, dy, x Mat[T]) {
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

func refAddBias[T Float](dst, x Mat[T], bias []T) {
	for i := range x.Rows {
		d := dst.Row(i)
		for j, v := range x.Row(i) {
			d[j] = v + bias[j]
		}
	}
}

func refBiasReLU[T Float](dst, x Mat[T], bias []T) {
	refAddBias(dst, x, bias)
	for i := range dst.Rows {
		refReLU(dst.Row(i), dst.Row(i))
	}
}

func refSoftmaxLoss[T Float](dx, x Mat[T], y []int) float64 {
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

func refAxpby[T Float](alpha T, x []T, beta T, y []T) {
	for i, v := range x {
		store(&y[i], T(alpha*v), beta)
	}
}

func refSumSquares[T Float](x []T) T {
	var lanes [64]T
	l := SumLanes[T]()
	for i, v := range x {
		lanes[i%l] += T(v * v)
	}
	for l > 1 {
		l /= 2
		for i := range l {
			lanes[i] += lanes[l+i]
		}
	}
	return lanes[0]
}

func refAddSquares[T Float](dst, x []T) {
	for len(x) > 0 {
		n := min(len(dst), len(x))
		for i, v := range x[:n] {
			dst[i] += T(v * v)
		}
		x = x[n:]
	}
}

func refColSums[T Float](dst []T, x Mat[T]) {
	clear(dst)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			dst[j] += v
		}
	}
}

func refSubMean[T Float](dst []T, src []uint8, mean []T) {
	for i, v := range src {
		dst[i] = T(v) - mean[i]
	}
}
