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
	run        int // Tiles.Run, or 0 if scalars do not lie in runs

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

// multiply computes the strip w.s. Whatever a kernel cannot store in place goes through a buffer in L1,
// which Merge takes it from.
func (g *gemm[T]) multiply(w *workspace[T]) {
	s := &w.s
	t := &s.Tiles
	k := g.micro.kernel(t.Cols)
	t.Order = g.order(s)
	if t.Run = s.run; t.Run == 0 {
		t.Run = t.K
	}
	merge := !s.unfinished && (s.alpha != 1 || s.out.BetaKind != BetaNone && !s.wholeBeta)
	t.BetaKind = BetaNone
	switch {
	case s.unfinished:
		t.Stride = k.NR
	case merge:
		w.sums = grow(w.sums, mergeTiles*k.MR*g.micro.Tile.NR)
		t.Dst, t.Stride = w.sums, g.micro.Tile.NR
	default: // assigning the whole of Out would wait for its parts
		t.Stride, t.BetaKind, t.Beta, t.BetaStride = s.out.Stride, s.out.BetaKind, s.out.Beta, s.out.BetaStride
	}
	t.Fetch = !s.unfinished && !merge && t.K >= fetchK
	t.Squares, t.Start = s.squares, nil
	scalar, panels, even := 0, 0, true
	if s.panelRows > 0 {
		panels, even = k.MR/s.panelRows*t.PanelStride, s.evenPanels
	}
	for row := 0; row < s.rows; {
		t.Rows, t.Count = nextTiles(s.rows-row, k.MR, even)
		if t.ScalarTile = panels; panels == 0 {
			t.ScalarTile = t.Rows * t.ScalarStride
		}
		if t.K > 0 {
			t.Scalar = s.scalar[scalar:]
		}
		if s.resume {
			t.Start = s.partial[row*k.NR:]
		}
		switch {
		case s.unfinished:
			t.Dst = s.partial[row*k.NR:]
		case merge:
			t.Count = min(t.Count, mergeTiles)
		default:
			t.Dst = s.out.Dst[row*t.Stride:]
			if t.BetaKind == BetaRows {
				t.Beta = s.out.Beta[row*t.BetaStride:]
			}
		}
		if t.Squares != nil {
			t.Count = 1
		}
		k.Compute(t)
		t.Squares = nil // the next tiles meet the same vectors
		if merge {
			g.merge(w, row)
		}
		row += t.Count * t.Rows
		scalar += t.Count * t.ScalarTile
		if t.Prefetch != 0 {
			t.Prefetch += t.Count * (t.K / prefetchK * lineElems[T]())
		}
	}
}

// order returns the order of the operands of s.
func (g *gemm[T]) order(s *strip[T]) Order {
	nr := g.micro.Tile.NR
	switch {
	case s.VecStride != nr:
		return AnyOrder
	case s.panelRows > 0 && s.run == 0:
		return Packed
	case s.panelRows > 0 && s.run == s.panelRows:
		return PackedRuns
	case s.panelRows == 0 && s.run == nr && s.ScalarStride == nr:
		return RowRuns
	}
	return AnyOrder
}

// merge finishes the tiles that were computed last, from this row of the strip on.
func (g *gemm[T]) merge(w *workspace[T], row int) {
	s, m := &w.s, &w.move
	m.Out = s.out
	m.Dst = s.out.Dst[row*s.out.Stride:]
	if m.BetaKind == BetaRows {
		m.Beta = s.out.Beta[row*s.out.BetaStride:]
	}
	m.Rows, m.Cols, m.Src, m.SrcStride, m.Alpha = s.Count*s.Rows, s.Cols, s.Dst, s.Stride, s.alpha
	g.micro.Merge(m)
}
