package results

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"slices"
	"testing"
)

// tries returns records of a function with the given values at x and y.
func tries(minimize bool, at func(i int) (x, y, val float64), n int) []Record {
	var records []Record
	for i := range n {
		x, y, val := at(i)
		r := Record{State: Done}
		r.Config = Config{Objective: "f", Minimize: minimize, Params: Params{{Name: "x", Number: x}, {Name: "y", Number: y}, {Name: "word", Word: []string{"a", "b"}[i%2]}}}
		r.Accuracy.FinalVal = &val
		r.Key = r.Config.Key()
		records = append(records, r)
	}
	return records
}

// TestHeatMapOfFunctions checks maps over parameters of a function: the smaller value of a cell, words, and ranges.
func TestHeatMapOfFunctions(t *testing.T) {
	values := []float64{3, 1, 4, 1.5, 9, 2, 6, 5}
	records := tries(true, func(i int) (x, y, val float64) { return float64(i / 4), float64(i / 2 % 2), values[i] }, len(values))
	table := NewTable(records)
	if x, y := HeatAxes(table); x != "x" || y != "y" {
		t.Errorf("the axes are %s and %s", x, y)
	}
	h := NewHeatMap(table, "x", "y")
	if got := fmt.Sprint(h.Cells[0][0].Val, h.Cells[1][0].Val, h.Cells[0][1].Val, h.Cells[1][1].Val); got != "1 1.5 2 5" {
		t.Errorf("the smallest values are %s", got)
	}
	if want := "Value of f, smaller is better\nbest over word"; h.Title() != want {
		t.Errorf("title %q, want %q", h.Title(), want)
	}
	h = NewHeatMap(table, "word", "x")
	if !slices.Equal(h.X.Labels, []string{"a", "b"}) || !slices.Equal(h.Y.Labels, []string{"0", "1"}) || h.Cells[1][1].Val != 2 {
		t.Errorf("%v, %v: %v", h.X.Labels, h.Y.Labels, h.Cells)
	}

	if h := NewHeatMap(NewTable(append(grid(), records...)), "", "lr"); h.Worthwhile() || h.Cells != nil {
		t.Errorf("a map without an axis has cells %v", h.Cells)
	}
	if h := NewHeatMap(NewTable(append(grid(), records...)), "x", "y"); len(h.Cells) != 2 || h.LeftOut != len(grid()) {
		t.Errorf("cells %v, and %d trials are left out", h.Cells, h.LeftOut)
	}

	const n = 500
	records = tries(false, func(i int) (x, y, val float64) {
		return math.Pow(10, -4+3*float64(i)/(n-1)), float64(i*i%n) - 7, float64(i)
	}, n)
	h = NewHeatMap(NewTable(records), "x", "y")
	if len(h.X.Labels) != 24 || !h.X.Ranges || h.X.Labels[0] != "0.00012" || h.X.Labels[23] != "0.087" {
		t.Errorf("%d ranges of x: %q", len(h.X.Labels), h.X.Labels)
	}
	seen := map[float64]bool{}
	for y, row := range h.Cells {
		for x, c := range row {
			if math.IsNaN(c.Val) {
				continue
			}
			seen[c.Val] = true
			// The x of trial i lies in range ⌊24·i/(n−1)⌋, the last one included.
			if want := min(23, int(24*c.Val/(n-1))); x != want {
				t.Errorf("cell %d, %d has trial %v, whose range is %d", x, y, c.Val, want)
			}
		}
	}
	if !seen[n-1] || !seen[0] && len(seen) < 100 {
		t.Errorf("%d trials are shown", len(seen))
	}
}

// TestPictures draws each kind of picture as PNG and SVG.
func TestPictures(t *testing.T) {
	one := tries(true, func(i int) (x, y, val float64) { return float64(i % 3), float64(i / 3), float64(i) }, 9)
	for i := range one {
		one[i].Speed.Seconds = float64(i%4) + .5
	}
	table := NewTable(one)
	for name, p := range map[string]picture{"heat map": NewHeatMap(table, "x", "y"), "time": NewTimePlot(table)} {
		var b bytes.Buffer
		if err := writePNG(&b, p); err != nil {
			t.Fatal(name, err)
		}
		width, _ := p.size()
		config, err := png.DecodeConfig(&b)
		if err != nil || config.Width != int(math.Round(width.Points()*sharp/72)) {
			t.Errorf("%s: %v, %d pixels for %v points", name, err, config.Width, width)
		}
		b.Reset()
		if err := writeSVG(&b, p); err != nil {
			t.Fatal(name, err)
		}
		d := xml.NewDecoder(&b)
		for err = nil; err == nil; {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: the SVG is no XML: %v", name, err)
		}
	}
}

// TestTimePlot checks the front against its definition.
func TestTimePlot(t *testing.T) {
	for _, minimize := range []bool{false, true} {
		records := tries(minimize, func(i int) (x, y, val float64) { return float64(i), 0, float64(i * 7 % 11) }, 11)
		for i := range records {
			records[i].Speed.Seconds = 1 + float64(i*5%7)
		}
		better := func(a, b float64) bool { return a > b != minimize && a != b }
		want := map[[2]float64]bool{}
		for i := range records {
			best := true
			for j := range records {
				faster := records[j].Speed.Seconds <= records[i].Speed.Seconds
				best = best && !(faster && better(*records[j].Val(), *records[i].Val()))
			}
			if best {
				want[[2]float64{records[i].Speed.Seconds, *records[i].Val()}] = true
			}
		}
		p := NewTimePlot(NewTable(records))
		for _, at := range p.front {
			if !want[[2]float64{at.X, at.Y}] {
				t.Errorf("minimize %v: %v is in the front", minimize, at)
			}
			delete(want, [2]float64{at.X, at.Y})
		}
		// Of equal results, the fastest is in the front alone.
		for at := range want {
			found := false
			for _, f := range p.front {
				found = found || f.Y == at[1] && f.X < at[0]
			}
			if !found {
				t.Errorf("minimize %v: %v is not in the front", minimize, at)
			}
		}
	}
	if NewTimePlot(NewTable(tries(false, func(i int) (x, y, val float64) { return float64(i), 0, 1 }, 3))).Worthwhile() {
		t.Error("trials without times are drawn")
	}
}

// TestImages checks the pixels of a picture of two images.
func TestImages(t *testing.T) {
	left, right := image.NewGray(image.Rect(0, 0, 40, 40)), image.NewGray(image.Rect(0, 0, 40, 40))
	for i := range right.Pix {
		right.Pix[i] = uint8(6 * (i % 40))
	}
	var b bytes.Buffer
	if err := WriteImagesPNG(&b, Captioned{"black", left}, Captioned{"grey", right}); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	n := imageHeight * sharp / 72 / 40 // pixels of a pixel
	edge := margin * sharp / 72
	top := (margin+captionHeight)*sharp/72 + n/2
	for x := range 40 {
		for i, want := range []uint8{0, uint8(6 * x)} {
			at := edge + i*(40*n+edge) + x*n + n/2
			if r, _, _, _ := img.At(at, top).RGBA(); math.Abs(float64(r>>8)-float64(want)) > 1 {
				t.Fatalf("image %d, pixel %d is %d, want %d", i, x, r>>8, want)
			}
		}
	}
}
