package fusegrid_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fusegrid"
	"fusegrid/internal/required"
	"fusegrid/kernels"
	"fusegrid/kernels/kerneltest"
	"fusegrid/kernels/reference"
)

func TestKernels(t *testing.T) {
	for _, set := range fusegrid.All() {
		kerneltest.Run(t, set)
	}
}

func FuzzGemm(f *testing.F) { kerneltest.FuzzGemm(f, fusegrid.All()) }

// TestSetsOfOneClassAgree checks that the stable sets of a class give the same bits.
func TestSetsOfOneClassAgree(t *testing.T) {
	first := map[kernels.Class]*kernels.Set{}
	for _, set := range append(fusegrid.All(), reference.Fused()) {
		if !set.Stable {
			continue
		}
		if other := first[set.Class]; other != nil {
			t.Run("impl="+other.Name+"/impl="+set.Name, func(t *testing.T) { kerneltest.Agree(t, other, set) })
		} else {
			first[set.Class] = set
		}
	}
}

// TestRequiredSets checks that the sets in FUSEGRID_REQUIRE, such as avx2,openblas, are neither
// missing nor weak. A set is weak if OpenBLAS chose a core with narrower vectors than the CPU
// supports.
func TestRequiredSets(t *testing.T) {
	names := slices.DeleteFunc(required.Names(), func(name string) bool { return slices.Contains(required.Programs(), name) })
	if len(names) == 0 {
		t.Skip("FUSEGRID_REQUIRE names no set, so no set is required; an example is FUSEGRID_REQUIRE=avx2,openblas")
	}
	for _, name := range names {
		set, err := fusegrid.ByName(name)
		if err != nil {
			t.Errorf("FUSEGRID_REQUIRE: %v", err)
			continue
		}
		t.Logf("%s %s", name, set.Detail)
		if strings.Contains(set.Detail, "weak") {
			t.Errorf("FUSEGRID_REQUIRE: %s is %s", name, set.Detail)
		}
	}
}

func TestAll(t *testing.T) {
	var names []string
	for _, set := range fusegrid.All() {
		if slices.Contains(names, set.Name) {
			t.Errorf("two sets are called %q", set.Name)
		}
		names = append(names, set.Name)
		if set.Class == "" {
			t.Errorf("%s has no class", set.Name)
		}
		if set.Name != "reference" && set.Name != "gonum" && set.Name != "openblas" && len(set.Features) == 0 {
			t.Errorf("%s does not list the CPU features that it needs", set.Name)
		}
	}
	if n := len(names); n < 2 || names[n-2] != "reference" || names[n-1] != "gonum" {
		t.Errorf("All() is %q, want reference and gonum last", names)
	}
}

func TestByName(t *testing.T) {
	if _, err := fusegrid.ByName("Reference"); err == nil || !strings.Contains(err.Error(), `(did you mean "reference"?)`) {
		t.Errorf("a name in capitals: error %v", err)
	}
	var names []string
	for _, set := range fusegrid.All() {
		names = append(names, set.Name)
		if got, err := fusegrid.ByName(set.Name); err != nil || got.Name != set.Name {
			t.Errorf("ByName(%q) = %v, %v", set.Name, got, err)
		}
	}
	_, err := fusegrid.ByName("avx1024")
	want := `no kernel set "avx1024" on this machine; there are: ` + strings.Join(names, ", ")
	if err == nil || err.Error() != want {
		t.Errorf("ByName of an unknown name: %v\nwant %s", err, want)
	}
	for _, a := range fusegrid.Missing() {
		_, err := fusegrid.ByName(a.Name)
		want := fmt.Sprintf("kernel set %q is missing: %s; there are: %s", a.Name, a.Reason, strings.Join(names, ", "))
		if err == nil || err.Error() != want {
			t.Errorf("ByName of a set that is missing: %v\nwant %s", err, want)
		}
	}
}

func TestBest(t *testing.T) {
	t.Setenv(fusegrid.EnvImpl, "")
	if set, err := fusegrid.Best(); err != nil || set.Name != fusegrid.All()[0].Name {
		t.Errorf("Best() = %v, %v, want the first of All", set, err)
	}
	t.Setenv(fusegrid.EnvImpl, "gonum")
	if set, err := fusegrid.Best(); err != nil || set.Name != "gonum" {
		t.Errorf("with FUSEGRID_IMPL=gonum Best() = %v, %v", set, err)
	}
	t.Setenv(fusegrid.EnvPacking, "never")
	if set, err := fusegrid.Best(); err == nil || !strings.HasPrefix(err.Error(), `FUSEGRID_PACKING: "never": want first or before`) {
		t.Errorf("with FUSEGRID_PACKING=never Best() = %v, %v, want an error that names the variable", set, err)
	}
	t.Setenv(fusegrid.EnvPacking, "")
	t.Setenv(fusegrid.EnvImpl, "fastest")
	if set, err := fusegrid.Best(); err == nil || !strings.HasPrefix(err.Error(), `FUSEGRID_IMPL: no kernel set "fastest"`) {
		t.Errorf("with FUSEGRID_IMPL=fastest Best() = %v, %v, want an error that names the variable", set, err)
	}
}
