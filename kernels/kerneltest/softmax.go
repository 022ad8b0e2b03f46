package kerneltest

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"fusegrid/kernels"
)

// A softmaxRow holds the exact results for one row of scores.
type softmaxRow struct {
	grad []float64 // p − onehot(y), before the division by N
	tol  []float64 // the error that rounding may cause in p
	loss float64   // −log p(y)
	ltol float64
	nan  bool // the results must be NaN
}

// newSoftmaxRow computes the row in 128 bits, from the formulas.
//
// The tolerances allow the rounding errors of a plain implementation. The difference d = x − max
// has a relative error of u, so e^d is off by |d|·u. The relative error is 2u for exp, (n−1)·u for
// the sum of n terms, and u for a quotient.
func newSoftmaxRow[T kernels.Float](x []T, label int) softmaxRow {
	r := softmaxRow{grad: make([]float64, len(x)), tol: make([]float64, len(x))}
	top := float64(slices.Max(x)) // NaN if any score is NaN
	if math.IsNaN(top) || math.IsInf(top, 0) {
		r.nan = true
		return r
	}
	d, exps := make([]*big.Float, len(x)), make([]*big.Float, len(x)) // nil if the score is −Inf
	total := bigFloat(0)
	for j, v := range x {
		if v := float64(v); !math.IsInf(v, -1) {
			d[j] = bigFloat(v)
			d[j].Sub(d[j], bigFloat(top))
			exps[j] = bigExp(d[j])
			total.Add(total, exps[j])
		}
	}
	u, n := unitRoundoff[T](), float64(len(x))
	p, far := make([]float64, len(x)), make([]float64, len(x)) // far is |d|
	var spread float64                                         // Σ p·|d|, the error of the sum due to its terms, in u
	for j := range x {
		if d[j] != nil {
			q := new(big.Float).Quo(exps[j], total)
			p[j], _ = q.Float64()
			if j == label {
				q.Sub(q, bigFloat(1))
			}
			r.grad[j], _ = q.Float64()
			far[j], _ = d[j].Float64()
			far[j] = -far[j]
			spread += p[j] * far[j]
		}
	}
	for j := range x {
		r.tol[j] = p[j]*u*(far[j]+spread+n+4) + 2*float64(smallest[T]())
	}
	if d[label] == nil {
		r.grad[label], r.loss = -1, math.Inf(1)
		return r
	}
	l := bigLog(total)
	logTotal, _ := l.Float64()
	r.loss, _ = l.Sub(l, d[label]).Float64()
	r.ltol = u*(far[label]+spread+n+4) + 0x1p-52*(logTotal+r.loss)
	return r
}

// check returns an error if got is not the gradient of the row in a batch of n.
func (r *softmaxRow) check(got []float64, n int, u, tiny float64) error {
	for j, g := range got {
		if r.nan {
			if !math.IsNaN(g) {
				return fmt.Errorf("dx[%d] = %v, want NaN", j, g)
			}
			continue
		}
		want := r.grad[j] / float64(n)
		tol := (r.tol[j]+2*u*math.Abs(r.grad[j]))/float64(n) + tiny
		if off := math.Abs(g - want); !(off <= tol) {
			return fmt.Errorf("dx[%d] = %v, want %v: off by %.3g, allowed %.3g", j, g, want, off, tol)
		}
	}
	return nil
}

// checkSoftmax tests the scores x, rows×cols, with a separate dx and in place.
func (fx *fixture[T]) checkSoftmax(x []T, y []int, cols int, pad [2]int, at [3]spot) error {
	rows := len(y)
	truth := make([]softmaxRow, rows)
	var loss, tol float64
	for i, label := range y {
		truth[i] = newSoftmaxRow(x[i*cols:(i+1)*cols], label)
		loss += truth[i].loss / float64(rows)
		tol += truth[i].ltol / float64(rows)
		if truth[i].nan {
			loss = math.NaN()
		}
	}
	tol += 0x1p-52 * float64(rows) * math.Abs(loss)

	m := fx.mat(0, rows, cols, pad[0], at[0])
	put(m, x, rows, cols, false)
	dx := fx.mat(1, rows, cols, pad[1], at[1])
	for _, run := range []struct {
		what     string
		dx       func() kernels.Mat[T]
		readOnly []int
	}{
		{"apart", func() kernels.Mat[T] { return dx }, []int{0}},
		{"in place", func() kernels.Mat[T] { fx.arenas[0].protect(readWrite); return m }, nil},
	} {
		dx := run.dx()
		var got float64
		if err := fx.call(func() { got = fx.ops.SoftmaxLoss(dx, m, y) }, run.readOnly...); err != nil {
			return fmt.Errorf("%s: %w", run.what, err)
		}
		if err := padding(dx); err != nil {
			return fmt.Errorf("%s: %w", run.what, err)
		}
		if got != loss && !(math.Abs(got-loss) <= tol) && !(got != got && loss != loss) {
			return fmt.Errorf("%s: loss %v, want %v: off by %.3g, allowed %.3g", run.what, got, loss, math.Abs(got-loss), tol)
		}
		for i := range truth {
			row := make([]float64, cols)
			for j, v := range dx.Row(i) {
				row[j] = float64(v)
			}
			if err := truth[i].check(row, rows, unitRoundoff[T](), float64(smallest[T]())); err != nil {
				return fmt.Errorf("%s: row %d, label %d: %w", run.what, i, y[i], err)
			}
		}
	}
	return nil
}

// labels draws a label for each row.
func (fx *fixture[T]) labels(rows, cols int) []int {
	y := make([]int, rows)
	for i := range y {
		y[i] = fx.rng.IntN(cols)
	}
	return y
}

