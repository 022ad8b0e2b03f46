// Package cases defines a benchmark for every kernel, type, shape and kernel set. Recorded results
// refer to benchmarks by name, so names must not change. Both `go test -bench` and the bench
// command run these benchmarks.
package cases

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/klauspost/cpuid/v2"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/mat"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/kernels/dropin"
)

// A Group is one computation with several implementations. Each implementation is a [Row].
type Group struct {
	Kernel string   // "Gemm"
	Name   string   // "dtype=f32/op=NN/shape=200x3072x50", without the kernel and /impl=
	Amount float64  // work per call, in Unit
	Unit   string   // "FLOP" or "B" (bytes read and written)
	Impls  []string // names of the rows
	// Product is what groups of the kernel Gemm compute.
	Product Product

	// Rows returns the rows. It makes random inputs that all rows share.
	Rows func() []Row
}

// A Row is one implementation of a group.
type Row struct {
	Impl string
	Run  func() // performs one call; nil if there is Time
	// Time performs so many calls in another process and returns the time that they took on the
	// clock "wall" or "cpu".
	Time func(clock string, calls int) (time.Duration, error)
	// Peak measures the peak of one core in FLOP/s, with operands in registers. The measurement
	// takes about the given time. Peak is nil if the group does not count FLOPs or the build has no
	// loop for the measurement.
	Peak func(time.Duration) float64
}

func names(sets []*kernels.Set) []string {
	var names []string
	for _, s := range sets {
		names = append(names, s.Name)
	}
	return names
}

// Of returns all groups for these sets.
func Of(sets []*kernels.Set) []Group {
	return slices.Concat(Gemm(sets), FirstLayer(sets), Elementwise(sets), MatMul(sets))
}

// A Shape is a product: op(A) is m×k, op(B) is k×n.
type Shape struct {
	Op      string // "NN", "TN" (A is stored transposed), "NT"
	M, K, N int
}

// A Product is a shape and the type of its elements, f32 or f64.
type Product struct {
	DType string
	Shape
}

// Shapes lists the products that train a net with 3072 inputs, and two square products.
var Shapes = []Shape{
	// Forward: X·W.
	{"NN", 200, 3072, 50},
	{"NN", 200, 3072, 200},
	{"NN", 200, 3072, 400},
	{"NN", 100, 3072, 200},
	{"NN", 1000, 3072, 50},
	// Backward: Xᵀ·dH.
	{"TN", 3072, 200, 50},
	{"TN", 3072, 200, 200},
	{"TN", 3072, 200, 400},
	{"TN", 3072, 100, 200},
	// The second layer: H·W, Hᵀ·dS, dS·Wᵀ.
	{"NN", 200, 50, 10},
	{"TN", 50, 200, 10},
	{"NT", 200, 10, 50},
	{"NN", 512, 512, 512},
	{"NN", 1024, 1024, 1024},
}

// Gemm returns the groups of the product, C ← A·B.
func Gemm(sets []*kernels.Set) []Group {
	var groups []Group
	for _, s := range Shapes {
		groups = append(groups, gemm[float32](s, sets))
	}
	for _, s := range Shapes {
		groups = append(groups, gemm[float64](s, sets))
	}
	return groups
}

func gemm[T kernels.Float](s Shape, sets []*kernels.Set) Group {
	return Group{
		Kernel:  "Gemm",
		Name:    fmt.Sprintf("dtype=%s/op=%s/shape=%dx%dx%d", dtype[T](), s.Op, s.M, s.K, s.N),
		Amount:  2 * float64(s.M) * float64(s.K) * float64(s.N),
		Unit:    "FLOP",
		Impls:   names(sets),
		Product: Product{dtype[T](), s},
		Rows: func() []Row {
			stored := func(op byte, rows, cols int) kernels.Mat[T] {
				if op == 'T' {
					rows, cols = cols, rows
				}
				return kernels.MatOf(rows, cols, random[T](rows*cols))
			}
			p := kernels.Product[T]{
				Alpha: 1,
				A:     stored(s.Op[0], s.M, s.K), TransA: s.Op[0] == 'T',
				B: stored(s.Op[1], s.K, s.N), TransB: s.Op[1] == 'T',
				C: kernels.NewMat[T](s.M, s.N),
			}
			return rowsOf(sets, func(ops kernels.Ops[T]) func() { return func() { ops.Gemm(p) } })
		},
	}
}

