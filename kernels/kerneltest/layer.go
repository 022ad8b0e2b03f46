package kerneltest

import (
	"cmp"
	"fmt"
	"slices"

	"fusegrid/kernels"
)

// A layer is a first layer with its operands in arenas: images in 0, weights in 1, pre-activations
// or deltas in 2, and β or the mean image in 3.
type layer[T kernels.Float] struct {
	bytes  []uint8
	idx    []int
	mean   []T
	images *kernels.Minibatch[T]
	x      []T // the images as floats, (N, D)
	wt     []T // the weights transposed, (lanes, D)
	w      kernels.Panels[T]
}

// newLayer draws n images of d pixels and weights for them. Each weight is a special value with
// probability p.
func (fx *fixture[T]) newLayer(n, d, lanes int, p float64) (*layer[T], error) {
	room := n + fx.rng.IntN(3)
	l := &layer[T]{
		bytes: make([]uint8, room*d), idx: make([]int, n), mean: make([]T, d),
		x: make([]T, n*d), wt: make([]T, lanes*d),
	}
	for i := range l.bytes {
		l.bytes[i] = uint8(fx.rng.IntN(256))
	}
	for i := range l.idx {
		l.idx[i] = fx.rng.IntN(room)
	}
	l.idx[fx.rng.IntN(n)] = room - 1 // the last image is read, but nothing after it
	fx.drawMean(l.mean, p)
	for i, j := range l.idx {
		for q, m := range l.mean {
			l.x[i*d+q] = T(l.bytes[j*d+q]) - m
		}
	}
	randomize(fx.rng, l.wt, p)
	return l, fx.place(l)
}

// place stores the weights in the layout that the set chooses, and loads the images for that
// layout.
func (fx *fixture[T]) place(l *layer[T]) error {
	d := len(l.mean)
	lanes := len(l.wt) / d
	l.w = fx.ops.NewPanels(d, lanes)
	l.w.Data = fx.vec(1, len(l.w.Data), fx.lineSpot())
	clear(l.w.Data)
	for lane := range lanes {
		l.w.SetLane(lane, l.wt[lane*d:(lane+1)*d])
	}
	bytes := place[uint8](fx.arena(0, len(l.bytes)), len(l.bytes), fx.anySpot())
	copy(bytes, l.bytes)
	mean := fx.vec(3, d, fx.anySpot())
	copy(mean, l.mean)
	l.images = fx.ops.NewMinibatch(len(l.idx)+fx.rng.IntN(3), l.w)
	if err := fx.call(func() { fx.ops.Load(l.images, bytes, l.idx, mean) }, 0, 3); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	fx.arenas[0].protect(noAccess) // after Load, the images must not be read
	return nil
}

// lineSpot draws a place that is aligned as memory of NewPanels is, but next to a fence.
func (fx *fixture[T]) lineSpot() spot { return spot{tail: fx.rng.IntN(2) == 0} }

// lanes returns the current weights, transposed.
func (l *layer[T]) lanes() []T {
	d := l.w.Rows
	out := make([]T, l.w.Lanes*d)
	for lane := range l.w.Lanes {
		l.w.Lane(out[lane*d:(lane+1)*d], lane)
	}
	return out
}

// forward computes z and the sums of squares.
func (fx *fixture[T]) forward(l *layer[T], workers int) (z, squares []T, err error) {
	out := fx.mat(2, l.images.Len(), l.w.Lanes, fx.rng.IntN(4), fx.anySpot())
	squares = make([]T, l.w.Lanes)
	err = fx.call(func() { fx.ops.Forward(out, l.images, l.w, squares, workers) }, 1)
	if err == nil {
		err = padding(out)
	}
	return elements(out), squares, err
}

// update updates the weights by deltas, (N, lanes).
func (fx *fixture[T]) update(l *layer[T], beta, deltas []T, workers int) error {
	n, lanes := l.images.Len(), l.w.Lanes
	d := fx.mat(2, n, lanes, fx.rng.IntN(4), fx.anySpot())
	put(d, deltas, n, lanes, false)
	factors := fx.vec(3, lanes, fx.anySpot())
	copy(factors, beta)
	fx.arenas[1].protect(readWrite) // the products before only read the weights
	return fx.call(func() { fx.ops.Update(l.w, factors, l.images, d, workers) }, 2, 3)
}

