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

func (l layout) String() string { return fmt.Sprintf("bfp16 panels of %d up to %d", lanes, l.whole) }

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
		return newFastImages(l, l.kernels, n, pixels)
	}
	return &images{layout: l, pixels: pixels, rows: pages.Make[uint8]((n + meanRows) * pixels), minus: make([]float32, pixels)}
}

// meanRows is the number of rows that hold the mean image: the bytes of M, from the highest to the lowest.
const meanRows = 3

// images is a minibatch as bytes, image after image. The rows of the mean image follow.
type images struct {
	layout
	pixels int
	n      int // images that were loaded last
	rows   []uint8
	minus  []float32 // −M·2^−16
}

func (m *images) row(i int) []uint8 { return m.rows[i*m.pixels : (i+1)*m.pixels] }

func (m *images) Load(x []uint8, idx []int, mean []float32) {
	checkMean(mean)
	m.n = len(idx)
	for i, j := range idx {
		copy(m.row(i), x[j*m.pixels:])
	}
	high, middle, low := m.row(m.n), m.row(m.n+1), m.row(m.n+2)
	for p, v := range mean {
		fixed := fixedPoint(v)
		high[p], middle[p], low[p] = uint8(fixed>>16), uint8(fixed>>8), uint8(fixed)
		m.minus[p] = minusMean(fixed)
	}
}

// A workspace is the scratch memory of one call.
type workspace struct {
	squares []float32
	lane    []float32 // numbers of one unit
	q       []int16   // the same, rounded
	sums    []int64
	g       []float32

	// Of fastImages.
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

// Parts returns the number of panels, plus 1 for the lanes outside of panels.
func (m *images) Parts(w kernels.Panels[float32]) (forward, update int) {
	n := panels(w.Lanes)
	return n, n
}

func (m *images) Forward(z kernels.Mat[float32], w kernels.Panels[float32], squares []float32, lo, hi int) {
	ws := m.pool.Get().(*workspace)
	ws.lane, ws.q, ws.sums = grow(ws.lane, m.pixels), grow(ws.q, m.pixels), grow(ws.sums, m.n+meanRows)
	if squares != nil {
		m.squares(squares, w, lo, hi, ws)
	}
	for l := lo * lanes; l < min(hi*lanes, w.Lanes); l++ {
		w.Lane(ws.lane, l)
		scale := float64(weights.quantize(ws.q, ws.lane)) / (1 << 16)
		m.dot(ws.sums, ws.q)
		mean := ws.sums[m.n]<<16 + ws.sums[m.n+1]<<8 + ws.sums[m.n+2]
		for i, sum := range ws.sums[:m.n] {
			z.Data[i*z.Stride+l] = toFloat(sum<<16-mean, scale)
		}
	}
	m.pool.Put(ws)
}

// dot sets sums to the products of all rows with q.
func (m *images) dot(sums []int64, q []int16) {
	i := 0
	for ; i+4 <= len(sums); i += 4 {
		a, b, c, d := m.row(i)[:len(q)], m.row(i + 1)[:len(q)], m.row(i + 2)[:len(q)], m.row(i + 3)[:len(q)]
		var s0, s1, s2, s3 int64
		for p, v := range q {
			k := int64(v)
			s0 += k * int64(a[p])
			s1 += k * int64(b[p])
			s2 += k * int64(c[p])
			s3 += k * int64(d[p])
		}
		sums[i], sums[i+1], sums[i+2], sums[i+3] = s0, s1, s2, s3
	}
	for ; i < len(sums); i++ {
		row := m.row(i)[:len(q)]
		sums[i] = 0
		for p, v := range q {
			sums[i] += int64(v) * int64(row[p])
		}
	}
}

func (m *images) Update(w kernels.Panels[float32], beta []float32, d kernels.Mat[float32], lo, hi int) {
	ws := m.pool.Get().(*workspace)
	ws.q, ws.sums, ws.g = grow(ws.q, m.n), grow(ws.sums, m.pixels), grow(ws.g, m.pixels)
	for l := lo * lanes; l < min(hi*lanes, w.Lanes); l++ {
		ws.lane = grow(ws.lane, m.n)
		for i := range ws.lane {
			ws.lane[i] = d.Data[i*d.Stride+l]
		}
		scale := m.deltas.quantize(ws.q, ws.lane)
		total := m.gradient(ws.sums, ws.q)
		for p, sum := range ws.sums {
			ws.g[p] = toFloat(sum, 1)
		}
		m.slots.Axpby(toFloat(total, 1), m.minus, 1, ws.g)
		ws.lane = grow(ws.lane, m.pixels)
		if beta[l] == 0 {
			m.slots.Axpby(scale, ws.g, 0, ws.lane)
			w.SetLane(l, ws.lane)
			continue
		}
		w.Lane(ws.lane, l)
		m.slots.Axpby(beta[l], ws.lane, scale, ws.g)
		w.SetLane(l, ws.g)
	}
	m.pool.Put(ws)
}

// gradient sets sums to Σ x(n,p)·δ(n) and returns Σ δ(n).
func (m *images) gradient(sums []int64, delta []int16) (total int64) {
	clear(sums)
	for i, v := range delta {
		if v == 0 { // many are, behind a ReLU
			continue
		}
		k := int64(v)
		total += k
		for p, x := range m.row(i)[:len(sums)] {
			sums[p] += k * int64(x)
		}
	}
	return total
}
