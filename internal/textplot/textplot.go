// Package textplot draws a curve in lines of text, for terminals.
package textplot

import (
	"fmt"
	"math"
	"os"
	"strings"
	"unicode/utf8"
)

// A Point is a point of a curve.
type Point struct{ X, Y float64 }

// A Style is how a curve is drawn.
type Style int

// The styles.
const (
	ASCII   Style = iota // one mark per character
	Braille              // 2×4 dots per character
)

// StyleOf returns the style for a terminal with the given environment: Braille if its locale has the
// character encoding UTF-8, and ASCII otherwise.
func StyleOf(getenv func(string) string) Style {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			if strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8") {
				return Braille
			}
			return ASCII
		}
	}
	return ASCII
}

// Terminal returns the style for the terminal of this process.
func Terminal() Style { return StyleOf(os.Getenv) }

// Lines draws points, which are in ascending order of X, and joins neighbours by lines. The text has height
// lines with the curve and one with the ends of the x axis. Each has at most width characters, of which the
// labels of the y axis take some. Points that are not finite leave a gap. Lines returns "" without two points
// that are finite.
func Lines(points []Point, width, height int, style Style) string {
	low, high, n := bounds(points)
	if n < 2 || width < 20 || height < 2 {
		return ""
	}
	top, bottom := fmt.Sprintf("%.4g", high.Y), fmt.Sprintf("%.4g", low.Y)
	margin := max(len(top), len(bottom))
	c := newCanvas(width-margin-2, height, style)
	c.curve(points, low, high)
	var b strings.Builder
	labels := map[int]string{0: top, height - 1: bottom}
	if low.Y == high.Y {
		labels = map[int]string{height / 2: top} // where the curve is
	}
	for i, line := range c.lines() {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%*s |%s", margin, labels[i], line), " ") + "\n")
	}
	left, right := fmt.Sprintf("%.10g", low.X), fmt.Sprintf("%.10g", high.X)
	gap := width - margin - 2 - len(left) - len(right)
	fmt.Fprintf(&b, "%*s  %s%*s%s\n", margin, "", left, max(gap, 1), "", right)
	return b.String()
}

// bounds returns the least and the greatest coordinates of the finite points, and their number.
func bounds(points []Point) (low, high Point, n int) {
	low, high = Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
	for _, p := range points {
		if !finite(p) {
			continue
		}
		n++
		low = Point{min(low.X, p.X), min(low.Y, p.Y)}
		high = Point{max(high.X, p.X), max(high.Y, p.Y)}
	}
	return low, high, n
}

func finite(p Point) bool {
	d := p.X - p.X + p.Y - p.Y // NaN unless both are finite
	return d == 0
}

// A canvas is a rectangle of dots.
type canvas struct {
	style         Style
	across, down  int // dots of a character
	width, height int // dots
	dots          []bool
}

func newCanvas(columns, rows int, style Style) *canvas {
	c := &canvas{style: style, across: 1, down: 1}
	if style == Braille {
		c.across, c.down = 2, 4
	}
	c.width, c.height = columns*c.across, rows*c.down
	c.dots = make([]bool, c.width*c.height)
	return c
}

// curve draws the points and the lines between them.
func (c *canvas) curve(points []Point, low, high Point) {
	place := func(v, low, high float64, n int) int {
		if high == low {
			return n - 1 - n/2 // in the middle
		}
		return int(math.Round((v/2 - low/2) / (high/2 - low/2) * float64(n-1))) // halves do not overflow
	}
	last, joined := [2]int{}, false
	for _, p := range points {
		if !finite(p) {
			joined = false
			continue
		}
		at := [2]int{place(p.X, low.X, high.X, c.width), c.height - 1 - place(p.Y, low.Y, high.Y, c.height)}
		if !joined {
			last = at
		}
		c.line(last, at)
		last, joined = at, true
	}
}

// line sets the dots of a line with both ends.
func (c *canvas) line(from, to [2]int) {
	dx, dy := to[0]-from[0], to[1]-from[1]
	n := max(dx, -dx, dy, -dy, 1)
	for i := range n + 1 {
		x := from[0] + int(math.Round(float64(dx)*float64(i)/float64(n)))
		y := from[1] + int(math.Round(float64(dy)*float64(i)/float64(n)))
		c.dots[y*c.width+x] = true
	}
}

// bits has the bits of the dots of a Braille character, row by row.
var bits = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// lines returns the lines of characters.
func (c *canvas) lines() []string {
	var lines []string
	for y := 0; y < c.height; y += c.down {
		var line []byte
		for x := 0; x < c.width; x += c.across {
			var set rune
			for i := range c.down {
				for j := range c.across {
					if c.dots[(y+i)*c.width+x+j] {
						set |= bits[i][j]
					}
				}
			}
			switch {
			case set == 0:
				line = append(line, ' ')
			case c.style == Braille:
				line = utf8.AppendRune(line, 0x2800+set)
			default:
				line = append(line, '*')
			}
		}
		lines = append(lines, string(line))
	}
	return lines
}
