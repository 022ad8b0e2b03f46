package kernels

import "sync"

// NewGemm returns the product that m computes, for [Slots.Gemm]. It may be called
// from many goroutines and does not allocate once its workspaces exist.
func NewGemm[T Float](m Micro[T]) func(Product[T]) {
	g := &gemm[T]{micro: m}
	g.pool.New = func() any { return new(workspace[T]) }
	return g.product
}

// gemm is the driver around a micro-kernel: it decides which side of C lies along
// the vectors, cuts the product into blocks that fit the caches, and packs what
// the kernel should not read in place. None of this changes a bit of the
// result: every element is one chain in ascending k, cut only where its partial
// sum is kept and continued.
type gemm[T Float] struct {
	micro Micro[T]
	pool  sync.Pool // of *workspace[T]
}

// A workspace is what one call needs beside its operands.
type workspace[T Float] struct {
	vector  []T // packed panels of the vector side
	scalar  []T // packed block of the scalar side
	partial []T // chains that are not finished
	strip   []T // finished strip of Cᵀ, before it is transposed into C
	beta    [1]T
	betas   []T // of the columns, for whole vectors
	squares []T // sums of squares of vectors that passed by
	panels  []panel[T]
	s       Strip[T]
	move    Move[T]
	p       Product[T]
}

func (g *gemm[T]) product(p Product[T]) {
	w := g.pool.Get().(*workspace[T])
	w.p = p
	g.run(w)
	// Keep no reference to the caller's matrices.
	w.p, w.s, w.move = Product[T]{}, Strip[T]{}, Move[T]{}
	clear(w.panels)
	g.pool.Put(w)
}

// Block sizes in bytes, and other bounds that measurements gave.
const (
	nearRows     = 256       // of Depth elements: a block that stays in the cache near the core
	blockFlipped = 24 << 10  // of a panel of images, or of their pixels, that flipped weights or deltas meet
	blockVector  = 1 << 20   // of a block of vectors: it may live in the last-level cache
	blockSums    = 16 << 20  // of the chains that are kept at a time
	smallSide    = 128 << 10 // of a product that is not cut, for its operands and its result
	crowding     = 1 << 10   // rows a multiple of it apart crowd few cache sets
	farApart     = 4 << 10   // rows of an operand that crowd few cache sets and many pages
	flippedRows  = 512       // rows of a strip that is transposed after
	groupDepth   = 8         // rows of scalars that are packed in groups in one go
)

// near is the number of elements of a block that stays in the cache near the core: of scalars, or of
// the sums or deltas of a first layer that are met at a time. Depth tells how large that is.
func (m *Micro[T]) near() int { return nearRows * m.Depth }

// A layout is a product seen as the kernel sees it: rows × k scalars times k × cols
// vectors. Flipped, it is Cᵀ = op(B)ᵀ·op(A)ᵀ.
type layout[T Float] struct {
	rows, cols, k  int
	scalar, vector operand[T]
	flipped        bool
}

func layoutOf[T Float](p *Product[T], flipped bool) layout[T] {
	m, n, k := p.Dims()
	if p.Alpha == 0 {
		k = 0 // A and B are not read
	}
	a := operand[T]{data: p.A.Data, lane: p.A.Stride, step: 1}
	if p.TransA {
		a.lane, a.step = a.step, a.lane
	}
	b := operand[T]{data: p.B.Data, lane: 1, step: p.B.Stride}
	if p.TransB {
		b.lane, b.step = b.step, b.lane
	}
	if flipped {
		return layout[T]{n, m, k, b, a, true}
	}
	return layout[T]{m, n, k, a, b, false}
}

// cost estimates the time in tenths of half-vector multiply-adds. The weights of packing
// are measured with operands in the last-level cache.
func (g *gemm[T]) cost(l *layout[T], b *blocks) int {
	lanes := g.micro.Tile.Lanes
	c := g.costOfLanes(l.cols, g.micro.Single) * l.rows * l.k
	if b.packScalar {
		weight := 120
		if l.scalar.lane == 1 && g.micro.Copy != nil {
			weight = 200 // in small groups
		}
		c += l.rows * l.k * weight / lanes
	}
	if b.packVector {
		c += l.cols * l.k * 130 / lanes
	}
	if l.flipped {
		c += l.cols * l.rows * 130 / lanes
	}
	return c
}

// costOfLanes is the part of the cost that one step of one row takes, where a strip of one vector takes
// single tenths beyond half of a wide one.
func (g *gemm[T]) costOfLanes(cols, single int) int {
	t := &g.micro.Tile
	vectors, rest := cols/t.Lanes, cols%t.Lanes
	c := vectors * 20
	if vectors*t.Lanes%t.NR != 0 {
		c += single
	}
	switch {
	case rest == 0:
	case rest <= g.micro.Narrow:
		c += 10 + single
	default:
		c += 20 + single
	}
	return c
}

