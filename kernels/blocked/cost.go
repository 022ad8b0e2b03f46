package blocked

import "fusegrid/kernels"

// An orientation is a product as the kernel sees it: rows × k scalars times k × cols
// vectors. Transposed, it is Cᵀ = op(B)ᵀ·op(A)ᵀ.
type orientation[T kernels.Float] struct {
	rows, cols, k  int
	scalar, vector operand[T]
	transposed     bool
}

func orient[T kernels.Float](p *kernels.Product[T], transposed bool) orientation[T] {
	m, n, k := p.Dims()
	if p.Alpha == 0 {
		k = 0 // A and B are not read
	}
	a := operand[T]{data: p.A.Data, stride: p.A.Stride, kStride: 1}
	if p.TransA {
		a.stride, a.kStride = a.kStride, a.stride
	}
	b := operand[T]{data: p.B.Data, stride: 1, kStride: p.B.Stride}
	if p.TransB {
		b.stride, b.kStride = b.kStride, b.stride
	}
	if transposed {
		return orientation[T]{n, m, k, b, a, true}
	}
	return orientation[T]{m, n, k, a, b, false}
}

// Sizes of blocks in bytes, and other bounds. Measurements gave them.
const (
	l2Rows         = 256       // KC × l2Rows elements fit a share of the L2 cache
	flippedPanel   = 24 << 10  // a panel of images, or of their pixels, for flipped weights or deltas: fits L1
	vectorBlock    = 1 << 20   // a block of vectors, which may live in the last-level cache
	partialBlock   = 16 << 20  // sums that are kept between blocks of k
	smallSide      = 128 << 10 // each side of a product that is computed as one block
	conflictStride = 1 << 10   // rows a multiple of it apart share few sets of the L1 cache
	tlbStride      = 4 << 10   // columns of rows so far apart touch a page for each element
	transposedRows = 512       // rows of a strip of Cᵀ
	packK          = 8         // rows of scalars that are packed into all micro-panels in one go
)

// l2Elems is the number of elements of a block that stays in the L2 cache: a block of scalars, or the
// sums or deltas of a first layer. KC tells how large that cache is.
func (m *Micro[T]) l2Elems() int { return l2Rows * m.KC }

// blocking says how a product is cut. For each block of NC columns and KC terms, the vectors are packed
// once; then block after block of MC rows of scalars is multiplied with them. Sums of more than KC terms are
// kept for rowsPerPass rows at a time.
type blocking struct {
	mc, nc, kc  int
	rowsPerPass int // whole blocks of MC rows
	packScalar  bool
	packVector  bool
}

func (g *gemm[T]) blockingOf(o *orientation[T]) blocking {
	var zero T
	size := sizeOf(zero)
	t := &g.micro.Tile
	if o.rows*o.k+o.cols*o.k <= smallSide/size && o.rows*o.cols <= smallSide/size && o.k <= g.micro.KC {
		// All of it fits the cache: one block, and no divisions, which would cost more
		// than they save.
		return blocking{mc: o.rows, nc: o.cols, kc: o.k, rowsPerPass: o.rows, packVector: o.vector.stride != 1}
	}
	b := blocking{kc: balance(o.k, g.micro.KC, 1)}
	b.nc = min(o.cols, balance(o.cols, max(vectorBlock/size/b.kc, t.NR), t.NR))
	b.mc = min(o.rows, balance(o.rows, max(g.micro.l2Elems()/b.kc, t.MR), t.MR))
	// Scalars are read in place, except if the stride of their rows makes them share few cache
	// sets, or if few micro-tiles use a line of neighbouring rows while it is cached.
	conflict := o.scalar.stride*size >= conflictStride && o.scalar.stride*size%conflictStride == 0
	if o.scalar.stride == 1 {
		limit := tlbStride
		if g.micro.Copy != nil {
			limit = 2 * cacheLine
		}
		conflict = o.scalar.kStride*size >= limit
	}
	b.packScalar = conflict && o.k > 0 && o.cols >= t.Lanes
	// Vectors are read in place, with the next panel prefetched, unless the kernel prefers
	// them packed: then they are packed if they are read more than twice.
	b.packVector = o.vector.stride != 1 || g.micro.Copy != nil && o.rows > 2*t.MR
	if o.transposed {
		b.mc = min(b.mc, transposedRows)
	}
	if b.mc < o.rows {
		b.mc = max(b.mc/t.MR*t.MR, t.MR) // cut between micro-tiles
	}
	b.rowsPerPass = o.rows
	if b.kc < o.k {
		b.rowsPerPass = max(partialBlock/size/roundUp(b.nc, t.NR)/b.mc, 1) * b.mc
	}
	return b
}

// cost estimates the time of a product in tenths of half-vector multiply-adds. The weights of packing
// were measured with operands in the last-level cache.
func (g *gemm[T]) cost(o *orientation[T], b *blocking) int {
	lanes := g.micro.Tile.Lanes
	c := g.costOfCols(o.cols, g.micro.OneVectorPenalty) * o.rows * o.k
	if b.packScalar {
		weight := 120
		if o.scalar.stride == 1 && g.micro.Copy != nil {
			weight = 200 // in micro-panels
		}
		c += o.rows * o.k * weight / lanes
	}
	if b.packVector {
		c += o.cols * o.k * 130 / lanes
	}
	if o.transposed {
		c += o.cols * o.rows * 130 / lanes
	}
	return c
}

// costOfCols is the cost of one term of one row of so many columns, if a strip of one vector costs
// oneVector tenths more than half of a wide one.
func (g *gemm[T]) costOfCols(cols, oneVector int) int {
	t := &g.micro.Tile
	vectors, rest := cols/t.Lanes, cols%t.Lanes
	c := vectors * 20
	if vectors*t.Lanes%t.NR != 0 {
		c += oneVector
	}
	switch {
	case rest == 0:
	case rest <= g.micro.Narrow:
		c += 10 + oneVector
	default:
		c += 20 + oneVector
	}
	return c
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
