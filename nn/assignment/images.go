package assignment

import (
	"cmp"

	"fusegrid/kernels"
	"fusegrid/nn"
	"fusegrid/nn/dataset"
)

// A pixels value holds the assignment's split of CIFAR-10 as numbers, in one pixel order.
type pixels[T kernels.Float] struct {
	train, val, test *nn.Pixels[T]
}

// Sizes of the split of the assignment.
const (
	trainImages = 49000
	valImages   = 1000
	testImages  = 1000
	classes     = 10
)

// images returns the split in the pixel order of the experiment.
func images[T kernels.Float](r *runner, order dataset.Order) (pixels[T], error) {
	if r.split == nil || r.split.Order != order {
		var err error
		if r.split, err = r.data.Split(order, trainImages, valImages, testImages); err != nil {
			return pixels[T]{}, err
		}
		r.report.Notes = r.split.Notes
	}
	var im pixels[T]
	var errs [3]error
	im.train, errs[0] = nn.NewPixels[T](r.set, r.split.Train, r.split.Mean)
	im.val, errs[1] = nn.NewPixels[T](r.set, r.split.Val, r.split.Mean)
	im.test, errs[2] = nn.NewPixels[T](r.set, r.split.Test, r.split.Mean)
	return im, cmp.Or(errs[:]...)
}
