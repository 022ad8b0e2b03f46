package fusegrid_test

import (
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/kernels/kerneltest"
)

var integerTypes = []string{"bfp16", "bfp16d8"}

// TestIntegers checks which sets have first layers in exact integers, and runs the conformance suite on them.
func TestIntegers(t *testing.T) {
	gonum, err := fusegrid.ByName("gonum")
	if err != nil {
		t.Fatal(err)
	}
	for _, dtype := range integerTypes {
		var names []string
		for _, set := range fusegrid.All() {
			made, err := fusegrid.ForType(set, dtype)
			if err != nil {
				continue
			}
			names = append(names, made.Name)
			if made.Name != set.Name || made.Class != kernels.ClassOf(dtype) {
				t.Errorf("from %s comes set %s of dtype %s", set.Name, made.Name, made.Class)
			}
			if again, err := fusegrid.ForType(made, dtype); again != made || err != nil {
				t.Errorf("from the %s set of %s comes another one, %v", dtype, set.Name, err)
			}
			kerneltest.RunIntegers(t, made)
		}
		if len(names) == 0 || names[len(names)-1] != "reference" {
			t.Errorf("there are sets for %q, want reference as the last", names)
		}
		want := "kernel set gonum has no first layers of type " + dtype + "; the choices are " + strings.Join(names, ", ")
		if _, err := fusegrid.ForType(gonum, dtype); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if set, err := fusegrid.ForType(gonum, "f64"); set != gonum || err != nil {
		t.Errorf("for f64, gonum becomes another set, %v", err)
	}
}

func FuzzBFP16(f *testing.F)   { fuzzIntegers(f, "bfp16") }
func FuzzBFP16D8(f *testing.F) { fuzzIntegers(f, "bfp16d8") }

func fuzzIntegers(f *testing.F, dtype string) {
	var sets []*kernels.Set
	for _, set := range fusegrid.All() {
		if made, err := fusegrid.ForType(set, dtype); err == nil {
			sets = append(sets, made)
		}
	}
	kerneltest.FuzzIntegers(f, sets)
}
