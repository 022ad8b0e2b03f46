package blocked

import "fusegrid/kernels"

// A strip is a part of a product that is one panel of vectors wide. If its sums have more than K
// terms, they take several calls of multiply. All but the last leave the sums in partial, and all
// but the first continue from there.
type strip[T kernels.Float] struct {
	// The arguments that all tiles share: K, Cols, Vec and the strides of both sides. multiply sets
	// the others.
	Tiles[T]

	out    Out[T]
	alpha  T
	rows   int
	scalar []T
	// If panelRows is not 0, scalars are packed in micro-panels of panelRows = Micro.PackMR rows,
	// which are PanelStride apart. ScalarStride is then 1 and ScalarKStride is panelRows. Only the
	// last micro-panel may be partial. If evenPanels is set, the micro-panels have instead the
	// heights of even tiles.
	panelRows  int
	evenPanels bool

	resume     bool // sums continue from partial, not from +0
	unfinished bool // sums go to partial, not to out
	wholeBeta  bool // the columns fill the kernel's vectors, and no β is 0
	// partial holds a row of sums for each row, in as many whole vectors as the kernel has.
	partial []T
	squares []T // Tiles.Squares of the first tile
}

const (
	fetchK     = 64 // the least number of terms for which prefetching the destination pays
	prefetchK  = 8  // terms for which a kernel prefetches a cache line of vectors
	mergeTiles = 4  // tiles whose sums stay in L1 until they are merged
)

// nextTiles returns the rows of the next tile if rest rows are left, and the number of tiles that have
// as many rows. The last two of even tiles have about the same height.
func nextTiles(rest, mr int, even bool) (rows, count int) {
	switch {
	case rest <= mr:
		return rest, 1
	case !even:
		return mr, rest / mr
	case rest > 2*mr:
		return mr, (rest - mr - 1) / mr
	}
	return (rest + 1) / 2, 2 - rest%2
}

// multiply computes the strip w.s. If a kernel cannot store its sums in place, they go to a buffer in
// L1, and Merge reads them from there. A product of few rows spends much of its time here. Therefore
// the loop keeps its variables in registers, and prepares the next tiles only if there are any.
func (g *gemm[T]) multiply(w *workspace[T]) {
	s := &w.s
	t := &s.Tiles
	k := g.micro.kernel(t.Cols)
	t.Order = g.order(s)
	t.Squares, t.BetaKind = s.squares, BetaNone
	t.Fetch = !s.unfinished && t.K >= fetchK
	dst, merge := s.out.Dst, false
	switch {
	case s.unfinished:
		dst, t.Stride = s.partial, k.NR
	case s.alpha == 1 && (s.out.BetaKind == BetaNone || s.wholeBeta):
		t.Stride = s.out.Stride
		if s.wholeBeta { // assigning the whole of Out would wait for its parts
			t.BetaKind, t.Beta, t.BetaStride = s.out.BetaKind, s.out.Beta, s.out.BetaStride
		}
	default:
		w.sums = grow(w.sums, mergeTiles*k.MR*g.micro.Tile.NR)
		dst, t.Stride, merge = w.sums, g.micro.Tile.NR, true
	}
	var start []T
	if s.resume {
		start = s.partial
	}
	panels, even := 0, true
	if s.panelRows > 0 {
		panels, even = k.MR/s.panelRows*t.PanelStride, s.evenPanels
	}
	scalar := s.scalar
	for row := 0; row < s.rows; {
		rows, count := nextTiles(s.rows-row, k.MR, even)
		if t.Squares != nil {
			count = 1
		}
		if merge {
			count = min(count, mergeTiles)
		}
		tile := panels
		if panels == 0 {
			tile = rows * t.ScalarStride
		}
		t.Rows, t.Count, t.ScalarTile = rows, count, tile
		t.Scalar, t.Start, t.Dst = scalar, start, dst
		k.Compute(t)
		rows *= count
		if merge {
			g.merge(w, row, rows)
		}
		if row += rows; row >= s.rows {
			return
		}
		t.Squares = nil // the next tiles meet the same vectors
		if t.Prefetch != 0 {
			t.Prefetch += count * (t.K / prefetchK * lineElems[T]())
		}
		if t.K > 0 {
			scalar = scalar[count*tile:]
		}
		if s.resume {
			start = start[rows*k.NR:]
		}
		if !merge {
			dst = dst[rows*t.Stride:]
		}
		if t.BetaKind == BetaRows {
			t.Beta = t.Beta[rows*t.BetaStride:]
		}
	}
}

// order returns the order of the operands of s.
func (g *gemm[T]) order(s *strip[T]) Order {
	nr := g.micro.Tile.NR
	switch {
	case s.VecStride != nr:
		return AnyOrder
	case s.panelRows > 0 && s.ScalarKStride != 1:
		return Packed
	case s.panelRows > 0 && s.Run == s.panelRows:
		return PackedRuns
	case s.panelRows == 0 && s.Run == nr && s.ScalarStride == nr && s.ScalarKStride == 1:
		return RowRuns
	}
	return AnyOrder
}

// merge finishes rows of the strip, from this row on, whose sums are in the buffer.
func (g *gemm[T]) merge(w *workspace[T], row, rows int) {
	s, m := &w.s, &w.move
	m.Out = s.out
	m.Dst = s.out.Dst[row*s.out.Stride:]
	if m.BetaKind == BetaRows {
		m.Beta = s.out.Beta[row*s.out.BetaStride:]
	}
	m.Rows, m.Cols, m.Src, m.SrcStride, m.Alpha = rows, s.Cols, s.Dst, s.Stride, s.alpha
	g.micro.Merge(m)
}