func (fx *fixture[T]) softmaxShapes() error {
	err := fx.shapes(func(rows, cols int, pad [2]int, at [3]spot) error {
		if rows == 0 || cols == 0 || fx.short && cols > 18 && rows > 1 {
			return nil
		}
		x := make([]T, rows*cols)
		scale := math.Exp(4*fx.rng.Float64() - 1)
		for i := range x {
			x[i] = T(scale * fx.rng.NormFloat64())
		}
		return fx.checkSoftmax(x, fx.labels(rows, cols), cols, pad, at)
	})
	if err != nil {
		return err
	}
	x := make([]T, 200*10)
	randomize(fx.rng, x, 0)
	return fx.checkSoftmax(x, fx.labels(200, 10), 10, [2]int{}, [3]spot{})
}

// softmaxExtremes tests scores whose exponentials overflow or underflow, and scores whose results
// are NaN.
func (fx *fixture[T]) softmaxExtremes() error {
	inf, nan := math.Inf(1), math.NaN()
	rows := [][]float64{
		{0, 0, 0, 0, 0},
		{1e4, 1e4, 1e4, 1e4, 1e4},
		{1e4, -1e4, 1e4, 0, -1e4},
		{-1e4, -1e4, -1e4, -1e4, -9999},
		{1e30, 0, 1, 2, 3},
		{0, 1, 2, 3, 1e30},
		{-1e30, 1e30, 0, 1, 2},
		{-inf, 0, 1, -inf, 2},
		{-inf, -inf, 3, -inf, -inf},
		{0, -80, -87, -88, -95},       // around the last normal float32
		{0, -100, -103, -103.9, -104}, // around the last denormal
		{0, -700, -708, -709, -720},   // around the last normal float64
		{0, -740, -744, -745.1, -746},
		{0, -1e-8, 1e-8, -1e-17, 1e-17},
		{nan, 0, 1, 2, 3}, {0, nan, 1, 2, 3}, {0, 1, 2, 3, nan},
		{inf, 0, 1, 2, 3}, {0, 1, 2, inf, 3}, {inf, inf, 0, -inf, nan},
		{-inf, -inf, -inf, -inf, -inf},
	}
	for i, scores := range rows {
		for label := range scores {
			// Test the row alone and between plain rows, which must not change.
			for _, before := range []int{0, 1, 9} {
				if fx.short && (label+before)%5 != 0 {
					continue
				}
				var x []T
				for range before {
					x = append(x, 1, 2, -3, 4, 0.5)
				}
				for _, v := range scores {
					x = append(x, T(v))
				}
				y := fx.labels(before, 5)
				y = append(y, label)
				if before > 0 {
					x = append(x, 0, 1, 2, 3, 4)
					y = append(y, 2)
				}
				if err := fx.checkSoftmax(x, y, 5, [2]int{1, 2}, [3]spot{fx.anySpot(), fx.anySpot()}); err != nil {
					return fmt.Errorf("row %v after %d plain rows: %w", rows[i], before, err)
				}
			}
		}
	}
	// A bad value in any column of a longer row.
	for _, cols := range []int{1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 37} {
		for j := range cols {
			for i, bad := range []float64{nan, inf, -inf} {
				if fx.short && (i+j)%5 != 0 {
					continue
				}
				x := make([]T, 2*cols)
				randomize(fx.rng, x, 0)
				x[j] = T(bad)
				y := []int{fx.rng.IntN(cols), fx.rng.IntN(cols)}
				if err := fx.checkSoftmax(x, y, cols, [2]int{}, [3]spot{fx.anySpot(), fx.anySpot()}); err != nil {
					return fmt.Errorf("%v in column %d of %d: %w", bad, j, cols, err)
				}
			}
		}
	}
	return nil
}

// softmaxStable rotates the rows of a batch. The gradient of each row must keep its bits. The loss
// must be the mean of the rows' losses, added in order.
func (fx *fixture[T]) softmaxStable() error {
	if !fx.set.Stable {
		return nil
	}
	for _, cols := range []int{1, 2, 3, 7, 10, 16, 17, 31, 33, 100} {
		const rows = 13
		x := make([]T, rows*cols)
		randomize(fx.rng, x, 0)
		y := fx.labels(rows, cols)
		var whole []T
		for turn := range rows {
			m := fx.mat(0, rows, cols, fx.rng.IntN(4), fx.anySpot())
			dx := fx.mat(1, rows, cols, fx.rng.IntN(4), fx.anySpot())
			turned, labels := rotate(x, turn*cols), rotate(y, turn)
			put(m, turned, rows, cols, false)
			var loss, mean float64
			if err := fx.call(func() { loss = fx.ops.SoftmaxLoss(dx, m, labels) }, 0); err != nil {
				return err
			}
			got := elements(dx)
			if turn == 0 {
				whole = got
			}
			if err := compare("dx", got, rotate(whole, turn*cols)); err != nil {
				return fmt.Errorf("%d columns, rows turned by %d: %w", cols, turn, err)
			}
			for i := range rows {
				row := kernels.NewMat[T](1, cols)
				mean += fx.ops.SoftmaxLoss(row, m.Slice(i, i+1, 0, cols), labels[i:i+1])
			}
			if mean /= rows; loss != mean {
				return fmt.Errorf("%d columns, rows turned by %d: loss %v, the mean of the rows alone is %v", cols, turn, loss, mean)
			}
		}
	}
	return nil
}

// rotate returns x with its first n elements moved to the end.
func rotate[E any](x []E, n int) []E { return append(slices.Clone(x[n:]), x[:n]...) }
