// Package assignment runs every seeded experiment of the ECE 239AS assignment 3 (after
// CS231n) and compares each printed figure with ours.
package assignment

import (
	"context"
	"image"

	"fusegrid/kernels"
)

// A Figure is one printed value of the assignment beside ours.
type Figure struct {
	Part    string  // "toy", "first run", "grid", "layers", "solver", "autoencoder"
	Name    string  // "loss at reg 0.05"
	Printed string  // as the source prints it; or a bound such as "< 1e-8"
	Ours    string  // to as many digits as Printed, or more
	Digits  int     // significant digits that agree; −1 where it does not apply
	Must    bool    // it must agree
	OK      bool    // it does
	Seconds float64 // of the experiment it came from, on the first figure of it
}

// Curve is a series for a plot: a loss per iteration, or an accuracy per epoch.
type Curve struct {
	Name   string
	Values []float64
}

// A Report is the outcome of [Run].
type Report struct {
	Figures []Figure
	Curves  []Curve                // first run: "loss", "train accuracy", "validation accuracy"
	Images  map[string]image.Image // weight pictures: "first-run", "best"
}

// Run runs all experiments in float64 on a kernel set: those without CIFAR-10 always, the
// others if data, the folder with the CIFAR-10 batches, is not empty. progress, where not
// nil, is called with the name of each experiment and the part done, 0…1. An error is
// data that cannot be read or a cancelled ctx; figures that disagree are in the report.
func Run(ctx context.Context, data string, set *kernels.Set, progress func(part string, done float64)) (Report, error) {
	panic("not yet")
}
