package grid

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"fusegrid/internal/cli"
)

// MaxPoints is the maximum number of values of an axis, and of points of a grid.
const MaxPoints = 1_000_000

// An item is one part of a list such as 1e-4,log:1e-3..1e-1:5, with its position.
type item struct {
	name, list string // of the axis
	n, of      int    // its number, from 1, and the number of items
	text       string
	example    string
}

// items splits a list into its items.
func items(name, list, example string) []item {
	parts := strings.Split(list, ",")
	its := make([]item, len(parts))
	for i, p := range parts {
		its[i] = item{name, list, i + 1, len(parts), strings.TrimSpace(p), example}
	}
	return its
}

// errorf returns an error that names the fault, the position of the item, and an example of a valid
// list.
func (it item) errorf(format string, args ...any) error {
	where := fmt.Sprintf("%s %q", it.name, it.list)
	if it.of > 1 {
		where += fmt.Sprintf(", item %d %q", it.n, it.text)
	}
	return fmt.Errorf("%s: %s; write for example %s %s", where, fmt.Sprintf(format, args...), it.name, it.example)
}

// A span is a range, a..b:n or log:a..b:n. Its n is 0 if the range has no count.
type span struct {
	from, to string
	n        int
	log      bool
}

// span returns the range in the item. It reports false if the item is not a range.
func (it item) span() (s span, ok bool, err error) {
	text, log := strings.CutPrefix(it.text, "log:")
	from, rest, ok := strings.Cut(text, "..")
	if !ok {
		if log || strings.Contains(text, ":") {
			return s, false, it.errorf("a range needs two ends, a..b")
		}
		return s, false, nil
	}
	to, count, counted := strings.Cut(rest, ":")
	s = span{from: strings.TrimSpace(from), to: strings.TrimSpace(to), log: log}
	if s.from == "" || s.to == "" {
		return s, true, it.errorf("a range needs two ends, a..b")
	}
	if counted {
		s.n, err = strconv.Atoi(strings.TrimSpace(count))
		if err != nil || s.n < 2 {
			return s, true, it.errorf("the number of values must be from 2 to %d, not %q", MaxPoints, count)
		}
		if s.n > MaxPoints {
			return s, true, it.errorf("%d values are too many; the limit is %d", s.n, MaxPoints)
		}
	}
	return s, true, nil
}

// commas matches lists and ranges in which all numbers have a decimal comma, such as 0,25.
var commas = regexp.MustCompile(`^(?:log:)?0,[0-9]+(?:(?:,|\.\.)0,[0-9]+)*(?::[0-9]+)?$`)

// decimalComma returns 0.25 for the list 0,25, which has the two values 0 and 25. A user with a
// decimal comma means 0.25. Longer lists and ranges of such numbers are treated in the same way.
func decimalComma(list string) (numbers string, ok bool) {
	if !commas.MatchString(list) {
		return "", false
	}
	return regexp.MustCompile(`\b0,([0-9]+)`).ReplaceAllString(list, "0.$1"), true
}

// A repeatedError is the error of a list that has a value twice. Only paired lists may have one.
type repeatedError struct{ error }

// values parses a list. item returns the values of an item, and text formats a value. If a list has a value twice, the
// error is a [repeatedError], and all values are returned, too.
func values[T any](name, list, example string, item func(item) ([]T, error), text func(T) string) ([]T, error) {
	var all []T
	var repeated error
	seen := map[string]int{} // items by value
	for _, it := range items(name, list, example) {
		vs, err := item(it)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			first, twice := seen[text(v)]
			seen[text(v)] = it.n
			switch {
			case twice && first == it.n:
				return nil, it.errorf("after rounding, the range has the value %s more than once; ask for fewer values", text(v))
			case twice:
				repeated = cmp.Or(repeated, error(repeatedError{it.errorf("%s is already item %d", text(v), first)}))
			case len(all)+len(vs) > MaxPoints:
				return nil, it.errorf("more than %d values", MaxPoints)
			}
		}
		all = append(all, vs...)
	}
	return all, repeated
}

