package kernels

import "fmt"

// A Minibatch is images as a first layer meets them: float(pixel) − mean, exactly rounded, in the
// order in which the two products with them read it. [Ops.Load] fills it. It belongs to the set that
// made it and to weights of one form, and serves one goroutine at a time.
type Minibatch[T Float] struct {
	Pixels  int // D
	slots   *Slots[T]
	images  int // N, as loaded last
	room    int // the most
	flipped bool

	groups imageGroups[T] // for wide weights
	tiles  imageTiles[T]  // for flipped ones
	plain  Mat[T]         // (N, D), for sets that do without either
	sums   []T
}

// NewMinibatch returns room for so many images, which will meet weights of the form of w, from [Ops.NewPanels],
// and have w.Steps pixels.
func (o Ops[T]) NewMinibatch(images int, w Panels[T]) *Minibatch[T] {
	if images < 1 || w.Steps < 1 {
		panic(fmt.Sprintf("kernels: NewMinibatch: %d images of %d pixels", images, w.Steps))
	}
	checkPanels("NewMinibatch", "w", w)
	if w.flipped() && o.s.Packed == nil {
		panic("kernels: NewMinibatch: w is flipped, which the set does not know")
	}
	m := &Minibatch[T]{Pixels: w.Steps, slots: o.s, room: images, flipped: w.flipped()}
	switch {
	case m.flipped:
		m.tiles = newImageTiles[T](images, w.Steps)
	case o.s.Packed == nil:
		m.plain = NewMat[T](images, w.Steps)
	}
	return m
}

// Len returns the number of images that were loaded last.
func (m *Minibatch[T]) Len() int { return m.images }

// Load takes images idx of x, which holds them one after the other, and subtracts the mean image.
func (o Ops[T]) Load(m *Minibatch[T], x []uint8, idx []int, mean []T) {
	d := m.Pixels
	m.checkSet("Load", o)
	checkLen("Load", "mean", len(mean), d)
	if len(idx) < 1 || len(idx) > m.room {
		panic(fmt.Sprintf("kernels: Load: %d images, want 1…%d", len(idx), m.room))
	}
	for i, j := range idx {
		if j < 0 || j >= len(x)/d {
			panic(fmt.Sprintf("kernels: Load: idx[%d] is %d, want 0…%d", i, j, len(x)/d-1))
		}
	}
	m.images = len(idx)
	if o.s.Packed != nil {
		o.s.Packed.Load(m, x, idx, mean)
		return
	}
	for i, j := range idx {
		o.s.SubMean(m.plain.Row(i), x[j*d:(j+1)*d], mean)
	}
}

// Forward computes the first layer of many nets: z = X·W, (N, Lanes), for the minibatch X, (N, D),
// and their weights W, (D, Lanes): elements as those of [Ops.Gemm]. Where squares is not nil, it
// gets what [Ops.LaneSquares] gives for W, which costs little while W passes by. The lanes, or the
// images where W is flipped, are split over up to that many goroutines, as by [Ops.GemmParallel].
func (o Ops[T]) Forward(z Mat[T], m *Minibatch[T], w Panels[T], squares []T, workers int) {
	checkMat("Forward", "z", z)
	o.checkLayer("Forward", m, w)
	if z.Rows != m.images || z.Cols != w.Lanes {
		panic(fmt.Sprintf("kernels: Forward: z is %d×%d, want %d×%d", z.Rows, z.Cols, m.images, w.Lanes))
	}
	checkApart("Forward", "z", "w", z.span(), w.Data)
	if squares != nil {
		checkLen("Forward", "squares", len(squares), w.Lanes)
		checkApart("Forward", "squares", "w", squares, w.Data)
		checkApart("Forward", "squares", "z", squares, z.span())
	}
	if w.Lanes == 0 {
		return
	}
	if o.s.Packed == nil {
		o.GemmParallel(Product[T]{Alpha: 1, A: m.loaded(), B: w.mat(), C: z}, workers)
		if squares != nil {
			m.sums = grow(m.sums, SumLanes[T]()*w.Width)
			o.laneSquares(squares, w, m.sums)
		}
		return
	}
	if workers = o.panelParts(m, w, m.images, workers); workers == 1 {
		o.s.Packed.Forward(z, m, w, squares, 0)
		return
	}
	o.forwardParts(z, m, w, squares, workers)
}

