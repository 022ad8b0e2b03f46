package blocked

import "fusegrid/kernels"

// A Micro is a micro-kernel and the functions that move memory for it. [Gemm] does orientation,
// blocking and packing around it.
type Micro[T kernels.Float] struct {
	Tile kernels.Tile
	// KC is the extent of k in one call. It is long enough to amortize prologue and epilogue, and short
	// enough that a panel of KC × NR vectors fits the L1 or L2 cache.
	KC int
	// Narrow is the greatest number of columns (≤ Tile.Lanes) that the kernel computes at half the
	// cost of a whole vector. It is 0 if the kernel computes no partial vector at half the cost.
	Narrow int
	// OneVectorPenalty says how much more a strip of one vector costs than half of a strip of two
	// vectors, because it needs a broadcast for each multiply-add. The unit is a tenth of the time of
	// a multiply-add on half a vector.
	OneVectorPenalty int

	// InPlace says that operands are packed only if their rows crowd few cache sets or pages: a tile
	// has few rows, and each vector is loaded once for many multiply-adds.
	InPlace bool

	// Groups says that the kernel can compute tiles side by side. Scalars that are neighbours along k are then read
	// in place, a group of MR rows at a time: a group meets all panels of vectors before the next group.
	Groups bool
	// Block is the number of scalars in a block, or 0 for l2Rows × KC.
	Block int

	// PackMR is the number of rows in a packed micro-panel of scalars, or 0 if Multiply does not
	// take micro-panels. PackScalars packs one micro-panel: dst(p, i) = src(p, i) for i < PackMR
	// and p < k. Rows of dst have no padding between them, and rows of src are a stride apart.
	PackMR      int
	PackScalars func(dst, src []T, k, stride int)

	// PackImages converts a micro-panel of PackMR images: dst(p, i) = float(pixel p of images[i]) −
	// mean(p) for p < k. k must be a multiple of imageK. Rows of dst have no padding between them.
	// PackImages may write up to a vector beyond the last row.
	PackImages func(dst []T, images []*uint8, mean []T, k int)

	// The functions below serve the flipped layout. A Micro without them has only the wide one.
	//
	// CopyTiles copies the pixels of copyImages images to tiles of pixelTile bytes. The tiles of
	// one image are a stride apart. Tiles with the same pixels of consecutive images have no
	// padding between them. CopyTiles may prefetch the same pixels of the images in next.
	CopyTiles func(dst []uint8, images, next []*uint8, tiles, stride int)
	// PackImageLanes converts tiles to floats: dst(p, i) = float(pixel p of image i) − mean(p). A
	// row of dst holds one pixel of imageLanes images. Tiles are a stride apart, and are converted
	// in order. The stride of dst is NR.
	PackImageLanes func(dst []T, src []uint8, mean []T, tiles, stride int)
	// PackPixelLanes converts consecutive tiles, one of each image, with their first NR pixels
	// along the vectors: dst(i, p) = float(pixel p of image i) − mean(p). The mean has NR elements.
	// Rows of dst have no padding between them.
	PackPixelLanes func(dst []T, src []uint8, mean []T, images int)
	// FlipWaste is a threshold that was found by measurement. The flipped layout is faster if partial
	// vectors waste more than FlipWaste thousandths of the useful work in the wide layout.
	FlipWaste int

	// Kernels are the micro-kernels, from the widest, whose NR is that of Tile, to the narrowest.
	// Tiles.Squares may be set only if Squares is not 0, Order is Packed, and K is a multiple of
	// Squares. The call must then have one tile, and this tile must be a whole one of the widest
	// kernel.
	//
	// If PackTile is set, Tiles.Pack may be set in a call for one whole tile of the widest kernel whose scalars
	// lie in one run. The first tile of a panel then packs the vectors for the others.
	Kernels  []Kernel[T]
	Squares  int
	PackTile bool
	// Packing says whether the first tile does so. If it is nil, it does.
	Packing *Packing
	// Shared are kernels whose NR is two more than whole vectors. Several rows share a vector of sums for the last two
	// columns. A call has whole tiles of MR rows, one below the other, no β and no Start, and scalars in one
	// run.
	Shared []Kernel[T]
	// PackShared packs vectors for them: dst(r, c) = src(r, c), except that each of the last two columns fills half
	// of a vector.
	PackShared func(m *Move[T])
	// Merge sets dst ← β·dst + α·src. The rows of src have whole vectors.
	Merge func(m *Move[T])
	// Copy sets dst(r, c) = src(r, c), and pads the last vector of each row of dst with zeros. The
	// driver packs vectors with it if they are read more than twice. It also packs a last panel
	// whose columns do not fill a vector, because kernels may read whole vectors. Copy is nil if
	// kernels never read past the last column and read vectors in place as fast as packed ones.
	Copy func(m *Move[T])
	// PackPanels copies rows to whole panels of Tile.NR columns: dst(r, c) = src(r, c), where element (r, c) of dst
	// is Dst[c/NR*Stride+r*NR+c%NR].
	PackPanels func(m *Move[T])
	// Transpose sets dst(c, r) = src(r, c), or dst ← β·dst + srcᵀ if the move has a β.
	Transpose func(m *Move[T])
}

