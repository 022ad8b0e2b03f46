package results

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fusegrid/internal/palette"
)

// A TimePlot shows the result of each trial against the time of its training, and the front: the trials with a better
// result than all faster ones.
type TimePlot struct {
	points, front plotter.XYs // seconds and results, in ascending order of seconds
	shown         Config      // of the first trial
	of            int         // trials of the table
}

// NewTimePlot returns the plot of the trials of a table that trained to the end.
func NewTimePlot(t *Table) TimePlot {
	p := TimePlot{of: t.Len()}
	for _, r := range t.records {
		if r.State == Done && r.Val() != nil && r.Speed.Seconds > 0 {
			p.points = append(p.points, plotter.XY{X: r.Speed.Seconds, Y: *r.Val()})
			p.shown = r.Config
		}
	}
	better := func(x, y float64) bool { return x > y }
	if p.shown.Minimize {
		better = func(x, y float64) bool { return x < y }
	}
	slices.SortFunc(p.points, func(a, b plotter.XY) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	for _, at := range p.points {
		n := len(p.front)
		switch {
		case n == 0 || better(at.Y, p.front[n-1].Y) && at.X > p.front[n-1].X:
			p.front = append(p.front, at)
		case better(at.Y, p.front[n-1].Y):
			p.front[n-1] = at
		}
	}
	return p
}

// Worthwhile reports whether a picture is useful: the times of two trials must differ.
func (p TimePlot) Worthwhile() bool {
	return len(p.points) > 1 && p.points[0].X < p.points[len(p.points)-1].X
}

// WritePNG draws the plot, which must be worthwhile, as PNG. The axis of the time is logarithmic if the times
// differ by a factor of ten.
func (p TimePlot) WritePNG(w io.Writer) error { return writePNG(w, p) }

// WriteSVG draws the same picture as WritePNG as SVG.
func (p TimePlot) WriteSVG(w io.Writer) error { return writeSVG(w, p) }

func (p TimePlot) size() (width, height vg.Length) { return vg.Points(520), vg.Points(320) }

func (p TimePlot) draw(c draw.Canvas) error {
	names := palette.Light().Names
	diagram := newPlot()
	diagram.X.Label.Text, diagram.Y.Label.Text = "seconds of training", "validation accuracy"
	what := "Validation accuracy against time"
	if p.shown.Objective != "" {
		diagram.Y.Label.Text = "value of " + p.shown.Objective
		what = "Value against time"
	}
	diagram.Title.Text = fmt.Sprintf("%s: %d of %d trials\nthe line joins those that beat all faster ones", what, len(p.points), p.of)
	diagram.Add(gridLines())
	all := &plotter.Scatter{XYs: thin(p.points), GlyphStyle: draw.GlyphStyle{Color: names["ctl"], Radius: vg.Points(1.8), Shape: draw.CircleGlyph{}}}
	best := &plotter.Scatter{XYs: p.front, GlyphStyle: draw.GlyphStyle{Color: names["accent"], Radius: vg.Points(3), Shape: draw.CircleGlyph{}}}
	line := &plotter.Line{XYs: p.front, StepStyle: plotter.PostStep, LineStyle: draw.LineStyle{Color: names["accent"], Width: vg.Points(1.2)}}
	diagram.Add(all, line, best)
	if low, high := p.points[0].X, p.points[len(p.points)-1].X; high >= 10*low {
		diagram.X.Scale, diagram.X.Tick.Marker = plot.LogScale{}, logTicks{}
	} else {
		diagram.X.Min = 0
	}
	edge := vg.Points(margin)
	diagram.Draw(draw.Crop(c, edge, -2*edge, edge, -edge))
	return nil
}

// thin returns the points without those that would lie on others in a picture.
func thin(points plotter.XYs) plotter.XYs {
	const places = 1000 // along each axis
	low, high := math.Inf(1), math.Inf(-1)
	for _, at := range points {
		low, high = min(low, at.Y), max(high, at.Y)
	}
	first, last := points[0].X, points[len(points)-1].X
	seen := map[[2]int]bool{}
	var kept plotter.XYs
	for _, at := range points {
		place := [2]int{int(places * math.Log(at.X/first) / math.Log(last/first))}
		if high > low {
			place[1] = int(places * (at.Y - low) / (high - low))
		}
		if !seen[place] {
			seen[place] = true
			kept = append(kept, at)
		}
	}
	return kept
}