func (g *gemm[T]) run(w *workspace[T]) {
	l := layoutOf(&w.p, false)
	b := g.blocksOf(&l)
	f := layoutOf(&w.p, true)
	if fb := g.blocksOf(&f); g.cost(&f, &fb) < g.cost(&l, &b) {
		l, b = f, fb
	}

	for j := 0; j < l.cols; j += b.cols {
		for i := 0; i < l.rows; i += b.tall {
			g.sums(w, &l, &b, i, min(b.tall, l.rows-i), j, min(b.cols, l.cols-j))
		}
	}
}

// sums computes rows [i0, i0+rows) of lanes [j, j+nb).
func (g *gemm[T]) sums(w *workspace[T], l *layout[T], b *blocks, i0, rows, j, nb int) {
	lanes := roundUp(nb, g.micro.Tile.NR)
	if b.k < l.k {
		w.partial = grow(w.partial, lanes*rows)
	}
	for p := 0; ; p += b.k {
		kb := min(b.k, l.k-p)
		w.s.K = kb
		w.s.Resume = p > 0
		w.s.Unfinished = p+kb < l.k
		g.vectorPanels(w, l, b, j, nb, p, kb)
		for i := 0; i < rows; i += b.rows {
			mb := min(b.rows, rows-i)
			scalar := l.scalar.from(i0+i, p)
			if b.packScalar {
				scalar = g.packScalar(w, scalar, mb, kb)
			}
			g.block(w, l, scalar, i0+i, mb, j, nb, i*lanes)
		}
		if !w.s.Unfinished {
			return
		}
	}
}

// blocks says how a product is cut: for each block of lanes and each block of steps, the
// vectors are packed once; then one block of rows of scalars after the other meets them.
// Chains that are longer than a block are kept for tall rows at a time.
type blocks struct {
	rows, cols, k int
	tall          int // whole blocks of rows
	packScalar    bool
	packVector    bool
}

func (g *gemm[T]) blocksOf(l *layout[T]) blocks {
	var zero T
	size := sizeOf(zero)
	t := &g.micro.Tile
	if l.rows*l.k+l.cols*l.k <= smallSide/size && l.rows*l.cols <= smallSide/size && l.k <= g.micro.Depth {
		// All of it fits the cache: one block, and no divisions, which would cost more
		// than they save.
		return blocks{rows: l.rows, cols: l.cols, k: l.k, tall: l.rows, packVector: l.vector.lane != 1}
	}
	b := blocks{k: balance(l.k, g.micro.Depth, 1)}
	b.cols = min(l.cols, balance(l.cols, max(blockVector/size/b.k, t.NR), t.NR))
	b.rows = min(l.rows, balance(l.rows, max(g.micro.near()/b.k, t.MR), t.MR))
	// Scalars are read in place unless their rows are so far apart that they crowd into
	// few cache sets, or their lines hold few groups of neighbouring lanes.
	crowded := l.scalar.lane*size >= crowding && l.scalar.lane*size%crowding == 0
	if l.scalar.lane == 1 {
		far := farApart
		if g.micro.Copy != nil {
			far = 2 * cacheLine
		}
		crowded = l.scalar.step*size >= far
	}
	b.packScalar = crowded && l.k > 0 && l.cols >= t.Lanes
	// Vectors are read in place, with the next panel prefetched, unless the kernel wants
	// them packed: then wherever they are read more than twice.
	b.packVector = l.vector.lane != 1 || g.micro.Copy != nil && l.rows > 2*t.MR
	if l.flipped {
		b.rows = min(b.rows, flippedRows)
	}
	if b.rows < l.rows {
		b.rows = max(b.rows/t.MR*t.MR, t.MR) // cut between groups
	}
	b.tall = l.rows
	if b.k < l.k {
		b.tall = max(blockSums/size/roundUp(b.cols, t.NR)/b.rows, 1) * b.rows
	}
	return b
}

