package kernels

import "fmt"

// A Minibatch holds images as the first layer reads them: float(pixel) − mean, exactly rounded, in
// the order in which the layer's two products need them. [Ops.Load] fills it. It must be used with
// the set that made it and with weights of one layout, by one goroutine at a time.
type Minibatch[T Float] struct {
	Pixels int // D
	slots  *Slots[T]
	layout Layout[T]
	images Images[T]
	loaded int // N, the number of images that were loaded last
	room   int // the maximum number of images
}

// Images is a minibatch in the order in which the products of one [Layout] read it.
//
// A product with Images is split into parts, which different goroutines may compute at the same
// time. All terms of an element must be summed in one part.
type Images[T Float] interface {
	// Load converts images as [Ops.Load] does.
	Load(x []uint8, idx []int, mean []T)
	// Parts returns the number of parts of Forward and of Update for the weights w and the images
	// that were loaded last.
	Parts(w Panels[T]) (forward, update int)
	// Forward computes parts [lo, hi) of [Ops.Forward]. The arguments are the operands of the
	// whole product, not of these parts. If squares is not nil, exactly one part must set each of
	// its elements.
	Forward(z Mat[T], w Panels[T], squares []T, lo, hi int)
	// Update computes parts [lo, hi) of [Ops.Update]. The arguments are the operands of the whole
	// product.
	Update(w Panels[T], beta []T, d Mat[T], lo, hi int)
}

// NewMinibatch returns an empty minibatch for up to the given number of images. They have w.Rows
// pixels and may be multiplied only with weights in the layout of w.
func (o Ops[T]) NewMinibatch(images int, w Panels[T]) *Minibatch[T] {
	if images < 1 || w.Rows < 1 {
		panic(fmt.Sprintf("kernels: NewMinibatch: %d images of %d pixels", images, w.Rows))
	}
	o.checkPanels("NewMinibatch", "w", w)
	return &Minibatch[T]{Pixels: w.Rows, slots: o.s, layout: w.Layout, images: w.Layout.NewImages(images, w.Rows), room: images}
}

// Len returns the number of images that were loaded last.
func (m *Minibatch[T]) Len() int { return m.loaded }

// Load fills m with the images of x at the indices idx, and subtracts the mean image from each.
// The images of x lie one after the other.
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

// Rows sets the size of the minibatch to n samples and returns the matrix (n, D) that holds them.
// The caller must fill it before the next product. The minibatch must be for weights made by
// [Ops.NewRowMajor].
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

// Forward computes z = X·W, the first layer of many nets. The minibatch X is (N, D), the weights W
// are (D, Lanes), and z is (N, Lanes). The elements of z have the bits of [Ops.Gemm], or in class BFP16 or BFP16D8
// those that package bfp defines. If squares is not nil, Forward also sets it to the result of
// [Ops.LaneSquares] for W. This costs little, because the product reads W anyway. The argument
// workers is the maximum number of goroutines, as in [Ops.GemmParallel].
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

// forwardParallel is separate from Forward, because its closure allocates and a single worker needs
// no closure.
func (m *Minibatch[T]) forwardParallel(z Mat[T], w Panels[T], squares []T, parts, workers int) {
	forEach(workers, func(i int) {
		m.images.Forward(z, w, squares, share(parts, i, workers), share(parts, i+1, workers))
	})
}

// Update computes W ← W·diag(β) + Xᵀ·d, the step of the first layer of many nets. The minibatch X
// is (N, D), the weights W are (D, Lanes), and the deltas d are (N, Lanes). The elements have the
// bits of [Ops.Gemm] with BetaCol, or in class BFP16 those that package bfp defines. The argument
// workers is the maximum number of goroutines.
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

// workers returns the number of workers that pay off for a product with w that has the given number
// of parts.
func (m *Minibatch[T]) workers(w Panels[T], parts, workers int) int {
	return worthWorkers(m.loaded, w.Rows, w.Lanes, parts, workers)
}

func (m *Minibatch[T]) checkSet(op string, o Ops[T]) {
	if m.slots != o.s {
		panic(fmt.Sprintf("kernels: %s: the minibatch belongs to another set", op))
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
