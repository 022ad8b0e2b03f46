package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"fusegrid/internal/say"
	"fusegrid/nn/dataset"
	"fusegrid/search/runner"
)

// Predictions are what a net finds for the samples of a part of a data set.
type predictions struct {
	dataset.Part
	set, name, noun string
	trained         bool     // the part has samples that trained the net
	classes         []string // of the net
	labels          []int    // numbers in classes; nil if the samples have no labels
	found           []runner.Prediction
}

// unknown returns the number of samples without a class, because their scores overflow.
func (p *predictions) unknown() (n int) {
	for _, f := range p.found {
		if !known(f) {
			n++
		}
	}
	return n
}

// known reports whether a prediction has a class: the probability is NaN if the scores overflow.
func known(f runner.Prediction) bool { return !math.IsNaN(f.Probability) }

// writeCSV writes a table with one row for each sample. Where no class is known, its name is empty.
func (p *predictions) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"index", "place", "label", "predicted", "probability"}) // Error returns the first error
	for i, f := range p.found {
		label, class := "", ""
		if p.labels != nil {
			label = p.classes[p.labels[i]]
		}
		if known(f) {
			class = p.classes[f.Class]
		}
		_ = out.Write([]string{strconv.Itoa(i), p.Place(i), label, class, strconv.FormatFloat(f.Probability, 'f', 6, 64)})
	}
	out.Flush()
	return out.Error()
}

// confusion returns the number of samples of each class (row) for which the net finds each class (column). Samples
// without a class are not counted.
func (p *predictions) confusion() [][]int {
	matrix := make([][]int, len(p.classes))
	for i := range matrix {
		matrix[i] = make([]int, len(p.classes))
	}
	for i, f := range p.found {
		if known(f) {
			matrix[p.labels[i]][f.Class]++
		}
	}
	return matrix
}

// report prints the accuracy, of all samples and of each class, and the confusion matrix of a few classes.
func (p *predictions) report(w io.Writer) {
	note := ""
	if p.trained {
		note = ", also those that trained the net"
	}
	fmt.Fprintf(w, "%s, part %s: %s%s\n", p.set, p.name, say.Plural(len(p.found), p.noun), note)
	if p.labels == nil {
		return
	}
	total, correct := make([]int, len(p.classes)), make([]int, len(p.classes))
	hits := 0
	for i, f := range p.found {
		label := p.labels[i]
		total[label]++
		if known(f) && f.Class == label {
			correct[label]++
			hits++
		}
	}
	fmt.Fprintf(w, "accuracy %.4f: %d of %d\n\n", float64(hits)/float64(len(p.found)), hits, len(p.found))
	p.perClass(w, total, correct)
	const most = 20
	if len(p.classes) <= most {
		fmt.Fprintf(w, "\na row for each label, a column for each prediction\n")
		writeMatrix(w, p.classes, p.confusion(), 80)
	}
}

// perClass prints the accuracy of each class.
func (p *predictions) perClass(w io.Writer, total, correct []int) {
	const most = 100 // rows
	shown := p.classes[:min(most, len(p.classes))]
	number, width, short := shortened(shown, 32)
	fmt.Fprintf(w, "%-*s  %7ss  correct  accuracy\n", number+1+width, "class", p.noun)
	for k, name := range short {
		share := "-"
		if total[k] > 0 {
			share = fmt.Sprintf("%.4f", float64(correct[k])/float64(total[k]))
		}
		fmt.Fprintf(w, "%*d %-*s  %8d  %7d  %8s\n", number, k, width, name, total[k], correct[k], share)
	}
	if rest := len(p.classes) - most; rest > 0 {
		fmt.Fprintf(w, "and %s more\n", say.Plural(rest, "class"))
	}
}

// shortened returns names of at most most characters, their largest width and the width of the largest number of a name.
func shortened(names []string, most int) (number, width int, short []string) {
	for _, name := range names {
		short = append(short, clip(name, most))
		width = max(width, utf8.RuneCountInString(short[len(short)-1]))
	}
	return len(strconv.Itoa(len(names) - 1)), max(width, len("class")), short
}

// writeMatrix prints a square matrix with a row and a column for each name, in lines of at most width characters. If a
// row does not fit, further columns follow below.
func writeMatrix(w io.Writer, names []string, matrix [][]int, width int) {
	number, label, short := shortened(names, 16)
	cell := number
	for _, row := range matrix {
		for _, n := range row {
			cell = max(cell, len(strconv.Itoa(n)))
		}
	}
	columns := max(1, (width-number-1-label)/(cell+1))
	for lo := 0; lo < len(names); lo += columns {
		hi := min(lo+columns, len(names))
		if lo > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%*s", number+1+label, "")
		for j := lo; j < hi; j++ {
			fmt.Fprintf(w, " %*d", cell, j)
		}
		fmt.Fprintln(w)
		for i, row := range matrix {
			fmt.Fprintf(w, "%*d %-*s", number, i, label, short[i])
			for _, n := range row[lo:hi] {
				fmt.Fprintf(w, " %*d", cell, n)
			}
			fmt.Fprintln(w)
		}
	}
}
