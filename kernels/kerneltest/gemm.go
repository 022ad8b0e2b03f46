package kerneltest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"fusegrid/kernels"
)

// A problem is a product without its layout in memory.
type problem[T kernels.Float] struct {
	m, n, k int
	a       []T // op(A), m×k
	bt      []T // op(B) transposed, n×k
	c       []T // C before, m×n

	alpha, beta      T
	betaRow, betaCol []T

	overflows bool // partial sums may overflow, so the order of terms matters
}

// A layout describes how the operands of a problem lie in memory.
type layout struct {
	transA, transB   bool
	padA, padB, padC int // stride − columns
	at               [4]spot
}

func (fx *fixture[T]) newProblem(m, n, k int) *problem[T] {
	q := &problem[T]{m: m, n: n, k: k, alpha: 1}
	q.a, q.bt, q.c = make([]T, m*k), make([]T, n*k), make([]T, m*n)
	fx.fill(q, 0)
	return q
}

// fill draws the elements. Each is a special value with probability p.
func (fx *fixture[T]) fill(q *problem[T], p float64) {
	randomize(fx.rng, q.a, p)
	randomize(fx.rng, q.bt, p)
	randomize(fx.rng, q.c, p)
}

// scalars are values of α and β, among them those with separate code in some BLAS.
var scalars = []float64{1, 0, -1, 0.37, 2}

// anyScalars draws α and β. There is one β for all elements, for each row or for each column.
func (fx *fixture[T]) anyScalars(q *problem[T]) {
	draw := func() T { return T(scalars[fx.rng.IntN(len(scalars))]) }
	q.alpha, q.beta = draw(), draw()
	if q.alpha == 0 && fx.rng.IntN(4) > 0 {
		q.alpha = 0.37 // zeros are tested elsewhere
	}
	q.spreadBeta(fx.rng.IntN(4), func(int) T { return draw() })
}

// spreadBeta gives q a β for each row if kind is 0, and for each column if kind is 1. The function
// value returns β number i.
func (q *problem[T]) spreadBeta(kind int, value func(i int) T) {
	switch kind {
	case 0:
		q.betaRow = make([]T, q.m)
	case 1:
		q.betaCol = make([]T, q.n)
	}
	for _, beta := range [][]T{q.betaRow, q.betaCol} {
		for i := range beta {
			beta[i] = value(i)
		}
	}
}

// anyLayout draws a layout.
func (fx *fixture[T]) anyLayout() layout {
	pads := []int{0, 0, 1, 3, 16}
	pad := func() int { return pads[fx.rng.IntN(len(pads))] }
	l := layout{
		transA: fx.rng.IntN(2) == 0, transB: fx.rng.IntN(2) == 0,
		padA: pad(), padB: pad(), padC: pad(),
	}
	for i := range l.at {
		l.at[i] = fx.anySpot()
	}
	return l
}

func (q *problem[T]) betaAt(i, j int) T {
	switch {
	case q.betaRow != nil:
		return q.betaRow[i]
	case q.betaCol != nil:
		return q.betaCol[j]
	}
	return q.beta
}

// sub returns the problem of rows [i0, i1) and columns [j0, j1) of C.
func (q *problem[T]) sub(i0, i1, j0, j1 int) *problem[T] {
	s := *q
	s.m, s.n = i1-i0, j1-j0
	s.a = q.a[i0*q.k : i1*q.k]
	s.bt = q.bt[j0*q.k : j1*q.k]
	s.c = block(q.c, q.n, i0, i1, j0, j1)
	if q.betaRow != nil {
		s.betaRow = q.betaRow[i0:i1]
	}
	if q.betaCol != nil {
		s.betaCol = q.betaCol[j0:j1]
	}
	return &s
}

// block copies rows [i0, i1) and columns [j0, j1) of a matrix with n columns.
func block[T kernels.Float](x []T, n, i0, i1, j0, j1 int) []T {
	var out []T
	for i := i0; i < i1; i++ {
		out = append(out, x[i*n+j0:i*n+j1]...)
	}
	return out
}

func (q *problem[T]) String() string {
	beta := fmt.Sprint(q.beta)
	if q.betaRow != nil {
		beta = "per row"
	} else if q.betaCol != nil {
		beta = "per column"
	}
	return fmt.Sprintf("m=%d n=%d k=%d α=%v β=%s", q.m, q.n, q.k, q.alpha, beta)
}

