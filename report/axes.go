package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"fusegrid/results"
)

// An axis is a parameter that varies among the trials, or the folder.
type axis struct {
	name    string
	numeric bool
	log     bool
	number  []float64 // by row, if numeric
	text    []string  // by row, unless numeric
	values  []float64 // distinct values in ascending order, if numeric
	digits  int       // significant digits that tell the values apart
}

// axesOf returns the axes of a table in the order of its columns. The seed is one.
func axesOf(cols []results.Column, rows int, vary []string, implied map[string]string) []*axis {
	var axes []*axis
	for i := range cols {
		c := &cols[i]
		if !slices.Contains(vary, c.Name) {
			continue
		}
		a := &axis{name: c.Name, numeric: true, number: make([]float64, rows), text: make([]string, rows)}
		for row := range rows {
			text, ok := c.Text(row)
			if !ok {
				text = implied[c.Name]
			}
			x, err := strconv.ParseFloat(text, 64)
			if a.text[row], a.number[row] = text, x; err != nil {
				a.numeric = false
			}
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(a.text)))
		if len(distinct) < 2 {
			continue
		}
		if a.numeric {
			a.text, a.values = nil, slices.Compact(slices.Sorted(slices.Values(a.number)))
			a.log, a.digits = a.name != "seed" && a.name != "order" && wide(a.values), results.Digits(3, a.values)
		} else {
			a.number = nil
		}
		axes = append(axes, a)
	}
	return axes
}

// wide reports whether values span a factor of 10 or more, and so a logarithmic axis suits them. Zero may be one of
// them.
func wide(values []float64) bool {
	if values[0] < 0 {
		return false
	}
	if values[0] == 0 {
		values = values[1:]
	}
	return values[len(values)-1] >= 10*values[0]
}

// show returns the value of the axis in a row with few digits.
func (a *axis) show(row int) string {
	if !a.numeric {
		return cmp.Or(a.text[row], "none")
	}
	return short(a.number[row], a.digits)
}

// short returns a number with some significant digits, such as 1.44e-3, 0.0855 or 3000.
func short(x float64, digits int) string {
	if size := math.Abs(x); x != 0 && size < 0.01 || size >= 1e6 {
		text := strconv.FormatFloat(x, 'e', digits-1, 64)
		mantissa, exponent := text[:len(text)-4], text[len(text)-4:] // such as e-03
		if slices.Contains([]byte(mantissa), '.') {
			for mantissa[len(mantissa)-1] == '0' {
				mantissa = mantissa[:len(mantissa)-1]
			}
			if mantissa[len(mantissa)-1] == '.' {
				mantissa = mantissa[:len(mantissa)-1]
			}
		}
		n, err := strconv.Atoi(exponent[1:])
		if err != nil { // an exponent of three digits
			return text
		}
		return mantissa + "e" + strconv.Itoa(n)
	}
	if x == math.Trunc(x) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', digits, 64)
}

// exact returns a number with all digits, for a command.
func exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
