package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// TestReadme checks README's table of products and the numbers around it against the raw results.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile("../results/assignment.md")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?m)^(\d+) of (\d+) figures that must agree do\.$`).FindSubmatch(report); m == nil || string(m[1]) != string(m[2]) ||
		!strings.Contains(strings.Join(strings.Fields(string(text)), " "), "The nets reproduce all "+string(m[1])+" numbers") {
		t.Errorf("README.md and results/assignment.md differ in the number of figures that must agree: %s", m)
	}
	for _, line := range readmeLines(t) {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("README.md lacks this line, which follows from results/raw:\n%s", line)
		}
	}
}

// readmeLines returns the lines of README that contain numbers from results/raw.
func readmeLines(t *testing.T) []string {
	t.Helper()
	raw := func(file string) *report {
		text, err := load(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := collect(file, text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	avx512, zen := raw("../results/raw/kernels.txt"), raw("../results/raw/kernels-avx2.txt")
	tab := func(r *report, title, unit string) *table {
		if t := r.machines[0].index[tableKey{title, unit}]; t != nil {
			return t
		}
		t.Fatalf("no table of %s %s", title, unit)
		return nil
	}
	at := func(t *table, label, impl string) *cell {
		for row, l := range t.labels() {
			if l == label {
				return t.cells[place{row, impl}]
			}
		}
		return nil
	}
	mean := func(r *report, dtype, impl string) string {
		var ratios []float64
		products := tab(r, "Gemm "+dtype, "FLOP/s")
		for _, row := range products.rows.texts {
			_, ratio := compare(products.cells[place{row, impl}], products.cells[place{row, "openblas"}])
			ratios = append(ratios, ratio)
		}
		return fmt.Sprintf("%.2f", stat.GeometricMean(ratios, nil))
	}
	var lines []string
	for _, row := range []struct{ title, kernel, label string }{
		{"forward, 1 net", "Forward", "200x3072x50"},
		{"update, 1 net", "Update", "200x3072x50"},
		{"forward, 8 nets", "Forward", "200x3072x400"},
		{"update, 8 nets", "Update", "200x3072x400"},
		{"200×3072×50", "Gemm", "NN 200x3072x50"},
		{"200×3072×400", "Gemm", "NN 200x3072x400"},
		{"3072×200×400 T", "Gemm", "TN 3072x200x400"},
		{"200×50×10", "Gemm", "NN 200x50x10"},
		{"1024×1024×1024", "Gemm", "NN 1024x1024x1024"},
	} {
		line := "| " + row.title + " |"
		for _, dtype := range []string{"f32", "f64"} {
			rates, shares := tab(avx512, row.kernel+" "+dtype, "FLOP/s"), tab(avx512, row.kernel+" "+dtype, "peak-share")
			for _, impl := range []string{"avx512", "openblas"} {
				line += fmt.Sprintf(" %.1f (%.2f) |", median(at(rates, row.label, impl).values).Center/1e9, median(at(shares, row.label, impl).values).Center)
			}
			ratio, _ := compare(at(rates, row.label, "avx512"), at(rates, row.label, "openblas"))
			line += " " + ratio + " |"
		}
		lines = append(lines, line)
	}
	products := tab(avx512, "Gemm f32", "FLOP/s")
	lines = append(lines,
		fmt.Sprintf("The last row is the mean ratio of all %d general products that are measured. `~` marks a difference that", len(products.rows.texts)),
		fmt.Sprintf("| geometric mean of %d shapes | | | %s | | | %s |", len(products.rows.texts), mean(avx512, "f32", "avx512"), mean(avx512, "f64", "avx512")))
	peak := func(dtype string) string {
		var all []float64
		t := tab(avx512, "Gemm "+dtype, "peak-FLOP/s")
		for _, row := range t.rows.texts {
			all = append(all, t.cells[place{row, "avx512"}].values...)
		}
		return fmt.Sprintf("%.1f", median(all).Center/1e9)
	}
	rounds := len(at(products, "NN 200x50x10", "avx512").values)
	share := func(kernel, dtype string) float64 {
		return median(at(tab(avx512, kernel+" "+dtype, "peak-share"), "200x3072x400", "avx512").values).Center
	}
	lines = append(lines,
		fmt.Sprintf("With `-dtype bfp16`, first layers are computed in exact integers: for 8 nets at %.2f (forward) and %.2f", share("Forward", "bfp16"), share("Update", "bfp16")),
		fmt.Sprintf("(update) of the f32 peak. With `bfp16d8`, whose deltas have 8 bits, it is %.2f and %.2f.", share("Forward", "bfp16d8"), share("Update", "bfp16d8")))
	library := strings.Fields(avx512.machines[0].get("openblas")) // "0.3.21 SkylakeX threads=1"
	zenLibrary := strings.Fields(zen.machines[0].get("openblas"))
	return append(lines,
		fmt.Sprintf("Speeds are medians of %d interleaved rounds. The peak was %s GFLOP/s for f32 and %s for f64, and", rounds, peak("f32"), peak("f64")),
		fmt.Sprintf("OpenBLAS %s ran with one thread and its %s kernels. On an AMD EPYC with AVX2, the geometric mean", library[0], library[1]),
		fmt.Sprintf("of the ratios to OpenBLAS %s (%s kernels) was %s for f32 and %s for f64.", zenLibrary[0], zenLibrary[1], mean(zen, "f32", "avx2"), mean(zen, "f64", "avx2")))
}
