package assignment

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Figure is one value that the assignment prints, with the computed value.
type Figure struct {
	Part    string // "toy net", "first run", …
	Name    string // "loss at reg 0.05"
	Printed string // text in the assignment, or a bound such as "< 1e-08"
	Ours    string // computed value, to at least as many digits as Printed
	Digits  int    // number of significant digits that agree; −1 for bounds and text
	Must    bool   // the figure must agree; otherwise it is for information only
	OK      bool   // the figure agrees
}

// number returns a figure that agrees if v rounds to the printed number, digit for digit.
func number(name, printed string, v float64) Figure {
	_, frac, _ := strings.Cut(printed, ".")
	ours := strconv.FormatFloat(v, 'f', len(frac), 64)
	want, err := strconv.ParseFloat(printed, 64)
	if err != nil {
		panic(fmt.Sprintf("assignment: %s: printed figure %q: %v", name, printed, err))
	}
	return Figure{Name: name, Printed: printed, Ours: ours, Digits: digits(printed, want, v), Must: true, OK: ours == printed}
}

// numbers is like number for a list. The printed numbers are separated by spaces.
func numbers(name, printed string, v []float64) Figure {
	fields := strings.Fields(printed)
	f := Figure{Name: name, Printed: printed, Digits: math.MaxInt, Must: true, OK: len(fields) == len(v)}
	var ours []string
	for i, x := range v {
		if i >= len(fields) {
			ours = append(ours, strconv.FormatFloat(x, 'g', -1, 64))
			continue
		}
		n := number(name, fields[i], x)
		ours = append(ours, n.Ours)
		f.Digits = min(f.Digits, n.Digits)
		f.OK = f.OK && n.OK
	}
	f.Ours = strings.Join(ours, " ")
	if len(v) == 0 {
		f.Digits = 0
	}
	return f
}

// exact returns a figure that agrees if |v − known| ≤ tolerance·|known|. The value known has full
// precision.
func exact(name string, known, v, tolerance float64) Figure {
	printed := strconv.FormatFloat(known, 'g', -1, 64)
	return Figure{
		Name: name, Printed: printed, Ours: strconv.FormatFloat(v, 'g', -1, 64),
		Digits: digits(printed, known, v), Must: true,
		OK: math.Abs(v-known) <= tolerance*math.Abs(known),
	}
}

// below returns a figure that agrees if v < bound.
func below(name string, bound, v float64) Figure {
	return Figure{
		Name: name, Printed: fmt.Sprintf("< %.3g", bound), Ours: fmt.Sprintf("%.3g", v),
		Digits: -1, Must: true, OK: v < bound,
	}
}

// digits returns the number of significant digits in which the two numbers agree.
func digits(printed string, want, ours float64) int {
	for d := significant(printed); d > 0; d-- {
		if strconv.FormatFloat(want, 'e', d-1, 64) == strconv.FormatFloat(ours, 'e', d-1, 64) {
			return d
		}
	}
	return 0
}

func significant(printed string) int {
	mantissa, _, _ := strings.Cut(printed, "e")
	return max(1, len(strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")))
}

// maxError returns the largest |x−y|. It returns +Inf if the lengths differ or a value is NaN or
// infinite.
func maxError(x, y []float64) float64 {
	return worst(x, y, func(x, y float64) float64 { return math.Abs(x - y) })
}

// maxRelError is like maxError for |x−y|/|y|.
func maxRelError(x, y []float64) float64 {
	return worst(x, y, func(x, y float64) float64 {
		if x == y {
			return 0
		}
		return math.Abs(x-y) / math.Abs(y)
	})
}

// worst returns the largest error of an element, or +Inf.
func worst(x, y []float64, errorOf func(x, y float64) float64) float64 {
	if len(x) != len(y) {
		return math.Inf(1)
	}
	largest := 0.0
	for i := range x {
		e := errorOf(x[i], y[i])
		if math.IsNaN(e) {
			return math.Inf(1)
		}
		largest = max(largest, e)
	}
	return largest
}
