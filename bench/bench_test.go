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

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/perf/benchfmt"

	"fusegrid"
	"fusegrid/bench/cases"
	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

func TestMain(m *testing.M) {
	fusegrid.EnsureOpenBLAS(os.Stderr)
	os.Exit(m.Run())
}

// TestTablesAreFresh checks that every table matches its raw results.
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

// TestRender compares the table of a raw file with a golden table that was checked by
// hand. The raw file has simple medians, such as that of 1…7, from two machines.
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

// TestHold checks that rows are measured in turns, each after calls that do not count: AA BB AA BB.
func TestHold(t *testing.T) {
	var log []string
	row := func(name string) cases.Row {
		return cases.Row{Impl: name, Run: func() { log = append(log, name); time.Sleep(time.Millisecond) }}
	}
	groups := []cases.Group{{Kernel: "Gemm", Name: "dtype=f32", Amount: 2, Unit: "FLOP",
		Impls: []string{"a", "skipped", "b"},
		Rows:  func() []cases.Row { return []cases.Row{row("a"), row("skipped"), row("b")} }}}
	p := plan{filter: "/impl:(a OR b)", rounds: 3, length: time.Microsecond, clock: "wall"}
	err := p.hold(context.Background(), groups, func(c *contest) error {
		for _, r := range c.rows {
			if got := len(r.rates(c.group)); got != 3 {
				t.Errorf("%s: %d rounds, want 3", r.Impl, got)
			}
			for _, v := range r.rates(c.group) {
				if !(v > 0 && v < 2/1e-3) { // at least 1 ms for 2 FLOP
					t.Errorf("%s: %v FLOP/s", r.Impl, v)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(log); n < 12 || strings.Join(log[n-12:], "") != "aabbaabbaabb" {
		t.Errorf("measured in the order %v", log)
	}
}

// TestClocks checks that the wall clock counts a sleep and the CPU clock does not.
func TestClocks(t *testing.T) {
	if cpuTime == nil {
		t.Skip("no CPU clock on this system")
	}
	wall, cpu := plan{clock: "wall"}, plan{clock: "cpu"}
	timed := func(p plan, run func(), calls int) time.Duration {
		d, err := p.timed(&cases.Row{Run: run}, calls)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	var inner time.Duration
	outer := timed(wall, func() {
		inner = timed(cpu, func() { time.Sleep(20 * time.Millisecond) }, 2)
	}, 1)
	if outer < 40*time.Millisecond || inner >= outer {
		t.Errorf("two naps of 20ms take %v by the wall clock and %v by its own", outer, inner)
	}
	work := func() {
		for start := cpuTime(); cpuTime()-start < time.Millisecond; {
		}
	}
	if d := timed(cpu, work, 2); d < 2*time.Millisecond {
		t.Errorf("two works of 1ms take %v by its own clock", d)
	}
}

func TestFight(t *testing.T) {
	for _, tt := range []struct {
		a, b   []float64
		ratio  float64
		winner string
	}{
		// The machine halves its speed in the middle, but the ratio of each round stays 1.25.
		{[]float64{5, 5, 5, 5, 2.5, 2.5, 2.5, 2.5}, []float64{4, 4, 4, 4, 2, 2, 2, 2}, 1.25, "A"},
		{[]float64{4, 4, 4, 4, 4, 4}, []float64{5, 5, 5, 5, 5, 5}, 0.8, "B"},
		{[]float64{9, 11, 9, 11, 9, 11, 10}, []float64{10, 10, 10, 10, 10, 10, 10}, 1, "neither"},
		{[]float64{2}, []float64{1}, 2, "neither"}, // one round has no confidence interval
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
	fits(t, stderr.String())
	for _, want := range []string{
		"2 rounds: tables need at least 6 rounds for confidence intervals\n", "\nFLOP/s on one core         reference     gonum\nGemm f32 NT 200x10x50 ", "\nGemm f64 NT 200x10x50 ",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("no %q in\n%s", want, &stderr)
		}
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
			for _, key := range []string{"goos", "goarch", "clock", "features", "go"} {
				if rec.GetConfig(key) == "" {
					t.Errorf("%s: no %q line", rec.Name, key)
				}
			}
			// Most arm64 CPUs report no brand name.
			if got, want := rec.GetConfig("cpu"), cpuid.CPU.BrandName; got != want {
				t.Errorf("%s: cpu %q, want %q", rec.Name, got, want)
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

// TestInterrupted checks that an interrupted run leaves the old results untouched.
func TestInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "raw.txt")
	if err := os.WriteFile(file, []byte("old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"run", "-n", "1", "-filter", small, "-o", file}, &stdout, &stderr)
	if code != 130 || !strings.Contains(stderr.String(), "bench run: interrupted; no results were written") {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	if text, _ := os.ReadFile(file); string(text) != "old\n" {
		t.Errorf("the file holds %q", text)
	}
}

func TestDuel(t *testing.T) {
	args := []string{"duel", "-n", "6", "-time", "1us", "-filter", ".name:Gemm /shape:200x10x50"}
	code, out, errs := bench(append(args, "reference", "gonum")...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	fits(t, fmt.Sprintf(duelColumns, "Gemm f32 NN 1024x1024x1024", "102.8G ±100%", "97.37G ±100%", digits(1000), digits(0.979)+"…"+digits(12.459), "reference"))
	for _, want := range []string{
		"\nclock: wall\n", "\n\nFLOP/s on one core ", "    reference        gonum   A/B 95% CI      faster\n",
		"\nGemm f32 NT 200x10x50 ", "\ngeometric means\nGemm f32 ", "\nGemm f64 ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	code, out, errs = bench(append(args, "-each", "1e9", "-geomean", "1e9", "reference", "gonum")...)
	if code != 1 || errs != "bench duel: reference against gonum: 4 below the bar\n" || strings.Count(out, "  below the bar of 1e+09\n") != 4 {
		t.Errorf("a bar of 1e9: exit %d: %s%s", code, errs, out)
	}
	// Kernels that count bytes have a separate table head, and may have a third row.
	code, out, errs = bench("duel", "-n", "6", "-time", "1us", "-filter", ".name:(SoftmaxLoss OR Forward) -/shape:200x3072x400 /dtype:f32 -/size:L2", "reference", "gonum")
	if code != 2 || !strings.Contains(errs, "SoftmaxLoss/dtype=f32/size=L1, which is not measured for both reference and gonum") || out != "" {
		t.Errorf("exit %d: %s%s", code, errs, out)
	}
}

// TestDuelWithAWeakOpenBLAS checks that the output names a weak core with each result: above the
// column, next to the means, in the last line and in the verdict.
func TestDuelWithAWeakOpenBLAS(t *testing.T) {
	rival := *reference.New()
	rival.Name, rival.Detail = "openblas", "0.3.21 Haswell threads=1 (weak: this CPU can run SKYLAKEX)"
	d := duels{plan: plan{filter: ".name:Gemm /dtype:f32 /shape:(200x10x50 OR 200x50x10)", rounds: 6, length: time.Microsecond, clock: "wall"}, mean: 1e9}
	for _, order := range []struct {
		sets []*kernels.Set
		head string
	}{
		{[]*kernels.Set{reference.New(), &rival}, "reference     openblas   A/B 95% CI      faster\n                                        weak Haswell\n"},
		{[]*kernels.Set{&rival, reference.New()}, "openblas    reference   A/B 95% CI      faster\n                           weak Haswell\n"},
	} {
		var out bytes.Buffer
		err := d.run(context.Background(), order.sets, &out)
		if err == nil || !strings.Contains(err.Error(), "(openblas ran as weak Haswell): 1 below the bar") {
			t.Errorf("the verdict is %v", err)
		}
		for _, want := range []string{
			order.head, "\nGemm f32                                weak Haswell ",
			"\nopenblas ran its Haswell kernels (weak: this CPU can run SKYLAKEX).\n",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, &out)
			}
		}
		if n := strings.Count(out.String(), "weak"); n != 4 { // the fourth is in the lines about the machine, at the top
			t.Errorf("%d times weak in\n%s", n, &out)
		}
	}
	var raw, progress bytes.Buffer
	p := d.plan
	p.rounds = 1
	if err := p.record(context.Background(), []*kernels.Set{&rival}, nil, &raw, &progress); err != nil || !strings.Contains(progress.String(), "openblas runs its Haswell kernels (weak: this CPU can run SKYLAKEX)\n") {
		t.Errorf("bench run: %v\n%s", err, &progress)
	}

	rival.Detail = "0.3.21 SkylakeX threads=1"
	d.mean = 0
	var out bytes.Buffer
	if err := d.run(context.Background(), []*kernels.Set{reference.New(), &rival}, &out); err != nil || strings.Contains(out.String(), "weak") {
		t.Errorf("with a core that is not weak: %v\n%s", err, &out)
	}
}

// TestDetailOfOpenBLAS checks that openblasDetail matches the text of package openblas.
func TestDetailOfOpenBLAS(t *testing.T) {
	set, err := fusegrid.ByName("openblas")
	if err != nil {
		t.Skipf("this build has no OpenBLAS: %v", err)
	}
	words := strings.Fields(set.Detail)
	if len(words) < 3 || words[2] != "threads=1" {
		t.Fatalf("the set says %q", set.Detail)
	}
	if got, want := weakness("openblas", set.Detail).name, words[1]; strings.Contains(set.Detail, "this CPU can run") && got != want {
		t.Errorf("%q has the weak core %q, want %q", set.Detail, got, want)
	}
}

func TestDigits(t *testing.T) {
	for x, want := range map[float64]string{
		0.9791: "0.979", 1: "1.000", 9.9994: "9.999", 9.9996: "10.00", 12.459: "12.46", 99.994: "99.99", 99.996: "100.0", 3000: "3000",
	} {
		if got := digits(x); got != want {
			t.Errorf("digits(%v) = %s, want %s", x, got, want)
		}
	}
}

// TestLeastRounds checks the constants leastRounds and leastTest against the statistics.
func TestLeastRounds(t *testing.T) {
	for n := 2; n < 10; n++ {
		ours, theirs := new(cell), new(cell)
		for i := range n {
			ours.values, theirs.values = append(ours.values, float64(1+i)), append(theirs.values, float64(100+i))
		}
		if got, want := median(ours.values).PctRangeString() != "∞", n >= leastRounds; got != want {
			t.Errorf("an interval of %d values: %v, want %v", n, got, want)
		}
		if text, _ := compare(ours, theirs); strings.HasSuffix(text, "~") != (n < leastTest) {
			t.Errorf("samples of %d that do not overlap: %s", n, text)
		}
	}
}

// TestClockThatStandsStill checks that a clock that does not advance causes an error, not an
// infinite rate.
func TestClockThatStandsStill(t *testing.T) {
	if cpuTime == nil {
		t.Skip("no CPU clock on this system")
	}
	defer func(clock func() time.Duration) { cpuTime = clock }(cpuTime)
	var now time.Duration
	cpuTime = func() time.Duration {
		now = min(now+time.Millisecond, 2*time.Millisecond) // the clock advances only while the number of calls is chosen
		return now
	}
	groups := []cases.Group{{Kernel: "Gemm", Name: "dtype=f32", Unit: "FLOP", Amount: 2, Impls: []string{"a"},
		Rows: func() []cases.Row { return []cases.Row{{Impl: "a", Run: func() {}}} }}}
	p := plan{filter: "*", rounds: 1, length: time.Millisecond, clock: "cpu"}
	err := p.hold(context.Background(), groups, func(*contest) error { return nil })
	if want := "Gemm/dtype=f32: 1 calls took no time on the cpu clock; want a -time longer than 1ms"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
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
