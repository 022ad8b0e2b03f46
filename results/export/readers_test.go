package export

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/required"
	"fusegrid/results"
)

// python returns a Python that has a module. Otherwise the test is skipped.
func python(t *testing.T, name, module string) string {
	t.Helper()
	why := ""
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		out, err := exec.Command(p, "-W", "ignore", "-c", "import "+module).CombinedOutput()
		if err == nil {
			return p
		}
		why += p + ": " + err.Error() + " " + lastLine(out) + "; "
	}
	required.Skip(t, name, why+"install it with make deps")
	return ""
}

func lastLine(b []byte) string {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(lines[len(lines)-1])
}

// output returns what a command prints.
func output(t *testing.T, c *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", c, err, &stderr)
	}
	return out
}

// A reading is what a program of testdata prints: a line of facts about the file, and a line for each trial.
func reading(t *testing.T, c *exec.Cmd) (facts map[string]any, rows []map[string]*string) {
	t.Helper()
	out := output(t, c)
	first, rest, _ := bytes.Cut(out, []byte("\n"))
	return decode[map[string]any](t, first)[0], decode[map[string]*string](t, rest)
}

func TestNumPy(t *testing.T) {
	p := python(t, "numpy", "numpy")
	for _, n := range []int{0, 1, 1100} {
		table := sample(n)
		facts, rows := reading(t, exec.Command(p, "testdata/read_npz.py", exported(t, "npz", Source{Table: table})))
		if facts["format"] != Version {
			t.Errorf("format %v", facts["format"])
		}
		checkRows(t, rows, table)
	}
}

// functions returns a table of n trials of a function with integers. Some trials lack the parameter part.
func functions(n int) *results.Table {
	records := make([]results.Record, n)
	for i := range records {
		c := results.Config{Objective: "f", Iters: 1, Params: results.Params{{Name: "x", Number: float64(i)}, {Name: "whole", Number: float64(i - 3), Whole: true}}}
		if i%3 > 0 {
			c.Params = append(c.Params, results.Param{Name: "part", Number: float64(2 - i), Whole: true})
		}
		records[i] = results.Record{Key: c.Key(), Config: c, State: results.Done, Steps: 1, Accuracy: results.Accuracy{FinalVal: new(1 / float64(i+2)), FinalStep: 1}}
	}
	return results.NewTable(records)
}

// TestIntegers checks that all formats have the integers of functions.
func TestIntegers(t *testing.T) {
	table := functions(12)
	t.Run("numpy", func(t *testing.T) {
		_, rows := reading(t, exec.Command(python(t, "numpy", "numpy"), "testdata/read_npz.py", exported(t, "npz", Source{Table: table})))
		for _, row := range rows {
			if v := row["part"]; v != nil { // NaN is missing, so the array has numbers
				row["part"] = new(strings.TrimSuffix(strings.Replace(*v, "n:", "i:", 1), ".0"))
			}
		}
		checkRows(t, rows, table)
	})
	t.Run("sqlite3", func(t *testing.T) {
		_, rows := reading(t, exec.Command(python(t, "sqlite3", "sqlite3"), "testdata/read_sqlite.py", exported(t, "sqlite", Source{Table: table})))
		checkRows(t, rows, table)
	})
	t.Run("optuna", func(t *testing.T) {
		_, rows := reading(t, exec.Command(python(t, "optuna", "optuna"), "-W", "ignore", "testdata/read_optuna.py", exported(t, "optuna", Source{Table: table})))
		for row, want := range typed(t, table) {
			for _, name := range []string{"x", "whole", "part"} {
				if got := rows[row]["param."+name]; !same(got, want[name]) {
					t.Errorf("row %d: %s is %s, want %s", row, name, shown(got), shown(want[name]))
				}
			}
		}
	})
}

func TestSQLite(t *testing.T) {
	p := python(t, "sqlite3", "sqlite3")
	for _, n := range []int{0, 1, 1100} {
		table := sample(n)
		facts, rows := reading(t, exec.Command(p, "testdata/read_sqlite.py", exported(t, "sqlite", Source{Table: table})))
		if facts["format"] != Version || facts["check"] != "ok" || facts["index"] != "trials_key" {
			t.Errorf("facts %v", facts)
		}
		checkRows(t, rows, table)
	}
}

// TestHyparquet runs only if it is required, because it installs a package of npm.
func TestHyparquet(t *testing.T) {
	if !required.Has("hyparquet") {
		t.Skip("not tested with hyparquet, which FUSEGRID_REQUIRE does not name; make test-all does")
	}
	dir := t.TempDir()
	npm := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "hyparquet@1")
	npm.Dir = dir
	output(t, npm)
	script, err := os.ReadFile("testdata/read_parquet.mjs")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "read_parquet.mjs"), script, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 12, 300, 5000} {
		table := sample(n)
		if n == 12 {
			table = functions(n)
		}
		facts, rows := reading(t, exec.Command("node", filepath.Join(dir, "read_parquet.mjs"), exported(t, "parquet", Source{Table: table})))
		if facts["format"] != Version {
			t.Errorf("facts %v", facts)
		}
		checkOrder(t, facts["columns"].([]any), table)
		checkRows(t, rows, table)
	}
}

// checkOrder checks that columns have the order of table.csv.
func checkOrder(t *testing.T, names []any, table *results.Table) {
	t.Helper()
	var want []any
	for _, c := range table.Columns() {
		want = append(want, c.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("columns %v, want %v", names, want)
	}
}
