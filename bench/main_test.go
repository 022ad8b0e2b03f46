package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"fusegrid"
	"fusegrid/internal/golden"
	"fusegrid/kernels"
)

// bench runs a command line and returns its exit code and output.
func bench(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// fits checks that no line is wider than 80 columns, with a tab stop every 8 columns.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		n := 0
		for _, r := range line {
			if n++; r == '\t' {
				n = (n + 7) / 8 * 8
			}
		}
		if n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestHelp(t *testing.T) {
	var all []string
	for _, args := range []string{"help", "-h", "-help", "--help", "help help"} {
		code, out, errs := bench(strings.Fields(args)...)
		if code != 0 || errs != "" {
			t.Errorf("bench %s: exit %d, %s", args, code, errs)
		}
		for _, c := range commands() {
			if !strings.Contains(out, "  "+c.synopsis()+" ") {
				t.Errorf("bench %s does not show %s:\n%s", args, c.synopsis(), out)
			}
		}
		all = append(all, out)
	}
	for _, c := range commands() {
		code, out, errs := bench("help", c.name)
		if code != 0 || errs != "" || !strings.HasPrefix(out, "usage: "+c.synopsis()+"\n\n") || !strings.Contains(out, "\nflags:\n  -") {
			t.Errorf("bench help %s: exit %d, %s\n%s", c.name, code, errs, out)
		}
		if code, same, errs := bench(c.name, "-h"); code != 0 || errs != "" || same != out {
			t.Errorf("bench %s -h: exit %d, %s\n%s", c.name, code, errs, same)
		}
		all = append(all, out)
	}
	for _, text := range all {
		fits(t, text)
	}
}

// TestFits checks that fits rejects a line of 81 columns.
func TestFits(t *testing.T) {
	probe := new(testing.T)
	if fits(probe, strings.Repeat("…", 80)+"\n    \tx"); probe.Failed() {
		t.Error("80 columns do not fit")
	}
	if fits(probe, strings.Repeat("…", 81)); !probe.Failed() {
		t.Error("81 columns fit")
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"-version", "--version", "version"} {
		if code, out, errs := bench(arg); code != 0 || errs != "" || !strings.HasPrefix(out, "bench ") || strings.Count(out, "\n") != 1 {
			t.Errorf("bench %s: exit %d, %q, %s", arg, code, out, errs)
		}
	}
}

// TestBadCommandLines compares errors with testdata/errors.txt, where EMPTY stands for an empty folder
// and SETS for the kernel sets of this machine.
func TestBadCommandLines(t *testing.T) {
	empty := t.TempDir()
	var sets []string
	for _, s := range fusegrid.All() {
		sets = append(sets, s.Name)
	}
	known := strings.NewReplacer(empty, "EMPTY", strings.Join(sets, ", "), "SETS")
	for _, tt := range []struct {
		args string
		code int
	}{
		{"race", 2},
		{"comapre", 2},
		{"-verison", 2},
		{"help duell", 2},
		{"run extra", 2},
		{"run -n 0", 2},
		{"run -n x", 2},
		{"run -filtr x", 2},
		{"run -rounds 3", 2},
		{"run -time -1s", 2},
		{"run -time 2h", 2},
		{"run -clock sun", 2},
		{"run -filter ( -o -", 2},
		{"run -o EMPTY/none/deep/x.txt", 2},
		{"list everything", 2},
		{"duel reference", 2},
		{"duel reference reference", 2},
		{"duel reference cray", 2},
		{"duel reference gonun", 2},
		{"duel -n 5 reference gonum", 2},
		{"duel -each NaN reference gonum", 2},
		{"duel -geomean -1 reference gonum", 2},
		{"errors -k 0", 2},
		{"errors -k 3;4", 2},
		{"errors x", 2},
		{"peers", 2},
		{"peers reference gonum", 2},
		{"peers refrence", 2},
		{"peers -vectors mmx reference", 2},
		{"peers -each -1 reference", 2},
		{"peers -n 0 reference", 2},
		{"peers -filter /impl:onednn reference", 2},
		{"duel -filter .name:MatMul reference gonum", 2},
		{"compare nowhere.txt", 1},
		{"accuracy -seeds 1", 2},
		{"accuracy -iters 0", 2},
		{"accuracy -dtype f32", 2},
		{"accuracy -dtype bpf16", 2},
		{"accuracy -sed 3", 2},
		{"accuracy -seeds 1000001", 2},
		{"accuracy -o EMPTY/none/deep/x.md", 2},
		{"accuracy -workers -1", 2},
		{"accuracy -impl gonun", 2},
		{"accuracy -data nowhere", 2},
		{"accuracy -data syntetic", 2},
		{"accuracy f32", 2},
		{"compare -raw EMPTY", 1},

		{"run -filter .name:Nothing -o -", 2},
		{"run -filter shape:1024", 2},
		{"run -filter name:Gemm", 2},
		{"run -filter /shap:512x512x512", 2},
		{"duel -filter /shape:1024 reference gonum", 2},
		{"list -filter /dtype:F32", 2},
		{"list -filter .name:Gmem", 2},
		{"list -filter .name:(Gem)", 2},
		{"list -filter /op:NN:NN", 2},
		{"list -filter /op:TN,/size:L1", 2},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(tt.args, "EMPTY", empty))
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], ",", " ")
			}
			code, _, errs := bench(args...)
			if code != tt.code || strings.Count(errs, "\n") != 1 {
				t.Errorf("exit %d, want %d and one line:\n%s", code, tt.code, errs)
			}
			golden.Check(t, "testdata/errors.txt", known.Replace(errs))
		})
	}
}

