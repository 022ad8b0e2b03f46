package folder_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/results/curve"
	"fusegrid/search/folder"
)

// TestNumPyReader runs the reader in docs/files.md on a file of curves, and compares what it reads with the curves.
func TestNumPyReader(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import numpy").Run() != nil {
		t.Skipf("%s has no NumPy", python)
	}
	page, err := os.ReadFile("../../docs/files.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(page), "```python\n")
	code, _, ok := strings.Cut(code, "```")
	if lines := strings.Count(code, "\n"); !ok || lines > 20 {
		t.Fatalf("a reader of %d lines", lines)
	}
	dir := t.TempDir()
	o, err := folder.Open(folder.OS{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.KeepCurves(curve.Functions, nil); err != nil {
		t.Fatal(err)
	}
	if err := o.CreateCurves(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, folder.CurvesName)
	if got, err := exec.Command(python, "-c", code+"print(curves('"+file+"'))").Output(); err != nil || string(got) != "{}\n" {
		t.Errorf("a file without curves: %s, %v", got, err)
	}
	var keys []string
	for i, n := range []int{0, 1, 2000, 2001, 123_457, -1, -2000, -2001, -54_321} {
		var h curve.History
		for k := range -n { // a function
			h.Steps, h.Values = append(h.Steps, 3*k+2), append(h.Values, math.Exp(-float64(k)))
		}
		for k := range n {
			h.Loss = append(h.Loss, 1/float64(k+1))
			if k%40 == 0 {
				h.Steps = append(h.Steps, k+1)
				h.Train, h.Val = append(h.Train, float64(k)/float64(n)), append(h.Val, float64(k)/float64(2*n))
			}
		}
		keys = append(keys, fmt.Sprintf("%064x", i))
		chunk, err := curve.AppendChunk(nil, keys[i], h)
		if err == nil {
			err = o.AppendCurves(chunk)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	code += `
import sys
for key, arrays in curves(sys.argv[1]).items():
    print(key, *([int(x) if x.dtype.kind in "iu" else x.view("u%d" % x.itemsize).item() for x in a] for a in arrays))
`
	got, err := exec.Command(python, "-c", code, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	curves, err := o.Curves()
	if err != nil {
		t.Fatal(err)
	}
	defer curves.Close()
	var want strings.Builder
	list := func(n int, at func(i int) any) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprint(at(i))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	bits := func(x []float32) string { return list(len(x), func(i int) any { return math.Float32bits(x[i]) }) }
	ints := func(x []int) string { return list(len(x), func(i int) any { return x[i] }) }
	for _, key := range keys {
		c, ok, err := curves.Of(key)
		if !ok || err != nil {
			t.Fatalf("%s: %t, %v", key, ok, err)
		}
		if c.Values != nil {
			fmt.Fprintln(&want, key, ints(c.Steps), list(len(c.Values), func(i int) any { return math.Float64bits(c.Values[i]) }))
			continue
		}
		fmt.Fprintln(&want, key, ints(c.LossSteps), bits(c.Loss), ints(c.Steps), bits(c.Train), bits(c.Val))
	}
	if string(got) != want.String() {
		t.Errorf("got\n%.2000s, want\n%.2000s", got, want.String())
	}
}
