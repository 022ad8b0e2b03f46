// Package palette has the colours of the page and of pictures, in a light and a dark theme.
package palette

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
)

// A Theme is a set of colours. docs/report.md says how their contrasts were chosen.
type Theme struct {
	Names     map[string]color.RGBA // by use: bg, card, line, ctl, text, muted, accent, onaccent, bad, badbg, sel, hover, rest
	Selection []color.RGBA          // of selected trials and of curves, in order

	lch func(t float64) (lightness, chroma, hue float64)
}

// Light returns the theme of a light page, which pictures have, too.
func Light() Theme {
	return Theme{
		Names: named("#f6f6f3", "#ffffff", "#e4e3de", "#868c95", "#1a1e23", "#5a636e", "#1d5fae", "#ffffff", "#b3400a", "#fbe9df",
			"#eef4fb", "#f4f5f6", "#c9ccd1"),
		Selection: rgb("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7a5195", "#8c564b", "#2f9e9e", "#6b7280"),
		lch: func(t float64) (float64, float64, float64) {
			return .955 - .665*t, .05 + .10*math.Sin(math.Pi*min(1, .15+.75*t)), 105 + 165*t
		},
	}
}

// Dark returns the theme of a dark page.
func Dark() Theme {
	return Theme{
		Names: named("#0f1216", "#171b21", "#2a3038", "#6d7886", "#e7eaee", "#9ea8b4", "#86b6f2", "#0f1216", "#ff9d6b", "#3a2219",
			"#1d2733", "#1c2128", "#454c55"),
		Selection: rgb("#ff8c42", "#5aa9e6", "#3ecf9b", "#f0a6cb", "#e6c229", "#9bd4ff", "#b79ad6", "#d6a08f", "#66d1d1", "#aab2bd"),
		lch: func(t float64) (float64, float64, float64) {
			return .40 + .53*t, .06 + .09*math.Sin(math.Pi*min(1, .15+.8*t)), 285 - 185*t
		},
	}
}

// Uses returns the names of the colours of a theme.
func Uses() []string {
	return []string{"bg", "card", "line", "ctl", "text", "muted", "accent", "onaccent", "bad", "badbg", "sel", "hover", "rest"}
}

func named(hex ...string) map[string]color.RGBA {
	names := map[string]color.RGBA{}
	for i, c := range rgb(hex...) {
		names[Uses()[i]] = c
	}
	return names
}

// rgb returns the colours of hexadecimal texts such as #1a1e23.
func rgb(hex ...string) (all []color.RGBA) {
	for _, text := range hex {
		x, err := strconv.ParseUint(text[1:], 16, 24)
		if err != nil {
			panic("palette: " + err.Error())
		}
		all = append(all, color.RGBA{uint8(x >> 16), uint8(x >> 8), uint8(x), 255})
	}
	return all
}

// Hex returns a colour as a hexadecimal text, such as #1a1e23.
func Hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// Ramp returns the colour of a result, from 0 for the worst to 1 for the best. The contrast with the ground rises with t,
// and so does the difference of the lightness, so the ramp is readable in grey. The chroma is reduced in steps of 3 % until
// the colour fits sRGB.
func (t Theme) Ramp(x float64) color.RGBA {
	l, chroma, hue := t.lch(x)
	h := hue * math.Pi / 180
	for {
		c, ok := oklab(l, chroma*math.Cos(h), chroma*math.Sin(h))
		if ok {
			return c
		}
		chroma *= .97
	}
}

// oklab returns an 8-bit sRGB colour of OKLab (B. Ottosson, 2020), and reports whether the colour is in sRGB.
func oklab(l, a, b float64) (rgb color.RGBA, ok bool) {
	const tolerance = 1e-4 // of linear light
	cube := func(x float64) float64 { return x * x * x }
	long, medium, short := cube(l+.3963377774*a+.2158037573*b), cube(l-.1055613458*a-.0638541728*b), cube(l-.0894841775*a-1.2914855480*b)
	var out [3]uint8
	for i, x := range [3]float64{
		4.0767416621*long - 3.3077115913*medium + .2309699292*short,
		-1.2684380046*long + 2.6097574011*medium - .3413193965*short,
		-.0041960863*long - .7034186147*medium + 1.7076147010*short,
	} {
		if x < -tolerance || x > 1+tolerance {
			return rgb, false
		}
		x = max(0, min(1, x))
		if x <= .0031308 {
			x *= 12.92
		} else {
			x = 1.055*math.Pow(x, 1/2.4) - .055
		}
		out[i] = uint8(math.Round(255 * x))
	}
	return color.RGBA{out[0], out[1], out[2], 255}, true
}
