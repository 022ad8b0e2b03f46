//go:build !openblas

package fusegrid

import (
	"io"

	"fusegrid/kernels"
)

// foreign returns no set, because this build has no OpenBLAS.
func foreign([]*kernels.Set) []*kernels.Set { return nil }

// EnsureOpenBLAS restarts the process once if OpenBLAS chose kernels with narrower vectors than
// this CPU supports. If the user has set OPENBLAS_CORETYPE, it keeps that value and does not
// restart. In both cases, it writes a line about such kernels to w. Commands and TestMain must call
// it first. Without the build tag openblas, it does nothing.
func EnsureOpenBLAS(w io.Writer) {}
