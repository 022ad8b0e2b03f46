package report

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"fusegrid/results/curve"
)

// Limits of the curves of a page.
const (
	wholeCurves   = 10      // best trials whose kept points are all in the page
	fewAccuracies = 15      // points of other trials
	fewLosses     = 30      // points of other trials
	mostCurves    = 200_000 // with more trials, those of the best and of an even sample have curves
	bestCurves    = 10_000  // best trials that then have curves
)

// Numbers of quantized curves.
const (
	lossScale = 1024 // a loss x is the integer nearest to lossScale·log2 x
	lossInf   = math.MaxInt16
	lossNone  = math.MinInt16
	noList    = math.MaxUint16 // the trial has no curve
)

// A curvesHeader is the header of a block of curves.
//
// The block has these parts, one after the other, all in planes of bytes: the number of the list of iterations of the
// accuracies of each row and that of its losses, uint16 each; and then the accuracies on the validation set, those on
// training images, and the losses of all rows, as int16. Numbers of series are differences to the number before in the
// same series, of which the first is 0. A difference d is the uint16 2·d or −2·d − 1. With Floats, the values of
// functions take the place of the accuracies on the validation set, as float32.
type curvesHeader struct {
	Format int     `json:"format"` // FormatVersion
	Rows   int     `json:"n"`      // the first rows of the data block
	Curves int     `json:"curves"` // rows with a curve
	Steps  [][]int `json:"steps"`  // lists of iterations

	// Val and Train are the units of accuracies. Lengths are the sums of the lengths of all series.
	Val        float64 `json:"val_unit"`
	Train      float64 `json:"train_unit"`
	Floats     bool    `json:"floats,omitempty"`
	Accuracies int     `json:"accuracies"`
	Losses     int     `json:"losses"`

	Note string `json:"note"` // says what was left out, or ""
}

// A curves makes a block of curves.
type curves struct {
	curvesHeader
	lists            map[string]int
	key              []byte   // a list as bytes
	accuracy, losses []uint16 // numbers of lists, by row
	val, train, loss [][]float32
}

// curvesBlock returns the block of the curves of a table, or nil if there are none.
func curvesBlock(rows int, read func(row int) (curve.Curve, bool, error)) ([]byte, error) {
	c := &curves{lists: map[string]int{}}
	c.Rows = rows
	kept, err := c.read(rows, read)
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		c.add(k)
	}
	if c.Curves == 0 {
		return nil, nil
	}
	return c.block(rows)
}

// A thinned is the part of a curve that is in the page. Its points are thinned to a number of each series.
type thinned struct {
	ok               bool
	steps, lossSteps []int
	val, train, loss []float32
	cut              bool // points were left out
	floats           bool // val has the values of a function
}

