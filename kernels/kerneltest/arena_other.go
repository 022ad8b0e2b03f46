//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package kerneltest

import "bytes"

// newArena returns an arena of n bytes between soft fences. Without memory protection, the suite
// detects writes outside an operand, but no reads.
func newArena(n int) *arena {
	all := bytes.Repeat([]byte{mark}, n+2*window)
	return &arena{all: all, mem: all[window : window+n : window+n], soft: [][]byte{all[:window], all[window+n:]}}
}

func (a *arena) protect(s access) {}

func (a *arena) free() {}

// fenced reports whether arenas have pages that fault.
const fenced = false