// rowsOf returns a row for each set, with the peak of the set.
func rowsOf[T kernels.Float](sets []*kernels.Set, run func(ops kernels.Ops[T]) func()) []Row {
	var rows []Row
	for _, set := range sets {
		rows = append(rows, Row{Impl: set.Name, Run: run(kernels.Of[T](set)), Peak: peak[T](set, sets)})
	}
	return rows
}

// FirstLayer returns the groups of the first layers of 1 and of 8 nets, with 200 images of 3072
// pixels and 50 units per net. Only the operations of matrix products count as FLOPs. In types of integers, these
// are operations on integers, and the peak is that of float32.
func FirstLayer(sets []*kernels.Set) []Group {
	var groups []Group
	for _, nets := range []int{1, 8} {
		groups = append(groups, firstLayer[float32](dtype[float32](), nets, sets)...)
		groups = append(groups, firstLayer[float64](dtype[float64](), nets, sets)...)
		for _, dtype := range []string{"bfp16", "bfp16d8"} {
			var exact []*kernels.Set
			for _, s := range sets {
				if made, err := fusegrid.ForType(s, dtype); err == nil {
					exact = append(exact, made)
				}
			}
			if exact != nil {
				groups = append(groups, firstLayer[float32](dtype, nets, exact)...)
			}
		}
	}
	return groups
}

func firstLayer[T kernels.Float](dtype string, nets int, sets []*kernels.Set) []Group {
	const images, pixels, hidden = 200, 3072, 50
	units := nets * hidden
	loaded := func(ops kernels.Ops[T], w kernels.Panels[T]) *kernels.Minibatch[T] {
		m, x, idx := ops.NewMinibatch(images, w), make([]uint8, images*pixels), make([]int, images)
		for i := range x {
			x[i] = uint8(i * 37)
		}
		for i := range idx {
			idx[i] = i
		}
		ops.Load(m, x, idx, make([]T, pixels))
		return m
	}
	group := func(kernel string, run func(ops kernels.Ops[T]) func()) Group {
		return Group{
			Kernel: kernel,
			Name:   fmt.Sprintf("dtype=%s/shape=%dx%dx%d", dtype, images, pixels, units),
			Amount: 2 * images * pixels * float64(units),
			Unit:   "FLOP",
			Impls:  names(sets),
			Rows:   func() []Row { return rowsOf(sets, run) },
		}
	}
	return []Group{
		group("Forward", func(ops kernels.Ops[T]) func() {
			w, z, squares := ops.NewPanels(pixels, units), kernels.NewMat[T](images, units), make([]T, units)
			copy(w.Data, random[T](len(w.Data)))
			m := loaded(ops, w)
			return func() { ops.Forward(z, m, w, squares, 1) }
		}),
		group("Update", func(ops kernels.Ops[T]) func() {
			w, beta := ops.NewPanels(pixels, units), random[T](units)
			m := loaded(ops, w)
			d := kernels.MatOf(images, units, random[T](images*units))
			return func() { ops.Update(w, beta, m, d, 1) }
		}),
	}
}

// MatMul returns one group with two rows: gonum with its own BLAS, and gonum with the
// drop-in BLAS of the first set. Both use GOMAXPROCS goroutines.
func MatMul(sets []*kernels.Set) []Group {
	const n = 1024
	return []Group{{
		Kernel: "MatMul",
		Name:   fmt.Sprintf("dtype=f64/shape=%dx%dx%d", n, n, n),
		Amount: 2 * n * n * n,
		Unit:   "FLOP",
		Impls:  []string{"gonum", "fusegrid"},
		Rows: func() []Row {
			a, b := mat.NewDense(n, n, random[float64](n*n)), mat.NewDense(n, n, random[float64](n*n))
			c := mat.NewDense(n, n, nil)
			row := func(name string, impl blas.Float64) Row {
				return Row{Impl: name, Run: func() {
					defer blas64.Use(blas64.Implementation())
					blas64.Use(impl)
					c.Mul(a, b)
				}}
			}
			return []Row{row("gonum", gonum.Implementation{}), row("fusegrid", dropin.New(sets[0]))}
		},
	}}
}

