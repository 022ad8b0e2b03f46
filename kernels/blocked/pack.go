package blocked

import (
	"unsafe"

	"fusegrid/internal/pages"
	"fusegrid/kernels"
)

// An operand is one side of a product. It has two strides, so it can describe a matrix and a
// transposed matrix alike. The first index is the row of C for scalars and the column of C for
// vectors. The second index, k, is summed over.
type operand[T kernels.Float] struct {
	data            []T
	stride, kStride int // of the two indices, in elements
	panelRows       int // rows of a micro-panel if packed in micro-panels, which are panelRows·stride apart
}

// at returns the operand that starts at element (i, p).
func (o operand[T]) at(i, p int) operand[T] {
	off := i*o.stride + p*o.kStride
	if off >= len(o.data) {
		off = len(o.data) // only if the product is empty
	}
	o.data = o.data[off:]
	return o
}

// A panel is an operand whose columns are neighbours, as the vector side of a micro-kernel needs.
type panel[T kernels.Float] struct {
	data   []T
	stride int
	offset int // position of data in the operand or workspace; its difference to the next panel is prefetched
	pack   []T // where the first tile packs it, or nil
}

// packVector copies cols × k of o into the workspace, row by row of k, from element at on.
func (g *gemm[T]) packVector(w *workspace[T], at int, o operand[T], cols, k int) panel[T] {
	buf := w.vector[at:]
	stride := roundUp(cols, g.micro.Tile.Lanes)
	w.move.Dst, w.move.Stride = buf, stride
	w.move.BetaKind = BetaNone
	w.move.Src = o.data
	if o.stride == 1 {
		w.move.Rows, w.move.Cols, w.move.SrcStride = k, cols, o.kStride
		g.micro.Copy(&w.move)
	} else {
		w.move.Rows, w.move.Cols, w.move.SrcStride = cols, k, o.stride
		g.micro.Transpose(&w.move)
	}
	return panel[T]{data: buf, stride: stride, offset: at}
}

// packPanels copies cols × k of o, whose columns are neighbours, to whole panels at the start of
// the workspace. It reads each row of o once, from end to end.
func (g *gemm[T]) packPanels(w *workspace[T], o operand[T], cols, k int) {
	m := &w.move
	m.Rows, m.Cols, m.Src, m.SrcStride = k, cols, o.data, o.kStride
	m.Dst, m.Stride = w.vector, k*g.micro.Tile.NR
	g.micro.PackPanels(m)
}

// packScalar copies rows × k of o into the workspace. If the rows of o are neighbours and the
// kernel takes micro-panels, the copy has micro-panels. Otherwise the copy keeps the order of the
// two indices, because the kernel reads either order. Its stride spreads lines over many cache
// sets.
func (g *gemm[T]) packScalar(w *workspace[T], o operand[T], rows, k int) operand[T] {
	if o.kStride == 1 {
		stride := oddStride[T](k)
		w.scalar = grow(w.scalar, rows*stride)
		for i := range rows {
			copy(w.scalar[i*stride:i*stride+k], o.data[i*o.stride:])
		}
		return operand[T]{data: w.scalar, stride: stride, kStride: 1}
	}
	if g.micro.PackMR > 0 {
		return g.packMicroPanels(w, o, rows, k)
	}
	stride := oddStride[T](rows)
	w.scalar = grow(w.scalar, k*stride)
	for p := range k {
		copy(w.scalar[p*stride:p*stride+rows], o.data[p*o.kStride:])
	}
	return operand[T]{data: w.scalar, stride: 1, kStride: stride}
}

// packMicroPanels copies rows × k of o into micro-panels. Element (i, p) is at i/MR·MR·k + p·MR + i
// mod MR, where MR is PackMR. The outer loop takes a few terms at a time, for all micro-panels. If
// it took one micro-panel at a time, it would use a part of each cache line, which would leave the
// cache before the next micro-panel needs it.
func (g *gemm[T]) packMicroPanels(w *workspace[T], o operand[T], rows, k int) operand[T] {
	mr := g.micro.PackMR
	w.scalar = grow(w.scalar, roundUp(rows, mr)*k)
	for p := 0; p < k; p += packK {
		kb := min(packK, k-p)
		for i := 0; i < rows; i += mr {
			dst, src := w.scalar[i*k+p*mr:], o.data[p*o.kStride+i:]
			if rest := rows - i; rest < mr {
				for q := range kb {
					copy(dst[q*mr:q*mr+rest], src[q*o.kStride:])
				}
			} else {
				g.micro.PackScalars(dst, src, kb, o.kStride)
			}
		}
	}
	return operand[T]{data: w.scalar, stride: k, kStride: mr, panelRows: mr}
}

// oddStride returns the stride of packed rows of n elements, an odd number of cache lines.
func oddStride[T kernels.Float](n int) int {
	line := lineElems[T]()
	return (roundUp(n, line)/line | 1) * line
}

const cacheLine = pages.Line

func lineElems[T kernels.Float]() int {
	var zero T
	return cacheLine / sizeOf(zero)
}

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// grow returns a slice of n elements that starts at a cache line. It reuses buf if buf is large
// enough.
func grow[T kernels.Float](buf []T, n int) []T {
	if cap(buf) >= n {
		return buf[:n]
	}
	return pages.Make[T](n)
}

func sizeOf[T kernels.Float](x T) int { return int(unsafe.Sizeof(x)) }
