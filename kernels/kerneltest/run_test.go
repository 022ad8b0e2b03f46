package kerneltest

import (
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// TestRightSetsPass runs the suite on two correct sets that no machine has. The root package runs
// it on all sets of the machine.
func TestRightSetsPass(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: the tests of each kernel set run the same checks")
	}
	foreign := fusedReference()
	foreign.Name, foreign.Class, foreign.Stable = "foreign", "foreign", false
	for _, set := range []*kernels.Set{fusedReference(), foreign} {
		t.Run("impl="+set.Name, func(t *testing.T) {
			pass[float32](t, set)
			pass[float64](t, set)
		})
	}
}

func pass[T kernels.Float](t *testing.T, set *kernels.Set) {
	for _, c := range checks[T]() {
		if err := c.verify(set, true); err != nil {
			t.Errorf("%s/%s in %d bytes: %v", c.kernel, c.name, sizeOf[T](), err)
		}
	}
}

// fusedReference returns a slow, plain set of class FMA.
func fusedReference() *kernels.Set {
	set := reference.New()
	set.Name, set.Class = "fused reference", kernels.FMA
	fuse(&set.F32)
	fuse(&set.F64)
	return set
}

func fuse[T kernels.Float](s *kernels.Slots[T]) {
	s.Gemm = fusedGemm[T]
	s.Axpby = fusedAxpby[T]
	s.SumSquares = func(x []T) T { return sumSquaresModel(kernels.FMA, x) }
	s.AddSquares = func(dst, x []T) {
		for i, v := range x {
			dst[i%len(dst)] = fma(v, v, dst[i%len(dst)])
		}
	}
}

func fusedGemm[T kernels.Float](p kernels.Product[T]) {
	m, n, k := p.Dims()
	if p.Alpha == 0 {
		k = 0
	}
	at := func(x kernels.Mat[T], trans bool, i, j int) T {
		if trans {
			i, j = j, i
		}
		return x.Data[i*x.Stride+j]
	}
	for i := range m {
		for j := range n {
			var t T
			for l := range k {
				t = fma(at(p.A, p.TransA, i, l), at(p.B, p.TransB, l, j), t)
			}
			c := &p.C.Data[i*p.C.Stride+j]
			*c = storeModel(kernels.FMA, p.Alpha, t, p.BetaAt(i, j), *c)
		}
	}
}

func fusedAxpby[T kernels.Float](alpha T, x []T, beta T, y []T) {
	for i, v := range x {
		y[i] = axpbyModel(kernels.FMA, alpha, v, beta, y[i])
	}
}
