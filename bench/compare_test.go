package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/internal/golden"
)

// has checks that a text contains the given lines in order.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	rest := text
	for _, line := range lines {
		_, after, ok := strings.Cut("\n"+rest, "\n"+line+"\n")
		if !ok {
			t.Errorf("no line %q, or not in this order, in\n%s", line, text)
			return
		}
		rest = after
	}
}

// TestNamesStayApart checks that each name has a separate row, whichever part differs.
func TestNamesStayApart(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		rows []string
	}{
		{"a part without a key",
			"BenchmarkA/x-1 10 1 MB/s\nBenchmarkA/y-1 10 100 MB/s\n",
			[]string{"| A/x-1 | 1.000M ±∞ |", "| A/y-1 | 100.0M ±∞ |"}},
		{"-cpu",
			"BenchmarkG/impl=avx2-2 1 1 GFLOP/s\nBenchmarkG/impl=avx2-4 1 5 GFLOP/s\n",
			[]string{"| -2 | 1.000 ±∞ |", "| -4 | 5.000 ±∞ |"}},
		{"-cpu 1, which has no suffix",
			"BenchmarkG/size=L1/impl=avx2 1 1 GFLOP/s\nBenchmarkG/size=L1/impl=avx2-2 1 5 GFLOP/s\n",
			[]string{"| L1 | 1.000 ±∞ |", "| L1-2 | 5.000 ±∞ |"}},
		{"an unknown key",
			"BenchmarkG/lr=1/impl=a 1 1 x/s\nBenchmarkG/lr=2/impl=a 1 5 x/s\n",
			[]string{"| lr=1 | 1.000 ±∞ |", "| lr=2 | 5.000 ±∞ |"}},
		{"a second value of a key",
			"BenchmarkG/impl=a/impl=b 1 1 x/s\nBenchmarkG/impl=a/impl=c 1 5 x/s\nBenchmarkG/dtype=f32/dtype=f64/impl=a 1 7 x/s\n",
			[]string{"| impl=b | 1.000 ±∞ |", "| impl=c | 5.000 ±∞ |", "## G f32, x/s", "| dtype=f64 | 7.000 ±∞ |"}},
		{"the order of parts",
			"BenchmarkG/x/impl=a 1 1 x/s\nBenchmarkG/impl=a/x 1 5 x/s\n",
			[]string{"| */x/impl=* | 1.000 ±∞ |", "| */impl=*/x | 5.000 ±∞ |"}},
		{"a key and none",
			"BenchmarkG/op=NN/impl=a 1 1 x/s\nBenchmarkG/NN/impl=a 1 5 x/s\n",
			[]string{"| */op=NN/impl=* | 1.000 ±∞ |", "| */NN/impl=* | 5.000 ±∞ |"}},
		{"an empty key and none",
			"BenchmarkG/dtype=/impl=a 1 1 x/s\nBenchmarkG/impl=a 1 5 x/s\n",
			[]string{"| */dtype=*/impl=* | 1.000 ±∞ |", "| */impl=* | 5.000 ±∞ |"}},
		{"kernels without /impl=",
			"BenchmarkA 1 1 x/s\nBenchmarkB 1 5 x/s\nBenchmarkA-2 1 7 x/s\n",
			[]string{"| A | 1.000 ±∞ |", "| B | 5.000 ±∞ |", "| A-2 | 7.000 ±∞ |"}},
		{"machines",
			"cpu: x\nBenchmarkA 1 1 x/s\ncpu: y\nBenchmarkA 1 5 x/s\n",
			[]string{"- cpu: x", "| A | 1.000 ±∞ |", "- cpu: y", "| A | 5.000 ±∞ |"}},
		{"a line more above",
			"cpu: x\nBenchmarkA 1 1 x/s\npkg: p\nBenchmarkA 1 5 x/s\npkg:\nBenchmarkA 1 1 x/s\n",
			[]string{"- cpu: x", "| A | 1.000 ±∞ |", "- cpu: x", "- pkg: p", "| A | 5.000 ±∞ |"}},
		{"a name that would end the cell",
			"BenchmarkA|B/x 1 1 x/s\n", []string{`| A\|B/x | 1.000 ±∞ |`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			md, err := tables(t, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			has(t, md, tt.rows...)
		})
	}
}