// Out is the destination of a result, with the β for the values that the result replaces.
type Out[T kernels.Float] struct {
	Dst    []T // element (r, c) is Dst[r*Stride+c]
	Stride int

	// The β of element (r, c) is Beta[r*BetaStride] or Beta[c], depending on BetaKind. With a
	// stride of 0, all elements have the same β. An element of Dst is not read if it has no β or if
	// its β is 0.
	BetaKind   BetaKind
	Beta       []T
	BetaStride int
}

// BetaKind says whether [Out.Beta] has an element for each row or for each column.
type BetaKind int

// The kinds of β.
const (
	BetaNone BetaKind = iota
	BetaRows
	BetaCols
)

// BetaAt returns the β of element (r, c), or 0 for BetaNone.
func (o *Out[T]) BetaAt(r, c int) T {
	switch o.BetaKind {
	case BetaRows:
		return o.Beta[r*o.BetaStride]
	case BetaCols:
		return o.Beta[c]
	}
	return 0
}

// A Kernel is a micro-kernel. Compute computes tiles of at most MR × NR elements.
type Kernel[T kernels.Float] struct {
	MR, NR  int
	Compute func(t *Tiles[T])
	// The orders of operands, except AnyOrder, are for micro-panels of PanelRows rows and vectors of
	// neighbouring steps that are VecStride elements apart.
	PanelRows, VecStride int
}

// kernel returns the narrowest kernel that computes that many columns.
func (m *Micro[T]) kernel(cols int) *Kernel[T] {
	k := len(m.Kernels) - 1
	for k > 0 && m.Kernels[k].NR < cols {
		k--
	}
	return &m.Kernels[k]
}

// A Tiles holds the arguments of one call of a micro-kernel. The call computes Count tiles, one below
// the other, and keeps the sums of each in registers. Columns lie along the vectors:
//
//	            ┌─ Cols ─┐
//	            │ V      │ K × Cols: row p at Vec[p*VecStride]
//	            │ vector │
//	 ┌── K ───┐ ├────────┤
//	 │ S      │ │ tile   │ Rows × Cols
//	 │ scalar │ ├────────┤
//	 │        │ │ tile   │ Rows × Cols
//	 └────────┘ └────────┘
//	  element (i, p) of a tile at Scalar[i*ScalarStride + p*ScalarKStride]
//
//	t(i,j) = Σ S(i,p)·V(p,j) in ascending p, by the rounding of the kernel's class; then t ← add + t
//
// Both sides may be the caller's matrices or packed copies. Only a kernel of a Micro with a Copy
// may read the whole last vector of a row of V, because the driver then packs and pads it.
//
// The kernel stores the sums in Dst, or β·dst + t if there is a β. It writes no elements outside the
// tiles. If there is a β, Cols is the kernel's NR and no β is 0.
//
// Two decisions of the kernel were measured. With one tile a call, which costs 10 ns, products with ten
// terms ran at 73 to 87% of the speed. With every β merged by Merge, in a second pass over C, updates
// of eight nets ran at 88 to 91%.
type Tiles[T kernels.Float] struct {
	Out[T]
	Count      int
	Rows, Cols int // of a tile, at most MR × NR

	K             int
	Vec           []T
	VecStride     int
	Scalar        []T
	ScalarStride  int // between rows
	ScalarKStride int // between terms of a sum
	ScalarTile    int // between tiles
	// PanelStride is the distance between micro-panels of Micro.PackMR rows, if a tile of packed
	// scalars has more rows than one. It is 0 if scalars are not packed.
	PanelStride int
	// Scalars lie in runs of Run terms, or in one run if Run is K or more. RunSkip elements lie
	// between the end of a run of a row and the next run of the same row.
	Run     int
	RunSkip int
	Order   Order

	// Start holds the sums that this call continues, in rows of the kernel's NR. If it is nil, sums
	// start from +0.
	Start []T
	// Add holds the sums of earlier pieces, in the same rows. They are added to the sums of this call
	// when these are complete: t ← add + t. If it is nil, there are none.
	Add []T
	// If Pack is not nil, the kernel also stores the vectors there, row p at Pack[p*NR]. Micro.PackTile
	// says when it may be set.
	Pack []T
	// If Squares is not nil, the kernel also adds the squares of Vec to these sums. The sums have
	// NR columns, and row p of Vec goes to row p mod SumLanes. Micro.Squares says when it may be
	// set.
	Squares []T

	// If VecTile is not 0, the tiles lie side by side in place of one below the other, and there is no β. The vectors of
	// neighbouring tiles are VecTile elements apart, and their elements of Dst are DstTile apart. SumSkip
	// elements lie between the sums of a tile in Start or Add and those of the next tile.
	VecTile, DstTile, SumSkip int

	Prefetch int  // offset from Vec of vectors for later, a cache line for eight terms, or 0
	Fetch    bool // the sums take so long that the kernel should prefetch Dst
}

// Order says whether the operands of a tile lie in one of the orders that a kernel may have a
// faster loop for.
type Order int

// The orders. In all but AnyOrder, rows of Vec are packed, NR elements apart, where NR is that of the
// widest kernel.
const (
	AnyOrder   Order = iota
	Packed           // scalars lie in micro-panels
	PackedRuns       // scalars lie in micro-panels in runs of PackMR terms
	RowRuns          // scalars lie in runs of NR terms, row by row
)

// A Move copies a matrix, as it is or transposed, or merges it into another.
type Move[T kernels.Float] struct {
	Out[T]
	Rows, Cols int // of the source
	Src        []T // element (r, c) is Src[r*SrcStride+c]
	SrcStride  int
	Alpha      T // of Merge
}
