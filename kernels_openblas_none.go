//go:build !openblas

package fusegrid

import (
	"io"

	"fusegrid/kernels"
)

// foreign returns no set, because this build has no OpenBLAS.
func foreign([]*kernels.Set) []*kernels.Set { return nil }

// EnsureOpenBLAS restarts the process, once, if OpenBLAS chose kernels that are too weak for this
// CPU, and reports this on stderr. It keeps a value of OPENBLAS_CORETYPE that the user has set, and
// reports on stderr if this CPU supports wider vectors. Commands and TestMain must call it first.
// Without the build tag openblas it does nothing.
func EnsureOpenBLAS(io.Writer) {}
