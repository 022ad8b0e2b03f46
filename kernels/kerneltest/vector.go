package kerneltest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"fusegrid/kernels"
)

// maxLen is the greatest length of vectors. Vector kernels are tested with every length up to it.
const maxLen = 130

// lengths calls f with every length and with spots for the operands: all at the head, all at the
// tail, and drawn ones. Then it calls f with every alignment. With -short, it skips most of the
// longer lengths and half of the others at each alignment.
func (fx *fixture[T]) lengths(f func(n int, at [3]spot) error) error {
	type try struct {
		n  int
		at [3]spot
	}
	var tries []try
	tail := spot{tail: true}
	for n := range maxLen + 1 {
		if !fx.skips(n) {
			tries = append(tries, try{n, [3]spot{}}, try{n, [3]spot{tail, tail, tail}}, try{n, [3]spot{fx.anySpot(), fx.anySpot(), fx.anySpot()}})
		}
	}
	for offset := range 16 {
		for i, n := range []int{1, 7, 8, 16, 17, 33, 64, 65, 127} {
			if at := (spot{offset: offset}); !fx.short || (offset+i)%2 == 0 {
				tries = append(tries, try{n, [3]spot{at, at, at}}, try{n, [3]spot{at, fx.anySpot(), fx.anySpot()}})
			}
		}
	}
	for _, t := range tries {
		if err := f(t.n, t.at); err != nil {
			return fmt.Errorf("n=%d at %v: %w", t.n, t.at, err)
		}
	}
	return nil
}

// skips reports whether -short skips the length n.
func (fx *fixture[T]) skips(n int) bool { return fx.short && n > 34 && n%16 > 1 }

// shapes calls f with matrix shapes of every number of columns, with paddings of two matrices and
// spots of three operands.
func (fx *fixture[T]) shapes(f func(rows, cols int, pad [2]int, at [3]spot) error) error {
	pads := []int{0, 1, 5, 16}
	for cols := range maxLen + 1 {
		if fx.skips(cols) {
			continue
		}
		for _, rows := range []int{0, 1, 2, 3 + fx.rng.IntN(9)} {
			pad := [2]int{pads[fx.rng.IntN(4)], pads[fx.rng.IntN(4)]}
			at := [3]spot{fx.anySpot(), fx.anySpot(), fx.anySpot()}
			if err := f(rows, cols, pad, at); err != nil {
				return fmt.Errorf("%d×%d, padding %v, at %v: %w", rows, cols, pad, at, err)
			}
		}
	}
	return nil
}

// drawn places a vector of random numbers and special values, and returns it with a copy.
func (fx *fixture[T]) drawn(i, n int, at spot) (x, was []T) {
	x = fx.vec(i, n, at)
	randomize(fx.rng, x, 0.2)
	return x, slices.Clone(x)
}

// drawnMat places a matrix of random numbers and special values, and returns it with a copy of its
// elements.
func (fx *fixture[T]) drawnMat(i, rows, cols, pad int, at spot, p float64) (m kernels.Mat[T], was []T) {
	m = fx.mat(i, rows, cols, pad, at)
	was = make([]T, rows*cols)
	randomize(fx.rng, was, p)
	put(m, was, rows, cols, false)
	return m, was
}

// elements returns the elements of m without its padding.
func elements[T kernels.Float](m kernels.Mat[T]) []T {
	out := make([]T, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		for j := range m.Cols {
			out = append(out, m.Data[i*m.Stride+j])
		}
	}
	return out
}

func (fx *fixture[T]) relu() error {
	return fx.lengths(func(n int, at [3]spot) error {
		op := func(dst, x kernels.Mat[T]) { fx.ops.ReLU(dst.Row(0), x.Row(0)) }
		return fx.mapped(1, n, [2]int{}, at, op, func(v T, _ int) T { return reluModel(v) })
	})
}

func (fx *fixture[T]) addBias() error {
	return fx.bias(fx.ops.AddBias, func(x T) T { return x })
}

func (fx *fixture[T]) biasReLU() error {
	return fx.bias(fx.ops.BiasReLU, reluModel[T])
}

// bias tests op: dst(i,j) = f(x(i,j) + bias(j)).
func (fx *fixture[T]) bias(op func(dst, x kernels.Mat[T], bias []T), f func(T) T) error {
	return fx.shapes(func(rows, cols int, pad [2]int, at [3]spot) error {
		bias, was := fx.drawn(2, cols, at[2])
		with := func(dst, x kernels.Mat[T]) { op(dst, x, bias) }
		return fx.mapped(rows, cols, pad, at, with, func(v T, j int) T { return f(v + was[j]) }, 2)
	})
}

