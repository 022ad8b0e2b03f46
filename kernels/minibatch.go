package kernels

import "fmt"

// A Minibatch is images as first layers meet them: float(pixel) − mean, exactly rounded, in the
// order in which the two products with them read it. [Ops.Load] fills it. It belongs to the set that
// made it and to weights of one layout, and serves one goroutine at a time.
type Minibatch[T Float] struct {
	Pixels int // D
	slots  *Slots[T]
	layout Layout[T]
	images Images[T]
	loaded int // N, the number of images that were loaded last
	room   int // the most images
}

// Images is a minibatch in the order in which the products of one [Layout] read it.
//
// A product with it comes in parts, which different goroutines may compute at the same time. The
// sums of an element always lie in one part.
type Images[T Float] interface {
	// Load takes images and a mean image as [Ops.Load] does.
	Load(x []uint8, idx []int, mean []T)
	// Parts returns the number of parts of Forward and of Update with w and the images that were loaded last.
	Parts(w Panels[T]) (forward, update int)
	// Forward computes parts [lo, hi) of [Ops.Forward]. The operands are whole. If squares is not nil,
	// all parts together set each of its elements once.
	Forward(z Mat[T], w Panels[T], squares []T, lo, hi int)
	// Update computes parts [lo, hi) of [Ops.Update]. The operands are whole.
	Update(w Panels[T], beta []T, d Mat[T], lo, hi int)
}

// NewMinibatch returns room for so many images, which have w.Rows pixels and will meet weights of the
// layout of w.
func (o Ops[T]) NewMinibatch(images int, w Panels[T]) *Minibatch[T] {
	if images < 1 || w.Rows < 1 {
		panic(fmt.Sprintf("kernels: NewMinibatch: %d images of %d pixels", images, w.Rows))
	}
	o.checkPanels("NewMinibatch", "w", w)
	return &Minibatch[T]{Pixels: w.Rows, slots: o.s, layout: w.Layout, images: w.Layout.NewImages(images, w.Rows), room: images}
}

// Len returns the number of images that were loaded last.
func (m *Minibatch[T]) Len() int { return m.loaded }

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
	m.loaded = len(idx)
	m.images.Load(x, idx, mean)
}

// Rows makes n samples the minibatch and returns the matrix, (n, D), that holds them: the caller fills it
// before the next product. The weights are those of [Ops.NewRowMajor].
func (o Ops[T]) Rows(m *Minibatch[T], n int) Mat[T] {
	m.checkSet("Rows", o)
	images, ok := m.images.(*matrixImages[T])
	if !ok {
		panic(fmt.Sprintf("kernels: Rows: the minibatch is for weights in %s, want rows", m.layout))
	}
	if n < 1 || n > m.room {
		panic(fmt.Sprintf("kernels: Rows: %d samples, want 1…%d", n, m.room))
	}
	m.loaded, images.n = n, n
	return images.loaded()
}

// Forward computes the first layer of many nets: z = X·W, (N, Lanes), for the minibatch X, (N, D),
// and their weights W, (D, Lanes): elements as those of [Ops.Gemm]. If squares is not nil, it
// gets what [Ops.LaneSquares] gives for W, which costs little while W passes by. The outputs are
// split over up to that many goroutines, as by [Ops.GemmParallel].
func (o Ops[T]) Forward(z Mat[T], m *Minibatch[T], w Panels[T], squares []T, workers int) {
	checkMat("Forward", "z", z)
	o.checkLayer("Forward", m, w)
	if z.Rows != m.loaded || z.Cols != w.Lanes {
		panic(fmt.Sprintf("kernels: Forward: z is %d×%d, want %d×%d", z.Rows, z.Cols, m.loaded, w.Lanes))
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
	parts, _ := m.images.Parts(w)
	if workers = m.workers(w, parts, workers); workers == 1 {
		m.images.Forward(z, w, squares, 0, parts)
		return
	}
	m.forwardParallel(z, w, squares, parts, workers)
}

// forwardParallel is a function of its own so that a single worker does not pay for what its
// closure puts on the heap.
func (m *Minibatch[T]) forwardParallel(z Mat[T], w Panels[T], squares []T, parts, workers int) {
	forEach(workers, func(i int) {
		m.images.Forward(z, w, squares, share(parts, i, workers), share(parts, i+1, workers))
	})
}

// Update computes the step of the first layer of many nets: W ← W·diag(β) + Xᵀ·d for the minibatch X,
// (N, D), their weights W, (D, Lanes), and their deltas d, (N, Lanes): elements as those of
// [Ops.Gemm] with BetaCol. The outputs are split as by [Ops.Forward].
func (o Ops[T]) Update(w Panels[T], beta []T, m *Minibatch[T], d Mat[T], workers int) {
	checkMat("Update", "d", d)
	o.checkLayer("Update", m, w)
	if d.Rows != m.loaded || d.Cols != w.Lanes {
		panic(fmt.Sprintf("kernels: Update: d is %d×%d, want %d×%d", d.Rows, d.Cols, m.loaded, w.Lanes))
	}
	checkLen("Update", "beta", len(beta), w.Lanes)
	checkApart("Update", "w", "d", w.Data, d.span())
	checkApart("Update", "w", "beta", w.Data, beta)
	if w.Lanes == 0 {
		return
	}
	_, parts := m.images.Parts(w)
	if workers = m.workers(w, parts, workers); workers == 1 {
		m.images.Update(w, beta, d, 0, parts)
		return
	}
	m.updateParallel(w, beta, d, parts, workers)
}

func (m *Minibatch[T]) updateParallel(w Panels[T], beta []T, d Mat[T], parts, workers int) {
	forEach(workers, func(i int) {
		m.images.Update(w, beta, d, share(parts, i, workers), share(parts, i+1, workers))
	})
}

// workers returns the number of workers that a product with w in so many parts is worth.
func (m *Minibatch[T]) workers(w Panels[T], parts, workers int) int {
	return worthWorkers(m.loaded, w.Rows, w.Lanes, parts, workers)
}

func (m *Minibatch[T]) checkSet(op string, o Ops[T]) {
	if m.slots != o.s {
		panic(fmt.Sprintf("kernels: %s: the minibatch is another set's", op))
	}
}

func (o Ops[T]) checkLayer(op string, m *Minibatch[T], w Panels[T]) {
	m.checkSet(op, o)
	o.checkPanels(op, "w", w)
	if m.loaded == 0 {
		panic(fmt.Sprintf("kernels: %s: the minibatch was not loaded", op))
	}
	if w.Rows != m.Pixels {
		panic(fmt.Sprintf("kernels: %s: w has %d rows, an image has %d pixels", op, w.Rows, m.Pixels))
	}
	if w.Layout != m.layout {
		panic(fmt.Sprintf("kernels: %s: w is in %s, the minibatch was made for %s", op, w.Layout, m.layout))
	}
}
