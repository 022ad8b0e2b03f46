package nn

import (
	"image"

	"fusegrid/kernels"
)

// WeightGrid draws each row of w (H, height·width·3) as a colour tile, pixels in
// height-width-channel order, on its own stretched to 0…255, in a near-square grid with
// black padding between tiles (CS231n's visualize_grid, whose padding is 3).
func WeightGrid[T kernels.Float](w kernels.Mat[T], height, width, padding int) *image.NRGBA {
	panic("not yet")
}
