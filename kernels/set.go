package kernels

// Float is the types that every kernel exists for.
type Float interface{ float32 | float64 }

// A Class names how a set rounds. Stable sets of one class give the same bits
// for the same arguments. A set that lets a foreign library round has a class of
// that library's name.
type Class string

const (
	// FMA fuses: t ← fma(a, b, t) in ascending k, then c ← fma(β, c, α·t).
	FMA Class = "fma"
	// MulAdd rounds each product, then each sum: t ← t + a·b in ascending k, then
	// c ← β·c + α·t.
	MulAdd Class = "muladd"
)

// A Set is one implementation of every kernel.
type Set struct {
	Name     string   // as in -impl: "avx512", "avx2", "reference", …
	Features []string // what it asks of the CPU, as cpuid names it
	Detail   string   // version and core of a foreign library, else empty
	Class    Class
	Stable   bool // one value per element, whatever surrounds it
	F32      Slots[float32]
	F64      Slots[float64]
}

// Slots holds the kernels of one type. A slot may assume that its arguments
// were checked, and that no matrix of ReLUGrad, AddBias and BiasReLU is empty:
// call it through [Of]. Every slot is set except Layout, which may be nil: start from the
// set of package reference and override what is faster.
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
	// Layout chooses how first-layer weights of so many lanes lie in memory. If it is nil, they
	// are row-major and their products go through Gemm.
	Layout func(lanes int) Layout[T]
}

// A Tile is the block of a product that a micro-kernel keeps in registers, and
// the number of elements in one vector. [Ops.GemmParallel] splits products at multiples of
// it. No result depends on it.
type Tile struct {
	MR, NR int
	Lanes  int
}

// Of gives the operations of s for type T.
func Of[T Float](s *Set) Ops[T] {
	var zero T
	switch any(zero).(type) {
	case float32:
		return Ops[T]{any(&s.F32).(*Slots[T])}
	default:
		return Ops[T]{any(&s.F64).(*Slots[T])}
	}
}
