package fusegrid_test

import (
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/kernels/kerneltest"
)

// TestBFP16 checks which sets have first layers in exact integers, and runs the conformance suite on them.
func TestBFP16(t *testing.T) {
	var names []string
	for _, set := range fusegrid.All() {
		made, err := fusegrid.BFP16(set)
		if err != nil {
			continue
		}
		names = append(names, made.Name)
		if made.Name != set.Name || made.Class != kernels.BFP16 {
			t.Errorf("from %s comes set %s of class %s", set.Name, made.Name, made.Class)
		}
		if again, err := fusegrid.BFP16(made); again != made || err != nil {
			t.Errorf("from the bfp16 set of %s comes another one, %v", set.Name, err)
		}
		kerneltest.RunBFP16(t, made)
	}
	if len(names) == 0 || names[len(names)-1] != "reference" {
		t.Errorf("there are sets for %q, want reference as the last", names)
	}
	gonum, err := fusegrid.ByName("gonum")
	if err != nil {
		t.Fatal(err)
	}
	want := "kernel set gonum has no first layers of type bfp16; the choices are " + strings.Join(names, ", ")
	if _, err := fusegrid.BFP16(gonum); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func FuzzBFP16(f *testing.F) {
	var sets []*kernels.Set
	for _, set := range fusegrid.All() {
		if made, err := fusegrid.BFP16(set); err == nil {
			sets = append(sets, made)
		}
	}
	kerneltest.FuzzBFP16(f, sets)
}