// TestOutputOfGoTest reads output of go test -bench -cpu 1,2, in which names end in the
// number of cores.
func TestOutputOfGoTest(t *testing.T) {
	md, err := tables(t, `goos: linux
goarch: amd64
pkg: fusegrid
cpu: Intel(R) Xeon(R) Processor
BenchmarkGemm/dtype=f32/op=NT/shape=200x10x50/impl=avx2         	   45392	      4000 ns/op	50000000000 FLOP/s	         0.5000 peak-share	100000000000 peak-FLOP/s
BenchmarkGemm/dtype=f32/op=NT/shape=200x10x50/impl=avx2-2       	   45392	      2000 ns/op	100000000000 FLOP/s	         0.2500 peak-share	400000000000 peak-FLOP/s
BenchmarkGemm/dtype=f32/op=NT/shape=200x10x50/impl=gonum        	   45392	     40000 ns/op	5000000000 FLOP/s
BenchmarkGemm/dtype=f32/op=NT/shape=200x10x50/impl=gonum-2      	   45392	     40000 ns/op	5000000000 FLOP/s
PASS
ok  	fusegrid	3.456s
`)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/tables.txt", md)
	if strings.Contains(md, "sec/op") {
		t.Errorf("a table of seconds repeats the rates:\n%s", md)
	}
}

// TestUnits checks the units: seconds if there is no rate, powers of 1024 for bytes of memory and
// of 1000 for MB/s, and custom units.
func TestUnits(t *testing.T) {
	md, err := tables(t, `Unit images better=lower
BenchmarkA/impl=a 1 1500 ns/op 2048 B/op 0 allocs/op -3 images
BenchmarkA/impl=gonum 1 3000 ns/op 1024 B/op 0 allocs/op 3 images
BenchmarkB 1 1 ns/op 5 MB/s
BenchmarkC 1 1 ns/op 5 trials/s
`)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/tables.txt", md)
	if strings.Contains(md, "!") && strings.Contains(md, "averaged") {
		t.Errorf("something is marked:\n%s", md)
	}
}

// TestNoNumbers checks that values that cannot be averaged are marked, not compared and
// omitted from means.
func TestNoNumbers(t *testing.T) {
	const rest = "BenchmarkG/y/impl=avx2 1 4e12 FLOP/s\nBenchmarkG/y/impl=gonum 1 1e9 FLOP/s\n"
	for value, shown := range map[string]string{
		"NaN": "NaN", "+Inf": "+Inf", "-Inf": "-Inf", "0": "0", "-1e9": "-1e+09",
	} {
		t.Run(value, func(t *testing.T) {
			md, err := tables(t, "BenchmarkG/x/impl=avx2 1 "+value+" FLOP/s\nBenchmarkG/x/impl=gonum 1 1e9 FLOP/s\n"+rest)
			if err != nil {
				t.Fatal(err)
			}
			note := "!: the value cannot be averaged: x.txt:1 (" + shown + "). Such cells are not compared, and their rows are left out of means."
			has(t, md, "| x | "+shown+" ! | 1.000G ±∞ |  |", "| y | 4.000T ±∞ | 1.000G ±∞ | 4000.00 ~ |",
				"| geometric mean |  |  | **4000.00** (1 of 2 rows) |", note)
			// In the base column, at any place of a sample, and in every cell.
			md, err = tables(t, "BenchmarkG/x/impl=avx2 1 5e9 FLOP/s\nBenchmarkG/x/impl=gonum 1 1e9 FLOP/s\nBenchmarkG/x/impl=gonum 1 "+value+" FLOP/s\n"+rest)
			if err != nil {
				t.Fatal(err)
			}
			has(t, md, "| x | 5.000G ±∞ | "+shown+" ! |  |", "| geometric mean |  |  | **4000.00** (1 of 2 rows) |")
			md, err = tables(t, "BenchmarkG/x/impl=a 1 "+value+" FLOP/s\nBenchmarkG/y/impl=gonum 1 "+value+" FLOP/s\n"+
				"BenchmarkG/x/impl=gonum 1 "+value+" FLOP/s\nBenchmarkG/y/impl=a 1 "+value+" FLOP/s\nBenchmarkG/y/impl=a 1 "+value+" peak-FLOP/s\n")
			if err != nil {
				t.Fatal(err)
			}
			has(t, md, "| x | "+shown+" ! | "+shown+" ! |  |", "| geometric mean |  |  |  |")
		})
	}
	// Units whose prefix the reader does not remove.
	md, err := tables(t, "BenchmarkA 1 0 ns/op\nBenchmarkA 1 5 ns/op\nBenchmarkB 1 5e305 MB/s\n")
	if err != nil {
		t.Fatal(err)
	}
	has(t, md, "| A | 0 ! |", "| B | +Inf ! |")
}