// mapped tests op: dst(i,j) = f(x(i,j), j). The arenas in readOnly hold further operands.
func (fx *fixture[T]) mapped(rows, cols int, pad [2]int, at [3]spot, op func(dst, x kernels.Mat[T]), f func(v T, j int) T, readOnly ...int) error {
	x, was := fx.drawnMat(0, rows, cols, pad[0], at[0], 0.2)
	dst := fx.mat(1, rows, cols, pad[1], at[1])
	want := make([]T, len(was))
	for i, v := range was {
		want[i] = f(v, i%cols)
	}
	if err := fx.call(func() { op(dst, x) }, append(readOnly, 0)...); err != nil {
		return err
	}
	if err := cmp.Or(compare("dst", elements(dst), want), padding(dst)); err != nil {
		return err
	}
	x = fx.mat(0, rows, cols, pad[0], at[0])
	put(x, was, rows, cols, false)
	if err := fx.call(func() { op(x, x) }, readOnly...); err != nil {
		return fmt.Errorf("in place: %w", err)
	}
	return cmp.Or(compare("in place: dst", elements(x), want), padding(x))
}

func (fx *fixture[T]) reluGrad() error {
	return fx.lengths(func(n int, at [3]spot) error {
		return fx.gated(1, n, [2]int{}, at, func(dx, dy, x kernels.Mat[T]) { fx.ops.ReLUGrad(dx.Row(0), dy.Row(0), x.Row(0)) })
	})
}

func (fx *fixture[T]) reluGradMat() error {
	return fx.shapes(func(rows, cols int, pad [2]int, at [3]spot) error {
		return fx.gated(rows, cols, pad, at, fx.ops.ReLUGradMat)
	})
}

// gated tests op: dx(i,j) = dy(i,j) where x(i,j) > 0, else 0.
func (fx *fixture[T]) gated(rows, cols int, pad [2]int, at [3]spot, op func(dx, dy, x kernels.Mat[T])) error {
	x, wasX := fx.drawnMat(0, rows, cols, pad[0], at[0], 0.2)
	dy, wasDy := fx.drawnMat(1, rows, cols, pad[1], at[1], 0.2)
	want, twice := make([]T, len(wasX)), make([]T, len(wasX))
	for i, v := range wasX {
		if v > 0 {
			want[i], twice[i] = wasDy[i], v
		}
	}
	for _, in := range []struct {
		what     string
		readOnly []int
		args     func() (dx, dy, x kernels.Mat[T])
		want     []T
	}{
		{"apart", []int{0, 1}, func() (_, _, _ kernels.Mat[T]) {
			return fx.mat(2, rows, cols, (pad[0]+pad[1])/2, at[2]), dy, x
		}, want},
		{"dx = dy", []int{0}, func() (_, _, _ kernels.Mat[T]) { return dy, dy, x }, want},
		{"dx = x", []int{1}, func() (_, _, _ kernels.Mat[T]) { return x, dy, x }, want},
		{"dx = dy = x", []int{1}, func() (_, _, _ kernels.Mat[T]) { return x, x, x }, twice},
	} {
		x, dy = fx.mat(0, rows, cols, pad[0], at[0]), fx.mat(1, rows, cols, pad[1], at[1])
		put(x, wasX, rows, cols, false)
		put(dy, wasDy, rows, cols, false)
		dx, a1, a2 := in.args()
		if err := fx.call(func() { op(dx, a1, a2) }, in.readOnly...); err != nil {
			return fmt.Errorf("%s: %w", in.what, err)
		}
		if err := cmp.Or(compare(in.what+": dx", elements(dx), in.want), padding(dx)); err != nil {
			return err
		}
	}
	return nil
}

