package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"fusegrid/internal/cli"
	"fusegrid/nn/dataset"
)

// builtIn is the value of -data that selects the synthetic set.
const builtIn = "synthetic"

// synthetic draws the synthetic set. Tests replace it, to draw the set once.
var synthetic = func() *dataset.Dataset { return dataset.Synthetic(0) }

// load returns the data that -data names, split as in the assignment. If it finds no
// CIFAR-10, it returns the built-in set with a message.
func load(ctx context.Context, dir, net string, stderr io.Writer) (*dataset.Split, error) {
	d, err := find(dir, stderr)
	if err != nil {
		return nil, badInput{err}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := d.DefaultSplit(pixels(net))
	if err != nil {
		return nil, badInput{err}
	}
	for _, note := range s.Notes {
		fmt.Fprintf(stderr, "sweep: %s\n", note)
	}
	collectFor(len(s.Train.X) + len(s.Val.X) + len(s.Test.X))
	return s, nil
}

func find(dir string, stderr io.Writer) (*dataset.Dataset, error) {
	if dir == builtIn {
		return synthetic(), nil
	}
	d, err := dataset.Open(dir)
	switch {
	case errors.Is(err, dataset.ErrNone):
		fmt.Fprintln(stderr, `sweep: no CIFAR-10 here, so this runs on the built-in synthetic images; "sweep fetch" gets the real ones`)
		return synthetic(), nil
	case errors.Is(err, fs.ErrNotExist) && dir != "":
		return nil, fmt.Errorf("%w%s", err, cli.DidYouMean(dir, []string{builtIn}))
	}
	return d, err
}

// pixels returns the pixel order with which the assignment trains a net.
func pixels(net string) dataset.Order {
	if net == "fc" {
		return dataset.CHW
	}
	return dataset.HWC
}
