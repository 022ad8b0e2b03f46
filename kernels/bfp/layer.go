package bfp

import (
	"fmt"
	"sync"

	"fusegrid/internal/pages"
	"fusegrid/kernels"
)

// lanes is the number of units in a panel of weights.
const lanes = 16

// A layer holds what the first layers of a set share.
type layer struct {
	slots   *kernels.Slots[float32] // of class FMA
	deltas  integer                 // how deltas are rounded
	kernels *Kernels                // nil: plain Go
	pool    sync.Pool               // of *workspace
}

// A layout holds weights in panels of 16 lanes, row by row: element (p, l) is at l/16·16·Rows + p·16 +
// l mod 16. Lanes from whole on, a multiple of 16, are stored one after the other: (p, l) is at l·Rows + p.
type layout struct {
	*layer
	whole int
}

// newLayout returns the layout for n lanes.
func (l *layer) newLayout(n int) layout {
	whole := panels(n) * lanes
	if l.kernels != nil && l.kernels.Units != nil && n%lanes <= l.kernels.Units.Most {
		whole = n / lanes * lanes
	}
	return layout{l, whole}
}

func (l layout) String() string {
	return fmt.Sprintf("panels of %d for integers, up to lane %d", lanes, l.whole)
}

func panels(n int) int { return (n + lanes - 1) / lanes }

// panels returns the number of panels of the first n lanes.
func (l layout) panels(n int) int { return panels(min(n, l.whole)) }

func (l layout) Size(rows, n int) int { return rows * max(l.panels(n)*lanes, n) }

func (l layout) Runs(rows, lane int) (first, length, stride int) {
	if lane >= l.whole {
		return lane * rows, max(rows, 1), rows
	}
	return lane/lanes*lanes*rows + lane%lanes, 1, lanes
}

func (l layout) Squares(dst []float32, w kernels.Panels[float32]) {
	ws := l.pool.Get().(*workspace)
	l.squares(dst, w, 0, panels(w.Lanes), ws)
	l.pool.Put(ws)
}

// squares computes Squares for the panels [lo, hi), the last of which may be the lanes outside of panels.
func (l layout) squares(dst []float32, w kernels.Panels[float32], lo, hi int, ws *workspace) {
	ws.squares = grow(ws.squares, kernels.SumLanes[float32]()*lanes)
	for i := lo; i < hi; i++ {
		if i*lanes >= l.whole {
			for lane := l.whole; lane < w.Lanes; lane++ {
				dst[lane] = l.slots.SumSquares(w.Data[lane*w.Rows : (lane+1)*w.Rows])
			}
			break
		}
		clear(ws.squares)
		l.slots.AddSquares(ws.squares, w.Data[i*lanes*w.Rows:(i+1)*lanes*w.Rows])
		l.slots.FoldSquares(dst[i*lanes:min((i+1)*lanes, w.Lanes)], ws.squares)
	}
}

// Span returns whole panels and the lanes after them, which are one run, padding included, or lanes
// of one panel.
func (l layout) Span(rows, n, l0, l1 int) kernels.Span {
	end := l1 / lanes * lanes
	if l1 == n || l1 > l.whole {
		end = l1
	}
	if (l0%lanes == 0 || l0 > l.whole) && end > l0 {
		return kernels.Span{First: l0 * rows, Length: l.Size(rows, end) - l0*rows, Count: 1, End: end}
	}
	end = min(l1, l0/lanes*lanes+lanes)
	first, _, stride := l.Runs(rows, l0)
	return kernels.Span{First: first, Length: end - l0, Stride: stride, Count: rows, End: end}
}

func (l layout) NewImages(n, pixels int) kernels.Images[float32] {
	if n > MaxImages || pixels > MaxPixels {
		panic(fmt.Sprintf("bfp: %d images of %d pixels, want at most %d of %d", n, pixels, MaxImages, MaxPixels))
	}
	if l.kernels != nil && pixels <= exactPixels {
		return newKernelImages(l, l.kernels, n, pixels)
	}
	return &plainImages{layout: l, pixels: pixels, rows: pages.Make[uint8]((n + meanRows) * pixels), minus: make([]float32, pixels)}
}

// meanRows is the number of rows that hold the mean image: the bytes of M, from the highest to the lowest.
const meanRows = 3

// A workspace is the scratch memory of one call.
type workspace struct {
	squares []float32
	lane    []float32 // numbers of one unit
	q       []int16   // the same, rounded
	sums    []int64
	g       []float32

	// Of kernelImages.
	q8       []uint8 // rounded numbers of panels
	zeros    []uint8 // bytes hi of short deltas
	split    []int32 // sums
	pad      [4 * lanes]float32
	rounding Rounding
	products Products
	outputs  Outputs
	steps    []Steps   // of panels
	z        []float32 // of a panel with padding
	unit     UnitRounding
	unitStep UnitSteps
}

// release drops the references to the caller's memory.
func (ws *workspace) release() {
	ws.rounding.X, ws.products.X, ws.products.Fetch, ws.outputs.Z = nil, nil, nil, nil
	ws.unit.X, ws.unitStep.W, ws.unitStep.Minus = nil, nil, nil
	clear(ws.steps)
}

func grow[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n)
	}
	return x[:n]
}
