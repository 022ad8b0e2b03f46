package results

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// A HeatMap holds the best validation accuracy for each pair of learning rate
// and regularization, as [Record.Score] tells it.
type HeatMap struct {
	LRs, Regs []float64   // ascending
	Val       [][]float64 // [reg][lr]; NaN where no trial was done
	Stopped   [][]int     // iterations after which that trial was stopped; 0 if it was not
}

// NewHeatMap collects the accuracies that trials are ranked by.
func NewHeatMap(records []Record) HeatMap {
	var h HeatMap
	for _, r := range records {
		h.LRs, h.Regs = append(h.LRs, r.Config.LR), append(h.Regs, r.Config.Reg)
	}
	slices.Sort(h.LRs)
	slices.Sort(h.Regs)
	h.LRs, h.Regs = slices.Compact(h.LRs), slices.Compact(h.Regs)
	for range h.Regs {
		row := make([]float64, len(h.LRs))
		for i := range row {
			row[i] = math.NaN()
		}
		h.Val = append(h.Val, row)
		h.Stopped = append(h.Stopped, make([]int, len(h.LRs)))
	}
	for _, r := range records {
		if score, ok := r.Score(); ok {
			x, _ := slices.BinarySearch(h.LRs, r.Config.LR)
			y, _ := slices.BinarySearch(h.Regs, r.Config.Reg)
			if v := &h.Val[y][x]; !(*v >= score) {
				*v, h.Stopped[y][x] = score, 0
				if r.State == Stopped {
					h.Stopped[y][x] = r.Steps
				}
			}
		}
	}
	return h
}

// Worthwhile reports whether there is something to see: at least two learning
// rates and two regularizations, few enough to read, and an accuracy.
func (h HeatMap) Worthwhile() bool {
	lo, hi := h.span()
	return len(h.LRs) > 1 && len(h.Regs) > 1 && len(h.LRs) <= 40 && len(h.Regs) <= 40 && lo <= hi
}

// span returns the least and the greatest accuracy.
func (h HeatMap) span() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, row := range h.Val {
		for _, v := range row {
			if !math.IsNaN(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	return lo, hi
}

// WritePNG draws the map, with the accuracies written into its cells, and below them where
// trials were stopped: those of different lengths do not compare.
func (h HeatMap) WritePNG(w io.Writer) error {
	p := plot.New()
	p.Title.Text = "Best validation accuracy"
	p.Title.Padding = vg.Points(6)
	p.X.Label.Text, p.Y.Label.Text = "learning rate", "regularization"
	p.X.Tick.Marker, p.Y.Tick.Marker = names(h.LRs), names(h.Regs)

	lo, hi := h.span()
	grid := plotter.NewHeatMap(cells(h), shades(64))
	grid.Min, grid.Max = lo, max(hi, lo+1e-9)
	grid.NaN = color.Gray{225}
	p.Add(grid)

	labels := plotter.XYLabels{}
	var dark []bool
	for y, row := range h.Val {
		for x, v := range row {
			text := "-"
			if !math.IsNaN(v) {
				text = fmt.Sprintf("%.3f", v)
			}
			if at := h.Stopped[y][x]; at > 0 {
				text += fmt.Sprintf("\nat %d", at)
			}
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(x), Y: float64(y)})
			labels.Labels = append(labels.Labels, text)
			dark = append(dark, v > lo+0.55*(hi-lo))
		}
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range text.TextStyle {
		text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = draw.XCenter, draw.YCenter
		if dark[i] {
			text.TextStyle[i].Color = color.White
		}
	}
	p.Add(text)

	width := vg.Points(100 + 46*float64(max(len(h.LRs), 5)))
	height := vg.Points(90 + 30*float64(max(len(h.Regs), 4)))
	canvas := vgimg.PngCanvas{Canvas: vgimg.New(width, height)}
	margin := vg.Points(8)
	p.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -margin))
	_, err = canvas.WriteTo(w)
	return err
}

// cells makes a HeatMap the grid that plotter asks for: one unit a cell.
type cells HeatMap

func (c cells) Dims() (int, int)   { return len(c.LRs), len(c.Regs) }
func (c cells) Z(x, y int) float64 { return c.Val[y][x] }
func (c cells) X(x int) float64    { return float64(x) }
func (c cells) Y(y int) float64    { return float64(y) }

// names marks the positions 0, 1, … with values.
type names []float64

func (n names) Ticks(_, _ float64) []plot.Tick {
	ticks := make([]plot.Tick, len(n))
	for i, v := range n {
		ticks[i] = plot.Tick{Value: float64(i), Label: fmt.Sprintf("%.4g", v)}
	}
	return ticks
}

// shades goes from nearly white to dark blue, so that it also reads in grey.
type shades int

func (n shades) Colors() []color.Color {
	colors := make([]color.Color, n)
	mix := func(a, b, t float64) uint8 { return uint8(a + (b-a)*t) }
	for i := range colors {
		t := float64(i) / float64(n-1)
		colors[i] = color.RGBA{mix(240, 8, t), mix(246, 48, t), mix(252, 107, t), 255}
	}
	return colors
}
