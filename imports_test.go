package fusegrid_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestImportsAreInTheTable checks the imports of all packages, on every platform and with every
// tag, against the table of imports in ARCHITECTURE.md.
func TestImportsAreInTheTable(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	imports, err := moduleImports(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, stray := range strayImports(importTable(string(text)), imports) {
		t.Errorf("ARCHITECTURE.md: %s", stray)
	}
}

// TestStrayImportsAreFound checks that an import and a package that the table does not have are
// rejected.
func TestStrayImportsAreFound(t *testing.T) {
	table := importTable("text\n\n| package | imports |\n|---|---|\n| fusegrid | kernels, nn |\n| kernels, nn | none |\n\n| a | b |\n")
	for _, c := range []struct {
		pkg     string
		imports []string
		want    []string
	}{
		{"fusegrid", []string{"nn", "kernels"}, nil},
		{"kernels", nil, nil},
		{"kernels", []string{"nn"}, []string{"kernels imports nn, which its row of the table of imports does not have"}},
		{"nn", []string{"fusegrid"}, []string{"nn imports fusegrid, which its row of the table of imports does not have"}},
		{"a", nil, []string{"the table of imports has no row for a"}},
	} {
		if got := strayImports(table, map[string][]string{c.pkg: c.imports}); !slices.Equal(got, c.want) {
			t.Errorf("%s with %q: %q, want %q", c.pkg, c.imports, got, c.want)
		}
	}
}

// importTable reads the table of imports. The packages in the first column of a row may import the
// packages in the second column.
func importTable(text string) map[string][]string {
	table := map[string][]string{}
	_, rows, _ := strings.Cut(text, "\n| package | imports |\n|---|---|\n")
	for row := range strings.SplitSeq(rows, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) != 4 {
			break
		}
		for pkg := range strings.SplitSeq(cells[1], ",") {
			table[strings.TrimSpace(pkg)] = strings.Split(strings.ReplaceAll(cells[2], " ", ""), ",")
		}
	}
	return table
}

// strayImports returns a message for each import that the table does not have.
func strayImports(table, imports map[string][]string) []string {
	var stray []string
	for pkg, list := range imports {
		allowed, ok := table[pkg]
		if !ok {
			stray = append(stray, fmt.Sprintf("the table of imports has no row for %s", pkg))
			continue
		}
		for _, name := range list {
			if !slices.Contains(allowed, name) {
				stray = append(stray, fmt.Sprintf("%s imports %s, which its row of the table of imports does not have", pkg, name))
			}
		}
	}
	slices.Sort(stray)
	return stray
}

// moduleImports returns the imports within the module, by package and without tests. Names of
// packages omit the name of the module, except for the root package.
func moduleImports(root string) (map[string][]string, error) {
	const module = "fusegrid"
	name := func(path string) string { return strings.TrimPrefix(path, module+"/") }
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.IsDir() && file != root && (base == "testdata" || base[0] == '.' || base[0] == '_') {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := name(path.Join(module, filepath.ToSlash(filepath.Dir(file))))
		list := imports[pkg]
		for _, spec := range f.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if (target == module || strings.HasPrefix(target, module+"/")) && !slices.Contains(list, name(target)) {
				list = append(list, name(target))
			}
		}
		imports[pkg] = list
		return nil
	})
	return imports, err
}
