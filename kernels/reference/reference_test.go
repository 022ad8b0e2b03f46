package reference

import (
	"testing"

	"fusegrid/kernels"
)

// TestSetsAreFresh checks that each call returns a new set, because other sets start from it and
// override its kernels.
func TestSetsAreFresh(t *testing.T) {
	for _, c := range []struct {
		make   func() *kernels.Set
		name   string
		class  kernels.Class
		stable bool
	}{
		{New, "reference", kernels.MulAdd, true},
		{Fused, "fused", kernels.FMA, true},
		{Gonum, "gonum", "gonum", false},
	} {
		changed := c.make()
		changed.Name, changed.Class, changed.Stable = "changed", kernels.FMA, !c.stable
		changed.F32.SumSquares = func([]float32) float32 { return -1 }
		changed.F64.Gemm = func(kernels.Product[float64]) { t.Errorf("%s: another set's product was called", c.name) }

		set := c.make()
		if set.Name != c.name || set.Class != c.class || set.Stable != c.stable {
			t.Errorf("set %s of class %s, stable %t; want %s, %s, %t", set.Name, set.Class, set.Stable, c.name, c.class, c.stable)
		}
		if got := kernels.Of[float32](set).SumSquares([]float32{3, 4}); got != 25 {
			t.Errorf("%s: the sum of squares of 3 and 4 is %v, want 25", c.name, got)
		}
		product := kernels.Product[float64]{
			Alpha: 1, A: kernels.MatOf(1, 2, []float64{1, 2}), B: kernels.MatOf(2, 1, []float64{3, 4}), C: kernels.NewMat[float64](1, 1),
		}
		kernels.Of[float64](set).Gemm(product)
		if got := product.C.Data[0]; got != 11 {
			t.Errorf("%s: 1·3 + 2·4 is %v, want 11", c.name, got)
		}
	}
}
