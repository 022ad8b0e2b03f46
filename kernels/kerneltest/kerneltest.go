// Package kerneltest is the conformance suite of package kernels. One suite tests every kernel of
// every set, in both types, against the contract:
//
//	func TestKernels(t *testing.T) {
//		for _, set := range fusegrid.All() {
//			kerneltest.Run(t, set)
//		}
//	}
//
// Results are compared with scalar models that share no code with any set. If the class of a set
// determines its rounding, its results must have the bits of the model. Products must also lie
// within the error bound γₖ·|A|·|B| around a result of twice the precision. Operands lie next to
// pages without access rights, so an access beyond them causes a fault. The memory around an
// operand has a known pattern, so a write next to it is detected, too. Inputs are write-protected.
//
// Checks return errors instead of failing a test, so tests can show that the suite rejects wrong
// sets.
package kerneltest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"fusegrid/kernels"
)

// Run tests every kernel of set, in subtests impl=…/dtype=…/kernel=…/check. With -short, it tests
// fewer shapes.
func Run(t *testing.T, set *kernels.Set) {
	t.Run("impl="+set.Name, func(t *testing.T) {
		t.Run("dtype=f32", func(t *testing.T) { run[float32](t, set) })
		t.Run("dtype=f64", func(t *testing.T) { run[float64](t, set) })
	})
}

