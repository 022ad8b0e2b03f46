package blocked

import "fusegrid/kernels"

// Blocking returns the block sizes of a product that is not transposed.
func Blocking[T kernels.Float](m Micro[T], p *kernels.Product[T]) (mc, kc, rowsPerPass int) {
	o := orient(p, false)
	b := newGemm(m).blockingOf(&o)
	return b.mc, b.kc, b.rowsPerPass
}

// PanelsHeld computes p. It returns the number of panels of the last block, and the number of
// elements that each panel of the workspace still refers to afterwards.
func PanelsHeld[T kernels.Float](m Micro[T], p kernels.Product[T]) (used int, held []int) {
	w := new(workspace[T])
	g := newGemm(m)
	g.pool.New = func() any { return w }
	g.product(p)
	for _, panel := range w.panels[:cap(w.panels)] {
		held = append(held, len(panel.data))
	}
	return len(w.panels), held
}
