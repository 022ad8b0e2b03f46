package results

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fusegrid/internal/palette"
)

// Title returns a title of a few lines.
func (h HeatMap) Title() string {
	s := h.Shown
	what := "Validation accuracy"
	if s.Objective != "" {
		what = "Value of " + s.Objective
	}
	if s.Minimize {
		what += ", smaller is better"
	}
	if h.Seeds > 1 {
		what += fmt.Sprintf(", mean of %d seeds", h.Seeds)
	}
	lines := []string{what}
	over := slices.Clone(h.BestOver)
	for _, a := range []HeatAxis{h.X, h.Y} {
		if a.Ranges {
			over = append(over, "ranges of "+a.Name)
		}
	}
	if len(over) > 0 {
		lines = append(lines, "best over "+strings.Join(over, ", "))
	}
	if s.Objective == "" {
		parts := []string{fmt.Sprintf("%s (%.8s)", h.DataName, s.Data), s.Net, s.DType}
		if s.Iters > 0 {
			parts = append(parts, fmt.Sprintf("%d iterations", s.Iters))
		}
		lines = append(lines, strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", "))
	}
	switch {
	case h.LeftOut == 1:
		lines = append(lines, "1 trial of another kind or length is not shown")
	case h.LeftOut > 1:
		lines = append(lines, fmt.Sprintf("%d trials of another kind or length are not shown", h.LeftOut))
	}
	return strings.Join(lines, "\n")
}

// label returns the text in a cell.
func (h HeatMap) label(c Cell) string {
	if math.IsNaN(c.Val) {
		return "-"
	}
	text := fmt.Sprintf("%.3f", c.Val)
	if h.Shown.Objective != "" {
		text = strconv.FormatFloat(c.Val, 'g', 3, 64)
	}
	if c.Stopped > 0 {
		text += fmt.Sprintf("\nat %d", c.Stopped)
	}
	if c.Trials < h.Seeds && !h.X.Ranges && !h.Y.Ranges {
		text += fmt.Sprintf("\n%d of %d", c.Trials, h.Seeds)
	}
	return text
}

// Worthwhile reports whether a picture of the map is useful. The map must have at least one result and at least two
// places on each axis. An axis of words may not have more than 40.
func (h HeatMap) Worthwhile() bool {
	fits := func(a HeatAxis) bool { return len(a.Labels) > 1 && len(a.Labels) <= mostValues }
	return fits(h.X) && fits(h.Y) && len(h.results()) > 0
}

// WritePNG draws the map, which must have a result. Each cell shows its result. If its trials
// were stopped, the next line of the cell shows the step at which they stopped. If some seeds are
// missing, the cell also shows the number of seeds in the mean.
func (h HeatMap) WritePNG(w io.Writer) error { return writePNG(w, h) }

// WriteSVG draws the same picture as WritePNG as SVG.
func (h HeatMap) WriteSVG(w io.Writer) error { return writeSVG(w, h) }

// cellWidth returns the width of a cell in points.
func (h HeatMap) cellWidth() float64 { return max(28, min(46, 600/float64(len(h.X.Labels)))) }

func (h HeatMap) size() (width, height vg.Length) {
	lines := strings.Count(h.Title(), "\n")
	left := 0
	for _, label := range h.Y.Labels {
		left = max(left, len(label))
	}
	return vg.Points(60 + 5*float64(left) + h.cellWidth()*float64(max(len(h.X.Labels), 5))),
		vg.Points(90 + 12*float64(lines) + 34*float64(max(len(h.Y.Labels), 4)))
}

func (h HeatMap) draw(c draw.Canvas) error {
	vals := h.results()
	if len(vals) == 0 {
		return errors.New("the heat map has no result")
	}
	p := newPlot()
	p.Title.Text = h.Title()
	p.Title.TextStyle.Font.Size = vg.Points(10)
	p.X.Label.Text, p.Y.Label.Text = longName(h.X.Name), longName(h.Y.Name)
	p.X.Tick.Marker, p.Y.Tick.Marker = names(h.X.Labels), names(h.Y.Labels)
	p.X.LineStyle.Width, p.Y.LineStyle.Width, p.X.Tick.Length, p.Y.Tick.Length = 0, 0, 0, 0
	small := h.cellWidth() < 40
	if small {
		p.X.Tick.Label.Font.Size = vg.Points(7)
	}

	lo, hi := slices.Min(vals), slices.Max(vals)
	grid := plotter.NewHeatMap(cells(h.Cells), shades(h.Shown.Minimize))
	grid.Min, grid.Max = lo, max(hi, math.Nextafter(lo, math.Inf(1)), lo+1e-9*math.Abs(lo))
	grid.NaN = palette.Light().Names["hover"]
	p.Add(grid)

	labels := plotter.XYLabels{}
	var light []bool
	for y, row := range h.Cells {
		for x, c := range row {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(x), Y: float64(y)})
			labels.Labels = append(labels.Labels, h.label(c))
			good := (c.Val - lo) / (grid.Max - lo)
			if h.Shown.Minimize {
				good = 1 - good
			}
			light = append(light, good > 0.5)
		}
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range text.TextStyle {
		typeset(&text.TextStyle[i], 9)
		if small {
			text.TextStyle[i].Font.Size = vg.Points(8)
		}
		text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = draw.XCenter, draw.YCenter
		if light[i] {
			text.TextStyle[i].Color = color.White
		}
	}
	p.Add(text)
	edge := vg.Points(margin)
	p.Draw(draw.Crop(c, edge, -edge, edge, -edge))
	return nil
}

// longName returns the words for a field.
func longName(field string) string {
	switch field {
	case "lr":
		return "learning rate"
	case "reg":
		return "regularization"
	case "mu":
		return "momentum"
	}
	return field
}

// cells adapts the cells of a map to the grid of package plotter. Their size is 1.
type cells [][]Cell

func (c cells) Dims() (int, int)   { return len(c[0]), len(c) }
func (c cells) Z(x, y int) float64 { return c[y][x].Val }
func (c cells) X(x int) float64    { return float64(x) }
func (c cells) Y(y int) float64    { return float64(y) }

// names labels the positions 0, 1, … of an axis.
type names []string

func (n names) Ticks(_, _ float64) []plot.Tick {
	ticks := make([]plot.Tick, len(n))
	for i, text := range n {
		ticks[i] = plot.Tick{Value: float64(i), Label: text}
	}
	return ticks
}

// shades is the ramp of the page from the worst to the best result, by ascending values; if it is true, the smallest value
// is the best.
type shades bool

func (s shades) Colors() []color.Color {
	colors := make([]color.Color, 64)
	for i := range colors {
		t := float64(i) / float64(len(colors)-1)
		if s {
			t = 1 - t
		}
		colors[i] = palette.Light().Ramp(t)
	}
	return colors
}
