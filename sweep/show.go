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

// showTable prints the final table. If the seed varies, it has one row for each setting, unless the user asks for
// one for each seed.
func (o *options) showTable(stdout io.Writer, table *results.Table) error {
	if table.Len() == 0 {
		return nil
	}
	var shown interface {
		markedTable
		Caption() string
		WriteText(w io.Writer, width, rows int) error
		Notes() []string
	} = table
	screen := terminalOf(stdout, o.color)
	var legend []string
	if s := table.Summary(); s != nil && !o.perSeed {
		shown, legend = s, s.Legend(screen.width, o.top)
	}
	var b, rows bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", wrap(shown.Caption(), screen.width))
	shown.WriteText(&rows, screen.width, o.top)
	b.WriteString(screen.marked(rows.String(), shown, o.top))
	if best, ok := table.Best(); ok && best.Accuracy.Test != nil && table.Summary() == nil {
		fmt.Fprintf(&b, "\ntest accuracy of the best net: %.4f\n", *best.Accuracy.Test)
	}
	for _, note := range append(legend, shown.Notes()...) {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(cli.Fold(strings.Fields(note), screen.width), "\n"))
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
	for _, note := range append(p.Notes, p.Space, spaceNote(o.Dir)) {
		if note != "" {
			fmt.Fprintln(&b, note)
		}
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
	screen := terminalOf(stdout, o.color)
	var rows bytes.Buffer
	if err := results.WritePlan(&rows, p.Points, screen.width, o.top); err != nil {
		return err
	}
	_, err := io.WriteString(stdout, fold(b.String(), screen.width)+rows.String())
	return err
}

// wrap breaks a list at its commas into lines of at most width columns.
func wrap(text string, width int) string {
	items := strings.Split(strings.ReplaceAll(text, ", ", ",\n"), "\n")
	return strings.Join(cli.Fold(items, width), "\n")
}