func run[T kernels.Float](t *testing.T, set *kernels.Set) {
	for _, c := range checks[T]() {
		t.Run("kernel="+c.kernel+"/"+c.name, func(t *testing.T) {
			if err := c.verify(set, testing.Short()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A check tests one property of one kernel.
type check[T kernels.Float] struct {
	kernel, name string
	run          func(*fixture[T]) error
}

func checks[T kernels.Float]() []check[T] {
	type f = fixture[T]
	return []check[T]{
		{"Gemm", "edges", (*f).gemmEdges},
		{"Gemm", "scalars", (*f).gemmScalars},
		{"Gemm", "specials", (*f).gemmSpecials},
		{"Gemm", "denormals", (*f).gemmDenormals},
		{"Gemm", "large", (*f).gemmLarge},
		{"Gemm", "one value per element", (*f).gemmStable},
		{"Gemm", "workers", (*f).gemmWorkers},
		{"ReLU", "lengths", (*f).relu},
		{"ReLUGrad", "lengths", (*f).reluGrad},
		{"ReLUGrad", "shapes", (*f).reluGradMat},
		{"AddBias", "shapes", (*f).addBias},
		{"BiasReLU", "shapes", (*f).biasReLU},
		{"SoftmaxLoss", "shapes", (*f).softmaxShapes},
		{"SoftmaxLoss", "extremes", (*f).softmaxExtremes},
		{"SoftmaxLoss", "one value per element", (*f).softmaxStable},
		{"Axpby", "lengths", (*f).axpby},
		{"SumSquares", "lengths", (*f).sumSquares},
		{"AddSquares", "lengths", (*f).addSquares},
		{"ColSums", "shapes", (*f).colSums},
		{"SubMean", "lengths", (*f).subMean},
		{"RMSProp", "lengths", (*f).rmsProp},
		{"Adam", "lengths", (*f).adam},
		{"Forward", "shapes", (*f).layerForward},
		{"Update", "shapes", (*f).layerUpdate},
		{"AxpbyPanels", "shapes", (*f).axpbyPanels},
		{"RMSPropPanels", "shapes", (*f).rmsPropPanels},
		{"AdamPanels", "shapes", (*f).adamPanels},
		{"first layer", "one value per element", (*f).layerStable},
		{"first layer", "compaction", (*f).layerCompact},
		{"all", "allocations", (*f).allocations},
		{"all", "concurrency", (*f).concurrency},
	}
}

// verify runs the check on a fresh fixture.
func (c check[T]) verify(set *kernels.Set, short bool) error {
	fx := newFixture[T](set, c.kernel+c.name)
	fx.short = short
	defer fx.close()
	return c.run(fx)
}

// A fixture holds the set under test, memory for operands, and random numbers that are the same in
// every run.
type fixture[T kernels.Float] struct {
	set    *kernels.Set
	ops    kernels.Ops[T]
	tile   kernels.Tile
	short  bool
	arenas [4]*arena
	rng    *rand.Rand
	// pixelMean is true if the set requires that the pixels of a mean image are in [0, 255].
	pixelMean bool
	// deltaLimit is the largest magnitude of a rounded delta, if first layers are in integers.
	deltaLimit int
}

func newFixture[T kernels.Float](set *kernels.Set, seed string) *fixture[T] {
	h := fnv.New64a()
	h.Write([]byte(seed))
	fx := &fixture[T]{set: set, ops: kernels.Of[T](set), tile: set.F64.Tile, rng: rand.New(rand.NewPCG(1, h.Sum64()))}
	if sizeOf[T]() == 4 {
		fx.tile = set.F32.Tile
	}
	for i := range fx.arenas {
		fx.arenas[i] = newArena(1 << 14)
	}
	return fx
}

func (fx *fixture[T]) close() {
	for _, a := range fx.arenas {
		a.free()
	}
}

// exact reports whether the class of the set determines every bit.
func (fx *fixture[T]) exact() bool {
	return fx.set.Stable && (fx.set.Class == kernels.FMA || fx.set.Class == kernels.MulAdd)
}

// arena returns arena i, which has room for at least n bytes.
func (fx *fixture[T]) arena(i, n int) *arena {
	if need := n + 64*int(sizeOf[T]()); len(fx.arenas[i].mem) < need {
		fx.arenas[i].free()
		fx.arenas[i] = newArena(need)
	}
	return fx.arenas[i]
}

// drawMean fills a mean image. Each pixel is a special value with probability p, unless the set
// requires pixels.
func (fx *fixture[T]) drawMean(mean []T, p float64) {
	randomize(fx.rng, mean, p)
	if !fx.pixelMean {
		return
	}
	for i := range mean {
		switch mean[i] = T(255 * fx.rng.Float64()); fx.rng.IntN(6) {
		case 0:
			mean[i] = T(255 * fx.rng.IntN(2))
		case 1: // a tie of 16 binary places
			mean[i] = T(float64(2*fx.rng.IntN(1<<21)+1) / (1 << 17))
		}
	}
}

// vec places a vector of n elements in arena i.
func (fx *fixture[T]) vec(i, n int, at spot) []T {
	return place[T](fx.arena(i, n*int(sizeOf[T]())), n, at)
}

// mat places a matrix in arena i.
func (fx *fixture[T]) mat(i, rows, cols, pad int, at spot) kernels.Mat[T] {
	m := kernels.Mat[T]{Rows: rows, Cols: cols, Stride: cols + pad}
	n := 0
	if rows > 0 && cols > 0 {
		n = (rows-1)*m.Stride + cols
	}
	m.Data = fx.vec(i, n, at)
	return m
}

// anySpot draws a place near either end of an arena, mostly next to its fence.
func (fx *fixture[T]) anySpot() spot {
	at := spot{tail: fx.rng.IntN(2) == 0}
	if fx.rng.IntN(3) == 0 {
		at.offset = fx.rng.IntN(16)
	}
	return at
}

// call runs f while the arenas in readOnly are protected. It returns an error if f panics, touches
// memory outside the operands, or writes to an input.
func (fx *fixture[T]) call(f func(), readOnly ...int) (err error) {
	for _, i := range readOnly {
		fx.arenas[i].protect(onlyRead)
	}
	defer func() {
		for _, a := range fx.arenas {
			if a.state == noAccess {
				a.protect(onlyRead)
			}
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fx.explain(v)
		}
	}()
	f()
	for i, a := range fx.arenas {
		if e := a.spill(); e != nil {
			return fmt.Errorf("arena %d: %w", i, e)
		}
	}
	return nil
}

// explain converts a recovered panic to an error. For a fault, the error names the operand.
func (fx *fixture[T]) explain(v any) error {
	fault, ok := v.(interface{ Addr() uintptr })
	if !ok {
		return fmt.Errorf("panic: %v", v)
	}
	for i, a := range fx.arenas {
		if where := a.locate(fault.Addr()); where != "" {
			return fmt.Errorf("fault: memory %s operand %d was touched", where, i)
		}
	}
	return fmt.Errorf("fault at %#x, far from every operand", fault.Addr())
}
