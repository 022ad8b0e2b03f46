package kernels

import "unsafe"

// An operand is one side of a product with its two strides, so that a matrix and
// its transpose are the same kind of thing. "Lane" is the index that runs along
// C, "step" the one that is summed over.
type operand[T Float] struct {
	data       []T
	lane, step int // distance of neighbours, in elements
}

// from returns the operand that starts at lane i and step p.
func (o operand[T]) from(i, p int) operand[T] {
	off := i*o.lane + p*o.step
	if off >= len(o.data) {
		return operand[T]{nil, o.lane, o.step} // only where the product is empty
	}
	return operand[T]{o.data[off:], o.lane, o.step}
}

// A panel is an operand in the form that a micro-kernel's vector side needs: its
// lanes are neighbours.
type panel[T Float] struct {
	data []T
	step int
	at   int // where data starts in the workspace, if packed
}

// packVector copies lanes × k of o into the workspace from at on, row by row of k.
func (g *gemm[T]) packVector(w *workspace[T], at int, o operand[T], lanes, k int) panel[T] {
	buf := w.vector[at:]
	step := roundUp(lanes, g.micro.Tile.Lanes)
	w.move.Dst, w.move.Step = buf, step
	w.move.BetaKind = BetaNone
	w.move.Src = o.data
	if o.lane == 1 {
		w.move.Rows, w.move.Cols, w.move.SrcStep = k, lanes, o.step
		g.micro.Copy(&w.move)
	} else {
		w.move.Rows, w.move.Cols, w.move.SrcStep = lanes, k, o.lane
		g.micro.Transpose(&w.move)
	}
	return panel[T]{buf, step, at}
}

// packPanels copies lanes × k of o, whose lanes are neighbours, to whole panels at
// the start of the workspace. It reads each row of o in one go.
func (g *gemm[T]) packPanels(w *workspace[T], o operand[T], lanes, k int) {
	nr := g.micro.Tile.NR
	m := &w.move
	m.Rows, m.Cols = lanes/nr, nr
	m.SrcStep, m.Step = nr, k*nr
	for p := range k {
		m.Src, m.Dst = o.data[p*o.step:], w.vector[p*nr:]
		g.micro.Copy(m)
	}
}

// packScalar copies lanes × k of o into the workspace. The order of the two stays: the
// kernel takes either, so this only brings lines together that a power-of-two
// stride would crowd into one cache set.
func (g *gemm[T]) packScalar(w *workspace[T], o operand[T], lanes, k int) operand[T] {
	if o.step == 1 {
		lane := scalarPitch[T](k)
		w.scalar = grow(w.scalar, lanes*lane)
		for i := range lanes {
			copy(w.scalar[i*lane:i*lane+k], o.data[i*o.lane:])
		}
		return operand[T]{w.scalar, lane, 1}
	}
	step := scalarPitch[T](lanes)
	w.scalar = grow(w.scalar, k*step)
	for p := range k {
		copy(w.scalar[p*step:p*step+lanes], o.data[p*o.step:])
	}
	return operand[T]{w.scalar, 1, step}
}

// scalarPitch is the distance of packed rows of n: an odd number of cache lines.
func scalarPitch[T Float](n int) int {
	line := lineElems[T]()
	return (roundUp(n, line)/line | 1) * line
}

const cacheLine = 64 // bytes

func lineElems[T Float]() int {
	var zero T
	return cacheLine / sizeOf(zero)
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// grow returns a slice of n elements that starts a cache line, reusing buf if it
// is large enough.
func grow[T Float](buf []T, n int) []T {
	if cap(buf) >= n {
		return buf[:n]
	}
	line := lineElems[T]()
	raw := make([]T, n+line-1)
	var zero T
	off := 0
	if rest := uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % cacheLine; rest != 0 {
		off = int((cacheLine - rest) / unsafe.Sizeof(zero))
	}
	return raw[off : off+n : off+n]
}

func sizeOf[T Float](x T) int { return int(unsafe.Sizeof(x)) }
