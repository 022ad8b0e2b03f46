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
	// OneVectorPenalty is the cost of a strip that is one vector wide minus half the cost of a
	// strip of two vectors, in tenths of a half-vector multiply-add. It exists because the narrower
	// strip needs a broadcast for each multiply-add.
	OneVectorPenalty int

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
	// PackImageLanes converts tiles, which are a stride apart, with imageLanes images along the
	// vectors: dst(p, i) = float(pixel p of image i) − mean(p), for all pixels of all tiles in
	// their order. The stride of dst is NR.
	PackImageLanes func(dst []T, src []uint8, mean []T, tiles, stride int)
	// PackPixelLanes converts consecutive tiles, one of each image, with their first NR pixels
	// along the vectors: dst(i, p) = float(pixel p of image i) − mean(p). The mean has NR elements.
	// Rows of dst have no padding between them.
	PackPixelLanes func(dst []T, src []uint8, mean []T, images int)
	// FlipWaste is the measured waste, in thousandths of the useful work, above which the flipped
	// layout is faster. The waste is that of partial vectors in the wide layout.
	FlipWaste int

	// Multiply computes a strip of C. Strip.Squares may be set only if Squares is not 0, K is a
	// multiple of Squares, Cols is NR, and Rows is PackMR or more.
	Multiply func(s *Strip[T])
	Squares  int
	// Copy sets dst(r, c) = src(r, c), and pads the last vector of each row of dst with zeros. The
	// driver packs vectors with it if they are read more than twice. It also packs a last panel
	// whose columns do not fill a vector, because Multiply may read whole vectors. Copy is nil if
	// Multiply never reads past the last column and reads vectors in place as fast as packed ones.
	Copy func(m *Move[T])
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

// A Strip holds the arguments of one call of a micro-kernel. The call computes Rows × Cols elements
// of C, where columns lie along the vectors and Cols ≤ Tile.NR. The kernel walks down the rows in
// micro-tiles of at most Tile.MR rows:
//
//	            ┌─ Cols ─┐
//	            │ V      │ K × Cols: row p at Vec[p*VecStride]
//	            │ vector │
//	 ┌── K ───┐ ├────────┤
//	 │ S      │ │ tile   │ ≤ MR rows of sums in registers
//	 │ scalar │ ├────────┤
//	 │        │ │        │ Rows × Cols
//	 └────────┘ └────────┘
//	  element (i, p) at Scalar[i*ScalarStride + p*ScalarKStride], or in micro-panels
//
//	t(i,j) = Σ S(i,p)·V(p,j) in ascending p, by the rounding of the kernel's class
//
// Both sides may be the caller's matrices or packed copies. The kernel must not write elements
// outside Rows × Cols. Only a kernel with a Copy may read the whole last vector of a row of V,
// because the driver then packs and pads it.
//
// If a sum has more than K terms, it takes several calls. All but the last call store t in Partial,
// and all but the first continue from there. The last call sets out ← α·t or, if the β is not 0,
// out ← β·out + α·t.
type Strip[T kernels.Float] struct {
	Out[T]
	Rows, Cols int

	K             int
	Vec           []T
	VecStride     int
	Prefetch      int // offset of the next strip's vectors from Vec, which the kernel may prefetch, or 0
	Scalar        []T
	ScalarStride  int // between rows
	ScalarKStride int // between terms of a sum
	// If PanelRows is not 0, scalars are packed in micro-panels of PanelRows = Micro.PackMR rows,
	// which are PanelStride apart. ScalarStride is then 1 and ScalarKStride is PanelRows. Only the
	// last micro-panel may be partial. If EvenPanels is set, the micro-panels have instead the
	// heights that evenRows returns, as micro-tiles of unpacked scalars do.
	PanelRows   int
	PanelStride int
	EvenPanels  bool
	// If TileK is not 0, scalars lie in tiles of TileK terms. ScalarStride is then TileK,
	// ScalarKStride is 1, and TileSkip elements lie between the end of a row of a tile and the same
	// row of the next. In micro-panels, TileK is PanelRows.
	TileK    int
	TileSkip int

	// If Squares is not nil, the kernel also adds the squares of Vec to these sums. The sums have
	// NR columns, and row p of Vec goes to row p mod SumLanes. Micro.Multiply says when Squares may
	// be set.
	Squares []T

	// Resume continues the sums in Partial; without it, sums start from +0. Unfinished stores the
	// sums in Partial; without it, they are finished and written to Out.
	Resume     bool
	Unfinished bool
	UnitAlpha  bool // α is 1, so the kernel may skip the multiplication
	WholeBeta  bool // Cols has no partial vector and no β is 0, so the kernel may skip masks
	// Partial holds Rows rows of sums, in at most the number of whole vectors that Cols needs. The
	// kernel chooses their order, because only strips of the same shape read the sums that a strip
	// has written.
	Partial []T
	Alpha   T
}

// A Move copies a matrix, as it is or transposed.
type Move[T kernels.Float] struct {
	Out[T]
	Rows, Cols int // of the source
	Src        []T // element (r, c) is Src[r*SrcStride+c]
	SrcStride  int
}
