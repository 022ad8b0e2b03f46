package kernels

// A Micro is what a CPU contributes to the product: a micro-kernel, and ways of
// rearranging memory that feed it. [NewGemm] does the rest: orientation,
// blocking and packing.
type Micro[T Float] struct {
	Tile Tile
	// Depth is the part of a chain in one call: as many steps as are far longer than what
	// begins and ends a call, while a panel of them stays in a cache near the core.
	Depth int
	// Narrow is the greatest width (≤ Tile.Lanes) that the kernel computes at half
	// the cost of a vector, or 0 if there is none.
	Narrow int
	// Single is what a strip of one vector takes beyond half the time of two, in tenths of a half vector:
	// it has a broadcast for each multiply-add.
	Single int
	// Group is the number of rows of scalars that Multiply takes packed in groups, or
	// 0 if it does not. PackGroup packs one: dst(p, i) = src(p, i) for i < Group, with
	// rows of dst end to end and rows of src step elements apart.
	Group     int
	PackGroup func(dst, src []T, k, step int)
	// PackImages packs a group of images: dst(p, i) = float(pixel p of images[i]) − mean(p) for
	// p < k, a multiple of 16, with rows of dst end to end. It may write up to a vector beyond the last.
	PackImages func(dst []T, images []*uint8, mean []T, k int)
	// For flipped weights: CopyTiles copies the pixels of copyImages images to tiles of pixelTile bytes each: those
	// of a tile end to end, tiles a pitch apart. It may fetch as many of the images next. The others pack such
	// tiles as float(byte) − mean.
	// PackImageLanes has imageLanes images along the vectors: dst(p, i), with rows of dst NR apart, for all
	// pixels of a tile and then for the next, blocks in all; their bytes lie pitch apart, their means
	// end to end. PackPixelLanes has the first NR pixels of a tile along the vectors, as many as mean has:
	// dst(i, p), with rows of dst end to end, for as many images. A set without them flips nothing.
	// FlipWaste is the waste of vectors along lanes, in thousandths of the work, from which on flipped weights are
	// faster, as measured.
	FlipWaste      int
	CopyTiles      func(dst []uint8, images, next []*uint8, tiles, pitch int)
	PackImageLanes func(dst []T, src []uint8, mean []T, blocks, pitch int)
	PackPixelLanes func(dst []T, src []uint8, mean []T, images int)
	// Multiply computes a strip of C. It takes Strip.Squares where Cols is NR, Rows are a full group or more, and K
	// is a multiple of Squares; if that is 0, nowhere.
	Squares  int
	Multiply func(s *Strip[T])
	// Copy sets dst(r, c) = src(r, c), and what is left of the last vector of a row of dst
	// to zero. It packs vectors that are read more than twice, and those of a strip that cuts its
	// last vector: Multiply reads the whole of that, or of the half one. A kernel that does neither and keeps up
	// with vectors in place has none.
	Copy func(m *Move[T])
	// Transpose sets dst(c, r) = src(r, c), or dst ← β·dst + srcᵀ if it has a β.
	Transpose func(m *Move[T])
}

// Out is where a result goes, and the β that it meets there.
type Out[T Float] struct {
	Dst  []T // (r, c) at Dst[r*Step+c]
	Step int

	// Beta by kind: none (Dst is not read), Beta[r*BetaStep] for row r, where a
	// step of 0 makes it one scalar, or Beta[c] for column c. Where β is 0, Dst is
	// not read.
	BetaKind BetaKind
	Beta     []T
	BetaStep int
}

// BetaKind says what the elements of [Out.Beta] belong to.
type BetaKind int

// The kinds of β.
const (
	BetaNone BetaKind = iota
	BetaRows
	BetaCols
)

// at returns the β of element (r, c).
func (o *Out[T]) at(r, c int) T {
	switch o.BetaKind {
	case BetaRows:
		return o.Beta[r*o.BetaStep]
	case BetaCols:
		return o.Beta[c]
	}
	return 0
}

// A Strip is one call of a micro-kernel. It computes Rows × Cols elements, where
// Cols ≤ Tile.NR is the side that lies along the vectors. The kernel walks down
// the rows in groups of at most Tile.MR:
//
//	            ┌─ Cols ─┐
//	            │ V      │ K × Cols: row p at Vec[p*VecStep]
//	            │ vector │
//	 ┌── K ───┐ ├────────┤
//	 │ S      │ │ group  │ ≤ MR rows of sums in registers
//	 │ scalar │ ├────────┤
//	 │        │ │        │ Rows × Cols
//	 └────────┘ └────────┘
//	  element (i, p) at Scalar[i*ScalarRow + p*ScalarStep], or in groups
//
//	t(i,j) = Σ S(i,p)·V(p,j) in ascending p, by the rounding of the kernel's class
//
// Both sides may be the caller's own matrices or packed copies. The kernel writes no
// element outside Rows × Cols, and reads none unless it has a Copy: then the
// last vector is packed.
//
// A chain that is longer than K takes several calls. All but the last leave t in
// Partial; all but the first take up the chain from there. The last sets
// out ← α·t or, where there is a β other than 0, out ← β·out + α·t.
type Strip[T Float] struct {
	Out[T]
	Rows, Cols int

	K          int
	Vec        []T
	VecStep    int
	Ahead      int // where the next strip's vectors will be, from Vec: a hint to prefetch, or not
	Scalar     []T
	ScalarRow  int
	ScalarStep int
	// Scalars packed in groups of GroupRows = Micro.Group rows, where it is not 0: the scalars of
	// the next group start GroupStep elements on. ScalarRow is 1 and ScalarStep is GroupRows. Groups are
	// full but the last, or where EvenGroups says so as those of scalars in place are: see evenGroup.
	GroupRows  int
	GroupStep  int
	EvenGroups bool
	// Scalars in tiles of TileSteps steps, where it is not 0: ScalarRow is TileSteps and ScalarStep is
	// 1, and from the end of a tile to the next are TileSkip elements. In groups, TileSteps = GroupRows.
	TileSteps int
	TileSkip  int

	// Where Squares is not nil, the kernel also adds the squares of Vec to these sums: those of row p to row p mod
	// SumLanes, of NR each. See Micro.Multiply for where it may be set.
	Squares []T

	// A chain in parts: Resume continues the chains in Partial, else they start from
	// +0; Unfinished leaves them in Partial, else they are finished into Out.
	Resume     bool
	Unfinished bool
	Unit       bool // α is 1, which spares a multiplication
	WholeBeta  bool // Cols is whole vectors, and no β is 0: a kernel may make use of it
	// Partial holds Rows rows of sums, each of at most as many whole vectors as Cols
	// needs. Its layout is the kernel's own: the same strip writes and reads it.
	Partial []T
	Alpha   T
}

// A Move copies a matrix, as it is or transposed.
type Move[T Float] struct {
	Out[T]
	Rows, Cols int // of the source
	Src        []T // (r, c) at Src[r*SrcStep+c]
	SrcStep    int
}
