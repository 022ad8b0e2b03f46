//go:build !purego

package simd

import (
	"math"
	"sync"
	"unsafe"

	"fusegrid/kernels"
)

// The elementwise kernels are in assembly because the compiler emits scalar code for their
// loops. Each kernel is one function of internal/asmgen, which writes it for two instruction sets
// and two types. The name of a stub is the name of the kernel, then AVX2 or AVX512, then
// F32 or F64.

// An elementwise holds the stubs of one instruction set for one type.
type elementwise[T kernels.Float] struct {
	relu        func(dst, x *T, n int)
	reluGrad    func(dx, dy, x *T, rows, cols, dxStride, dyStride, xStride int)
	addBias     func(dst, x, bias *T, rows, cols, dstStride, xStride int)
	biasReLU    func(dst, x, bias *T, rows, cols, dstStride, xStride int)
	softmaxRows func(dx, x *T, rows, cols, dxStride, xStride int, y *int, n T, sum, shifted *T)
	exp         func(dst, x *T, n int) // of softmaxRows, for its test
	scale       func(alpha T, x, y *T, n int)
	axpby       func(alpha T, x *T, beta T, y *T, n int)
	sumSquares  func(x *T, n int) T
	addSquares  func(dst, x *T, n, turns int)
	colSums     func(dst, x *T, rows, cols, stride int)
	subMean     func(dst *T, src *uint8, mean *T, n int)
}

func (v elementwise[T]) override(s *kernels.Slots[T]) {
	s.ReLU = func(dst, x []T) {
		v.relu(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	}
	s.ReLUGrad = func(dx, dy, x kernels.Mat[T]) {
		v.reluGrad(unsafe.SliceData(dx.Data), unsafe.SliceData(dy.Data), unsafe.SliceData(x.Data),
			x.Rows, x.Cols, dx.Stride, dy.Stride, x.Stride)
	}
	s.AddBias = func(dst, x kernels.Mat[T], bias []T) {
		v.addBias(unsafe.SliceData(dst.Data), unsafe.SliceData(x.Data), unsafe.SliceData(bias),
			x.Rows, x.Cols, dst.Stride, x.Stride)
	}
	s.BiasReLU = func(dst, x kernels.Mat[T], bias []T) {
		v.biasReLU(unsafe.SliceData(dst.Data), unsafe.SliceData(x.Data), unsafe.SliceData(bias),
			x.Rows, x.Cols, dst.Stride, x.Stride)
	}
	sums := sync.Pool{New: func() any { return new(lossSum[T]) }}
	s.SoftmaxLoss = func(dx, x kernels.Mat[T], y []int) float64 {
		l := sums.Get().(*lossSum[T])
		defer sums.Put(l)
		l.loss = 0
		for i := 0; i < x.Rows; i += len(l.sum) {
			rows := min(len(l.sum), x.Rows-i)
			v.softmaxRows(&dx.Data[i*dx.Stride], &x.Data[i*x.Stride], rows, x.Cols, dx.Stride, x.Stride,
				&y[i], T(x.Rows), &l.sum[0], &l.shifted[0])
			l.add(rows)
		}
		return l.loss / float64(x.Rows)
	}
	s.Axpby = func(alpha T, x []T, beta T, y []T) {
		if beta == 0 {
			v.scale(alpha, unsafe.SliceData(x), unsafe.SliceData(y), len(x))
			return
		}
		v.axpby(alpha, unsafe.SliceData(x), beta, unsafe.SliceData(y), len(x))
	}
	s.SumSquares = func(x []T) T {
		return v.sumSquares(unsafe.SliceData(x), len(x))
	}
	s.AddSquares = func(dst, x []T) {
		n := len(dst)
		if turns := len(x) / n; turns > 0 {
			v.addSquares(unsafe.SliceData(dst), unsafe.SliceData(x), n, turns)
			x = x[turns*n:]
		}
		v.addSquares(unsafe.SliceData(dst), unsafe.SliceData(x), len(x), 1)
	}
	s.ColSums = func(dst []T, x kernels.Mat[T]) {
		if x.Rows == 0 {
			clear(dst)
			return
		}
		v.colSums(unsafe.SliceData(dst), unsafe.SliceData(x.Data), x.Rows, x.Cols, x.Stride)
	}
	s.SubMean = func(dst []T, src []uint8, mean []T) {
		v.subMean(unsafe.SliceData(dst), unsafe.SliceData(src), unsafe.SliceData(mean), len(dst))
	}
}

// A lossSum adds up the losses of the rows of SoftmaxLoss, one buffer of rows at a time. The
// loss of a row is −log p(y) = log Σ − shifted.
type lossSum[T kernels.Float] struct {
	sum, shifted [64]T // for each row: Σ exp(x − max x), x(y) − max x
	loss         float64
}

func (l *lossSum[T]) add(rows int) {
	for i, s := range l.sum[:rows] {
		l.loss += math.Log(float64(s)) - float64(l.shifted[i])
	}
}
