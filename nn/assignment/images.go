package assignment

import (
	"fusegrid/nn"
	"fusegrid/nn/dataset"
)

// An images holds the assignment's split of CIFAR-10 in one pixel order.
type images struct {
	train, val, test *nn.Pixels[float64]
}

// Sizes of the split of the assignment.
const (
	trainImages = 49000
	valImages   = 1000
	testImages  = 1000
	classes     = 10
)

// images returns the split in the pixel order of the experiment.
func (r *runner) images(order dataset.Order) (images, error) {
	if r.split == nil || r.split.Order != order {
		var err error
		if r.split, err = r.data.Split(order, trainImages, valImages, testImages); err != nil {
			return images{}, err
		}
		r.report.Notes = r.split.Notes
	}
	var im images
	for _, p := range []struct {
		to   **nn.Pixels[float64]
		from dataset.Subset
	}{{&im.train, r.split.Train}, {&im.val, r.split.Val}, {&im.test, r.split.Test}} {
		var err error
		if *p.to, err = nn.NewPixels[float64](r.set, p.from.X, p.from.Y, r.split.Mean); err != nil {
			return images{}, err
		}
	}
	return im, nil
}
