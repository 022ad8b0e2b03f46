package kernels

import (
	"unsafe"

	"fusegrid/internal/pages"
)

// An operand is one side of a product with its two strides, so that a matrix and
// its transpose are the same kind of thing. "Lane" is the index that runs along
// C, "step" the one that is summed over.
type operand[T Float] struct {
	data       []T
	lane, step int // distance of neighbours, in elements
	groups     int // lanes of a full group, if packed in groups: those are groups·lane apart
}

// from returns the operand that starts at lane i and step p.
func (o operand[T]) from(i, p int) operand[T] {
	off := i*o.lane + p*o.step
	if off >= len(o.data) {
		off = len(o.data) // only where the product is empty
	}
	o.data = o.data[off:]
	return o
}

// A panel is an operand in the form that a micro-kernel's vector side needs: its
// lanes are neighbours.
type panel[T Float] struct {
	data []T
	step int
	at   int // where data starts, to tell how far the next one is
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

// packScalar copies lanes × k of o into the workspace. Where its lanes are neighbours
// and the kernel takes groups, each group becomes one piece of memory, step by step. Else
// the order of the two stays: the kernel takes either, so this only brings lines together
// that a power-of-two stride would crowd into one cache set.
func (g *gemm[T]) packScalar(w *workspace[T], o operand[T], lanes, k int) operand[T] {
	if o.step == 1 {
		lane := scalarPitch[T](k)
		w.scalar = grow(w.scalar, lanes*lane)
		for i := range lanes {
			copy(w.scalar[i*lane:i*lane+k], o.data[i*o.lane:])
		}
		return operand[T]{data: w.scalar, lane: lane, step: 1}
	}
	if g.micro.Group > 0 {
		return g.packGroups(w, o, lanes, k)
	}
	step := scalarPitch[T](lanes)
	w.scalar = grow(w.scalar, k*step)
	for p := range k {
		copy(w.scalar[p*step:p*step+lanes], o.data[p*o.step:])
	}
	return operand[T]{data: w.scalar, lane: 1, step: step}
}

// packGroups is packScalar by groups of full lanes. Element (i, p) is at i/full·full·k + p·full +
// i mod full. It goes down the source a few rows at a time, across all groups: one group after
// the other would take a corner of a line of each row, and the lines are gone by the time the
// next one wants them.
func (g *gemm[T]) packGroups(w *workspace[T], o operand[T], lanes, k int) operand[T] {
	full := g.micro.Group
	w.scalar = grow(w.scalar, roundUp(lanes, full)*k)
	for p := 0; p < k; p += groupDepth {
		depth := min(groupDepth, k-p)
		for i := 0; i < lanes; i += full {
			dst, src := w.scalar[i*k+p*full:], o.data[p*o.step+i:]
			if rows := lanes - i; rows < full {
				for q := range depth {
					copy(dst[q*full:q*full+rows], src[q*o.step:])
				}
			} else {
				g.micro.PackGroup(dst, src, depth, o.step)
			}
		}
	}
	return operand[T]{data: w.scalar, lane: k, step: full, groups: full}
}

// scalarPitch is the distance of packed rows of n: an odd number of cache lines.
func scalarPitch[T Float](n int) int {
	line := lineElems[T]()
	return (roundUp(n, line)/line | 1) * line
}

const cacheLine = pages.Line

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
	return pages.Make[T](n)
}

func sizeOf[T Float](x T) int { return int(unsafe.Sizeof(x)) }