// read reads the curves of the first rows on all cores.
func (c *curves) read(rows int, read func(row int) (curve.Curve, bool, error)) ([]thinned, error) {
	kept := make([]thinned, rows)
	every := curvesEvery(rows)
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for row := worker; row < rows; row += workers {
				if row >= bestCurves && row%every != 0 {
					continue
				}
				whole, ok, err := read(row)
				if err != nil {
					errs[worker] = err
					return
				}
				if ok {
					kept[row] = thin(whole, row < wholeCurves)
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	cut := slices.ContainsFunc(kept, func(k thinned) bool { return k.cut })
	switch {
	case every > 1:
		c.Note = fmt.Sprintf("The page has the curves of the best %d trials and of one in %d of the others. ", bestCurves, every)
		fallthrough
	case cut:
		c.Note += fmt.Sprintf("All points of the curves of the best %d trials are in the page, and at most %d accuracies and %d losses of each other trial.",
			wholeCurves, fewAccuracies, fewLosses)
	}
	return kept, nil
}

// curvesEvery returns n if the page has the curve of one in n of the trials that are not among the best ones.
func curvesEvery(rows int) int {
	if rows <= mostCurves {
		return 1
	}
	const most = mostCurves - bestCurves
	return (rows - bestCurves + most - 1) / most
}

// thin returns a curve with at most fewAccuracies and fewLosses points, or with all points. The values of a function
// take the place of validation accuracies, and it has no accuracies on training images.
func thin(c curve.Curve, whole bool) thinned {
	if c.Values != nil {
		c.Val, c.Train = make([]float32, len(c.Values)), make([]float32, len(c.Values))
		for i, v := range c.Values {
			c.Val[i], c.Train[i] = float32(v), float32(math.NaN())
		}
	}
	accuracies, losses := len(c.Steps), len(c.Loss)
	if !whole {
		accuracies, losses = min(accuracies, fewAccuracies), min(losses, fewLosses)
	}
	return thinned{
		ok:    true,
		steps: evenly(c.Steps, accuracies), val: evenly(c.Val, accuracies), train: evenly(c.Train, accuracies),
		lossSteps: evenly(c.LossSteps, losses), loss: evenly(c.Loss, losses),
		cut: accuracies < len(c.Steps) || losses < len(c.Loss), floats: c.Values != nil,
	}
}

// evenly returns n of the elements of a slice, with the first and the last.
func evenly[T any](all []T, n int) []T {
	if n == len(all) && n > 0 {
		return all
	}
	some := make([]T, n) // not nil: an empty list is [] in JSON
	for i := range some {
		some[i] = all[i*(len(all)-1)/(n-1)]
	}
	return some
}

// list returns the number of a list of iterations. It reports false if there are too many lists.
func (c *curves) list(steps []int) (uint16, bool) {
	c.key = c.key[:0]
	for _, step := range steps {
		c.key = binary.AppendUvarint(c.key, uint64(step))
	}
	n, ok := c.lists[string(c.key)]
	if !ok {
		n = len(c.Steps)
		if n == noList {
			return noList, false
		}
		c.lists[string(c.key)] = n
		c.Steps = append(c.Steps, steps)
	}
	return uint16(n), true
}

func (c *curves) add(k thinned) {
	accuracy, ok := uint16(noList), false
	losses := uint16(noList)
	if k.ok {
		if accuracy, ok = c.list(k.steps); ok {
			losses, ok = c.list(k.lossSteps)
		}
	}
	if !ok {
		c.accuracy, c.losses = append(c.accuracy, noList), append(c.losses, noList)
		return
	}
	c.Curves++
	c.Floats = c.Floats || k.floats
	c.accuracy, c.losses = append(c.accuracy, accuracy), append(c.losses, losses)
	c.val, c.train, c.loss = append(c.val, k.val), append(c.train, k.train), append(c.loss, k.loss)
}

// block returns the block.
func (c *curves) block(rows int) ([]byte, error) {
	c.Format = FormatVersion
	c.Train = unit(c.train)
	if !c.Floats {
		c.Val = unit(c.val)
	}
	var floats []uint32
	var val, train, loss []uint16
	for i := range c.val {
		if c.Floats {
			for _, v := range c.val[i] {
				floats = append(floats, math.Float32bits(v))
			}
		} else {
			val = appendSeries(val, c.val[i], c.Val)
		}
		train, loss = appendSeries(train, c.train[i], c.Train), appendLosses(loss, c.loss[i])
	}
	c.Accuracies, c.Losses = len(train), len(loss)
	data := appendPlanes(appendPlanes(make([]byte, 0, 4*rows+6*len(train)+2*len(loss)), c.accuracy, 2), c.losses, 2)
	data = appendPlanes(appendPlanes(data, floats, 4), val, 2)
	data = appendPlanes(appendPlanes(data, train, 2), loss, 2)
	var b bytes.Buffer
	err := writeBlock(&b, c.curvesHeader, data)
	return b.Bytes(), err
}

// appendPlanes appends the low bytes of all numbers, then the next bytes, and so on.
func appendPlanes[T uint16 | uint32](b []byte, all []T, size int) []byte {
	for shift := 0; shift < 8*size; shift += 8 {
		for _, x := range all {
			b = append(b, byte(x>>shift))
		}
	}
	return b
}

// mostUnits is the largest number of units of an accuracy.
const mostUnits = 30_000

// unit returns a unit of which all values are multiples: a share of a number of images. If no number of images up
// to mostUnits fits, values are rounded to 1/mostUnits of the largest one.
func unit(series [][]float32) float64 {
	denominator, largest := 1, 0.0
	for _, s := range series {
		for _, v := range s {
			x := float64(v)
			if math.IsNaN(x) || math.IsInf(x, 0) {
				continue
			}
			largest = max(largest, math.Abs(x))
			for denominator <= mostUnits && !multiple(x, denominator) {
				denominator = next(x, denominator)
			}
		}
	}
	if denominator <= mostUnits && float64(denominator)*largest <= mostUnits {
		return 1 / float64(denominator)
	}
	return largest / mostUnits
}

// multiple reports whether x, rounded to float32, is a whole number of parts of 1/n.
func multiple(x float64, n int) bool {
	y := x * float64(n)
	return float32(math.Round(y)/float64(n)) == float32(x)
}

// next returns the least multiple of n of which x has whole parts, or more than mostUnits.
func next(x float64, n int) int {
	for k := 2 * n; k <= mostUnits; k += n {
		if multiple(x, k) {
			return k
		}
	}
	return mostUnits + 1
}

func appendSeries(b []uint16, series []float32, unit float64) []uint16 {
	last := int16(0)
	for _, v := range series {
		x := int16(lossNone)
		if !math.IsNaN(float64(v)) {
			x = int16(max(-mostUnits-1, min(mostUnits+1, math.Round(float64(v)/unit))))
		}
		b, last = append(b, zigzag(x-last)), x
	}
	return b
}

func appendLosses(b []uint16, series []float32) []uint16 {
	last := int16(0)
	for _, v := range series {
		x := int16(lossNone)
		switch l := math.Log2(float64(v)); {
		case math.IsInf(float64(v), 1):
			x = lossInf
		case !math.IsNaN(l): // a loss below 0 has no logarithm
			x = int16(max(lossNone+1, min(lossInf-1, math.Round(lossScale*l))))
		}
		b, last = append(b, zigzag(x-last)), x
	}
	return b
}

// zigzag maps differences, which may overflow, to small numbers if they are small.
func zigzag(d int16) uint16 { return uint16(d<<1) ^ uint16(d>>15) }

// unzigzag is the inverse of zigzag.
func unzigzag(u uint16) int16 { return int16(u>>1) ^ -int16(u&1) }
