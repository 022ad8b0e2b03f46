// Package where selects rows of a table by a condition, such as
//
//	lr<1e-3 && hidden==50
//
// A condition joins comparisons with &&, || and !, of which ! binds most tightly and || least.
// Parentheses group. A comparison has an operand on each side of ==, !=, <, <=, > or >=:
//
//   - the name of a column;
//   - a number, such as 1e-3;
//   - a text. A text needs quotes, "…" or '…', if it is the name of a column or has other characters
//     than letters, digits and _.+-/: in it. There are no escapes;
//   - the word none, for a missing value, with == and != only.
//
// At least one operand is a column. Numbers are compared by value, and texts byte by byte. A text that
// is compared with a number counts as a number if it has the form of one. If it has no such form, it
// differs from the number and is neither less nor greater.
//
// A comparison with a missing value is false, whatever its operator, except that x==none holds if
// x is missing and x!=none holds if it is not.
//
// The comparison x=~"expression" holds if the regular expression (RE2) matches a part of the text x.
package where

// A Kind is the kind of a value.
type Kind int

// The kinds of values.
const (
	Missing Kind = iota
	Number
	Text
)

// A Value is the value of one column in one row.
type Value struct {
	Kind   Kind
	Number float64 // if Kind is Number
	Text   string  // if Kind is Text
}

// A Column is the name of a column and the kind of its values, Number or Text. Some values of a
// column may be missing.
type Column struct {
	Name string
	Kind Kind
}

// A Condition is a parsed condition.
type Condition struct {
	root node
}

// A node is a part of a condition. It reports whether it holds for a row.
type node func(value func(column int) Value) bool

// Match reports whether the condition holds for a row. The function value returns the row's value of
// the column with an index of the list that Parse was given.
func (c *Condition) Match(value func(column int) Value) bool { return c.root(value) }
