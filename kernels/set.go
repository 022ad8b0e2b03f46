package kernels

// Float is the constraint of the element types. Every kernel exists for both.
type Float interface{ float32 | float64 }

// A Class names how a set rounds. Stable sets of one class give the same bits for the same
// arguments. If a foreign library computes the products of a set, its class has the name of that
// library. The number in the name of the other classes is [Piece]. Classes without it, such as fma, are those of earlier
// versions, which summed all terms of an element in one chain.
type Class string

const (
	// FMA fuses products and sums: t ← fma(a, b, t) in ascending k, then c ← fma(β, c, α·t).
	FMA Class = "fma-512"
	// MulAdd rounds each product and then each sum: t ← t + a·b in ascending k, then c ← β·c + α·t.
	MulAdd Class = "muladd-512"
	// BFP16 computes first layers of images in exact integers, as package bfp defines. All other
	// operations are those of class FMA.
	BFP16 Class = "bfp16-512"
	// BFP16D8 is like BFP16, but rounds the deltas of first layers to 8 bits.
	BFP16D8 Class = "bfp16d8-512"
)

// Earlier reports whether c is a class of earlier versions, in which no set computes any more.
func (c Class) Earlier() bool {
	switch c {
	case "fma", "muladd", "bfp16", "bfp16d8":
		return true
	}
	return false
}

// ClassOf returns the class of sets that compute first layers of images in the integers of a type, or "" if the
// type is f32 or f64.
func ClassOf(dtype string) Class {
	switch dtype {
	case "bfp16":
		return BFP16
	case "bfp16d8":
		return BFP16D8
	}
	return ""
}

// Integers reports whether sets of class c compute first layers of images in exact integers.
func (c Class) Integers() bool { return c == BFP16 || c == BFP16D8 }

// A Set is one implementation of every kernel.
type Set struct {
	Name     string        // as in -impl: "avx512", "avx2", "reference", …
	Features []string      // the CPU features that it needs, by their cpuid names
	Detail   string        // of a foreign library, its version and the CPU model whose kernels it uses; else empty
	Choices  func() string // what the set has chosen by measuring so far, in one line for records; nil if nothing
	Class    Class
	Stable   bool // an element never depends on its surroundings; see Numbers
	F32      Slots[float32]
	F64      Slots[float64]
}

// Slots holds the kernels of one type. A slot may assume that its arguments were checked, and that
// no matrix of ReLUGrad, AddBias and BiasReLU is empty. Callers must therefore go through [Of].
// Every slot must be set except Layout, which may be nil. A new set starts from the set of package
// reference and overrides the slots that it computes faster.
type Slots[T Float] struct {
	Tile        Tile
	Gemm        func(p Product[T])
	ReLU        func(dst, x []T)
	ReLUGrad    func(dx, dy, x Mat[T])
	AddBias     func(dst, x Mat[T], bias []T)
	BiasReLU    func(dst, x Mat[T], bias []T)
	SoftmaxLoss func(dx, x Mat[T], y []int) float64
	Axpby       func(alpha T, x []T, beta T, y []T)
	SumSquares  func(x []T) T
	AddSquares  func(dst, x []T)
	ColSums     func(dst []T, x Mat[T])
	SubMean     func(dst []T, src []uint8, mean []T)
	RMSProp     func(f RMSPropFactors[T], w, a, g []T)
	Adam        func(f AdamFactors[T], w, m, v, g []T)
	// Layout chooses the layout of first-layer weights with this number of lanes. If Layout is nil,
	// the weights are row-major and their products are computed by Gemm.
	Layout func(lanes int) Layout[T]
}

// A Tile is the size of the block of a product that a micro-kernel keeps in registers, and the
// number of elements in one vector. [Ops.GemmParallel] splits products at multiples of the tile.
// The results of a stable set never depend on it.
type Tile struct {
	MR, NR int
	Lanes  int
}

// Of returns the operations of s for type T.
func Of[T Float](s *Set) Ops[T] {
	var zero T
	switch any(zero).(type) {
	case float32:
		return Ops[T]{any(&s.F32).(*Slots[T])}
	default:
		return Ops[T]{any(&s.F64).(*Slots[T])}
	}
}
