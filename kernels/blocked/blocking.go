package blocked

import "fusegrid/kernels"

// An orientation is a product as the kernel sees it: rows × k scalars times k × cols vectors. If it
// is transposed, the product is Cᵀ = op(B)ᵀ·op(A)ᵀ.
type orientation[T kernels.Float] struct {
	rows, cols, k  int
	scalar, vector operand[T]
	transposed     bool
	plain          bool // α is 1, and there is no β
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
		return orientation[T]{n, m, k, b, a, true, false}
	}
	return orientation[T]{m, n, k, a, b, false, p.Alpha == 1 && p.Beta == 0 && p.BetaRow == nil && p.BetaCol == nil}
}

// Sizes of blocks in bytes, and other limits. All of them were found by measurement.
const (
	l2Rows         = 256       // KC × l2Rows elements fit a share of the L2 cache
	flippedPanel   = 24 << 10  // a panel of images or of pixels in the flipped layout, which fits L1
	vectorBlock    = 1 << 20   // a block of vectors, which fits the last-level cache
	groupBlock     = 2 << 20   // the same for Micro.Groups: smaller blocks would read scalars more often
	partialBlock   = 16 << 20  // partial sums that are kept between blocks of k
	smallSide      = 128 << 10 // the limit for A and B together, and for C, of a product that is computed as one block
	conflictStride = 1 << 10   // rows whose stride is a multiple of it share few sets of the L1 cache
	tlbStride      = 4 << 10   // from this stride on, each element of a column lies on another page
	transposedRows = 512       // rows of a strip of Cᵀ
	packK          = 8         // rows of the source that are packed into all micro-panels before the next rows
)

// l2Elems returns the number of elements of a block that stays in the L2 cache. Such a block holds
// scalars, or the sums or deltas of a first layer. The size is derived from KC because KC is larger
// on CPUs with a larger cache.
func (m *Micro[T]) l2Elems() int {
	if m.Block > 0 {
		return m.Block
	}
	return l2Rows * m.KC
}

// blocking holds the block sizes of a product. For each block of NC columns and KC terms, the
// vectors are packed once and multiplied with one block of MC rows of scalars after the other. If a
// sum has more than KC terms, partial sums are kept for rowsPerPass rows at a time.
type blocking[T kernels.Float] struct {
	mc, nc, kc  int
	rowsPerPass int // a multiple of MC
	packScalar  bool
	groups      bool       // see Micro.Groups
	shared      *Kernel[T] // of the last columns, or nil; see Micro.Shared
	packVector  bool
}

func (g *gemm[T]) blockingOf(o *orientation[T]) blocking[T] {
	var zero T
	size := sizeOf(zero)
	t := &g.micro.Tile
	if o.rows*o.k+o.cols*o.k <= smallSide/size && o.rows*o.cols <= smallSide/size && o.k <= min(g.micro.KC, kernels.Piece) {
		// The whole product fits the cache, so it is one block. The divisions below would cost more
		// than they save.
		b := blocking[T]{mc: o.rows, nc: o.cols, kc: o.k, rowsPerPass: o.rows, packVector: o.vector.stride != 1}
		b.shared = g.sharedKernel(o, &b)
		return b
	}
	b := blocking[T]{kc: balance(min(o.k, kernels.Piece), g.micro.KC, 1)}
	block := vectorBlock
	if g.micro.Groups {
		block = groupBlock
	}
	b.nc = min(o.cols, balance(o.cols, max(block/size/b.kc, t.NR), t.NR))
	b.mc = min(o.rows, balance(o.rows, max(g.micro.l2Elems()/b.kc, t.MR), t.MR))
	// Scalars are packed if the stride of their rows makes them share few cache sets. They are also
	// packed if few micro-tiles use a line of neighbouring rows before it leaves the cache.
	// Otherwise they are read in place.
	conflict := crowd[T](o.scalar.stride)
	if o.scalar.stride == 1 {
		limit := tlbStride
		if g.micro.Copy != nil {
			limit = 2 * cacheLine
		}
		conflict = o.scalar.kStride*size >= limit
	}
	b.packScalar = conflict && o.k > 0 && o.cols >= t.Lanes
	// Vectors are packed if their columns are not neighbours, or if the kernel has a Copy and reads
	// them more than twice. Otherwise they are read in place and the next panel is prefetched.
	b.packVector = o.vector.stride != 1 || g.micro.Copy != nil && o.rows > 2*t.MR
	if g.micro.InPlace {
		if o.scalar.kStride == 1 {
			b.packScalar = false
		}
		step := o.vector.kStride
		b.packVector = o.vector.stride != 1 || crowd[T](step) || step*size >= tlbStride
	}
	if g.micro.Groups && !o.transposed && o.scalar.kStride == 1 {
		b.groups, b.packScalar = true, false
	}
	if o.transposed {
		b.mc = min(b.mc, transposedRows)
	}
	if b.mc < o.rows {
		b.mc = max(b.mc/t.MR*t.MR, t.MR) // blocks end between micro-tiles
	}
	b.rowsPerPass = o.rows
	if b.kc < o.k {
		b.rowsPerPass = max(partialBlock/size/roundUp(b.nc, t.NR)/b.mc, 1) * b.mc
	}
	b.shared = g.sharedKernel(o, &b)
	return b
}

// sharedKernel returns the kernel for the last columns, or nil.
func (g *gemm[T]) sharedKernel(o *orientation[T], b *blocking[T]) *Kernel[T] {
	pieces := b.kc >= min(o.k, kernels.Piece) && b.nc >= o.cols // blocks of k are pieces, and there is one of columns
	if !o.plain || o.k == 0 || b.packScalar || !pieces || o.scalar.kStride != 1 && o.scalar.stride != 1 {
		return nil
	}
	for i := range g.micro.Shared {
		k := &g.micro.Shared[i]
		rest := o.cols - k.NR
		if rest < 0 || rest%g.micro.Tile.NR != 0 || o.rows < k.MR {
			continue
		}
		// The last tile begins within the one before it, unless there are earlier pieces.
		if o.k <= kernels.Piece || o.rows%k.MR == 0 && b.rowsPerPass >= o.rows {
			return k
		}
	}
	return nil
}

// cost estimates the time of a product, in tenths of a half-vector multiply-add. The weights of
// packing were measured with operands in the last-level cache.
func (g *gemm[T]) cost(o *orientation[T], b *blocking[T]) int {
	lanes := g.micro.Tile.Lanes
	c := g.costOfCols(o.cols, g.micro.OneVectorPenalty)
	if b.shared != nil {
		c = 20 * o.cols / lanes
		if b.shared.NR < g.micro.Tile.NR {
			c += g.micro.OneVectorPenalty
		}
	}
	c *= o.rows * o.k
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

// costOfCols returns the cost of one term of a row with the given number of columns. A strip that
// is one vector wide costs half of a strip of two vectors, plus oneVector.
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

// crowd reports whether rows that are a stride apart share few sets of the L1 cache.
func crowd[T kernels.Float](stride int) bool {
	var zero T
	bytes := stride * sizeOf(zero)
	return bytes >= conflictStride && bytes%conflictStride == 0
}

// balance splits n into the fewest parts of at most limit and returns the size of a part, at least
// 1. The size is a multiple of unit. Only the last part may be smaller.
func balance(n, limit, unit int) int {
	if n <= 0 {
		return 1
	}
	limit = max(limit/unit*unit, unit)
	parts := (n + limit - 1) / limit
	return roundUp((n+parts-1)/parts, unit)
}
