package kerneltest

import (
	"testing"

	"fusegrid/kernels"
)

// Agree tests that two stable sets of one class give the same bits in every kernel. With -short, it
// tests fewer shapes.
func Agree(t *testing.T, a, b *kernels.Set) {
	t.Run("dtype=f32", func(t *testing.T) { agree[float32](t, a, b) })
	t.Run("dtype=f64", func(t *testing.T) { agree[float64](t, a, b) })
}

func agree[T kernels.Float](t *testing.T, a, b *kernels.Set) {
	if a.Class != b.Class || !a.Stable || !b.Stable {
		t.Fatalf("%s and %s need not agree: they are not two stable sets of one class", a.Name, b.Name)
	}
	// Both fixtures draw the same operands.
	fa, fb := newFixture[T](a, "agree"), newFixture[T](b, "agree")
	defer fa.close()
	defer fb.close()
	fa.short = testing.Short()
	for n := 1; n <= maxLen; n++ {
		if fa.skips(n) {
			continue
		}
		of, to := fa.steps(1+n%7, n, 2*n), fb.steps(1+n%7, n, 2*n)
		for i := range of {
			of[i].run()
			to[i].run()
			if err := compare("the result", to[i].out, of[i].out); err != nil {
				t.Fatalf("%s of %d columns, %s against %s: %v", of[i].name, n, b.Name, a.Name, err)
			}
		}
	}
}
