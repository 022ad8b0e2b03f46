package cases

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/kernels"
)

// TestEveryKernelIsMeasured checks that each slot of a set has a group.
func TestEveryKernelIsMeasured(t *testing.T) {
	measured := map[string]bool{}
	names := map[string]bool{}
	for _, g := range Of(fusegrid.All()) {
		dtype, _, _ := strings.Cut(strings.TrimPrefix(g.Name, "dtype="), "/")
		measured[g.Kernel+" "+dtype] = true
		if name := g.Kernel + "/" + g.Name; names[name] {
			t.Errorf("the name %s occurs twice", name)
		} else {
			names[name] = true
		}
	}
	delete(measured, "MatMul f64") // a gonum program, not a kernel
	for _, name := range []string{"Forward bfp16", "Update bfp16", "Forward bfp16d8", "Update bfp16d8"} {
		if !measured[name] {
			t.Errorf("no case of %s", name)
		}
		delete(measured, name)
	}
	var kernelNames []string
	slots, images := reflect.TypeFor[kernels.Slots[float32]](), reflect.TypeFor[kernels.Images[float32]]()
	for i := range slots.NumField() {
		if f := slots.Field(i); f.Type.Kind() == reflect.Func && f.Name != "Layout" { // Layout computes nothing
			kernelNames = append(kernelNames, f.Name)
		}
	}
	for i := range images.NumMethod() {
		if name := images.Method(i).Name; name != "Load" && name != "Parts" { // Load is part of BenchmarkStep; Parts is a count
			kernelNames = append(kernelNames, name)
		}
	}
	for _, name := range kernelNames {
		for _, dtype := range []string{"f32", "f64"} {
			if key := name + " " + dtype; !measured[key] {
				t.Errorf("no case of %s", key)
			} else {
				delete(measured, key)
			}
		}
	}
	if len(measured) > 0 {
		t.Errorf("cases without a kernel: %v", slices.Collect(maps.Keys(measured)))
	}
	const headline = "Gemm/dtype=f32/op=NN/shape=200x3072x50"
	if !names[headline] {
		t.Errorf("no %s", headline)
	}
}

// TestRowsRun calls every row of the small groups once.
func TestRowsRun(t *testing.T) {
	sets := fusegrid.All()
	for _, g := range Of(sets) {
		if g.Amount > 1e7 {
			continue
		}
		rows := g.Rows()
		want := len(sets)
		if g.Unit == "B" { // only sets with separate elementwise kernels, and copy
			want = 1
			for _, s := range sets {
				if s.Stable {
					want++
				}
			}
		}
		if len(rows) != want {
			t.Errorf("%s/%s has %d rows, want %d", g.Kernel, g.Name, len(rows), want)
		}
		var impls []string
		for _, r := range rows {
			impls = append(impls, r.Impl)
			r.Run()
		}
		if !slices.Equal(impls, g.Impls) {
			t.Errorf("%s/%s has the rows %v, its Impls are %v", g.Kernel, g.Name, impls, g.Impls)
		}
	}
}

func TestMetrics(t *testing.T) {
	g := Group{Amount: 100, Unit: "FLOP"}
	if got, want := g.Metrics(0.5, 0), []Metric{{200, "FLOP/s"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	want := []Metric{{200, "FLOP/s"}, {0.25, "peak-share"}, {800, "peak-FLOP/s"}}
	if got := g.Metrics(0.5, 800); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMachine(t *testing.T) {
	sets := []*kernels.Set{{Name: "openblas", Detail: "0.3.21 SkylakeX threads=1"}, {Name: "avx2"}}
	lines := Machine(sets)
	if last := lines[len(lines)-1]; last != (Line{"openblas", "0.3.21 SkylakeX threads=1"}) {
		t.Errorf("the last line is %v", last)
	}
	for _, l := range lines {
		// Keys and values must be valid in the benchmark format.
		if l.Key != strings.ToLower(l.Key) || strings.ContainsAny(l.Key, " \t:") || l.Value == "" {
			t.Errorf("%q: %q is not a valid line of the benchmark format", l.Key, l.Value)
		}
	}
}
