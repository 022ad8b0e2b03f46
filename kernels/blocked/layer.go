package blocked

import "fusegrid/kernels"

// Layouts returns the choice of layout for first-layer weights, for [kernels.Slots.Layout]: wide, or flipped
// if the lanes are few and m can. It needs a Copy and micro-panels of m, and takes the elementwise kernels of s.
func Layouts[T kernels.Float](m Micro[T], s *kernels.Slots[T]) func(lanes int) kernels.Layout[T] {
	l := &layer[T]{gemm: gemm[T]{micro: m}, slots: s}
	l.pool.New = func() any { return new(workspace[T]) }
	return func(lanes int) kernels.Layout[T] {
		if lanes > 0 && l.flips(lanes) {
			return flipped[T]{l, lanes}
		}
		return wide[T]{l}
	}
}

// layer is what both layouts of a set share.
type layer[T kernels.Float] struct {
	gemm[T]
	slots *kernels.Slots[T]
}

// flips reports whether weights of so many lanes are flipped: if vectors along lanes waste more
// than flipped weights pay for the second packing of the images and for images that fill no vector.
func (l *layer[T]) flips(lanes int) bool {
	const oneVector = 4 // the penalty of strips of one vector, with which FlipWaste was measured
	m := &l.micro
	return m.PackImageLanes != nil && l.costOfCols(lanes, oneVector)*m.Tile.Lanes*1000 > 20*lanes*(1000+m.FlipWaste)
}

// wholeWidth returns the columns of the vectors that hold so many.
func (l *layer[T]) wholeWidth(cols int) int {
	t := &l.micro.Tile
	switch {
	case cols <= l.micro.Narrow:
		return l.micro.Narrow
	case cols <= t.Lanes:
		return t.Lanes
	}
	return t.NR
}

// panels returns the number of panels or tiles, each NR wide, that hold so many.
func (l *layer[T]) panels(n int) int {
	nr := l.micro.Tile.NR
	return (n + nr - 1) / nr
}

// span returns the rows or columns of parts [lo, hi), each NR wide, out of n.
func (l *layer[T]) span(lo, hi, n int) (first, end int) {
	nr := l.micro.Tile.NR
	return min(n, lo*nr), min(n, hi*nr)
}

// release returns ws to the pool without references to the caller's memory.
func (l *layer[T]) release(ws *workspace[T]) {
	ws.s, ws.move = Strip[T]{}, Move[T]{}
	l.pool.Put(ws)
}
