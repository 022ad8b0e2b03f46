package blocked

import "fusegrid/kernels"

// A Micro is a micro-kernel, with the functions that move memory for it. [Gemm] does the
// rest: orientation, blocking and packing.
type Micro[T kernels.Float] struct {
	Tile kernels.Tile
	// KC is the extent of k in one call. It is long enough to amortize prologue and epilogue, and short
	// enough that a panel of KC × NR vectors fits the L1 or L2 cache.
	KC int
	// Narrow is the greatest number of columns (≤ Tile.Lanes) that the kernel computes at half
	// the cost of a whole vector, or 0 if there is none.
	Narrow int
	// OneVectorPenalty is the extra cost of a strip that is one vector wide, beyond half the cost of a strip of
	// two, in tenths of a half-vector multiply-add. Such a strip has a broadcast for each multiply-add.
	OneVectorPenalty int

	// PackMR is the number of rows in a packed micro-panel of scalars, or 0 if Multiply does not
	// take micro-panels. PackScalars packs one: dst(p, i) = src(p, i) for i < PackMR and p < k. Rows of dst
	// are end to end, rows of src a stride apart.
	PackMR      int
	PackScalars func(dst, src []T, k, stride int)

	// PackImages converts a micro-panel of PackMR images: dst(p, i) = float(pixel p of images[i]) − mean(p)
	// for p < k, which is a multiple of imageK. Rows of dst are end to end. It may write up to a vector beyond
	// the last.
	PackImages func(dst []T, images []*uint8, mean []T, k int)

	// The functions below serve flipped weights. A set without them flips none.
	//
	// CopyTiles copies the pixels of copyImages images to tiles of pixelTile bytes. The tiles of one image are a
	// stride apart; those of different images with the same pixels are end to end. It may prefetch
	// as many of the images in next.
	CopyTiles func(dst []uint8, images, next []*uint8, tiles, stride int)
	// PackImageLanes converts tiles, which are a stride apart, with imageLanes images along the vectors:
	// dst(p, i) = float(pixel p of image i) − mean(p), for all pixels of a tile and then for those
	// of the next. Rows of dst are NR apart.
	PackImageLanes func(dst []T, src []uint8, mean []T, tiles, stride int)
	// PackPixelLanes converts tiles that are end to end, with their first NR pixels along the vectors:
	// dst(i, p) = float(pixel p of image i) − mean(p). The mean has NR elements. Rows of dst are end to end.
	PackPixelLanes func(dst []T, src []uint8, mean []T, images int)
	// FlipWaste says when flipped weights are faster, as measured: if vectors along lanes waste more
	// than so many thousandths of the work.
	FlipWaste int

	// Multiply computes a strip of C. Strip.Squares may be set if Squares is not 0, K is a multiple of it,
	// Cols is NR, and Rows is PackMR or more.
	Multiply func(s *Strip[T])
	Squares  int
	// Copy sets dst(r, c) = src(r, c), and pads the last vector of each row of dst with zeros. It packs
	// vectors that are read more than twice, and the last panel of a strip whose columns do not fill a vector,
	// because Multiply may read whole vectors. Copy is nil if Multiply never reads past the last column
	// and vectors in place are as fast as packed ones.
	Copy func(m *Move[T])
	// Transpose sets dst(c, r) = src(r, c), or dst ← β·dst + srcᵀ if the move has a β.
	Transpose func(m *Move[T])
}

// Out is where a result goes, and the β for the values that it replaces.
type Out[T kernels.Float] struct {
	Dst    []T // element (r, c) is Dst[r*Stride+c]
	Stride int

	// The β of element (r, c) is Beta[r*BetaStride] or Beta[c], by its kind. A stride of 0 makes it
	// one scalar. Dst is not read if there is no β or if it is 0.
	BetaKind   BetaKind
	Beta       []T
	BetaStride int
}

// BetaKind says what the elements of [Out.Beta] belong to.
type BetaKind int

// The kinds of β.
const (
	BetaNone BetaKind = iota
	BetaRows
	BetaCols
)

// BetaAt returns the β of element (r, c), which is 0 if there is none.
func (o *Out[T]) BetaAt(r, c int) T {
	switch o.BetaKind {
	case BetaRows:
		return o.Beta[r*o.BetaStride]
	case BetaCols:
		return o.Beta[c]
	}
	return 0
}

// A Strip is one call of a micro-kernel. It computes Rows × Cols elements of C, where
// Cols ≤ Tile.NR is the side that lies along the vectors. The kernel walks down
// the rows in micro-tiles of at most Tile.MR:
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
// Both sides may be the caller's own matrices or packed copies. The kernel writes no
// element outside Rows × Cols. It reads none either, unless it has a Copy: then the
// last vector is packed and padded.
//
// A sum of more than K terms takes several calls. All but the last call leave t in
// Partial, and all but the first continue from there. The last call sets
// out ← α·t or, if there is a β other than 0, out ← β·out + α·t.
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
	// If PanelRows is not 0, scalars are packed in micro-panels of PanelRows = Micro.PackMR rows, which are
	// PanelStride apart. ScalarStride is 1 then and ScalarKStride is PanelRows. All micro-panels but the last
	// are full, unless EvenPanels is set: then their rows are those of scalars in place, see evenRows.
	PanelRows   int
	PanelStride int
	EvenPanels  bool
	// If TileK is not 0, scalars lie in tiles of TileK terms: ScalarStride is TileK, ScalarKStride is
	// 1, and TileSkip elements lie between the end of a tile and the next. In micro-panels TileK is PanelRows.
	TileK    int
	TileSkip int

	// If Squares is not nil, the kernel also adds the squares of Vec to these sums: row p to row p mod
	// SumLanes of the sums, which have NR columns. Micro.Multiply says when it may be set.
	Squares []T

	// Resume continues from the sums in Partial; otherwise sums start from +0. Unfinished leaves the sums in
	// Partial; otherwise they are finished into Out.
	Resume     bool
	Unfinished bool
	UnitAlpha  bool // α is 1, so that the kernel need not multiply by it
	WholeBeta  bool // Cols is whole vectors and no β is 0: a kernel may make use of it
	// Partial holds Rows rows of sums, each of at most as many whole vectors as Cols
	// needs. Its order is the kernel's own: strips of the same shape write and read it.
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
