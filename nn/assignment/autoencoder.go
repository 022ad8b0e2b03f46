package assignment

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
)

// The autoencoder trains on grey patches of patchSide² pixels. The number of patches is the
// constant patches, and each patch comes from another image.
const (
	patchSide  = 8
	patches    = 20000
	components = 16
)

// autoencoderGradient checks the gradient of section 0, which is derived on paper, against
// central differences.
func autoencoderGradient(set *kernels.Set) Figure {
	rng := nprand.New(0)
	x := randn(20, 7, rng)
	a := nn.NewAutoencoder[float64](set, 7, 3, 0.5, rng)
	dw, scratch := kernels.NewMat[float64](3, 7), kernels.NewMat[float64](3, 7)
	a.Loss(dw, x)
	num := nn.NumericGradient(func() float64 { return a.Loss(scratch, x) }, a.W.Data, nn.GradStep)
	return below("gradient of W, error against differences", 1e-7, nn.RelError(num, dw.Data))
}

// autoencoder trains the tied autoencoder on CIFAR-10 and compares its loss with PCA.
func (r *runner) autoencoder() ([]Figure, error) {
	if _, err := images[float64](r, dataset.HWC); err != nil {
		return nil, err
	}
	rng := nprand.New(0)
	data, mean := greyPatches(r.split.Train, rng)
	a := nn.NewAutoencoder[float64](r.set, patchSide*patchSide, components, 1.0/patchSide, rng)
	cfg := nn.DefaultAutoencoder()
	cfg.OnStep = func(i int, _ float64) { r.progress(float64(i) / float64(cfg.Iterations)) }
	res, err := a.Train(r.ctx, data, cfg)
	if err != nil {
		return nil, err
	}
	loss := a.Loss(kernels.NewMat[float64](components, patchSide*patchSide), data.X)
	f := below(fmt.Sprintf("loss of %d components on %d×%d patches over the PCA optimum %.6g", components, patchSide, patchSide, res.Optimum),
		1.01, loss/res.Optimum)
	r.report.Pictures = append(r.report.Pictures, reconstructions(a, data.X, mean))
	f.Ours = fmt.Sprintf("%.5f after %d steps", loss/res.Optimum, res.Iterations)
	return []Figure{f}, nil
}

// greyPatches cuts a random patch from each of the first images, which must have channels last.
// A pixel of a patch is the mean of the three colours, scaled to 0…1. Then greyPatches subtracts
// the mean patch, which it returns, too.
func greyPatches(im labelled.Samples, rng *nprand.State) (patchesOf nn.Floats[float64], mean []float64) {
	x := kernels.NewMat[float64](min(patches, im.Len()), patchSide*patchSide)
	mean = make([]float64, x.Cols)
	for i := range x.Rows {
		top, left := rng.Intn(dataset.Height-patchSide+1), rng.Intn(dataset.Width-patchSide+1)
		pixels, row := im.Row(i), x.Row(i)
		for j := range row {
			p := 3 * ((top+j/patchSide)*dataset.Width + left + j%patchSide)
			row[j] = (float64(pixels[p]) + float64(pixels[p+1]) + float64(pixels[p+2])) / (3 * 255)
			mean[j] += row[j]
		}
	}
	for j := range mean {
		mean[j] /= float64(x.Rows)
	}
	for i := range x.Rows {
		for j := range mean {
			x.Row(i)[j] -= mean[j]
		}
	}
	return nn.Floats[float64]{X: x, Y: make([]int, x.Rows)}, mean
}

// reconstructions draws the first 64 patches (N, D) next to what the autoencoder makes of them. The mean patch is added to both.
func reconstructions(a *nn.Autoencoder[float64], x kernels.Mat[float64], mean []float64) Picture {
	x.Rows = min(x.Rows, 64)
	x.Data = x.Data[:x.Rows*x.Stride]
	return Picture{"autoencoder", []PicturePart{
		{"patches", greyGrid(x, mean)},
		{fmt.Sprintf("from %d components", components), greyGrid(a.Reconstruct(x), mean)},
	}}
}

// greyGrid draws the rows of x (N, patchSide²), plus a mean, as grey tiles in a grid. Black is 0, and white is 1.
func greyGrid(x kernels.Mat[float64], mean []float64) image.Image {
	const padding = 1
	side := int(math.Ceil(math.Sqrt(float64(x.Rows))))
	edge := side*(patchSide+padding) - padding
	img := image.NewGray(image.Rect(0, 0, edge, edge))
	for i := range x.Rows {
		left, top := i%side*(patchSide+padding), i/side*(patchSide+padding)
		for j, v := range x.Row(i) {
			grey := max(0, min(1, v+mean[j]))
			img.SetGray(left+j%patchSide, top+j/patchSide, color.Gray{Y: uint8(math.Round(255 * grey))})
		}
	}
	return img
}
