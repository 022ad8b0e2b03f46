package sample

import (
	"fmt"
	"math"
	"strconv"

	"fusegrid/internal/portable"
)

// A Space is a list of parameters.
type Space []Param

// A Point has one value for each parameter of a space: the number of a Float or an Int, or the index
// of a choice of a Category.
type Point []float64

// A Param is the range of a parameter: a [Float], an [Int] or a [Category].
type Param interface {
	// Check returns an error that says why the range is not valid.
	Check() error
	axis() axis
}

// A Float is a range of numbers with both ends. The values are uniform, or their logarithms if Log is
// true. They are rounded to six significant digits. If a range has fewer than a million such numbers,
// they have as many digits as are needed for a million.
type Float struct {
	Lo, Hi float64
	Log    bool
}

// An Int is a range of whole numbers with both ends. Without Log, all numbers are equally likely.
// With Log, the logarithms are uniform from Lo−½ to Hi+½ and the values are rounded, so the ends have
// the same share as other numbers of their size.
type Int struct {
	Lo, Hi int64
	Log    bool
}

// A Category is a list of choices without an order. Its value is the index of the choice.
type Category struct{ Choices int }

const (
	maxWhole   = 1 << 53   // the largest magnitude of an Int, because points have floats
	leastSteps = 1_000_000 // the least number of values of a Float
	fewDigits  = 6
	mostDigits = 15 // all numbers of 15 digits are different floats
)

// Check returns an error if the range is empty, infinite or too narrow.
func (f Float) Check() error {
	if err := checkEnds(f.Lo, f.Hi, f.Log); err != nil {
		return err
	}
	if f.axis().digits > mostDigits {
		return fmt.Errorf("the range %g..%g has too few numbers; list its values", f.Lo, f.Hi)
	}
	return nil
}

// Check returns an error if the range is empty or too large.
func (i Int) Check() error {
	if i.Lo < -maxWhole || i.Hi > maxWhole {
		return fmt.Errorf("whole numbers of a range must be from %d to %d", int64(-maxWhole), int64(maxWhole))
	}
	return checkEnds(float64(i.Lo), float64(i.Hi), i.Log)
}

// Check returns an error if there is no choice.
func (c Category) Check() error {
	if c.Choices < 1 {
		return fmt.Errorf("a list needs a value")
	}
	return nil
}

func checkEnds(lo, hi float64, log bool) error {
	switch width := hi - lo; {
	case math.IsNaN(width) || math.IsInf(width, 0):
		return fmt.Errorf("the range %g..%g must be finite", lo, hi)
	case width <= 0:
		return fmt.Errorf("the range %g..%g must begin below its end", lo, hi)
	case log && lo <= 0:
		return fmt.Errorf("the log range %g..%g must begin above 0", lo, hi)
	}
	return nil
}

// Check returns an error that names the first parameter whose range is not valid, counted from 1.
func (s Space) Check() error {
	if len(s) == 0 {
		return fmt.Errorf("the space has no parameter")
	}
	for i, p := range s {
		if err := p.Check(); err != nil {
			return fmt.Errorf("parameter %d: %w", i+1, err)
		}
	}
	return nil
}

func (s Space) axes() []axis {
	as := make([]axis, len(s))
	for i, p := range s {
		as[i] = p.axis()
	}
	return as
}

// An axis maps the values of a parameter onto the unit interval. A uniform number in [0, 1) becomes a
// value with the distribution of the parameter.
type axis struct {
	choices  int     // number of choices of a category; 0 for numbers
	whole    bool    // whole numbers
	log      bool    // the unit interval is linear in the logarithm
	lo, hi   float64 // smallest and largest value
	from, to float64 // ends of the unit interval, as logarithms if log is true
	digits   int     // significant digits of a Float
}

func (f Float) axis() axis {
	return numbers(axis{log: f.Log, lo: f.Lo, hi: f.Hi, digits: digits(f.Lo, f.Hi)}, f.Lo, f.Hi)
}

func (i Int) axis() axis {
	lo, hi := float64(i.Lo), float64(i.Hi)
	return numbers(axis{log: i.Log, whole: true, lo: lo, hi: hi}, lo-0.5, hi+0.5)
}

func (c Category) axis() axis { return axis{choices: c.Choices} }

// numbers completes an axis whose unit interval is from..to.
func numbers(a axis, from, to float64) axis {
	a.from, a.to = from, to
	if a.log {
		a.from, a.to = portable.Log(from), portable.Log(to)
	}
	return a
}

// value returns the value at u, which is in [0, 1).
func (a axis) value(u float64) float64 {
	if a.choices > 0 {
		return min(math.Floor(u*float64(a.choices)), float64(a.choices-1))
	}
	v := a.from + float64(u*(a.to-a.from))
	if a.log {
		v = portable.Exp(v)
	}
	if a.whole {
		v = math.Floor(v + 0.5)
	} else {
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', a.digits-1, 64), 64)
	}
	return min(max(v, a.lo), a.hi) + 0 // + 0 turns −0 into 0
}

// unit returns the place of a number in the unit interval.
func (a axis) unit(v float64) float64 {
	if a.log {
		v = portable.Log(v)
	}
	return min(max((v-a.from)/(a.to-a.from), 0), 1)
}

// size returns the number of values, or +Inf for a Float, which has at least a million.
func (a axis) size() float64 {
	switch {
	case a.choices > 0:
		return float64(a.choices)
	case a.whole:
		return a.hi - a.lo + 1
	}
	return math.Inf(1)
}

// digits returns the significant digits with which a range has at least a million numbers.
func digits(lo, hi float64) int {
	n := fewDigits
	for n <= mostDigits && steps(lo, hi, n) < leastSteps {
		n++
	}
	return n
}

// steps returns about how many numbers of n significant digits the range has. It stops to count when
// there are more than enough.
func steps(lo, hi float64, n int) float64 {
	if hi <= 0 {
		lo, hi = -hi, -lo
	}
	sum := 0.0
	for top := max(hi, -lo); top > 0 && top >= lo && sum < leastSteps; {
		e := exponent(top)
		decade := math.Pow10(e)
		for _, side := range [][2]float64{{lo, hi}, {-hi, -lo}} {
			from, to := max(side[0], decade), min(side[1], top)
			sum += max(to-from, 0) / math.Pow10(e-n+1)
		}
		top = math.Nextafter(decade, 0)
	}
	return sum
}

// exponent returns the decimal exponent of a positive number.
func exponent(x float64) int {
	text := strconv.FormatFloat(x, 'e', -1, 64)
	for i := range text {
		if text[i] == 'e' {
			e, _ := strconv.Atoi(text[i+1:])
			return e
		}
	}
	return 0
}