func (l layout) String() string {
	return fmt.Sprintf("transA=%t transB=%t pads=%d,%d,%d at %v", l.transA, l.transB, l.padA, l.padB, l.padC, l.at)
}

// put copies the rows×cols elements of x into m, or into its transpose.
func put[T kernels.Float](m kernels.Mat[T], x []T, rows, cols int, trans bool) {
	for i := range rows {
		for j := range cols {
			if trans {
				m.Data[j*m.Stride+i] = x[i*cols+j]
			} else {
				m.Data[i*m.Stride+j] = x[i*cols+j]
			}
		}
	}
}

// product places A, B, C and the vector of β in arenas 0, 1, 2 and 3. An element of C is NaN if its
// β is 0.
func (fx *fixture[T]) product(q *problem[T], l layout) kernels.Product[T] {
	p := kernels.Product[T]{Alpha: q.alpha, TransA: l.transA, TransB: l.transB, Beta: q.beta}
	shape := func(rows, cols int, trans bool) (int, int) {
		if trans {
			return cols, rows
		}
		return rows, cols
	}
	rows, cols := shape(q.m, q.k, l.transA)
	p.A = fx.mat(0, rows, cols, l.padA, l.at[0])
	put(p.A, q.a, q.m, q.k, l.transA)
	rows, cols = shape(q.k, q.n, l.transB)
	p.B = fx.mat(1, rows, cols, l.padB, l.at[1])
	put(p.B, q.bt, q.n, q.k, !l.transB)
	p.C = fx.mat(2, q.m, q.n, l.padC, l.at[2])
	for i := range q.m {
		for j := range q.n {
			if q.betaAt(i, j) != 0 {
				p.C.Data[i*p.C.Stride+j] = q.c[i*q.n+j]
			}
		}
	}
	if q.betaRow != nil {
		p.BetaRow = fx.vec(3, q.m, l.at[3])
		copy(p.BetaRow, q.betaRow)
	}
	if q.betaCol != nil {
		p.BetaCol = fx.vec(3, q.n, l.at[3])
		copy(p.BetaCol, q.betaCol)
	}
	return p
}

// multiply computes q in the layout and returns C.
func (fx *fixture[T]) multiply(q *problem[T], l layout) ([]T, error) {
	p := fx.product(q, l)
	readOnly := []int{0, 1, 3}
	if q.alpha == 0 || q.k == 0 {
		fx.arenas[0].protect(noAccess)
		fx.arenas[1].protect(noAccess)
		readOnly = []int{3}
	}
	err := fx.call(func() { fx.ops.Gemm(p) }, readOnly...)
	if err == nil {
		err = padding(p.C)
	}
	if err != nil {
		return nil, fmt.Errorf("%v, %v: %w", q, l, err)
	}
	return elements(p.C), nil
}

// checkProduct computes q in the layout and checks each element.
func (fx *fixture[T]) checkProduct(q *problem[T], l layout) error {
	got, err := fx.multiply(q, l)
	if err != nil {
		return err
	}
	if err := fx.verifyProduct(q, got); err != nil {
		return fmt.Errorf("%v, %v: %w", q, l, err)
	}
	return nil
}

// verifyProduct checks each element of got, the C of problem q. If the class determines the bits,
// the element must have them. In any case, it must be NaN or infinite if the truth is, and
// otherwise within the bound of the truth.
func (fx *fixture[T]) verifyProduct(q *problem[T], got []T) error {
	if len(got) != q.m*q.n {
		return fmt.Errorf("%d elements of C, want %d", len(got), q.m*q.n)
	}
	for i := range q.m {
		for j := range q.n {
			if err := fx.verifyElement(q, got[i*q.n+j], i, j); err != nil {
				return err
			}
		}
	}
	return nil
}

func (fx *fixture[T]) verifyElement(q *problem[T], c T, i, j int) error {
	want := q.model(fx.set.Class, i, j)
	if fx.exact() && !same(c, want) {
		return fmt.Errorf("element (%d,%d) = %s, want the bits of class %s: %s", i, j, show(c), fx.set.Class, show(want))
	}
	if q.overflows || fx.short && fx.exact() { // the bits are equal to the model's
		return nil
	}
	if want-want != 0 { // NaN or infinite
		if !same(c, want) {
			return fmt.Errorf("element (%d,%d) = %v, want %v", i, j, c, want)
		}
		return nil
	}
	truth, bound := q.truth(i, j)
	if off := truth.off(float64(c)); !(off <= bound) {
		return fmt.Errorf("element (%d,%d) = %s, want %v: off by %.3g, %.3g times the bound",
			i, j, show(c), truth.hi, off, off/bound)
	}
	return nil
}

