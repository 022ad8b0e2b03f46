package where

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"fusegrid/internal/cli"
)

// Limits of a condition.
const (
	maxLength = 10_000 // bytes
	maxDepth  = 200    // of parentheses and negations
)

// Parse returns the condition in text about the given columns. Its errors are of type [*Error].
func Parse(text string, columns []Column) (*Condition, error) {
	p := &parser{text: text, columns: columns}
	root, err := p.whole()
	if err != nil {
		bad, _ := errors.AsType[*Error](err)
		bad.Text = text
		return nil, bad
	}
	return &Condition{root}, nil
}

// A parser reads a condition by recursive descent.
type parser struct {
	text    string
	columns []Column
	token   token // the next token
	depth   int
}

func (p *parser) whole() (node, error) {
	if len(p.text) > maxLength {
		return nil, &Error{Why: fmt.Sprintf("the condition has %d bytes, more than %d", len(p.text), maxLength)}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == end {
		return nil, p.errorf("the condition is empty; write for example lr<1e-3 && hidden==50")
	}
	n, err := p.or()
	if err == nil && p.token.kind != end {
		err = p.trailing()
	}
	return n, err
}

// trailing returns the error about a token that follows a whole condition.
func (p *parser) trailing() error {
	switch strings.ToLower(p.token.text) {
	case "and":
		return p.errorf("write && for and")
	case "or":
		return p.errorf("write || for or")
	case ")":
		return p.errorf("no parenthesis is open here")
	case "==", "!=", "<", "<=", ">", ">=", "=~":
		return p.errorf("a comparison has two sides; join two comparisons with &&")
	}
	return p.errorf("&& or || must stand before %s; a text with blanks needs quotes", p.token.shown())
}

// advance reads the next token.
func (p *parser) advance() (err error) {
	p.token, err = next(p.text, p.token.after())
	return err
}

// is reports whether the next token is the symbol s.
func (p *parser) is(s string) bool { return p.token.kind == symbol && p.token.text == s }

func (p *parser) errorf(format string, args ...any) *Error {
	return p.errorAt(p.token, format, args...)
}

func (p *parser) errorAt(t token, format string, args ...any) *Error {
	return &Error{At: t.at, Why: fmt.Sprintf(format, args...)}
}

func (p *parser) or() (node, error) {
	return p.joined("||", p.and, func(all []node) node {
		return func(value func(int) Value) bool {
			return slices.ContainsFunc(all, func(n node) bool { return n(value) })
		}
	})
}

func (p *parser) and() (node, error) {
	return p.joined("&&", p.unary, func(all []node) node {
		return func(value func(int) Value) bool {
			return !slices.ContainsFunc(all, func(n node) bool { return !n(value) })
		}
	})
}

// joined parses one part, or several with the operator between them.
func (p *parser) joined(operator string, part func() (node, error), join func([]node) node) (node, error) {
	var all []node
	for {
		n, err := part()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if !p.is(operator) {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return join(all), nil
}

func (p *parser) unary() (node, error) {
	negation, group := p.is("!"), p.is("(")
	if !negation && !group {
		return p.comparison()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf("more than %d parentheses and negations are nested here", maxDepth)
	}
	defer func() { p.depth-- }()
	opening := p.token
	if err := p.advance(); err != nil {
		return nil, err
	}
	if negation {
		n, err := p.unary()
		return func(value func(int) Value) bool { return !n(value) }, err
	}
	n, err := p.or()
	switch {
	case err != nil:
		return nil, err
	case p.token.kind == end:
		return nil, p.errorAt(opening, "the parenthesis is not closed")
	case !p.is(")"):
		return nil, p.trailing()
	}
	return n, p.advance()
}

// An operand is one side of a comparison.
type operand struct {
	token
	column  int // its index, or -1
	kind    Kind
	literal Value
}

func (o *operand) value(row func(int) Value) Value {
	if o.column >= 0 {
		return row(o.column)
	}
	return o.literal
}

func (p *parser) comparison() (node, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	operator := p.token
	holds, orders := operators[operator.text]
	if operator.kind != symbol || !orders && operator.text != "=~" {
		switch {
		case strings.EqualFold(left.text, "not"):
			return nil, p.errorAt(left.token, "write ! for not")
		case left.column < 0 && left.token.kind == word:
			return nil, p.noColumn(left.token)
		}
		return nil, p.errorf("an operator such as == must stand after %s", left.token.shown())
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := p.check(left, operator, right); err != nil {
		return nil, err
	}
	switch {
	case operator.text == "=~":
		return p.match(left, right)
	case left.kind == Missing:
		return missing(right, operator.text), nil
	case right.kind == Missing:
		return missing(left, operator.text), nil
	}
	return func(row func(int) Value) bool {
		c, ok := compare(left.value(row), right.value(row))
		return ok && holds(c)
	}, nil
}

// operand parses one side of a comparison.
func (p *parser) operand() (*operand, error) {
	t := p.token
	switch {
	case t.kind == end:
		return nil, p.errorf("the condition ends where a column or a value must stand")
	case t.kind == symbol:
		return nil, p.errorf("%q stands where a column or a value must stand", t.text)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	o := &operand{token: t, column: -1, kind: Text, literal: Value{Kind: Text, Text: t.text}}
	if t.kind == quoted {
		return o, nil
	}
	if i := slices.IndexFunc(p.columns, func(c Column) bool { return c.Name == t.text }); i >= 0 {
		o.column, o.kind = i, p.columns[i].Kind
		return o, nil
	}
	if t.text == "none" {
		o.kind, o.literal = Missing, Value{}
		return o, nil
	}
	x, isNumber, err := number(t.text)
	if err != nil {
		return nil, p.errorAt(t, "%v", err)
	}
	if isNumber {
		o.kind, o.literal = Number, Value{Kind: Number, Number: x}
	}
	return o, nil
}

// check returns an error if the operands do not fit the operator.
func (p *parser) check(left *operand, operator token, right *operand) error {
	if left.column < 0 && right.column < 0 {
		for _, o := range []*operand{left, right} {
			if o.token.kind == word && o.kind == Text {
				return p.noColumn(o.token)
			}
		}
		return p.errorAt(left.token, "a comparison must have a column on one side")
	}
	if operator.text == "=~" {
		if left.column < 0 || left.kind != Text {
			return p.errorAt(left.token, "%s is no column of texts, and =~ is for texts", left.text)
		}
		if right.column >= 0 || right.kind == Missing {
			return p.errorAt(right.token, "a regular expression must stand here, in quotes")
		}
		return nil
	}
	for _, pair := range [][2]*operand{{left, right}, {right, left}} {
		column, other := pair[0], pair[1]
		switch {
		case other.kind == Missing && operator.text != "==" && operator.text != "!=":
			return p.errorAt(operator, "none can be compared by == and != only")
		case column.kind == Number && other.kind == Text && other.column < 0:
			if _, ok, _ := number(other.text); !ok {
				names := p.names(Number)
				return p.errorAt(other.token, "%s is a number, but %q is not%s", column.text, other.text, cli.DidYouMean(other.text, names))
			}
		}
	}
	return nil
}

// noColumn returns the error about the name of a column that does not exist.
func (p *parser) noColumn(t token) error {
	e := p.errorAt(t, "there is no column %q%s", t.text, cli.DidYouMean(t.text, p.names(Number, Text)))
	e.Column = t.text
	return e
}

// names returns the names of the columns of some kinds.
func (p *parser) names(kinds ...Kind) (names []string) {
	for _, c := range p.columns {
		if slices.Contains(kinds, c.Kind) {
			names = append(names, c.Name)
		}
	}
	return names
}

// match returns the node of an operator =~.
func (p *parser) match(left, right *operand) (node, error) {
	re, err := regexp.Compile(right.text)
	if err != nil {
		if bad, ok := errors.AsType[*syntax.Error](err); ok {
			return nil, p.errorAt(right.token, "the regular expression has an error: %s: %q", bad.Code, bad.Expr)
		}
		return nil, p.errorAt(right.token, "the regular expression has an error: %v", err)
	}
	return func(row func(int) Value) bool {
		v := left.value(row)
		return v.Kind == Text && re.MatchString(v.Text)
	}, nil
}

// missing returns the node that compares an operand with none.
func missing(o *operand, operator string) node {
	return func(row func(int) Value) bool {
		return (o.value(row).Kind == Missing) == (operator == "==")
	}
}

// unequal is the order of values that differ, but of which neither is less.
const unequal = 2

// operators has for each operator whether it holds for an order: -1, 0, 1 or unequal.
var operators = map[string]func(order int) bool{
	"==": func(order int) bool { return order == 0 },
	"!=": func(order int) bool { return order != 0 },
	"<":  func(order int) bool { return order == -1 },
	"<=": func(order int) bool { return order == -1 || order == 0 },
	">":  func(order int) bool { return order == 1 },
	">=": func(order int) bool { return order == 1 || order == 0 },
}

// compare returns the order of two values. It reports false if one of them is missing.
func compare(a, b Value) (order int, ok bool) {
	if a.Kind == Missing || b.Kind == Missing {
		return 0, false
	}
	if a.Kind == Text && b.Kind == Text {
		return strings.Compare(a.Text, b.Text), true
	}
	x, ok := a.number()
	y, also := b.number()
	switch {
	case !ok || !also:
		return unequal, true
	case x < y:
		return -1, true
	case x > y:
		return 1, true
	case x == y:
		return 0, true
	}
	return unequal, true // one of them is NaN
}

// number returns the number that v is or has the form of.
func (v Value) number() (x float64, ok bool) {
	if v.Kind == Number {
		return v.Number, true
	}
	x, ok, err := number(v.Text)
	return x, ok && err == nil
}

// number returns the number that a text has the form of, such as -1.5e3. The form has decimal digits, so a
// word such as inf is a text. The error is about a number that no float64 can hold.
func number(text string) (x float64, ok bool, err error) {
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" || !strings.ContainsAny(text, "0123456789") {
		return 0, false, nil
	}
	x, err = strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, true, fmt.Errorf("the number %s is too large; the limit is %.4g", text, math.MaxFloat64)
	case err != nil:
		return 0, false, nil
	}
	return x, true, nil
}
