package grid

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fusegrid/results"
)

// Values parses the lists of an axis, and reads and sets the field of a configuration that holds
// one value.
type Values interface {
	// Parse reads a list for a net. The name of the axis is for errors.
	Parse(name, list, net string) (Column, error)
	// Range returns the range from which a sampler draws, or nil if the list is not a single range
	// without a number of values.
	Range(name, list, net string) (*Range, error)
	// Clear sets the field to a value that all configurations of a block can share.
	Clear(c *results.Config)
	// Equal reports whether two configurations have the same value.
	Equal(a, b *results.Config) bool
	// Text returns the value of a configuration.
	Text(c *results.Config) string
}

// A Column holds the values of an axis in one grid.
type Column struct {
	Len int
	Set func(c *results.Config, i int) // puts value i into a configuration
}

// columnOf returns the column of values that go into a field without change.
func columnOf[T any](values []T, field func(c *results.Config) *T) Column {
	return Column{len(values), func(c *results.Config, i int) { *field(c) = values[i] }}
}

// Floats are numbers, such as 1e-4,1e-3 or log:1e-4..1e-2:5.
type Floats struct {
	Example  string // of a list, for error messages
	Zero     bool   // 0 is allowed
	Negative bool   // numbers below 0 are allowed
	Field    func(c *results.Config) *float64
	Check    func(v float64) error // rejects a value with which no net can converge; may be nil
}

// Parse reads a list of numbers.
func (x Floats) Parse(name, list, _ string) (Column, error) {
	values, err := x.list(name, list)
	for _, v := range values {
		if x.Check == nil {
			break
		}
		if err := x.Check(v); err != nil {
			return Column{}, fmt.Errorf("%s %g: %w", name, v, err)
		}
	}
	return columnOf(values, x.Field), err
}

// Clear sets the field to 0.
func (x Floats) Clear(c *results.Config) { *x.Field(c) = 0 }

// Equal reports whether the fields are equal.
func (x Floats) Equal(a, b *results.Config) bool { return *x.Field(a) == *x.Field(b) }

// Text returns the shortest text that parses to the same number.
func (x Floats) Text(c *results.Config) string { return exact(*x.Field(c)) }

func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Ints are whole numbers, such as 1..5 or 100,200.
type Ints[T int | uint32] struct {
	Min, Max int64
	Example  string // of a list, for error messages
	Field    func(c *results.Config) *T
	Unit     func(c *results.Config) int // factor of the values; nil for 1
}

// Parse reads a list of whole numbers.
func (x Ints[T]) Parse(name, list, _ string) (Column, error) {
	values, err := integers{name, x.Min, x.Max, x.Example}.list(list)
	return Column{len(values), func(c *results.Config, i int) {
		*x.Field(c) = T(values[i])
		if x.Unit != nil {
			*x.Field(c) *= T(x.Unit(c))
		}
	}}, err
}

// Clear sets the field to 0.
func (x Ints[T]) Clear(c *results.Config) { *x.Field(c) = 0 }

// Equal reports whether the fields are equal.
func (x Ints[T]) Equal(a, b *results.Config) bool { return *x.Field(a) == *x.Field(b) }

// Text returns the number.
func (x Ints[T]) Text(c *results.Config) string { return fmt.Sprint(*x.Field(c)) }

// Layers are the sizes of hidden layers, such as 50,100x100.
type Layers struct {
	Max   int64 // units of a layer
	Field func(c *results.Config) *[]int
}

// Parse reads a list of nets. A net is written as the sizes of its hidden layers.
func (x Layers) Parse(name, list, net string) (Column, error) {
	nets, err := x.list(name, list, net)
	return columnOf(nets, x.Field), err
}

// Clear keeps only the number of layers, which must be equal in a block.
func (x Layers) Clear(c *results.Config) { *x.Field(c) = []int{len(*x.Field(c))} }

// Equal reports whether all layers are equal.
func (x Layers) Equal(a, b *results.Config) bool { return slices.Equal(*x.Field(a), *x.Field(b)) }

// Text returns the layers as a user types them.
func (x Layers) Text(c *results.Config) string { return layersText(*x.Field(c)) }

func layersText(layers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(layers), " ", "x"), "[]")
}