// layerShapes calls f with numbers of images, pixels and lanes.
func (fx *fixture[T]) layerShapes(f func(n, d, lanes int) error) error {
	for _, s := range fx.layerEdges() {
		if err := f(s[0], s[1], s[2]); err != nil {
			return fmt.Errorf("%d images of %d pixels, %d lanes: %w", s[0], s[1], s[2], err)
		}
	}
	return nil
}

// layerEdges returns numbers of images, pixels and lanes around every edge of the tile.
func (fx *fixture[T]) layerEdges() (shapes [][3]int) {
	ns := edges(fx.tile.MR, 2, 3, 50)[1:]
	ds := []int{1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 28, 31, 48, 63, 64, 65, 100}
	lanes := append(edges(fx.tile.NR, 3, 5, 12, 50)[1:], edges(fx.tile.Lanes)[1:]...)
	pick := func(list []int) int { return list[fx.rng.IntN(len(list))] }
	for i, n := range ns {
		for j, l := range lanes {
			if !fx.short || (i+j)%2 == 0 {
				shapes = append(shapes, [3]int{n, pick(ds), l})
			}
		}
	}
	for _, d := range ds {
		shapes = append(shapes, [3]int{pick(ns), d, pick(lanes)})
	}
	// Weights with few lanes may be flipped. Then images and pixels lie along the vectors.
	along := append(edges(fx.tile.NR)[1:], edges(fx.tile.Lanes)[1:]...)
	for _, n := range along {
		few := 1 + fx.rng.IntN(fx.tile.Lanes)
		shapes = append(shapes, [3]int{n, pick(ds), few}, [3]int{pick(ns), n, few})
	}
	// With many pixels, each sum of squares has several terms. The product of a full micro-tile may
	// add them up, so both numbers of images are tested.
	for _, n := range []int{max(fx.tile.MR-1, 1), fx.tile.MR} {
		for _, l := range []int{fx.tile.NR, 3*fx.tile.NR + fx.tile.Lanes} {
			shapes = append(shapes, [3]int{n, 208, l})
		}
	}
	// These shapes split the sums over pixels or images into several blocks, or the lanes into
	// several blocks.
	shapes = append(shapes, [3]int{7, 1100, 20}, [3]int{600, 20, 20}, [3]int{70, 450, 20})
	if fx.deltaLimit > 0 && !fx.short { // integers have panels of 16 lanes, and blocks of 48 or 96 pixels
		for _, d := range []int{47, 49, 95, 96, 97, 143, 144, 145, 191, 192, 193} {
			shapes = append(shapes, [3]int{pick(ns), d, pick(lanes)})
		}
		for l := 1; l <= 50; l++ {
			shapes = append(shapes, [3]int{pick(ns), pick(ds), l})
		}
		for n := 1; n <= 25; n++ {
			shapes = append(shapes, [3]int{n, pick(ds), pick(lanes)})
		}
	}
	if !fx.short {
		shapes = append(shapes, [3]int{300, 300, 300}, [3]int{530, 700, 40})
	}
	return shapes
}

// layerForward checks each element of X·W and the squares, for finite numbers and for special
// values.
func (fx *fixture[T]) layerForward() error {
	return fx.layerShapes(func(n, d, lanes int) error {
		for _, p := range []float64{0, 0.2 / float64(d)} {
			l, err := fx.newLayer(n, d, lanes, p)
			if err != nil {
				return err
			}
			z, squares, err := fx.forward(l, 1)
			if err != nil {
				return err
			}
			q := &problem[T]{m: n, n: lanes, k: d, alpha: 1, a: l.x, bt: l.wt, c: make([]T, n*lanes)}
			if err := cmp.Or(fx.verifyProduct(q, z), fx.verifySquares(l, squares)); err != nil {
				return err
			}
			if err := fx.call(func() { fx.ops.LaneSquares(squares, l.w) }, 1); err != nil {
				return fmt.Errorf("LaneSquares: %w", err)
			}
			if err := fx.verifySquares(l, squares); err != nil {
				return fmt.Errorf("LaneSquares: %w", err)
			}
		}
		return nil
	})
}

