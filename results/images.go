package results

import (
	"image"
	"io"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Captioned is an image with a text above it. The lines of a text must fit the image.
type Captioned struct {
	Caption string
	Image   image.Image
}

// WriteImagesPNG draws images in a row, each with its caption above it, and writes the picture as PNG. All images have
// one scale, which is a whole number.
func WriteImagesPNG(w io.Writer, images ...Captioned) error { return writePNG(w, gallery(images)) }

// A gallery is a row of images.
type gallery []Captioned

const (
	captionHeight = 20  // points
	imageHeight   = 260 // points, at least
)

// scale returns the size of a pixel of the images in pixels of the PNG file.
func (g gallery) scale() float64 {
	height := 1
	for _, c := range g {
		height = max(height, c.Image.Bounds().Dy())
	}
	pixels := imageHeight * sharp / 72
	return float64(max(1, pixels/height))
}

// points returns the size of an image.
func (g gallery) points(c Captioned) (width, height vg.Length) {
	b := c.Image.Bounds()
	return vg.Points(float64(b.Dx()) * g.scale() * 72 / sharp), vg.Points(float64(b.Dy()) * g.scale() * 72 / sharp)
}

func (g gallery) size() (width, height vg.Length) {
	width = vg.Points(margin)
	for _, c := range g {
		w, h := g.points(c)
		width += w + vg.Points(margin)
		height = max(height, h)
	}
	return width, height + vg.Points(captionHeight+2*margin)
}

func (g gallery) draw(c draw.Canvas) error {
	_, whole := g.size()
	left := vg.Points(margin)
	label := newPlot().Title.TextStyle
	typeset(&label, 10)
	label.XAlign, label.YAlign = draw.XLeft, draw.YTop
	for _, image := range g {
		w, h := g.points(image)
		top := whole - vg.Points(margin)
		c.FillText(label, vg.Point{X: left, Y: top}, image.Caption)
		top -= vg.Points(captionHeight)
		at := vg.Rectangle{Min: vg.Point{X: left, Y: top - h}, Max: vg.Point{X: left + w, Y: top}}
		c.DrawImage(at, Enlarge(image.Image, int(g.scale())))
		left += w + vg.Points(margin)
	}
	return nil
}

// Enlarge repeats each pixel n times in both directions.
func Enlarge(src image.Image, n int) image.Image {
	r := src.Bounds()
	dst := image.NewNRGBA(image.Rect(0, 0, n*r.Dx(), n*r.Dy()))
	for y := range n * r.Dy() {
		for x := range n * r.Dx() {
			dst.Set(x, y, src.At(r.Min.X+x/n, r.Min.Y+y/n))
		}
	}
	return dst
}
