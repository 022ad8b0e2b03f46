//go:build openblas

package fusegrid

import (
	"io"

	"fusegrid/kernels"
	"fusegrid/kernels/openblas"
	"fusegrid/kernels/reference"
)

// foreign returns the OpenBLAS set. Its elementwise kernels come from the best other set, so
// trainings with these two sets differ only in the products.
func foreign(native []*kernels.Set) []*kernels.Set {
	base := reference.New()
	if len(native) > 0 {
		base = native[0]
	}
	return []*kernels.Set{openblas.New(base)}
}

// EnsureOpenBLAS restarts the process once if OpenBLAS chose kernels with narrower vectors than
// this CPU supports. If the user has set OPENBLAS_CORETYPE, it keeps that value and does not
// restart. In both cases, it writes a line about such kernels to w. Commands and TestMain must call
// it first. Without the build tag openblas, it does nothing.
func EnsureOpenBLAS(w io.Writer) { openblas.Ensure(w) }
