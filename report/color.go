package report

import (
	"fmt"
	"strings"

	"fusegrid/internal/palette"
)

// rampColors is the number of colours of a ramp.
const rampColors = 32

// css returns the variables of a theme: its colours, --s0 … of selected trials and --r0 … of the ramp.
func css(t palette.Theme) string {
	var b strings.Builder
	for _, name := range palette.Uses() {
		fmt.Fprintf(&b, "--%s:%s;", name, palette.Hex(t.Names[name]))
	}
	for i, c := range t.Selection {
		fmt.Fprintf(&b, "--s%d:%s;", i, palette.Hex(c))
	}
	for i := range rampColors {
		fmt.Fprintf(&b, "--r%d:%s;", i, palette.Hex(t.Ramp(float64(i)/(rampColors-1))))
	}
	return b.String()
}

// rampClasses returns the CSS classes r0 … that fill shapes with the colours of the ramp.
func rampClasses() string {
	var b strings.Builder
	for i := range rampColors {
		fmt.Fprintf(&b, ".r%d{fill:var(--r%[1]d)}", i)
	}
	return b.String()
}
