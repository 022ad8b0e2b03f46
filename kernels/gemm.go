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

// Block sizes in bytes. The strip's vector panel (blockK × NR) should stay in L1 or
// close to it, a block of the scalar side in L2.
const (
	blockK       = 2 << 10   // bytes of one chain's part
	blockScalar  = 384 << 10 // bytes of a packed block of the scalar side
	blockVector  = 512 << 10 // bytes of the packed panels of the vector side
	blockFlipped = 128       // rows of a strip that is transposed after
)

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
	a := operand[T]{p.A.Data, p.A.Stride, 1}
	if p.TransA {
		a.lane, a.step = a.step, a.lane
	}
	b := operand[T]{p.B.Data, 1, p.B.Stride}
	if p.TransB {
		b.lane, b.step = b.step, b.lane
	}
	if flipped {
		return layout[T]{n, m, k, b, a, true}
	}
	return layout[T]{m, n, k, a, b, false}
}

// cost estimates the kernel's time in half-vector multiply-adds.
func (g *gemm[T]) cost(l *layout[T]) int {
	lanes := g.micro.Tile.Lanes
	halves := l.cols / lanes * 2
	switch rest := l.cols % lanes; {
	case rest == 0:
	case rest <= g.micro.Narrow:
		halves++
	default:
		halves += 2
	}
	c := halves * l.rows * l.k
	if l.vector.lane != 1 {
		c += l.cols * l.k * 8 / lanes
	}
	if l.flipped {
		c += l.cols * l.rows * 8 / lanes
	}
	return c
}

func (g *gemm[T]) run(w *workspace[T]) {
	l := layoutOf(&w.p, false)
	if f := layoutOf(&w.p, true); g.cost(&f)*33/32 < g.cost(&l) {
		l = f
	}

	var zero T
	size := sizeOf(zero)
	nr := g.micro.Tile.NR
	kc := balance(l.k, blockK/size, 1)
	nc := balance(l.cols, max(blockVector/size/max(kc, 1), nr), nr)
	mc := balance(l.rows, max(blockScalar/size/max(kc, 1), g.micro.Tile.MR), 1)
	if l.flipped {
		mc = min(mc, blockFlipped)
	}
	if kc < l.k {
		w.partial = grow(w.partial, roundUp(nc, nr)*l.rows)
	}
	for j := 0; j < l.cols; j += nc {
		nb := min(nc, l.cols-j)
		for p := 0; ; p += kc {
			kb := min(kc, l.k-p)
			w.s.K = kb
			w.s.Resume = p > 0
			w.s.Unfinished = p+kb < l.k
			g.vectorPanels(w, &l, j, nb, p, kb)
			for i := 0; i < l.rows; i += mc {
				g.block(w, &l, i, min(mc, l.rows-i), j, nb, p, kb)
			}
			if !w.s.Unfinished {
				break
			}
		}
	}
}

// vectorPanels readies the panels of lanes [j, j+nb), steps [p, p+kb).
func (g *gemm[T]) vectorPanels(w *workspace[T], l *layout[T], j, nb, p, kb int) {
	nr := g.micro.Tile.NR
	packed := kb > 0 && (l.vector.lane != 1 || g.packsVector(l))
	if packed {
		w.vector = grow(w.vector, roundUp(nb, nr)*kb)
	}
	w.panels = w.panels[:0]
	for c := 0; c < nb; {
		width := g.width(nb - c)
		o := l.vector.from(j+c, p)
		if packed {
			w.panels = append(w.panels, g.packVector(w, w.vector[c*kb:], o, width, kb))
		} else {
			w.panels = append(w.panels, panel[T]{o.data, o.step})
		}
		c += width
	}
}

// packsVector reports whether panels that could be read in place are copied:
// that pays if they are read often.
func (g *gemm[T]) packsVector(l *layout[T]) bool {
	return l.rows >= 8*g.micro.Tile.MR && l.cols > 2*g.micro.Tile.NR
}

func (g *gemm[T]) packsScalar(l *layout[T]) bool {
	return l.k*l.cols >= 64*g.micro.Tile.NR
}

// width returns the width of the next panel where rest lanes are left.
func (g *gemm[T]) width(rest int) int {
	t := &g.micro.Tile
	if rest >= t.NR {
		return t.NR
	}
	if rest > t.Lanes {
		whole := rest / t.Lanes * t.Lanes
		if over := rest - whole; over > 0 && over <= g.micro.Narrow {
			return whole
		}
	}
	return rest
}

// block computes rows [i, i+mb) of lanes [j, j+nb), steps [p, p+kb).
func (g *gemm[T]) block(w *workspace[T], l *layout[T], i, mb, j, nb, p, kb int) {
	scalar := l.scalar.from(i, p)
	if kb > 0 && g.packsScalar(l) {
		if scalar.step == 1 {
			w.scalar = grow(w.scalar, mb*scalarPitch[T](kb))
		} else {
			w.scalar = grow(w.scalar, kb*scalarPitch[T](mb))
		}
		scalar = packScalar(w.scalar, scalar, mb, kb)
	}
	s := &w.s
	s.Rows = mb
	s.Scalar, s.ScalarRow, s.ScalarStep = scalar.data, scalar.lane, scalar.step
	s.Alpha = w.p.Alpha
	for c, n := 0, 0; c < nb; n++ {
		width := g.width(nb - c)
		s.Cols = width
		s.Vec, s.VecStep = w.panels[n].data, w.panels[n].step
		if s.Resume || s.Unfinished {
			s.Partial = w.partial[c*l.rows+i*roundUp(width, g.micro.Tile.Lanes):]
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
