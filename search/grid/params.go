package grid

import (
	"fmt"
	"slices"
	"strings"

	"fusegrid/results"
)

// A Parameter is the Values of a parameter of an objective that is not a net. At is its position in the
// parameters of a configuration.
type Parameter struct {
	At    int
	Kind  ParameterKind
	Words []string // the choices of kind Word
}

// A ParameterKind is a kind of values.
type ParameterKind int

const (
	FloatParameter ParameterKind = iota // a number
	IntParameter                        // a whole number
	WordParameter                       // one of some words
)

// maxWhole is the largest magnitude of a whole number, because parameters are floats.
const maxWhole = 1 << 53

func (x Parameter) integers(name string) integers {
	return integers{name, -maxWhole, maxWhole, "1..10"}
}

func (x Parameter) floats() Floats {
	return Floats{Example: "0.1..0.9:5", Zero: true, Negative: true, Field: func(c *results.Config) *float64 { return &c.Params[x.At].Number }}
}

// Parse reads a list of numbers. Words are not written in a list, so that they may have commas.
func (x Parameter) Parse(name, list, net string) (Column, error) {
	switch x.Kind {
	case WordParameter:
		return columnOf(x.Words, func(c *results.Config) *string { return &c.Params[x.At].Word }), nil
	case IntParameter:
		values, err := x.integers(name).list(list)
		return Column{len(values), func(c *results.Config, i int) { c.Params[x.At].Number = float64(values[i]) }}, err
	}
	return x.floats().Parse(name, list, net)
}

// Range returns the range in a list, or nil if the list is not a single range without a count.
func (x Parameter) Range(name, list, net string) (*Range, error) {
	switch x.Kind {
	case WordParameter:
		return nil, nil
	case IntParameter:
		p, err := x.integers(name).span(list)
		if p == nil || err != nil {
			return nil, err
		}
		return &Range{*p, func(c *results.Config, v float64) { c.Params[x.At].Number = v }}, nil
	}
	return x.floats().Range(name, list, net)
}

// Clear leaves the parameter as it is: trials of functions do not share blocks.
func (x Parameter) Clear(*results.Config) {}

// Equal reports whether the parameters are equal.
func (x Parameter) Equal(a, b *results.Config) bool { return a.Params[x.At] == b.Params[x.At] }

// Text returns the number or the word.
func (x Parameter) Text(c *results.Config) string {
	if x.Kind == WordParameter {
		return c.Params[x.At].Word
	}
	return exact(c.Params[x.At].Number)
}

// CheckWords returns an error unless the words are different and not empty.
func (x Parameter) CheckWords(name string) error {
	for i, w := range x.Words {
		if strings.TrimSpace(w) == "" || slices.Contains(x.Words[:i], w) {
			return fmt.Errorf("parameter %s: word %d is %q, which is empty or occurs twice", name, i+1, w)
		}
	}
	if len(x.Words) == 0 {
		return fmt.Errorf("parameter %s has no words", name)
	}
	return nil
}
