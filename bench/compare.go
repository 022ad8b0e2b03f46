package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"fusegrid/internal/atomicfile"
)

// defaultBase lists columns to compare with. A table uses the first of them that it has.
const defaultBase = "openblas,reference,gonum"

// madeBy starts every file of tables.
const madeBy = "<!-- Made by `go run ./bench compare`"

var compareCommand = command{
	name: "compare", args: "[FILE...]", most: -1,
	short: "make tables from raw results",
	long: `
bench compare reads each FILE and prints Markdown tables of its results. A FILE
is the output of bench run or go test -bench, as text in UTF-8. Without FILE,
the command reads each file in the folder of raw results and writes its tables
to the folder of tables.

Each benchmark has a row. Each kernel set, which is the part /impl= of a
benchmark's name, has a column. Results are averaged only if their full names
are equal, including the number of cores at the end. If a name has no /impl=,
its row shows the full name.
`,
	setup: func(f *flag.FlagSet) action {
		base := f.String("base", defaultBase, "compare with the first of these `columns` that a table has\n")
		raw := f.String("raw", "results/raw", "`folder` of raw results")
		tables := f.String("tables", "results/tables", "`folder` for the tables")
		return func(_ context.Context, args []string, stdout, _ io.Writer) error {
			bases := strings.Split(*base, ",")
			if len(args) == 0 {
				return renderFolder(*raw, *tables, bases, stdout)
			}
			for _, file := range args {
				md, err := render(file, bases)
				if err != nil {
					return err
				}
				if _, err := stdout.Write(md); err != nil {
					return err
				}
			}
			return nil
		}
	},
}

// renderFolder writes a file of tables for each raw file and prints the names of the
// files that it writes.
func renderFolder(raw, tables string, bases []string, stdout io.Writer) error {
	files, err := rawFiles(raw)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(tables, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		md, err := render(file, bases)
		if err != nil {
			return err
		}
		to := tableOf(file, tables)
		if err := atomicfile.Write(to, func(w io.Writer) error { _, err := w.Write(md); return err }); err != nil {
			return err
		}
		fmt.Fprintln(stdout, to)
	}
	return nil
}

// rawFiles returns the names of the raw files in a folder.
func rawFiles(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no raw results (*.txt); write some with bench run", folder)
	}
	return files, err
}

func tableOf(raw, folder string) string {
	return filepath.Join(folder, strings.TrimSuffix(filepath.Base(raw), ".txt")+".md")
}

// render returns the tables of a raw file as Markdown.
func render(file string, bases []string) ([]byte, error) {
	text, err := load(file)
	if err != nil {
		return nil, err
	}
	r, err := collect(filepath.ToSlash(file), text)
	if err != nil {
		return nil, err
	}
	if err := r.has(bases); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r.markdown(filepath.Base(file), bases), nil
}