// numbers parses an item, which is a number or a range. The range needs a count, unless whole is
// true and it has no ratios. The argument least is the first number in an example of a range with
// ratios.
func numbers[T int64 | float64](it item, number func(item, string) (T, error), whole bool, least string) ([]T, error) {
	s, isRange, err := it.span()
	if err != nil {
		return nil, err
	}
	if !isRange {
		v, err := number(it, it.text)
		return []T{v}, err
	}
	a, err := number(it, s.from)
	if err != nil {
		return nil, err
	}
	b, err := number(it, s.to)
	switch steps := b - a; {
	case err != nil:
		return nil, err
	case a >= b:
		return nil, it.errorf("the range must begin below its end")
	case s.n == 0 && (s.log || !whole):
		return nil, it.errorf("the range needs a number of values, such as %s:5", it.text)
	case s.log && a < 0:
		return nil, it.errorf("a log range cannot begin below 0")
	case s.log && a == 0:
		return nil, it.errorf("a log range cannot begin at 0; list the 0 separately, as in 0,log:%s..%s:%d", least, s.to, s.n)
	case s.n == 0 && steps >= MaxPoints:
		return nil, it.errorf("%v values are too many; the limit is %d", steps+1, MaxPoints)
	case s.n == 0:
		s.n = int(steps) + 1
	}
	vs := make([]T, s.n)
	for i, v := range points(float64(a), float64(b), s.n, s.log) {
		switch {
		case !whole:
			vs[i] = T(v)
		case T(s.n) == b-a+1:
			vs[i] = a + T(i)
		default:
			vs[i] = T(math.RoundToEven(v))
		}
	}
	return vs, nil
}

// list parses a list of numbers.
func (x Floats) list(name, list string) ([]float64, error) {
	item := func(it item) ([]float64, error) { return numbers(it, x.number, false, "1e-3") }
	return values(name, list, x.Example, item, exact)
}

func (x Floats) number(it item, text string) (float64, error) {
	if text == "" {
		return 0, it.errorf("a number is missing")
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case math.Signbit(v) && !x.Negative:
		return 0, it.errorf("%q is negative", text)
	case math.IsInf(v, 0):
		return 0, it.errorf("%q is too large; the limit is %.4g", text, math.MaxFloat64)
	case err != nil:
		return 0, it.errorf("%q is not a number%s", text, cli.PastedNote(text))
	case math.IsNaN(v):
		return 0, it.errorf("%q is not a finite number", text)
	case v == 0 && !x.Zero:
		return 0, it.errorf("%q must be more than 0", text)
	}
	return v, nil
}

// An integers parses lists of whole numbers within bounds.
type integers struct {
	name     string
	min, max int64
	example  string
}

func (x integers) list(list string) ([]int64, error) {
	return values(x.name, list, x.example, x.item, func(v int64) string { return strconv.FormatInt(v, 10) })
}

func (x integers) item(it item) ([]int64, error) { return numbers(it, x.number, true, "1") }

func (x integers) number(it item, text string) (int64, error) {
	if text == "" {
		return 0, it.errorf("a number is missing")
	}
	v, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, it.errorf("%q is not a whole number%s", text, cli.PastedNote(text))
	case v < 0 && x.min >= 0:
		return 0, it.errorf("%q is negative", text)
	case v < x.min:
		return 0, it.errorf("%q is less than %d", text, x.min)
	case v > x.max:
		return 0, it.errorf("%q is more than %d", text, x.max)
	}
	return v, nil
}

// list parses a list of nets, which are written as the sizes of their hidden layers: 50,100x100.
func (x Layers) list(name, list, net string) ([][]int, error) {
	units := integers{name: name, min: 1, max: x.Max, example: "50,100"}
	if net == "fc" {
		units.example = "200,100x100"
	}
	item := func(it item) ([][]int, error) {
		if !strings.Contains(it.text, "x") {
			var nets [][]int
			vs, err := units.item(it)
			for _, v := range vs {
				nets = append(nets, []int{int(v)})
			}
			return nets, err
		}
		var layers []int
		for part := range strings.SplitSeq(it.text, "x") {
			v, err := units.number(it, part)
			if err != nil {
				return nil, err
			}
			layers = append(layers, int(v))
		}
		if net != "fc" {
			return nil, it.errorf("the two-layer net has 1 hidden layer, not %d; the net fc can have more", len(layers))
		}
		return [][]int{layers}, nil
	}
	return values(name, list, units.example, item, layersText)
}
