//go:build !openblas

package fusegrid

import (
	"io"

	"fusegrid/kernels"
)

// foreign returns no set: this build has no C.
func foreign([]*kernels.Set) []*kernels.Set { return nil }

// EnsureOpenBLAS starts the process anew, once, if OpenBLAS chose kernels too weak
// for this CPU, and says so on stderr. A value of OPENBLAS_CORETYPE that the user
// has set is kept, which a line says if this CPU can run wider vectors. Commands and
// TestMain call it first. Without the build tag openblas it does nothing.
func EnsureOpenBLAS(io.Writer) {}
