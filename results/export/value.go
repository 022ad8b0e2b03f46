package export

import (
	"iter"

	"fusegrid/results"
)

// block is the number of rows whose values are made together. Their records fit in a cache, in which all columns
// find them.
const block = 512

// blocks returns the blocks of rows. Each begins at a row and ends before another.
func blocks(rows int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from := 0; from < rows; from += block {
			if !yield(from, min(from+block, rows)) {
				return
			}
		}
	}
}

// valueOf returns a string, int64 or float64, or nil if there is no value.
func valueOf(c *results.Column, row int) any {
	switch c.Kind {
	case results.Integer:
		if n, ok := c.Integer(row); ok {
			return n
		}
	case results.Number:
		if x, ok := c.Number(row); ok {
			return x
		}
	default:
		if text, ok := c.Text(row); ok {
			return text
		}
	}
	return nil
}
