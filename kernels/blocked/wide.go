package blocked

import (
	"fmt"
	"slices"

	"fusegrid/kernels"
)

// wide is the layout with lanes along the vectors. A panel holds NR lanes, row by row, so element
// (p, l) is at l/NR·NR·Rows + p·NR + l mod NR. Micro-kernels read and write weights in this order,
// so weights are never packed.
type wide[T kernels.Float] struct{ *layer[T] }

func (w wide[T]) String() string { return fmt.Sprintf("panels of %d", w.micro.Tile.NR) }

func (w wide[T]) Size(rows, lanes int) int { return rows * roundUp(lanes, w.micro.Tile.NR) }

func (w wide[T]) Runs(rows, l int) (first, length, stride int) {
	nr := w.micro.Tile.NR
	return l/nr*nr*rows + l%nr, 1, nr
}

// panelsOf returns the elements of lanes [l0, l1), where l0 is the first lane of a panel.
func (w wide[T]) panelsOf(x kernels.Panels[T], l0, l1 int) []T {
	return x.Data[l0*x.Rows : roundUp(l1, w.micro.Tile.NR)*x.Rows]
}

func (w wide[T]) Squares(dst []T, x kernels.Panels[T]) {
	nr := w.micro.Tile.NR
	sums := make([]T, kernels.SumLanes[T]()*nr)
	for l := 0; l < x.Lanes; l += nr {
		end := min(l+nr, x.Lanes)
		clear(sums)
		w.slots.AddSquares(sums, w.panelsOf(x, l, end))
		w.slots.FoldSquares(dst[l:end], sums)
	}
}

// Span returns lanes of one panel. A whole panel is one run, including the padding of the last
// panel.
func (w wide[T]) Span(rows, lanes, l0, l1 int) kernels.Span {
	nr := w.micro.Tile.NR
	end := min(l1, l0/nr*nr+nr)
	if l0%nr == 0 && (end%nr == 0 || end == lanes) {
		return kernels.Span{First: l0 * rows, Length: nr * rows, Count: 1, End: end}
	}
	first, _, stride := w.Runs(rows, l0)
	return kernels.Span{First: first, Length: end - l0, Stride: stride, Count: rows, End: end}
}

func (w wide[T]) NewImages(images, pixels int) kernels.Images[T] {
	return &wideImages[T]{layer: w.layer, pixels: pixels, rows: make([]*uint8, w.micro.PackMR)}
}

// wideImages is a minibatch in micro-panels of PackMR images, pixel by pixel: pixel p of image i is
// at i/MR·stride + p·MR + i mod MR, where MR is PackMR. X·W reads it as micro-panels of rows, and
// Xᵀ·d as tiles of PackMR pixels × PackMR images.
type wideImages[T kernels.Float] struct {
	*layer[T]
	pixels int
	n      int // images that were loaded last
	stride int // between micro-panels
	data   []T
	rows   []*uint8 // the images of one micro-panel
}

// imageK divides the number of pixels that Micro.PackImages converts.
const imageK = 16

func (x *wideImages[T]) Load(images []uint8, idx []int, mean []T) {
	d, mr := x.pixels, x.micro.PackMR
	x.n, x.stride = len(idx), oddStride[T](d*mr) // also the stride of the tiles
	x.data = grow(x.data, (len(idx)+mr-1)/mr*x.stride+x.micro.Tile.Lanes)
	whole := d &^ (imageK - 1)
	for i := 0; i < len(idx); i += mr {
		n := min(mr, len(idx)-i)
		for r := range mr {
			x.rows[r] = &images[idx[i+min(r, n-1)]*d] // the rows beyond the last image are never read
		}
		dst := x.data[i/mr*x.stride:]
		if whole > 0 {
			x.micro.PackImages(dst, x.rows, mean, whole)
		}
		for p := whole; p < d; p++ {
			for r := range n {
				dst[p*mr+r] = T(images[idx[i+r]*d+p]) - mean[p]
			}
		}
	}
	clear(x.rows) // drop references to the caller's images
}

// Parts returns the number of panels of lanes.
func (x *wideImages[T]) Parts(w kernels.Panels[T]) (forward, update int) {
	n := x.panels(w.Lanes)
	return n, n
}

