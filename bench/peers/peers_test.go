package peers

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestProducts compares elements of the libraries that are installed with sums in float64.
func TestProducts(t *testing.T) {
	for _, lib := range Libraries {
		t.Run(lib.Name, func(t *testing.T) {
			p, err := Start(context.Background(), lib, AVX2)
			if err != nil {
				t.Skipf("the library is not installed: %v", err)
			}
			defer p.Close()
			if p.Detail == "" {
				t.Error("no detail")
			}
			for _, dtype := range []string{"f32", "f64"}[:1+min(1, btoi(lib.F64))] {
				for _, op := range []string{"NN", "TN", "NT"} {
					const m, k, n = 11, 37, 6
					if err := p.Prepare(dtype, op, m, k, n); err != nil {
						t.Fatal(err)
					}
					for _, clock := range []string{"wall", "cpu"} {
						if d, err := p.Time(clock, 20); err != nil || d < 0 {
							t.Errorf("%s %s: %v on the clock %s, %v", dtype, op, d, clock, err)
						}
					}
					a, b := Numbers(m*k, 1), Numbers(k*n, 2)
					for i := range m {
						for j := range n {
							want := 0.0
							for l := range k {
								x, y := a[i*k+l], b[l*n+j]
								if op[0] == 'T' {
									x = a[l*m+i]
								}
								if op[1] == 'T' {
									y = b[j*k+l]
								}
								want += x * y
							}
							if got, err := p.Element(i, j); err != nil || math.Abs(got-want) > 1e-5 {
								t.Fatalf("%s %s: element (%d,%d) is %v, want %v; %v", dtype, op, i, j, got, want, err)
							}
						}
					}
				}
			}
			if !lib.F64 {
				if err := p.Prepare("f64", "NN", 2, 2, 2); err == nil || !strings.Contains(err.Error(), "unsupported") {
					t.Errorf("f64: %v", err)
				}
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestMissing checks the error for a library that is not installed.
func TestMissing(t *testing.T) {
	lib := Libraries[slices.IndexFunc(Libraries, func(l Library) bool { return l.Name == "openblas" })]
	lib.link, lib.Package = []string{"-lfusegrid-none"}, "libnone-dev"
	if p, err := Start(context.Background(), lib, Widest()); err == nil {
		p.Close()
		t.Error("no error")
	} else if text := err.Error(); strings.Contains(text, "\n") || !strings.HasSuffix(text, "libnone-dev") && !strings.Contains(text, "C compiler") {
		t.Errorf("the error is %q", text)
	}
	t.Setenv("CC", "no-such-compiler")
	if p, err := Start(context.Background(), lib, Widest()); err == nil {
		p.Close()
		t.Error("no error without a compiler")
	} else if !strings.Contains(err.Error(), "no C compiler no-such-compiler") {
		t.Errorf("the error is %q", err)
	}
}
