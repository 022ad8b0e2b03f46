package results

import (
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"fusegrid/internal/palette"
)

// A picture can be written as PNG and as SVG.
type picture interface {
	size() (width, height vg.Length)
	draw(c draw.Canvas) error
}

// margin is the space around a picture in points.
const margin = 8

// sharp is the resolution of PNG files in pixels an inch: twice that of a common screen, for printing.
const sharp = 2 * vgimg.DefaultDPI

func writePNG(w io.Writer, p picture) error {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(p.size()), vgimg.UseDPI(sharp))}
	if err := p.draw(draw.New(canvas)); err != nil {
		return err
	}
	_, err := canvas.WriteTo(w)
	return err
}

func writeSVG(w io.Writer, p picture) error {
	canvas := vgsvg.New(p.size())
	if err := p.draw(draw.New(canvas)); err != nil {
		return err
	}
	_, err := canvas.WriteTo(w)
	return err
}

// typeset sets the font and the colour of a text. The size is in points.
func typeset(s *text.Style, size float64) {
	s.Font.Typeface, s.Font.Variant = "Liberation", "Sans"
	s.Font.Size = vg.Points(size)
	s.Color = palette.Light().Names["text"]
}

// newPlot returns an empty plot in the style of all pictures.
func newPlot() *plot.Plot {
	p := plot.New()
	names := palette.Light().Names
	typeset(&p.Title.TextStyle, 11)
	p.Title.Padding = vg.Points(6)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		typeset(&axis.Label.TextStyle, 10)
		typeset(&axis.Tick.Label, 9)
		axis.Tick.Label.Color = names["muted"]
		axis.LineStyle.Color, axis.Tick.LineStyle.Color = names["ctl"], names["ctl"]
		axis.Label.Padding = vg.Points(3)
	}
	typeset(&p.Legend.TextStyle, 9)
	return p
}

// gridLines returns the grid of a diagram.
func gridLines() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = palette.Light().Names["line"], palette.Light().Names["line"]
	return g
}

// ink returns the style of the n-th curve, from 1, in the colours of selected trials on the page. Curves after the fifth
// are dashed, so curves can be told apart without colours.
func ink(n int) draw.LineStyle {
	inks := palette.Light().Selection
	style := draw.LineStyle{Color: inks[(n-1)%len(inks)], Width: vg.Points(1.5)}
	if (n-1)/5%2 == 1 {
		style.Dashes = []vg.Length{vg.Points(5), vg.Points(2.5)}
	}
	return style
}

// faint returns the style of the line of raw values below a curve.
func faint(style draw.LineStyle) draw.LineStyle {
	c := style.Color.(color.RGBA)
	return draw.LineStyle{Color: color.NRGBA{c.R, c.G, c.B, 60}, Width: vg.Points(0.5)}
}
