package results

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Panel is one diagram of a picture.
type Panel struct {
	Title, X, Y string
	Curves      []Curve
	Log         bool    // the vertical axis is logarithmic; all finite values must be more than 0
	End         float64 // the end of the horizontal axis, which then begins at 0; 0 means that the curves give both
}

// A Curve is a named series.
type Curve struct {
	Name   string
	Values []float64
	X      []float64 // of the values; nil means 0, 1, 2, …
	Raw    []float64 // values of a faint line below the curve; nil if there is none
	Ink    int       // number of its colour; 0 means its place in the panel, from 1
	Dots   bool      // the values are dots without a line
}

// WriteCurvesPNG draws the panels below each other and writes the picture as PNG.
func WriteCurvesPNG(w io.Writer, panels ...Panel) error {
	return writePNG(w, diagrams{panels: panels, width: 460})
}

// diagrams are a column of panels.
type diagrams struct {
	panels []Panel
	width  float64  // points
	legend []string // names of inks 1, 2, … for a legend below the panels; nil if each panel has its own
}

const (
	panelHeight = 260 // points
	entryHeight = 10  // points
	narrow      = 55  // characters of a name of which two fit beside each other
)

func (p diagrams) size() (width, height vg.Length) {
	return vg.Points(p.width), vg.Points(panelHeight*float64(len(p.panels)) + p.legendHeight())
}

func (p diagrams) legendHeight() float64 {
	if len(p.legend) == 0 {
		return 0
	}
	return entryHeight*float64(p.legendRows()) + 2*margin
}

// legendRows returns the number of rows of the legend, which has one or two columns.
func (p diagrams) legendRows() int {
	for _, name := range p.legend {
		if utf8.RuneCountInString(name) > narrow {
			return len(p.legend)
		}
	}
	return (len(p.legend) + 1) / 2
}

// draw draws the panels and the legend.
func (p diagrams) draw(c draw.Canvas) error {
	rows := make([][]*plot.Plot, len(p.panels))
	for i, panel := range p.panels {
		diagram, err := panel.plot(p.legend == nil)
		if err != nil {
			return err
		}
		diagram.Legend.Left = i > 0
		rows[i] = []*plot.Plot{diagram}
	}
	tiles := draw.Tiles{
		Rows: len(p.panels), Cols: 1, PadY: vg.Points(14),
		PadTop: vg.Points(margin), PadBottom: vg.Points(margin), PadLeft: vg.Points(margin), PadRight: vg.Points(margin),
	}
	below := vg.Points(p.legendHeight())
	for i, row := range plot.Align(rows, tiles, draw.Crop(c, 0, 0, below, 0)) {
		rows[i][0].Draw(row[0])
	}
	left := vg.Points(4 * margin)
	for first, n := 0, p.legendRows(); first < len(p.legend); first += n {
		l := p.legendOf(first, min(first+n, len(p.legend)))
		l.Draw(draw.Crop(c, left, 0, 0, below-c.Max.Y+c.Min.Y))
		left += vg.Points(p.width / 2)
	}
	return nil
}

// legendOf returns a column of the legend below the panels.
func (p diagrams) legendOf(from, to int) *plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left, l.ThumbnailWidth = true, true, vg.Points(26)
	typeset(&l.TextStyle, 9)
	l.Padding = vg.Points(2)
	for i := from; i < to; i++ {
		l.Add("  "+p.legend[i], &plotter.Line{LineStyle: ink(i + 1)})
	}
	return &l
}

// plot returns the diagram of a panel.
func (panel Panel) plot(legend bool) (*plot.Plot, error) {
	p := newPlot()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = panel.Title, panel.X, panel.Y
	p.Legend.Top = true
	p.Add(gridLines())
	var lines []*plotter.Line
	top := math.Inf(-1) // of the lines without the faint ones, which may have high peaks
	for n, c := range panel.Curves {
		style := ink(n + 1)
		if c.Ink > 0 {
			style = ink(c.Ink)
		}
		line, err := c.line(c.Values, style)
		if err != nil {
			return nil, err
		}
		if c.Raw != nil {
			raw, err := c.line(c.Raw, faint(style))
			if err != nil {
				return nil, err
			}
			p.Add(raw)
			_, _, _, high := line.DataRange()
			top = max(top, high)
		}
		if len(line.XYs) <= fewPoints && c.Raw != nil {
			dots := &plotter.Scatter{XYs: line.XYs, GlyphStyle: draw.GlyphStyle{Color: style.Color, Radius: vg.Points(2.5), Shape: draw.CircleGlyph{}}}
			p.Add(dots)
		}
		if c.Dots {
			p.Add(&plotter.Scatter{XYs: line.XYs, GlyphStyle: draw.GlyphStyle{Color: style.Color, Radius: vg.Points(1), Shape: draw.CircleGlyph{}}})
			line.Width = 0
		}
		lines = append(lines, line)
	}
	for n, line := range lines { // above all faint lines
		p.Add(line)
		if legend && len(panel.Curves) > 1 {
			p.Legend.Add(panel.Curves[n].Name, line)
		}
	}
	if !math.IsInf(top, 0) {
		p.Y.Max = top + 0.05*(top-p.Y.Min)
	}
	if p.Y.Min == p.Y.Max {
		room := max(1, 1e-3*math.Abs(p.Y.Max)) // plot adds 1, which is nothing beside a large number
		p.Y.Min, p.Y.Max = max(p.Y.Min-room, -math.MaxFloat64), min(p.Y.Max+room, math.MaxFloat64)
	}
	if panel.Log {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	}
	if panel.End > 0 {
		p.X.Min, p.X.Max = 0, panel.End
	}
	return p, nil
}

// logTicks labels the values 1, 2 and 5 of each decade. The other whole multiples have short ticks.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for decade := math.Floor(math.Log10(low)); decade <= math.Log10(high); decade++ {
		for n := range 9 {
			tick := plot.Tick{Value: float64(n+1) * math.Pow(10, decade)}
			if n == 0 || n == 1 || n == 4 {
				tick.Label = strconv.FormatFloat(tick.Value, 'g', 4, 64)
			}
			if tick.Value >= low && tick.Value <= high {
				ticks = append(ticks, tick)
			}
		}
	}
	return ticks
}

// fewPoints is the maximum number of points of a line that are marked.
const fewPoints = 30

// line returns a line through the finite values.
func (c Curve) line(values []float64, style draw.LineStyle) (*plotter.Line, error) {
	var xys plotter.XYs
	for i, v := range values {
		x := float64(i)
		if c.X != nil {
			x = c.X[i]
		}
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			xys = append(xys, plotter.XY{X: x, Y: v})
		}
	}
	if len(xys) == 0 {
		return nil, fmt.Errorf("curve %q has no values", c.Name)
	}
	return &plotter.Line{XYs: xys, LineStyle: style}, nil
}
