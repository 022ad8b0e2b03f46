package blocked

import (
	"sync"

	"fusegrid/kernels"
)

// Gemm returns a function for [kernels.Slots.Gemm] that computes products with m. The function is
// safe for concurrent use and does not allocate once its workspaces exist.
func Gemm[T kernels.Float](m Micro[T]) func(kernels.Product[T]) {
	return newGemm(m).product
}

// GemmOf is [Gemm] with two micro-kernels. If the first matrix of a product is transposed, its elements
// must be packed, and packed computes the product. Otherwise inPlace does. Bits do not depend on this.
func GemmOf[T kernels.Float](packed, inPlace Micro[T]) func(kernels.Product[T]) {
	p, i := newGemm(packed), newGemm(inPlace)
	return func(q kernels.Product[T]) {
		if q.TransA {
			p.product(q)
		} else {
			i.product(q)
		}
	}
}

// gemm is the driver around a micro-kernel.
type gemm[T kernels.Float] struct {
	micro Micro[T]
	pool  sync.Pool // of *workspace[T]
}

func newGemm[T kernels.Float](m Micro[T]) *gemm[T] {
	g := &gemm[T]{micro: m}
	g.pool.New = func() any { return new(workspace[T]) }
	return g
}

// A workspace is the scratch memory of one call.
type workspace[T kernels.Float] struct {
	vector  []T // packed panels of the vector side
	scalar  []T // packed block of the scalar side
	partial partials[T]
	sums    []T // the sums of tiles, before they are merged into C
	strip   []T // a finished strip of Cᵀ, before it is transposed into C
	beta    [1]T
	betas   []T // the β of each column, padded to whole vectors
	squares []T // sums of squares of weights
	shared  []T // packed columns of a kernel of Micro.Shared
	totals  []T // its sums of earlier pieces
	panels  []panel[T]
	s       strip[T]
	move    Move[T]
	p       kernels.Product[T]
}

func (g *gemm[T]) product(p kernels.Product[T]) {
	w := g.pool.Get().(*workspace[T])
	w.p = p
	g.run(w)
	// Drop the references to the caller's matrices.
	w.p, w.s, w.move = kernels.Product[T]{}, strip[T]{}, Move[T]{}
	clear(w.panels)
	g.pool.Put(w)
}

func (g *gemm[T]) run(w *workspace[T]) {
	o := orient(&w.p, false)
	g.decide(o.rows * o.cols * o.k)
	b := g.blockingOf(&o)
	t := orient(&w.p, true)
	if tb := g.blockingOf(&t); g.cost(&t, &tb) < g.cost(&o, &b) {
		o, b = t, tb
	}
	for j := 0; j < o.cols; j += b.nc {
		for i := 0; i < o.rows; i += b.rowsPerPass {
			g.pass(w, &o, &b, i, min(b.rowsPerPass, o.rows-i), j, min(b.nc, o.cols-j))
		}
	}
}

// pass computes rows [i0, i0+rows) of columns [j, j+nb).
func (g *gemm[T]) pass(w *workspace[T], o *orientation[T], b *blocking[T], i0, rows, j, nb int) {
	main := nb
	if b.shared != nil {
		main -= b.shared.NR
	}
	width := roundUp(main, g.micro.Tile.NR)
	w.partial.grow(width*rows, o.k, b.kc)
	for p := 0; ; {
		kb := blockEnd(p, b.kc, o.k) - p
		w.s.K, w.s.Run = kb, kb
		g.vectorPanels(w, o, b, j, main, p, kb)
		for i := 0; i < rows; i += b.mc {
			mb := min(b.mc, rows-i)
			scalar := o.scalar.at(i0+i, p)
			if b.packScalar {
				scalar = g.packScalar(w, scalar, mb, kb)
			}
			g.macroKernel(w, o, b, scalar, i0+i, mb, j, main, p, i*width)
		}
		if b.shared != nil {
			g.multiplyShared(w, o, b.shared, i0, rows, j+main, p)
		}
		if p += kb; p >= o.k {
			return
		}
	}
}

// vectorPanels sets w.panels to the panels of columns [j, j+nb) and terms [p, p+kb), packed or in
// place.
func (g *gemm[T]) vectorPanels(w *workspace[T], o *orientation[T], b *blocking[T], j, nb, p, kb int) {
	packed := b.packVector && kb > 0
	if packed {
		w.vector = grow(w.vector, roundUp(nb, g.micro.Tile.NR)*kb)
	}
	whole, first := 0, g.packsFirst(o, b)
	if packed && o.vector.stride == 1 {
		whole = nb / g.micro.Tile.NR * g.micro.Tile.NR
		if !first && whole > 0 {
			g.packPanels(w, o.vector.at(j, p), whole, kb)
		}
	}
	clear(w.panels) // the next block may have fewer panels
	w.panels = w.panels[:0]
	for c := 0; c < nb; {
		width := g.width(nb - c)
		v := o.vector.at(j+c, p)
		switch {
		case c < whole && first:
			w.panels = append(w.panels, panel[T]{v.data, v.kStride, c, w.vector[c*kb:]})
		case c < whole:
			w.panels = append(w.panels, panel[T]{data: w.vector[c*kb:], stride: width, offset: c * kb})
		case packed || kb > 0 && g.mustPack(width):
			w.vector = grow(w.vector, roundUp(nb, g.micro.Tile.NR)*kb)
			w.panels = append(w.panels, g.packVector(w, c*kb, v, width, kb))
		default:
			w.panels = append(w.panels, panel[T]{data: v.data, stride: v.kStride, offset: c})
		}
		c += width
	}
}

