package nn

import (
	"image/color"
	"math"
	"testing"

	"fusegrid/kernels"
)

func TestWeightGrid(t *testing.T) {
	// Five tiles of 2×1 pixels: side 3, so 3·(1+3)−3 by 3·(2+3)−3.
	w := kernels.NewMat[float64](5, 6)
	copy(w.Row(0), []float64{-1, 0, 1, 1, 0.5, -1})
	copy(w.Row(4), []float64{10, 20, 30, 10, 10, 10})
	copy(w.Row(2), []float64{7, 7, 7, 7, 7, 7})
	copy(w.Row(3), []float64{1, 2, math.NaN(), 0, 0, 0})
	img := WeightGrid(w, 2, 1, 3)
	if b := img.Bounds(); b.Dx() != 9 || b.Dy() != 12 {
		t.Fatalf("%d×%d pixels, want 9×12", b.Dx(), b.Dy())
	}
	for _, c := range []struct {
		x, y    int
		r, g, b uint8
	}{
		{0, 0, 0, 127, 255}, {0, 1, 255, 191, 0}, // tile 0
		{4, 5, 0, 127, 255}, {4, 6, 0, 0, 0}, // tile 4, in the middle
		{8, 0, 0, 0, 0}, // tile 2 has one value
		{0, 5, 0, 0, 0}, // tile 3 has NaN
		{1, 0, 0, 0, 0}, // padding
		{8, 11, 0, 0, 0},
	} {
		if got, want := img.NRGBAAt(c.x, c.y), (color.NRGBA{c.r, c.g, c.b, 255}); got != want {
			t.Errorf("pixel %d, %d is %v, want %v", c.x, c.y, got, want)
		}
	}
	wantPanic(t, "5×6, want rows of 3×1×3", func() { WeightGrid(w, 3, 1, 3) })
}