// model returns element (i, j), rounded as the class says.
func (q *problem[T]) model(class kernels.Class, i, j int) T {
	var t T
	if q.alpha != 0 {
		row, col := q.a[i*q.k:(i+1)*q.k], q.bt[j*q.k:(j+1)*q.k]
		for from := 0; from < q.k; from += kernels.Piece {
			var sum T
			for l := from; l < min(from+kernels.Piece, q.k); l++ {
				sum = multiplyAdd(class, row[l], col[l], sum)
			}
			if from > 0 {
				sum += t
			}
			t = sum
		}
	}
	return storeModel(class, q.alpha, t, q.betaAt(i, j), q.c[i*q.n+j])
}

// truth returns element (i, j) in twice the precision, and a bound on its error that holds for any
// order of summation. The bound is γ·(|α|·|A|·|B| + |β|·|C|) plus the error that underflow may
// cause.
func (q *problem[T]) truth(i, j int) (c sum, bound float64) {
	var t sum
	var abs float64
	if q.alpha != 0 {
		row, col := q.a[i*q.k:(i+1)*q.k], q.bt[j*q.k:(j+1)*q.k]
		for l, v := range row {
			x, y := float64(v), float64(col[l])
			t.addProduct(x, y)
			abs += math.Abs(x * y)
		}
	}
	alpha, beta := float64(q.alpha), float64(q.betaAt(i, j))
	c.addProduct(alpha, t.hi)
	c.addProduct(alpha, t.lo)
	abs *= math.Abs(alpha)
	if beta != 0 {
		old := float64(q.c[i*q.n+j])
		c.addProduct(beta, old)
		abs += math.Abs(beta * old)
	}
	underflow := float64(smallest[T]()) * (2*float64(q.k)*math.Abs(alpha) + 4)
	return c, gamma(q.k+3, unitRoundoff[T]())*abs + underflow
}

// edges returns sizes around the sides of a tile.
func edges(side int, more ...int) []int {
	sizes := append(more, 0, 1, side-1, side, side+1, 2*side+2)
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	return sizes[slices.IndexFunc(sizes, func(n int) bool { return n >= 0 }):]
}

// gemmEdges tests shapes around every edge of the tile and inner dimensions around usual block
// sizes. Scalars and layouts are drawn.
func (fx *fixture[T]) gemmEdges() error {
	ms, ns := edges(fx.tile.MR, 2, 7, 50), edges(fx.tile.NR, 3, 5, 50)
	lanes := edges(fx.tile.Lanes)
	ks := []int{0, 1, 2, 3, 4, 5, 8, 9, 31, 50, 64, 65}
	pick := func(list []int) int { return list[fx.rng.IntN(len(list))] }
	rounds := 3
	if fx.short {
		rounds = 1
	}
	var shapes [][3]int
	for range rounds {
		for _, m := range append(ms, lanes...) {
			for _, n := range append(ns, lanes...) {
				// The vectors of a kernel may lie along either side.
				shapes = append(shapes, [3]int{m, n, pick(ks)}, [3]int{n, m, pick(ks)})
			}
		}
		for _, k := range append(ks, 127, 128, 129, 255, 256, 257, 383, 384, 385, 511, 512, 513, 1023, 1024, 1025, 1537, 2050) {
			shapes = append(shapes, [3]int{pick(ms), pick(ns), k}, [3]int{1, 1, k})
		}
	}
	for _, s := range shapes {
		q := fx.newProblem(s[0], s[1], s[2])
		fx.anyScalars(q)
		if err := fx.checkProduct(q, fx.anyLayout()); err != nil {
			return err
		}
	}
	return nil
}