// vectorPanels readies the panels of lanes [j, j+nb), steps [p, p+kb).
func (g *gemm[T]) vectorPanels(w *workspace[T], l *layout[T], b *blocks, j, nb, p, kb int) {
	packed := b.packVector && kb > 0
	if packed {
		w.vector = grow(w.vector, roundUp(nb, g.micro.Tile.NR)*kb)
	}
	whole := 0
	if packed && l.vector.lane == 1 {
		whole = nb / g.micro.Tile.NR * g.micro.Tile.NR
		g.packPanels(w, l.vector.from(j, p), whole, kb)
	}
	clear(w.panels) // the next may be fewer
	w.panels = w.panels[:0]
	for c := 0; c < nb; {
		width := g.width(nb - c)
		o := l.vector.from(j+c, p)
		switch {
		case c < whole:
			w.panels = append(w.panels, panel[T]{w.vector[c*kb:], width, c * kb})
		case packed || kb > 0 && g.cut(width):
			w.vector = grow(w.vector, roundUp(nb, g.micro.Tile.NR)*kb)
			w.panels = append(w.panels, g.packVector(w, c*kb, o, width, kb))
		default:
			w.panels = append(w.panels, panel[T]{o.data, o.step, c})
		}
		c += width
	}
}

// cut reports whether a panel of that width must be packed because the kernel reads the
// whole of its last vector.
func (g *gemm[T]) cut(width int) bool {
	t := &g.micro.Tile
	return g.micro.Copy != nil && width != t.NR && width != t.Lanes && width != g.micro.Narrow
}

// width returns the width of the next panel where rest lanes are left.
func (g *gemm[T]) width(rest int) int {
	t := &g.micro.Tile
	if rest >= t.NR {
		return t.NR
	}
	if over := rest % t.Lanes; rest > t.Lanes && over > 0 && over <= g.micro.Narrow {
		return rest - over
	}
	return rest
}

// block computes rows [i, i+mb) of lanes [j, j+nb) from the panels. Chains that are not
// finished are kept from element partial of the workspace on.
func (g *gemm[T]) block(w *workspace[T], l *layout[T], scalar operand[T], i, mb, j, nb, partial int) {
	s := &w.s
	s.Alpha, s.Unit = w.p.Alpha, w.p.Alpha == 1
	s.ScalarRow, s.ScalarStep = scalar.lane, scalar.step
	s.GroupRows, s.GroupStep = scalar.groups, scalar.groups*scalar.lane
	if scalar.groups > 0 {
		s.ScalarRow = 1
	}
	s.Scalar = scalar.data
	for c, n := 0, 0; c < nb; n++ {
		width := g.width(nb - c)
		s.Rows, s.Cols = mb, width
		v := w.panels[n]
		s.Vec, s.VecStep, s.Ahead = v.data, v.step, 0
		if n+1 < len(w.panels) {
			s.Ahead = w.panels[n+1].at - v.at
		}
		if s.Resume || s.Unfinished {
			s.Partial = w.partial[partial+c*mb:]
		}
		switch {
		case s.Unfinished:
			g.micro.Multiply(s)
		case l.flipped:
			g.flip(w, i, mb, j+c, width)
		default:
			w.out(&s.Out, i, j+c)
			g.micro.Multiply(s)
		}
		c += width
	}
}

// flip finishes a strip of Cᵀ, rows [j, j+mb) and lanes [i, i+width), into C.
func (g *gemm[T]) flip(w *workspace[T], j, mb, i, width int) {
	step := roundUp(width, g.micro.Tile.Lanes)
	w.strip = grow(w.strip, mb*step)
	w.s.Out = Out[T]{Dst: w.strip, Step: step}
	g.micro.Multiply(&w.s)
	w.move.Rows, w.move.Cols = mb, width
	w.move.Src, w.move.SrcStep = w.strip, step
	w.out(&w.move.Out, i, j)
	g.micro.Transpose(&w.move)
}

// out points o at element (i, j) of C.
func (w *workspace[T]) out(o *Out[T], i, j int) {
	c := &w.p.C
	o.Dst, o.Step = c.Data[i*c.Stride+j:], c.Stride
	switch {
	case w.p.BetaRow != nil:
		o.BetaKind, o.Beta, o.BetaStep = BetaRows, w.p.BetaRow[i:], 1
	case w.p.BetaCol != nil:
		o.BetaKind, o.Beta, o.BetaStep = BetaCols, w.p.BetaCol[j:], 0
	case w.p.Beta != 0:
		w.beta[0] = w.p.Beta
		o.BetaKind, o.Beta, o.BetaStep = BetaRows, w.beta[:], 0
	default:
		o.BetaKind = BetaNone
	}
}

// balance cuts n into the fewest parts of at most limit, all but the last of one
// size that is a multiple of unit, and returns that size (at least 1).
func balance(n, limit, unit int) int {
	if n <= 0 {
		return 1
	}
	limit = max(limit/unit*unit, unit)
	parts := (n + limit - 1) / limit
	return roundUp((n+parts-1)/parts, unit)
}
