package results

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// A Panel is one diagram of a picture. The x values of its curves are 0, 1, 2, ….
type Panel struct {
	Title, X, Y string
	Curves      []Curve
}

// A Curve is a named series.
type Curve struct {
	Name   string
	Values []float64
}

// WriteCurvesPNG draws the panels below each other and writes the picture as PNG.
func WriteCurvesPNG(w io.Writer, panels ...Panel) error {
	rows := make([][]*plot.Plot, len(panels))
	for i, panel := range panels {
		p := plot.New()
		p.Title.Text, p.X.Label.Text, p.Y.Label.Text = panel.Title, panel.X, panel.Y
		p.Title.Padding = vg.Points(6)
		p.Legend.Top = true
		p.Legend.Left = i > 0
		p.Add(plotter.NewGrid())
		for n, c := range panel.Curves {
			if len(c.Values) == 0 {
				return fmt.Errorf("curve %q has no values", c.Name)
			}
			xys := make(plotter.XYs, len(c.Values))
			for x, v := range c.Values {
				xys[x] = plotter.XY{X: float64(x), Y: v}
			}
			line, err := plotter.NewLine(xys)
			if err != nil {
				return err
			}
			line.Color = inks()[n%len(inks())]
			line.Width = vg.Points(1.5)
			p.Add(line)
			if len(panel.Curves) > 1 {
				p.Legend.Add(c.Name, line)
			}
		}
		rows[i] = []*plot.Plot{p}
	}
	canvas := vgimg.PngCanvas{Canvas: vgimg.New(vg.Points(460), vg.Points(260*float64(len(panels))))}
	tiles := draw.Tiles{
		Rows: len(panels), Cols: 1, PadY: vg.Points(14),
		PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(8),
	}
	for i, row := range plot.Align(rows, tiles, draw.New(canvas)) {
		rows[i][0].Draw(row[0])
	}
	_, err := canvas.WriteTo(w)
	return err
}

// inks returns the colours of curves, which differ in brightness as well as in hue.
func inks() []color.Color {
	return []color.Color{
		color.RGBA{8, 48, 107, 255}, color.RGBA{217, 119, 6, 255}, color.RGBA{22, 128, 80, 255}, color.RGBA{140, 140, 140, 255},
	}
}