// gemmScalars tests every α with every kind of β and all transposes.
func (fx *fixture[T]) gemmScalars() error {
	for _, shape := range [][3]int{{5, 7, 6}, {fx.tile.MR + 1, fx.tile.NR + 1, 19}, {2, 3, 0}} {
		for transposes := range 4 {
			for _, alpha := range scalars {
				for kind := range len(scalars) + 2 {
					q := fx.newProblem(shape[0], shape[1], shape[2])
					scalar := func(i int) T { return T(scalars[i%len(scalars)]) }
					q.alpha, q.beta = T(alpha), scalar(kind)
					q.spreadBeta(kind-len(scalars), scalar)
					l := fx.anyLayout()
					l.transA, l.transB = transposes&1 != 0, transposes&2 != 0
					if err := fx.checkProduct(q, l); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// gemmSpecials puts NaN, infinities, zeros of both signs and denormals into
// every operand.
func (fx *fixture[T]) gemmSpecials() error {
	rounds := 120
	if fx.short {
		rounds = 30
	}
	for range rounds {
		q := fx.newProblem(1+fx.rng.IntN(2*fx.tile.MR+3), 1+fx.rng.IntN(fx.tile.NR+9), fx.rng.IntN(40))
		fx.fill(q, 0.5/float64(q.k+1))
		fx.anyScalars(q)
		if err := fx.checkProduct(q, fx.anyLayout()); err != nil {
			return err
		}
	}
	// Only the class determines whether a sum overflows.
	for range rounds {
		if !fx.exact() {
			break
		}
		q := fx.newProblem(9, fx.tile.NR+1, 5)
		fx.anyScalars(q)
		q.overflows = true
		for i := 0; i < len(q.a); i += 3 {
			q.a[i] = largest[T]()
		}
		if err := fx.checkProduct(q, fx.anyLayout()); err != nil {
			return err
		}
	}
	// If α is 0, A and B are never read, so their values do not matter.
	q := fx.newProblem(5, 6, 7)
	for i := range q.a {
		q.a[i] = T(math.NaN())
	}
	q.alpha, q.beta = 0, 2
	for range 8 {
		if err := fx.checkProduct(q, fx.anyLayout()); err != nil {
			return err
		}
	}
	return nil
}

// gemmDenormals tests products of single terms whose exact values are denormals.
func (fx *fixture[T]) gemmDenormals() error {
	q := fx.newProblem(fx.tile.MR+1, fx.tile.NR+1, 1)
	for i := range q.a {
		q.a[i] = smallest[T]() * T(i+1)
	}
	for transposes := range 4 {
		for j := range q.bt {
			q.bt[j] = T(1 - 2*(j%2))
		}
		l := fx.anyLayout()
		l.transA, l.transB = transposes&1 != 0, transposes&2 != 0
		got, err := fx.multiply(q, l)
		if err != nil {
			return err
		}
		for i := range q.m {
			for j := range q.n {
				if got, want := got[i*q.n+j], q.a[i]*q.bt[j]; got != want {
					return fmt.Errorf("%v, %v: element (%d,%d) = %s, want %s", q, l, i, j, show(got), show(want))
				}
			}
		}
	}
	return nil
}

// gemmLarge tests the products of a training step with all transposes, and then drawn shapes of up
// to a few blocks of any kernel. It checks C times a random vector, and some elements of C.
func (fx *fixture[T]) gemmLarge() error {
	shapes := [][3]int{{200, 50, 3072}, {3072, 50, 200}, {50, 3072, 200}, {310, 270, 290}}
	draws := 60
	if fx.short {
		shapes, draws = [][3]int{{150, 110, 130}}, 6
	}
	for range draws {
		var s [3]int
		for i := range s {
			s[i] = int(math.Exp(fx.rng.Float64() * math.Log(600)))
		}
		shapes = append(shapes, s)
	}
	for _, s := range shapes {
		for transposes := range 4 {
			q := fx.newProblem(s[0], s[1], s[2])
			fx.anyScalars(q)
			q.alpha = 0.37
			l := fx.anyLayout()
			l.transA, l.transB = transposes&1 != 0, transposes&2 != 0
			got, err := fx.multiply(q, l)
			if err == nil {
				err = fx.verifyResidual(q, got)
			}
			for range 20 {
				if i, j := fx.rng.IntN(q.m), fx.rng.IntN(q.n); err == nil {
					err = fx.verifyElement(q, got[i*q.n+j], i, j)
				}
			}
			if err != nil {
				return fmt.Errorf("%v, %v: %w", q, l, err)
			}
		}
	}
	return nil
}

// verifyResidual checks C·x = α·A·(B·x) + β·C·x for a random x. Each row must be within the sum of
// the bounds of its elements.
func (fx *fixture[T]) verifyResidual(q *problem[T], got []T) error {
	x := make([]float64, q.n)
	for j := range x {
		x[j] = 0.5 + fx.rng.Float64()
		if fx.rng.IntN(2) == 0 {
			x[j] = -x[j]
		}
	}
	bx, absBx := make([]sum, q.k), make([]float64, q.k)
	for j, xj := range x {
		for l, v := range q.bt[j*q.k : (j+1)*q.k] {
			bx[l].addProduct(float64(v), xj)
			absBx[l] += math.Abs(float64(v) * xj)
		}
	}
	alpha := float64(q.alpha)
	for i := range q.m {
		var abx, r sum // r is the residual
		var abs float64
		for l, v := range q.a[i*q.k : (i+1)*q.k] {
			abx.addProduct(float64(v), bx[l].hi)
			abx.addProduct(float64(v), bx[l].lo)
			abs += math.Abs(alpha*float64(v)) * absBx[l]
		}
		r.addProduct(alpha, abx.hi)
		r.addProduct(alpha, abx.lo)
		for j, xj := range x {
			r.addProduct(-float64(got[i*q.n+j]), xj)
			if beta := float64(q.betaAt(i, j)); beta != 0 {
				var bc sum
				bc.addProduct(beta, float64(q.c[i*q.n+j]))
				r.addProduct(bc.hi, xj)
				r.addProduct(bc.lo, xj)
				abs += math.Abs(bc.hi * xj)
			}
		}
		bound := gamma(q.k+3, unitRoundoff[T]()) * abs
		if off := math.Abs(r.hi + r.lo); !(off <= bound) {
			return fmt.Errorf("row %d times a random vector is off by %.3g, %.3g times the bound", i, off, off/bound)
		}
	}
	return nil
}

// gemmStable computes blocks, rows and columns of a product separately, in other layouts. They must
// have the same bits as in the whole product.
func (fx *fixture[T]) gemmStable() error {
	if !fx.set.Stable {
		return nil
	}
	shapes := [][3]int{{2*fx.tile.MR + 3, 2*fx.tile.NR + 5, 37}, {37, 53, 300}, {21, 34, 3072}}
	if fx.short {
		shapes = shapes[:2]
	}
	for _, s := range shapes {
		q := fx.newProblem(s[0], s[1], s[2])
		fx.anyScalars(q)
		q.alpha = 0.37
		whole, err := fx.multiply(q, fx.anyLayout())
		if err != nil {
			return err
		}
		type part struct{ i0, i1, j0, j1 int }
		var parts []part
		for j := range q.n {
			parts = append(parts, part{0, q.m, j, j + 1})
		}
		for i := range q.m {
			parts = append(parts, part{i, i + 1, 0, q.n})
		}
		for range 20 {
			i0, j0 := fx.rng.IntN(q.m), fx.rng.IntN(q.n)
			parts = append(parts, part{i0, i0 + 1 + fx.rng.IntN(q.m-i0), j0, j0 + 1 + fx.rng.IntN(q.n-j0)})
		}
		for _, p := range parts {
			l := fx.anyLayout()
			got, err := fx.multiply(q.sub(p.i0, p.i1, p.j0, p.j1), l)
			if err := cmp.Or(err, compare("C", got, block(whole, q.n, p.i0, p.i1, p.j0, p.j1))); err != nil {
				return fmt.Errorf("rows %d…%d and columns %d…%d of %v alone, %v: %w", p.i0, p.i1-1, p.j0, p.j1-1, q, l, err)
			}
		}
	}
	return nil
}

// gemmWorkers tests products that are split among workers. If the set is stable, they must have the
// bits of the product on one worker. Otherwise they must be within the bound.
func (fx *fixture[T]) gemmWorkers() error {
	shapes := [][3]int{{200, 50, 400}, {50, 200, 400}, {130, 140, 300}}
	if fx.short {
		shapes = shapes[:1]
	}
	for _, s := range shapes {
		q := fx.newProblem(s[0], s[1], s[2])
		fx.anyScalars(q)
		q.alpha = 0.37
		l := fx.anyLayout()
		want, err := fx.multiply(q, l)
		if err != nil {
			return err
		}
		for _, workers := range []int{2, 3, 8} {
			p := fx.product(q, l)
			fx.ops.GemmParallel(p, workers)
			got := elements(p.C)
			err := padding(p.C)
			if err == nil && fx.set.Stable {
				err = compare("C", got, want)
			} else if err == nil {
				err = fx.verifyResidual(q, got)
			}
			if err != nil {
				return fmt.Errorf("%d workers, %v, %v: %w", workers, q, l, err)
			}
		}
	}
	return nil
}