// axpby tests Axpby. Sets of a foreign class may round up to twice.
func (fx *fixture[T]) axpby() error {
	verify := func(got, x, y []T, alpha, beta T) error {
		for i, v := range got {
			want := axpbyModel(fx.set.Class, alpha, x[i], beta, y[i])
			if same(v, want) {
				continue
			}
			var truth sum
			truth.addProduct(float64(alpha), float64(x[i]))
			if beta != 0 {
				truth.addProduct(float64(beta), float64(y[i]))
			}
			bound := gamma(2, unitRoundoff[T]())*(math.Abs(float64(alpha*x[i]))+math.Abs(float64(beta*y[i]))) + float64(2*smallest[T]())
			if fx.exact() || want-want != 0 || !(truth.off(float64(v)) <= bound) {
				return fmt.Errorf("α=%v β=%v x=%v y=%v: y[%d] = %s, want %s", alpha, beta, x[i], y[i], i, show(v), show(want))
			}
		}
		return nil
	}
	return fx.lengths(func(n int, at [3]spot) error {
		for _, s := range [][2]float64{{1, 1}, {-0.37, 1}, {0.37, 0.61}, {1, 0}, {0.37, 0}, {0, 0.61}, {0, 0}, {-1, -1}} {
			alpha, beta := T(s[0]), T(s[1])
			x, wasX := fx.drawn(0, n, at[0])
			y, wasY := fx.drawn(1, n, at[1])
			if beta == 0 {
				clear(wasY)
				for i := range y {
					y[i] = T(math.NaN())
				}
			}
			if err := fx.call(func() { fx.ops.Axpby(alpha, x, beta, y) }, 0); err != nil {
				return err
			}
			if err := verify(y, wasX, wasY, alpha, beta); err != nil {
				return err
			}
			x = fx.vec(0, n, at[0])
			copy(x, wasX)
			if err := fx.call(func() { fx.ops.Axpby(alpha, x, beta, x) }); err != nil {
				return fmt.Errorf("in place: %w", err)
			}
			if err := verify(x, wasX, wasX, alpha, beta); err != nil {
				return fmt.Errorf("in place: %w", err)
			}
		}
		return nil
	})
}

// sumSquaresModel returns Σ x², summed in lanes as the contract says.
func sumSquaresModel[T kernels.Float](class kernels.Class, x []T) T {
	var room [64]T
	lanes := room[:256/sizeOf[T]()]
	for i, v := range x {
		l := i % len(lanes)
		lanes[l] = multiplyAdd(class, v, v, lanes[l])
	}
	for len(lanes) > 1 {
		half := len(lanes) / 2
		for i, v := range lanes[half:] {
			lanes[i] += v
		}
		lanes = lanes[:half]
	}
	return lanes[0]
}

func (fx *fixture[T]) sumSquares() error {
	test := func(n int, at spot, p float64) error {
		x := fx.vec(0, n, at)
		randomize(fx.rng, x, p)
		var got T
		if err := fx.call(func() { got = fx.ops.SumSquares(x) }, 0); err != nil {
			return err
		}
		return fx.verifySquare(x, got)
	}
	for _, n := range []int{255, 256, 257, 1000, 4097} {
		if err := test(n, fx.anySpot(), 0); err != nil {
			return fmt.Errorf("n=%d: %w", n, err)
		}
	}
	return fx.lengths(func(n int, at [3]spot) error {
		if err := test(n, at[0], 0); err != nil {
			return err
		}
		return test(n, at[0], 0.3/float64(n+1))
	})
}

// verifySquare checks Σ x².
func (fx *fixture[T]) verifySquare(x []T, got T) error {
	want := sumSquaresModel(fx.set.Class, x)
	if same(got, want) {
		return nil
	}
	var truth sum
	for _, v := range x {
		truth.addProduct(float64(v), float64(v))
	}
	n := len(x)
	bound := gamma(n+1, unitRoundoff[T]())*truth.hi + float64(n)*float64(smallest[T]())
	if fx.exact() || want-want != 0 || !(truth.off(float64(got)) <= bound) {
		return fmt.Errorf("the sum is %s, want %s", show(got), show(want))
	}
	return nil
}

func (fx *fixture[T]) colSums() error {
	return fx.shapes(func(rows, cols int, pad [2]int, at [3]spot) error {
		for _, p := range []float64{0, 0.2 / float64(rows+1)} {
			x, was := fx.drawnMat(0, rows, cols, pad[0], at[0], p)
			dst := fx.vec(1, cols, at[1])
			want := make([]T, cols)
			for i, v := range was {
				want[i%cols] += v
			}
			if err := fx.call(func() { fx.ops.ColSums(dst, x) }, 0); err != nil {
				return err
			}
			if err := compare("dst", dst, want); err != nil {
				return err
			}
		}
		return nil
	})
}

func (fx *fixture[T]) subMean() error {
	return fx.lengths(func(n int, at [3]spot) error {
		src := place[uint8](fx.arena(0, n), n, at[0])
		for i := range src {
			src[i] = uint8(fx.rng.IntN(256))
		}
		if n > 0 {
			src[fx.rng.IntN(n)] = 255
		}
		mean, wasMean := fx.drawn(1, n, at[1])
		for i := range mean {
			if fx.rng.IntN(2) == 0 {
				mean[i] = T(128 + 40*fx.rng.NormFloat64())
				wasMean[i] = mean[i]
			}
		}
		dst := fx.vec(2, n, at[2])
		want := make([]T, n)
		for i, v := range wasMean {
			want[i] = T(src[i]) - v
		}
		if err := fx.call(func() { fx.ops.SubMean(dst, src, mean) }, 0, 1); err != nil {
			return err
		}
		return compare("dst", dst, want)
	})
}
