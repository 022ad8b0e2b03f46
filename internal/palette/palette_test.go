package palette

import (
	"math"
	"strconv"
	"testing"
)

// TestRamps compares nine colours of each ramp with those of an earlier computation.
func TestRamps(t *testing.T) {
	for _, c := range []struct {
		theme Theme
		want  []string
	}{
		{Light(), []string{"#f9f4a9", "#c2e38b", "#7bd184", "#07bb8d", "#079b92", "#007c8b", "#005f7f", "#004175", "#1c2753"}},
		{Dark(), []string{"#433e7b", "#31579e", "#0075aa", "#008fa8", "#09a9a6", "#24c499", "#88d38c", "#c7de94", "#f3eab1"}},
	} {
		for i, want := range c.want {
			got := Hex(c.theme.Ramp(float64(i) / 8))
			for k := range 3 {
				x, _ := strconv.ParseUint(got[1+2*k:3+2*k], 16, 8)
				y, _ := strconv.ParseUint(want[1+2*k:3+2*k], 16, 8)
				if math.Abs(float64(x)-float64(y)) > 16 { // one step of the reduction of the chroma
					t.Errorf("colour %d is %s, want about %s", i, got, want)
				}
			}
		}
	}
}

// luminance returns the relative luminance of WCAG 2.
func luminance(hex string) float64 {
	var sum float64
	for k, weight := range []float64{.2126, .7152, .0722} {
		v, _ := strconv.ParseUint(hex[1+2*k:3+2*k], 16, 8)
		x := float64(v) / 255
		if x <= .04045 {
			x /= 12.92
		} else {
			x = math.Pow((x+.055)/1.055, 2.4)
		}
		sum += weight * x
	}
	return sum
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

// TestContrast computes the contrast of each pair of colours that stand on each other: 4.5 for texts, 3 for controls.
func TestContrast(t *testing.T) {
	if c := contrast("#000000", "#ffffff"); math.Abs(c-21) > 1e-9 {
		t.Fatalf("the contrast of black on white is %v, want 21", c)
	}
	for name, c := range map[string]Theme{"light": Light(), "dark": Dark()} {
		for _, p := range []struct {
			front, ground string
			least         float64
		}{
			{"text", "bg", 4.5}, {"text", "card", 4.5}, {"text", "sel", 4.5}, {"text", "hover", 4.5}, {"text", "badbg", 4.5},
			{"muted", "bg", 4.5}, {"muted", "card", 4.5}, {"muted", "sel", 4.5}, {"muted", "hover", 4.5},
			{"accent", "card", 4.5}, {"accent", "bg", 4.5}, {"bad", "card", 4.5}, {"bad", "bg", 4.5}, {"bad", "badbg", 4.5},
			{"onaccent", "accent", 4.5}, {"ctl", "card", 3}, {"ctl", "bg", 3},
		} {
			if got := contrast(Hex(c.Names[p.front]), Hex(c.Names[p.ground])); got < p.least {
				t.Errorf("%s: %s on %s has contrast %.2f, want %v", name, p.front, p.ground, got, p.least)
			}
		}
	}
}
