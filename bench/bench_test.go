package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"fusegrid"
	"fusegrid/bench/cases"
)

func TestMain(m *testing.M) {
	fusegrid.EnsureOpenBLAS(os.Stderr)
	os.Exit(m.Run())
}

// TestTablesAreFresh makes every table again from its raw results.
func TestTablesAreFresh(t *testing.T) {
	const raw, tables = "../results/raw", "../results/tables"
	files, err := rawFiles(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, file := range files {
		md, err := render(file, strings.Split(defaultBase, ","))
		if err != nil {
			t.Error(err)
			continue
		}
		to := tableOf(file, tables)
		want[to] = true
		old, err := os.ReadFile(to)
		if err != nil {
			t.Error(err)
		} else if d := diff(string(old), string(md)); d != "" {
			t.Errorf("%s is stale; run make results:\n%s", to, d)
		}
	}
	old, _ := filepath.Glob(tables + "/*.md")
	for _, file := range old {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(text, []byte(madeBy)) && !want[file] {
			t.Errorf("%s has no raw results; remove it", file)
		}
	}
}

// diff returns the lines that differ, or "".
func diff(old, new string) string {
	a, b := strings.Split(old, "\n"), strings.Split(new, "\n")
	var d strings.Builder
	for i := range max(len(a), len(b)) {
		line := func(s []string) string {
			if i < len(s) {
				return s[i]
			}
			return "(nothing)"
		}
		if line(a) != line(b) {
			fmt.Fprintf(&d, "line %d\n-%s\n+%s\n", i+1, line(a), line(b))
		}
	}
	return d.String()
}

func TestDiff(t *testing.T) {
	if d := diff("a\nb\n", "a\nb\n"); d != "" {
		t.Errorf("equal texts differ: %s", d)
	}
	for _, other := range []string{"a\nc\n", "a\n", "a\nb\nc\n", ""} {
		if diff("a\nb\n", other) == "" {
			t.Errorf("no difference to %q", other)
		}
	}
}

// TestRender compares the table of a raw file with the one that was checked by
// hand: medians of 1…7 and the like, on two machines.
func TestRender(t *testing.T) {
	md, err := render("testdata/small.txt", []string{"absent", "openblas"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/small.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(string(want), string(md)); d != "" {
		t.Error(d)
	}
}

func TestRenderRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":     {"", "no benchmark results"},
		"prose":     {"hello\n", "no benchmark results"},
		"no number": {"BenchmarkGemm/impl=a many 3 FLOP/s\n", "x.txt:1"},
		"no unit":   {"goos: linux\nBenchmarkGemm/impl=a 1 3\n", "x.txt:2"},
	} {
		file := filepath.Join(t.TempDir(), "x.txt")
		if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if md, err := render(file, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q in it; got\n%s", name, err, tt.want, md)
		}
	}
}

// TestHold wants turns: A B A B.
func TestHold(t *testing.T) {
	var log []string
	row := func(name string) cases.Row {
		return cases.Row{Impl: name, Run: func() { log = append(log, name); time.Sleep(time.Millisecond) }}
	}
	groups := []cases.Group{{Kernel: "Gemm", Name: "dtype=f32", DType: "f32", Amount: 2, Unit: "FLOP",
		Rows: func() []cases.Row { return []cases.Row{row("a"), row("skipped"), row("b")} }}}
	p := plan{filter: "/impl:(a OR b)", rounds: 3, length: time.Microsecond, clock: "wall"}
	err := p.hold(context.Background(), groups, func(c *contest) error {
		for _, r := range c.rows {
			if got := len(r.rates(c.group)); got != 3 {
				t.Errorf("%s: %d rounds, want 3", r.Impl, got)
			}
			for _, v := range r.rates(c.group) {
				if !(v > 0 && v < 2/1e-3) { // 2 FLOP in at least a millisecond
					t.Errorf("%s: %v FLOP/s", r.Impl, v)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(log); n < 6 || strings.Join(log[n-6:], "") != "ababab" {
		t.Errorf("measured in the order %v", log)
	}
}

// TestClocks sleeps, which the wall clock counts and the process's own does not.
func TestClocks(t *testing.T) {
	if cpuTime == nil {
		t.Skip("no CPU clock on this system")
	}
	wall, cpu := plan{clock: "wall"}, plan{clock: "cpu"}
	var inner time.Duration
	outer := wall.timed(func() {
		inner = cpu.timed(func() { time.Sleep(20 * time.Millisecond) }, 2)
	}, 1)
	if outer < 40*time.Millisecond || inner >= outer {
		t.Errorf("two naps of 20ms take %v by the wall clock and %v by its own", outer, inner)
	}
	work := func() {
		for start := cpuTime(); cpuTime()-start < time.Millisecond; {
		}
	}
	if d := cpu.timed(work, 2); d < 2*time.Millisecond {
		t.Errorf("two works of 1ms take %v by its own clock", d)
	}
}

func TestFight(t *testing.T) {
	for _, tt := range []struct {
		a, b   []float64
		ratio  float64
		winner string
	}{
		// The machine halves its speed in the middle: each round still says 1.25.
		{[]float64{5, 5, 5, 5, 2.5, 2.5, 2.5, 2.5}, []float64{4, 4, 4, 4, 2, 2, 2, 2}, 1.25, "A"},
		{[]float64{4, 4, 4, 4, 4, 4}, []float64{5, 5, 5, 5, 5, 5}, 0.8, "B"},
		{[]float64{9, 11, 9, 11, 9, 11, 10}, []float64{10, 10, 10, 10, 10, 10, 10}, 1, "neither"},
		{[]float64{2}, []float64{1}, 2, "neither"}, // one round proves nothing
	} {
		d := fight(tt.a, tt.b)
		if math.Abs(d.ratio-tt.ratio) > 1e-12 || d.winner("A", "B") != tt.winner {
			t.Errorf("%v against %v: %+v, faster: %s; want %v, %s", tt.a, tt.b, d, d.winner("A", "B"), tt.ratio, tt.winner)
		}
	}
}

// small selects two fast benchmarks.
const small = ".name:Gemm /shape:200x10x50 /impl:(reference OR gonum)"

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "raw.txt")
	var stdout, stderr bytes.Buffer
	args := []string{"run", "-n", "2", "-time", "1us", "-filter", small, "-o", file}
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	raw, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var names []string
	in := benchfmt.NewReader(raw, "raw.txt")
	for in.Scan() {
		switch rec := in.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(rec)
		case *benchfmt.Result:
			names = append(names, rec.Name.String())
			flops, ok := rec.Value("FLOP/s")
			seconds, ok2 := rec.Value("sec/op")
			if work := 2 * 200 * 10 * 50.0; !ok || !ok2 || math.Abs(flops*seconds/work-1) > 1e-9 {
				t.Errorf("%s: %v FLOP/s, %v sec/op", rec.Name, flops, seconds)
			}
			for _, key := range []string{"goos", "goarch", "cpu", "clock", "features", "go"} {
				if rec.GetConfig(key) == "" {
					t.Errorf("%s: no %q line", rec.Name, key)
				}
			}
		}
	}
	const f32, f64 = "Gemm/dtype=f32/op=NT/shape=200x10x50/impl=", "Gemm/dtype=f64/op=NT/shape=200x10x50/impl="
	want := []string{f32 + "reference", f32 + "gonum", f32 + "reference", f32 + "gonum",
		f64 + "reference", f64 + "gonum", f64 + "reference", f64 + "gonum"}
	if !slices.Equal(names, want) {
		t.Errorf("results\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	if in.Units().GetBetter("FLOP/s") != 1 {
		t.Error("no line says that more FLOP/s are better")
	}
}

// TestInterrupted wants the old results untouched.
func TestInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "raw.txt")
	if err := os.WriteFile(file, []byte("old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"run", "-n", "1", "-filter", small, "-o", file}, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "interrupted: nothing was written") {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	if text, _ := os.ReadFile(file); string(text) != "old\n" {
		t.Errorf("the file holds %q", text)
	}
}

func TestDuel(t *testing.T) {
	duel := func(args ...string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		args = append([]string{"duel", "-n", "2", "-time", "1us", "-filter", ".name:Gemm /shape:200x10x50"}, args...)
		code := run(context.Background(), args, &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	code, out, errs := duel("reference", "gonum")
	if code != 0 || !strings.Contains(out, "geometric mean, Gemm f64") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
	code, _, errs = duel("-each", "1e9", "-geomean", "1e9", "reference", "gonum")
	if code != 1 || !strings.Contains(errs, "4 below the bar") {
		t.Errorf("a bar of 1e9: exit %d: %s", code, errs)
	}
}

func TestCompare(t *testing.T) {
	folder := t.TempDir()
	text, err := os.ReadFile("testdata/small.txt")
	if err != nil {
		t.Fatal(err)
	}
	raw, tables := filepath.Join(folder, "raw"), filepath.Join(folder, "tables")
	if err := os.Mkdir(raw, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(raw, "small.txt"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	var written, printed, stderr bytes.Buffer
	if code := run(context.Background(), []string{"compare", "-raw", raw, "-tables", tables}, &written, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	got, err := os.ReadFile(strings.TrimSpace(written.String()))
	if err != nil {
		t.Fatal(err)
	}
	if code := run(context.Background(), []string{"compare", "testdata/small.txt"}, &printed, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	if d := diff(string(got), printed.String()); d != "" {
		t.Errorf("written and printed tables differ:\n%s", d)
	}
}

func TestBadCommandLines(t *testing.T) {
	empty := t.TempDir()
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "usage:"},
		{"race", 2, `unknown command "race"`},
		{"run extra", 2, `unexpected argument "extra"`},
		{"run -n 0", 2, "at least 1 round"},
		{"run -n x", 2, "invalid value"},
		{"run -time -1s", 2, "-time -1s"},
		{"run -time 2h", 2, "at most 1m"},
		{"run -clock sun", 2, "want wall or cpu"},
		{"run -filter .name:Nothing -o -", 2, "selects no benchmark"},
		{"run -filter ( -o -", 2, "-filter"},
		{"run -o " + empty + "/none/deep/x.txt", 2, "no such file"},
		{"duel reference", 2, "1 arguments, want 2"},
		{"duel reference reference", 2, "against itself"},
		{"duel reference cray", 2, "there are:"},
		{"compare nowhere.txt", 1, "nowhere.txt"},
		{"compare -raw " + empty, 1, "no raw results"},
		{"run -h", 0, "-filter"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), strings.Fields(tt.args), &stdout, &stderr)
		if code != tt.code || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("bench %s: exit %d, want %d with %q:\n%s", tt.args, code, tt.code, tt.want, &stderr)
		}
		if strings.Count(stderr.String(), "\n") > 1 && code != 0 && !strings.Contains(stderr.String(), "usage:") &&
			!strings.Contains(stderr.String(), "no row openblas") {
			t.Errorf("bench %s: more than one line:\n%s", tt.args, &stderr)
		}
	}
}
