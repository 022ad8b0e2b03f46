package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2/maybe"
	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchproc"
	"golang.org/x/perf/benchunit"
)

// defaultBase is the rows to compare with, the first that a table has.
const defaultBase = "openblas,reference,gonum"

// madeBy opens every table.
const madeBy = "<!-- Made by `go run ./bench compare`"

// compareCommand makes a Markdown table of each raw file.
func compareCommand(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	base := f.String("base", defaultBase, "compare with the first of these `rows` that a table has")
	raw := f.String("raw", "results/raw", "`folder` of raw results")
	tables := f.String("tables", "results/tables", "`folder` for the tables")
	if err := parse(f, args, stderr, 0, -1); err != nil {
		return err
	}
	bases := strings.Split(*base, ",")
	for _, file := range f.Args() {
		md, err := render(file, bases)
		if err != nil {
			return err
		}
		if _, err := stdout.Write(md); err != nil {
			return err
		}
	}
	if f.NArg() > 0 {
		return nil
	}
	files, err := rawFiles(*raw)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*tables, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		md, err := render(file, bases)
		if err != nil {
			return err
		}
		to := tableOf(file, *tables)
		if err := maybe.WriteFile(to, md, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stdout, to)
	}
	return nil
}

// rawFiles lists the raw results of a folder.
func rawFiles(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no raw results (*.txt); bench run writes them", folder)
	}
	return files, err
}

func tableOf(raw, folder string) string {
	return filepath.Join(folder, strings.TrimSuffix(filepath.Base(raw), ".txt")+".md")
}

// A table is all results of one kernel, type and unit on one machine.
type table struct {
	rows, cols []benchproc.Key
	cells      map[[2]benchproc.Key][]float64 // by row and column
}

// render makes Markdown of a raw file.
func render(file string, bases []string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	var pp benchproc.ProjectionParser
	all, err := benchproc.NewFilter("*")
	if err != nil {
		return nil, err
	}
	var failed error
	project := func(s string) *benchproc.Projection {
		p, err := pp.Parse(s, all)
		failed = errors.Join(failed, err)
		return p
	}
	byMachine := project(".config")
	byTable, unit, err := pp.ParseWithUnit(".name,/dtype", all)
	failed = errors.Join(failed, err)
	byRow := project("/op,/shape,/size")
	byCol := project("/impl")
	if failed != nil {
		return nil, failed
	}

	type key struct{ machine, table benchproc.Key }
	var machines, order []benchproc.Key
	tables := map[key]*table{}
	in := benchfmt.NewReader(f, filepath.ToSlash(file))
	for in.Scan() {
		switch rec := in.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, rec
		case *benchfmt.Result:
			machine := byMachine.Project(rec)
			machines = addKey(machines, machine)
			row, col := byRow.Project(rec), byCol.Project(rec)
			for i, k := range byTable.ProjectValues(rec) {
				if k.Get(unit) == "sec/op" {
					continue // the rates say the same
				}
				order = addKey(order, k)
				t := tables[key{machine, k}]
				if t == nil {
					t = &table{cells: map[[2]benchproc.Key][]float64{}}
					tables[key{machine, k}] = t
				}
				t.rows, t.cols = addKey(t.rows, row), addKey(t.cols, col)
				cell := [2]benchproc.Key{row, col}
				t.cells[cell] = append(t.cells[cell], rec.Values[i].Value)
			}
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("%s: no benchmark results", file)
	}

	var md bytes.Buffer
	fmt.Fprintf(&md, "%s from %s. -->\n\n# %s\n\n", madeBy, filepath.Base(file), strings.TrimSuffix(filepath.Base(file), ".txt"))
	fmt.Fprintf(&md, "Medians with their %.0f %% confidence intervals. Products are m×k×n; N is as stored, T transposed.\n", 100*confidence)
	fmt.Fprintf(&md, "~: no significant difference (Mann-Whitney U test, α = %g).\n", benchmath.DefaultThresholds.CompareAlpha)
	for _, machine := range machines {
		md.WriteString("\n")
		for _, f := range byMachine.FlattenedFields() {
			fmt.Fprintf(&md, "- %s: %s\n", f, machine.Get(f))
		}
		for _, k := range order {
			if t := tables[key{machine, k}]; t != nil {
				fmt.Fprintf(&md, "\n## %s\n\n", k.StringValues())
				if k.Get(unit) == "peak-FLOP/s" {
					t.writePeak(&md)
				} else {
					t.write(&md, k.Get(unit), bases)
				}
			}
		}
	}
	return md.Bytes(), nil
}

