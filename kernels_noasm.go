//go:build purego || !amd64

package fusegrid

import "fusegrid/kernels"

// native returns the assembly sets of this architecture: none.
func native() []*kernels.Set { return nil }
