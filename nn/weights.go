package nn

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"fusegrid/kernels"
)

// WeightGrid draws each row of w (H, height·width·3) as a colour tile. The pixels of a row are in
// the order height, width, channel, and their values are stretched to 0…255 separately for each
// tile. The tiles form a near-square grid with black padding, as in CS231n's visualize_grid, whose
// padding is 3. A tile is black if all its values are equal, or if one of them is not finite.
func WeightGrid[T kernels.Float](w kernels.Mat[T], height, width, padding int) *image.NRGBA {
	if w.Cols != height*width*3 || w.Rows == 0 {
		panic(fmt.Sprintf("nn: WeightGrid: w is %d×%d, want rows of %d×%d×3", w.Rows, w.Cols, height, width))
	}
	side := int(math.Ceil(math.Sqrt(float64(w.Rows))))
	img := image.NewNRGBA(image.Rect(0, 0, side*(width+padding)-padding, side*(height+padding)-padding))
	draw.Draw(img, img.Bounds(), image.Black, image.Point{}, draw.Src)
	for k := range w.Rows {
		drawTile(img, k%side*(width+padding), k/side*(height+padding), width, w.Row(k))
	}
	return img
}

func drawTile[T kernels.Float](img *image.NRGBA, x0, y0, width int, tile []T) {
	low, high := float64(tile[0]), float64(tile[0])
	for _, v := range tile {
		low, high = min(low, float64(v)), max(high, float64(v))
	}
	if !isFinite(high-low) || high == low {
		return
	}
	level := func(v T) uint8 { return uint8(255 * (float64(v) - low) / (high - low)) }
	for i := 0; i < len(tile); i += 3 {
		p := i / 3
		img.SetNRGBA(x0+p%width, y0+p/width,
			color.NRGBA{R: level(tile[i]), G: level(tile[i+1]), B: level(tile[i+2]), A: 255})
	}
}
