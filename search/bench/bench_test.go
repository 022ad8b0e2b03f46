package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/search/sample"
)

const rawFolder = "../../results/raw"

// TestFunctions compares the test functions with their published minima, and with the values of
// optuna_tpe.py at another point.
func TestFunctions(t *testing.T) {
	published := map[string]struct {
		at           []float64
		least, other float64
	}{
		"sphere-5":     {make([]float64, 5), 0, 24.07444897959184},
		"rosenbrock-4": {[]float64{1, 1, 1, 1}, 0, 4703},
		"branin":       {[]float64{math.Pi, 2.275}, 0.397887, 13.505639366396075},
		"hartmann-3":   {[]float64{0.114614, 0.555649, 0.852547}, -3.86278, -1.0023086415041336},
		"hartmann-6":   {[]float64{0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573}, -3.32237, -0.4784007916743018},
		"ackley-5":     {make([]float64, 5), 0, 20.45967213460403},
		"levy-4":       {[]float64{1, 1, 1, 1}, 0, 44.08416386168183},
	}
	for _, f := range functions() {
		want := published[f.name]
		if got := f.f(want.at); math.Abs(got-want.least) > 2e-5 {
			t.Errorf("%s: minimum %v, want %v", f.name, got, want.least)
		}
		var other []float64
		for i, d := range f.domain {
			other = append(other, d[0]+(d[1]-d[0])*float64(i+1)/float64(len(f.domain)+2))
		}
		if got := f.f(other); math.Abs(got-want.other) > 1e-12*math.Abs(want.other) {
			t.Errorf("%s: %v at another point, want %v", f.name, got, want.other)
		}
	}
}

// TestTableFollowsFromRaw checks the table, and that tpe holds its own against Optuna: it passes at
// least 7 of 8 cases.
func TestTableFollowsFromRaw(t *testing.T) {
	got, err := report(rawFolder)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../results/samplers.md")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("results/samplers.md is out of date; go run ./search/bench writes\n%s", got)
	}
	r, err := readAll(rawFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, rival := range rivals() {
		passed := 0
		for _, c := range r.cases {
			if r.duel(c, rival).passed {
				passed++
			}
		}
		if len(r.cases) != 8 || passed < 7 {
			t.Errorf("tpe passes %d of %d cases against %s, want 7 of 8", passed, len(r.cases), rival)
		}
	}
}

// TestRawResults measures a study of each case again. Values of test functions may differ in their
// last digits, because package math rounds differently on some machines.
func TestRawResults(t *testing.T) {
	all, err := problems(filepath.Join(rawFolder, tableFile))
	if err != nil {
		t.Fatal(err)
	}
	r, err := readAll(rawFolder)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := measure(&again, all, 1); err != nil {
		t.Fatal(err)
	}
	fresh := raw{values: map[study][]float64{}}
	if err := fresh.add(again.Bytes()); err != nil {
		t.Fatal(err)
	}
	if len(fresh.values) != 16 {
		t.Errorf("%d kinds of studies, want 16", len(fresh.values))
	}
	for key, vs := range fresh.values {
		if want := r.values[key][0]; math.Abs(vs[0]-want) > 1e-9*math.Abs(want) {
			t.Errorf("%v: the best value of seed 0 is %v, want %v", key, vs[0], want)
		}
	}
}

