package grid

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"fusegrid/internal/cli"
)

// MaxPoints bounds the values of an axis and the points of a grid.
const MaxPoints = 1_000_000

// An item is one part of a list such as 1e-4,log:1e-3..1e-1:5, with its position.
type item struct {
	name, list string // of the axis
	n, of      int    // the n-th item of all, from 1
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

// span returns the range that the item is, if it is one.
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
			return s, true, it.errorf("%q is not a number of values, 2 or more", count)
		}
		if s.n > MaxPoints {
			return s, true, it.errorf("%d values are more than %d", s.n, MaxPoints)
		}
	}
	return s, true, nil
}

// values returns the n values of a range.
func (s span) values(a, b float64) []float64 { return points(a, b, s.n, s.log) }

// commas matches lists and ranges in which all numbers have a decimal comma, such as 0,25.
var commas = regexp.MustCompile(`^(?:log:)?0,[0-9]+(?:(?:,|\.\.)0,[0-9]+)*(?::[0-9]+)?$`)

// decimalComma returns 0.25 for the list 0,25, which has the two values 0 and 25. A user with a
// decimal comma means 0.25. Longer lists and ranges of such numbers are treated alike.
func decimalComma(list string) (numbers string, ok bool) {
	if !commas.MatchString(list) {
		return "", false
	}
	return regexp.MustCompile(`\b0,([0-9]+)`).ReplaceAllString(list, "0.$1"), true
}

// list parses a list of numbers.
func (x Floats) list(name, list string) ([]float64, error) {
	var all []float64
	seen := newSeen[float64]()
	for _, it := range items(name, list, x.Example) {
		vs, err := x.item(it)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			if err := seen.add(it, v, exact(v)); err != nil {
				return nil, err
			}
		}
		all = append(all, vs...)
	}
	return all, nil
}

func (x Floats) item(it item) ([]float64, error) {
	s, isRange, err := it.span()
	if err != nil {
		return nil, err
	}
	if !isRange {
		v, err := x.number(it, it.text)
		return []float64{v}, err
	}
	a, err := x.number(it, s.from)
	if err != nil {
		return nil, err
	}
	b, err := x.number(it, s.to)
	switch {
	case err != nil:
		return nil, err
	case s.n == 0:
		return nil, it.errorf("how many values? Add their number, %s:5", it.text)
	case a >= b:
		return nil, it.errorf("the range must begin below its end")
	case s.log && a == 0:
		return nil, it.errorf("ratios cannot begin at 0; put the 0 before, 0,log:1e-3..%s:%d", s.to, s.n)
	}
	return s.values(a, b), nil
}

func (x Floats) number(it item, text string) (float64, error) {
	if text == "" {
		return 0, it.errorf("a number is missing")
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case math.Signbit(v):
		return 0, it.errorf("%q is negative", text)
	case math.IsInf(v, 1):
		return 0, it.errorf("%q is too large", text)
	case err != nil:
		return 0, it.errorf("%q is not a number%s", text, cli.InBrackets(cli.Pasted(text)))
	case math.IsNaN(v):
		return 0, it.errorf("%q is no number to train with", text)
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
	var all []int64
	seen := newSeen[int64]()
	for _, it := range items(x.name, list, x.example) {
		vs, err := x.item(it)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			if err := seen.add(it, v, strconv.FormatInt(v, 10)); err != nil {
				return nil, err
			}
		}
		all = append(all, vs...)
	}
	return all, nil
}

func (x integers) item(it item) ([]int64, error) {
	s, isRange, err := it.span()
	if err != nil {
		return nil, err
	}
	if !isRange {
		v, err := x.number(it, it.text)
		return []int64{v}, err
	}
	a, err := x.number(it, s.from)
	if err != nil {
		return nil, err
	}
	b, err := x.number(it, s.to)
	switch {
	case err != nil:
		return nil, err
	case a >= b:
		return nil, it.errorf("the range must begin below its end")
	case s.log && s.n == 0:
		return nil, it.errorf("how many values? Add their number, %s:5", it.text)
	case s.log && a == 0:
		return nil, it.errorf("ratios cannot begin at 0; put the 0 before, 0,log:1..%s:%d", s.to, s.n)
	case s.n == 0 && b-a >= MaxPoints:
		return nil, it.errorf("%d values are more than %d", b-a+1, MaxPoints)
	case s.n == 0:
		s.n = int(b-a) + 1
	}
	vs := make([]int64, s.n)
	for i, v := range s.values(float64(a), float64(b)) {
		vs[i] = int64(math.RoundToEven(v))
		if int64(s.n) == b-a+1 {
			vs[i] = a + int64(i)
		}
	}
	return vs, nil
}

func (x integers) number(it item, text string) (int64, error) {
	if text == "" {
		return 0, it.errorf("a number is missing")
	}
	v, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, it.errorf("%q is not a whole number%s", text, cli.InBrackets(cli.Pasted(text)))
	case v < 0:
		return 0, it.errorf("%q is negative", text)
	case v < x.min:
		return 0, it.errorf("%q is less than %d", text, x.min)
	case v > x.max:
		return 0, it.errorf("%q is more than %d", text, x.max)
	}
	return v, nil
}

// list parses a list of nets, each the sizes of its hidden layers: 50,100x100.
func (x Layers) list(name, list, net string) ([][]int, error) {
	units := integers{name: name, min: 1, max: x.Max, example: "50,100"}
	if net == "fc" {
		units.example = "200,100x100"
	}
	var nets [][]int
	seen := newSeen[string]()
	for _, it := range items(units.name, list, units.example) {
		var found [][]int
		if !strings.Contains(it.text, "x") {
			vs, err := units.item(it)
			if err != nil {
				return nil, err
			}
			for _, v := range vs {
				found = append(found, []int{int(v)})
			}
		} else {
			var layers []int
			for part := range strings.SplitSeq(it.text, "x") {
				v, err := units.number(it, part)
				if err != nil {
					return nil, err
				}
				layers = append(layers, int(v))
			}
			if net != "fc" {
				return nil, it.errorf("%d hidden layers, but the two-layer net has one; choose the net fc", len(layers))
			}
			found = append(found, layers)
		}
		for _, layers := range found {
			if err := seen.add(it, fmt.Sprint(layers), layersText(layers)); err != nil {
				return nil, err
			}
		}
		nets = append(nets, found...)
	}
	return nets, nil
}

// A seen rejects a value that occurs twice in a list.
type seen[T comparable] map[T]int // value to item

func newSeen[T comparable]() seen[T] { return seen[T]{} }

func (s seen[T]) add(it item, v T, name string) error {
	first, twice := s[v]
	s[v] = it.n
	switch {
	case twice && first == it.n:
		return it.errorf("it holds %s more than once; ask for fewer values", name)
	case twice:
		return it.errorf("%s is already item %d", name, first)
	case len(s) > MaxPoints:
		return it.errorf("more than %d values", MaxPoints)
	}
	return nil
}