// packsFirst reports whether the first tile of each panel packs its vectors. The first block then has a whole
// tile and more rows. The tile fetches rows ahead, and rows that crowd few cache sets would evict each other.
func (g *gemm[T]) packsFirst(o *orientation[T], b *blocking[T]) bool {
	return g.micro.PackTile && b.mc > 2*g.micro.Tile.MR && !crowd[T](o.vector.kStride) && g.micro.Packing.first()
}

// mustPack reports whether a panel of that width must be packed because the kernel reads its last,
// partial vector as a whole one.
func (g *gemm[T]) mustPack(width int) bool {
	return g.micro.Copy != nil && width%g.micro.Tile.Lanes != 0 && width != g.micro.Narrow
}

// width returns the width of the next panel for the number of columns that are left.
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

// wholeWidth returns cols rounded up to a width at which a strip has no partial vector.
func (g *gemm[T]) wholeWidth(cols int) int {
	if cols <= g.micro.Narrow {
		return g.micro.Narrow
	}
	return roundUp(cols, g.micro.Tile.Lanes)
}

// macroKernel continues rows [i, i+mb) of columns [j, j+nb) by the terms of the panels, from p on. It
// keeps partial sums in w.partial from element partial on.
func (g *gemm[T]) macroKernel(w *workspace[T], o *orientation[T], b *blocking[T], scalar operand[T], i, mb, j, nb, p, partial int) {
	s := &w.s
	s.alpha, s.rows = w.p.Alpha, mb
	s.ScalarStride, s.ScalarKStride = scalar.stride, scalar.kStride
	s.panelRows, s.PanelStride = scalar.panelRows, scalar.panelRows*scalar.stride
	if scalar.panelRows > 0 {
		s.ScalarStride = 1
	}
	s.scalar = scalar.data
	if b.groups {
		g.groups(w, o, scalar, i, mb, j, nb, p, partial)
		return
	}
	for c, n := 0, 0; c < nb; n++ {
		width := g.width(nb - c)
		s.Cols = width
		v := w.panels[n]
		s.Vec, s.VecStride, s.Prefetch, s.pack = v.data, v.stride, 0, v.pack
		if v.pack != nil {
			w.panels[n] = panel[T]{data: v.pack, stride: width, offset: v.offset} // for the next rows
		}
		if n+1 < len(w.panels) {
			s.Prefetch = w.panels[n+1].offset - v.offset
		}
		w.partial.setBlock(s, p, o.k, partial+c*mb)
		switch {
		case s.keep != nil:
			g.multiply(w)
		case o.transposed:
			g.multiplyTransposed(w, i, mb, j+c, width)
		default:
			w.setOut(&s.out, i, j+c)
			g.multiply(w)
		}
		c += width
	}
}

// groups is macroKernel for scalars whose rows are read in place. The inner loop goes through the panels, so each
// row is read from far memory once.
func (g *gemm[T]) groups(w *workspace[T], o *orientation[T], scalar operand[T], i, mb, j, nb, p, partial int) {
	s, nr := &w.s, g.micro.Tile.NR
	w.setOut(&s.out, i, j)
	for row := 0; row < mb; {
		rows, _ := nextTiles(mb-row, g.micro.Tile.MR, true)
		for c, n := 0, 0; c < nb; n++ {
			v, width, count := &w.panels[n], g.width(nb-c), 1
			if width == nr && v.pack == nil {
				count = (nb - c) / nr
			}
			s.Cols, s.Vec, s.VecStride, s.VecTile, s.pack = width, v.data, v.stride, 0, v.pack
			if count > 1 {
				s.VecTile = w.panels[n+1].offset - v.offset
			}
			k := g.micro.kernel(width)
			w.partial.setBlock(s, p, o.k, partial+c*mb+row*k.NR)
			g.multiplyBeside(w, k, scalar.data[row*scalar.stride:], rows, count, row, c, (mb-rows)*k.NR)
			if v.pack != nil {
				*v = panel[T]{data: v.pack, stride: nr, offset: c * s.K} // for the next rows
			}
			n += count - 1
			c += (count-1)*nr + width
		}
		row += rows
	}
}

// multiplyTransposed finishes a strip of Cᵀ, rows [j, j+mb) and columns [i, i+width), and transposes it into C.
func (g *gemm[T]) multiplyTransposed(w *workspace[T], j, mb, i, width int) {
	stride := roundUp(width, g.micro.Tile.Lanes)
	w.strip = grow(w.strip, mb*stride)
	w.s.out = Out[T]{Dst: w.strip, Stride: stride}
	if g.micro.Copy != nil {
		w.s.Cols = g.wholeWidth(width) // the rows of the strip have room for whole vectors
	}
	g.multiply(w)
	w.move.Rows, w.move.Cols = mb, width
	w.move.Src, w.move.SrcStride = w.strip, stride
	w.setOut(&w.move.Out, i, j)
	g.micro.Transpose(&w.move)
}

// setOut points o at element (i, j) of C.
func (w *workspace[T]) setOut(o *Out[T], i, j int) {
	c := &w.p.C
	o.Dst, o.Stride = c.Data[i*c.Stride+j:], c.Stride
	switch {
	case w.p.BetaRow != nil:
		o.BetaKind, o.Beta, o.BetaStride = BetaRows, w.p.BetaRow[i:], 1
	case w.p.BetaCol != nil:
		o.BetaKind, o.Beta, o.BetaStride = BetaCols, w.p.BetaCol[j:], 0
	case w.p.Beta != 0:
		w.beta[0] = w.p.Beta
		o.BetaKind, o.Beta, o.BetaStride = BetaRows, w.beta[:], 0
	default:
		o.BetaKind = BetaNone
	}
}
