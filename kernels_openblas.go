//go:build openblas

package fusegrid

import (
	"io"

	"fusegrid/kernels"
	"fusegrid/kernels/openblas"
	"fusegrid/kernels/reference"
)

// foreign returns the OpenBLAS set. Its elementwise kernels are those of the best other set, so
// training on the two differs only in the products.
func foreign(native []*kernels.Set) []*kernels.Set {
	base := reference.New()
	if len(native) > 0 {
		base = native[0]
	}
	return []*kernels.Set{openblas.New(base)}
}

// EnsureOpenBLAS restarts the process, once, if OpenBLAS chose kernels that are too weak for this
// CPU, and reports this on stderr. It keeps a value of OPENBLAS_CORETYPE that the user has set, and
// reports on stderr if this CPU supports wider vectors. Commands and TestMain must call it first.
// Without the build tag openblas it does nothing.
func EnsureOpenBLAS(stderr io.Writer) { openblas.Ensure(stderr) }
