// Package fusegrid finds out what this machine can do: it offers every kernel
// set that the CPU and the build can run, widest first.
package fusegrid

import (
	"fmt"
	"os"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/kernels"
	"fusegrid/kernels/reference"
)

// EnvImpl names the environment variable that overrides the choice of [Best].
const EnvImpl = "FUSEGRID_IMPL"

// All returns the kernel sets of this machine and build, fastest first: assembly,
// OpenBLAS where it was built in, the plain-Go reference and gonum's BLAS.
func All() []*kernels.Set {
	sets := native()
	sets = append(sets, foreign(sets)...)
	return append(sets, reference.New(), reference.Gonum())
}

// Best returns the set that FUSEGRID_IMPL names, or else the first of [All].
func Best() (*kernels.Set, error) {
	if name := os.Getenv(EnvImpl); name != "" {
		s, err := ByName(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvImpl, err)
		}
		return s, nil
	}
	return All()[0], nil
}

// ByName returns the set of that name. The error for a name that it does not find lists the
// names that there are, and says why a set of [Missing] is not among them.
func ByName(name string) (*kernels.Set, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	for _, a := range Missing() {
		if a.Name == name {
			return nil, fmt.Errorf("kernel set %q is missing: %s; there are: %s", name, a.Reason, strings.Join(names, ", "))
		}
	}
	return nil, fmt.Errorf("no kernel set %q on this machine%s; there are: %s", name, cli.DidYouMean(name, names), strings.Join(names, ", "))
}

// An Absence is a kernel set that this machine or this build does not offer.
type Absence struct {
	Name   string
	Reason string // as in "this machine lacks AVX512DQ"
}

// Missing returns the sets that are not in [All], and why.
func Missing() []Absence {
	out := missing()
	if len(foreign(nil)) == 0 {
		out = append(out, Absence{"openblas", "built without -tags openblas"})
	}
	return out
}
