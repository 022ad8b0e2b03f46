package fusegrid_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/internal/required"
)

// TestSystems checks that all packages and their tests compile for systems on which no test runs.
func TestSystems(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it reads the source of every dependency")
	}
	read := make(sources)
	for i, system := range []string{"darwin/arm64", "windows/amd64", "freebsd/amd64", "openbsd/amd64", "solaris/amd64", "aix/ppc64"} {
		t.Run(system, func(t *testing.T) {
			if i > 1 {
				required.Long(t, "the systems before have nearly the same files")
			}
			packages, err := read.check(".", system)
			if err != nil {
				t.Error(err)
			}
			if packages < 80 {
				t.Errorf("checked %d packages and tests, want 80 or more", packages)
			}
		})
	}
}

// TestFaultsOfSystemsAreFound checks that faults in the files of one system are found.
func TestFaultsOfSystemsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it runs go list")
	}
	for _, c := range []struct{ file, text, want string }{
		{"a_windows.go", "package m\n\nfunc size() int { return 1 }\n", ""},
		{"a_linux.go", "package m\n\nfunc size() int { return 1 }\n", "m.go:3:18: undefined: size"},
		{"a_windows.go", "package m\n\nfunc size() int64 { return 1 }\n", "m.go:3:13: cannot use -1 + size()"},
		{"a_windows.go", "package m\n\nfunc size() int { x := 1; return 1 }\n", "a_windows.go:3:19: declared and not used: x"},
		{"a_windows.go", "package m\n\nimport \"errors\"\n\nfunc size() int { return 1 }\n", "a_windows.go:3:8: \"errors\" imported and not used"},
		{"a_windows.go", "package m\n\nfunc size() int\n", "a_windows.go:3:6: missing function body"},
		{"a_windows.go", "package m\n\nfunc size() int { return }\n", "a_windows.go:3:19: not enough return values"},
		{"a_windows.go", "package m\n\nfunc size() int { return 1 \n", "a_windows.go:3:29: expected '}', found 'EOF'"},
		{"a_windows.go", "package m\n\nimport \"m/none\"\n\nfunc size() int { return none.A }\n", "m/none"},
		{"a_windows.go", "package m\n\nimport \"syscall\"\n\nfunc size() int { return syscall.Getpid() + syscall.Umask(0) }\n", "undefined: syscall.Umask"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"go.mod":    "module m\n\ngo 1.26\n",
			"m.go":      "package m\n\nvar N int = -1 + size()\n",
			"m_test.go": "package m\n\nvar _ = size() + N\n",
			"x_test.go": "package m_test\n\nimport \"m\"\n\nvar _ = m.N\n",
			c.file:      c.text,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, err := make(sources).check(dir, "windows/amd64")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s with %q: error %v, want %q", c.file, c.text, err, c.want)
		}
	}
}

// A sources holds files that have been read.
type sources map[string]*ast.File

// files is the file set of all sources.
var files = token.NewFileSet()

// check checks the types of all packages and tests of the module in dir for a system, such as
// windows/amd64. It reads the source of their dependencies without the bodies of functions. This
// is faster than compiling them, and leaves nothing on the disk. It returns the number of packages
// and tests of the module.
func (read sources) check(dir, system string) (int, error) {
	goos, goarch, _ := strings.Cut(system, "/")
	list := exec.Command("go", "list", "-e", "-deps", "-test", "-json=ImportPath,Name,Dir,GoFiles,SFiles,Imports,ImportMap,Standard,Module,Error", "./...")
	list.Dir = dir
	list.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=")
	out, err := list.Output()
	if err != nil {
		return 0, err
	}
	type listed struct {
		ImportPath, Name, Dir    string
		GoFiles, SFiles, Imports []string
		ImportMap                map[string]string // from paths in import declarations to paths of test variants
		Standard                 bool
		Module                   *struct{ Main bool }
		Error                    *struct{ Err string }
	}
	checked := map[string]*types.Package{"unsafe": types.Unsafe}
	ours := 0
	var faults []error
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return 0, err
		}
		if p.Error != nil {
			faults = append(faults, errors.New(p.Error.Err))
			continue
		}
		if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") {
			continue // a program that go test writes
		}
		own := p.Module != nil && p.Module.Main
		fault := func(err error) {
			if own {
				faults = append(faults, err)
			}
		}
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			if !filepath.IsAbs(name) {
				name = filepath.Join(p.Dir, name)
			}
			f := read[name]
			if f == nil {
				if f, err = parser.ParseFile(files, name, nil, parser.SkipObjectResolution); err != nil {
					fault(err)
					continue
				}
				if !own {
					strip(f)
				}
				read[name] = f
			}
			parsed = append(parsed, f)
			for _, d := range f.Decls {
				if d, is := d.(*ast.FuncDecl); is && own && d.Body == nil && len(p.SFiles) == 0 {
					fault(fmt.Errorf("%s: missing function body", files.Position(d.Name.Pos())))
				}
			}
		}
		imports := maps.Clone(p.ImportMap)
		config := types.Config{
			IgnoreFuncBodies: !own,
			FakeImportC:      true,
			Sizes:            types.SizesFor("gc", goarch),
			Error:            fault,
			Importer: importer(func(path string) (*types.Package, error) {
				if to, ok := imports[path]; ok {
					path = to
				}
				if q := checked[path]; q != nil {
					return q, nil
				}
				return nil, fmt.Errorf("no package %s", path)
			}),
		}
		path, _, _ := strings.Cut(p.ImportPath, " ")
		checked[p.ImportPath], _ = config.Check(path, files, parsed, nil) // errors went to fault
		if own {
			ours++
		}
	}
	return ours, errors.Join(faults...)
}

// strip removes the bodies of functions, and the elements of tables, which take most of the time.
func strip(f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			d.Body = nil
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, is := s.(*ast.ValueSpec); is {
					for _, v := range s.Values {
						if u, is := v.(*ast.UnaryExpr); is {
							v = u.X
						}
						if table, is := v.(*ast.CompositeLit); is && !countsElements(table.Type) {
							table.Elts = nil
						}
					}
				}
			}
		}
	}
}

// countsElements reports whether a type has the form [...]T.
func countsElements(t ast.Expr) bool {
	a, is := t.(*ast.ArrayType)
	if !is {
		return false
	}
	_, is = a.Len.(*ast.Ellipsis)
	return is
}

// An importer returns imported packages.
type importer func(path string) (*types.Package, error)

func (f importer) Import(path string) (*types.Package, error) { return f(path) }