// TestDuel checks the rule, with exact values of p, counted over all orders of the two samples.
func TestDuel(t *testing.T) {
	ascending := func(n int, from, step float64) []float64 {
		vs := make([]float64, n)
		for i := range vs {
			vs[i] = from + float64(i)*step
		}
		return vs
	}
	for _, c := range []struct {
		name         string
		ours, theirs []float64
		maximize     bool
		p            float64
		passed       bool
	}{
		{"far better", ascending(10, 0, 1), ascending(10, 100, 1), false, 1.0825e-05, true},
		{"far worse", ascending(10, 100, 1), ascending(10, 0, 1), false, 1.0825e-05, false},
		{"far better accuracy", ascending(10, 100, 1), ascending(10, 0, 1), true, 1.0825e-05, true},
		{"far worse accuracy", ascending(10, 0, 1), ascending(10, 100, 1), true, 1.0825e-05, false},
		{"a little worse", ascending(10, 0.5, 1), ascending(10, 0, 1), false, 0.73936, true},
	} {
		d := newDuel(c.ours, c.theirs, c.maximize)
		if d.passed != c.passed || math.Abs(d.p-c.p) > 1e-4*c.p+1e-9 {
			t.Errorf("%s: p = %.5g, passed = %v, want %.5g and %v", c.name, d.p, d.passed, c.p, c.passed)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		p, want float64
	}{{[]float64{3}, 0.5, 3}, {[]float64{2, 1}, 0.5, 1.5}, {[]float64{5, 1, 2, 4}, 0.25, 1.75}, {[]float64{1, 2}, 1, 2}} {
		if got := quantile(c.values, c.p); got != c.want {
			t.Errorf("quantile %v of %v: %v, want %v", c.p, c.values, got, c.want)
		}
	}
}

// TestTable checks the problem of a small table: places of values, and trials without an accuracy.
func TestTable(t *testing.T) {
	p, err := tableProblem(strings.NewReader("# a comment\na,b,val\n30,2,0.5\n4,1,0.25\n30,1,\n4,2,0.75\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   sample.Point
		want float64
	}{{sample.Point{0, 0}, 0.25}, {sample.Point{0, 1}, 0.75}, {sample.Point{1, 1}, 0.5}} {
		if got := p.value(c.at); got != c.want {
			t.Errorf("%v at %v, want %v", got, c.at, c.want)
		}
	}
	if got := p.value(sample.Point{1, 0}); !math.IsNaN(got) {
		t.Errorf("the diverged trial has the value %v", got)
	}
}

func TestBadFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "no rows below the header",
		"a,b,val\n":                     "no rows below the header",
		"a,b,val\n1,x,0.5\n":            `row 1: b is not a number: "x"`,
		"a,b,val\n1,2,x\n1,3,0.5\n":     `row 1: val is not a number: "x"`,
		"a,b,val\n1,2,0.5\n2,3,0.5\n":   "2 trials, 2 of them different, want one for each of 4 combinations",
		"a,b,val\n1,2\n":                "record on line 2: wrong number of fields",
		"a,val\n1,0.5\n1,0.5\n2,0.25\n": "3 trials, 2 of them different, want one for each of 2 combinations",
		"a,val\n1,0.5\n":                "parameter 1: the range 0..0 must begin below its end",
	} {
		if _, err := tableProblem(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	const header = "case,sampler,seed,value\n"
	for text, want := range map[string]string{
		"a,b\n1,2\n":                           `the header is "a,b", want "case,sampler,seed,value"`,
		header + "x,tpe,1,2\n":                 `row 1 has seed "1", want 0; measure again`,
		header + "x,tpe,0,2\nx,tpe,one,2\n":    `row 2 has seed "one", want 1; measure again`,
		header + "x,tpe,0,NaN\n":               `row 1: the value "NaN" is not a finite number`,
		header + "x,tpe,0,two\n":               `row 1: the value "two" is not a finite number`,
		header + "x,tpe,0,2\nx,tpe,0,2,more\n": "record on line 3: wrong number of fields",
	} {
		r := raw{values: map[study][]float64{}}
		if err := r.add([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestRun checks the command: a table of few studies, exit codes and error lines.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		tableFile:  "lr,val\n1,0.5\n2,0.25\n3,\n",
		theirsFile: "# optuna\ncase,sampler,seed,value\n" + rows("optuna-multivariate") + rows("optuna"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(dir, "table.md")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-raw", dir, "-to", to}, 1, "samplers-fusegrid.csv"},
		{[]string{"-raw", dir, "-to", to, "-measure", "-seeds", "1"}, 0, "table.md"},
		{[]string{"-raw", dir, "-to", to}, 0, "table.md"},
		{[]string{"-raw", dir, "-to", to, "-measure", "-seeds", "2"}, 1, "optuna-multivariate has 1 studies, tpe has 2; measure again"},
		{[]string{"-seeds", "0"}, 2, "there must be a study"},
		{[]string{"table"}, 2, "is not a flag"},
		{[]string{"-no"}, 2, "not defined"},
	} {
		var out bytes.Buffer
		if code := run(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: code %d, want %d, output %q, want %q", c.args, code, c.code, out.String(), c.want)
		}
	}
}

// rows returns raw results of a sampler with one study for each case.
func rows(sampler string) string {
	text := ""
	for _, f := range functions() {
		text += f.name + "," + sampler + ",0,1\n"
	}
	return text + "cifar," + sampler + ",0,0.5\n"
}

// FuzzFiles checks that no file makes the readers panic, and that the space of a table that is accepted
// is valid.
func FuzzFiles(f *testing.F) {
	f.Add("a,b,val\n30,2,0.5\n4,1,0.25\n30,1,\n4,2,0.75\n")
	f.Add("case,sampler,seed,value\nx,tpe,0,2\n")
	f.Add("# c\n\"a\nb\",val\n1,1\n2,NaN\n")
	f.Add("val\n1\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := raw{values: map[study][]float64{}}
		_ = r.add([]byte(text))
		p, err := tableProblem(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := sample.Random(p.space, 0, 1); err != nil {
			t.Errorf("the space of an accepted table: %v", err)
		}
	})
}
