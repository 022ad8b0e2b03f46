package blocked

import "fusegrid/kernels"

// A strip is a part of a product that is one panel of vectors wide. If its sums have more than K
// terms, they take several calls of multiply. All but the last keep the sums for the calls after
// them; setBlock says where.
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

	wholeBeta bool // the columns fill the kernel's vectors, and no β is 0
	// Each of these has a row of sums for each row, in as many whole vectors as the kernel has.
	start   []T // sums of the piece so far, which the sums continue, or nil
	earlier []T // sums of earlier pieces, which are added to the sums, or nil
	keep    []T // where the sums go if more terms follow, or nil if they go to out
	squares []T // Tiles.Squares of the first tile
	pack    []T // Tiles.Pack of the first tile, from which the other tiles read the vectors, or nil
}

// setBlock says where the sums of the terms [p, p+K) of k in all start and end: piece holds the sums of
// a piece that is cut, and total those of the pieces before.
func (s *strip[T]) setBlock(p, k int, piece, total []T) {
	end := p + s.K
	s.start, s.earlier, s.keep = nil, nil, nil
	if p%kernels.Piece != 0 {
		s.start = piece
	}
	if end < k && end%kernels.Piece != 0 {
		s.keep = piece
		return
	}
	if p >= kernels.Piece {
		s.earlier = total
	}
	if end < k {
		s.keep = total
	}
}

// partials is the memory for the sums of unfinished elements.
type partials[T kernels.Float] struct{ piece, total []T }

// grow makes room for n sums of elements with k terms, of which a block has at most kc.
func (s *partials[T]) grow(n, k, kc int) {
	if kc < min(k, kernels.Piece) {
		s.piece = grow(s.piece, n)
	}
	if k > kernels.Piece {
		s.total = grow(s.total, n)
	}
}

// setBlock is setBlock of a strip whose sums are those from element at on.
func (s *partials[T]) setBlock(of *strip[T], p, k, at int) {
	of.setBlock(p, k, s.piece[min(at, len(s.piece)):], s.total[min(at, len(s.total)):])
}

// blockEnd returns the end of the block of at most kc terms that starts at term p of k. No block has
// terms of two pieces.
func blockEnd(p, kc, k int) int { return min(p+kc, (p/kernels.Piece+1)*kernels.Piece, k) }

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
	t.Order = k.order(s)
	t.Squares, t.Pack, t.BetaKind = s.squares, s.pack, BetaNone
	t.Fetch = s.keep == nil && t.K >= fetchK
	t.VecTile = 0
	dst, merge := s.out.Dst, false
	switch {
	case s.keep != nil:
		dst, t.Stride = s.keep, k.NR
	case s.alpha == 1 && (s.out.BetaKind == BetaNone || s.wholeBeta):
		t.Stride = s.out.Stride
		if s.wholeBeta { // assigning the whole of Out would wait for its parts
			t.BetaKind, t.Beta, t.BetaStride = s.out.BetaKind, s.out.Beta, s.out.BetaStride
		}
	default:
		w.sums = grow(w.sums, mergeTiles*k.MR*g.micro.Tile.NR)
		dst, t.Stride, merge = w.sums, g.micro.Tile.NR, true
	}
	start, earlier := s.start, s.earlier
	panels, even, mr := 0, true, k.MR
	if s.panelRows > 0 {
		mr -= mr % s.panelRows // tiles begin where micro-panels do
		panels, even = mr/s.panelRows*t.PanelStride, s.evenPanels
	}
	scalar := s.scalar
	for row := 0; row < s.rows; {
		rows, count := nextTiles(s.rows-row, mr, even)
		if t.Squares != nil || t.Pack != nil {
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
		t.Scalar, t.Start, t.Add, t.Dst = scalar, start, earlier, dst
		k.Compute(t)
		rows *= count
		if merge {
			g.merge(w, row, rows)
		}
		if row += rows; row >= s.rows {
			return
		}
		t.Squares = nil // the next tiles meet the same vectors
		if t.Pack != nil {
			t.Vec, t.VecStride, t.Pack = t.Pack, k.NR, nil
			t.Order = k.order(s)
		}
		if t.Prefetch != 0 {
			t.Prefetch += count * (t.K / prefetchK * lineElems[T]())
		}
		if t.K > 0 {
			scalar = scalar[count*tile:]
		}
		if start != nil {
			start = start[rows*k.NR:]
		}
		if earlier != nil {
			earlier = earlier[rows*k.NR:]
		}
		if !merge {
			dst = dst[rows*t.Stride:]
		}
		if t.BetaKind == BetaRows {
			t.Beta = t.Beta[rows*t.BetaStride:]
		}
	}
}

// multiplyBeside computes one tile of each of count neighbouring strips, from this row and column of s.out on. sumSkip
// is [Tiles.SumSkip].
func (g *gemm[T]) multiplyBeside(w *workspace[T], k *Kernel[T], scalar []T, rows, count, row, c, sumSkip int) {
	s := &w.s
	t := &s.Tiles
	t.Squares, t.BetaKind, t.Order = nil, BetaNone, AnyOrder
	t.Fetch = s.keep == nil && t.K >= fetchK
	t.Rows, t.Scalar, t.ScalarTile, t.SumSkip = rows, scalar, 0, sumSkip
	t.Start, t.Add, t.Pack = s.start, s.earlier, s.pack
	sum := rows * k.NR
	switch {
	case s.keep != nil:
		t.Dst, t.Stride, t.DstTile = s.keep, k.NR, sum+sumSkip
	case s.alpha == 1 && s.out.BetaKind == BetaNone:
		t.Dst, t.Stride, t.DstTile = s.out.Dst[row*s.out.Stride+c:], s.out.Stride, k.NR
	default:
		out := s.out
		nr := g.micro.Tile.NR
		w.sums = grow(w.sums, k.MR*nr)
		t.Dst, t.Stride, t.Count = w.sums, nr, 1
		for range count {
			k.Compute(t)
			s.out.Dst = out.Dst[c:]
			if out.BetaKind == BetaCols {
				s.out.Beta = out.Beta[c:]
			}
			g.merge(w, row, rows)
			c += nr
			if t.Vec = t.Vec[min(t.VecTile, len(t.Vec)):]; t.Start != nil {
				t.Start = t.Start[min(sum+sumSkip, len(t.Start)):]
			}
			if t.Add != nil {
				t.Add = t.Add[min(sum+sumSkip, len(t.Add)):]
			}
		}
		s.out = out
		return
	}
	t.Count = count
	k.Compute(t)
}

// order returns the order of the operands of s.
func (k *Kernel[T]) order(s *strip[T]) Order {
	nr := k.VecStride
	switch {
	case s.VecStride != nr || s.panelRows > 0 && s.panelRows != k.PanelRows:
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
