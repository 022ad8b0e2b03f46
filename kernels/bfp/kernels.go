package bfp

// Kernels are the routines of an instruction set for first layers. They work on panels of 16 units,
// with sums of 32 bits. Weights and deltas are rounded to 16-bit integers, in groups:
//
//   - A group of pixels has 4 bytes. It holds Pixels consecutive pixels of an image, or one pixel of
//     that many consecutive images.
//   - A group of integers holds those that meet such pixels, for each of 16 units. An integer has
//     2 bytes, whose order is up to the kernels.
//
// The exported fields of the arguments are read by assembly.
type Kernels struct {
	// Pixels is the number of pixels in a group, 4 or 2. A pixel has 4/Pixels bytes.
	Pixels int
	// Rows is the number of rows in a tile of sums, and Block that of pixels in a block of
	// interleaved images, a multiple of Rows.
	Rows, Block int
	// Terms is the number of products of a pixel and an integer whose sum surely fits 32 bits.
	Terms int
	// Base says what the two numbers of a split sum mean: Base·hi + lo. SplitTerms is the number of
	// products for which both surely fit 32 bits, in one call of Sum.
	Base, SplitTerms int
	// Pairs reports whether Sum has PairSums.
	Pairs bool

	// Load copies pixels to consecutive groups, and prefetches as many pixels of next.
	Load func(dst, src, next []uint8)
	// Interleave combines rows of pixels to groups of one pixel each.
	Interleave func(a *Interleaving)
	// Top sets Rounding.Top.
	Top func(r *Rounding)
	// Round sets Hi and Lo, and adds to Totals.
	Round func(r *Rounding)
	// Sum computes tiles of products.
	Sum func(p *Products)
	// Output computes z of a panel, and Step the next weights of a part of a panel.
	Output func(o *Outputs)
	Step   func(s *Steps)

	// Units has the routines for units that are not in a panel, or is nil.
	Units *UnitKernels
}

// groupBytes is the size of a group of pixels.
const groupBytes = 4

// A Rounding has numbers of 16 units. Number (i, l) is X[i·Stride + l].
type Rounding struct {
	X            []float32
	Stride, Rows int
	// Top is the result of Kernels.Top: the bits of the largest magnitude of each unit. A NaN counts
	// as larger than all numbers.
	Top [lanes]uint32
	// If Squares is not empty, Kernels.Top adds the squares of row i to row i mod n of Squares, which
	// has n rows of 16. n must be a power of 2.
	Squares []float32
	// Inverse is 2^−e of each unit. The rounded numbers are rint(X·2^−e), for a number of rows that is a
	// multiple of Kernels.Pixels. VNNI stores hi and lo of a group at Hi and at Lo, 2·64 bytes after
	// those of the group before. AVX2 stores both at Lo.
	Inverse [lanes]float32
	Hi, Lo  []uint8
	// Totals are sums of integers.
	Totals [lanes]int32
}

// Products are tiles of sums of products, one below the other:
//
//	sum(r, l) = Σ pixels(r, g)·integers(g, l)
//
// Group g of row r of a tile is at X[r·RowStride + g·GroupStep], and tiles are TileStep apart. All
// strides are bytes.
type Products struct {
	X                              []uint8
	RowStride, GroupStep, TileStep int
	Q                              []uint8
	Groups, Tiles                  int
	// Sums has the results.
	Sums []int32
	Kind SumKind
	// Fetch is memory that is needed next. Sum prefetches 16 bytes of it for each group of a tile.
	Fetch []float32
	// Plane is the number of bytes between the planes of UnitKernels.
	Plane int
}

// SumKind says what [Products] store.
type SumKind int

const (
	// WholeSums are 16 sums a row.
	WholeSums SumKind = iota
	// SplitSums are 16 numbers hi and 16 numbers lo a row, which are added to those before.
	SplitSums
	// PairSums are 16 sums with the bytes hi and 16 sums with the bytes lo, which belong to different units. Only VNNI
	// has them.
	PairSums
)

// Outputs are the operands of the last part of Forward:
//
//	z(n, l) = float32((Unit·(Base·hi(n, l) + lo(n, l)) − Mean(l))·Scale(l))
//
// All but the conversion to float32 is exact.
type Outputs struct {
	Sums        []int32 // split
	Rows        int
	Unit, Base  float64
	Mean, Scale [lanes]float64
	Z           []float32 // 16 units a row
	Stride      int
}

// Steps are the operands of the last part of Update:
//
//	g = fma(Minus(p), Total(l), float32(sum(p, l)))
//	W(p, l) ← fma(Beta(l), W(p, l), Scale(l)·g), or Scale(l)·g if Beta(l) is 0
type Steps struct {
	Sums               []int32
	Stride             int // of Sums, if they are not split
	Split              bool
	Base               float64
	Rows               int
	Minus              []float32
	Total, Scale, Beta [lanes]float32
	W                  []float32 // 16 units a row
}

// An Interleaving combines Kernels.Pixels rows of pixels, a number of bytes apart. Group p has pixel p of each. The
// first Kernels.Block groups are at Dst[0], the next at Dst[DstStride], up to the number of Blocks.
type Interleaving struct {
	Src                          []uint8
	SrcStride, DstStride, Blocks int
	Dst                          []uint8
}

// UnitKernels are the routines for two units outside of panels. A vector then holds pixels. So the
// last units of a layer need not fill a panel.
type UnitKernels struct {
	// Most is the largest number of units, after those of whole panels, for which this is faster than
	// another panel.
	Most int
	// SumRows multiplies rows of pixels, UnitRows in a tile. A row of sums has four numbers for each
	// plane. SumPixels multiplies interleaved pixels. A tile is Kernels.Block pixels, and has one sum
	// for each pixel and plane. The integers of two units are planes of bytes: hi, lo, hi, lo.
	SumRows, SumPixels func(p *Products)
	Round              func(r *UnitRounding)
	Step               func(s *UnitSteps)
}

// UnitRows is the number of rows in a tile of UnitKernels.SumRows.
const UnitRows = 6

// A UnitRounding has N numbers of one unit. Hi and Lo are the results: rint(X·2^−e) = 256·hi + lo,
// padded with zeros to a multiple of 16.
type UnitRounding struct {
	X       []float32
	N       int
	Inverse float32
	Hi, Lo  []uint8
}

// UnitSteps are the operands of [Steps] for one unit, whose sums are split.
type UnitSteps struct {
	Hi, Lo             []int32
	Base               float64
	Rows               int
	Minus              []float32
	Total, Scale, Beta float32
	W                  []float32
}
