package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "../.."

// Each generated file of the module is what asmgen writes.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	generated := generate()
	for path, want := range generated {
		t.Run(path, func(t *testing.T) {
			got, err := os.ReadFile(filepath.Join(module, path))
			if err != nil {
				t.Fatal(err)
			}
			if d := diff(string(got), string(want)); d != "" {
				t.Errorf("%s differs from what asmgen writes (-file +asmgen); run go generate ./internal/asmgen\n%s", path, d)
			}
		})
	}
	for path := range filesWithNotice(t) {
		if generated[path] == nil {
			t.Errorf("%s says that asmgen has written it, but asmgen does not write it", path)
		}
	}
}

// filesWithNotice returns the assembly and Go files of the module that say that asmgen has written them.
func filesWithNotice(t *testing.T) map[string]bool {
	found := map[string]bool{}
	err := filepath.WalkDir(module, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".s" && filepath.Ext(path) != ".go" {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.HasPrefix(data, []byte(notice)) {
			rel, _ := filepath.Rel(module, path)
			found[filepath.ToSlash(rel)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// diff returns the lines in which two texts differ, with the numbers of the first, or "" if they are equal. It
// stops after some differences.
func diff(old, new string) string {
	a, b := strings.SplitAfter(old, "\n"), strings.SplitAfter(new, "\n")
	var out strings.Builder
	for i, j, found := 0, 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
			continue
		}
		if found++; found > 10 {
			out.WriteString("… and more\n")
			break
		}
		x, y := resync(a[i:], b[j:])
		fmt.Fprintf(&out, "line %d:\n", i+1)
		for _, l := range a[i : i+x] {
			out.WriteString("-" + strings.TrimSuffix(l, "\n") + "\n")
		}
		for _, l := range b[j : j+y] {
			out.WriteString("+" + strings.TrimSuffix(l, "\n") + "\n")
		}
		i, j = i+x, j+y
	}
	return out.String()
}

// resync returns how many lines of a and b to skip, as few as possible, until the next two lines are equal.
func resync(a, b []string) (x, y int) {
	at := func(s []string, i int) string { return strings.Join(s[min(i, len(s)):min(i+2, len(s))], "") }
	for skip := 1; skip < min(len(a)+len(b), 1000); skip++ {
		for x := max(0, skip-len(b)); x <= min(skip, len(a)); x++ {
			if at(a, x) == at(b, skip-x) {
				return x, skip - x
			}
		}
	}
	return len(a), len(b)
}

func TestDiffShowsWhatDiffers(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"equal", "a\nb\n", "a\nb\n", ""},
		{"changed", "a\nb\nc\n", "a\nB\nc\n", "line 2:\n-b\n+B\n"},
		{"added", "a\nc\n", "a\nb\nc\n", "line 2:\n+b\n"},
		{"removed", "a\nb\n", "a\n", "line 2:\n-b\n"},
		{"twice", "a\nb\nc\nd\ne\nf\n", "a\nc\nd\ne\nF\n", "line 2:\n-b\nline 6:\n-f\n+F\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := diff(c.old, c.new); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// AVX2 has 16 vector registers, but the assembler knows instructions for more.
func TestRegistersThatASetLacksPanic(t *testing.T) {
	for _, c := range []struct {
		name   string
		target target
		v      vec
		panics bool
	}{
		{"AVX2, last", avx2F32, 15, false},
		{"AVX2, none", avx2F32, 16, true},
		{"AVX-512, last", avx512F64, 31, false},
		{"AVX-512, none", avx512F64, 32, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if p := recover(); (p != nil) != c.panics {
					t.Errorf("panic %v, want one: %t", p, c.panics)
				}
			}()
			c.target.reg(c.v)
		})
	}
}

// The texts have named labels in place of counted jumps, and macros of one level.
func TestTextIsPlain(t *testing.T) {
	for path, data := range generate() {
		for _, fault := range unplain(string(data)) {
			t.Errorf("%s: %s", path, fault)
		}
	}
}

func TestUnplainTextIsFound(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "#define f_a(q) \\\n\tADDQ $q, AX\nloop:\n\tf_a(1)\n\tJMP loop\n", ""},
		{"counted jump", "\tJZ 3(PC)\n", "line 1: counted jump: JZ 3(PC)"},
		{"nested macro", "#define f_a(q) \\\n\tADDQ $q, AX\n#define f_b(q) \\\n\tf_a(q) \\\n\tRET\n", "line 4: macro in a macro: f_a(q) \\"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(unplain(c.text), "\n"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// unplain describes counted jumps and macros in macros. The names of macros have an underscore, those of
// instructions have none.
func unplain(text string) []string {
	var faults []string
	continued := false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "(PC)") {
			faults = append(faults, fmt.Sprintf("line %d: counted jump: %s", i+1, line))
		}
		name, _, call := strings.Cut(line, "(")
		if continued && call && strings.Contains(name, "_") && !strings.Contains(name, " ") {
			faults = append(faults, fmt.Sprintf("line %d: macro in a macro: %s", i+1, line))
		}
		continued = strings.HasSuffix(line, "\\")
	}
	return faults
}

// go vet compares the layout of each generated kernel with its Go declaration. This table covers what the
// kernels have in common.
func TestLayoutOfParameters(t *testing.T) {
	for _, c := range []struct {
		decl   string
		bytes  int
		params []string
	}{
		{"func f(dst, x *float32, n int)", 24, []string{"dst+0(FP)", "x+8(FP)", "n+16(FP)"}},
		{"func f(a float32, x *float32, b float32)", 20, []string{"a+0(FP)", "x+8(FP)", "b+16(FP)"}},
		{"func f(dst []float64, k int)", 32, []string{"dst_base+0(FP)", "dst_len+8(FP)", "dst_cap+16(FP)", "k+24(FP)"}},
		{"func f(x *float32, n int) float32", 20, []string{"ret+16(FP)"}},
		{"func f(s *blocked.Tiles[float32])", 8, []string{"s+0(FP)"}},
	} {
		t.Run(c.decl, func(t *testing.T) {
			a := &asm{}
			if got := a.layout(c.decl); got != c.bytes {
				t.Errorf("the parameters take %d bytes, want %d", got, c.bytes)
			}
			for _, want := range c.params {
				name, _, _ := strings.Cut(want, "+")
				if got := a.arg(name); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}