func (x *wideImages[T]) Forward(z kernels.Mat[T], w kernels.Panels[T], squares []T, lo, hi int) {
	ws := x.pool.Get().(*workspace[T])
	nr := x.micro.Tile.NR
	first, end := x.span(lo, hi, w.Lanes)
	p := wideProduct[T]{
		images: x.n, scalars: x.scalars(false), cols: end - first,
		vec: view[T]{w.Data[first*w.Rows:], nr * w.Rows, nr},
		out: view[T]{z.Data[first:], nr, z.Stride},
	}
	one := kernels.SumLanes[T]() * nr
	if squares != nil {
		ws.squares = grow(ws.squares, (hi-lo)*one)
		clear(ws.squares)
		p.squares = ws.squares
	}
	x.run(ws, &p)
	if squares != nil {
		for c := range hi - lo {
			l := first + c*nr
			x.slots.FoldSquares(squares[l:min(l+nr, end)], ws.squares[c*one:][:one])
		}
	}
	x.release(ws)
}

func (x *wideImages[T]) Update(w kernels.Panels[T], beta []T, d kernels.Mat[T], lo, hi int) {
	ws := x.pool.Get().(*workspace[T])
	nr := x.micro.Tile.NR
	first, end := x.span(lo, hi, w.Lanes)
	beta = beta[first:end]
	ws.betas = grow(ws.betas, roundUp(len(beta), nr))
	for i := copy(ws.betas, beta); i < len(ws.betas); i++ {
		ws.betas[i] = 1
	}
	p := wideProduct[T]{
		images: x.n, scalars: x.scalars(true), cols: end - first,
		out:  view[T]{w.Data[first*w.Rows:], nr * w.Rows, nr},
		beta: ws.betas, nonzero: !slices.Contains(beta, 0), padded: true,
	}
	p.vec = x.packDeltas(ws, d.Slice(0, d.Rows, first, end))
	x.run(ws, &p)
	x.release(ws)
}

// packDeltas copies d to panels.
func (x *wideImages[T]) packDeltas(ws *workspace[T], d kernels.Mat[T]) view[T] {
	nr := x.micro.Tile.NR
	ws.vector = grow(ws.vector, d.Rows*roundUp(d.Cols, nr))
	whole := d.Cols / nr * nr
	if whole > 0 {
		x.packPanels(ws, operand[T]{data: d.Data, stride: 1, kStride: d.Stride}, whole, d.Rows)
	}
	if whole < d.Cols {
		m := &ws.move
		m.Rows, m.Cols, m.Src, m.SrcStride = d.Rows, d.Cols-whole, d.Data[whole:], d.Stride
		m.Dst, m.Stride, m.BetaKind = ws.vector[whole*d.Rows:], nr, BetaNone
		x.micro.Copy(m)
	}
	return view[T]{ws.vector, nr * d.Rows, nr}
}

// imageScalars is a minibatch as the scalar side, rows × k, of one of its products, with the sizes
// of its blocks. A block of MC rows and KC terms stays in the L2 cache.
type imageScalars[T kernels.Float] struct {
	*wideImages[T]
	rows, k int
	mc, kc  int
	tiled   bool // rows are pixels, and k is the image
}

func (x *wideImages[T]) scalars(tiled bool) imageScalars[T] {
	mr := x.micro.PackMR
	s := imageScalars[T]{wideImages: x, rows: x.n, k: x.pixels, tiled: tiled}
	unit := kernels.SumLanes[T]() // the terms of a block start with row 0 of the sums of squares
	if tiled {
		s.rows, s.k, unit = x.pixels, x.n, mr
	}
	s.kc = balance(min(s.k, kernels.Piece), x.micro.KC, unit)
	s.mc = balance(s.rows, max(x.micro.l2Elems()/s.kc, mr), mr)
	return s
}

// set sets the scalars of s to the block that starts at this row and term.
func (x *imageScalars[T]) set(s *strip[T], row, p int) {
	mr := x.micro.PackMR
	s.panelRows = mr
	if x.tiled {
		s.scalar = x.data[p/mr*x.stride+row*mr+p%mr:]
		s.ScalarStride, s.ScalarKStride, s.PanelStride = mr, 1, mr*mr
		s.Run, s.RunSkip = mr, x.stride-mr
		if s.K < mr {
			s.Run = s.K
		}
		return
	}
	s.scalar = x.data[row/mr*x.stride+p*mr:]
	s.ScalarStride, s.ScalarKStride, s.PanelStride, s.Run = 1, mr, x.stride, s.K
}