// addKey appends k if it is new. Keys stay in the order of the file.
func addKey(keys []benchproc.Key, k benchproc.Key) []benchproc.Key {
	if slices.Contains(keys, k) {
		return keys
	}
	return append(keys, k)
}

// write writes t with, beside the medians, each column's ratio to the base.
func (t *table) write(w io.Writer, unit string, bases []string) {
	base, ok := t.base(bases)
	ok = ok && strings.HasSuffix(unit, "/s")
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

	head, rule := []string{""}, []string{"---"}
	for _, c := range t.cols {
		head, rule = append(head, c.StringValues()), append(rule, "---:")
	}
	if ok {
		for _, c := range t.cols {
			if c != base {
				head, rule = append(head, c.StringValues()+" / "+base.StringValues()), append(rule, "---:")
			}
		}
	}
	line(head)
	line(rule)

	ratios := map[benchproc.Key][]float64{}
	for _, r := range t.rows {
		cells := []string{r.StringValues()}
		for _, c := range t.cols {
			cells = append(cells, format(t.cells[[2]benchproc.Key{r, c}], unit))
		}
		for _, c := range t.cols {
			if !ok || c == base {
				continue
			}
			ours, theirs := t.cells[[2]benchproc.Key{r, c}], t.cells[[2]benchproc.Key{r, base}]
			if len(ours) == 0 || len(theirs) == 0 {
				cells = append(cells, "")
				continue
			}
			ratio := median(ours).Center / median(theirs).Center
			ratios[c] = append(ratios[c], ratio)
			mark := ""
			if cmp := benchmath.AssumeNothing.Compare(sample(ours), sample(theirs)); cmp.P > cmp.Alpha {
				mark = " ~"
			}
			cells = append(cells, fmt.Sprintf("%.2f%s", ratio, mark))
		}
		line(cells)
	}
	if !ok || len(t.rows) < 2 {
		return
	}
	cells := append([]string{"geometric mean"}, make([]string, len(t.cols))...)
	for _, c := range t.cols {
		if c == base {
			continue
		}
		if len(ratios[c]) == len(t.rows) {
			cells = append(cells, fmt.Sprintf("**%.2f**", geomean(ratios[c])))
		} else {
			cells = append(cells, "") // a mean over some rows would mislead
		}
	}
	line(cells)
}

// writePeak writes one line: the peak does not depend on the row.
func (t *table) writePeak(w io.Writer) {
	io.WriteString(w, "Multiply-adds in registers, one core; the share of peak is of this:")
	for _, c := range t.cols {
		var all []float64
		for _, r := range t.rows {
			all = append(all, t.cells[[2]benchproc.Key{r, c}]...)
		}
		fmt.Fprintf(w, " %s %s", c.StringValues(), format(all, "FLOP/s"))
	}
	io.WriteString(w, ".\n")
}

// base returns the first of names that is a column of t.
func (t *table) base(names []string) (benchproc.Key, bool) {
	for _, name := range names {
		for _, c := range t.cols {
			if c.StringValues() == name && len(t.cols) > 1 {
				return c, true
			}
		}
	}
	return benchproc.Key{}, false
}

// format gives the median of a cell in its unit.
func format(values []float64, unit string) string {
	if len(values) == 0 {
		return ""
	}
	m := median(values)
	if strings.HasSuffix(unit, "/s") {
		return fmt.Sprintf("%s ±%s", benchunit.Scale(m.Center, benchunit.Decimal), m.PctRangeString())
	}
	return fmt.Sprintf("%.3f ±%s", m.Center, m.PctRangeString())
}
