package assignment

import (
	"fusegrid/nn"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
)

// A pixels value holds the assignment's split of CIFAR-10 as numbers, in one pixel order.
type pixels struct {
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
func (r *runner) images(order dataset.Order) (pixels, error) {
	if r.split == nil || r.split.Order != order {
		var err error
		if r.split, err = r.data.Split(order, trainImages, valImages, testImages); err != nil {
			return pixels{}, err
		}
		r.report.Notes = r.split.Notes
	}
	var im pixels
	for _, p := range []struct {
		to   **nn.Pixels[float64]
		from labelled.Images
	}{{&im.train, r.split.Train}, {&im.val, r.split.Val}, {&im.test, r.split.Test}} {
		var err error
		if *p.to, err = nn.NewPixels[float64](r.set, p.from, r.split.Mean); err != nil {
			return pixels{}, err
		}
	}
	return im, nil
}