// end returns the end of the block that starts at term p. If terms are images, they lie in runs of MR. A
// piece that ends within a run has one more block for the images before its end, and the next piece
// has one for those after it.
func (x *imageScalars[T]) end(p int) int {
	end, mr := blockEnd(p, x.kc, x.k), x.micro.PackMR
	switch over := p % mr; {
	case !x.tiled:
	case over > 0:
		end = min(end, p-over+mr)
	case end < x.k && end-p > mr:
		end -= (end - p) % mr
	}
	return end
}

// A view is a matrix, in panels or in row-major order. Column l of row r of panel c is at c·panel +
// r·row + l.
type view[T kernels.Float] struct {
	data       []T
	panel, row int // strides
}

// at returns the elements from row r and column l on, if panels have nr columns.
func (v view[T]) at(r, l, nr int) []T { return v.data[l/nr*v.panel+l%nr+r*v.row:] }

// wideProduct is a product of packed images with vectors.
type wideProduct[T kernels.Float] struct {
	scalars imageScalars[T]
	images  int
	cols    int
	vec     view[T]
	out     view[T]
	beta    []T  // the β of each column, padded to whole vectors, or nil
	nonzero bool // no β is 0
	padded  bool // the last vector of out may be written as a whole
	squares []T  // SumLanes rows for each panel, or nil
}

// run computes p for a limited number of columns at a time, which bounds the memory for partial
// sums.
func (x *wideImages[T]) run(ws *workspace[T], p *wideProduct[T]) {
	s, nr := &p.scalars, x.micro.Tile.NR
	ws.s.alpha = 1
	// The sums of Forward and the deltas of Update stay in the L2 cache.
	nc := max(x.micro.l2Elems()/p.images/nr, 1) * nr
	for j := 0; j < p.cols; j += nc {
		end := min(j+nc, p.cols)
		for k := 0; k < s.k; k = s.end(k) {
			x.macroKernel(ws, p, j, end, k)
		}
	}
}

// macroKernel continues the sums of columns [j, end) by one block of terms, from k on.
func (x *wideImages[T]) macroKernel(ws *workspace[T], p *wideProduct[T], j, end, k int) {
	s, sc, nr := &ws.s, &p.scalars, x.micro.Tile.NR
	s.K = sc.end(k) - k
	cols := roundUp(end-j, nr)
	ws.partial.grow(cols*sc.rows, sc.k, min(s.K, sc.kc))
	s.VecStride, s.out.Stride = p.vec.row, p.out.row
	for row := 0; row < sc.rows; row += sc.mc {
		s.rows = min(sc.mc, sc.rows-row)
		sc.set(s, row, k)
		for c := j; c < end; {
			width := x.width(end - c)
			s.Vec, s.Prefetch = p.vec.at(k, c, nr), 0
			if next := c + nr; c%nr == 0 && next < end {
				s.Prefetch = p.vec.panel
			}
			s.out.Dst, s.Cols = p.out.at(row, c, nr), width
			if p.beta != nil {
				s.out.BetaKind, s.out.Beta = BetaCols, p.beta[c:]
			}
			if p.padded {
				s.Cols, s.wholeBeta = x.wholeWidth(width), p.nonzero
			}
			ws.partial.setBlock(s, k, sc.k, row*cols+(c-j)*s.rows)
			var squares []T
			if p.squares != nil && row == 0 && c%nr == 0 {
				squares = p.squares[c*kernels.SumLanes[T]():][:kernels.SumLanes[T]()*nr]
			}
			x.multiplyPanel(ws, squares)
			c += width
		}
	}
}

// multiplyPanel computes the strip of ws. If squares is not nil, it also adds the squares of the
// vectors of the strip to them.
func (x *wideImages[T]) multiplyPanel(ws *workspace[T], squares []T) {
	s, m, after := &ws.s, &x.micro, squares
	s.squares = nil
	if m.Squares > 0 && s.K%m.Squares == 0 && s.Cols == m.Tile.NR && s.rows >= s.panelRows {
		s.squares, after = squares, nil
	}
	x.multiply(ws)
	if after != nil {
		x.slots.AddSquares(after, s.Vec[:s.K*m.Tile.NR])
	}
}