// sizes lists the bytes that one call of an elementwise kernel touches. The first size fits
// the L1 cache of every CPU with AVX2. The second exceeds L1 and fits L2.
var sizes = []struct {
	name  string
	bytes int
}{
	{"L1", 16 << 10},
	{"L2", 192 << 10},
}

// Elementwise returns the groups of the elementwise kernels. An additional row copies as many bytes
// as the kernel touches, and so measures the bandwidth of the cache. Sets that are not stable are
// omitted, because they have these kernels from another set.
func Elementwise(sets []*kernels.Set) []Group {
	var own []*kernels.Set
	for _, s := range sets {
		if s.Stable {
			own = append(own, s)
		}
	}
	return append(elementwise[float32](own), elementwise[float64](own)...)
}

func elementwise[T kernels.Float](sets []*kernels.Set) []Group {
	var zero T
	size := int(unsafe.Sizeof(zero))
	const hidden, classes = 50, 10
	var groups []Group
	// add appends the groups of a kernel that touches width bytes per element. The function bind
	// gets the number of elements and returns a function that makes the call for a set.
	add := func(kernel string, width int, bind func(n int) func(ops kernels.Ops[T]) func()) {
		for _, s := range sizes {
			n := s.bytes / width / hidden * hidden // whole rows
			groups = append(groups, Group{
				Kernel: kernel,
				Name:   fmt.Sprintf("dtype=%s/size=%s", dtype[T](), s.name),
				Amount: float64(n * width),
				Unit:   "B",
				Impls:  append(names(sets), "copy"),
				Rows: func() []Row {
					call := bind(n)
					var rows []Row
					for _, set := range sets {
						rows = append(rows, Row{Impl: set.Name, Run: call(kernels.Of[T](set))})
					}
					src := make([]byte, n*width/2)
					dst := make([]byte, n*width/2)
					return append(rows, Row{Impl: "copy", Run: func() { copy(dst, src) }})
				},
			})
		}
	}
	matrix := func(n, cols int) kernels.Mat[T] { return kernels.MatOf(n/cols, cols, random[T](n/cols*cols)) }

	add("ReLU", 2*size, func(n int) func(kernels.Ops[T]) func() {
		dst, x := make([]T, n), random[T](n)
		return func(ops kernels.Ops[T]) func() { return func() { ops.ReLU(dst, x) } }
	})
	add("ReLUGrad", 3*size, func(n int) func(kernels.Ops[T]) func() {
		dx, dy, x := make([]T, n), random[T](n), random[T](n)
		return func(ops kernels.Ops[T]) func() { return func() { ops.ReLUGrad(dx, dy, x) } }
	})
	add("AddBias", 2*size, func(n int) func(kernels.Ops[T]) func() {
		dst, x, bias := matrix(n, hidden), matrix(n, hidden), random[T](hidden)
		return func(ops kernels.Ops[T]) func() { return func() { ops.AddBias(dst, x, bias) } }
	})
	add("BiasReLU", 2*size, func(n int) func(kernels.Ops[T]) func() {
		dst, x, bias := matrix(n, hidden), matrix(n, hidden), random[T](hidden)
		return func(ops kernels.Ops[T]) func() { return func() { ops.BiasReLU(dst, x, bias) } }
	})
	add("SoftmaxLoss", 2*size, func(n int) func(kernels.Ops[T]) func() {
		dx, x := matrix(n, classes), matrix(n, classes)
		y := make([]int, x.Rows)
		for i := range y {
			y[i] = i % classes
		}
		return func(ops kernels.Ops[T]) func() { return func() { ops.SoftmaxLoss(dx, x, y) } }
	})
	add("Axpby", 3*size, func(n int) func(kernels.Ops[T]) func() {
		x, y := random[T](n), random[T](n)
		return func(ops kernels.Ops[T]) func() { return func() { ops.Axpby(-1e-3, x, 0.999, y) } }
	})
	add("RMSProp", 5*size, func(n int) func(kernels.Ops[T]) func() {
		w, a, g := random[T](n), make([]T, n), random[T](n)
		f := kernels.RMSPropFactors[T]{Rate: 1e-3, Keep: 0.99, Add: 0.01, Epsilon: 1e-8}
		return func(ops kernels.Ops[T]) func() { return func() { ops.RMSProp(f, w, a, g) } }
	})
	add("Adam", 7*size, func(n int) func(kernels.Ops[T]) func() {
		w, m, v, g := random[T](n), make([]T, n), make([]T, n), random[T](n)
		f := kernels.AdamFactors[T]{Rate: 1e-3, Keep1: 0.9, Add1: 0.1, Fix1: 10, Keep2: 0.999, Add2: 0.001, Fix2: 1000, Epsilon: 1e-8}
		return func(ops kernels.Ops[T]) func() { return func() { ops.Adam(f, w, m, v, g) } }
	})
	add("SumSquares", size, func(n int) func(kernels.Ops[T]) func() {
		x := random[T](n)
		return func(ops kernels.Ops[T]) func() { return func() { ops.SumSquares(x) } }
	})
	add("AddSquares", 3*size, func(n int) func(kernels.Ops[T]) func() {
		dst, x := make([]T, n), random[T](n)
		return func(ops kernels.Ops[T]) func() { return func() { ops.AddSquares(dst, x) } }
	})
	add("ColSums", size, func(n int) func(kernels.Ops[T]) func() {
		dst, x := make([]T, hidden), matrix(n, hidden)
		return func(ops kernels.Ops[T]) func() { return func() { ops.ColSums(dst, x) } }
	})
	add("SubMean", 2*size+1, func(n int) func(kernels.Ops[T]) func() {
		dst, mean, src := make([]T, n), random[T](n), make([]uint8, n)
		for i := range src {
			src[i] = uint8(i * 37)
		}
		return func(ops kernels.Ops[T]) func() { return func() { ops.SubMean(dst, src, mean) } }
	})
	return groups
}