// verifySquares checks Σ w² of each lane.
func (fx *fixture[T]) verifySquares(l *layer[T], squares []T) error {
	d := l.w.Rows
	for lane, got := range squares {
		if err := fx.verifySquare(l.wt[lane*d:(lane+1)*d], got); err != nil {
			return fmt.Errorf("squares of lane %d: %w", lane, err)
		}
	}
	return nil
}

// layerUpdate checks each element of W·diag(β) + Xᵀ·d. A lane of W is NaN if its β is 0.
func (fx *fixture[T]) layerUpdate() error {
	return fx.layerShapes(func(n, d, lanes int) error {
		for _, p := range []float64{0, 0.2 / float64(n)} {
			l, err := fx.newLayer(n, d, lanes, p)
			if err != nil {
				return err
			}
			q := &problem[T]{m: d, n: lanes, k: n, alpha: 1, betaCol: make([]T, lanes)}
			zeros := fx.rng.IntN(2) == 0
			for i := range q.betaCol {
				q.betaCol[i] = T(fx.rng.NormFloat64())
				if zeros && fx.rng.IntN(5) == 0 {
					q.betaCol[i] = 0
					nan := make([]T, d)
					for j := range nan {
						nan[j] = markOf[T]()
					}
					l.w.SetLane(i, nan)
				}
			}
			deltas := make([]T, n*lanes)
			randomize(fx.rng, deltas, p)
			q.a, q.bt, q.c = transposed(l.x, n, d), transposed(deltas, n, lanes), transposed(l.wt, lanes, d)
			if err := fx.update(l, q.betaCol, deltas, 1); err != nil {
				return err
			}
			if err := fx.verifyProduct(q, transposed(l.lanes(), lanes, d)); err != nil {
				return err
			}
		}
		return nil
	})
}

// transposed returns the transpose of x, rows × cols.
func transposed[T kernels.Float](x []T, rows, cols int) []T {
	m := kernels.NewMat[T](cols, rows)
	put(m, x, rows, cols, true)
	return m.Data
}

// A layerStep has the operands of a step of a layer, and its results.
type layerStep[T kernels.Float] struct {
	beta, deltas []T
	z, squares   []T
	after        []T // the weights after the update, transposed
}

// newStep draws a layer and does a step. The weights of the layer are then those after the step.
func (fx *fixture[T]) newStep(n, d, lanes int) (*layer[T], layerStep[T], error) {
	s := layerStep[T]{beta: make([]T, lanes), deltas: make([]T, n*lanes)}
	l, err := fx.newLayer(n, d, lanes, 0)
	if err != nil {
		return nil, s, err
	}
	randomize(fx.rng, s.beta, 0)
	randomize(fx.rng, s.deltas, 0)
	if s.z, s.squares, err = fx.forward(l, 1); err != nil {
		return nil, s, err
	}
	err = fx.update(l, s.beta, s.deltas, 1)
	s.after = l.lanes()
	return l, s, err
}

// verifyStep does a step of l, which must have the results in want.
func (fx *fixture[T]) verifyStep(l *layer[T], workers int, want layerStep[T]) error {
	z, squares, err := fx.forward(l, workers)
	if err := cmp.Or(err, compare("z", z, want.z), compare("squares", squares, want.squares)); err != nil {
		return err
	}
	fx.ops.LaneSquares(squares, l.w)
	if err := compare("LaneSquares", squares, want.squares); err != nil {
		return err
	}
	if err := fx.update(l, want.beta, want.deltas, workers); err != nil {
		return err
	}
	return compare("W", l.lanes(), want.after)
}

