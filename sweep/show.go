package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/plan"
)

// showTable prints the final table.
func (o *options) showTable(stdout io.Writer, table *results.Table) error {
	if table.Len() == 0 {
		return nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", wrap(table.Caption(), 80))
	table.WriteText(&b, 80, o.top)
	if best, ok := table.Best(); ok && best.Accuracy.Test != nil {
		fmt.Fprintf(&b, "\ntest accuracy of the best net: %.4f\n", *best.Accuracy.Test)
	}
	_, err := stdout.Write(b.Bytes())
	return err
}

// showPreview prints the grid, and the trials that are left to train.
func (o *options) showPreview(stdout io.Writer, p *search.Preview) error {
	var b bytes.Buffer
	todo := plan.Trials(p.Blocks)
	b.WriteString(say.Plural(p.Trials, "trial"))
	if shape := o.Grid.Shape(); shape != "" {
		fmt.Fprintf(&b, " (%s)", shape)
	}
	fmt.Fprintf(&b, ", %d to train into %s: %s\n", todo, o.Dir, say.Operations(p.FLOPs))
	for _, note := range p.Notes {
		fmt.Fprintln(&b, note)
	}
	if todo > 0 {
		fmt.Fprintf(&b, "%s\n%s\n", plan.Describe(p.Blocks), p.Prediction)
	}
	for _, why := range p.Reasons {
		fmt.Fprint(&b, why.Text)
		if why.Ordered {
			fmt.Fprint(&b, "; -order SEED gives all nets the same minibatches")
		}
		fmt.Fprintln(&b)
	}
	if p.Again > 0 {
		fmt.Fprintf(&b, "%s on record to train again, because files that -keep or -states asks for are missing\n", say.Plural(p.Again, "trial"))
	}
	fmt.Fprintf(&b, "%s\n", p.Halving)
	if err := results.WritePlan(&b, p.Points, 80, o.top); err != nil {
		return err
	}
	_, err := stdout.Write(b.Bytes())
	return err
}

// wrap breaks a list at its commas into lines of at most width columns.
func wrap(text string, width int) string {
	items := strings.Split(strings.ReplaceAll(text, ", ", ",\n"), "\n")
	return strings.Join(cli.Fold(items, width), "\n")
}
