package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"unicode/utf8"

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

func TestBadCommandLines(t *testing.T) {
	empty := t.TempDir()
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "usage:"},
		{"race", 2, `unknown command "race"; bench help lists`},
		{"comapre", 2, `unknown command "comapre" (did you mean "compare"?)`},
		{"-verison", 2, `unknown command "-verison" (did you mean "-version"?)`},
		{"help duell", 2, `unknown command "duell" (did you mean "duel"?)`},
		{"run extra", 2, `unexpected argument "extra"`},
		{"run -n 0", 2, "at least 1 round"},
		{"run -n x", 2, "invalid value"},
		{"run -filtr x", 2, "there is no flag -filtr (did you mean -filter?); see bench help run"},
		{"run -rounds 3", 2, "there is no flag -rounds; see bench help run"},
		{"run -time -1s", 2, "-time -1s"},
		{"run -time 2h", 2, "at most 1m"},
		{"run -clock sun", 2, "want wall or cpu"},
		{"run -filter ( -o -", 2, "-filter"},
		{"run -o " + empty + "/none/deep/x.txt", 2, "no such file"},
		{"list everything", 2, `unexpected argument "everything"`},
		{"duel reference", 2, "1 arguments, want 2"},
		{"duel reference reference", 2, "against itself"},
		{"duel reference cray", 2, "there are:"},
		{"duel reference gonun", 2, `(did you mean "gonum"?)`},
		{"duel -n 5 reference gonum", 2, "-n 5: want at least 6 rounds; fewer give no 95% confidence interval"},
		{"duel -each NaN reference gonum", 2, "-each NaN -geomean 0: want ratios of 0 or more"},
		{"duel -geomean -1 reference gonum", 2, "-geomean -1: want"},
		{"duel -filter .name:MatMul reference gonum", 2, "MatMul/dtype=f64/shape=1024x1024x1024, which is not measured for both"},
		{"compare nowhere.txt", 1, "nowhere.txt"},
		{"compare -raw " + empty, 1, "no raw results"},

		{"run -filter .name:Nothing -o -", 2, "selects no benchmark: no .name is Nothing; the keys are .name, /dtype, /impl, /op, /shape, /size, as in '.name:Gemm /shape:512x512x512'; bench list prints all"},
		{"run -filter shape:1024", 2, "selects no benchmark: the key is /shape, not shape;"},
		{"run -filter name:Gemm", 2, "the key is .name, not name;"},
		{"run -filter /shap:512x512x512", 2, `there is no key /shap (did you mean "/shape"?);`},
		{"duel -filter /shape:1024 reference gonum", 2, "no /shape is 1024 (did you mean /shape:1024x1024x1024?);"},
		{"list -filter /dtype:F32", 2, "no /dtype is F32 (did you mean /dtype:f32?);"},
		{"list -filter .name:Gmem", 2, `no .name is Gmem (did you mean "Gemm"?);`},
		{"list -filter .name:(Gem)", 2, "selects no benchmark: no .name is Gem (did you mean .name:Gemm?)"},
		{"list -filter /op:NN:NN", 2, "syntax error"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, _, errs := bench(strings.Fields(tt.args)...)
			if code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d with %q:\n%s", code, tt.code, tt.want, errs)
			}
			if strings.Count(errs, "\n") > 1 && !strings.Contains(errs, "usage:") {
				t.Errorf("more than one line:\n%s", errs)
			}
		})
	}
}

func TestConditionsThatExclude(t *testing.T) {
	code, _, errs := bench("list", "-filter", "/op:TN /size:L1")
	if want := "selects no benchmark: no benchmark meets all conditions;"; code != 2 || !strings.Contains(errs, want) {
		t.Errorf("exit %d, want 2 with %q: %s", code, want, errs)
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
		".name       Gemm Forward Update ReLU ", "\n/dtype      f32 f64\n", "\n/op         NN TN NT\n", "/shape      200x3072x50 ",
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
