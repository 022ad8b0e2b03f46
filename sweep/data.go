package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/nn/dataset"
	"fusegrid/results"
)

// builtIn is the value of -data that selects the synthetic set.
const builtIn = "synthetic"

// synthetic draws the synthetic set. Tests replace it, to draw the set once.
var synthetic = func() *dataset.Dataset { return dataset.Synthetic(0) }

// A dataChoice holds the values of the flags that choose a data set and its split.
type dataChoice struct {
	path   string // a folder, a file, builtIn, or "" to look for the data
	load   dataset.LoadOptions
	split  dataset.SplitOptions
	drawn  bool // -split-seed was given
	labels string
	norm   string
}

// loadFlags adds the flags that choose a data set.
func (c *dataChoice) loadFlags(fs *flag.FlagSet) {
	fs.Func("data", "`file`", text(&c.path))
	labels := []string{"fine", "coarse"}
	fs.Func("labels", wordsUsage(labels), func(s string) error {
		err := choice(&c.labels, labels...)(s)
		c.load.Labels = dataset.Labels(c.labels)
		return err
	})
	fs.Func("resize", "", func(s string) (err error) {
		c.load.Resize, err = parseSize(s)
		return err
	})
}

// splitFlags adds the flags that choose a split of the data set.
func (c *dataChoice) splitFlags(fs *flag.FlagSet) {
	fs.Func("split", "`list`", func(s string) (err error) {
		c.split.Draw, c.split.Sizes, err = dataset.ParseSplit(s)
		return err
	})
	fs.Func("split-seed", "", func(s string) error {
		seed, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return fmt.Errorf("give one seed, a whole number from 0 to %d", uint32(math.MaxUint32))
		}
		c.split.Seed, c.drawn = uint32(seed), true
		return nil
	})
	norms := []string{"mean", "standard", "none"}
	fs.Func("norm", wordsUsage(norms), func(s string) error {
		if err := choice(&c.norm, norms...)(s); err != nil {
			return err
		}
		c.split.Norm = dataset.Norm(strings.TrimSuffix(c.norm, "mean"))
		return nil
	})
}

// check returns an error for flags that contradict each other.
func (c *dataChoice) check() error {
	switch {
	case !c.drawn:
	case c.split.Draw == dataset.Ordered:
		return badInput{errors.New("-split-seed draws the split at random, but -split says ordered; give one of them")}
	case c.split.Draw == "":
		c.split.Draw = dataset.Stratified
	}
	return nil
}

// parseSize reads WIDTHxHEIGHT, such as 32x32.
func parseSize(s string) (size dataset.Size, err error) {
	const most = 4096
	w, h, ok := strings.Cut(s, "x")
	size.Width, err = strconv.Atoi(w)
	if err == nil {
		size.Height, err = strconv.Atoi(h)
	}
	if !ok || err != nil || min(size.Width, size.Height) < 1 || max(size.Width, size.Height) > most {
		return dataset.Size{}, fmt.Errorf("give the width and the height in pixels, at most %d, such as 32x32", most)
	}
	return size, nil
}

// ofRecord returns the choice with the split of a record.
func (c dataChoice) ofRecord(r results.Config) (dataChoice, error) {
	n := func(i int) dataset.Amount { return dataset.Amount{N: r.Split[i], IsSet: true} }
	draw, seed, drawn := strings.Cut(r.Partition, ":")
	v, err := strconv.ParseUint(cmp.Or(seed, "0"), 10, 32)
	if err != nil {
		return c, badInput{fmt.Errorf("trial %.12s has an unknown split, %q; use a newer program", r.Key(), r.Partition)}
	}
	c.split = dataset.SplitOptions{
		Sizes: dataset.Sizes{Train: n(0), Val: n(1), Test: n(2)}, Draw: dataset.Draw(draw), Seed: uint32(v), Norm: dataset.Norm(r.Norm),
	}
	if !drawn {
		c.split.Draw = dataset.Ordered
	}
	return c, nil
}

// read returns the split of the chosen data set, in the pixel order of a net. If it finds no
// CIFAR-10, it returns the built-in set with a message.
func (c dataChoice) read(ctx context.Context, net string, stderr io.Writer) (*dataset.Split, error) {
	c.split.Order = pixels(net)
	var s *dataset.Split
	if c.path != builtIn && c.load == (dataset.LoadOptions{}) {
		s = dataset.OpenPublished(c.path, c.split)
	}
	if s == nil {
		d, err := c.find(stderr)
		if err != nil {
			return nil, badInput{err}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s, err = d.SplitWith(c.split); err != nil {
			return nil, badInput{err}
		}
		for _, note := range s.Notes {
			logger(stderr).Print(note)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	collectFor(s.Train.Bytes() + s.Val.Bytes() + s.Test.Bytes())
	return s, nil
}

// find returns the chosen data set.
func (c dataChoice) find(stderr io.Writer) (*dataset.Dataset, error) {
	if c.path == builtIn {
		if c.load != (dataset.LoadOptions{}) {
			return nil, errors.New("-labels and -resize are for sets of files, not for the built-in set")
		}
		return synthetic(), nil
	}
	d, err := dataset.Open(c.path, c.load)
	switch {
	case errors.Is(err, dataset.ErrNone):
		logger(stderr).Print(`no CIFAR-10 here, so this runs on the built-in synthetic images; "sweep fetch" gets the real ones`)
		return synthetic(), nil
	case errors.Is(err, fs.ErrNotExist) && c.path != "":
		return nil, fmt.Errorf("%w%s", err, cli.DidYouMean(c.path, []string{builtIn}))
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