func TestNoCommand(t *testing.T) {
	if code, out, errs := bench(); code != 2 || out != "" || !strings.HasPrefix(errs, "usage:") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}
}

func TestList(t *testing.T) {
	code, out, errs := bench("list")
	if code != 0 || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	fits(t, out)
	keys, names, _ := strings.Cut(out, "\n\n")
	for _, want := range []string{
		".name       Gemm Forward Update ReLU ", "\n/dtype      f32 f64 bfp16 bfp16d8\n", "\n/op         NN TN NT\n", "/shape      200x3072x50 ",
		"\n            ", "\n/size       L1 L2", "reference gonum copy fusegrid",
	} {
		if !strings.Contains(keys, want) {
			t.Errorf("the keys lack %q:\n%s", want, keys)
		}
	}
	if !strings.Contains(names, "\nGemm/dtype=f32/op=NN/shape=1024x1024x1024\n") {
		t.Errorf("the names lack the largest product:\n%s", names)
	}
	// A filter accepts the keys and values that bench list prints.
	code, out, errs = bench("list", "-filter", ".name:Gemm /op:NT /dtype:f64 /impl:gonum")
	want := `.name       Gemm
/dtype      f64
/impl       gonum
/op         NT
/shape      200x10x50

Gemm/dtype=f64/op=NT/shape=200x10x50
`
	if code != 0 || out != want {
		t.Errorf("exit %d, %s\n%s\nwant\n%s", code, errs, out, want)
	}
	if !utf8.ValidString(out) {
		t.Error("not UTF-8")
	}
}

// TestCoreAgainst checks that a core is weak only against kernels with wider vectors.
func TestCoreAgainst(t *testing.T) {
	avx2, avx512 := &kernels.Set{Features: []string{"AVX2", "FMA3"}}, &kernels.Set{Features: []string{"AVX512F"}}
	haswell, nehalem := core{name: "Haswell"}, core{name: "Nehalem"}
	for _, c := range []struct {
		core core
		set  *kernels.Set
		weak bool
	}{{haswell, avx512, true}, {haswell, avx2, false}, {nehalem, avx2, true}, {nehalem, avx512, true}, {core{}, avx512, false}} {
		if got := c.core.against(c.set); (got != core{}) != c.weak {
			t.Errorf("%q against %v: %q, weak %v", c.core.name, c.set.Features, got, c.weak)
		}
	}
}