// dtype returns the name of T in benchmark names.
func dtype[T kernels.Float]() string {
	var zero T
	return fmt.Sprintf("f%d", 8*unsafe.Sizeof(zero))
}

// random returns n numbers from −½ to ½. Every call with the same n returns the same numbers.
func random[T kernels.Float](n int) []T {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]T, n)
	for i := range x {
		x[i] = T(rng.Float64() - 0.5)
	}
	return x
}

// A Line is a "key: value" line in benchmark output. Two results are comparable only if equal lines
// precede them.
type Line struct{ Key, Value string }

// Machine returns the lines that `go test` does not print: CPU features, the version of
// Go, and the versions of foreign libraries.
func Machine(sets []*kernels.Set) []Line {
	var features []string
	for _, f := range []cpuid.FeatureID{
		cpuid.AVX2, cpuid.FMA3,
		cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512VNNI, cpuid.AVX512BF16,
	} {
		if cpuid.CPU.Supports(f) {
			features = append(features, strings.ToLower(f.String()))
		}
	}
	if features == nil {
		features = []string{"none"}
	}
	lines := []Line{{"features", strings.Join(features, " ")}, {"go", runtime.Version()}}
	for _, s := range sets {
		if s.Detail != "" {
			lines = append(lines, Line{s.Name, s.Detail})
		}
	}
	return lines
}

// Units lists the units of [Group.Metrics]. In all of them, higher is better.
var Units = []string{"FLOP/s", "B/s", "peak-share", "peak-FLOP/s"}

// A Metric is a measured value in a base unit.
type Metric struct {
	Value float64
	Unit  string
}

// Metrics returns the rate of a row. The argument seconds is the time of one call. If peak, in
// FLOP/s, is not 0, Metrics also returns the share of the peak and the peak.
func (g Group) Metrics(seconds, peak float64) []Metric {
	rate := g.Amount / seconds
	m := []Metric{{rate, g.Unit + "/s"}}
	if peak > 0 {
		m = append(m, Metric{rate / peak, "peak-share"}, Metric{peak, "peak-FLOP/s"})
	}
	return m
}

// peak returns a function that measures the peak of set with the vectors of that set. If set has no
// loop for this, the function uses the first of sets that has a loop.
func peak[T kernels.Float](set *kernels.Set, sets []*kernels.Set) func(time.Duration) float64 {
	for _, s := range append([]*kernels.Set{set}, sets...) {
		if _, ok := fusegrid.Peak[T](s, 0); ok {
			return func(d time.Duration) float64 {
				flops, _ := fusegrid.Peak[T](s, d)
				return flops
			}
		}
	}
	return nil
}