func TestWeakOpenBLAS(t *testing.T) {
	const rows = "BenchmarkG/impl=avx2 1 3e9 FLOP/s\nBenchmarkG/impl=openblas 1 1e9 FLOP/s\n"
	for _, c := range []struct{ detail, want string }{
		{"0.3.21 Haswell threads=1 (weak: this CPU can run SKYLAKEX)", "|  | avx2 | openblas (weak Haswell) | avx2 / openblas |"},
		{"0.3.21 Haswell threads=1 (OPENBLAS_CORETYPE=HASWELL; this CPU can run SKYLAKEX)", "|  | avx2 | openblas (weak Haswell) | avx2 / openblas |"},
		{"0.3.21 SkylakeX threads=1 (OPENBLAS_CORETYPE=SkylakeX)", "|  | avx2 | openblas | avx2 / openblas |"},
		{"0.3.21 SkylakeX threads=1", "|  | avx2 | openblas | avx2 / openblas |"},
		{"something else", "|  | avx2 | openblas | avx2 / openblas |"},
	} {
		t.Run(c.detail, func(t *testing.T) {
			md, err := tables(t, "openblas: "+c.detail+"\n"+rows)
			if err != nil {
				t.Fatal(err)
			}
			has(t, md, "- openblas: "+c.detail, c.want)
		})
	}
}

func TestUnitsOfOneCore(t *testing.T) {
	md, err := tables(t, "threads: 1\nBenchmarkG/impl=a 1 3e12 FLOP/s 0.5 peak-share 6e12 peak-FLOP/s\n")
	if err != nil {
		t.Fatal(err)
	}
	has(t, md, "## G, FLOP/s on one core", "|  | 3.000T ±∞ |", "## G, share of one core's peak", "## G, peak of one core, FLOP/s",
		"Multiply-adds in registers; shares of the peak refer to this rate: a 6.000T ±∞.")
	md, err = tables(t, "threads: 2\nBenchmarkG/impl=a 1 3e12 FLOP/s\n")
	if err != nil {
		t.Fatal(err)
	}
	has(t, md, "## G, FLOP/s")
}

// TestUnknownBase checks that a column that no table has is named, and that tables without a default
// column are no error.
func TestUnknownBase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(file, []byte("BenchmarkA/impl=avx2 1 5 FLOP/s\nBenchmarkA/impl=ours 1 4 FLOP/s\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := render(file, []string{"avx3"})
	if want := `x.txt: -base avx3: no table has such a column (did you mean "avx2"?); there are: avx2, ours`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
	for _, bases := range []string{"zzz,ours", defaultBase} {
		if _, err := render(file, strings.Split(bases, ",")); err != nil {
			t.Errorf("-base %s: %v", bases, err)
		}
	}
}
