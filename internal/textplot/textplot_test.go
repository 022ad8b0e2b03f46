package textplot_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid/internal/golden"
	"fusegrid/internal/textplot"
)

// parabola has a gap at x = 3.
func parabola() []textplot.Point {
	var points []textplot.Point
	for x := range 11 {
		points = append(points, textplot.Point{X: float64(x), Y: float64((x - 5) * (x - 5))})
	}
	points[3].Y = math.NaN()
	return points
}

func TestLines(t *testing.T) {
	var b strings.Builder
	for _, style := range []textplot.Style{textplot.ASCII, textplot.Braille} {
		b.WriteString(textplot.Lines(parabola(), 40, 6, style))
	}
	flat := []textplot.Point{{X: 100, Y: 0.5}, {X: 300, Y: 0.5}}
	b.WriteString(textplot.Lines(flat, 40, 3, textplot.ASCII))
	golden.Check(t, "testdata/lines.txt", b.String())
}

// TestEnds checks extreme values, and that lines are no wider than asked for.
func TestEnds(t *testing.T) {
	huge := []textplot.Point{{X: 0, Y: -math.MaxFloat64}, {X: 1e18, Y: math.MaxFloat64}, {X: math.Inf(1), Y: 1}}
	for _, width := range []int{20, 21, 80} {
		for _, style := range []textplot.Style{textplot.ASCII, textplot.Braille} {
			text := textplot.Lines(huge, width, 4, style)
			if strings.Count(text, "\n") != 5 {
				t.Errorf("width %d:\n%s", width, text)
			}
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(line) - 1; n > width && width > 40 {
					t.Errorf("%d columns, want at most %d: %s", n, width, line)
				}
			}
		}
	}
	if text := textplot.Lines(huge[1:], 80, 4, textplot.ASCII); text != "" {
		t.Errorf("one finite point: %s", text)
	}
}

func TestStyleOf(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want textplot.Style
	}{
		{nil, textplot.ASCII},
		{map[string]string{"LANG": "en_US.UTF-8"}, textplot.Braille},
		{map[string]string{"LANG": "C.utf8"}, textplot.Braille},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "C"}, textplot.ASCII},
	} {
		if got := textplot.StyleOf(func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%v: style %v, want %v", tt.env, got, tt.want)
		}
	}
}
