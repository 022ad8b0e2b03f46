package blocked

import "fusegrid/kernels"

// Layouts returns a function for [kernels.Slots.Layout] that chooses the layout of first-layer
// weights. The layout is flipped if the lanes are few and m has the functions for it, otherwise
// wide. m must have Copy and micro-panels. The elementwise kernels are those of s.
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

// layer holds the fields and methods that both layouts of a set share.
type layer[T kernels.Float] struct {
	gemm[T]
	slots *kernels.Slots[T]
}

// flips reports whether weights with this number of lanes are flipped. The wide layout wastes parts
// of vectors; the flipped one packs the images a second time and leaves the vectors of the last
// images partial. FlipWaste says which costs more.
func (l *layer[T]) flips(lanes int) bool {
	const oneVector = 4 // the OneVectorPenalty with which FlipWaste was measured
	m := &l.micro
	return m.PackImageLanes != nil && l.costOfCols(lanes, oneVector)*m.Tile.Lanes*1000 > 20*lanes*(1000+m.FlipWaste)
}

// panels returns the number of panels or tiles, each NR wide, that hold n columns or rows.
func (l *layer[T]) panels(n int) int {
	nr := l.micro.Tile.NR
	return (n + nr - 1) / nr
}

// span returns the range of rows or columns in parts [lo, hi), each NR wide, of n in total.
func (l *layer[T]) span(lo, hi, n int) (first, end int) {
	nr := l.micro.Tile.NR
	return min(n, lo*nr), min(n, hi*nr)
}

// release clears the references of ws to the caller's memory and returns ws to the pool.
func (l *layer[T]) release(ws *workspace[T]) {
	ws.s, ws.move = strip[T]{}, Move[T]{}
	l.pool.Put(ws)
}
