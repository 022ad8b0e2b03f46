package kerneltest

import (
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// TestRightSetsPass runs the suite on two correct sets that fusegrid.All does not list. The root
// package runs it on those that it lists.
func TestRightSetsPass(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: the tests of each kernel set run the same checks")
	}
	foreign := reference.Fused()
	foreign.Name, foreign.Class, foreign.Stable = "foreign", "foreign", false
	for _, set := range []*kernels.Set{reference.Fused(), foreign} {
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
