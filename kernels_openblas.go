//go:build openblas

package fusegrid

import (
	"io"

	"fusegrid/kernels"
	"fusegrid/kernels/openblas"
	"fusegrid/kernels/reference"
)

// foreign returns the OpenBLAS set. Its elementwise kernels are those of the
// best set without it, so that training on the two differs in products alone.
func foreign(native []*kernels.Set) []*kernels.Set {
	base := reference.New()
	if len(native) > 0 {
		base = native[0]
	}
	return []*kernels.Set{openblas.New(base)}
}

// EnsureOpenBLAS starts the process anew, once, if OpenBLAS chose kernels too weak
// for this CPU, and says so on stderr. A value of OPENBLAS_CORETYPE that the user
// has set is kept, which a line says if this CPU can run wider vectors. Commands and
// TestMain call it first. Without the build tag openblas it does nothing.
func EnsureOpenBLAS(stderr io.Writer) { openblas.Ensure(stderr) }
