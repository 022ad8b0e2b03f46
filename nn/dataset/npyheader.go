package dataset

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The header of an array is a Python literal: a dictionary with the entries descr, fortran_order and shape. NumPy
// writes them in one form, and reads what Python's ast.literal_eval accepts. Other programs write other forms. Read
// here is what they may write: entries in any order, either quotation mark, any white space, and commas after the last
// entry or none. Escapes, comments, and numbers other than decimal ones are not read.

// parse reads the header.
func (a *npy) parse(text string) error {
	p := literal{text: text}
	h, err := p.header()
	if err != nil {
		return fmt.Errorf("its header is %.80q: %w at byte %d; save a plain array of numbers", text, err, p.at)
	}
	order, kind, digits := h.descr[:0], "", h.descr
	if h.descr != "" && strings.ContainsRune("<>|=", rune(h.descr[0])) {
		order, digits = h.descr[:1], h.descr[1:]
	}
	if digits != "" {
		kind, digits = digits[:1], digits[1:]
	}
	size, err := strconv.Atoi(digits)
	if err != nil || size < 1 || size > 8 || kind == "" || !strings.Contains("uifb", kind) {
		return fmt.Errorf("its numbers have type %.20s; save integers, float32 or float64", h.descr)
	}
	switch {
	case size == 1:
		order = "|"
	case order != ">":
		order = "<"
	}
	a.descr, a.size = order+kind+strconv.Itoa(size), size
	a.fortran, a.shape = h.fortran, h.shape
	if len(a.shape) > 8 {
		return fmt.Errorf("it has %d dimensions, want at most 4", len(a.shape))
	}
	return nil
}

// An npyHeader is the contents of a header.
type npyHeader struct {
	descr   string // type, such as "<f4"
	fortran bool   // the first index changes fastest
	shape   []int
}

// A literal reads a Python literal. After an error, its position is that of the error.
type literal struct {
	text string
	at   int
}

// header reads a dictionary with the three entries, each of which occurs once.
func (p *literal) header() (h npyHeader, err error) {
	if err := p.want("{"); err != nil {
		return h, err
	}
	seen := map[string]bool{}
	for !p.take("}") {
		if len(seen) > 0 {
			if err := p.want(","); err != nil {
				return h, err
			}
			if p.take("}") {
				break
			}
		}
		key, err := p.string()
		switch {
		case err != nil:
			return h, err
		case seen[key]:
			return h, fmt.Errorf("%.20q occurs twice", key)
		}
		seen[key] = true
		if err := p.want(":"); err != nil {
			return h, err
		}
		switch key {
		case "descr":
			h.descr, err = p.string()
		case "fortran_order":
			h.fortran, err = p.bool()
		case "shape":
			h.shape, err = p.tuple()
		default:
			err = fmt.Errorf("the entry %.20q is unknown", key)
		}
		if err != nil {
			return h, err
		}
	}
	if p.space(); p.at < len(p.text) {
		return h, errors.New("there is more than a dictionary")
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return h, fmt.Errorf("the entry %q is missing", key)
		}
	}
	return h, nil
}

// space skips white space.
func (p *literal) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r\f", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take skips white space and then a token.
func (p *literal) take(token string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *literal) want(token string) error {
	if !p.take(token) {
		return fmt.Errorf("%q is missing", token)
	}
	return nil
}

// string reads a string without escapes.
func (p *literal) string() (string, error) {
	if !p.take("u'") && !p.take(`u"`) && !p.take("'") && !p.take(`"`) {
		return "", errors.New("a string is missing")
	}
	n := strings.IndexAny(p.text[p.at:], p.text[p.at-1:p.at]+"\\\n\r")
	if n < 0 || p.text[p.at+n] != p.text[p.at-1] {
		return "", errors.New("a plain string is missing")
	}
	text := p.text[p.at : p.at+n]
	p.at += n + 1
	return text, nil
}

func (p *literal) bool() (value bool, err error) {
	value = p.take("True")
	if !value && !p.take("False") {
		return false, errors.New("a boolean, True or False, is missing")
	}
	return value, nil
}

// tuple reads a tuple of numbers from 0. One number in parentheses is a tuple only if a comma follows it.
func (p *literal) tuple() (values []int, err error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	for !p.take(")") {
		n, err := p.number()
		if err != nil {
			return nil, err
		}
		values = append(values, n)
		if p.take(",") {
			continue
		}
		if len(values) == 1 {
			return nil, errors.New("the comma of a tuple with one value is missing")
		}
		if err := p.want(")"); err != nil {
			return nil, err
		}
		break
	}
	return values, nil
}

// number reads a decimal number. Python 2 wrote some of them with an L.
func (p *literal) number() (int, error) {
	p.space()
	digits := p.text[p.at : p.at+len(p.text[p.at:])-len(strings.TrimLeft(p.text[p.at:], "0123456789"))]
	n, err := strconv.Atoi(digits)
	switch {
	case digits == "" || digits[0] == '0' && n > 0:
		return 0, errors.New("a decimal number from 0 is missing")
	case err != nil || n > math.MaxInt32:
		return 0, fmt.Errorf("the dimension %.20s is too large", digits)
	}
	p.at += len(digits)
	if strings.HasPrefix(p.text[p.at:], "L") {
		p.at++
	}
	return n, nil
}
