// Package required reads FUSEGRID_REQUIRE, which names what tests must find, such as avx2,numpy. A test
// without it is skipped otherwise. It also reads FUSEGRID_LONG, with which tests run at length that others
// cover.
package required

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const variable = "FUSEGRID_REQUIRE"

// long is set by make test-all.
const long = "FUSEGRID_LONG"

// Long skips a test that repeats at length what another test proves, unless FUSEGRID_LONG is set. The text names the
// other test.
func Long(t testing.TB, other string) {
	t.Helper()
	if os.Getenv(long) == "" {
		t.Skipf("left out without %s=1: %s", long, other)
	}
}

// Programs returns the names that stand for other programs. All other names are those of kernel sets.
func Programs() []string { return []string{"numpy", "sqlite3", "optuna", "hyparquet", "postgres"} }

// Names returns the names in FUSEGRID_REQUIRE.
func Names() []string {
	return slices.DeleteFunc(strings.Split(os.Getenv(variable), ","), func(name string) bool { return name == "" })
}

// Has reports whether FUSEGRID_REQUIRE has a name.
func Has(name string) bool { return slices.Contains(Names(), name) }

// Skip ends a test that cannot run without the named program, and says why. The test fails if
// FUSEGRID_REQUIRE has the name.
func Skip(t testing.TB, name, why string) {
	t.Helper()
	if Has(name) {
		t.Fatalf("%s requires %s: %s", variable, name, why)
	}
	t.Skipf("not tested with %s: %s", name, why)
}
