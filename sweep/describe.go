package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"fusegrid/internal/atomicfile"
	"fusegrid/internal/cli"
	"fusegrid/nn/dataset"
	"fusegrid/nn/labelled"
	"fusegrid/results"
)

// describe shows what a data set holds: shape, classes, counts and repeated samples.
func describe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c dataChoice
	var picture string
	fs := cli.NewFlags("data")
	c.loadFlags(fs)
	c.splitFlags(fs)
	fs.Func("mean", "`file`", text(&picture))
	names, err := parseNames(fs, args)
	switch {
	case err != nil:
		return err
	case c.path != "":
		names = append([]string{c.path}, names...)
	}
	switch len(names) {
	case 0:
	case 1:
		c.path = names[0]
	default:
		return badInput{fmt.Errorf("data describes one set, not %s; name it once, also if it is the value of -data", and(names))}
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := mayDraw(picture); err != nil {
		return badInput{err}
	}
	c.split.Norm = dataset.Mean
	d, err := c.find(stderr)
	if err != nil {
		return badInput{err}
	}
	if picture != "" && (!d.Shape.Image() || d.Shape.Channels != 1 && d.Shape.Channels != 3) {
		return badInput{fmt.Errorf("-mean draws images of 1 or 3 channels; this set has %s", contents(d))}
	}
	s, err := d.SplitWith(c.split)
	if err != nil {
		return badInput{err}
	}
	repeats, err := d.Repeats(c.split)
	if err != nil {
		return badInput{err}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (%.8s): %s in %d classes\n", s.Name, s.Hash, contents(d), len(d.Classes))
	if d.Test.Len() > 0 {
		fmt.Fprintf(&b, "files: %d samples for training and validation, %d for the test\n", d.Train.Len(), d.Test.Len())
	} else {
		fmt.Fprintf(&b, "files: %d samples\n", d.Train.Len())
	}
	n := s.Sizes()
	fmt.Fprintf(&b, "split: %d training, %d validation, %d test", n[0], n[1], n[2])
	if s.Partition != "" {
		fmt.Fprintf(&b, ", %s", s.Partition)
	}
	b.WriteString("\n\n")
	countTable(&b, s)
	fmt.Fprintln(&b)
	for _, note := range repeats {
		fmt.Fprintln(&b, strings.Join(cli.Fold(strings.Fields(note), 80), "\n"))
	}
	if len(repeats) == 0 {
		fmt.Fprintln(&b, "no sample occurs twice in the training part or in two parts")
	}
	if _, err := stdout.Write(b.Bytes()); err != nil || picture == "" {
		return err
	}
	return drawMean(picture, s)
}

// mayDraw returns an error if a picture may not be written to a file.
func mayDraw(name string) error {
	if name == "" {
		return nil
	}
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("-mean %s: the file exists; name another, or remove it first", name)
	}
	if dir := filepath.Dir(name); !isFolder(dir) {
		return fmt.Errorf("-mean %s: there is no folder %s; make it first", name, dir)
	}
	return nil
}

// contents returns the shape of the samples with their type.
func contents(d *dataset.Dataset) string {
	kind := "bytes"
	switch {
	case d.Train.F32 != nil:
		kind = "float32"
	case d.Train.F64 != nil:
		kind = "float64"
	}
	if d.Shape.Image() {
		return fmt.Sprintf("images of %v %s", d.Shape, kind)
	}
	return fmt.Sprintf("samples of %v in %s", d.Shape, kind)
}

// countTable writes the number of samples of each class in each part.
func countTable(w io.Writer, s *dataset.Split) {
	const most = 40 // rows of classes
	count := func(part labelled.Samples) []int {
		n := make([]int, len(s.Classes))
		for _, y := range part.Y {
			n[y]++
		}
		return n
	}
	train, val, test := count(s.Train), count(s.Val), count(s.Test)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "class\ttrain\tval\ttest\t")
	for k, name := range s.Classes[:min(most, len(s.Classes))] {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t\n", name, train[k], val[k], test[k])
	}
	tw.Flush()
	if rest := len(s.Classes) - most; rest > 0 {
		fmt.Fprintf(w, "and %d more\n", rest)
	}
}

// drawMean writes the mean image as a PNG file.
func drawMean(name string, s *dataset.Split) error {
	plane := s.Shape.Height * s.Shape.Width
	img := image.NewNRGBA(image.Rect(0, 0, s.Shape.Width, s.Shape.Height))
	for p := range plane {
		level := func(c int) uint8 { return uint8(s.Mean[min(c, s.Shape.Channels-1)*plane+p] + 0.5) }
		img.SetNRGBA(p%s.Shape.Width, p/s.Shape.Width, color.NRGBA{level(0), level(1), level(2), 255})
	}
	const side = 256
	factor := max(1, side/max(s.Shape.Width, s.Shape.Height))
	return atomicfile.Write(name, func(w io.Writer) error { return png.Encode(w, results.Enlarge(img, factor)) })
}