// forwardParts is a function of its own so that a single worker does not pay for what its
// closure puts on the heap.
func (o Ops[T]) forwardParts(z Mat[T], m *Minibatch[T], w Panels[T], squares []T, workers int) {
	forEach(workers, func(i int) {
		if w.flipped() {
			// Whoever has the first images sums the squares.
			n0, n1, part := cut(m.images, w.Width, i, workers), cut(m.images, w.Width, i+1, workers), squares
			if i > 0 {
				part = nil
			}
			o.s.Packed.Forward(z.Slice(n0, n1, 0, z.Cols), m, w, part, n0)
			return
		}
		l0, l1, part := cut(w.Lanes, w.Width, i, workers), cut(w.Lanes, w.Width, i+1, workers), squares
		if squares != nil {
			part = squares[l0:l1]
		}
		o.s.Packed.Forward(z.Slice(0, z.Rows, l0, l1), m, w.lanes(l0, l1), part, 0)
	})
}

// Update computes the step of the first layer of many nets: W ← W·diag(β) + Xᵀ·d for the minibatch X,
// (N, D), their weights W, (D, Lanes), and their deltas d, (N, Lanes): elements as those of
// [Ops.Gemm] with BetaCol. The lanes, or the pixels where W is flipped, are split as by [Ops.Forward].
func (o Ops[T]) Update(w Panels[T], beta []T, m *Minibatch[T], d Mat[T], workers int) {
	checkMat("Update", "d", d)
	o.checkLayer("Update", m, w)
	if d.Rows != m.images || d.Cols != w.Lanes {
		panic(fmt.Sprintf("kernels: Update: d is %d×%d, want %d×%d", d.Rows, d.Cols, m.images, w.Lanes))
	}
	checkLen("Update", "beta", len(beta), w.Lanes)
	checkApart("Update", "w", "d", w.Data, d.span())
	checkApart("Update", "w", "beta", w.Data, beta)
	if w.Lanes == 0 {
		return
	}
	if o.s.Packed == nil {
		o.GemmParallel(Product[T]{Alpha: 1, A: m.loaded(), TransA: true, B: d, BetaCol: beta, C: w.mat()}, workers)
		return
	}
	if workers = o.panelParts(m, w, w.Steps, workers); workers == 1 {
		o.s.Packed.Update(w, beta, m, d, 0)
		return
	}
	o.updateParts(w, beta, m, d, workers)
}

func (o Ops[T]) updateParts(w Panels[T], beta []T, m *Minibatch[T], d Mat[T], workers int) {
	forEach(workers, func(i int) {
		if w.flipped() {
			p0, p1 := cut(w.Steps, w.Width, i, workers), cut(w.Steps, w.Width, i+1, workers)
			o.s.Packed.Update(w.steps(p0, p1), beta, m, d, p0)
			return
		}
		l0, l1 := cut(w.Lanes, w.Width, i, workers), cut(w.Lanes, w.Width, i+1, workers)
		o.s.Packed.Update(w.lanes(l0, l1), beta[l0:l1], m, d.Slice(0, d.Rows, l0, l1), 0)
	})
}

func (m *Minibatch[T]) checkSet(op string, o Ops[T]) {
	if m.slots != o.s {
		panic(fmt.Sprintf("kernels: %s: the minibatch is another set's", op))
	}
}

func (o Ops[T]) checkLayer(op string, m *Minibatch[T], w Panels[T]) {
	m.checkSet(op, o)
	checkPanels(op, "w", w)
	if m.images == 0 {
		panic(fmt.Sprintf("kernels: %s: the minibatch was not loaded", op))
	}
	if w.Steps != m.Pixels {
		panic(fmt.Sprintf("kernels: %s: w has %d steps, an image has %d pixels", op, w.Steps, m.Pixels))
	}
	if w.flipped() != m.flipped {
		panic(fmt.Sprintf("kernels: %s: w is in %s, the minibatch was made for weights of another form", op, w.form()))
	}
	if p := o.s.Packed; p != nil && w.Width != p.Width {
		panic(fmt.Sprintf("kernels: %s: w has panels of %d lanes, the set wants %d: they come from NewPanels", op, w.Width, p.Width))
	}
}

// panelParts returns the number of workers that a product with w is worth, which share panels: of its
// lanes, or where w is flipped of the n images or pixels that lie along the vectors.
func (o Ops[T]) panelParts(m *Minibatch[T], w Panels[T], n, workers int) int {
	panels := w.panels()
	if w.flipped() {
		panels = (n + w.Width - 1) / w.Width
	}
	worth := int64(m.images) * int64(w.Steps) * int64(w.Lanes) / minParallelWork
	return int(max(1, min(int64(workers), int64(panels), worth)))
}

func (p Panels[T]) panels() int { return (p.Lanes + p.Width - 1) / p.Width }

// cut returns where the part of worker i begins, of n in panels of width.
func cut(n, width, i, workers int) int {
	panels := (n + width - 1) / width
	return min(n, i*panels/workers*width)
}

// loaded returns the images as a matrix, for sets that do without groups.
func (m *Minibatch[T]) loaded() Mat[T] { return m.plain.Slice(0, m.images, 0, m.Pixels) }
