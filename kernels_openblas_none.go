//go:build !openblas

package fusegrid

import (
	"io"

	"fusegrid/kernels"
)

// foreign returns no set, because this build has no OpenBLAS.
func foreign([]*kernels.Set) []*kernels.Set { return nil }

// EnsureOpenBLAS restarts the process once if OpenBLAS chose kernels that are too weak for this
// CPU, and writes a line about it to w. If the user has set OPENBLAS_CORETYPE, it keeps that value,
// and only writes a line if this CPU supports wider vectors. Commands and TestMain must call it
// first. Without the build tag openblas, it does nothing.
func EnsureOpenBLAS(w io.Writer) {}