// layerStable checks that the bits of a lane do not depend on the other lanes or on the number of
// workers.
func (fx *fixture[T]) layerStable() error {
	if !fx.set.Stable {
		return nil
	}
	const n, d = 90, 700
	lanes := max(5*fx.tile.NR+3, 51) // enough for workers
	l, whole, err := fx.newStep(n, d, lanes)
	if err != nil {
		return err
	}
	type part struct{ lo, hi, workers int }
	var parts []part
	for lane := range lanes {
		if !fx.short || lane%5 < 2 {
			parts = append(parts, part{lane, lane + 1, 1})
		}
	}
	for range 10 {
		lo := fx.rng.IntN(lanes)
		parts = append(parts, part{lo, lo + 1 + fx.rng.IntN(lanes-lo), 1})
	}
	for _, workers := range []int{2, 3, 8} {
		for _, hi := range []int{lanes, 5 * fx.tile.NR, 2*fx.tile.NR + 3} {
			parts = append(parts, part{0, hi, workers})
		}
	}
	for _, p := range parts {
		lo, hi, workers := p.lo, p.hi, p.workers
		some := *l
		some.wt = l.wt[lo*d : hi*d]
		if err := fx.place(&some); err != nil {
			return err
		}
		err := fx.verifyStep(&some, workers, layerStep[T]{
			beta: whole.beta[lo:hi], deltas: block(whole.deltas, lanes, 0, n, lo, hi),
			z: block(whole.z, lanes, 0, n, lo, hi), squares: whole.squares[lo:hi], after: whole.after[lo*d : hi*d],
		})
		if err != nil {
			return fmt.Errorf("lanes [%d, %d) alone, %d workers: %w", lo, hi, workers, err)
		}
	}
	return nil
}

// layerCompact checks that lanes keep their bits when they move to other places and the other lanes
// become padding.
func (fx *fixture[T]) layerCompact() error {
	if !fx.set.Stable {
		return nil
	}
	const n, d = 20, 150
	for _, lanes := range []int{5, fx.tile.NR + 3, 2 * fx.tile.NR} {
		l, whole, err := fx.newStep(n, d, lanes)
		if err != nil {
			return err
		}
		if err := fx.place(l); err != nil {
			return err
		}
		// Every second lane is kept.
		kept := lanes / 2
		part := layerStep[T]{z: make([]T, n*kept), deltas: make([]T, n*kept)}
		for k := range kept {
			from := 2*k + 1
			l.w.MoveLane(k, from)
			part.squares, part.beta = append(part.squares, whole.squares[from]), append(part.beta, whole.beta[from])
			part.after = append(part.after, whole.after[from*d:(from+1)*d]...)
			for i := range n {
				part.z[i*kept+k], part.deltas[i*kept+k] = whole.z[i*lanes+from], whole.deltas[i*lanes+from]
			}
		}
		l.w = l.w.First(kept)
		err = fx.verifyStep(l, 1, part)
		if err == nil { // finally, no lane is kept
			none := l.w.First(0)
			err = fx.call(func() { fx.ops.LaneSquares(nil, none); fx.ops.AxpbyPanels(nil, none, nil, none) })
		}
		if err != nil {
			return fmt.Errorf("%d of %d lanes: %w", kept, lanes, err)
		}
	}
	return nil
}

// addSquares tests AddSquares with whole and with partial turns.
func (fx *fixture[T]) addSquares() error {
	return fx.lengths(func(n int, at [3]spot) error {
		x, wasX := fx.drawn(0, n, at[0])
		for _, turn := range []int{n + 1, n, 1 + n/2, 1 + fx.rng.IntN(1+n)} {
			dst, was := fx.drawn(1, turn, at[1])
			sums := func(c kernels.Class) []T {
				out := slices.Clone(was)
				for i, v := range wasX {
					out[i%turn] = multiplyAdd(c, v, v, out[i%turn])
				}
				return out
			}
			want := sums(fx.set.Class)
			if err := fx.call(func() { fx.ops.AddSquares(dst, x) }, 0); err != nil {
				return err
			}
			for _, class := range []kernels.Class{kernels.FMA, kernels.MulAdd} {
				for i, other := range sums(class) {
					if !fx.exact() && same(dst[i], other) { // the elementwise kernels are of another class
						want[i] = other
					}
				}
			}
			if err := compare("dst", dst, want); err != nil {
				return fmt.Errorf("turns of %d: %w", turn, err)
			}
		}
		return nil
	})
}
