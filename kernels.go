// Package fusegrid selects kernel sets. It offers every set that the CPU and the build support,
// fastest first.
package fusegrid

import (
	"fmt"
	"os"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/kernels"
	"fusegrid/kernels/blocked"
	"fusegrid/kernels/reference"
)

// EnvImpl names the environment variable that overrides the choice of [Best].
const EnvImpl = "FUSEGRID_IMPL"

// EnvPacking names the environment variable that says when the set avx2 packs the vectors of large products: first, by
// the first tile of each panel, or before. Without it, the faster way is measured at the first large product. Bits do
// not depend on it.
const EnvPacking = "FUSEGRID_PACKING"

// All returns the kernel sets of this machine and build, fastest first. These are the assembly
// sets, OpenBLAS if it was built in, the plain-Go reference and gonum's BLAS.
func All() []*kernels.Set {
	sets := native()
	sets = append(sets, foreign(sets)...)
	return append(sets, reference.New(), reference.Gonum())
}

// Best returns the set that FUSEGRID_IMPL names, or the first of [All] if the variable is not set.
func Best() (*kernels.Set, error) {
	if err := checkPacking(); err != nil {
		return nil, err
	}
	if name := os.Getenv(EnvImpl); name != "" {
		s, err := ByName(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvImpl, err)
		}
		return s, nil
	}
	return All()[0], nil
}

// checkPacking returns an error if the value of EnvPacking is not one of its values.
func checkPacking() error {
	value := os.Getenv(EnvPacking)
	if value == "" {
		return nil
	}
	if err := new(blocked.Packing).Fix(value); err != nil {
		return fmt.Errorf("%s: %w", EnvPacking, err)
	}
	return nil
}

// ByName returns the set with this name. The error for an unknown name lists the available names.
// If the name is that of a set in [Missing], the error has the reason.
func ByName(name string) (*kernels.Set, error) {
	if err := checkPacking(); err != nil {
		return nil, err
	}
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

// Missing returns the known sets that are not in [All], with the reasons.
func Missing() []Absence {
	out := missing()
	if len(foreign(nil)) == 0 {
		out = append(out, Absence{"openblas", "built without -tags openblas"})
	}
	return out
}
